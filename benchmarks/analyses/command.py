"""Published analyses on simulated networks: ``python -m benchmarks analyses [--part NAME,...]``.

Nothing here is a time; every figure depends on the seeds alone (and, in the last digits, on the versions of torch and
numpy). A row has ``measured`` (mean), ``sd`` over seeds, and where something is expected ``expected`` and ``met``.
"""
import importlib

from benchmarks.output import Report
from benchmarks.parts import add_part_arguments, chosen_parts

COLUMNS = ("part", "setting", "quantity", "measured", "sd", "expected", "met", "seeds", "note")
PARTS = ("glm", "embedding", "tokens", "assemblies")


def add_arguments(parser):
    add_part_arguments(parser, PARTS)
    parser.add_argument("--seeds", type=int, default=3, help="networks per row")


def main(options):
    """Returns 0; a figure that misses what is expected of it says so in its row."""
    import torch

    if options.seeds < 1:
        raise ValueError(f"analyses.seeds: is {options.seeds}. At least 1 is expected.")
    names = chosen_parts(options.parts, PARTS, "analyses")
    torch.set_num_threads(1)
    mark = {"preliminary": True} if options.quick else {}
    with Report(COLUMNS, as_json=options.json, save=options.out) as report:
        for name in names:
            measure = importlib.import_module(f"benchmarks.analyses.{name}").rows
            report.add({"part": name, **found, **mark}
                       for found in measure(range(1, 2 if options.quick else options.seeds + 1), options.quick))
    return report.status
