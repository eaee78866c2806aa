"""What every reader of recordings gives: a sequence of samples, each the spikes of one recording with its label."""
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from snn.spikes import Spikes


@dataclass(frozen=True, eq=False)
class Sample:
    """One recording: ``spikes`` (:class:`~snn.spikes.Spikes`, ms), ``label`` int, ``speaker`` int (-1: not given)."""

    spikes: Spikes
    label: int
    speaker: int = -1


class Samples(Sequence):
    """A read-only sequence of :class:`Sample`, read from disk one by one.

    A subclass sets ``labels`` int64 [n_samples] and defines ``_sample(at)`` for a number in ``0..n_samples - 1``.
    ``s[i]`` gives a sample (negative numbers count from the end), ``s[a:b]`` a list. IndexError names the range.
    """

    labels: np.ndarray

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        at = int(index) + (len(self) if index < 0 else 0)
        if not 0 <= at < len(self):
            raise IndexError(f"{type(self).__name__}.index: no such sample ({index}). "
                             f"Right would be 0..{len(self) - 1}.")
        return self._sample(at)

    def _sample(self, at):
        raise NotImplementedError

    def take(self, index):
        """The samples of an index array or boolean mask, as a sequence that still reads from disk one by one."""
        return Part(self, index)


class Part(Samples):
    """Some samples of another sequence; made by :meth:`Samples.take`. ``labels``, ``index``: int64 [n_samples].

    ``speakers`` too where the whole names them.
    """

    def __init__(self, whole, index):
        self.whole = whole
        self.index = np.arange(len(whole))[index]
        self.labels = whole.labels[self.index]
        if hasattr(whole, "speakers"):
            self.speakers = whole.speakers[self.index]

    def _sample(self, at):
        return self.whole[int(self.index[at])]
