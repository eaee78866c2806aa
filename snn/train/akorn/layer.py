"""The layer of vector oscillators: one equation, stepped T times."""
import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn

from snn.errors import NetworkError, RunError
from snn.train.akorn.sphere import along, finite, fits, grouped, oscillators, scaled_to_one, unit, whole


@dataclass(frozen=True, kw_only=True)
class Omega:
    """Rotation of every pair of an oscillator's numbers: ``(a, b) -> w (b, -a)``.

    Parameters
        init       the frequency w to begin with, in radians per unit of gamma
        per_pair   one frequency per pair of channels; else one for all
        learn      whether it is trained. The parameter is a 2-vector whose length is w, so that w stays 0 or above.
    """

    init: float = 0.1
    per_pair: bool = False
    learn: bool = True

    def __post_init__(self):
        finite("Omega.init", self.init)


class Rotation(nn.Module):
    """The rotation that an :class:`Omega` describes, for a number of channels."""

    def __init__(self, omega, channels):
        super().__init__()
        size = (channels // 2, 2) if omega.per_pair else (2,)
        self.omega = nn.Parameter(torch.full(size, omega.init / math.sqrt(2)), requires_grad=omega.learn)

    def forward(self, x):
        """Omega x, for x [B, units, n, ...]."""
        pairs = x.flatten(1, 2).unflatten(1, (-1, 2))
        w = self.omega.norm(dim=-1, keepdim=True)
        w = torch.cat([w, -w], dim=-1)
        # flip keeps the order of the axes in memory, which attention sets and every step would otherwise change back.
        return (pairs.flip(2) * w.view(-1, 2, *[1] * (pairs.ndim - 3))).flatten(1, 2).view_as(x)


class KuramotoRun(NamedTuple):
    """What a layer gives: the oscillators x [B, C, ...], and their energy [T + 1, B] where it was asked for."""

    x: torch.Tensor
    energy: torch.Tensor | None = None


class KuramotoLayer(nn.Module):
    """Oscillators on the unit sphere of R^n that turn towards the others and towards a stimulus.

    Formula
        ``dx_i = Omega_i x_i + P_i(c_i + sum_j J_ij x_j)`` with ``P_i(y) = y - <y, x_i> x_i``, then
        ``x_i <- (x_i + gamma dx_i) / |x_i + gamma dx_i|``, T times.
        Energy ``E = -sum_i <x_i, c_i + sum_j J_ij x_j>``. With a symmetric J that does not depend on x, without
        rotation and with small gamma it never rises; with gamma = 1 it may.

    Parameters
        channels   numbers per position
        n          numbers per oscillator, 2 or more, a divisor of channels; even with rotation
        coupling   :class:`DenseCoupling`, :class:`ConvCoupling`, :class:`AttentionCoupling`, or any module from
                   [B, channels, ...] to the same shape; None: no coupling
        steps      T, unless a call says otherwise
        gamma      step size
        omega      an :class:`Omega`, or None for no rotation
        normalise_condition   whether c is group-normalised first, one group per oscillator, with learned scale, offset

    ``layer(c, x=None, *, steps=None, energy=False, generator=None)`` gives a :class:`KuramotoRun`. ``c`` is the
    stimulus [B, channels, ...], or None for none; ``x`` the oscillators to begin with, of any length, or None for
    random ones, drawn with ``generator`` (a torch.Generator); ``steps`` other steps for this call.

    Note: where the code of the source has its rotation switched off it adds x itself to dx. This is the layer here
    with ``gamma = g / (1 + g)``.

    Errors: NetworkError for sizes and numbers, RunError for shapes and types of c and x.

    Source: T. Miyato et al. (2025), "Artificial Kuramoto oscillatory neurons", ICLR.

    Example: ``KuramotoLayer(64, 4, ConvCoupling(64, (7, 7)), steps=8)(c).x``
    """

    layer_model = True

    def __init__(self, channels, n, coupling, *, steps, gamma=1.0, omega=Omega(), normalise_condition=True):  # noqa: B008
        super().__init__()
        self.channels, self.n = whole("KuramotoLayer.channels", channels), whole("KuramotoLayer.n", n, 2)
        if channels % n:
            raise NetworkError(f"KuramotoLayer.n: is {n} with {channels} channels. It must divide the channels.")
        if coupling is not None and not isinstance(coupling, nn.Module):
            raise NetworkError(f"KuramotoLayer.coupling: is a {type(coupling).__name__}. A module such as "
                               "ConvCoupling(64, (9, 9)), or None, is expected.")
        if omega is not None and not isinstance(omega, Omega):
            raise NetworkError(f"KuramotoLayer.omega: is {omega!r}. Omega(init=...), or None, is expected.")
        if omega is not None and n % 2:
            raise NetworkError(f"KuramotoLayer.n: is {n}. With rotation it must be even; omega=None switches it off.")
        if hasattr(coupling, "check"):
            coupling.check(channels, n)
        self.steps, self.gamma = whole("KuramotoLayer.steps", steps), finite("KuramotoLayer.gamma", gamma, 0.0)
        self.coupling = coupling
        self.rotation = None if omega is None else Rotation(omega, channels)
        self.norm = nn.GroupNorm(channels // n, channels) if normalise_condition else None

    def forward(self, c=None, x=None, *, steps=None, energy=False, generator=None):
        steps = self._checked(c, x, steps)
        if x is None:
            x = oscillators(c.shape, self.n, generator=generator, like=c)
        if c is not None and self.norm is not None:
            c = self.norm(c)
        x, energies = unit(x, self.n), []
        for _ in range(steps):
            pull = self.pull(x, c)
            if energy:
                energies.append(self._energy(x, pull))
            x = self._step(x, pull)
        if energy:
            energies.append(self._energy(x, self.pull(x, c)))
        return KuramotoRun(x, torch.stack(energies) if energy else None)

    def pull(self, x, c=None):
        """``c_i + sum_j J_ij x_j`` of oscillators x, with c as it is after its normalisation."""
        pull = torch.zeros_like(x) if self.coupling is None else self.coupling(x)
        if pull.shape != x.shape:
            raise RunError(f"KuramotoLayer.coupling: gave the shape {list(pull.shape)} for x of shape "
                           f"{list(x.shape)}. Both must be the same.")
        return pull if c is None else pull + c

    def _step(self, x, pull):
        x, pull = grouped(x, self.n, "KuramotoLayer"), grouped(pull, self.n, "KuramotoLayer")
        dx = along(x, pull)
        if self.rotation is not None:
            dx = dx + self.rotation(x)
        return scaled_to_one(x + self.gamma * dx).flatten(1, 2)

    @staticmethod
    def _energy(x, pull):
        return -(x * pull).flatten(1).sum(dim=1)

    def _checked(self, c, x, steps):
        """The steps of a call; raises where arguments do not fit."""
        if c is None and x is None:
            raise RunError("KuramotoLayer.c: is missing, and x too. Give a stimulus c, or oscillators x, or both.")
        for name, given in (("c", c), ("x", x)):
            if given is not None:
                fits(f"KuramotoLayer.{name}", given, self.channels)
        autocast = torch.is_autocast_enabled((x if c is None else c).device.type)
        if c is not None and x is not None and ((c.shape, c.device) != (x.shape, x.device)
                                                or c.dtype != x.dtype and not autocast):
            raise RunError(f"KuramotoLayer.x: is {x.dtype} {list(x.shape)} on {x.device} beside c, {c.dtype} "
                           f"{list(c.shape)} on {c.device}. Both must be the same.")
        own, given = next(self.parameters(), None), x if c is None else c
        if own is not None and own.dtype != given.dtype and not autocast:
            raise RunError(f"KuramotoLayer.{'x' if c is None else 'c'}: is {given.dtype} while the weights are "
                           f"{own.dtype}. Give one .to({own.dtype}).")
        return self.steps if steps is None else whole("KuramotoLayer.steps", steps)

    def extra_repr(self):
        return f"channels={self.channels}, n={self.n}, steps={self.steps}, gamma={self.gamma:g}"
