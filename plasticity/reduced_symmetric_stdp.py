"""Pair-based STDP between immediate neighbours only."""
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch

from snn.contract import unitless
from snn.plasticity.nearest_stdp import NearestSTDP


@dataclass(frozen=True, kw_only=True, eq=False)
class ReducedSymmetricSTDP(NearestSTDP):
    """Additive pair STDP between immediate neighbours: a pair counts only if no other spike of the two lies between.

    Formula
        as NearestSTDP, but a postsynaptic spike potentiates only where the spike before it at this synapse was a
        presynaptic one, and a presynaptic spike depresses only where the one before it was a postsynaptic one.

    Shapes and units
        Traces ``x``, ``y``, ``late`` per neuron without unit; ``w`` and the amounts in the unit of the port; ``last``
        per synapse: 1 after a presynaptic spike, -1 after a postsynaptic one, 0 before any.

    Errors: ModelError as PairSTDP.

    Source: A. Morrison, M. Diesmann, W. Gerstner (2008), Biol. Cybern. 98:459-478, section 4.1.2 and figure 7C.

    Example: ``ReducedSymmetricSTDP(A_plus=0.005, A_minus=0.00525, w_max=1.0)``
    """

    additive: ClassVar[bool] = False

    class Synapse(NamedTuple):
        w: unitless
        last: unitless

    def on_pre(self, s, x, y, mod):
        w = torch.where(s.last < 0.0, self.clip(s.w - self.A_minus * y.y), s.w)
        return self.Synapse(w, torch.ones_like(s.last))

    def on_post(self, s, x, y, mod):
        w = torch.where(s.last > 0.0, self.clip(s.w + self.A_plus * x.x), s.w)
        return self.Synapse(w, -torch.ones_like(s.last))
