"""Rule of Bienenstock, Cooper and Munro."""
from dataclasses import dataclass
from typing import NamedTuple

import torch

from snn.contract import Value, param
from snn.plasticity.rates import Hz, RateRule


@dataclass(frozen=True, kw_only=True, eq=False)
class BCM(RateRule):
    """Hebbian learning with a sliding threshold between depression and potentiation: neurons become selective.

    Formula
        At a postsynaptic spike w += eta x (y - theta);  in the mean dw/dt = eta x y (y - theta) per s.
        x and y estimate the rates: a spike adds 1000 / tau, decay with tau_x, tau_y. theta estimates <y^2> / y_0: a
        postsynaptic spike adds (1000 / tau_theta) y / y_0 with the y before it, decay with tau_theta.
        A linear neuron y = sum w x that sees K linearly independent patterns equally often ends with the rate K y_0 for
        one of them and 0 for the others, if tau_theta is long against a presentation and short against learning.

    Shapes and units
        Pre: ``x`` Hz. Post: ``y``, ``theta`` Hz. eta in the unit of the weight per Hz^2. Bounds of the weights keep
        learning from its fixed point; selectivity for patterns that overlap needs negative weights.

    Errors: ModelError for a negative eta, y_0 or a time constant <= 0, w_min not below w_max.

    Source: Bienenstock, Cooper, Munro (1982), J. Neurosci. 2:32-48; the threshold <y^2> is that of Intrator and Cooper
    (1992), Neural Networks 5:3-17.

    Example: ``net.connect(inputs, cells, weight=0.2, port="delta", plasticity=BCM(y_0=5.0))``
    """

    eta: Value = param(1e-6, unit="1/Hz^2", doc="learning rate", at_least=0)
    y_0: Value = param(10.0, unit="Hz", doc="rate that is its own threshold", above=0)
    tau_theta: Value = param(5000.0, unit="ms", doc="time constant of the threshold", above=0)

    class Post(NamedTuple):
        y: Hz
        theta: Hz

    def decay(self, x, y, dt):
        x, y = super().decay(x, y, dt)
        return x, y._replace(theta=y.theta * torch.exp(-dt / self.tau_theta))

    def spike(self, x, y):
        theta = y.theta + (1000.0 / self.tau_theta) * (y.y / self.y_0)
        x, y = super().spike(x, y)
        return x, y._replace(theta=theta)

    def on_post(self, s, x, y, mod):
        return s._replace(w=self.clip(s.w + self.eta * x.x * (y.y - y.theta)))
