"""Made-up sets whose answer lies in delays: hidden delays to be found, and classes that only lags between spikes tell.

Each set is a frozen dataclass; ``draw(n, seed=s)`` gives samples, of which sample i depends on (parameters, seed, i)
alone. Sources of what is known about them are in the texts of the classes.

Example::

    task = DelayLags()
    x, y = task.draw(1600, seed=0)           # uint8 [1600, 60, 8], int64 [1600]
    print((task.observer(x) == y).mean())
"""
from dataclasses import dataclass

import numpy as np

from snn.errors import DataError
from snn.random import normal, stream, uniform


@dataclass(frozen=True, kw_only=True)
class DelayTeacher:
    """Random spikes and what hidden delays and weights make of them: a learner has to find both.

    Formula
        x_tj is 1 with probability ``rate``; ``y_ti = sum over j of weights[i, j] x[t - delays[i, j], j]``, delays whole
        steps, uniform in 0 .. ``longest``; weights of either sign, their sizes uniform in 0.5 .. 1.5. Delays and
        weights depend on ``teacher`` (a seed), samples on the seed of the draw.
    Known answers
        The delays and weights are ``task.delays`` and ``task.weights`` [outputs, inputs]; with them the error is 0. The
        inputs are independent of each other and over time, so no others explain the targets.
    Shapes: x uint8 [n, steps, inputs], y float32 [n, steps, outputs].
    Errors: :class:`~snn.errors.DataError` for sizes that are no whole numbers above 0, ``longest`` outside
    0 .. steps - 1, a rate outside 0..1.
    """

    inputs: int = 8
    outputs: int = 4
    steps: int = 200
    longest: int = 24
    rate: float = 0.05
    teacher: int = 0

    def __post_init__(self):
        for name in ("inputs", "outputs", "steps"):
            _whole(f"DelayTeacher.{name}", getattr(self, name), 1)
        if not 0 <= _whole("DelayTeacher.longest", self.longest, 0) < self.steps:
            raise DataError(f"DelayTeacher.longest: is {self.longest} with {self.steps} steps. It must be below steps.")
        _probability("DelayTeacher.rate", self.rate)

    @property
    def delays(self):
        """Hidden delays in steps, int64 [outputs, inputs]."""
        return (self._hidden("delays") * (self.longest + 1)).astype(np.int64)

    @property
    def weights(self):
        """Hidden weights, float32 [outputs, inputs]."""
        return ((self._hidden("sizes") + 0.5) * np.where(self._hidden("signs") < 0.5, -1, 1)).astype(np.float32)

    def _hidden(self, name):
        key = stream(self.teacher, "DelayTeacher", name)
        return uniform(key, np.arange(self.outputs * self.inputs)).reshape(self.outputs, self.inputs)

    def draw(self, n, *, seed):
        """``(x, y)`` of ``n`` samples."""
        x = _table(seed, self, "x", n, self.steps * self.inputs).reshape(n, self.steps, self.inputs) < self.rate
        return x.astype(np.uint8), self.answer(x)

    def answer(self, x):
        """The targets of given inputs [n, steps, inputs]: float32 [n, steps, outputs]."""
        x, y = np.asarray(x, np.float32), np.zeros((*x.shape[:2], self.outputs), np.float32)
        for delays, weights, out in zip(self.delays, self.weights, np.moveaxis(y, 2, 0), strict=True):
            for j, (delay, weight) in enumerate(zip(delays, weights, strict=True)):
                out[:, delay:] += weight * x[:, :self.steps - delay, j]
        return y


