"""Made-up sets with known answers: what the best possible observer reaches is known, so a failure is the learner's.

What it is
    Each set is a frozen dataclass of its parameters. ``draw(n, seed=s)`` gives ``(x, y)``; sample i depends on
    (parameters, seed, i) alone, so that more samples begin with the same ones. ``observer(x)`` gives the best answers
    that x allows, and the text of each set says how good these are and what chance is.

Example::

    task = DelayedCoincidence(lags=(5, 10, 20))
    x, y = task.draw(1000, seed=0)           # uint8 [1000, 100, 2], int64 [1000]
    print((task.observer(x) == y).mean())
"""
from dataclasses import dataclass

import numpy as np

from snn.errors import DataError
from snn.random import stream, uniform


@dataclass(frozen=True, kw_only=True)
class DelayedCoincidence:
    """Two channels; the class is the lag at which the second repeats the first, or that it does not at all.

    Formula
        ``a_t`` is 1 with probability ``rate``, independently. In class c, ``b_t = a_{t - lags[c]}`` with probability
        ``1 - noise`` for ``t >= lags[c]``; else, and always in the last class if ``none``, b_t is a fresh draw with
        probability ``rate``. Classes are equally likely.
    Known answers
        Each channel alone, and both counts, have the same distribution in every class: without a memory of the lag
        there is nothing to see, and chance is 1 / classes. The likelihood of a class is a product over t,
        ``P(b_t = 1) = (1 - noise) a_{t - lag} + noise rate``; :meth:`observer` takes the largest. With the defaults it
        is right in more than 0.999 of samples. A layer with delays needs a single one per class.
    Shapes: x uint8 [n, steps, 2], y int64 [n].
    Errors: :class:`~snn.errors.DataError` for lags that are not distinct, negative, or not below ``steps``, and for
    probabilities outside 0..1.
    """

    lags: tuple = (5, 10, 20)
    steps: int = 100
    rate: float = 0.2
    noise: float = 0.1
    none: bool = False

    def __post_init__(self):
        lags = tuple(int(lag) for lag in self.lags)
        if not lags or len(set(lags)) < len(lags) or not 0 <= min(lags) <= max(lags) < self.steps:
            raise DataError(f"DelayedCoincidence.lags: are {self.lags} with {self.steps} steps. "
                            "They must be distinct whole numbers, 0 or more and below steps.")
        for name in ("rate", "noise"):
            if not 0 <= getattr(self, name) <= 1:
                raise DataError(f"DelayedCoincidence.{name}: is {getattr(self, name)}. It must lie in 0..1.")

    @property
    def classes(self):
        """Number of classes."""
        return len(self.lags) + self.none

    def draw(self, n, *, seed):
        """``(x, y)`` of ``n`` samples."""
        pick, a, fresh, copy = (_table(seed, self, name, n, width) for name, width in
                                (("class", 1), ("a", self.steps), ("b", self.steps), ("copy", self.steps)))
        y = (pick[:, 0] * self.classes).astype(np.int64)
        a, fresh = a < self.rate, fresh < self.rate
        x = np.stack([a, fresh], axis=-1)
        for c, lag in enumerate(self.lags):
            mine = y == c
            kept = copy[mine][:, lag:] >= self.noise
            x[mine, lag:, 1] = np.where(kept, a[mine][:, :self.steps - lag], fresh[mine][:, lag:])
        return x.astype(np.uint8), y

    def observer(self, x):
        """Class of the largest likelihood, int64 [n]."""
        a, b = np.asarray(x)[..., 0].astype(np.float64), np.asarray(x)[..., 1] > 0
        scores = []
        for lag in self.lags:
            chance = np.full(a.shape, float(self.rate))
            chance[:, lag:] = (1 - self.noise) * a[:, :self.steps - lag] + self.noise * self.rate
            scores.append(_log_likelihood(b, chance))
        if self.none:
            scores.append(_log_likelihood(b, np.full(a.shape, float(self.rate))))
        return np.argmax(scores, axis=0)


