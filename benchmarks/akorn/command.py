"""``python -m benchmarks akorn``: vector oscillators (AKOrN) beside networks of equal size.

A part is a module of this folder with ``measure(*, seeds, updates, boards, quick, say)``, which gives rows (dicts) as
they come, and ``table(rows)``. ``updates`` None means as the part sees fit; ``say(text)`` tells how far it is.
"""
import importlib
import sys

from benchmarks.parts import Tables, add_part_arguments, chosen_parts

PARTS = ("sudoku", "objects")


def add_arguments(parser):
    add_part_arguments(parser, PARTS)
    parser.add_argument("--seeds", type=int, default=3, help="trained networks per row")
    parser.add_argument("--updates", type=int, help="training budget per network, in updates; None: as the part says")
    parser.add_argument("--boards", default="4x4", help="comma-separated (sudoku), of: 4x4, 4x4-half, 6x6, 9x9")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")


def main(options):
    """Returns 0, or 1 where something was red or failed."""
    for name in ("seeds", "updates", "threads"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ValueError(f"akorn.{name}: is {value}. At least 1 is expected.")
    parts = chosen_parts(options.parts, PARTS, "akorn")
    import torch
    before = torch.get_num_threads()
    torch.set_num_threads(options.threads)
    try:
        with Tables(as_json=options.json, save=options.out) as report:
            for name in parts:
                run_part(name, options, report)
    finally:
        torch.set_num_threads(before)
    return report.status


def run_part(name, options, report):
    """Measure one part; rows are handed on as they come, so that a sitting that is cut off keeps what it had."""
    module = importlib.import_module(f"benchmarks.akorn.{name}")
    mark = {"preliminary": True} if options.quick else {}
    report.begin(name, module.table)
    try:
        for row in module.measure(seeds=options.seeds, updates=options.updates, boards=options.boards,
                                  quick=options.quick, say=say):
            report.add([{**row, **mark}])
    except RuntimeError as error:
        report.add([{"red": str(error)}])
    report.end()


def say(text):
    """How far a part is: on a terminal, or in a log of errors."""
    print(text, file=sys.stderr, flush=True)
