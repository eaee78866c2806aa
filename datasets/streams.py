"""Signals that change slowly: what a layer that sends changes only can save."""
from dataclasses import dataclass

import numpy as np

from snn.errors import DataError
from snn.random import stream, uniform


@dataclass(frozen=True, kw_only=True)
class SlowStream:
    """Slow sinusoids of amplitude 1, one per channel.

    Formula: ``x_t = sin(w t + p)``, w uniform from ``slowest`` to ``fastest`` radians per step, p uniform.

    Shapes: x float32 [n, steps, channels].

    Errors: DataError for sizes that are not positive, and frequencies that do not ascend from 0 on.

    Example: ``SlowStream().draw(10, seed=0)``
    """

    channels: int = 64
    steps: int = 200
    slowest: float = 0.0
    fastest: float = 0.028

    def __post_init__(self):
        _positive(self, "channels", "steps")
        if not 0 <= self.slowest <= self.fastest:
            raise DataError(f"SlowStream.fastest: slowest and fastest are {self.slowest} and {self.fastest}. "
                            "They must ascend from 0 on.")

    def draw(self, n, *, seed):
        """``n`` samples; sample i depends on the parameters, the seed and i alone."""
        w = self.slowest + (self.fastest - self.slowest) * _table(seed, self, "frequency", n, self.channels)
        phase = 2.0 * np.pi * _table(seed, self, "phase", n, self.channels)
        return np.sin(w[:, None] * np.arange(self.steps)[:, None] + phase[:, None]).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class MovingBlobs:
    """Films of one long blob that drifts slowly; the class is the direction of its long axis.

    Formula
        A Gaussian bell of height 1 with standard deviations ``long`` and ``wide`` pixels, its long axis at the angle
        ``pi class / classes``, moves from a random place at ``speed`` pixels per step in a random direction. The
        picture is a torus: what leaves at one side comes back at the other.
    Known answers
        Every single frame shows the class: :meth:`observer` reads it from the second moments of a frame and is always
        right with the defaults. Chance is 1 / classes.
    Shapes: x float32 [n, steps, size, size] in 0..1, y int64 [n].
    Errors: DataError for sizes that are not positive, ``wide`` not below ``long``, a negative speed.
    Example: ``x, y = MovingBlobs().draw(100, seed=0)``
    """

    size: int = 16
    steps: int = 40
    classes: int = 4
    long: float = 2.5
    wide: float = 1.0
    speed: float = 0.2

    def __post_init__(self):
        _positive(self, "size", "steps", "classes")
        if not 0 < self.wide < self.long:
            raise DataError(f"MovingBlobs.wide: wide and long are {self.wide} and {self.long}. "
                            "Positive numbers of which wide is the smaller are expected.")
        if not self.speed >= 0:
            raise DataError(f"MovingBlobs.speed: is {self.speed}. A number of 0 or more is expected.")

    def draw(self, n, *, seed):
        """``(x, y)`` of ``n`` samples; sample i depends on the parameters, the seed and i alone."""
        drawn = _table(seed, self, "film", n, 4)
        y = (drawn[:, 0] * self.classes).astype(np.int64)
        heading, t = 2.0 * np.pi * drawn[:, 1], np.arange(self.steps)
        place = [drawn[:, k, None] * self.size + self.speed * np.outer(turn(heading), t)
                 for k, turn in ((2, np.cos), (3, np.sin))]
        grid = np.arange(self.size)
        u, v = (self._offset(grid, at) for at in place)
        u, v = u[:, :, None, :], v[:, :, :, None]
        angle = (np.pi * y / self.classes)[:, None, None, None]
        along, across = u * np.cos(angle) + v * np.sin(angle), v * np.cos(angle) - u * np.sin(angle)
        return np.exp(-0.5 * ((along / self.long) ** 2 + (across / self.wide) ** 2)).astype(np.float32), y

    def _offset(self, grid, place):
        """Distance of each pixel from a place on the torus, in -size / 2 .. size / 2: [n, steps, size]."""
        return (grid - place[..., None] + 0.5 * self.size) % self.size - 0.5 * self.size

    def observer(self, x):
        """The class that the second moments of the first frame tell, int64 [n]."""
        x = np.asarray(x, np.float64)[:, 0]
        centre = [np.rint(np.angle((x.sum(axis=axis) * np.exp(2j * np.pi * np.arange(self.size) / self.size)).sum(-1))
                          * self.size / (2.0 * np.pi)) for axis in (1, 2)]
        u, v = (self._offset(np.arange(self.size), at[:, None])[:, 0] for at in centre)
        weight = x / x.sum(axis=(1, 2), keepdims=True)
        u, v = u[:, None, :], v[:, :, None]
        mean_u, mean_v = ((weight * part).sum(axis=(1, 2), keepdims=True) for part in (u, v))
        u, v = u - mean_u, v - mean_v
        angle = 0.5 * np.arctan2(2.0 * (weight * u * v).sum(axis=(1, 2)), (weight * (u * u - v * v)).sum(axis=(1, 2)))
        return np.rint(angle * self.classes / np.pi).astype(np.int64) % self.classes


def _positive(task, *names):
    for name in names:
        value = getattr(task, name)
        if not (isinstance(value, int | np.integer) and value >= 1):
            raise DataError(f"{type(task).__name__}.{name}: is {value!r}. A whole number, 1 or more, is expected.")


def _table(seed, task, name, n, width):
    """Uniform numbers [n, width], of which row i depends on (seed, task, name, i) alone."""
    if not (isinstance(n, int | np.integer) and n >= 1):
        raise DataError(f"{type(task).__name__}.draw.n: is {n}. It must be a whole number, 1 or more.")
    return uniform(stream(seed, repr(task), name), np.arange(n * width)).reshape(n, width)
