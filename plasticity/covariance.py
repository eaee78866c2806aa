"""Covariance rule."""
from dataclasses import dataclass
from typing import NamedTuple

import torch

from snn.contract import Value, param
from snn.plasticity.rates import Hz, RateRule, require_shorter


@dataclass(frozen=True, kw_only=True, eq=False)
class Covariance(RateRule):
    """Weights follow the covariance of the activities: together up, alone down, independent not at all.

    Formula
        At a postsynaptic spike w += eta (x - x_mean) / 2, at a presynaptic spike w += eta (y - y_mean) / 2;
        in the mean dw/dt = eta <(x - <x>) (y - <y>)> per s, with coincidences weighted by exp(-|lag| / tau).
        x and y estimate the rates of now (a spike adds 1000 / tau, decay with tau_x, tau_y), x_mean and y_mean the mean
        rates (likewise with tau_mean).

    Shapes and units
        Pre: ``x``, ``x_mean`` Hz. Post: ``y``, ``y_mean`` Hz. eta in the unit of the weight per Hz.
        tau_mean must be long against the changes of rate that are to be learnt.

    Errors: ModelError for a negative eta, a time constant <= 0, tau_mean not above tau_x and tau_y, w_min not below
    w_max.

    Source: Sejnowski (1977), J. Math. Biol. 4:303-321.

    Example: ``net.connect(inputs, cells, weight=0.5, port="delta", plasticity=Covariance(tau_mean=1e4))``
    """

    eta: Value = param(1e-4, unit="1/Hz", doc="learning rate", at_least=0)
    tau_mean: Value = param(5000.0, unit="ms", doc="time constant of the mean rates", above=0)

    class Pre(NamedTuple):
        x: Hz
        x_mean: Hz

    class Post(NamedTuple):
        y: Hz
        y_mean: Hz

    def check(self):
        super().check()
        for name in ("tau_x", "tau_y"):
            require_shorter(self, name, "tau_mean")

    def decay(self, x, y, dt):
        x, y = super().decay(x, y, dt)
        kept = torch.exp(-dt / self.tau_mean)
        return x._replace(x_mean=x.x_mean * kept), y._replace(y_mean=y.y_mean * kept)

    def spike(self, x, y):
        x, y = super().spike(x, y)
        one = 1000.0 / self.tau_mean
        return x._replace(x_mean=x.x_mean + one), y._replace(y_mean=y.y_mean + one)

    def on_pre(self, s, x, y, mod):
        return s._replace(w=self.clip(s.w + (0.5 * self.eta) * (y.y - y.y_mean)))

    def on_post(self, s, x, y, mod):
        return s._replace(w=self.clip(s.w + (0.5 * self.eta) * (x.x - x.x_mean)))
