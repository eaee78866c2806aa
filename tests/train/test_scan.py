"""Layers whose steps are computed all at once."""
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
import torch

import snn
import snn.train
from snn.contract import Neuron, param, unitless
from snn.errors import ModelError, RunError
from snn.neurons import LIF, AstrocyteLIF, LeakyReadout
from snn.train import Bounded, Layer, Scan

N = 7
AM_SU = AstrocyteLIF(E_L=0.0, V_th=1.0, V_drop=0.0, tau_m=8.0, tau_a=np.linspace(20.0, 400.0, N), g=0.3)
LEARN = {"tau_a": Bounded(15.0, 1000.0), "g": None, "tau_m": Bounded(1.0, 15.0)}


@dataclass(frozen=True, kw_only=True, eq=False)
class Rotor(Neuron):
    """A damped rotation: two states that act upon each other, with a current that pushes at its centre."""

    angle: float = param(0.1, doc="per ms")

    class State(NamedTuple):
        v: unitless
        w: unitless

    class Ports(NamedTuple):
        delta: unitless

    def rest(self):
        return self.State(v=1.0, w=-0.5)

    def flow(self, s, dt):
        c, sine = 0.99 * torch.cos(self.angle * dt), 0.99 * torch.sin(self.angle * dt)
        return self.State(v=c * s.v - sine * s.w + 0.1, w=sine * s.v + c * s.w - 0.02)

    def receive(self, s, x):
        return s._replace(v=s.v + torch.tanh(x.delta))


CASES = {"am-su": (AM_SU, LEARN), "readout": (LeakyReadout(tau=30.0), ("tau",)), "rotor": (Rotor(), ("angle",))}


def pair(name, **options):
    model, learn = CASES[name]
    return [Kind(model, N, dt=0.5, learn=learn, **options).double() for Kind in (Layer, Scan)]


def inputs(steps, ports=("delta",)):
    draw = torch.Generator().manual_seed(1)
    return {p: 0.1 + 0.3 * torch.randn(steps, 3, N, generator=draw, dtype=torch.float64) for p in ports}


@pytest.mark.parametrize("steps", [1, 2, 3, 64, 201])
@pytest.mark.parametrize("name", CASES)
def test_equals_the_layer_step_by_step(name, steps):
    """Outputs, every state, the last state, and all gradients."""
    model, results = CASES[name][0], []
    for layer in pair(name):
        x = {k: v.requires_grad_() for k, v in inputs(steps).items()}
        run = layer.run(x, traces=model.State._fields)
        loss = run.out.sum() + sum((v * torch.linspace(0.5, 1.5, steps, dtype=v.dtype)[:, None, None]).square().sum()
                                   for v in run.traces.values() if v.requires_grad)
        loss.backward()
        results.append((run, [x["delta"].grad, *(p.grad for p in layer.parameters())]))
    (slow, slow_grads), (fast, fast_grads) = results
    assert name != "am-su" or torch.equal(slow.out, fast.out)
    for a, b in zip((slow.out, *slow.traces.values(), *slow.state, *slow_grads),
                    (fast.out, *fast.traces.values(), *fast.state, *fast_grads), strict=True):
        torch.testing.assert_close(b, a, rtol=1e-10, atol=1e-10)


def test_single_precision_stays_near():
    slow, fast = (layer.float() for layer in pair("am-su"))
    x = {k: v.float() for k, v in inputs(500).items()}
    a, b = slow.run(x, traces=("v", "a")), fast.run(x, traces=("v", "a"))
    for name in ("v", "a"):
        torch.testing.assert_close(b.traces[name], a.traces[name], rtol=1e-4, atol=1e-4)
    assert 0.05 < float(a.out.detach().mean()) < 0.95
    assert (a.out != b.out).float().mean() < 1e-3     # only margins within rounding of 0 may differ


def test_goes_on_from_a_state_of_fixed_size():
    """In pieces, and step by step, with the same result; what is held does not grow."""
    whole, pieces, single = pair("am-su")[1], pair("am-su")[1], pair("am-su", step_mode="s")[1]
    x = inputs(40, ("delta", "current"))
    out = whole(x)
    parts = [pieces({k: v[a:b] for k, v in x.items()}) for a, b in ((0, 1), (1, 17), (17, 40))]
    torch.testing.assert_close(torch.cat(parts), out, rtol=0.0, atol=0.0)
    torch.testing.assert_close(torch.stack([single({k: v[t] for k, v in x.items()}) for t in range(40)]), out)
    assert all(m.shape == (3, N) for m in single.memories())
    torch.testing.assert_close(single.a, whole.a, rtol=1e-12, atol=1e-12)


def test_a_trained_scan_runs_in_the_event_driven_engine():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(5, N), Scan(AM_SU, N, dt=1.0)).double()
    with torch.no_grad():
        net[0].weight *= 3.0
    x = (torch.rand(50, 2, 5) < 0.2).double()
    out = net.eval()(x).detach()
    assert 0.05 < float(out.mean()) < 0.95
    assert torch.equal(snn.Network.from_torch(net).run(x).spikes["layer1"], out)


def test_the_decay_is_learnt_within_its_bounds():
    layer = Scan(AM_SU, N, dt=1.0, learn={"tau_a": Bounded(15.0, 500.0)})
    optimiser = torch.optim.SGD(layer.parameters(), lr=1e6)
    layer.run(inputs(30)["delta"].float(), traces="a").traces["a"].sum().backward()
    optimiser.step()
    assert (layer.model.tau_a >= 15.0).all() and (layer.model.tau_a <= 500.0).all()
    assert np.abs(layer.model.tau_a - AM_SU.tau_a).max() > 50.0


def test_remembers_what_a_membrane_has_forgotten():
    """One input spike, 80 ms later: the trace of the astrocyte is large, that of the membrane is gone."""
    x = torch.zeros(81, 1, N)
    x[0] = 1.0
    traces = Scan(AM_SU, N, dt=1.0).run(x, traces=("v", "a")).traces
    assert float(traces["v"][-1].max()) < 1e-4
    np.testing.assert_allclose(traces["a"][-1, 0], AM_SU.tau_a / (AM_SU.tau_a - 8.0)
                               * (np.exp(-80 / AM_SU.tau_a) - np.exp(-10)), rtol=1e-4)


@pytest.mark.parametrize(("model", "message"), [
    (AstrocyteLIF(), "a spike changes its state"),
    (LIF(), "not linear in its state|a spike changes its state"),
])
def test_refuses_models_whose_steps_must_wait(model, message):
    with pytest.raises(ModelError, match=f"Scan.*{message}"):
        Scan(model, 4, dt=1.0)


def test_refuses_what_a_layer_refuses():
    with pytest.raises(ModelError, match="model: is a str"):
        Scan("am-su", 4, dt=1.0)
    with pytest.raises(RunError, match="x: has shape"):
        Scan(AM_SU, N, dt=1.0)(torch.zeros(4, 3))
    assert snn.train.Scan is Scan
