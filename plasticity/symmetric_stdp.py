"""Spike-timing-dependent plasticity that does not ask which spike came first."""
from dataclasses import dataclass
from typing import NamedTuple

import torch

from snn.contract import Value, param, unitless
from snn.rule import SynapticRule


@dataclass(frozen=True, kw_only=True, eq=False)
class SymmetricSTDP(SynapticRule):
    """Additive pair STDP with a symmetric window: near coincidence potentiates, and a longer interval may depress.

    Formula
        each pair of spikes that meet D ms apart at the synapse, whichever is first:
        w += A_plus exp(-|D| / tau_plus) - A_minus exp(-|D| / tau_minus);  w is kept within w_min and w_max.
        Both neurons keep a fast (tau_plus) and a slow (tau_minus) trace that grow by 1 at a spike. Spikes that meet in
        one step are one pair. With A_minus = 0 every pair potentiates; with tau_minus > tau_plus and
        A_minus < A_plus the window has the shape of a Mexican hat.

    Shapes and units
        Traces ``fast``, ``slow``: without unit, one per neuron. ``w``, amounts and bounds: the unit of the port.

    Errors: ModelError for A_plus, A_minus < 0, a time constant <= 0, w_min >= w_max.

    Source: window without depression at recurrent synapses of CA3: R. K. Mishra, S. Kim, S. J. Guzman, P. Jonas (2016),
    Nat. Commun. 7:11552; with depression at inhibitory synapses: M. A. Woodin, K. Ganguly, M. Poo (2003), Neuron
    39:807-820.

    Example: ``SymmetricSTDP(A_plus=0.01, tau_plus=100.0, A_minus=0.0)``
    """

    A_plus: Value = param(0.01, doc="potentiation per pair, in the unit of the weight", at_least=0)
    A_minus: Value = param(0.003, doc="depression per pair, in the unit of the weight", at_least=0)
    tau_plus: Value = param(10.0, unit="ms", doc="time constant of potentiation", above=0)
    tau_minus: Value = param(40.0, unit="ms", doc="time constant of depression", above=0)
    w_min: Value = param(0.0, doc="lowest weight")
    w_max: Value = param(1.0, doc="highest weight")

    class Pre(NamedTuple):
        fast: unitless
        slow: unitless

    class Post(NamedTuple):
        fast: unitless
        slow: unitless

    def decay(self, x, y, dt):
        fast, slow = torch.exp(-dt / self.tau_plus), torch.exp(-dt / self.tau_minus)
        return self.Pre(x.fast * fast, x.slow * slow), self.Post(y.fast * fast, y.slow * slow)

    def spike(self, x, y):
        return self.Pre(x.fast + 1.0, x.slow + 1.0), self.Post(y.fast + 1.0, y.slow + 1.0)

    def on_pre(self, s, x, y, mod):
        return s._replace(w=self.clip(s.w + self.A_plus * y.fast - self.A_minus * y.slow))

    def on_post(self, s, x, y, mod):
        return s._replace(w=self.clip(s.w + self.A_plus * x.fast - self.A_minus * x.slow))
