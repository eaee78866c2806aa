"""Pair-based STDP whose potentiation grows as a power of the weight."""
from dataclasses import dataclass
from typing import ClassVar

import torch

from snn.contract import Value, param
from snn.plasticity.pair_stdp import PairSTDP


@dataclass(frozen=True, kw_only=True, eq=False)
class PowerLawSTDP(PairSTDP):
    """Pair STDP with power-law potentiation and proportional depression; it needs no upper bound.

    Formula
        traces x and y as in PairSTDP;
        postsynaptic spike: w += A_plus w_0 (w / w_0)^mu x;  presynaptic spike: w -= A_minus w y;
        w is kept within w_min and w_max. In the symbols of the paper A_plus = lambda and A_minus = lambda alpha.
        Under independent spikes potentiation and depression balance at
        w = w_0 (A_plus tau_plus / (A_minus tau_minus))^(1 / (1 - mu)). A weight of 0 stays 0 if mu > 0.

    Shapes and units
        Traces ``x``, ``y``, ``late``: without unit, one per neuron. ``w``, w_0 and the bounds: the unit of the port.
        A_plus, A_minus: without unit.

    Errors: ModelError as PairSTDP, and for w_0 <= 0, w_min < 0, mu below 0 or above 1.

    Source: A. Morrison, A. Aertsen, M. Diesmann (2007), Neural Comput. 19:1437-1467.

    Example: ``PowerLawSTDP(w_0=1.0, mu=0.4, A_plus=0.1, A_minus=0.011)``
    """

    A_plus: Value = param(0.1, doc="potentiation per pair at w = w_0, relative to w_0", at_least=0)
    A_minus: Value = param(0.011, doc="depression per pair, relative to the weight", at_least=0)
    mu: Value = param(0.4, doc="exponent of potentiation", at_least=0, at_most=1)
    w_0: Value = param(1.0, doc="reference weight", above=0)
    w_min: Value = param(0.0, doc="lowest weight", at_least=0)
    w_max: Value = param(1e6, doc="highest weight")

    additive: ClassVar[bool] = False

    def on_pre(self, s, x, y, mod):
        return s._replace(w=self.clip(s.w - self.A_minus * s.w * y.y))

    def on_post(self, s, x, y, mod):
        amount = self.A_plus * self.w_0 * torch.pow(s.w / self.w_0, self.mu)
        return s._replace(w=self.clip(s.w + amount * x.x))
