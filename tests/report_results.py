"""Results for tests of reports, pictures and films."""
import numpy as np

from snn.result import Result
from snn.spikes import Spikes
from snn.traces import Trace, Weights


def poisson(n, rate, duration, *, dt=0.1, seed=0, start=0.0):
    """Independent neurons that fire in each step with the same probability."""
    rng = np.random.default_rng([n, seed])
    steps, ids = np.nonzero(rng.random((round(duration / dt), n)) < rate * dt / 1000.0)
    return Spikes(start + (steps + 1) * dt, ids, n, duration, start)


def example(duration=400.0):
    """Two populations with traces, phases, weights and everything that a run says about itself."""
    rng, times = np.random.default_rng(3), np.arange(1, 401) * 1.0
    phases = 0.05 * times[:, None] + rng.normal(0, 0.5, (1, 30))
    weights = rng.normal(5.0, 1.0, (21, 500)).cumsum(axis=0) / 4
    traces = {("exc", "v"): Trace(times, range(10), rng.normal(-60, 2, (400, 10)), "mV", "exc", "v"),
              ("osc", "mean.sin"): Trace(times, [0], np.sin(phases).mean(axis=1)[:, None], "1", "osc", "mean.sin"),
              ("osc", "mean.cos"): Trace(times, [0], np.cos(phases).mean(axis=1)[:, None], "1", "osc", "mean.cos"),
              ("other", "theta"): Trace(times, range(30), phases, "rad", "other", "theta")}
    network = {"name": "two & more",
               "populations": {"exc": {"model": "LIF", "n": 200}, "inh": {"model": "LIF", "n": 50}},
               "projections": {"exc_inh": {"pre": "exc", "post": "inh", "port": "exc", "synapses": 5000,
                                           "delay": [10, 20]}}}
    meta = {"dt": 0.1, "seed": 7, "duration": duration, "start": 0.0, "complete": True, "interrupted": False,
            "engine": "EventDriven()", "threads": 2, "network": network, "plan": "Plan('two & more')",
            "versions": {"snn": "0.1.0", "numpy": "2.0"}, "wall_s": {"build": 0.1, "run": 0.5}}
    table = Weights("exc_inh", range(500), range(500), np.arange(21) * 20.0, weights, "nS")
    return Result({"exc": poisson(200, 20.0, duration), "inh": poisson(50, 40.0, duration)}, traces,
                  {"exc_inh": table}, meta=meta)
