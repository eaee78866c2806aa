"""Graded connections: what is summed and when it is felt, means, noise, numbers that are none."""
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
import torch

import snn
from snn.contract import Neuron, Value, param, unitless
from snn.neurons import LIF, Kuramoto, SpikeSource
from snn.run.shown import lane_sum

ENGINES = {"reference": snn.Reference(), "event": snn.EventDriven(threads=1), "two threads": snn.EventDriven(threads=2),
           "clocked": snn.Clocked(dtype="float64")}
every_engine = pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)


@dataclass(frozen=True, kw_only=True, eq=False)
class Ramp(Neuron):
    """A value that grows by ``slope`` per ms, shown as it is and doubled; what it feels is kept."""

    slope: Value = param(1.0, unit="1/ms", doc="slope")

    coupled = ("felt",)

    class State(NamedTuple):
        y: unitless
        felt: unitless
        late: unitless

    class Ports(NamedTuple):
        felt: unitless
        late: unitless

    class Outputs(NamedTuple):
        twice: unitless

    def rest(self):
        return self.State(0.0, 0.0, 0.0)

    def couple(self, s, x):
        return s._replace(felt=x.felt)

    def flow(self, s, dt):
        return s._replace(y=s.y + self.slope * dt)

    def receive(self, s, x):
        return s._replace(late=x.late)

    def emit(self, s):
        return self.Outputs(twice=2.0 * s.y)


def ramps(n, slopes, couple, duration=4.0, engine=None, init=None, record=("felt",)):
    net = snn.Network()
    a = net.add("a", Ramp(slope=slopes), n, init=init)
    couple(net, a)
    wanted = [snn.RecordState("a", name) for name in record]
    return snn.simulate(net, duration, dt=0.5, engine=engine, record=wanted)


@every_engine
@pytest.mark.parametrize("delay", [0.0, 0.5, 1.5])
def test_a_coupled_port_feels_the_start_of_the_step_less_the_delay(engine, delay):
    def couple(net, a):
        net.couple(a, a, snn.OneToOne(), values={"felt": "twice"}, weight=3.0, delay=delay)

    felt = ramps(3, np.array([1.0, 2.0, -1.0]), couple, engine=engine).traces["a", "felt"]
    begins = felt.times[:, None] - 0.5
    np.testing.assert_allclose(felt.data, 6.0 * np.maximum(begins - delay, 0.0) * [1.0, 2.0, -1.0], atol=1e-12)


@every_engine
def test_another_port_takes_values_as_it_takes_spikes(engine):
    def couple(net, a):
        net.couple(a, a, snn.OneToOne(), values={"late": "y"}, weight=1.0, delay=1.0)

    late = ramps(1, 1.0, couple, engine=engine, record=("late",)).traces["a", "late"]
    np.testing.assert_allclose(late.data[:, 0], np.maximum(late.times - 1.0, 0.0), atol=1e-12)


@every_engine
def test_before_the_start_a_unit_has_shown_what_it_shows_then(engine):
    def couple(net, a):
        net.couple(a, a, snn.OneToOne(), values={"felt": "y"}, weight=1.0, delay=2.0)

    felt = ramps(1, 1.0, couple, engine=engine, init={"y": 5.0}).traces["a", "felt"]
    np.testing.assert_allclose(felt.data[:, 0], 5.0 + np.maximum(felt.times - 2.5, 0.0), atol=1e-12)


def dense(rule, n, weight, values, difference):
    """Sums over an explicit matrix of the connections that ``rule`` makes, numpy."""
    m = np.full((n, n), weight)
    if not getattr(rule, "self_connections", True):
        np.fill_diagonal(m, 0.0)
    return m @ values - (m.sum(1) * values if difference else 0.0)


@every_engine
@pytest.mark.parametrize("difference", [False, True])
@pytest.mark.parametrize("own", [False, True])
def test_all_to_all_is_the_sum_over_everybody(engine, own, difference):
    n, rng = 300, np.random.default_rng(0)
    y, rule = rng.normal(size=n), snn.AllToAll(self_connections=own)

    def couple(net, a):
        net.couple(a, a, rule, values={"felt": "y"}, weight=0.25, difference=difference)

    felt = ramps(n, 0.0, couple, 0.5, engine, {"y": y}).traces["a", "felt"].data[0]
    np.testing.assert_allclose(felt, dense(rule, n, 0.25, y, difference), rtol=1e-12, atol=1e-12)


