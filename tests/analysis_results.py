"""A made-up result with one of everything that exporters meet, and what it means that two results are the same."""
import numpy as np

from snn.result import Result
from snn.spikes import Spikes
from snn.traces import Trace, Weights

DT, STEPS, FIRST = 0.1, 4000, 7000
META = {"dt": DT, "seed": 3, "duration": STEPS * DT, "start": FIRST * DT, "complete": True, "engine": "event-driven",
        "network": {"name": "made", "populations": {"exc": 40}}, "versions": {"numpy": np.__version__}}


def made_result(seed=0, *, rate=0.02):
    """Two populations (one silent) over 400 ms from 700 ms on; even, gappy, short and empty traces; weights."""
    draw = np.random.default_rng(seed)
    steps, ids = np.nonzero(draw.random((STEPS, 40)) < rate)
    spikes = {"exc": Spikes((FIRST + steps + 1) * DT, ids, 40, STEPS * DT, FIRST * DT),
              "inh": Spikes([], [], 3, STEPS * DT, FIRST * DT)}
    even = np.arange(FIRST // 5 + 1, FIRST // 5 + 801) * 5 * DT
    gappy = np.r_[FIRST + 1:FIRST + 21, FIRST + 200:FIRST + 231] * DT
    traces = {("exc", "v"): Trace(even, [5, 2, 39], draw.normal(-60, 5, (800, 3)), "mV", "exc", "v"),
              ("exc", "g"): Trace(gappy, [7], draw.normal(5, 1, (51, 1)).astype(np.float32), "nS", "exc", "g"),
              ("exc", "mean.rate"): Trace(even[:1], [0], draw.normal(5, 1, (1, 1)), "1/ms", "exc", "mean.rate"),
              ("inh", "x"): Trace([], [0, 1], np.empty((0, 2)), "", "inh", "x")}
    pre, post = np.array([0, 0, 3]), np.array([1, 2, 0])
    weights = {"e_e": Weights("e_e", pre, post, [1100.0], draw.normal(size=(1, 3)), "mV"),
               "e_e.trace": Weights("e_e", pre, post, [800.0, 900.0, 1000.0], draw.normal(size=(3, 3)), "", "trace")}
    return Result(spikes=spikes, traces=traces, weights=weights, meta=dict(META))


def assert_same(a, b):
    """Everything recorded is the same bit for bit, types included."""
    assert a.meta == b.meta
    assert dict(a.spikes) == dict(b.spikes)
    assert set(a.traces) == set(b.traces) and set(a.weights) == set(b.weights)
    for part in ("traces", "weights"):
        for key, table in getattr(a, part).items():
            assert_same_table(table, getattr(b, part)[key])


def assert_same_table(x, y):
    """Two Traces or two Weights are the same bit for bit."""
    for name in vars(x):
        one, two = getattr(x, name), getattr(y, name)
        if isinstance(one, np.ndarray):
            assert one.dtype == two.dtype and one.shape == two.shape and one.tobytes() == two.tobytes(), name
        else:
            assert one == two, name


class Stream:
    """Spikes of ``n`` neurons, one each 0.01 ms, that are made block by block: what a result in a large file is."""

    def __init__(self, total, n):
        self.total, self.n, self.start, self.duration = total, n, 0.0, (total // 10 + 1) * DT
        self.end = self.duration

    def __len__(self):
        return self.total

    def blocks(self, count=1 << 14):
        for first in range(0, self.total, 1 << 14):
            k = np.arange(first, min(first + (1 << 14), self.total))
            yield (k // 10 + 1) * DT, (k // 10 * 7 + k % 10) % self.n
