"""Pair-based STDP whose amounts depend on the weight: soft bounds."""
from dataclasses import dataclass
from typing import ClassVar

import torch

from snn.contract import Value, param
from snn.plasticity.pair_stdp import PairSTDP


@dataclass(frozen=True, kw_only=True, eq=False)
class MultiplicativeSTDP(PairSTDP):
    """Pair STDP with soft bounds: changes shrink as the weight comes near the bound that it moves to.

    Formula
        u = (w - w_min) / (w_max - w_min), traces x and y as in PairSTDP;
        postsynaptic spike: w += A_plus (1 - u)^mu_plus x;  presynaptic spike: w -= A_minus u^mu_minus y;
        w is kept within w_min and w_max. With both exponents 0 it is PairSTDP, with 1 the multiplicative rule; with
        mu_plus = 0 and mu_minus = 1 potentiation is constant and depression proportional to the weight.
        Under independent Poisson spikes and exponents of 1 the mean of u goes, for small amounts, to
        A_plus tau_plus / (A_plus tau_plus + A_minus tau_minus), whatever the rates.

    Shapes and units
        as PairSTDP: traces ``x``, ``y``, ``late`` per neuron without unit; ``w``, amounts: the unit of the port.

    Errors: ModelError as PairSTDP, and for an exponent below 0 or above 1.

    Source: R. Gutig, R. Aharonov, S. Rotter, H. Sompolinsky (2003), J. Neurosci. 23:3697-3714; mu_plus = 0 and
    mu_minus = 1: M. C. W. van Rossum, G. Q. Bi, G. G. Turrigiano (2000), J. Neurosci. 20:8812-8821; exponents of 1:
    J. Rubin, D. D. Lee, H. Sompolinsky (2001), Phys. Rev. Lett. 86:364-367.

    Example: ``MultiplicativeSTDP(A_plus=0.005, A_minus=0.005, mu_plus=0.02, mu_minus=0.02)``
    """

    mu_plus: Value = param(1.0, doc="exponent of potentiation", at_least=0, at_most=1)
    mu_minus: Value = param(1.0, doc="exponent of depression", at_least=0, at_most=1)

    additive: ClassVar[bool] = False

    def fraction(self, w):
        """Where ``w`` lies between the bounds, 0 to 1."""
        return (w - self.w_min) / (self.w_max - self.w_min)

    def on_pre(self, s, x, y, mod):
        amount = self.A_minus * torch.pow(self.fraction(s.w), self.mu_minus)
        return s._replace(w=self.clip(s.w - amount * y.y))

    def on_post(self, s, x, y, mod):
        amount = self.A_plus * torch.pow(1.0 - self.fraction(s.w), self.mu_plus)
        return s._replace(w=self.clip(s.w + amount * x.x))
