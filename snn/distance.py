"""Connection probability as a function of distance: the rule and its profiles.

A profile maps an array of distances (unit of the positions) to an array of probabilities of the same shape. Any
function will do. One with a finite attribute ``reach`` must be 0 beyond that distance; only pairs within reach are then
looked at, which makes large layers affordable.
"""
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Real

import numpy as np

from snn.csr import CSR, Rule, refuse


def check_probability(where, p):
    """NetworkError unless ``p`` is a number in [0, 1]."""
    if not isinstance(p, Real) or not 0 <= p <= 1:
        refuse(where, f"not a probability ({p!r})", "Give a number in [0, 1].")


def _check_length(where, length, *, infinite=False):
    if not isinstance(length, Real) or not length > 0 or (math.isinf(length) and not infinite):
        refuse(where, f"not a length ({length!r})", "Give a finite number above 0.")


@dataclass(frozen=True)
class Gaussian:
    """Profile ``p_max exp(-d^2 / (2 sigma^2))`` up to the distance ``cutoff``, 0 beyond.

    ``sigma`` and ``cutoff`` in the unit of the positions. A cutoff at a few sigma makes building large layers fast.
    Errors: ``p_max`` outside [0, 1]; a length that is not above 0. Example: ``Gaussian(0.3, 100.0, cutoff=400.0)``.
    """

    p_max: float
    sigma: float
    cutoff: float = math.inf

    def __post_init__(self):
        check_probability("Gaussian.p_max", self.p_max)
        _check_length("Gaussian.sigma", self.sigma)
        _check_length("Gaussian.cutoff", self.cutoff, infinite=True)

    @property
    def reach(self):
        return self.cutoff

    def __call__(self, distance):
        return np.where(distance <= self.cutoff, self.p_max * np.exp(-0.5 * np.square(distance / self.sigma)), 0.0)


@dataclass(frozen=True)
class ExponentialDecay:
    """Profile ``p_max exp(-d / length)`` up to the distance ``cutoff``, 0 beyond.

    ``length`` and ``cutoff`` in the unit of the positions. Errors: ``p_max`` outside [0, 1]; a length not above 0.
    Example: ``ExponentialDecay(0.2, 150.0)``.
    """

    p_max: float
    length: float
    cutoff: float = math.inf

    def __post_init__(self):
        check_probability("ExponentialDecay.p_max", self.p_max)
        _check_length("ExponentialDecay.length", self.length)
        _check_length("ExponentialDecay.cutoff", self.cutoff, infinite=True)

    @property
    def reach(self):
        return self.cutoff

    def __call__(self, distance):
        return np.where(distance <= self.cutoff, self.p_max * np.exp(-distance / self.length), 0.0)


@dataclass(frozen=True)
class Disc:
    """Profile ``p`` up to the distance ``radius`` (inclusive), 0 beyond.

    ``radius`` in the unit of the positions. Errors: ``p`` outside [0, 1]; ``radius`` not above 0.
    Example: ``Disc(0.1, 250.0)``.
    """

    p: float
    radius: float

    def __post_init__(self):
        check_probability("Disc.p", self.p)
        _check_length("Disc.radius", self.radius)

    @property
    def reach(self):
        return self.radius

    def __call__(self, distance):
        return np.where(distance <= self.radius, self.p, 0.0)


@dataclass(frozen=True)
class DistanceDependent(Rule):
    """Every pair independently with probability ``profile(distance)``.

    Formula: Euclidean distance of the positions; with ``box`` (lengths per axis, or one for all) the shortest way round
    in a periodic box, ``d_i - box_i round(d_i / box_i)`` per axis. ``profile``: :class:`Gaussian`, :class:`Disc`,
    :class:`ExponentialDecay`, or a function from distances to probabilities, array in, array out. Time is proportional
    to the pairs within the profile's ``reach`` (its cutoff or radius), else to all pairs.
    Errors: no positions, wrong shapes, a profile outside [0, 1].
    Example: ``DistanceDependent(Gaussian(0.3, 0.1, 0.4))``.
    """

    profile: Callable
    self_connections: bool = field(default=True, kw_only=True)
    box: tuple | float | None = field(default=None, kw_only=True)

    def __post_init__(self):
        if not callable(self.profile):
            refuse("DistanceDependent.profile", f"not a function ({self.profile!r})", "Give one, as Disc(0.1, 1.0).")
        _check_length("DistanceDependent.profile.reach", getattr(self.profile, "reach", math.inf), infinite=True)
        if self.box is not None:
            box = np.asarray(self.box)
            if box.dtype.kind not in "fiu" or box.ndim > 1 or not (np.isfinite(box) & (box > 0)).all():
                refuse("DistanceDependent.box", f"not lengths ({self.box!r})", "Give finite lengths above 0.")
            object.__setattr__(self, "box", tuple(box.tolist()) if box.ndim else float(box))

    def build(self, block, key, *, positions=None):
        from snn.build_distance import by_distance
        pre, post, box = _checked_positions(positions, block, self.box)
        return CSR(*by_distance(key, block, self.profile, pre, post, box, self_connections=self.self_connections))


def _checked_positions(positions, block, box):
    """(pre [n_pre, d], post [n_post, d], box [d] or None), C-ordered float64; NetworkError where they do not fit."""
    where = "DistanceDependent.positions"
    if positions is None or any(x is None for x in positions):
        refuse(where, "a population has no positions (None)", "Give positions to both populations.")
    pre, post = (np.ascontiguousarray(x, np.float64) for x in positions)
    for name, x, n in (("pre", pre, block.n_pre), ("post", post, block.n_post)):
        if x.ndim != 2 or x.shape[0] != n or x.shape[1] == 0:
            refuse(where, f"wrong shape of {name} {x.shape}", f"Give ({n}, dimensions).")
        if not np.isfinite(x).all():
            refuse(where, f"a position in {name} is not finite", "Give finite numbers.")
    if pre.shape[1] != post.shape[1]:
        refuse(where, f"{pre.shape[1]} and {post.shape[1]} dimensions", "Give equally many.")
    if box is not None:
        if np.ndim(box) and np.shape(box) != pre.shape[1:]:
            refuse("DistanceDependent.box", f"wrong shape {np.shape(box)}", f"Give {pre.shape[1]} lengths, or one.")
        box = np.broadcast_to(np.asarray(box, np.float64), pre.shape[1:])
    return pre, post, box
