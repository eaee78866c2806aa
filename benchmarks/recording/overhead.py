"""What streaming all spikes costs a run: the conductance network of 64,000 neurons, with its spikes streamed to a file,
kept in memory and not recorded, in turn. Time is that of the run, without building the network.
"""
import os
import statistics
import time

import snn
from benchmarks.networks import POPULATION, network

COLUMNS = ("what", "dtype", "n", "model_ms", "spikes", "run_s", "times", "min_s", "max_s", "bytes_per_spike")
SIDES = ("not recorded", "memory", "file")


def measure(options, folder):
    """Rows of all sides in both precisions; RuntimeError while the file holds other spikes than the memory."""
    n, duration, runs = (2000, 50.0, 2) if options.quick else (64000, 1000.0, options.runs)
    path = os.path.join(folder, "run.h5")
    net = network("coba", n)
    for dtype in ("float64", "float32"):
        took = {side: [] for side in SIDES}
        for k in range(runs + 1):                               # the first one compiles
            results = {}
            for side in SIDES:
                results[side], seconds = timed(net, duration, dtype, side, path)
                took[side] += [seconds] if k else []
            check(results)
        spikes = len(results["memory"].spikes[POPULATION])
        base = statistics.median(took["not recorded"])
        for side in SIDES:
            median = statistics.median(took[side])
            yield {"what": side, "dtype": dtype, "n": n, "model_ms": duration, "spikes": spikes, "run_s": median,
                   "times": median / base, "min_s": min(took[side]), "max_s": max(took[side]),
                   **({"bytes_per_spike": os.path.getsize(path) / max(spikes, 1)} if side == "file" else {})}


def timed(net, duration, dtype, side, path):
    """A run and its seconds, of which building the network is no part."""
    start = time.perf_counter()
    result = snn.simulate(net, duration, dt=0.1, seed=1, engine=snn.EventDriven(dtype=dtype), overwrite=True,
                          record=[] if side == "not recorded" else None, to=path if side == "file" else None)
    wall = result.meta["wall_s"]
    return result, time.perf_counter() - start - wall["build"] - wall["prepare"]


def check(results):
    kept, streamed = results["memory"].spikes[POPULATION], results["file"].spikes[POPULATION]
    if not len(kept) or kept != streamed:
        raise RuntimeError(f"{len(streamed)} spikes in the file, others than the {len(kept)} in memory")
