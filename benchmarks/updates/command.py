"""``python -m benchmarks updates``: nanoseconds per neuron update of every model, ours beside Brian2's.

One population without synapses, every port driven by a number per neuron, dt 0.1 ms, one thread; the models are those
of the catalogue. Brian2's C++ program gets the same map in its own language (``benchmarks.updates.text``). The same run
is made on both sides, so that the spikes and the states at its end must be equal before a figure is shown
(``benchmarks.updates.equality``). Figures are processor time: medians of runs in turns.
"""

import contextlib
import json
import queue
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.environments import missing, peers_dir, python_of
from benchmarks.output import Report
from benchmarks.registry import OURS, PEERS, Side
from benchmarks.runner import Worker, WorkerFailed, environment_variables
from benchmarks.updates import equality
from benchmarks.updates.cases import DT_MS, case, models

SIZES = (4000, 1_000_000)
"""Neurons whose states lie in the second-level cache, and in memory."""
UPDATES, WARM_STEPS = 40_000_000, 100
SHARED_NEURONS = 2_000_000
"""Most neurons of the populations of one program of Brian2's, which writes all their states after every run."""
PRECISIONS = ("float64", "float32")
BRIAN2 = PEERS["brian2-cpp"]
SCRIPTS = {OURS.name: "benchmarks.peers.updates_snn", BRIAN2.name: "benchmarks.peers.updates_brian2"}
COLUMNS = ("model", "n", "rate_hz", "ours_64", "brian2_64", "ratio_64", "ours_32", "brian2_32", "ratio_32", "note")


def add_arguments(parser):
    parser.add_argument("--models", help="comma-separated names; default: all of the catalogue")
    parser.add_argument("--n", type=int, help=f"one size instead of {' and '.join(map(str, SIZES))}")
    parser.add_argument("--repeat", type=int, default=5, help="runs per side")
    parser.add_argument("--updates", type=float, default=UPDATES, help="neuron updates of a timed run")
    parser.add_argument("--share", type=int, default=6, help="most models that Brian2 compiles into one program")
    parser.add_argument("--peers", default=BRIAN2.name, help=f"{BRIAN2.name}, or none for ours alone")
    parser.add_argument("--peers-dir", help="folder of the environments (default: SNN_PEERS or ~/.cache/snn/peers)")
    parser.add_argument("--json", action="store_true", help="one JSON object per row")
    parser.add_argument("--save", metavar="FILE", help="append the rows and a description of the machine to a file")


def main(options):
    """Returns 0, or 1 where something was red or failed."""
    if options.peers not in (BRIAN2.name, BRIAN2.environment, "none"):
        raise ValueError(f"updates.peers: no peer is named {options.peers!r}. There are: {BRIAN2.name}, none.")
    names = list(models(options.models.split(",") if options.models else None))
    with Report(COLUMNS, as_json=options.json, save=options.save) as report:
        for n in [options.n] if options.n else SIZES:
            share = max(1, min(options.share, SHARED_NEURONS // n))
            for first in range(0, len(names), share):
                report.add(measure(names[first : first + share], n, options))
    return report.status


class UpdateWorker(Worker):
    """One side's process for the models of one job; ``run(name)`` is one timed run."""

    def __init__(self, side, folder, job):
        self.side, self._process, self._lines = side, None, queue.Queue()
        self._command = command(side, folder, job)
        self._variables = environment_variables(1)


def command(side, folder, job):
    """Command line of a side's script."""
    return [str(python_of(side.simulator.environment, folder)), "-m", SCRIPTS[side.simulator.name], "--job", str(job)]


def measure(names, n, options):
    """The rows of some models at one size."""
    folder = peers_dir(options.peers_dir)
    absent = None if options.peers == "none" else missing(BRIAN2.environment, folder)
    simulators = [OURS] if options.peers == "none" or absent else [OURS, BRIAN2]
    job = {"cases": [case(name) for name in names], "n": n, "dt": DT_MS, "warm": WARM_STEPS,
           "steps": max(1, round(options.updates / n))}  # fmt: skip
    with contextlib.ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark_updates_")))
        workers, failed = {}, {}
        for side in [Side(simulator, precision) for precision in PRECISIONS for simulator in simulators]:
            path = place / f"{side.precision}.json"
            path.write_text(json.dumps({**job, "precision": side.precision}))
            workers[side] = stack.enter_context(UpdateWorker(side, folder, path))
            with noted(side, failed):
                workers[side].start()
        rows = [row_of(c, job, *collect(c["name"], workers, dict(failed), options.repeat)) for c in job["cases"]]
    return [{**row, "peer": absent} for row in rows] if absent else rows


@contextlib.contextmanager
def noted(side, failed):
    """A side that fails is set down in ``failed``; the others go on."""
    try:
        yield
    except WorkerFailed as error:
        failed[side] = str(error)


def collect(name, workers, failed, repeat):
    """``(runs, failed)`` of one model: side -> its answers, in turns."""
    runs = {side: [] for side in workers}
    for _ in range(repeat):
        for side, worker in workers.items():
            if side not in failed:
                with noted(side, failed):
                    runs[side].append(worker.run(name))
                    print(f"{name}, {side}: {runs[side][-1]['run_s']:.4g} s", file=sys.stderr, flush=True)
    return runs, failed


def row_of(case, job, runs, failed):
    """Figures of one model, or what differs."""
    row, updates = {"model": case["name"], "n": job["n"], "steps": job["steps"]}, job["n"] * job["steps"]
    if failed:
        return {**row, "failed": "; ".join(failed.values())}
    for side in runs:
        if red := difference(case, side, runs):
            return {**row, "red": f"{side}: {red}"}
    spikes = runs[Side(OURS, "float64")][0]["spikes"]
    row["rate_hz"] = round(spikes / updates / DT_MS * 1000.0, 2)
    for side, answers in runs.items():
        key = f"{'ours' if side.simulator is OURS else 'brian2'}_{side.precision[-2:]}"
        row[key] = float(f"{statistics.median(run['run_s'] for run in answers) / updates * 1e9:.3g}")
    for bits in (64, 32):
        if f"brian2_{bits}" in row:
            row[f"ratio_{bits}"] = float(f"{row[f'brian2_{bits}'] / row[f'ours_{bits}']:.3g}")
    return row


def difference(case, side, runs):
    """What a side computed otherwise than ours in its precision did, or ours in single than in double precision."""
    ours = runs[Side(OURS, "float64" if side.simulator is OURS else side.precision)][0]
    if case["text"]["threshold"] and not ours["spikes"]:
        return "no spikes, the drive is too weak"
    precision = "float32" if side.simulator is OURS else side.precision
    return equality.difference(ours, runs[side][0], precision, random="rand" in case["text"]["update"])
