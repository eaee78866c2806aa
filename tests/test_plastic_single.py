"""Plasticity in single precision: near the double one, also where effects are added up before they are applied."""
import dataclasses
from typing import ClassVar, NamedTuple

import numpy as np
import pytest
import torch
from plastic_networks import DT, ENGINES, given_spikes, moved, quick, run, several, teach

import snn
from snn import plasticity
from snn.contract import param, unitless
from snn.rule import SynapticRule


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class TwoWindows(SynapticRule):
    """Potentiation with two presynaptic traces, one of which is weighed by a postsynaptic trace."""

    w_min: float = param(0.0, doc="lowest weight")
    w_max: float = param(1.0, doc="highest weight")
    additive: ClassVar[bool] = True

    class Pre(NamedTuple):
        fast: unitless
        slow: unitless

    class Post(NamedTuple):
        y: unitless

    def decay(self, x, y, dt):
        left = self.Pre(torch.exp(-dt / 2.0) * x.fast, x.slow * torch.exp(-dt / 9.0))
        return left, self.Post(y.y * torch.exp(-dt / 10.0))

    def spike(self, x, y):
        return self.Pre(x.fast + 1.0, 0.5 * x.slow + 1.0), self.Post(y.y + 1.0)

    def on_pre(self, s, x, y, mod):
        return s._replace(w=self.clip(s.w - 0.04 * y.y))

    def on_post(self, s, x, y, mod):
        return s._replace(w=self.clip(s.w + (0.03 * x.fast + (0.03 * y.y) * x.slow)))


def test_several_running_sums():
    net, *_ = teach(TwoWindows())
    with snn.start(net, dt=DT, engine=ENGINES["event1 float32"]) as sim:
        assert len(sim._open.groups[0].layout.sums) == 2
    exact, found = (run(net, ENGINES[e], 200.0).weights["plastic"].data for e in ("event1", "event2 float32"))
    np.testing.assert_allclose(found, exact, atol=1e-4)
    assert np.abs(exact[-1] - exact[0]).max() > 0.1


@pytest.mark.parametrize("tau", [0.05, 0.0052, 0.001])
def test_time_constants_far_below_a_step(tau):
    """What is gone within a step does not come back as NaN."""
    net, *_ = teach(quick("PairSTDP", tau_plus=tau), duration=50.0)
    exact, found = (run(net, ENGINES[e], 50.0).weights["plastic"].data for e in ("event1", "event1 float32"))
    np.testing.assert_allclose(found, exact, atol=1e-5)


ADDITIVE = [name for name in plasticity.__all__ if getattr(plasticity, name).additive]


@pytest.mark.parametrize("name", plasticity.__all__)
def test_single_precision_is_near(name):
    """The spikes are given, so that rounding cannot grow; rules that move synapses are compared below."""
    if name == "StructuralPlasticity":
        pytest.skip("see test_moved_synapses")
    net = near_rest(name) if quick(name).Reads._fields else teach(quick(name))[0]
    expected = run(net, snn.EventDriven(), 200.0).weights["plastic"].data
    found = run(net, ENGINES["event2 float32"], 200.0).weights["plastic"].data
    np.testing.assert_allclose(found, expected, atol=2e-5, rtol=2e-4)
    assert found.dtype == np.float32
    assert np.abs(expected[-1] - expected[0]).max() > 1e-4 or name == "TsodyksMarkram"


@pytest.mark.parametrize("name", ["PairSTDP", "RewardSTDP", "WeightNormalisation"])
def test_clocked_single_precision_is_near(name):
    net, *_ = teach(quick(name), duration=60.0)
    expected, found = (run(net, ENGINES[e], 60.0).weights["plastic"].data for e in ("event1", "clocked float32"))
    np.testing.assert_allclose(found, expected, atol=2e-5, rtol=2e-4)


def near_rest(name):
    """A rule that reads states, on neurons that its synapses hardly move."""
    net = snn.Network("near")
    given = net.add("given", given_spikes(8, 200.0), 8)
    a = net.add("a", snn.neurons.EIPair(rate=0.0) if "Dis" in name else snn.neurons.ClopathAdEx(), 10)
    port, size = ("drive", 2.0) if "Dis" in name else ("current", 1200.0)
    net.drive(a, snn.CurrentInput(np.linspace(0.0, size, 10)), port=port)
    net.connect(given, a, snn.AllToAll(), port="delta", weight=0.5, delay=1.0, name="plastic",
                plasticity=quick(name))
    return net


@pytest.mark.parametrize("name", ADDITIVE)
@pytest.mark.parametrize("dendritic", [None, 0.0])
def test_running_sums_over_many_periods(name, dendritic):
    """With 2 ms the sums begin anew some 12 times in 200 ms, and rows that pause miss several of the periods."""
    rule = quick(name, tau_plus=2.0, tau=2.0, tau_x=2.0, A_plus=0.05, A2_plus=0.02, A3_plus=0.05, eta=0.02)
    if rule.Reads._fields:
        pytest.skip("reads states: see test_single_precision_is_near")
    net, *_ = teach(rule, dendritic=dendritic, silent=(40.0, 150.0), count=40)
    expected = run(net, snn.EventDriven(), 200.0)
    found = run(net, snn.EventDriven(threads=1, dtype="float32"), 200.0)
    np.testing.assert_allclose(found.weights["plastic"].data, expected.weights["plastic"].data, atol=2e-4)
    assert moved(expected)["plastic"] > 0.05


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_moved_synapses(dtype):
    net, *_ = teach(several("PairSTDP", "StructuralPlasticity"), n_post=60, count=10, duration=100.0)
    net.projections["plastic"] = dataclasses.replace(net.projections["plastic"], rule=snn.FixedOutDegree(12))
    expected, found = (run(net, engine, 100.0) for engine in (snn.Reference(), snn.EventDriven(dtype=dtype)))
    targets = [r.state.projections["plastic"]["targets"] for r in (expected, found)]
    np.testing.assert_array_equal(*targets)
    np.testing.assert_allclose(found.weights["plastic"].data, expected.weights["plastic"].data, atol=2e-5)
