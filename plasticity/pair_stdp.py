"""Pair-based spike-timing-dependent plasticity."""
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch

from snn.contract import Value, numbers, param, unitless
from snn.errors import ModelError
from snn.rule import SynapticRule


@dataclass(frozen=True, kw_only=True, eq=False)
class PairSTDP(SynapticRule):
    """Additive pair-based STDP with hard bounds; every spike pairs with all earlier spikes of the other side.

    Formula
        dx/dt = -x / tau_plus, x += 1 at a presynaptic spike;  dy/dt = -y / tau_minus, y += 1 at a postsynaptic spike;
        postsynaptic spike: w += A_plus x;  presynaptic spike: w -= A_minus y;  w is kept within w_min and w_max.
        A postsynaptic spike D ms after a presynaptic one, both as seen at the synapse, thus adds
        A_plus exp(-D / tau_plus), and one D ms before it takes A_minus exp(-D / tau_minus) away.
        Spikes that meet at the synapse in one step depress by A_minus (``coincident=1``) or do not pair
        (``coincident=0``; ``late`` then holds the postsynaptic spikes of this step until it is over).
        Without dendritic delay the postsynaptic spike of a step comes behind its input, and they potentiate by A_plus.

    Shapes and units
        Traces ``x``, ``y``, ``late``: without unit, one per neuron. A synapse holds ``w`` in the unit of the port, and
        A_plus, A_minus, w_min and w_max have that unit too: the amounts are not scaled by w_max.

    Errors: ModelError for A_plus, A_minus < 0, a time constant <= 0, w_min >= w_max, coincident other than 0 and 1.

    Source: S. Song, K. D. Miller, L. F. Abbott (2000), Nat. Neurosci. 3:919-926; traces: A. Morrison, M. Diesmann,
    W. Gerstner (2008), Biol. Cybern. 98:459-478. NEST does not pair spikes that meet; SpiNNaker lets them depress.

    Example: ``PairSTDP(A_plus=0.005, A_minus=0.00525, tau_plus=16.8, tau_minus=33.7, w_max=1.0)``
    """

    A_plus: Value = param(0.01, doc="potentiation per pair, in the unit of the weight", at_least=0)
    A_minus: Value = param(0.0105, doc="depression per pair, in the unit of the weight", at_least=0)
    tau_plus: Value = param(20.0, unit="ms", doc="time constant of potentiation", above=0)
    tau_minus: Value = param(20.0, unit="ms", doc="time constant of depression", above=0)
    w_min: Value = param(0.0, doc="lowest weight")
    w_max: Value = param(1.0, doc="highest weight")
    coincident: Value = param(1.0, doc="1: spikes that meet at the synapse in one step depress; 0: they do not pair",
                              at_least=0, at_most=1)

    class Pre(NamedTuple):
        x: unitless

    class Post(NamedTuple):
        y: unitless
        late: unitless

    additive: ClassVar[bool] = True

    def check(self):
        super().check()
        zero_or_one(self, "coincident")

    def decay(self, x, y, dt):
        after = (y.y + y.late) * torch.exp(-dt / self.tau_minus)
        return self.Pre(x.x * torch.exp(-dt / self.tau_plus)), self.Post(after, torch.zeros_like(y.late))

    def spike(self, x, y):
        return self.Pre(x.x + 1.0), self.Post(y.y + self.coincident, y.late + (1.0 - self.coincident))

    def on_pre(self, s, x, y, mod):
        return s._replace(w=self.clip(s.w - self.A_minus * y.y))

    def on_post(self, s, x, y, mod):
        return s._replace(w=self.clip(s.w + self.A_plus * x.x))


def zero_or_one(rule, name):
    """Raise where a field that switches something is neither 0 nor 1."""
    value = float(numbers(getattr(rule, name)))
    if value not in (0.0, 1.0):
        raise ModelError(f"{type(rule).__name__}.{name}: is {value:g}. It must be 0 or 1.")
