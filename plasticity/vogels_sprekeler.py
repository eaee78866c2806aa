"""Inhibitory plasticity that balances excitation."""
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch

from snn.contract import Value, param, unitless
from snn.plasticity.pair_stdp import zero_or_one
from snn.rule import SynapticRule


@dataclass(frozen=True, kw_only=True, eq=False)
class VogelsSprekeler(SynapticRule):
    """Inhibitory STDP: near-coincident spikes strengthen, every presynaptic spike weakens; the target's rate is held.

    Formula
        dx/dt = -x / tau, x += 1 at a presynaptic spike;  dy/dt = -y / tau, y += 1 at a postsynaptic spike;
        presynaptic spike: w += eta (y - alpha), alpha = 2 rho_0 tau;  postsynaptic spike: w += eta x;
        w is kept within w_min and w_max. The mean change vanishes where uncorrelated neurons fire such that the
        postsynaptic rate is rho_0. Spikes that meet at the synapse in one step are one pair (``coincident=1``) or
        none (``coincident=0``, as in NEST).

    Shapes and units
        Traces ``x``, ``y``, ``late``: without unit, one per neuron. ``w``, eta and the bounds: the unit of the port. A
        positive eta is for ports whose inhibitory weights are positive (conductances); where they are negative, eta
        and w_min are negative too, and w_max is 0.

    Errors: ModelError for tau <= 0, rho_0 < 0, w_min >= w_max, coincident other than 0 and 1.

    Source: T. P. Vogels, H. Sprekeler, F. Zenke, C. Clopath, W. Gerstner (2011), Science 334:1569-1573.

    Example: ``VogelsSprekeler(eta=0.01, rho_0=5.0, w_max=10.0)``
    """

    eta: Value = param(0.001, doc="learning rate, in the unit of the weight")
    rho_0: Value = param(5.0, unit="Hz", doc="rate at which the target is held", at_least=0)
    tau: Value = param(20.0, unit="ms", doc="time constant of the window", above=0)
    w_min: Value = param(0.0, doc="lowest weight")
    w_max: Value = param(1.0, doc="highest weight")
    coincident: Value = param(1.0, doc="1: spikes that meet at the synapse in one step are a pair; 0: they are not",
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
        left = torch.exp(-dt / self.tau)
        return self.Pre(x.x * left), self.Post((y.y + y.late) * left, torch.zeros_like(y.late))

    def spike(self, x, y):
        return self.Pre(x.x + 1.0), self.Post(y.y + self.coincident, y.late + (1.0 - self.coincident))

    def on_pre(self, s, x, y, mod):
        alpha = 2.0 * (0.001 * self.rho_0) * self.tau
        return s._replace(w=self.clip(s.w + self.eta * (y.y - alpha)))

    def on_post(self, s, x, y, mod):
        return s._replace(w=self.clip(s.w + self.eta * x.x))
