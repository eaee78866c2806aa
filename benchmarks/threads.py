"""``python -m benchmarks threads``: our engine with one thread, with two, and with the number that it picks itself.

The three are run in turn from the same state, so that they compute the same spikes; equality is checked in every
turn. Single precision, no recording beyond spikes; medians.
"""
import statistics

from benchmarks.networks import network
from benchmarks.output import emit
from benchmarks.registry import MODELS

CHOICES = {"one_s": 1, "two_s": 2, "picked_s": None}
SIZES = {"cuba": (4000, 64000), "coba": (4000, 64000), "brunel": (12500,)}
WARM_MS, DT_MS = 100.0, 0.1
COLUMNS = ("model", "n", "one_s", "two_s", "picked_s", "speedup_two", "threads_picked", "speedup_picked", "runs")


def add_arguments(parser):
    parser.add_argument("--only", choices=sorted(MODELS), help="one network")
    parser.add_argument("--repeat", type=int, default=7, help="runs of each")
    parser.add_argument("--seed", type=int, default=2, help="of the network (some COBA networks fall silent)")
    parser.add_argument("--json", action="store_true", help="one JSON object per row")
    parser.add_argument("--save", metavar="FILE", help="append the rows and a description of the machine to a file")


def main(options):
    chosen = [options.only] if options.only else SIZES
    rows = [compare(model, n, options.repeat, options.seed) for model in chosen for n in SIZES[model]]
    return emit(rows, COLUMNS, as_json=options.json, save=options.save)


def compare(model, n, repeat, seed):
    """One row; RuntimeError where the number of threads changes a spike."""
    net, duration = network(model, n), MODELS[model].duration(n)
    state = _run(net, WARM_MS, seed, 1).state
    times = {name: [] for name in CHOICES}
    for _ in range(repeat):
        results = {name: _run(net, duration, seed, threads, state) for name, threads in CHOICES.items()}
        first = results["one_s"]
        for name, result in results.items():
            if any(result.spikes[p] != first.spikes[p] for p in first.spikes):
                raise RuntimeError(f"threads: {model} {n}: spikes differ between one thread and {name}")
            times[name].append(result.meta["wall_s"]["run"])
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {"model": model, "n": n, **{name: float(f"{s:.4g}") for name, s in medians.items()},
            "speedup_two": round(medians["one_s"] / medians["two_s"], 2),
            "threads_picked": results["picked_s"].meta["threads"],
            "speedup_picked": round(medians["one_s"] / medians["picked_s"], 2), "runs": repeat}


def _run(net, duration, seed, threads, state=None):
    import snn
    engine = snn.EventDriven(threads=threads, dtype="float32")
    return snn.simulate(net, duration, dt=DT_MS, seed=seed, engine=engine, state=state, progress=False)
