"""This library, measured in the same way as the others. Precision and threads are those of the event-driven engine.

The cache of compiled code starts empty, so that ``compile_s`` is a compilation. ``run_s`` is the engine's own figure
for its time loop, ``outside_s`` what the call took besides building, compiling and the loop (handing over what was
recorded).
"""
import os
import tempfile
import time

from benchmarks.peers.protocol import RECORDED, Measured, Stopwatch, arguments, private_stdout, serve
from benchmarks.stats import observed


def main():
    stdout = private_stdout()
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="benchmark_snn_") as folder:
        os.environ["SNN_CACHE_DIR"] = folder
        serve(options, make_run(options), version=version(), stdout=stdout)


def version():
    import snn
    return snn.__version__


def make_run(options):
    """``run(seed)``: describe, warm up, and go on from the state reached."""
    import snn
    from benchmarks.networks import MODELS, POPULATION, with_idle_copies
    engine = snn.EventDriven(threads=options.threads or None, dtype=options.precision)
    first = []

    def run(seed):
        net = with_idle_copies(MODELS[options.model](options.physics), options.idle_copies)
        how = dict(dt=options.dt, seed=seed, engine=engine, progress=False)
        warm = snn.simulate(net, options.warm, record=[], **how)
        first.append(warm.meta["wall_s"]["prepare"])
        start = time.perf_counter()
        with Stopwatch() as watch:
            result = snn.simulate(net, options.duration, state=warm.state, **how)
        wall, spikes = result.meta["wall_s"], result.spikes[POPULATION]
        sample, times = spikes.ids < RECORDED, spikes.times - options.warm
        outside = time.perf_counter() - start - sum(wall.values())
        return Measured(build_s=wall["build"], compile_s=first[0], run_s=wall["run"], spikes=len(spikes),
                        other_cpu=watch.other_cpu, **observed(spikes.ids[sample], times[sample], options.duration),
                        extra={"outside_s": round(outside, 5), "threads_used": result.meta["threads"]})

    return run


if __name__ == "__main__":
    main()
