"""Spike-timing-dependent plasticity with the signs reversed."""
from dataclasses import dataclass
from typing import ClassVar

import torch

from snn.plasticity.pair_stdp import PairSTDP


@dataclass(frozen=True, kw_only=True, eq=False)
class AntiHebbianSTDP(PairSTDP):
    """Additive pair STDP with reversed signs: an input that helps its target to fire becomes weaker.

    Formula
        traces as in PairSTDP, x with tau_minus and y with tau_plus;
        postsynaptic spike: w -= A_minus x;  presynaptic spike: w += A_plus y;  w is kept within w_min and w_max.
        Spikes that meet at the synapse in one step potentiate (``coincident=1``) or do not pair (``coincident=0``).

    Shapes and units
        as PairSTDP: traces ``x``, ``y``, ``late`` per neuron without unit; ``w``, amounts: the unit of the port.

    Errors: ModelError as PairSTDP.

    Source: C. C. Bell, V. Z. Han, Y. Sugawara, K. Grant (1997), Nature 387:278-281; P. D. Roberts, C. C. Bell (2002),
    Biol. Cybern. 87:392-403.

    Example: ``AntiHebbianSTDP(A_minus=0.01, A_plus=0.009)``
    """

    additive: ClassVar[bool] = True

    def decay(self, x, y, dt):
        after = (y.y + y.late) * torch.exp(-dt / self.tau_plus)
        return self.Pre(x.x * torch.exp(-dt / self.tau_minus)), self.Post(after, torch.zeros_like(y.late))

    def on_pre(self, s, x, y, mod):
        return s._replace(w=self.clip(s.w + self.A_plus * y.y))

    def on_post(self, s, x, y, mod):
        return s._replace(w=self.clip(s.w - self.A_minus * x.x))