@dataclass(frozen=True, kw_only=True)
class YinYang:
    """Points in the yin-yang sign, each coordinate and its complement as the time of one spike.

    Formula
        In the disc of radius R = 0.5 around (0.5, 0.5), with distances l and r to the points (R/2, R) and (3R/2, R):
        dot (class 2) where ``l < r_small`` or ``r < r_small``; else yin (0) where ``l <= R/2``, or ``r > R/2`` and
        ``y > R``; else yang (1). Classes are equally likely, points uniform within a class. The four values
        (px, py, 1 - px, 1 - py) become spikes of four channels in step ``rint(first + value (last - first))``.
    Known answers
        The classes do not overlap: from the exact points :meth:`classify` is never wrong, and from the steps
        :meth:`observer` only within half a step of a border (right in 0.97 to 0.98 with the defaults). Published: a
        network without hidden layer reaches 0.638 +- 0.015, one with 30 hidden units 0.976. Chance 1/3.
    Shapes: x uint8 [n, steps, 4], y int64 [n]; :meth:`points` float64 [n, 2].
    Source: Kriener, Goeltz, Petrovici 2022, "The Yin-Yang dataset", NICE 2022, arXiv:2102.08211.
    """

    steps: int = 100
    first: int = 5
    last: int = 95
    r_small: float = 0.1

    def __post_init__(self):
        if not 0 <= self.first < self.last < self.steps:
            raise DataError(f"YinYang.last: first, last, steps are {self.first}, {self.last}, {self.steps}. "
                            "They must ascend, first from 0 on.")
        if not 0 < self.r_small < 0.25:
            raise DataError(f"YinYang.r_small: is {self.r_small}. The radius of a dot must lie between 0 and 0.25.")

    def points(self, n, *, seed):
        """``(points, y)``: float64 [n, 2] in 0..1 and their classes."""
        y = (_table(seed, self, "class", n, 1)[:, 0] * 3).astype(np.int64)
        points, open_ = np.empty((n, 2)), np.arange(n)
        attempt = 0
        while len(open_):
            tries = _table(seed, self, f"point {attempt}", n, 2)[open_]
            good = self.classify(tries) == y[open_]
            points[open_[good]] = tries[good]
            open_, attempt = open_[~good], attempt + 1
        return points, y

    def classify(self, points):
        """Class of points [n, 2]: 0 yin, 1 yang, 2 dot, -1 outside the disc."""
        px, py = np.asarray(points, np.float64).T
        left, right = np.hypot(px - 0.25, py - 0.5), np.hypot(px - 0.75, py - 0.5)
        yin = (left <= 0.25) | ((right > 0.25) & (py > 0.5))
        dot = (left < self.r_small) | (right < self.r_small)
        inside = np.hypot(px - 0.5, py - 0.5) <= 0.5
        return np.where(inside, np.where(dot, 2, np.where(yin, 0, 1)), -1)

    def draw(self, n, *, seed):
        """``(x, y)`` of ``n`` samples."""
        points, y = self.points(n, seed=seed)
        values = np.concatenate([points, 1.0 - points], axis=1)
        step = np.rint(self.first + values * (self.last - self.first)).astype(np.int64)
        x = np.zeros((n, self.steps, 4), np.uint8)
        np.put_along_axis(x, step[:, None], 1, axis=1)
        return x, y

    def observer(self, x):
        """Class of the point that the steps of the spikes name, int64 [n]."""
        values = (np.asarray(x).argmax(axis=1) - self.first) / (self.last - self.first)
        return self.classify(0.5 * (values[:, :2] + 1.0 - values[:, 2:]))


@dataclass(frozen=True, kw_only=True)
class Adding:
    """Add the two marked numbers of a sequence: the test of memory over long spans.

    Formula
        Channel 0 holds a number uniform in 0..1 at every step, channel 1 is 1 at two steps, one in each half, else 0;
        the answer is the sum of the two marked numbers.
    Known answers
        Always answering 1 has a mean squared error of 1/6; with one of the two numbers known 1/12 is left;
        :meth:`observer` has 0.
    Shapes: x float32 [n, steps, 2], y float32 [n].
    Source: Hochreiter, Schmidhuber 1997, "Long short-term memory", Neural Computation 9(8) (there with other ranges).
    """

    steps: int = 100

    def __post_init__(self):
        if not (isinstance(self.steps, int) and self.steps >= 2):
            raise DataError(f"Adding.steps: is {self.steps}. It must be a whole number, 2 or more.")

    def draw(self, n, *, seed):
        """``(x, y)`` of ``n`` samples."""
        half = self.steps // 2
        place = _table(seed, self, "place", n, 2)
        steps = np.stack([place[:, 0] * half, half + place[:, 1] * (self.steps - half)], axis=1).astype(np.int64)
        x = np.zeros((n, self.steps, 2), np.float32)
        x[..., 0] = _table(seed, self, "value", n, self.steps)
        np.put_along_axis(x[..., 1], steps, 1.0, axis=1)
        return x, self.observer(x)

    def observer(self, x):
        """The sum of the marked numbers, float32 [n]."""
        x = np.asarray(x)
        return (x[..., 0] * x[..., 1]).sum(axis=1, dtype=np.float32)


def _table(seed, task, name, n, width):
    """Uniform numbers [n, width], of which row i depends on (seed, task, name, i) alone."""
    if not (isinstance(n, int | np.integer) and n >= 1):
        raise DataError(f"{type(task).__name__}.draw.n: is {n}. It must be a whole number, 1 or more.")
    return uniform(stream(seed, repr(task), name), np.arange(n * width)).reshape(n, width)


def _log_likelihood(b, chance):
    with np.errstate(divide="ignore"):
        return np.where(b, np.log(chance), np.log1p(-chance)).sum(axis=1)
