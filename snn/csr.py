"""What connection rules take and give: the two sides of a projection, and connections as compressed rows."""
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from snn.errors import NetworkError


@dataclass(frozen=True)
class Block:
    """The two sides of a projection.

    ``n_pre``, ``n_post``: numbers of neurons; ``pre_offset``, ``post_offset``: where the slices begin in their
    populations; ``same``: both sides are (slices of) one population, so that the offsets tell who is the same neuron.
    """

    pre_offset: int
    n_pre: int
    post_offset: int
    n_post: int
    same: bool

    def selves(self):
        """Local source numbers whose own neuron is among the targets, as a range."""
        if not self.same:
            return range(0)
        first = max(self.pre_offset, self.post_offset)
        last = min(self.pre_offset + self.n_pre, self.post_offset + self.n_post)
        return range(first - self.pre_offset, max(first, last) - self.pre_offset)


@dataclass(frozen=True, eq=False)
class CSR:
    """Connections as compressed rows: row = source (local number), entries = targets (local numbers), ascending.

    ``indptr`` int64 [n_pre + 1]: targets of source s are ``targets[indptr[s]:indptr[s + 1]]``; ``targets`` uint16 up to
    65,536 targets, else uint32 [n_synapses]; ``values``: weights that the rule itself carries, in this order, or None;
    ``order`` int64: position of every entry in the user's edge list, None for rules without one.
    """

    indptr: np.ndarray
    targets: np.ndarray
    values: np.ndarray | None = None
    order: np.ndarray | None = None

    @property
    def n_synapses(self):
        return len(self.targets)

    @property
    def nbytes(self):
        return sum(x.nbytes for x in (self.indptr, self.targets, self.values, self.order) if x is not None)


class Rule(ABC):
    """Base of all rules; one method makes the connections."""

    @abstractmethod
    def build(self, block, key, *, positions=None):
        """Connections of ``block`` as :class:`CSR`.

        ``key``: numpy.uint64 from :func:`snn.random.stream`; ``positions``: (pre [n_pre, d], post [n_post, d]) or None.
        """


def refuse(where, problem, right):
    """Raise NetworkError in the library's form of message."""
    raise NetworkError(f"{where}: {problem}. {right}")
