"""``python -m benchmarks training``: one step of forward, backward and Adam, ours beside the peers'.

Every side gets the same weights and the same input. First each does the step once, in double and in single precision:
output spikes must be equal and gradients too (``equality``). Then one process per side stays alive and the repetitions
are taken in turns; a row has the median, and its ratio to ours in the same sitting.
"""
import sys
import tempfile

from benchmarks.environments import missing, peers_dir
from benchmarks.output import Report
from benchmarks.training.equality import CheckFailed, verdicts
from benchmarks.training.rows import COLUMNS, memory_growth, rows_of
from benchmarks.training.sitting import MALLOCS, collect
from benchmarks.training.tasks import OURS, TASKS, chosen_sides, chosen_tasks


def add_arguments(parser):
    parser.add_argument("--only", metavar="NAME", help=f"one task, or all whose names begin so: {', '.join(TASKS)}")
    parser.add_argument("--runs", type=int, default=5, help="timed repetitions per side; below 5 the rows say so")
    parser.add_argument("--threads", type=int, default=2, help="of every side")
    parser.add_argument("--malloc", choices=sorted(MALLOCS), help="one setting of the allocator, on every side")
    parser.add_argument("--peers", help="comma-separated; none for ours beside a loop in torch (default: all that "
                                        "need no compilation of minutes)")
    parser.add_argument("--peers-dir", help="folder of the environments (default: SNN_PEERS or ~/.cache/snn/peers)")
    parser.add_argument("--json", action="store_true", help="one JSON object per row")
    parser.add_argument("--save", metavar="FILE", help="append the rows and a description of the machine to a file")


def main(options):
    """Returns 0, or 1 where something was red or failed."""
    for name in ("runs", "threads"):
        if getattr(options, name) < 1:
            raise ValueError(f"training.{name}: is {getattr(options, name)}. At least 1 is expected.")
    tasks = chosen_tasks(options.only)
    for task in tasks:
        chosen_sides(task, options.peers)
    with Report(COLUMNS, as_json=options.json, save=options.save) as report:
        for task in tasks:
            report.add(measure(task, options))
        report.add(memory_growth(report.rows))
    return report.status


def measure(task, options):
    """All rows of one task."""
    folder = peers_dir(options.peers_dir)
    chosen = chosen_sides(task, options.peers)
    absent = {side: reason for side in chosen if side.environment and (reason := missing(side.environment, folder))}
    sides = [side for side in chosen if side not in absent]
    with tempfile.TemporaryDirectory(prefix="benchmark_training_") as place:
        try:
            found = verdicts(task, sides, options, folder, place)
        except CheckFailed as error:
            return [{"task": task.name, "side": OURS.name, "failed": str(error)}]
    rows = []
    for malloc in mallocs(task, options):
        green = [side for side in sides if found[side].red is None] if found[OURS].red is None else []
        runs, failed = collect(green, task.shape, options, folder, malloc,
                               say=lambda text: print(f"{task.name}: {text}", file=sys.stderr, flush=True))
        rows += rows_of(task, sides, found, runs, failed, malloc, options.threads)
    return rows + [{"task": task.name, "side": side.name, "skipped": reason} for side, reason in absent.items()]


def mallocs(task, options):
    """The settings of the allocator that a task is measured with."""
    if options.malloc:
        return (options.malloc,)
    return ("default", "tuned") if task.tuned else ("default",)
