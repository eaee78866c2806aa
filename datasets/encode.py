"""Encoders of static values as steps: repeat them, draw spikes from them, or let bright ones fire early.

An encoder is called with a batch of values and one random key per sample and gives ``[B, T, ...]``; a
:class:`~snn.datasets.loader.Loader` calls it for every batch. Bytes count as 0..1 (divided by 255).
"""
import operator
from dataclasses import dataclass

import numpy as np

from snn.errors import DataError
from snn.random import bits64, unit


@dataclass(frozen=True)
class Repeat:
    """The same values in each of ``steps`` steps, float32 [B, T, ...]: the first layer of the network makes the spikes.

    ``scale`` divides the values; None means 255 for bytes and 1 otherwise.
    """

    steps: int
    scale: float | None = None

    def __post_init__(self):
        _check_steps(self)

    def __call__(self, values, keys=None):
        values = np.asarray(values)
        by = self.scale if self.scale is not None else 255.0 if values.dtype == np.uint8 else 1.0
        once = values.astype(np.float32)[:, None] * np.float32(1.0 / by)
        return np.broadcast_to(once, (once.shape[0], self.steps, *once.shape[2:]))


@dataclass(frozen=True)
class Bernoulli:
    """Rate code: in each step a spike with probability ``gain`` times the value, uint8 [B, T, ...].

    A draw depends on the sample's key, the step and the element alone. Errors: DataError where a probability leaves
    0..1.
    """

    steps: int
    gain: float = 1.0

    def __post_init__(self):
        _check_steps(self)

    def __call__(self, values, keys):
        chance = _unit_interval(values) * self.gain
        if chance.size and not 0 <= chance.min() <= chance.max() <= 1:
            raise DataError(f"Bernoulli.gain: {self.gain} gives probabilities {chance.min():g}..{chance.max():g}. "
                            "They must lie in 0..1.")
        size = int(np.prod(chance.shape[1:]))
        index = np.arange(self.steps * size, dtype=np.uint64)
        draws = unit(bits64(np.asarray(keys, np.uint64)[:, None], index))
        return (draws.reshape(len(chance), self.steps, *chance.shape[1:]) < chance[:, None]).astype(np.uint8)


@dataclass(frozen=True)
class Latency:
    """Time code: one spike per element, the brighter the earlier, uint8 [B, T, ...].

    Formula: step ``rint((1 - value) (steps - 1))``; a value at or below ``silent`` gives no spike.
    """

    steps: int
    silent: float = 0.0

    def __post_init__(self):
        _check_steps(self)

    def __call__(self, values, keys=None):
        values = _unit_interval(values)
        if values.size and not 0 <= values.min() <= values.max() <= 1:
            raise DataError(f"Latency.values: are in {values.min():g}..{values.max():g}. They must lie in 0..1.")
        step = np.rint((1.0 - values) * (self.steps - 1))
        step[values <= self.silent] = -1
        clock = np.arange(self.steps).reshape(-1, *[1] * (values.ndim - 1))
        return (step[:, None] == clock).astype(np.uint8)


def _unit_interval(values):
    values = np.asarray(values)
    return values / 255.0 if values.dtype == np.uint8 else values.astype(np.float64)


def _check_steps(encoder):
    try:
        good = operator.index(encoder.steps) >= 1
    except TypeError:
        good = False
    if not good:
        raise DataError(f"{type(encoder).__name__}.steps: is {encoder.steps}. It must be a whole number, 1 or more.")