@every_engine
@pytest.mark.parametrize("difference", [False, True])
@pytest.mark.parametrize("one_weight", [False, True])
def test_slices_edges_and_weights_are_the_matrix_product(engine, one_weight, difference):
    n, rng = 60, np.random.default_rng(1)
    y, pre, post = rng.normal(size=n), rng.integers(0, 40, 300), rng.integers(0, 33, 300)
    weight = 0.5 if one_weight else rng.normal(size=300)

    def couple(net, a):
        net.couple(a[11:51], a[21:54], snn.Edges(pre, post, multi_edges=True), values={"felt": "y"}, weight=weight,
                   difference=difference)

    felt = ramps(n, 0.0, couple, 0.5, engine, {"y": y}).traces["a", "felt"].data[0]
    m = np.zeros((n, n))
    np.add.at(m, (post + 21, pre + 11), weight)
    np.testing.assert_allclose(felt, m @ y - (m.sum(1) * y if difference else 0.0), rtol=1e-12, atol=1e-12)


def test_all_to_all_with_one_weight_is_not_built():
    net = snn.Network()
    a = net.add("a", Ramp(), 1_000_000)
    net.couple(a, a, snn.AllToAll(), values={"felt": "y"}, weight=1e-6)
    result = snn.simulate(net, 0.1, record=[snn.RecordMean("a", "y")])
    assert result.plan.nbytes < 100 and "one sum for everybody" in repr(result.plan)
    assert result.plan.n_synapses == 10**12


@pytest.mark.parametrize("n", [1, 31, 32, 33, 256, 1000])
def test_lane_sum_is_a_sum(n):
    y = torch.randn(5, n, dtype=torch.float64, generator=torch.Generator().manual_seed(n))
    np.testing.assert_allclose(lane_sum(y), y.sum(-1), rtol=1e-12, atol=1e-12)


@every_engine
def test_means_of_a_population(engine):
    net = snn.Network()
    a = net.add("a", Ramp(slope=np.arange(1000.0)), 1000)
    wanted = [snn.RecordMean("a", "twice", every=2), snn.RecordMean("a", "y")]
    result = snn.simulate(net, 3.0, dt=0.5, engine=engine, record=wanted)
    twice, y = result.traces["a", "mean.twice"], result.traces["a", "mean.y"]
    assert twice.data.shape == (3, 1) and y.data.shape == (6, 1) and a.n == 1000
    np.testing.assert_allclose(twice.data[:, 0], 2 * 499.5 * twice.times, rtol=1e-12)
    np.testing.assert_allclose(y.data[:, 0], 499.5 * y.times, rtol=1e-12)


def test_the_order_of_sources_is_that_of_their_numbers():
    """Ring of one-way neighbours: each feels the one before it, at any distance between the slices."""
    n = 40
    for shift in (1, 5, 13):
        def couple(net, a, shift=shift):
            net.couple(a, a, snn.Edges(np.arange(n), (np.arange(n) + shift) % n), values={"felt": "y"}, weight=1.0)

        felt = ramps(n, 0.0, couple, 0.5, init={"y": np.arange(n) * 1.0}).traces["a", "felt"].data[0]
        assert (felt == np.roll(np.arange(n), shift)).all()


# Noise


@every_engine
def test_gaussian_input_has_its_mean_and_standard_deviation(engine):
    net = snn.Network()
    a = net.add("a", Ramp(), 2000)
    net.drive(a, snn.GaussianInput(np.repeat([1.0, -2.0], 1000), 3.0), port="late")
    late = snn.simulate(net, 25.0, dt=0.5, engine=engine, record=[snn.RecordState("a", "late")]).traces["a", "late"]
    x = late.data.reshape(50, 2, 1000)
    # 50,000 draws each: five standard errors.
    np.testing.assert_allclose(x.mean((0, 2)), [1.0, -2.0], atol=5 * 3.0 / np.sqrt(50_000))
    np.testing.assert_allclose(x.std((0, 2)), 3.0, atol=5 * 3.0 / np.sqrt(100_000))
    z = (x - np.array([1.0, -2.0])[:, None]) / 3.0
    np.testing.assert_allclose((np.abs(z) < 1.0).mean(), 0.682689, atol=5 * np.sqrt(0.2166 / 100_000))
    assert abs((z[1:] * z[:-1]).mean()) < 5 / np.sqrt(98_000) and z.max() > 3.5


# Numbers that are none


@dataclass(frozen=True, kw_only=True, eq=False)
class Fragile(LIF):
    """A LIF that breaks when its current exceeds 500 pA."""

    def flow(self, s, dt):
        after = super().flow(s, dt)
        return after._replace(v=torch.where(s.i > 500.0, (s.i - s.i) / (s.i - s.i), after.v))


