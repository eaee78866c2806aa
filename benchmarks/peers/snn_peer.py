"""This library, measured in the same way as the others. Precision and threads are those of the event-driven engine.

The cache of compiled code starts empty, so that ``compile_s`` is a compilation. ``run_s`` is the engine's own figure
for its time loop, ``outside_s`` what the call took besides building, compiling and the loop (handing over what was
recorded).
"""
import gc
import os
import tempfile
import time

from benchmarks.peers.plastic_weights import moments, sampled
from benchmarks.peers.protocol import RECORDED, Measured, Stopwatch, arguments, private_stdout, serve
from benchmarks.stats import observed

AXONAL = "axonal"
"""Variant: no part of the delay of the synapses that learn lies behind them; by default all of it does."""


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
    """``run(seed)``: describe, warm up, and go on in the same session."""
    import snn
    from benchmarks.networks import MODELS, POPULATION, with_idle_copies
    engine = snn.EventDriven(threads=options.threads or None, dtype=options.precision)
    more, first = {"dendritic": 0.0} if options.variant == AXONAL else {}, []

    def run(seed):
        gc.collect()                             # the session of the seed before may be part of a cycle
        net = with_idle_copies(MODELS[options.model](options.physics, **more), options.idle_copies)
        with snn.start(net, dt=options.dt, seed=seed, engine=engine, progress=False) as simulation:
            warm = simulation.run(options.warm).meta["wall_s"]
            first.append(warm["prepare"])
            start = time.perf_counter()
            with Stopwatch() as watch:
                result = simulation.run(options.duration)
            outside = time.perf_counter() - start - result.meta["wall_s"]["run"]
            extra = {"outside_s": round(outside, 5), "threads_used": result.meta["threads"],
                     **weights(simulation, options.physics)}
        spikes = result.spikes[POPULATION]
        sample, times = spikes.ids < RECORDED, spikes.times - options.warm
        return Measured(build_s=warm["build"], compile_s=first[0], run_s=result.meta["wall_s"]["run"],
                        spikes=len(spikes), other_cpu=watch.other_cpu, extra=extra,
                        **observed(spikes.ids[sample], times[sample], options.duration))

    return run


def weights(simulation, p):
    """Moments of a sample of the weights that learn; nothing for networks without."""
    if getattr(p, "mu", None) is None:
        return {}
    name = next(link.name for link in p.links if link.plastic)
    pre, post = simulation.connections(name)
    return moments(simulation.weights(name)[(pre < sampled(p)) & (post < sampled(p))], p)


if __name__ == "__main__":
    main()
