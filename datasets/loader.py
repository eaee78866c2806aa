"""Batches for training: the same ones on every machine, every time, from any position on.

What it is
    Every random choice is a function of (seed, epoch, sample): the order of an epoch of (seed, epoch), the augmentation
    of a sample of (seed, epoch, its number). It does not depend on the size of batches, on what was drawn before, or on
    where an interrupted epoch goes on.

Cost
    Arrays without ``transform`` are indexed as a whole; no Python runs per sample.
"""
import operator

import numpy as np

from snn.errors import DataError
from snn.random import bits64, stream, uniform


class Loader:
    """Batches ``(x, y)`` of torch tensors.

    Parameters
        ``x``: array ``[n, T, ...]`` (frames, uint8 for instance); or, with ``encode``, an array of one value per
        sample ``[n, ...]`` (images) or a sequence of :class:`~snn.spikes.Spikes` or samples with ``spikes``.
        ``y``: whole numbers or floats ``[n]``, or ``[n, T, ...]`` one per step; None takes ``x.labels``.
        ``batch`` samples per batch, the last one may be smaller unless ``drop_last``. ``seed`` of order and
        augmentation. ``shuffle`` draws a new order for every epoch. ``transform(item, key)`` changes one item of ``x``
        (an array, or Spikes) before it is encoded; ``key`` is a uint64 for :mod:`snn.random`. ``encode(items, keys)``
        gives ``[B, T, ...]``: a :class:`~snn.datasets.frames.Frames`, or an encoder of :mod:`snn.datasets.encode`.
        ``time_first``: time, then batch; else batch, then time.
    Gives
        ``x`` float32 ``[T, B, ...]``, contiguous; ``y`` int64 or float32 ``[B]``, or ``[T, B, ...]`` per step.
    Errors
        :class:`~snn.errors.DataError`: lengths that differ, no samples, fewer samples than a batch with ``drop_last``,
        values that are no numbers or not finite, an epoch or start that does not exist; iterating where ``shuffle``
        is on, since every pass would have the order of epoch 0: call :meth:`epoch`.

    Example::

        loader = Loader(frames, labels, batch=128, seed=0)
        for e in range(epochs):
            for x, y in loader.epoch(e):
                ...
    """

    def __init__(self, x, y=None, *, batch, seed, shuffle=True, transform=None, encode=None, drop_last=False,
                 time_first=True):
        self.batch, self.seed = _whole("batch", batch, 1), _whole("seed", seed, None)
        self.shuffle, self.drop_last, self.time_first = bool(shuffle), bool(drop_last), bool(time_first)
        self.transform, self.encode = transform, encode
        self.x, self.y = _items(x, encode), _targets(x if y is None else y, y is None)
        if len(self.x) != len(self.y) or not len(self.x):
            raise DataError(f"Loader.y: {len(self.y)} labels for {len(self.x)} samples. "
                            "Right would be one per sample, and at least one sample.")
        if not len(self):
            raise DataError(f"Loader.batch: is {self.batch}, with {len(self.x)} samples and drop_last no batch is "
                            "left. Use a smaller batch, or keep the last one.")

    @property
    def samples(self):
        """Number of samples in one epoch."""
        return len(self) * self.batch if self.drop_last else len(self.x)

    def __len__(self):
        """Batches per epoch."""
        return len(self.x) // self.batch if self.drop_last else -(-len(self.x) // self.batch)

    def __iter__(self):
        if self.shuffle:
            raise DataError("Loader.__iter__: this loader shuffles, and every pass would have the order of epoch 0. "
                            "Right would be loader.epoch(e), or shuffle=False.")
        return self.epoch(0)

    def order(self, epoch):
        """Sample numbers in the order of an epoch, int64 [n]."""
        if not self.shuffle:
            return np.arange(len(self.x))
        key = stream(self.seed, "loader", "order", _whole("epoch", epoch, 0))
        return np.argsort(bits64(key, np.arange(len(self.x), dtype=np.uint64)), kind="stable")

    def epoch(self, epoch, start=0):
        """Iterate over the batches of an epoch (0, 1, ...), from batch ``start`` on."""
        start = _whole("start", start, 0)
        if start > len(self):
            raise DataError(f"Loader.start: is {start}. An epoch has the batches 0..{len(self) - 1}.")
        order, keys = self.order(epoch), stream(self.seed, "loader", "sample", _whole("epoch", epoch, 0))
        return (self._batch(order[b * self.batch:(b + 1) * self.batch], keys) for b in range(start, len(self)))

    def _batch(self, index, key):
        import torch
        keys = bits64(key, index.astype(np.uint64))
        x, y = self._encoded(index, keys), self.y[index]
        if self.time_first:
            x, y = x.swapaxes(0, 1), y.swapaxes(0, 1) if y.ndim > 1 else y
        # Always a copy: an encoder may give a read-only view, or keep what it gave.
        x = np.array(x, dtype=np.float32, order="C")
        return torch.from_numpy(x), torch.from_numpy(np.ascontiguousarray(y))

    def _encoded(self, index, keys):
        whole = isinstance(self.x, np.ndarray)
        if whole and self.transform is None:
            items = self.x[index]
        else:
            items = [self.x[int(i)] for i in index]
            if not whole:
                items = [getattr(item, "spikes", item) for item in items]
            if self.transform is not None:
                items = [self.transform(item, key) for item, key in zip(items, keys, strict=True)]
            items = self._stacked(items) if whole else items
        x = np.asarray(items if self.encode is None else self.encode(items, keys))
        if x.ndim < 2 or x.shape[0] != len(index) or x.shape[1] == 0 or x.dtype.kind not in "biuf":
            raise DataError(f"Loader.x: a batch of {len(index)} became {x.dtype} of shape {x.shape}. "
                            "Right would be numbers [B, T, ...] with one step or more.")
        return x

    @staticmethod
    def _stacked(items):
        try:
            return np.stack(items)
        except (ValueError, TypeError) as error:
            raise DataError(f"Loader.transform: its results do not stack ({error}). "
                            "Right would be arrays of one shape.") from error


