"""``python -m benchmarks recording``: what recording to an archive costs, and what a kill costs it.

    overhead  run time of the conductance network with all spikes streamed to a file, kept in memory, not recorded
    memory    peak memory of a run, and of one ten times as long, streamed and kept
    rate      spikes/s and MB/s that an archive takes, beside what the disk takes
    slice     time to read one neuron's trace out of a large archive
    kills     archives whose writers were killed at random moments: what is lost

A part is a module of this folder with ``measure(options)``, which gives rows (dicts), and ``COLUMNS``. Where what was
recorded differs from what happened, ``measure`` raises RuntimeError and the part has no figures.
"""
import importlib
import tempfile

from benchmarks.output import table
from benchmarks.parts import Tables, add_part_arguments, chosen_parts

PARTS = ("overhead", "memory", "rate", "slice", "kills")


def add_arguments(parser):
    add_part_arguments(parser, PARTS)
    parser.add_argument("--runs", type=int, default=5, help="timed runs per side (overhead, rate)")
    parser.add_argument("--gigabytes", type=float, default=10.0, help="data in each of the large archives (slice)")
    parser.add_argument("--kills", type=int, default=100, help="writers killed (kills)")
    parser.add_argument("--folder", help="where the archives are written and removed again; default: a temporary one")


def main(options):
    """Returns 0, or 1 where something was red or failed."""
    for name in ("runs", "kills", "gigabytes"):
        if not getattr(options, name) > 0:
            raise ValueError(f"recording.{name}: is {getattr(options, name)}. A number above 0 is expected.")
    with Tables(as_json=options.json, save=options.out) as report:
        for part in chosen_parts(options.parts, PARTS, "recording"):
            with tempfile.TemporaryDirectory(dir=options.folder) as folder:
                run_part(part, options, folder, report)
    return report.status


def run_part(part, options, folder, report):
    """Measure one part; rows are handed on as they come."""
    module = importlib.import_module(f"benchmarks.recording.{part}")
    report.begin(part, lambda rows: table(rows, module.COLUMNS))
    try:
        for row in module.measure(options, folder):
            report.add([{**row, "quick": True} if options.quick else row])
    except RuntimeError as error:
        report.add([{"red": str(error)}])
    report.end()
