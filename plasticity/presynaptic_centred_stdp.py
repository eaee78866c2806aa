"""Pair-based STDP between nearest neighbours as a presynaptic spike sees them."""
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch

from snn.contract import unitless
from snn.plasticity.nearest_stdp import NearestSTDP


@dataclass(frozen=True, kw_only=True, eq=False)
class PresynapticCentredSTDP(NearestSTDP):
    """Additive pair STDP where every presynaptic spike pairs with the last and with the next postsynaptic spike.

    Formula
        presynaptic spike: w -= A_minus exp(-(t - t_post) / tau_minus), t_post the last postsynaptic spike;  p += 1;
        postsynaptic spike: w += A_plus p, p = 0;  dp/dt = -p / tau_plus.
        p counts the presynaptic spikes since the last postsynaptic one, so it belongs to the synapse.

    Shapes and units
        Traces ``y``, ``late`` per neuron and ``p`` per synapse, without unit; ``w`` and the amounts in the unit of the
        port.

    Errors: ModelError as PairSTDP.

    Source: A. Morrison, M. Diesmann, W. Gerstner (2008), Biol. Cybern. 98:459-478, section 4.1.2 and figure 7B.

    Example: ``PresynapticCentredSTDP(A_plus=0.005, A_minus=0.00525, w_max=1.0)``
    """

    additive: ClassVar[bool] = False

    class Pre(NamedTuple):
        pass

    class Synapse(NamedTuple):
        w: unitless
        p: unitless

    def decay(self, x, y, dt):
        last = torch.maximum(y.y, y.late) * torch.exp(-dt / self.tau_minus)
        return x, self.Post(last, torch.zeros_like(y.late))

    def spike(self, x, y):
        late = torch.zeros_like(y.late) + (1.0 - self.coincident)
        return x, self.Post(torch.maximum(y.y, self.coincident), late)

    def flow(self, s, mod, dt):
        return s._replace(p=s.p * torch.exp(-dt / self.tau_plus))

    def on_pre(self, s, x, y, mod):
        return self.Synapse(w=self.clip(s.w - self.A_minus * y.y), p=s.p + 1.0)

    def on_post(self, s, x, y, mod):
        return self.Synapse(w=self.clip(s.w + self.A_plus * s.p), p=torch.zeros_like(s.p))
