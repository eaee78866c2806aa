"""Binning of spikes into frames, and back.

What it is
    A frame counts the spikes of each channel in one step. :class:`Frames` fixes step, length and channels, and makes
    ``uint8 [n, T, C]`` of any number of recordings, the input of a network that runs on a grid.

Formula
    Step ``k`` (from 0) holds the spikes with ``k dt < t - start <= (k + 1) dt``; step 0 also one exactly at ``start``.
    That is the window convention of :class:`~snn.spikes.Spikes`, closed on the right, so that frames of the spikes of
    a clocked run are its steps. (Libraries that close windows on the left put
    a spike that lies on the grid one step later.)
"""
import operator
from dataclasses import dataclass
from typing import Any

import numpy as np

from snn.errors import DataError
from snn.spikes import Spikes


@dataclass(frozen=True, kw_only=True, eq=False)
class Frames:
    """Makes frames of recordings: ``Frames(dt=10.0, steps=100, group=5)(samples)`` is ``uint8 [n, 100, C]``.

    Fields
        ``dt`` ms per step; ``steps`` their number T: later spikes are left out, shorter recordings end in zeros.
        ``group``: a whole number sums that many neighbouring channels (the last group may be smaller), an int array
        [n] names the frame channel of each channel (-1: left out). ``binary`` gives 0 and 1 in place of counts.
        ``clip`` sets counts above 255 to 255; without it they are an error.
    Errors
        :class:`~snn.errors.DataError` for fields that are no such numbers, recordings with different numbers of
        channels, a map of the wrong length, counts above 255.
    Example::

        frames = Frames(dt=10.0, steps=100, group=5)
        x = frames(train)            # uint8 [n_samples, 100, 140]
    """

    dt: float
    steps: int
    group: Any = 1
    binary: bool = False
    clip: bool = False

    def __post_init__(self):
        if not (np.ndim(self.dt) == 0 and np.isfinite(self.dt) and self.dt > 0):
            raise DataError(f"Frames.dt: is {self.dt}. It must be a number of ms above 0.")
        _at_least_one("steps", self.steps)
        if np.ndim(self.group) == 0:
            _at_least_one("group", self.group)
            return
        group = np.asarray(self.group)
        if group.ndim != 1 or group.dtype.kind not in "ui" or not group.size or group.min() < -1 or group.max() < 0:
            raise DataError(f"Frames.group: is {group.dtype} of shape {group.shape}. It must be a whole number, or one "
                            "frame channel (0 or more, -1 for none) per channel.")
        object.__setattr__(self, "group", group.astype(np.int64))

    def __call__(self, samples, keys=None):
        """Frames, uint8 [n, T, C], of an iterable of :class:`~snn.spikes.Spikes` or of samples with ``spikes``.

        ``keys`` is not used; it lets a :class:`~snn.datasets.loader.Loader` call all encoders alike.
        """
        rows, channels = [], None
        for sample in samples:
            spikes = getattr(sample, "spikes", sample)
            if not isinstance(spikes, Spikes):
                raise DataError(f"Frames: sample {len(rows)} is {type(sample).__name__}. It must be Spikes or have "
                                "a field spikes.")
            if channels not in (None, spikes.n):
                raise DataError(f"Frames: sample {len(rows)} has {spikes.n} channels, those before {channels}. "
                                "All recordings must have the same channels.")
            channels = spikes.n
            rows.append(self._frame(spikes, len(rows)))
        if not rows:
            raise DataError("Frames: there are no samples. Right would be at least one.")
        return np.stack(rows)

    def channels(self, n):
        """Number C of frame channels for recordings of ``n`` channels."""
        return -(-n // self.group) if np.ndim(self.group) == 0 else int(self.group.max()) + 1

    def _frame(self, spikes, at):
        slack = 1e-9 + 8 * np.finfo(np.float64).eps * abs(spikes.end)   # as in Spikes: 3 * 0.1 counts as 0.3
        step = np.ceil((spikes.times - spikes.start - slack) / self.dt).astype(np.int64) - 1
        np.maximum(step, 0, out=step)
        inside = np.searchsorted(step, self.steps)   # times ascend, and so do steps
        step, ids = step[:inside], spikes.ids[:inside]
        if np.ndim(self.group) == 0:
            channel = ids // self.group if self.group > 1 else ids
        else:
            if len(self.group) != spikes.n:
                raise DataError(f"Frames.group: maps {len(self.group)} channels, sample {at} has {spikes.n}. "
                                "It must name the frame channel of every channel.")
            channel = self.group[ids]
            step, channel = step[channel >= 0], channel[channel >= 0]
        width = self.channels(spikes.n)
        counts = np.bincount(step * width + channel, minlength=self.steps * width)
        if self.binary:
            counts = counts > 0
        elif counts.max(initial=0) > 255:
            if not self.clip:
                raise DataError(f"Frames: sample {at} has {counts.max()} spikes of one channel in one step of "
                                f"{self.dt} ms. At most 255 fit; use a smaller dt, binary=True or clip=True.")
            counts = np.minimum(counts, 255)
        return counts.astype(np.uint8).reshape(self.steps, width)


def frames(samples, *, dt, steps, group=1, binary=False, clip=False):
    """``Frames(dt=dt, steps=steps, ...)(samples)``: uint8 [n, T, C]; see :class:`Frames`."""
    return Frames(dt=dt, steps=steps, group=group, binary=binary, clip=clip)(samples)


def to_spikes(frames, *, dt):
    """The spikes of frames: a list of n :class:`~snn.spikes.Spikes`, from bool or whole numbers [n, T, C].

    A count c at step k becomes c spikes at ``(k + 1) dt`` ms, so that frames of the result are the frames again.
    Errors: :class:`~snn.errors.DataError` for another number of axes, negative or not whole numbers, dt <= 0.
    """
    frames = np.asarray(frames)
    if frames.ndim != 3:
        raise DataError(f"to_spikes.frames: has shape {frames.shape}. It must be [n, T, C].")
    return [Spikes.from_dense(frame, dt) for frame in frames]


def _at_least_one(name, value):
    try:
        good = operator.index(value) >= 1
    except TypeError:
        good = False
    if not good:
        raise DataError(f"Frames.{name}: is {value}. It must be a whole number, 1 or more.")
