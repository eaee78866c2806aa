"""Smooth random manifolds as spike times: a classification problem whose difficulty is set by a few numbers.

Source: Zenke, Vogels 2021, "The remarkable robustness of surrogate gradient learning for instilling complex function in
spiking neural networks", Neural Computation 33(4).
"""
import functools
from dataclasses import dataclass

import numpy as np

from snn.errors import DataError
from snn.random import stream, uniform

_REFERENCE = 1024
_PRECISION = 1e-3
_CHUNK = 1024


@dataclass(frozen=True, kw_only=True)
class RandomManifolds:
    """Each class is a smooth random manifold in the space of spike times; every channel fires once.

    Formula
        For class c and channel j, at a point u in [0, 1]^dim of the manifold,
        ``f(u) = prod_k sum_i i^-alpha A_ik sin(2 pi (i u_k B_ik + C_ik))`` with A, B, C uniform in 0..1 and i up to
        ``1000^(1/alpha)`` (terms below 0.001 are left out). f is brought to 0..1 by its least and largest value over
        1024 fixed points (what lies beyond is cut to the ends), and the spike falls into step
        ``floor(f * steps)``, at most ``steps - 1``. ``alpha`` sets the smoothness: 1 is rough, 3 nearly straight.
    Known answers
        Every channel fires once in every sample, so counts carry nothing. The manifolds are known: :meth:`observer`
        takes the class with the nearest point of a fine net on its manifold, which for ``dim=1`` is right in more than
        0.99 of samples with the defaults. Chance is 1 / classes.
    Shapes: x uint8 [n, steps, channels], y int64 [n]; :meth:`times` float64 [n, channels] in 0..1.
    Errors: :class:`~snn.errors.DataError` for sizes below 1 or alpha <= 0.

    ``draw(n, seed=s)``: sample i depends on (parameters, seed, i) alone. ``shape_seed`` makes the manifolds themselves,
    so that ``seed=0`` and ``seed=1`` are training and test samples of one problem.

    Example::

        task = RandomManifolds(classes=10, channels=20, dim=1)
        x, y = task.draw(1000, seed=0)
    """

    classes: int = 10
    channels: int = 20
    dim: int = 1
    alpha: float = 2.0
    steps: int = 100
    shape_seed: int = 0

    def __post_init__(self):
        for name in ("classes", "channels", "dim", "steps"):
            value = getattr(self, name)
            if not (isinstance(value, int) and value >= 1):
                raise DataError(f"RandomManifolds.{name}: is {value}. It must be a whole number, 1 or more.")
        if not (np.isfinite(self.alpha) and self.alpha > 0):
            raise DataError(f"RandomManifolds.alpha: is {self.alpha}. It must be a number above 0.")

    def times(self, n, *, seed):
        """``(times, y)``: spike times as a share of the whole, float64 [n, channels], and classes."""
        if not (isinstance(n, int | np.integer) and n >= 1):
            raise DataError(f"RandomManifolds.draw.n: is {n}. It must be a whole number, 1 or more.")
        y = (uniform(stream(seed, "manifolds", "class"), np.arange(n)) * self.classes).astype(np.int64)
        points = uniform(stream(seed, "manifolds", "point"), np.arange(n * self.dim)).reshape(n, self.dim)
        times = np.empty((n, self.channels))
        for c in range(self.classes):
            times[y == c] = self.embed(points[y == c], c)
        return times, y

    def draw(self, n, *, seed):
        """``(x, y)`` of ``n`` samples."""
        times, y = self.times(n, seed=seed)
        step = np.minimum((times * self.steps).astype(np.int64), self.steps - 1)
        x = np.zeros((n, self.steps, self.channels), np.uint8)
        np.put_along_axis(x, step[:, None], 1, axis=1)
        return x, y

    def embed(self, points, c):
        """Spike times, float64 [n, channels] in 0..1, of points [n, dim] of the manifold of class ``c``."""
        low, high = _ends(self, c)
        return np.clip((self._raw(np.asarray(points, np.float64), c) - low) / (high - low), 0.0, 1.0)

    def observer(self, x, *, net=2000):
        """Class of the nearest manifold, int64 [n], by a net of about ``net`` points on each; ``x`` [n, steps, C]."""
        times = (np.asarray(x).argmax(axis=1) + 0.5) / self.steps
        side = max(2, round(net ** (1.0 / self.dim)))
        grid = np.stack(np.meshgrid(*[np.linspace(0.0, 1.0, side)] * self.dim, indexing="ij"), -1)
        distance = np.empty((self.classes, len(times)))
        for c in range(self.classes):
            places = self.embed(grid.reshape(-1, self.dim), c)
            squares = (places ** 2).sum(axis=1) - 2.0 * times @ places.T
            distance[c] = squares.min(axis=1)
        return distance.argmin(axis=0)

    def _raw(self, points, c):
        last = int(np.ceil((1.0 / _PRECISION) ** (1.0 / self.alpha)))
        order = np.arange(1, min(last, 1000) + 1)
        key = stream(self.shape_seed, "manifolds", self.alpha, c)
        draws = uniform(key, np.arange(3 * self.dim * self.channels * len(order)))
        draws = draws.reshape(3, self.dim, self.channels, len(order))
        size, frequency, phase = draws
        value = np.ones((len(points), self.channels))
        for at in range(0, len(points), _CHUNK):
            for k in range(self.dim):
                angle = points[at:at + _CHUNK, k, None, None] * (order * frequency[k]) + phase[k]
                terms = np.sin(2.0 * np.pi * angle) * (size[k] * order ** -float(self.alpha))
                value[at:at + _CHUNK] *= terms.sum(axis=-1)
        return value


@functools.lru_cache(maxsize=256)
def _ends(task, c):
    """Least and largest value of every channel over the fixed points, two arrays [channels]."""
    fixed = uniform(stream(task.shape_seed, "manifolds", "reference"), np.arange(_REFERENCE * task.dim))
    values = task._raw(fixed.reshape(_REFERENCE, task.dim), c)
    low, high = values.min(axis=0), values.max(axis=0)
    return low, np.maximum(high, low + 1e-12)
