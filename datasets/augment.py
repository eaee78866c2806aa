"""Augmentation of recordings: jittered channels, warped or shifted time, dropped spikes and channels.

What it is
    Each augmentation is a frozen dataclass that is called with :class:`~snn.spikes.Spikes` and a key (uint64) and gives
    new Spikes; same key, same result. :class:`ShiftFrame` and :class:`DropFrame` do the like to a frame ``[T, C]``.
    A :class:`~snn.datasets.loader.Loader` hands in the key of (seed, epoch, sample).

    Spikes that leave the window or the channels are gone, as they would be at a sensor's edge. Channels are taken to
    lie in a row, like places along a cochlea; for the pixels of a camera only those of time, :class:`Drop` and
    :class:`DropChannels` make sense.

Source: channel jitter and shift as in Cramer, Stradmann, Schemmel, Zenke 2022, IEEE TNNLS 33(7).

Example::

    augment = Compose(ShiftChannels(most=20), TimeWarp(sd=0.1), Drop(p=0.05))
    loader = Loader(train, batch=64, seed=0, transform=augment, encode=Frames(dt=10.0, steps=100, group=5))
"""
import math
from dataclasses import dataclass, fields

import numpy as np

from snn.errors import DataError
from snn.random import bits64, normal, uniform
from snn.spikes import Spikes


class _Augment:
    """Checks the fields: finite and not negative; a field ``p`` is a probability."""

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            good = isinstance(value, int | float | np.number) and math.isfinite(value) and value >= 0
            if not good or (field.name == "p" and value > 1):
                raise DataError(f"{type(self).__name__}.{field.name}: is {value!r}. It must be a finite number, "
                                f"{'0 to 1' if field.name == 'p' else '0 or more'}.")


@dataclass(frozen=True)
class ChannelJitter(_Augment):
    """Each spike moves to channel ``id + rint(sd * normal)``; ``sd`` in channels."""

    sd: float

    def __call__(self, spikes, key):
        return _moved(spikes, np.rint(self.sd * normal(key, np.arange(len(spikes)))).astype(np.int64))


@dataclass(frozen=True)
class ShiftChannels(_Augment):
    """All spikes move by one whole number of channels, uniform in ``-most..most``: another pitch."""

    most: int

    def __call__(self, spikes, key):
        return _moved(spikes, _between(key, int(self.most)))


@dataclass(frozen=True)
class Shift(_Augment):
    """All spikes move in time by one number, uniform in ``-most..most`` ms; the window stays."""

    most: float

    def __call__(self, spikes, key):
        times = spikes.times + self.most * (2.0 * uniform(key, 0)[0] - 1.0)
        return _kept(spikes, (times >= spikes.start) & (times <= spikes.end), times=times)


@dataclass(frozen=True)
class TimeJitter(_Augment):
    """Each spike moves in time by ``sd * normal`` ms; the window stays."""

    sd: float

    def __call__(self, spikes, key):
        times = spikes.times + self.sd * normal(key, np.arange(len(spikes)))
        return _kept(spikes, (times >= spikes.start) & (times <= spikes.end), times=times)


@dataclass(frozen=True)
class TimeWarp(_Augment):
    """Time runs at another speed in each of ``pieces`` equal parts of the recording.

    Formula: a part of length h becomes ``h exp(sd * normal)`` long, times within it in proportion; order is kept, and
    the duration becomes the sum of the parts. ``pieces = 1`` speaks faster or slower as a whole.
    """

    sd: float
    pieces: int = 4

    def __call__(self, spikes, key):
        pieces = max(1, int(self.pieces))
        stretch = np.exp(self.sd * normal(key, np.arange(pieces)))
        old = np.linspace(0.0, spikes.duration, pieces + 1)
        new = np.concatenate([[0.0], np.cumsum(stretch * (spikes.duration / pieces))])
        times = spikes.start + np.interp(spikes.times - spikes.start, old, new)
        return Spikes(times, spikes.ids, spikes.n, new[-1], spikes.start)


@dataclass(frozen=True)
class Drop(_Augment):
    """Each spike is left out with probability ``p``."""

    p: float

    def __call__(self, spikes, key):
        return _kept(spikes, uniform(key, np.arange(len(spikes))) >= self.p)


@dataclass(frozen=True)
class DropChannels(_Augment):
    """Each channel is silent with probability ``p``."""

    p: float

    def __call__(self, spikes, key):
        return _kept(spikes, (uniform(key, np.arange(spikes.n)) >= self.p)[spikes.ids])


@dataclass(frozen=True, init=False)
class Compose:
    """``Compose(a, b, c)``: one after the other, each with its own key made from the key and its place."""

    steps: tuple

    def __init__(self, *steps):
        for step in steps:
            if not callable(step):
                raise DataError(f"Compose.steps: {step!r} cannot be called. Right would be augmentations.")
        object.__setattr__(self, "steps", steps)

    def __call__(self, item, key):
        for place, step in enumerate(self.steps):
            item = step(item, bits64(np.uint64(key), np.array([place], np.uint64))[0])
        return item


@dataclass(frozen=True)
class ShiftFrame(_Augment):
    """A frame ``[T, C, ...]`` moved by whole steps and channels, each uniform in ``-most..most``; zeros come in."""

    steps: int = 0
    channels: int = 0

    def __call__(self, frame, key):
        for axis, most in ((0, int(self.steps)), (1, int(self.channels))):
            if most:
                frame = _rolled(frame, _between(bits64(key, np.array([axis], np.uint64))[0], most), axis)
        return frame


@dataclass(frozen=True)
class DropFrame(_Augment):
    """A frame ``[T, C]`` in which each spike counted is left out with probability ``p`` (a count is thinned)."""

    p: float

    def __call__(self, frame, key):
        cells = np.flatnonzero(frame)
        counts = frame.ravel()[cells].astype(np.int64)
        owner = np.repeat(np.arange(len(cells)), counts)
        kept = uniform(key, np.arange(len(owner))) >= self.p
        thinned = np.zeros(frame.size, frame.dtype)
        thinned[cells] = np.bincount(owner[kept], minlength=len(cells))
        return thinned.reshape(frame.shape)


def _between(key, most):
    """A whole number, uniform in ``-most..most``."""
    return int(uniform(key, 0)[0] * (2 * most + 1)) - most


def _moved(spikes, by):
    ids = spikes.ids + by
    return _kept(spikes, (ids >= 0) & (ids < spikes.n), ids=ids)


def _kept(spikes, keep, *, times=None, ids=None):
    times, ids = spikes.times if times is None else times, spikes.ids if ids is None else ids
    return Spikes(times[keep], ids[keep], spikes.n, spikes.duration, spikes.start)


def _rolled(frame, by, axis):
    """``frame`` moved by ``by`` places along ``axis``, zeros where nothing came from."""
    out = np.zeros_like(frame)
    n = frame.shape[axis]
    if abs(by) < n:
        source, target = (slice(None),) * axis, (slice(None),) * axis
        out[(*target, slice(max(by, 0), n + min(by, 0)))] = frame[(*source, slice(max(-by, 0), n - max(by, 0)))]
    return out
