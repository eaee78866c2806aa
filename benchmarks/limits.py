"""``python -m benchmarks limits``: what an event and an update cost us, beside what the machine allows.

Two limits are measured: adding 4 bytes at random places of a population-sized array (no synaptic event can be cheaper
while its target is written), and reading, changing and writing the state once (no neuron update can be cheaper). Our
two costs come from runs of one network with idle copies of its synapses: with weight 0 they make events and change no
spike. The seconds of all runs are fitted as ``u * updates + e * events``, least squares of the relative error; what a
spike costs besides its events is in ``e``, what a step costs besides its updates (and a Poisson drive) in ``u``.
"""
import contextlib
import statistics

import numpy as np

from benchmarks.environments import peers_dir
from benchmarks.output import Report
from benchmarks.physics import PHYSICS
from benchmarks.registry import MODELS
from benchmarks.runner import Sitting, Worker
from benchmarks.simulation import OURS_SINGLE, reference_check

COPIES = {"cuba": (0, 2, 6), "coba": (0, 2, 6), "brunel": (0, 1, 2)}
STATE_ROWS = {"cuba": 4, "coba": 4, "brunel": 2}
"""Float32 values that the model's state holds per neuron."""
SIZES = (4000, 12500, 16000, 64000, 256000, 1000000)
COLUMNS = ("what", "n", "ns", "limit_ns", "times_limit", "share", "fit_error", "rows", "note")


def add_arguments(parser):
    parser.add_argument("--only", choices=sorted(MODELS), help="one network")
    parser.add_argument("--n", type=int, help="one size instead of the listed ones")
    parser.add_argument("--repeat", type=int, default=5, help="runs per number of copies")
    parser.add_argument("--machine-only", action="store_true", help="the machine's limits without our own runs")
    parser.add_argument("--json", action="store_true", help="one JSON object per row")
    parser.add_argument("--save", metavar="FILE", help="append the rows and a description of the machine to a file")


def main(options):
    with Report(COLUMNS, as_json=options.json, save=options.save) as report:
        report.add(machine_rows([options.n] if options.n else SIZES))
        for model in [] if options.machine_only else [options.only] if options.only else MODELS:
            if (red := reference_check(model, 1)) is not None:
                report.add([{"what": model, "red": f"spikes differ from the reference: {red}"}])
                continue
            for n in [options.n] if options.n else MODELS[model].sizes:
                report.add(own_rows(model, n, options.repeat))
    return report.status


def machine_rows(sizes):
    from benchmarks.limits_kernels import ns_per_add, ns_per_update
    rows = []
    for n in sizes:
        rows += [{"what": "random add", "n": n, "ns": ns_per_add(n)},
                 {"what": "random add, own weight", "n": n, "ns": ns_per_add(n, own_weight=True)},
                 {"what": "add in ascending rows of 80", "n": n, "ns": ns_per_add(n, row=80)},
                 *({"what": "streamed update", "n": n, "rows": k, "ns": ns_per_update(n, k)} for k in (1, 2, 4))]
    return rows


def own_rows(model, n, repeat):
    """Our cost per event and per update of one network, beside the limits at its size."""
    from benchmarks.limits_kernels import ns_per_add, ns_per_update
    job = {"model": model, "n": n, "duration": MODELS[model].duration(n), "warm": 100.0, "dt": 0.1, "threads": 1}
    with contextlib.ExitStack() as stack:
        workers = {copies: stack.enter_context(Worker(OURS_SINGLE, {**job, "idle_copies": copies}, peers_dir()))
                   for copies in COPIES[model]}
        sitting = Sitting(workers)
        sitting.collect(list(workers), repeat)
    if sitting.failed:
        return [{"what": model, "n": n, "failed": "; ".join(map(str, sitting.failed.values()))}]
    spikes = {copies: [run["spikes"] for run in runs] for copies, runs in sitting.runs.items()}
    if any(found != spikes[0] for found in spikes.values()):
        return [{"what": model, "n": n, "red": "synapses of weight 0 changed the spikes"}]
    events = statistics.mean(spikes[0]) * PHYSICS[model](n).in_degree
    points = [(n * job["duration"] / job["dt"], events * (1 + copies), statistics.median(run["run_s"] for run in runs))
              for copies, runs in sitting.runs.items()]
    (update_ns, event_ns), error = fit(points)
    share = events * event_ns * 1e-9 / points[0][2]
    limits = ns_per_add(n), ns_per_update(n, STATE_ROWS[model])
    return [with_limit({"what": f"{model}: synaptic event", "n": n, "ns": event_ns, "share": share, "fit_error": error},
                       limits[0]),
            with_limit({"what": f"{model}: neuron update", "n": n, "ns": update_ns, "share": 1 - share,
                        "fit_error": error}, limits[1])]


def fit(points):
    """ns per update and per event from [(updates, events, seconds)], and the largest relative error of the fit."""
    updates, events, seconds = np.array(points, np.float64).T
    design = np.stack([updates, events], axis=1) / seconds[:, None]
    costs, *_ = np.linalg.lstsq(design, np.ones(len(points)), rcond=None)
    return costs * 1e9, float(np.abs(design @ costs - 1.0).max())


def with_limit(row, limit):
    return {**row, "limit_ns": limit, "times_limit": row["ns"] / limit}
