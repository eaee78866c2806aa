"""Layers of models that the catalogue does not have, or that nobody trains by default."""
from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch
from torch import nn

from snn.contract import Neuron, Value, choose, mV, param
from snn.neurons import LIF, Izhikevich
from snn.train.held import reset
from snn.train.layer import Layer
from snn.train.surrogate import ATan


def drive():
    return torch.rand(20, 3, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 0.6


@dataclass(frozen=True, kw_only=True, eq=False)
class Gated(Neuron):
    """A state variable has the name of an attribute of layers."""

    rate: Value = param(0.1, unit="1/ms", doc="rate of the gate")

    class State(NamedTuple):
        v: mV
        n: mV

    class Ports(NamedTuple):
        delta: mV

    def rest(self):
        return self.State(v=0.0, n=0.0)

    def flow(self, s, dt):
        return s._replace(n=s.n + dt * self.rate * (s.v - s.n))

    def receive(self, s, x):
        return s._replace(v=s.v + x.delta)

    def margin(self, s):
        return s.v - 1.0 - s.n

    def reset(self, s, z):
        return s._replace(v=choose(z, 0.0, s.v))


@dataclass(frozen=True, kw_only=True, eq=False)
class Odd(Gated):
    """An operation that compiled loops do not know."""

    def receive(self, s, x):
        return s._replace(v=s.v + torch.nn.functional.softplus(x.delta))


def test_a_model_of_the_user_trains():
    layer, x = Layer(Gated(), 6, dt=1.0, learn=("rate",)), drive().requires_grad_()
    out = layer(x)
    out.sum().backward()
    assert layer.n == 6 and torch.equal(layer.state_n, layer.run(x).state.n)
    assert layer.why_eager is None and 0 < out.mean() < 1
    assert layer.raw["rate"].grad != 0 and x.grad.abs().sum() > 0


def test_why_a_layer_runs_eagerly_is_said_once(recwarn):
    layer, x = Layer(Odd(), dt=1.0), drive()
    layer(x)
    layer(x)
    messages = [str(w.message) for w in recwarn if "eagerly" in str(w.message)]
    assert len(messages) == 1 and "Layer(Odd) runs eagerly" in messages[0] and "softplus" in messages[0]
    assert "softplus" in layer.why_eager
    unknown = Layer(LIF(), dt=1.0, fire=lambda margin: torch.sigmoid(4.0 * margin))
    with pytest.warns(UserWarning, match="runs eagerly"):
        unknown(x)


def test_an_izhikevich_net_learns():
    """The layer is not made for LIF: Izhikevich neurons learn to reach a count of spikes."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(8, 6), Layer(Izhikevich(), 6, dt=1.0, fire=ATan(2.0)))
    with torch.no_grad():
        net[0].weight *= 20.0
    optimiser, losses = torch.optim.Adam(net.parameters(), lr=0.5), []
    x = (torch.rand(60, 4, 8) < 0.3).float()
    for _ in range(60):
        optimiser.zero_grad()
        loss = (reset(net)(x).sum(0).mean() - 4.0).square()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[0] > 10.0 and min(losses[-10:]) < 0.1 * losses[0]
