"""Compiled time loops beside the eager ones: same spikes, same gradients, for every model."""
import dataclasses
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
import torch
from fused_cases import CASES, NEVER_FIRES, NOISY, UNIT

from snn import neurons
from snn.contract import Neuron, choose, numbers, param, unitless
from snn.train import unrolled
from snn.train.held import eager
from snn.train.layer import Layer
from snn.train.surrogate import ATan, MultiGaussian, Rectangle, Sigmoid, SuperSpike, Triangle


def given(ports, dtype=torch.float64, shape=(40, 3, 13)):
    torch.manual_seed(0)
    return {p: (mean + spread * torch.randn(shape, dtype=torch.float64)).to(dtype)
            for p, (mean, spread) in ports.items()}


def results(layer, inputs, weights=None, traces=()):
    """Output, traces, last state, and gradients of all inputs and parameters of a random weighting of them."""
    layer.zero_grad()
    x = {p: v.clone().requires_grad_() for p, v in inputs.items()}
    run = layer.run(x, traces=traces)
    values = [run.out, *run.traces.values(), *run.state]
    gen = torch.Generator().manual_seed(7)
    weighted = [(v, torch.randn(v.shape, dtype=torch.float64, generator=gen).to(v)) for v in values]
    sum((v * w).sum() for v, w in weighted if v.requires_grad).backward()
    grads = [v.grad if v.grad is not None else torch.zeros_like(v) for v in (*x.values(), *layer.parameters())]
    return run, grads


def relative(a, b):
    return float((a - b).abs().max() / a.abs().max().clamp_min(1e-30))


@pytest.mark.parametrize("case, each", [
    pytest.param(case, each, id=f"{case}-{'per-neuron' if each else 'shared'}",
                 marks=[pytest.mark.slow] if each and not CASES[case][2] else [])     # nothing to learn per neuron
    for case in CASES for each in (False, True)])
def test_equals_eager(case, each):
    model, ports, learn, transcendental = CASES[case]
    if each and learn:
        spread = 1.0 + 0.1 * np.random.default_rng(0).random(13)
        model = dataclasses.replace(model, **{k: getattr(model, k) * spread for k in learn})
    layer = Layer(model, 13, dt=0.5, learn=learn, detach_reset=each).double()
    inputs = given(ports, shape=(25, 3, 13))
    with eager():
        slow, slow_grads = results(layer, inputs)
    fast, fast_grads = results(layer, inputs)
    assert layer.why_eager is None
    assert case in NEVER_FIRES or 0.001 < float(slow.out.detach().mean()) < 0.9
    if transcendental:
        assert relative(slow.out.detach(), fast.out.detach()) < 1e-12
    else:
        assert torch.equal(slow.out, fast.out)
        assert all(torch.equal(a, b) for a, b in zip(slow.state, fast.state, strict=True))
    for a, b in zip(slow_grads, fast_grads, strict=True):
        assert relative(a, b) < 1e-9


@pytest.mark.parametrize("case", ["lif", "lif-held", "alif", "cuba", "izhikevich", "readout"])
def test_single_precision_gives_the_same_spikes(case):
    model, ports, learn, _ = CASES[case]
    layer = Layer(model, 13, dt=0.5, learn=learn)
    inputs = given(ports, torch.float32, (60, 5, 13))
    with eager():
        slow, slow_grads = results(layer, inputs)
    fast, fast_grads = results(layer, inputs)
    assert layer.why_eager is None
    assert torch.equal(slow.out, fast.out)
    for a, b in zip(slow_grads, fast_grads, strict=True):
        assert relative(a, b) < 2e-5


@pytest.mark.parametrize("fire", [ATan(5.0), Sigmoid(), Triangle(), Rectangle(), SuperSpike(10.0), MultiGaussian()])
def test_every_surrogate(fire):
    layer = Layer(CASES["alif"][0], 13, dt=1.0, fire=fire).double()
    inputs = given(CASES["alif"][1])
    with eager():
        _, slow = results(layer, inputs)
    _, fast = results(layer, inputs)
    assert layer.why_eager is None
    assert relative(slow[0], fast[0]) < 1e-9 and float(slow[0].abs().max()) > 0


