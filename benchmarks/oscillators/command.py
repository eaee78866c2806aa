"""``python -m benchmarks oscillators``: what populations of oscillators do against theory, and what they cost.

A part is a module of this folder with ``measure(*, seeds, runs, quick)``, which gives rows (dicts), and ``COLUMNS``.
Where the equality of a part is red, ``measure`` raises RuntimeError and the part has no figures.
"""
import importlib

from benchmarks.output import table
from benchmarks.parts import Tables, add_part_arguments, chosen_parts

PARTS = ("order", "hysteresis", "schemes", "speed")


def add_arguments(parser):
    add_part_arguments(parser, PARTS)
    parser.add_argument("--runs", type=int, default=5, help="timed runs per side (schemes, speed)")
    parser.add_argument("--seeds", type=int, default=3, help="populations per row (order)")
    parser.add_argument("--device", help="also the clocked engine and torch on this device (speed), for instance cuda")


def main(options):
    """Returns 0, or 1 where something was red or failed."""
    for name in ("runs", "seeds"):
        if getattr(options, name) < 1:
            raise ValueError(f"oscillators.{name}: is {getattr(options, name)}. At least 1 is expected.")
    with Tables(as_json=options.json, save=options.out) as report:
        for part in chosen_parts(options.parts, PARTS, "oscillators"):
            run_part(part, options, report)
    return report.status


def run_part(part, options, report):
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