def split(labels, groups=None, *, share=0.1, seed):
    """Indices ``(train, validation)``, int64, with ``share`` of every label (and group) in the validation part.

    Parameters: ``labels`` [n]; ``groups`` [n], speakers for instance, or None; ``share`` in (0, 1); ``seed``.
    The samples are put in the order of (label, group), at random within a cell, and every ``1 / share``-th is taken:
    each cell gives its share rounded up or down, the whole its share within one sample. Samples of one group land in
    both parts; to leave whole groups out, index by group.
    Errors: :class:`~snn.errors.DataError` for unequal lengths, a share outside (0, 1), a part that would be empty.

    Example::

        train, validation = split(shd.labels, shd.speakers, share=0.1, seed=0)
    """
    labels = np.asarray(labels)
    groups = np.zeros(len(labels)) if groups is None else np.asarray(groups)
    if labels.ndim != 1 or labels.shape != groups.shape:
        raise DataError(f"split.groups: shape {groups.shape} for labels of shape {labels.shape}. "
                        "Right would be one label and one group per sample.")
    if not 0 < share < 1:
        raise DataError(f"split.share: is {share}. It must lie between 0 and 1.")
    key = stream(seed, "split")
    cells = [np.unique(names, return_inverse=True)[1] for names in (groups, labels)]
    order = np.lexsort((bits64(key, np.arange(len(labels), dtype=np.uint64)), *cells))
    begin = uniform(stream(seed, "split", "begin"), 0)[0]
    taken = np.diff(np.floor(np.arange(len(labels) + 1) * share + begin)) > 0
    if taken.all() or not taken.any():
        raise DataError(f"split.share: {share} of {len(labels)} samples leaves one part empty. "
                        "Right would be a share that gives both parts at least one sample.")
    return np.sort(order[~taken]), np.sort(order[taken])


def _items(x, encode):
    if hasattr(x, "detach"):
        x = x.detach().cpu().numpy()
    if isinstance(x, np.ndarray):
        if x.dtype.kind not in "biuf" or x.ndim < (2 if encode is None else 1):
            raise DataError(f"Loader.x: is {x.dtype} of shape {x.shape}. It must be numbers [n, T, ...], "
                            "or [n, ...] with encode.")
        if encode is None and 0 in x.shape[1:]:
            raise DataError(f"Loader.x: has shape {x.shape}. It must be [n, T, ...] with one step or more.")
        if x.dtype.kind == "f" and not np.isfinite(x).all():
            raise DataError(f"Loader.x: holds a value that is not finite, at {tuple(np.argwhere(~np.isfinite(x))[0])}. "
                            "Every value must be finite.")
        return x
    if encode is None or not hasattr(x, "__getitem__") or not hasattr(x, "__len__"):
        raise DataError(f"Loader.x: is {type(x).__name__} without encode. Right would be an array [n, T, ...], or a "
                        "sequence of recordings with encode=Frames(...).")
    return x


def _targets(y, from_x):
    if from_x:
        if not hasattr(y, "labels"):
            raise DataError("Loader.y: is missing, and x has no labels. Right would be one label per sample.")
        y = y.labels
    y = np.asarray(y.detach().cpu() if hasattr(y, "detach") else y)
    if y.ndim < 1 or y.dtype.kind not in "biuf" or (y.dtype.kind == "f" and not np.isfinite(y).all()):
        raise DataError(f"Loader.y: is {y.dtype} of shape {y.shape}. It must be finite numbers [n], or [n, T, ...].")
    return y.astype(np.float32 if y.dtype.kind == "f" else np.int64)


def _whole(name, value, least):
    try:
        value = operator.index(value)
    except TypeError:
        raise DataError(f"Loader.{name}: is {value!r}. It must be a whole number.") from None
    if least is not None and value < least:
        raise DataError(f"Loader.{name}: is {value}. It must be {least} or more.")
    return value
