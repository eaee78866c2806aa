"""Plasticity whose sign is set by dis-inhibition."""
from dataclasses import dataclass
from typing import NamedTuple

import torch

from snn.contract import Value, mV, param, unitless
from snn.rule import SynapticRule


@dataclass(frozen=True, kw_only=True, eq=False)
class DisInhibitory(SynapticRule):
    """A synapse onto the excitatory neuron of a pair; it changes by how far inhibition differs from its prediction.

    Formula
        Presynaptic spike: w += eta d g, kept within w_min and w_max, where d and g are averages over ``tau`` of
        d = phi(u) - v and g = phi'(u);  phi(u) = log(1 + e^u) is the inhibition that the excitatory activity predicts,
        v the inhibitory potential that is there. In the mean dw/dt = eta r_pre (phi(u) - v) phi'(u).
        Here v = u_I. Settled, u_I = phi(u) - feedback: dis-inhibition (feedback > 0) potentiates, added inhibition
        depresses, and without feedback nothing changes, whatever the activity. The averages are those before the spike,
        over which fluctuations of d, whose own mean is then 0, cancel.

    Shapes and units
        Post: ``d`` mV, ``g`` unitless. Reads ``u``, ``u_I`` mV of the postsynaptic neuron, such as
        :class:`snn.neurons.EIPair`. ``w`` has the unit of the port.

    Errors: ModelError for eta < 0, tau <= 0, w_min >= w_max.

    Source: Rossbroich and Zenke (2023), Advances in Neural Information Processing Systems 36, arXiv:2310.19614.

    Example: ``DisInhibitory(eta=0.01, w_min=-1.0)``
    """

    eta: Value = param(0.01, unit="1/mV", doc="learning rate, change of the weight per spike and mV", at_least=0)
    tau: Value = param(100.0, unit="ms", doc="averaging time of the error", above=0)
    w_min: Value = param(0.0, doc="lowest weight")
    w_max: Value = param(1.0, doc="highest weight")

    class Post(NamedTuple):
        d: mV
        g: unitless

    class Reads(NamedTuple):
        u: mV
        u_I: mV

    def inhibition(self, u_I):
        """The inhibitory potential as the synapse sees it."""
        return u_I

    def watch(self, y, u, dt):
        new = -torch.expm1(-dt / self.tau)
        d = softplus(u.u) - self.inhibition(u.u_I)
        return self.Post(d=y.d + new * (d - y.d), g=y.g + new * (torch.sigmoid(u.u) - y.g))

    def on_pre(self, s, x, y, mod):
        return s._replace(w=self.clip(s.w + self.eta * (y.d * y.g)))


@dataclass(frozen=True, kw_only=True, eq=False)
class ThresholdDisInhibitory(DisInhibitory):
    """:class:`DisInhibitory` of a synapse that sees the inhibitory activity, not the inhibitory potential.

    Formula
        As :class:`DisInhibitory` with v = log(e^m - 1) + (phi(u_I) - m) / (1 - e^-m), the tangent of the inverse of phi
        at the usual inhibition m. The excitatory activity at which the sign changes, phi(u) = v, is a threshold linear
        in the local inhibition: more excitation potentiates and less depresses, as in the rule of Bienenstock, Cooper
        and Munro. The inverse is concave, so that v > u_I away from m: without feedback the weight falls a little.

    Shapes and units
        As :class:`DisInhibitory`. ``m`` mV, the activity phi(u_I) of an inhibitory neuron.

    Errors: as :class:`DisInhibitory`; ModelError for m <= 0.

    Source: as :class:`DisInhibitory`.

    Example: ``ThresholdDisInhibitory(m=0.8)``
    """

    m: Value = param(0.8, unit="mV", doc="usual inhibitory activity", above=0)

    def inhibition(self, u_I):
        usual = self.m + torch.log(-torch.expm1(-self.m))
        return usual - (softplus(u_I) - self.m) / torch.expm1(-self.m)


def softplus(v):
    """log(1 + e^v) without overflow, to 1e-16 (engines compile no log1p of a state)."""
    return torch.maximum(v, torch.zeros_like(v)) + torch.log(1.0 + torch.exp(-torch.abs(v)))
