"""From a model's text to its graph: what is refused, what is folded away, and how exact compiled functions are."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
import torch
from networks import DT, Case, run

import snn
from snn import exact
from snn.contract import Neuron, Value, choose, mV, param
from snn.graph import trace
from snn.neurons import LIF, AdEx, CobaLIF, CubaLIF


def exactly(function, x):
    """``function`` as the float64 engines compute it."""
    with exact.exact_math():
        return function(x)


def model(flow, *, exact_flow=False):
    """A one-state model with port ``delta`` whose flow is ``flow(self, s, dt)``."""

    @dataclass(frozen=True, kw_only=True, eq=False)
    class Odd(Neuron):
        tau: Value = param(10.0, unit="ms", doc="time constant", above=0)

        class State(NamedTuple):
            v: mV

        class Ports(NamedTuple):
            delta: mV

        def rest(self):
            return self.State(v=0.0)

        def flow(self, s, dt):
            return self.State(v=flow(self, s, dt))

        def receive(self, s, x):
            return self.State(v=s.v + x.delta)

    return Odd()


def branch(self, s, dt):
    return s.v if s.v > 0 else -s.v


REFUSED = {
    "reduction": (lambda self, s, dt: torch.mean(s.v), r"torch\.mean is not an operation.*Allowed: .*exp"),
    "norm": (lambda self, s, dt: torch.linalg.norm(s.v), "is not an operation"),
    "python branch": (branch, r"Python branch.*torch\.where"),
    "python max": (lambda self, s, dt: max(s.v, 0.0), r"Python branch.*torch\.where"),
    "method": (lambda self, s, dt: s.v.exp(), r"\.exp .*torch\.exp"),
    "in place": (lambda self, s, dt: s.v.add_(1.0), r"\.add_ "),
    "index": (lambda self, s, dt: s.v[0], "Odd: .*subscriptable"),
    "modulo": (lambda self, s, dt: s.v % 2, "Odd: .*unsupported operand"),
    "numpy": (lambda self, s, dt: np.exp(s.v), "Odd: "),
    "float": (lambda self, s, dt: float(s.v), "Odd: "),
    "out": (lambda self, s, dt: torch.add(s.v, 1.0, alpha=2.0), r"torch\.add"),
}


@pytest.mark.parametrize("flow, message", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_compiled_is_refused(flow, message):
    with pytest.raises(snn.ModelError, match=message) as error:
        trace(model(flow), 3, DT)
    assert str(error.value).startswith("Odd: ")


@pytest.mark.parametrize("function", [torch.expm1, torch.log1p])
def test_functions_of_parameters_and_of_states(function):
    """Constants and states go through the same definition, in the engine as in the reference."""
    for flow in (lambda self, s, dt: s.v * function(dt / self.tau), lambda self, s, dt: function(0.5 * s.v)):
        net = snn.Network()
        net.add("a", model(flow), 3, init={"v": 0.5})
        found, expected = (run(Case(net, (snn.RecordState("a", "v"),)), engine, 1.0).traces["a", "v"].data
                           for engine in (snn.EventDriven(), snn.Reference()))
        assert np.array_equal(found, expected) and (found != 0.0).all()


def varying(traced):
    from snn.graph import reachable

    roots = [*traced.state.values(), *([] if traced.fired is None else [traced.fired])]
    return [n.op for n in reachable(roots) if n.value is None]


def test_constants_are_folded():
    traced = trace(model(lambda self, s, dt: s.v * torch.exp(-dt / self.tau) + 0.0), 3, DT, initial={"v": 1.0})
    assert sorted(varying(traced)) == ["mul", "state"]
    decay = next(n for n in traced.graph.nodes if n.op == "exp").value
    assert decay.item() == exactly(torch.exp, torch.tensor(-DT / 10.0, dtype=torch.float64)).item()


def test_equal_parts_are_computed_once():
    def flow(self, s, dt):
        return torch.exp(s.v) + torch.exp(s.v) * torch.exp(s.v)

    assert varying(trace(model(flow), 3, DT)).count("exp") == 1


def test_temporary_arrays_are_not_confused():
    """Two constants made on the fly may get the same address one after the other."""

    def flow(self, s, dt):
        return s.v * torch.tensor([1, 2, 3]) + torch.tensor([10, 20, 30]) + np.array([100.0, 200.0, 300.0])

    net = snn.Network()
    net.add("a", model(flow), 3, init={"v": 1.0})
    trace_v = run(Case(net, (snn.RecordState("a", "v"),)), snn.EventDriven(), DT).traces["a", "v"]
    assert trace_v.data.tolist() == [[111.0, 222.0, 333.0]]


def test_literals_of_different_kind_are_not_confused():
    def flow(self, s, dt):
        return torch.where((s.v > 1.0) | True, s.v + 1.0, s.v - 1)

    net = snn.Network()
    net.add("a", model(flow), 2, init={"v": 0.0})
    data = run(Case(net, (snn.RecordState("a", "v"),)), snn.EventDriven(), 3 * DT).traces["a", "v"].data
    assert data[:, 0].tolist() == [1.0, 2.0, 3.0]


def test_dead_states_are_left_out():
    """Without a current the state ``i`` of a LIF neuron stays 0 and disappears, unless somebody looks at it."""
    hit = {"delta": lambda g: g.leaf("port", (0,))}
    assert trace(LIF(), 3, DT, hit).live == ("v", "ref")
    assert set(trace(LIF(), 3, DT, hit).constant) == {"i"}
    assert trace(LIF(), 3, DT, hit, keep=["i"]).live == ("v", "ref", "i")
    assert trace(LIF(), 3, DT, {"current": lambda g: g.node(100.0)}).live == ("v", "ref", "i")
    assert trace(LIF(), 3, DT, initial={"i": 5.0}).live == ("v", "ref", "i")


def test_a_neuron_that_nothing_reaches_has_no_state_left():
    assert trace(LIF(), 3, DT).live == ()
    assert set(trace(LIF(E_L=-50.0), 3, DT).live) >= {"v", "ref"}, "it fires by itself"


def test_a_port_that_nothing_reaches_leaves_no_current():
    assert trace(CubaLIF(), 3, DT, {"exc": lambda g: g.leaf("port", (0,))}).live == ("v", "ref", "i_exc")


def test_unused_currents_are_left_out():
    for Model in (CubaLIF, CobaLIF, AdEx):
        assert "i" not in trace(Model(), 3, DT, {"exc": lambda g: g.leaf("port", (0,))}).live
    with_both = trace(CobaLIF(), 3, DT, {p: lambda g, j=j: g.leaf("port", (j,)) for j, p in enumerate(("exc", "inh"))})
    assert with_both.live == ("v", "ref", "g_exc", "g_inh")


def test_a_left_out_state_can_be_recorded():
    net = snn.Network()
    net.drive(net.add("a", LIF(), 2), snn.CurrentInput([1.0, 2.0]), port="current")
    net.add("b", LIF(), 2)
    record = (snn.RecordState("a", "i"), snn.RecordState("b", "i"), snn.RecordState("b", "x.delta"))
    traces = run(Case(net, record), snn.EventDriven(), 0.2).traces
    assert traces["a", "i"].data.tolist() == [[1.0, 2.0]] * 2
    assert not traces["b", "i"].data.any() and not traces["b", "x.delta"].data.any()


# -- elementary functions -------------------------------------------------------------------------------------------
def ulps(x, y):
    return np.abs(x.view(np.int64) - y.view(np.int64))


def test_exp_is_within_one_ulp_of_torch():
    rng = np.random.default_rng(0)
    x = torch.from_numpy(np.concatenate([rng.uniform(-708, 709, 200_000), rng.uniform(-1, 1, 200_000), [0.0, -0.0]]))
    assert ulps(exactly(torch.exp, x).numpy(), torch.exp(x).numpy()).max() <= 1
    limits = exactly(torch.exp, torch.tensor([-1e9, 1e9, -torch.inf, torch.inf, torch.nan], dtype=torch.float64))
    assert (limits[:4] > 0).all() and torch.isfinite(limits[:4]).all() and torch.isnan(limits[4])


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_sigmoid_and_tanh_are_near_torch(name):
    x = torch.linspace(-40, 40, 20_001, dtype=torch.float64)
    function = getattr(torch, name)
    np.testing.assert_allclose(exactly(function, x), function(x), rtol=1e-14, atol=2e-16)


def compiled(function, x, dtype):
    """``function`` of every element of ``x``, computed by a compiled run of one step."""
    net = snn.Network()
    net.add("a", model(lambda self, s, dt: function(s.v)), len(x), init={"v": x})
    record = Case(net, (snn.RecordState("a", "v"),))
    return run(record, snn.EventDriven(threads=1, dtype=dtype), DT).traces["a", "v"].data[0]


FUNCTIONS = {name: getattr(torch, name) for name in ("exp", "sigmoid", "tanh", "sin", "cos", "abs", "floor", "round")}
FUNCTIONS |= {
    "log": lambda v: torch.log(torch.abs(v)),
    "sqrt": lambda v: torch.sqrt(torch.abs(v)),
    "clamp": lambda v: torch.clamp(v, -0.5, 2.0),
    "cube": lambda v: v**3,
    "relu": torch.relu,
    "maximum": lambda v: torch.where((v > 0) & ~(v > 1), v, -v),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_compiled_functions(name):
    x = np.random.default_rng(1).uniform(-20.0, 20.0, 3000)
    double, single = (compiled(FUNCTIONS[name], x, d) for d in ("float64", "float32"))
    expected = exactly(FUNCTIONS[name], torch.from_numpy(x)).numpy()
    np.testing.assert_array_equal(double, expected)
    rounded = FUNCTIONS[name](torch.from_numpy(x.astype(np.float32)).double()).numpy()
    np.testing.assert_allclose(single, rounded, rtol=4e-7, atol=2e-7)


def test_single_precision_exp():
    """Relative error of the compiled float32 exponential over its whole range."""
    x = np.random.default_rng(2).uniform(-80.0, 85.0, 20_000).astype(np.float32)
    error = np.abs(compiled(torch.exp, x, "float32") / np.exp(x.astype(np.float64)) - 1)
    assert error.max() < 4e-7


def test_choose_is_where_for_booleans_and_linear_otherwise():
    z = torch.tensor([True, False])
    assert choose(z, 1.0, torch.tensor([5.0, 6.0])).tolist() == [1.0, 6.0]
    real = torch.tensor([0.25], requires_grad=True)
    mixed = choose(real, 2.0, 4.0)
    mixed.backward()
    assert mixed.item() == 3.5 and real.grad.item() == -2.0