@pytest.mark.parametrize("engine", [*ENGINES.values(), snn.EventDriven(dtype="float32"), snn.Clocked(seeds=[1, 2])],
                         ids=[*ENGINES, "float32", "batch"])
def test_nan_names_population_neuron_and_step(engine):
    net = snn.Network()
    net.add("fine", LIF(), 10)
    a, x = net.add("broken", Fragile(), 1000), np.zeros((3, 1000))
    x[1, 437] = 600.0
    net.drive(a, snn.CurrentInput(x, interval=2.0), port="current")
    with pytest.raises(snn.RunError, match=r"'broken', neuron 437: a state is not a number \(NaN\) from step 21 on, "
                                           r"at 2\.2 ms"):
        snn.simulate(net, 10.0, engine=engine)


# Bad input


def bad(match, couple):
    net = snn.Network()
    a, b = net.add("a", Kuramoto(), 10), net.add("b", LIF(), 10)
    given = net.add("in", SpikeSource(snn.Spikes([1.0], [0], n=10, duration=2.0)), 10)
    with pytest.raises(snn.NetworkError, match=match):
        couple(net, a, b, given)
        snn.simulate(net, 1.0)


@pytest.mark.parametrize("match, couple", [
    ("shows nothing by the name of a port", lambda net, a, b, given: net.couple(b, a, snn.AllToAll(), weight=1.0)),
    ("LIF is coupled by", lambda net, a, b, given: net.couple(a, b, snn.AllToAll(), weight=1.0)),
    ("has no port 'phase'", lambda net, a, b, given: net.couple(a, b, snn.AllToAll(), values={"phase": "sin"},
                                                                weight=1.0)),
    ("shows no 'tan'", lambda net, a, b, given: net.couple(a, a, snn.AllToAll(), values={"sin": "tan"}, weight=1.0)),
    ("shows no 'v'", lambda net, a, b, given: net.couple(given, b, snn.AllToAll(), values={"current": "v"},
                                                         weight=1.0, delay=1.0)),
    ("shows no 'sin'", lambda net, a, b, given: net.couple(a, b, snn.AllToAll(), values={"current": "sin"}, weight=1.0,
                                                           delay=1.0, difference=True)),
    ("is below one step", lambda net, a, b, given: net.couple(a, b, snn.AllToAll(), values={"current": "sin"},
                                                              weight=1.0)),
    ("some are felt during a step", lambda net, a, b, given: net.couple(a, a, snn.AllToAll(), weight=1.0,
                                                                        values={"sin": "sin", "drive": "sin"})),
    ("random numbers", lambda net, a, b, given: net.couple(a, a, snn.AllToAll(), weight=1.0, values={"normal": "sin"})),
    ("weight: missing", lambda net, a, b, given: net.couple(a, a, snn.AllToAll())),
    ("weight: not finite", lambda net, a, b, given: net.couple(a, a, snn.AllToAll(), weight=np.nan)),
    ("delay: is negative", lambda net, a, b, given: net.couple(a, a, snn.AllToAll(), weight=1.0, delay=-1.0)),
    ("not a whole number of steps", lambda net, a, b, given: net.couple(a, a, snn.AllToAll(), weight=1.0, delay=0.25)),
    ("not a connection rule", lambda net, a, b, given: net.couple(a, a, 3, weight=1.0)),
    ("is no dict", lambda net, a, b, given: net.couple(a, a, snn.AllToAll(), weight=1.0, values="sin")),
    ("layer of many units", lambda net, a, b, given: net.add("x", torch.nn.Linear(2, 2), 2)),
    ("no port 'phase'", lambda net, a, b, given: net.connect(a, b, snn.AllToAll(), port="phase", weight=1.0, delay=1)),
])
def test_bad_couplings_are_refused(match, couple):
    bad(match, couple)


def test_bad_requests_are_refused():
    net = snn.Network()
    net.add("a", Kuramoto(), 3)
    with pytest.raises(snn.RunError, match="shows no 'tan'. It shows: sin, cos, theta"):
        snn.simulate(net, 1.0, record=[snn.RecordMean("a", "tan")])
    with pytest.raises(snn.RunError, match="no population named"):
        snn.simulate(net, 1.0, record=[snn.RecordMean("b", "sin")])
    with pytest.raises(snn.RunError, match="RecordMean.every"):
        snn.RecordMean("a", "sin", every=0)
    with pytest.raises(snn.NetworkError, match="GaussianInput.sd: is negative"):
        snn.GaussianInput(0.0, -1.0)
