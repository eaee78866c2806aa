"""``python -m benchmarks oscillators``: what populations of oscillators do against theory, and what they cost.

A part is a module of this folder with ``measure(*, seeds, runs, quick)``, which gives rows (dicts), and ``COLUMNS``.
Where the equality of a part is red, ``measure`` raises RuntimeError and the part has no figures.
"""
import importlib

from benchmarks.output import Report, table
from benchmarks.plasticity.command import Tables

PARTS = ("order", "hysteresis", "schemes", "speed")


def add_arguments(parser):
    parser.add_argument("--part", dest="parts", default=",".join(PARTS), metavar="NAME",
                        help=f"comma-separated, of: {', '.join(PARTS)}")
    parser.add_argument("--runs", type=int, default=5, help="timed runs per side (schemes, speed)")
    parser.add_argument("--seeds", type=int, default=3, help="populations per row (order)")
    parser.add_argument("--device", help="also the clocked engine and torch on this device (speed), for instance cuda")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that all works; rows say so")
    parser.add_argument("--json", action="store_true", help="one JSON object per row")
    parser.add_argument("--out", metavar="FILE", help="append the rows and a description of the machine to a file")


def main(options):
    """Returns 0, or 1 where something was red or failed."""
    for name in ("runs", "seeds"):
        if getattr(options, name) < 1:
            raise ValueError(f"oscillators.{name}: is {getattr(options, name)}. At least 1 is expected.")
    with Tables(as_json=options.json, save=options.out) as report:
        for part in chosen_parts(options.parts):
            run_part(part, options, report)
    return report.status


def chosen_parts(text):
    parts = [name for name in text.split(",") if name]
    for name in parts:
        if name not in PARTS:
            raise ValueError(f"oscillators.part: there is no part {name!r}. There are: {', '.join(PARTS)}.")
    return parts


def run_part(part, options, report: Report):
    """Measure one part; rows are handed on as they come."""
    module = importlib.import_module(f"benchmarks.oscillators.{part}")
    report.begin(part, lambda rows: table(rows, module.COLUMNS))
    how = {"device": options.device} if part == "speed" else {}
    try:
        for row in module.measure(seeds=options.seeds, runs=options.runs, quick=options.quick, **how):
            report.add([{**row, "quick": True} if options.quick else row])
    except RuntimeError as error:
        report.add([{"red": str(error)}])
    report.end()
