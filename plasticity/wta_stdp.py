"""STDP of spiking winner-take-all circuits: Bayesian learning of causes."""
from dataclasses import dataclass
from typing import NamedTuple

import torch

from snn.contract import Value, ms, param
from snn.rule import SynapticRule


@dataclass(frozen=True, kw_only=True, eq=False)
class WinnerTakeAllSTDP(SynapticRule):
    """Weights of the winner become the logarithms of how often each input is active when it wins.

    Formula
        At a postsynaptic spike w += eta (c exp(-w) - 1) if the input fired within the last sigma ms, else w -= eta.
        Fixed point: w = log(c p), p the probability that the input is active at a spike of the neuron. In a circuit in
        which one neuron wins at a time, in proportion to exp(its input), this is online expectation maximisation.

    Shapes and units
        Pre: ``left`` ms of the window after a spike. Weights have no unit; log c is the weight of an input that is
        always active, and inputs rarer than exp(w_min) / c rest at w_min.

    Errors: ModelError for a negative eta, c or sigma <= 0, w_min not below w_max.

    Source: Nessler, Pfeiffer, Buesing, Maass (2013), PLoS Comput. Biol. 9:e1003037; first in Nessler, Pfeiffer, Maass
    (2009), NIPS 22; c as in Habenschuss, Puhr, Maass (2013), Neural Comput. 25:1371-1407.

    Example: ``net.connect(pixels, cells, weight=snn.Uniform(0.0, 1.0), port="delta", plasticity=WinnerTakeAllSTDP())``
    """

    eta: Value = param(0.005, doc="learning rate", at_least=0)
    c: Value = param(20.0, doc="exp of the weight of an input that is always active", above=0)
    sigma: Value = param(10.0, unit="ms", doc="window in which a presynaptic spike counts", above=0)
    w_min: Value = param(0.0, doc="lowest weight")
    w_max: Value = param(5.0, doc="highest weight")

    class Pre(NamedTuple):
        left: ms

    def decay(self, x, y, dt):
        return self.Pre(left=torch.relu(x.left - dt)), y

    def spike(self, x, y):
        return self.Pre(left=self.sigma), y

    def on_post(self, s, x, y, mod):
        # A time that many subtractions of dt have brought to the end of the window is a rounding error, not a rest.
        active = x.left > 1e-6 * self.sigma
        return s._replace(w=self.clip(s.w - self.eta + torch.where(active, self.eta * self.c * torch.exp(-s.w), 0.0)))