@dataclass(frozen=True, kw_only=True)
class DelayLags:
    """Pairs of channels that fire once each; the class is which pair has which lag.

    Formula
        Pair p fires in channel 2 p at step A, uniform in 15 .. 44, and in channel 2 p + 1 at ``A + lag``; in class c,
        ``lag = lags[(p + c) % len(lags)]``. Both times are jittered by a normal number of sd ``jitter`` steps and
        rounded. Every channel fires besides with probability ``noise`` per step. There are as many pairs as lags and
        as many classes as pairs, equally likely.
    Known answers
        Neither the numbers of spikes nor of coincidences differ between classes, since no lag is 0. Chance is 1 /
        classes. :meth:`observer` adds up the likelihood of the lags of all pairs; with the defaults it is right in more
        than 0.99 of the samples. A neuron with a delay per synapse and hardly any memory (tau near one step) can tell;
        one without delays cannot. When the second channels fire does depend on the class: an observer with a clock of
        the trial who looks at nothing else is right in 0.89 of the samples.
    Shapes: x uint8 [n, 60, 2 len(lags)], y int64 [n].
    Errors: :class:`~snn.errors.DataError` for lags that are not distinct or leave the 60 steps, for a negative jitter
    and for noise outside 0..1.
    """

    lags: tuple = (-12, -5, 5, 12)
    jitter: float = 0.7
    noise: float = 0.004

    STEPS, FIRST, LAST = 60, 15, 45

    def __post_init__(self):
        lags = [_whole("DelayLags.lags", lag, -self.FIRST) for lag in self.lags]
        if len(lags) < 2 or len(set(lags)) < len(lags) or max(lags) > self.STEPS - self.LAST:
            raise DataError(f"DelayLags.lags: are {self.lags}. They must be two or more distinct whole numbers from "
                            f"{-self.FIRST} to {self.STEPS - self.LAST}.")
        if not 0 <= self.jitter < np.inf:
            raise DataError(f"DelayLags.jitter: is {self.jitter}. It must be a number of steps, 0 or more.")
        _probability("DelayLags.noise", self.noise)

    @property
    def classes(self):
        """Number of classes."""
        return len(self.lags)

    def _lags_of(self, y):
        """Lags of the pairs of every sample, int64 [n, pairs]."""
        return np.asarray(self.lags)[(np.arange(self.classes) + np.asarray(y)[:, None]) % self.classes]

    def draw(self, n, *, seed):
        """``(x, y)`` of ``n`` samples."""
        pairs, channels = self.classes, 2 * self.classes
        y = (_table(seed, self, "class", n, 1)[:, 0] * pairs).astype(np.int64)
        first = self.FIRST + np.floor(_table(seed, self, "time", n, pairs) * (self.LAST - self.FIRST))
        times = np.stack([first, first + self._lags_of(y)], axis=-1).reshape(n, channels)
        times = times + self.jitter * _table(seed, self, "jitter", n, channels, normal)
        x = _table(seed, self, "noise", n, self.STEPS * channels).reshape(n, self.STEPS, channels) < self.noise
        steps = np.clip(np.rint(times), 0, self.STEPS - 1).astype(np.int64)
        np.put_along_axis(x, steps[:, None], True, axis=1)
        return x.astype(np.uint8), y

    def observer(self, x):
        """Class with the largest likelihood of the lags between the spikes of its pairs, int64 [n]."""
        x = np.asarray(x, np.float64)
        a, b = x[..., ::2], x[..., 1::2]
        lag = np.arange(-self.STEPS + 1, self.STEPS)
        seen = np.stack([(a[:, max(0, -m):self.STEPS - max(0, m)] * b[:, max(0, m):self.STEPS - max(0, -m)]).sum(1)
                         for m in lag], axis=-1)
        # The difference of two jittered and rounded times: variance 2 jitter^2 + 1/6.
        spread = np.exp(-0.5 * (lag - np.asarray(self.lags)[:, None]) ** 2 / (2 * self.jitter ** 2 + 1 / 6))
        match = np.log(1e-3 + seen @ spread.T)
        pair = np.arange(self.classes)
        scores = [match[:, pair, (pair + c) % self.classes].sum(1) for c in range(self.classes)]
        return np.argmax(scores, axis=0)


def _table(seed, task, name, n, width, draw=uniform):
    """Random numbers [n, width], of which row i depends on (seed, task, name, i) alone."""
    _whole(f"{type(task).__name__}.draw.n", n, 1)
    return draw(stream(seed, repr(task), name), np.arange(n * width)).reshape(n, width)


def _whole(where, value, least):
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise DataError(f"{where}: is {value!r}. It must be a whole number, {least} or more.")
    return int(value)


def _probability(where, value):
    if not 0 <= value <= 1:
        raise DataError(f"{where}: is {value!r}. It must lie in 0..1.")
