"""Small networks that every engine must run alike, and how they are run and compared."""

import functools
from dataclasses import dataclass

import numpy as np

import snn
from snn import neurons
from snn.contract import Neuron

DT = 0.1
CURRENT = {neurons.Izhikevich: 10.0, neurons.ResonateFire: 0.5}  # pA elsewhere
RANDOM_DELAYS = snn.Normal(1.5, 1.0, low=0.2, high=5.0).grid(DT)


@dataclass(frozen=True)
class Case:
    """A network, what of it is recorded beside all spikes, and who must fire in it."""

    net: snn.Network
    record: tuple = ()
    fires: tuple = ()
    duration: float = 25.0

    @property
    def requests(self):
        return [*(snn.RecordSpikes(name) for name in self.net.populations), *self.record]


def run(case, engine, duration=None, **options):
    """Simulate a case (or a network) with spikes and the case's traces recorded."""
    options = {"dt": DT, "seed": 3, "progress": False, "record": case.requests, **options}
    return snn.simulate(case.net, duration or case.duration, engine=engine, **options)


@functools.cache
def case(name):
    return CASES[name]()


@functools.cache
def truth(name):
    """The case ``name`` as the reference runs it."""
    return run(case(name), snn.Reference())


def assert_same(a, b, *, traces=True):
    """Spikes, and traces where asked, are equal bit for bit."""
    assert set(a.spikes) == set(b.spikes)
    for name in a.spikes:
        x, y = a.spikes[name], b.spikes[name]
        same = x.n == y.n and x.times.tobytes() == y.times.tobytes() and x.ids.tobytes() == y.ids.tobytes()
        assert same, f"spikes of {name}: {x} and {y}"
    for key in a.traces if traces else ():
        assert a.traces[key].data.tobytes() == b.traces[key].data.tobytes(), f"traces of {key}"
        assert a.traces[key].times.tobytes() == b.traces[key].times.tobytes()


def assert_same_state(a, b):
    """Two checkpoints are equal bit for bit, except that one may know more states than the other."""
    assert (a.step, a.summary) == (b.step, b.summary)
    for name, mine in a.populations.items():
        other = b.populations[name]
        for group in ("values", "inputs", "shown"):
            x, y = getattr(mine, group), getattr(other, group)
            for key in x.keys() & y.keys():
                np.testing.assert_array_equal(x[key], y[key], err_msg=f"{name}.{group}.{key}")
        for key in ("spike_steps", "spike_ids", "elapsed", "busy"):
            np.testing.assert_array_equal(getattr(mine, key), getattr(other, key), err_msg=f"{name}.{key}")


def spike_source(n=40, duration=25.0, count=120, seed=7):
    """A source of given spikes: off the grid, several of one neuron within a step, one at 0."""
    rng = np.random.default_rng(seed)
    times = np.concatenate([rng.uniform(0.0, duration, count), [0.0, 5.0, 5.0, 5.01, 5.02]])
    ids = np.concatenate([rng.integers(0, n, count), [1, 2, 2, 2, 3]])
    return neurons.SpikeSource(snn.Spikes(times, ids, n, duration))


def delta(n=300):
    """Recurrent LIF: self-connections, multiple edges, one delay and a delay per synapse on the same port."""
    net = snn.Network("delta")
    a = net.add("a", neurons.LIF(t_ref=spread(n, 1.0, 2.0)), n, init={"v": snn.Uniform(-70.0, -55.0)})
    net.connect(a, a, snn.FixedInDegree(20, multi_edges=True), port="delta", weight=0.4, delay=1.5)
    net.connect(a, a, snn.FixedTotal(900), port="delta", weight=snn.Normal(-0.5, 0.2), delay=RANDOM_DELAYS)
    net.connect(a, a, snn.OneToOne(), port="delta", weight=-1.0, delay=0.1)
    net.drive(a, snn.PoissonInput(rate=9000.0, weight=0.1), port="delta")
    net.drive(a, snn.CurrentInput(130.0), port="current")
    return Case(net, (snn.RecordState("a", "v"), snn.RecordState("a", "x.delta", ids=[5, 0, 299])), ("a",))


