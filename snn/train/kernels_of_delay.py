"""Temporal kernels that make a delay differentiable: what a delay of ``d`` steps (a real number) does to a spike.

What it is
    A kernel spreads an input over neighbouring whole steps. Its weights over the delays ``k = 0 .. longest`` depend
    smoothly on ``d``, so the loss has a gradient in ``d``. At evaluation every kernel is one whole step, ``round(d)``.

    ====================  ===========================  =================  ======================================
    kernel                forward                      taps               gradient of the delay
    ====================  ===========================  =================  ======================================
    ``Gaussian``          a bell of shrinking width    longest + 1 to 6   its own
    ``Linear``            the two neighbouring steps   2                  difference of the two steps
    ``SmoothedGradient``  the two neighbouring steps   2                  slope under a bell of shrinking width
    ``Rounded``           the nearest whole step       1                  slope under a bell of shrinking width
    ====================  ===========================  =================  ======================================

    All but ``Rounded`` change when evaluation makes the delays whole. A bell of sigma = 0.5 has 0.79 of its weight on
    one step; where a net has come to rely on the rest, for instance to meet jittered spikes, accuracy is lost
    (``examples/07_lag_classes.py`` shows it).

Sources: Hammouamri, Khalfaoui-Hassani, Masquelier 2024 ("Learning Delays in Spiking Neural Networks using Dilated
Convolutions with Learnable Spacings"): Gaussian and its schedule. Khalfaoui-Hassani, Pellegrini, Masquelier 2023
("Dilated convolution with learnable spacings"): linear interpolation.
"""
import math
from dataclasses import dataclass
from numbers import Real
from typing import NamedTuple

import torch

from snn.errors import ModelError


class Taps(NamedTuple):
    """``first`` whole steps of many delays, int64 [...]; ``weights`` [..., taps] of steps first, first + 1, ..."""

    first: torch.Tensor
    weights: torch.Tensor


def whole(steps):
    """One tap at the nearest whole step; a tie goes to the even one."""
    steps = steps.detach()
    return Taps(steps.round().long(), torch.ones_like(steps)[..., None])


def neighbours(steps, longest):
    """The two whole steps around every delay, weighted by nearness (one tap where ``longest`` is 0).

    Slope at a whole step: towards the longer delay; at ``longest``: towards the shorter.
    """
    if longest == 0:
        return whole(steps)
    first = steps.detach().floor().clamp(0, longest - 1)
    beyond = steps - first
    return Taps(first.long(), torch.stack([1 - beyond, beyond], -1))


class Kernel:
    """Base of the kernels. ``longest`` is the longest delay in steps, ``width`` the state of the schedule in steps."""

    def width(self, progress, longest):
        """The width when the share ``progress`` (0 to 1) of the training is done; 0.0 for a kernel without one."""
        return 0.0

    def taps(self, steps, longest, width):
        """The :class:`Taps` of ``steps``, differentiable."""
        raise NotImplementedError

    def slopes(self, longest, width, dtype):
        """None: the gradient of a delay is that of its taps. Else the slope of a window at the distances -longest to
        longest steps from the delay (a tensor [2 longest + 1]); the gradient of a delay is then taken over it."""
        return None


@dataclass(frozen=True)
class Linear(Kernel):
    """Linear interpolation: a delay of 2.3 steps is 0.7 of 2 steps and 0.3 of 3 steps. No schedule."""

    def taps(self, steps, longest, width):
        return neighbours(steps, longest)


@dataclass(frozen=True)
class _Shrinking(Kernel):
    """A width that shrinks by the same factor in every epoch, from half the taps to ``narrow``, and then stays.

    Parameters: ``narrow`` the last width in steps; ``floor`` steps, always added; ``share`` of the training in which it
    shrinks. sigma = width + floor.
    """

    narrow: float = 0.23
    floor: float = 0.27
    share: float = 0.25

    def __post_init__(self):
        for name, limit in (("narrow", math.inf), ("floor", math.inf), ("share", 1.0)):
            value = getattr(self, name)
            if not isinstance(value, Real) or not 0 < value <= limit or value == math.inf:
                raise ModelError(f"{type(self).__name__}.{name}: is {value!r}. A number above 0"
                                 f"{'' if limit == math.inf else f' and at most {limit:g}'} is expected.")

    def width(self, progress, longest):
        start = max((longest + 1) // 2, self.narrow)
        return start * (self.narrow / start) ** min(1.0, progress / self.share)


@dataclass(frozen=True)
class Gaussian(_Shrinking):
    """A bell over all delays 0 to ``longest``, as in the paper.

    Formula: g(k) = exp(-((k - d) / sigma)^2 / 2), weight g(k) / (sum of g + 1e-7), sigma = width + ``floor``. The width
    begins at (longest + 1) // 2 steps and is multiplied by the same factor in every epoch until it is ``narrow`` at the
    share ``share`` of the epochs: sigma ends at 0.23 + 0.27 = 0.5 steps.

    Steps so far from ``d`` that g is below half the resolution of the dtype are left out: at sigma = 0.5, 6 taps remain
    in float32, 12 in float64.
    """

    def taps(self, steps, longest, width):
        sigma = width + self.floor
        reach = 2 * sigma * math.sqrt(-2 * math.log(torch.finfo(steps.dtype).eps / 2))
        taps = int(reach) + 1
        # A compiled loop is made per number of taps: few numbers, few loops.
        taps = min(taps if taps <= 8 else -(-taps // 4) * 4, longest + 1)
        first = (steps.detach() - reach / 2).ceil().clamp(0, longest + 1 - taps)
        k = first[..., None] + torch.arange(taps, dtype=steps.dtype, device=steps.device)
        g = torch.exp(-0.5 * ((k - steps[..., None]) / sigma) ** 2)
        return Taps(first.long(), g / (g.sum(-1, keepdim=True) + 1e-7))


@dataclass(frozen=True)
class SmoothedGradient(_Shrinking):
    """Two taps forward, as :class:`Linear`; the gradient of the delay is taken over a bell that shrinks as
    :class:`Gaussian`'s, so that a delay feels spikes that are far from it while the output is already sharp.

    Formula: dL/dd = w * sum over t of g(t) * sum over m of slope(m) x(t - d - m), with slope(m) = m / sigma^2 *
    G(m), G the normalised bell over m = -longest .. longest; x between whole steps by linear interpolation.
    That is the gradient of a bell, except at the ends: its tails may lie before 0 and behind ``longest``, so the
    gradient also hears spikes that come after the step; of a sequence in pieces it hears only those of the piece.
    """

    def taps(self, steps, longest, width):
        return neighbours(steps, longest)

    def slopes(self, longest, width, dtype):
        sigma = width + self.floor
        m = torch.arange(-longest, longest + 1, dtype=dtype)
        g = torch.exp(-0.5 * (m / sigma) ** 2)
        return m / sigma**2 * g / g.sum()


@dataclass(frozen=True)
class Rounded(SmoothedGradient):
    """One tap forward, at the nearest whole step, in training as at evaluation; the gradient of the delay is taken over
    a shrinking bell, as in :class:`SmoothedGradient`.

    What is trained is what is evaluated and deployed. Cheapest of all kernels. At the wide begin of the schedule the
    drive is already sharp, so hidden delays far away are found less surely than by :class:`Gaussian`
    (``examples/06_recover_delays.py``).
    """

    def taps(self, steps, longest, width):
        return whole(steps)
