"""Pair-based STDP between nearest neighbours only."""
from dataclasses import dataclass
from typing import ClassVar

import torch

from snn.plasticity.pair_stdp import PairSTDP


@dataclass(frozen=True, kw_only=True, eq=False)
class NearestSTDP(PairSTDP):
    """Additive pair STDP between nearest neighbours, symmetric: every spike pairs with the last one of the other side.

    Formula
        as PairSTDP, but a spike sets its trace to 1 instead of adding 1:
        postsynaptic spike: w += A_plus exp(-(t - t_pre) / tau_plus), t_pre the last presynaptic spike;
        presynaptic spike: w -= A_minus exp(-(t - t_post) / tau_minus), t_post the last postsynaptic spike.

    Shapes and units
        as PairSTDP: traces ``x``, ``y``, ``late`` per neuron without unit; ``w``, amounts: the unit of the port.

    Errors: ModelError as PairSTDP.

    Source: A. Morrison, M. Diesmann, W. Gerstner (2008), Biol. Cybern. 98:459-478, section 4.1.2 and figure 7A.

    Example: ``NearestSTDP(A_plus=0.005, A_minus=0.00525, w_max=1.0)``
    """

    additive: ClassVar[bool] = True

    def decay(self, x, y, dt):
        last = torch.maximum(y.y, y.late) * torch.exp(-dt / self.tau_minus)
        return self.Pre(x.x * torch.exp(-dt / self.tau_plus)), self.Post(last, torch.zeros_like(y.late))

    def spike(self, x, y):
        late = torch.zeros_like(y.late) + (1.0 - self.coincident)
        return self.Pre(torch.ones_like(x.x)), self.Post(torch.maximum(y.y, self.coincident), late)