OPERATIONS = {
    "div": lambda v: v / (torch.abs(v) + 1.0), "exp": lambda v: torch.exp(-torch.abs(v)),
    "sqrt": lambda v: torch.sqrt(v * v + 1.0), "log": lambda v: torch.log(v * v + 1.5),
    "sin": torch.sin, "cos": torch.cos, "tanh": torch.tanh, "sigmoid": torch.sigmoid,
    "minimum": lambda v: torch.minimum(v, 0.5 * v + 0.1),
    "maximum": lambda v: torch.maximum(v, 0.1 - v), "clamp": lambda v: torch.clamp(v, -0.3, 0.4), "relu": torch.relu,
    "where": lambda v: torch.where(v > 0.1, v * v, -v), "square": torch.square, "cube": lambda v: torch.tanh(v) ** 3,
    "power": lambda v: (torch.tanh(v) + 1.5) ** 1.7, "neg": lambda v: -v, "reciprocal": lambda v: 1.0 / (v * v + 1.0),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Any(Neuron):
    """One operation of the contract, in every step."""

    which: float = param(0.0, doc="number of the operation")

    class State(NamedTuple):
        v: unitless

    class Ports(NamedTuple):
        delta: unitless

    def rest(self):
        return self.State(v=0.1)

    def flow(self, s, dt):
        return self.State(v=0.7 * list(OPERATIONS.values())[int(numbers(self.which))](s.v))

    def receive(self, s, x):
        return self.State(v=s.v + x.delta)

    def margin(self, s):
        return s.v - 1.0

    def reset(self, s, z):
        return self.State(v=choose(z, 0.2 * s.v, s.v))


@pytest.mark.parametrize("name", OPERATIONS)
def test_gradient_of_every_operation(name, monkeypatch):
    monkeypatch.setattr(Any, "flow", lambda self, s, dt: self.State(v=0.7 * OPERATIONS[name](s.v)))
    layer = Layer(Any(), dt=1.0, emit="v").double()
    inputs = given({"delta": (0.0, 0.8)}, shape=(12, 2, 9))
    with eager():
        slow, slow_grads = results(layer, inputs)
    fast, fast_grads = results(layer, inputs)
    assert layer.why_eager is None
    assert relative(slow.out.detach(), fast.out.detach()) < 1e-12
    assert relative(slow_grads[0], fast_grads[0]) < 1e-9


def test_result_does_not_depend_on_threads():
    layer, inputs = Layer(CASES["alif"][0], dt=1.0), given(CASES["alif"][1], torch.float32, (50, 8, 320))
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(results(layer, inputs))
    finally:
        torch.set_num_threads(before)
    for run, grads in found[1:]:
        assert torch.equal(run.out, found[0][0].out) and torch.equal(grads[0], found[0][1][0])


def test_channels_last_is_kept():
    x = torch.randn(4, 2, 3, 5, 5).permute(0, 1, 4, 2, 3)
    assert not x.is_contiguous() and x.permute(0, 1, 3, 4, 2).is_contiguous()
    layer = Layer(CASES["lif"][0], dt=1.0)
    with eager():
        slow, slow_grads = results(layer, {"delta": x})
    fast, fast_grads = results(layer, {"delta": x})
    assert torch.equal(slow.out, fast.out) and fast.out.stride() == x.stride()
    assert relative(slow_grads[0], fast_grads[0]) < 1e-5


@pytest.mark.parametrize("reduce", [lambda z: z.mean(), lambda z: z[-1].sum(), lambda z: z.sum(0)[:, ::2].sum(),
                                    lambda z: (z.transpose(0, 1) * torch.arange(13.0)).sum()])
def test_gradients_of_any_layout(reduce):
    layer, x = Layer(CASES["lif"][0], 13, dt=1.0), given({"delta": (0.1, 0.5)}, torch.float32)["delta"]
    found = []
    for scope in (eager, None):
        v = x.clone().requires_grad_()
        if scope is None:
            reduce(layer.run(v).out).backward()
        else:
            with scope():
                reduce(layer.run(v).out).backward()
        found.append(v.grad)
    assert relative(*found) < 1e-5 and float(found[0].abs().max()) > 0


def test_only_a_parameter_needs_a_gradient():
    layer, x = Layer(CASES["lif"][0], 13, dt=1.0, learn=("tau_m",)).double(), given({"delta": (0.1, 0.5)})["delta"]
    grads = []
    for slow in (True, False):
        layer.zero_grad()
        if slow:
            with eager():
                layer.run(x).out.pow(2).mul(torch.arange(13.0)).sum().backward()
        else:
            layer.run(x).out.pow(2).mul(torch.arange(13.0)).sum().backward()
        grads.append(next(layer.parameters()).grad.clone())
    assert relative(*grads) < 1e-9


def test_state_goes_in_and_comes_out_with_gradients():
    layer, x = Layer(CASES["lif"][0], 13, dt=1.0).double(), given({"delta": (0.1, 0.5)})["delta"].requires_grad_()
    whole = layer.run(x)
    first = layer.run(x[:17])
    second = layer.run(x[17:], first.state)
    assert torch.equal(whole.out, torch.cat([first.out, second.out]))
    assert all(torch.equal(a, b) for a, b in zip(whole.state, second.state, strict=True))
    weight = torch.randn_like(whole.out)
    (one,) = torch.autograd.grad((whole.out * weight).sum(), x)
    (two,) = torch.autograd.grad((torch.cat([first.out, second.out]) * weight).sum(), x)
    assert relative(one, two) < 1e-12


def test_second_backward_is_refused_by_torch():
    layer, x = Layer(CASES["lif"][0], 13, dt=1.0), given({"delta": (0.1, 0.5)}, torch.float32)["delta"].requires_grad_()
    loss = layer.run(x).out.sum()
    loss.backward()
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


class Reads(neurons.LIF):
    def flow(self, s, dt):
        return s._replace(v=torch.cumsum(s.v, 0))


@pytest.mark.parametrize(("model", "fire", "sentence"), [
    (Reads(**UNIT), ATan(), "cumsum"), (neurons.LIF(**UNIT), lambda m: (m >= 0).float(), "surrogate")])
def test_says_in_a_sentence_why_it_runs_eagerly(model, fire, sentence):
    layer = Layer(model, 3, dt=1.0, fire=fire)
    with pytest.warns(UserWarning, match=sentence):
        layer.run(torch.zeros(2, 2, 3))
    assert sentence in layer.why_eager


def test_unusual_state_runs_eagerly_and_right():
    layer = Layer(neurons.LIF(tau_m=10.0, t_ref=0.0, C_m=10.0, **UNIT), 3, dt=1.0)
    x = torch.zeros(5, 2, 3)
    state = layer.run(x).state._replace(i=torch.full((2, 3), 5.0))
    with pytest.warns(UserWarning, match="'i'"):
        out = layer.run(x, state, traces=("v",)).traces["v"]
    assert float(out[0, 0, 0]) == pytest.approx(5.0 * (1 - math.exp(-0.1)), rel=1e-5)


def test_learned_parameter_moves_without_a_new_trace():
    layer, x = Layer(CASES["lif"][0], 13, dt=1.0, learn=("tau_m",)).double(), given({"delta": (0.1, 0.5)})["delta"]
    before = layer.run(x, traces=("v",)).traces["v"]
    with torch.no_grad():
        next(layer.parameters()).add_(0.5)
    after = layer.run(x, traces=("v",)).traces["v"]
    with eager():
        right = layer.run(x, traces=("v",)).traces["v"]
    assert torch.equal(after, right) and not torch.equal(before, after)


def test_every_pointwise_model_of_the_catalogue_is_covered():
    covered = {type(model).__name__ for model, *_ in CASES.values()}
    others = {"IF", "SoftLIF", *NOISY}               # parts of LIF's text; and what fires at random
    computed = {n for n in neurons.__all__ if dataclasses.is_dataclass(getattr(neurons, n))
                and hasattr(getattr(neurons, n), "Ports") and getattr(neurons, n).Ports._fields}
    assert computed - covered <= others
    for name in computed & others - NOISY:
        model = getattr(neurons, name)(**UNIT)
        assert unrolled.forward_graph(model, 1, 1.0, ports=("delta",)).spike is not None


@pytest.mark.parametrize("dt", [0.1, 0.3, 0.7])
def test_single_precision_equals_eager_at_any_step(dt):
    layer, x = Layer(neurons.LIF(tau_m=7.3, t_ref=0.0, **UNIT), dt=dt), torch.randn(20, 50, 100) * 0.4
    with eager():
        slow = layer.run(x, traces=("v",)).traces["v"]
    assert torch.equal(slow, layer.run(x, traces=("v",)).traces["v"])


def test_a_state_given_as_one_number_counts():
    layer = Layer(neurons.LIF(tau_m=10.0, t_ref=0.0, C_m=10.0, **UNIT), dt=1.0)
    rest = layer.run(torch.zeros(1, 2, 3)).state
    with pytest.warns(UserWarning, match="'i'"):
        v = layer.run(torch.zeros(1, 2, 3), rest._replace(i=torch.tensor(5.0)), traces=("v",)).traces["v"]
    assert float(v[0, 0, 0]) == pytest.approx(5.0 * (1 - math.exp(-0.1)), rel=1e-5)
