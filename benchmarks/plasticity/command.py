"""``python -m benchmarks plasticity``: learning networks, ours beside NEST and Brian2, and what they learn.

A part is a module of this folder with ``measure(*, seeds, quick)``, which gives rows (dicts), and ``table(rows)``. Its
own equality comes first: where that is red, ``measure`` raises RuntimeError and the part has no figures.
"""
import importlib

from benchmarks.parts import Tables, add_part_arguments, chosen_parts

PARTS = ("speed", "memory", "windows", "weights", "dense", "digits", "cam", "memories", "disinhibitory")


def add_arguments(parser):
    add_part_arguments(parser, PARTS)
    parser.add_argument("--runs", type=int, default=5, help="timed runs per side (speed); below 5 the rows say so")
    parser.add_argument("--seeds", type=int, default=3, help="networks per row (the other parts)")
    parser.add_argument("--peers", default="nest,brian2-cpp", help="comma-separated (speed); none for ours alone")
    parser.add_argument("--peers-dir", help="folder of the environments (default: SNN_PEERS or ~/.cache/snn/peers)")


def main(options):
    """Returns 0, or 1 where something was red or failed."""
    for name, least in (("runs", 3), ("seeds", 1)):
        if getattr(options, name) < least:
            raise ValueError(f"plasticity.{name}: is {getattr(options, name)}. At least {least} is expected.")
    with Tables(as_json=options.json, save=options.out) as report:
        for part in chosen_parts(options.parts, PARTS, "plasticity"):
            run_part(part, options, report)
    return report.status


def run_part(part, options, report):
    """Measure one part; rows are handed on as they come, so that a sitting that is cut off keeps what it had."""
    module = importlib.import_module(f"benchmarks.plasticity.{part}")
    how = {"seeds": options.seeds, "quick": options.quick}
    if part == "speed":
        how.update(runs=options.runs, peers=options.peers, peers_dir=options.peers_dir)
    report.begin(part, module.table)
    try:
        for row in module.measure(**how):
            report.add([row])
    except RuntimeError as error:
        report.add([{"red": str(error)}])
    report.end()