def spread(n, low, high):
    """Different values for the neurons, the same in every process."""
    return low + (high - low) * (np.arange(n) * 37 % n) / n


def balanced(model, weights):
    """Excitatory and inhibitory populations, connected through slices, with every kind of current input."""
    net = snn.Network(model.__name__)
    various = model(C_m=spread(260, 190.0, 210.0))
    exc = net.add("exc", various, 260, init={"v": snn.Uniform(-60.0, -50.0)})
    inh = net.add("inh", model(), 65, init={"v": snn.Normal(-55.0, 3.0)})
    for k, (pre, port) in enumerate(((exc, "exc"), (inh, "inh"))):
        net.connect(pre, exc, snn.Probability(0.1), port=port, weight=weights[k], delay=RANDOM_DELAYS)
        net.connect(
            pre[:40],
            inh[10:],
            snn.FixedOutDegree(8),
            port=port,
            weight=snn.Uniform(0.0, 2.0 * weights[k]) if k == 0 else weights[k],
            delay=0.8,
        )
    net.drive(exc, snn.CurrentInput(spread(260, 100.0, 300.0)), port="current")
    net.drive(exc, snn.PoissonInput(rate=300.0, weight=spread(260, 0.5, 1.5) * weights[0]), port="exc")
    net.drive(inh, snn.CurrentInput([250.0, 0.0, 350.0], interval=8.0), port="current")
    net.drive(inh, snn.CurrentInput(np.outer([1.0, -1.0], spread(65, 0.0, 50.0)), interval=3.0), port="current")
    record = snn.RecordState("exc", "v"), snn.RecordState("inh", "v", ids=[3, 1], every=7)
    return Case(net, record, ("exc", "inh"))


def replayed():
    """Given spikes onto neurons that are passed over in silence; edges from a list and from a matrix."""
    source = spike_source()
    net = snn.Network("replayed")
    given, a = net.add("in", source, source.n), net.add("a", neurons.LIF(), 600)
    net.connect(given, a, snn.FixedOutDegree(60), port="delta", weight=snn.Uniform(0.0, 16.0), delay=RANDOM_DELAYS)
    net.connect(
        given[5:8],
        a[590:],
        snn.Edges([2, 0, 2, 2], [9, 0, 9, 1], multi_edges=True),
        port="delta",
        weight=np.array([3.0, 4.0, 5.0, 6.0]),
        delay=np.array([1.0, 0.1, 2.0, 4.0]),
    )
    matrix = np.zeros((50, 50))
    matrix[np.arange(50), np.arange(50)[::-1]] = 2.0
    net.connect(a[100:150], a[:50], snn.Matrix(matrix), port="delta", delay=0.3)
    net.connect(a, a, snn.FixedTotal(300), port="delta", weight=-2.0, delay=2.0)
    return Case(net, fires=("in", "a"))


def silent():
    """Few spikes, far apart, onto neurons that are passed over meanwhile; one input alone makes none of them fire."""
    times = np.repeat([1.0, 1.4, 9.0, 9.1, 14.0, 17.3, 17.4, 18.6], 2)
    net = snn.Network("silent")
    given = net.add("in", neurons.SpikeSource(snn.Spikes(times, np.arange(16) % 5, 5, 25.0)), 5)
    a = net.add("a", neurons.LIF(), 600, init={"v": snn.Uniform(-70.0, -56.0)})
    b = net.add("b", neurons.ALIF(beta=1.0), 257)
    net.connect(given, a, snn.FixedInDegree(3), port="delta", weight=6.0, delay=1.0)
    net.connect(given, a[300:], snn.FixedInDegree(2), port="delta", weight=5.0, delay=RANDOM_DELAYS)
    net.connect(a[:500], b, snn.FixedInDegree(12), port="delta", weight=9.0, delay=snn.Choice((0.5, 4.0)))
    return Case(net, fires=("a", "b"))


