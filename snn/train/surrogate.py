"""Surrogate gradients: a spike forward, a smooth derivative backward.

What it is
    A neuron fires where its margin is not negative. That step has no useful derivative, so the backward pass takes
    ``derivative(margin)`` of a surrogate in its place. A surrogate is an object that is called with the margin (without
    unit: 0 at threshold, -1 after a reset) and gives spikes 0.0 or 1.0 of the margin's dtype. Its derivative uses only
    the operations of ``snn.operations``, because compiled layers take it into their graph.

A surrogate of your own is a frozen dataclass::

    @dataclass(frozen=True)
    class Hat(Surrogate):
        width: float = 1.0

        def derivative(self, margin):
            return torch.relu(1.0 - torch.abs(margin) / self.width)

Any other function from margin to spikes may be a layer's ``fire`` too; such a layer runs eagerly.

Errors: :class:`~snn.errors.ModelError` for a parameter that is not a positive number.

Source: Neftci, Mostafa, Zenke (2019), IEEE Signal Processing Magazine 36(6):51-63. The surrogates that
SpikingJelly has too go by its names and formulas.
"""
import math
from dataclasses import dataclass, fields
from numbers import Real

import torch

from snn.errors import ModelError


class _Spike(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(margin, surrogate):
        return (margin >= 0).to(margin.dtype)

    @staticmethod
    def setup_context(ctx, inputs, output):
        margin, ctx.surrogate = inputs
        ctx.save_for_backward(margin)

    @staticmethod
    def backward(ctx, grad):
        return grad * ctx.surrogate.derivative(*ctx.saved_tensors), None


@dataclass(frozen=True)
class Surrogate:
    """Base of all surrogates; a subclass states ``derivative(margin)``."""

    def __post_init__(self):
        for f in fields(self):
            value = getattr(self, f.name)
            if not isinstance(value, Real) or not 0 < value < math.inf:
                raise ModelError(f"{type(self).__name__}.{f.name}: is {value!r}. A positive number is expected.")

    def __call__(self, margin):
        return _Spike.apply(margin, self)

    def derivative(self, margin):
        """What stands for the derivative of a spike by ``margin``."""
        raise NotImplementedError


@dataclass(frozen=True)
class ATan(Surrogate):
    """Derivative of an arctangent: ``(alpha / 2) / (1 + (pi alpha m / 2)^2)``.

    Source: Fang et al. (2021), ICCV, 2661-2671. Example: ``Layer(LIF(), dt=1.0, fire=ATan(alpha=5.0))``
    """

    alpha: float = 2.0

    def derivative(self, margin):
        return (0.5 * self.alpha) / (1.0 + torch.square((0.5 * math.pi * self.alpha) * margin))


@dataclass(frozen=True)
class Sigmoid(Surrogate):
    """Derivative of a logistic function: ``alpha s (1 - s)``, ``s = sigmoid(alpha m)``."""

    alpha: float = 4.0

    def derivative(self, margin):
        s = torch.sigmoid(self.alpha * margin)
        return self.alpha * (s * (1.0 - s))


@dataclass(frozen=True)
class Triangle(Surrogate):
    """A triangle of area 1: ``alpha - alpha^2 |m|`` where that is positive. SpikingJelly's ``PiecewiseQuadratic``.

    Source: Esser et al. (2016), PNAS 113:11441-11446.
    """

    alpha: float = 1.0

    def derivative(self, margin):
        return torch.relu(self.alpha - (self.alpha * self.alpha) * torch.abs(margin))


@dataclass(frozen=True)
class Rectangle(Surrogate):
    """A rectangle of area 1: ``1 / width`` where ``|m| < width / 2``.

    Source: Wu, Deng, Li, Zhu, Shi (2018), Frontiers in Neuroscience 12:331.
    """

    width: float = 1.0

    def derivative(self, margin):
        return torch.where(torch.abs(margin) < 0.5 * self.width, torch.full_like(margin, 1.0 / self.width), 0.0)


@dataclass(frozen=True)
class SuperSpike(Surrogate):
    """Derivative of a fast sigmoid: ``alpha / (1 + |m|)^2``.

    Source: Zenke and Ganguli (2018), Neural Computation 30:1514-1541.
    """

    alpha: float = 1.0

    def derivative(self, margin):
        return self.alpha / torch.square(torch.abs(margin) + 1.0)


@dataclass(frozen=True)
class SoftSign(Surrogate):
    """Derivative of a soft sign: ``1 / (2 alpha (1 / alpha + |m|)^2)``."""

    alpha: float = 2.0

    def derivative(self, margin):
        return (0.5 / self.alpha) / torch.square(torch.abs(margin) + 1.0 / self.alpha)


@dataclass(frozen=True)
class PiecewiseExp(Surrogate):
    """A two-sided exponential of area 1: ``(alpha / 2) exp(-alpha |m|)``.

    Source: Shrestha and Orchard (2018), Advances in Neural Information Processing Systems 31.
    """

    alpha: float = 1.0

    def derivative(self, margin):
        return (0.5 * self.alpha) * torch.exp(-self.alpha * torch.abs(margin))


@dataclass(frozen=True)
class Erf(Surrogate):
    """Derivative of an error function, a Gaussian of area 1: ``(alpha / sqrt(pi)) exp(-(alpha m)^2)``."""

    alpha: float = 2.0

    def derivative(self, margin):
        return (self.alpha / math.sqrt(math.pi)) * torch.exp(-torch.square(self.alpha * margin))


@dataclass(frozen=True)
class MultiGaussian(Surrogate):
    """A Gaussian with two wide, shallow, negative ones beside it.

    Formula: ``gamma ((1 + h) N(m; 0, sigma) - h N(m; sigma, s sigma) - h N(m; -sigma, s sigma))`` with the normal
    density ``N(m; mean, standard deviation)``.

    Source: Yin, Corradi, Bohte (2021), Nature Machine Intelligence 3:905-913.
    """

    sigma: float = 0.5
    h: float = 0.15
    s: float = 6.0
    gamma: float = 0.5

    def derivative(self, margin):
        wide = self.s * self.sigma
        beside = _normal(margin - self.sigma, wide) + _normal(margin + self.sigma, wide)
        return self.gamma * ((1.0 + self.h) * _normal(margin, self.sigma) - self.h * beside)


def _normal(x, sigma):
    return torch.exp(torch.square(x) * (-0.5 / sigma**2)) * (1.0 / (sigma * math.sqrt(2.0 * math.pi)))


def known(fire):
    """The :class:`Surrogate` that ``fire`` is, or None where its derivative is not known here.

    SpikingJelly's modules ATan, Sigmoid, PiecewiseQuadratic, PiecewiseExp, SoftSign, SuperSpike and Erf are known by
    their ``alpha`` as long as they fire spikes (``spiking=True``).
    """
    if isinstance(fire, Surrogate):
        return fire
    from spikingjelly.activation_based import surrogate as theirs
    same = {theirs.PiecewiseQuadratic: Triangle}
    same |= {getattr(theirs, ours.__name__): ours for ours in (ATan, Sigmoid, PiecewiseExp, SoftSign, SuperSpike, Erf)}
    ours = same.get(type(fire))
    return ours(float(fire.alpha)) if ours is not None and fire.spiking else None