def graded():
    """Oscillators and neurons that feel each other at all times: sums over everybody, sparse ones with and without
    delays, on slices, differences, on coupled and other ports; spikes both ways; means of a population."""
    net = snn.Network("graded")
    a = net.add("a", neurons.Kuramoto(omega=spread(700, 0.3, 0.7), sigma=0.05), 700,
                init={"theta": snn.Uniform(0.0, 6.28)})
    b = net.add("b", neurons.LIF(), 300)
    net.couple(a, a, snn.AllToAll(self_connections=False), weight=0.1 / 700, delay=0.3)
    net.couple(a[:601], a[7:], snn.AllToAll(), weight=0.1 / 700)
    net.couple(a, a[3:500], snn.FixedInDegree(30), weight=snn.Uniform(0.0, 0.01), delay=snn.Choice((0.0, 0.3, 1.0)))
    net.couple(a[5:605], b[3:], snn.Probability(0.1), values={"current": "sin"}, weight=2.0, delay=0.1)
    net.couple(b, b, snn.Probability(0.1), values={"current": "v"}, weight=2.0, delay=0.2, difference=True)
    net.couple(b, b, snn.AllToAll(), values={"current": "v"}, weight=0.2, delay=0.1, difference=True)
    net.drive(b, snn.GaussianInput(300.0, spread(300, 30.0, 60.0)), port="current")
    net.connect(b, a, snn.Probability(0.02), port="phase", weight=0.1, delay=1.0)
    net.connect(a, b, snn.Probability(0.02), port="delta", weight=0.5, delay=1.0)
    record = (snn.RecordState("a", "theta"), snn.RecordState("b", "v", every=3), snn.RecordMean("a", "cos"),
              snn.RecordMean("b", "v", every=4))
    return Case(net, record, ("a", "b"), duration=15.0)


def of_model(Model):
    """One population of a model under Poisson spikes and current on all of its ports."""
    net = snn.Network(Model.__name__)
    source = net.add("source", neurons.PoissonSource(rate=spread(60, 50.0, 600.0)), 60)
    a = net.add("a", Model(), 70)
    sizes = {"delta": 1.2, "exc": 60.0, "inh": -20.0, "current": CURRENT.get(Model, 700.0),
             "drive": 0.5, "feedback": 0.2, "rate": 30.0, "gain": 0.05, "input": 0.5, "dendrite": 1.0, "signal": 0.5,
             "phase": 0.3}
    if "nS" in Model.units(Model.Ports).values():
        sizes |= {"exc": 1.5, "inh": 0.5}
    for port in Model.Ports._fields:
        if port == "current":
            net.drive(a, snn.CurrentInput(sizes[port]), port=port)
        elif port in Model.coupled:
            net.drive(a, snn.CurrentInput(0.03), port=port)
        elif port not in ("noise", "normal"):
            net.connect(source, a, snn.FixedInDegree(12), port=port, weight=sizes[port], delay=RANDOM_DELAYS)
    fires = () if Model.margin is Neuron.margin else ("a",)
    return Case(net, tuple(snn.RecordState("a", s) for s in Model.State._fields), ("source", *fires), duration=15.0)


def models():
    """The neuron models of the catalogue that are computed (not replayed)."""
    return [model for name in neurons.__all__ if hasattr(model := getattr(neurons, name), "bind")]


CASES = {
    "delta": delta,
    "cuba": lambda: balanced(neurons.CubaLIF, (30.0, -60.0)),
    "coba": lambda: balanced(neurons.CobaLIF, (1.0, 3.0)),
    "replayed": replayed,
    "silent": silent,
    "graded": graded,
    **{f"model {M.__name__}": functools.partial(of_model, M) for M in models()},
}
