"""Active dendrites and sparse distributed representations: how reliably a few synapses recognise a pattern.

What it is
    Of n cells, few are active at a time. A segment of a dendrite has synapses from some of the cells of a pattern, and
    detects the pattern where at least ``threshold`` of them are active: a subsample recognises the whole. The functions
    here give, exactly, how often that goes wrong, in either direction; :class:`SegmentBank` is the same as cells that
    can be simulated (:class:`snn.neurons.DendriticSegment`, :class:`snn.neurons.DendriticLIF`).

Source: S. Ahmad, J. Hawkins (2016), "How do neurons operate on sparse distributed representations?", arXiv:1601.00720;
J. Hawkins, S. Ahmad (2016), Frontiers in Neural Circuits 10:23.
"""
from fractions import Fraction
from math import comb

import numpy as np

from snn.circuits.checks import array, generator, number, whole
from snn.errors import DataError, NetworkError, RunError


def false_match(n, active, synapses, threshold):
    """Probability that a segment takes ``active`` random cells for its pattern; exact, a float.

    Formula: ``sum over b >= threshold of C(synapses, b) C(n - synapses, active - b) / C(n, active)``.

    Parameters: ``n`` cells; ``active`` of them at a time; ``synapses`` of the segment, from different cells;
    ``threshold`` synapses that must be active.

    Errors: RunError for numbers that are not whole, or not within n. Example: ``false_match(2048, 40, 20, 10)``
    gives 3.9e-13.
    """
    n, active, synapses = _counts("false_match", n, active=active, synapses=synapses)
    threshold = whole("false_match.threshold", threshold, RunError, least=0)
    ways = sum(comb(synapses, b) * comb(n - synapses, active - b)
               for b in range(threshold, min(synapses, active) + 1))
    return float(Fraction(ways, comb(n, active)))


def false_match_any(n, active, synapses, threshold, *, segments):
    """Probability that any of ``segments`` independent segments falsely matches: ``1 - (1 - p)^segments``."""
    segments = whole("false_match_any.segments", segments, RunError)
    p = false_match(n, active, synapses, threshold)
    return 1.0 if p == 1.0 else float(-np.expm1(segments * np.log1p(-p)))


def union_false_match(n, active, synapses, threshold, *, patterns):
    """False match of one segment that holds ``synapses`` of each of several random patterns.

    The patterns may share cells; the probability is the mean of :func:`false_match` over the number of different cells
    that the segment then has synapses from, whose distribution is exact.
    """
    from scipy.stats import hypergeom
    n, active, synapses = _counts("union_false_match", n, active=active, synapses=synapses)
    threshold = whole("union_false_match.threshold", threshold, RunError, least=0)
    most = min(n, whole("union_false_match.patterns", patterns, RunError) * synapses)
    share = np.zeros(most + 1)
    share[0] = 1.0
    for _ in range(patterns):
        after = np.zeros_like(share)
        for size in np.flatnonzero(share > 1e-18):
            new = np.arange(min(synapses, most - size) + 1)
            after[size + new] += share[size] * hypergeom.pmf(new, n, n - size, synapses)
        share = after
    return float(sum(share[k] * false_match(n, active, int(k), threshold) for k in np.flatnonzero(share > 1e-18)))


def missed_match(active, synapses, threshold, *, lost):
    """Probability that a segment misses its own pattern of which ``lost`` cells stay silent; exact, a float.

    Formula: of the ``active`` cells, ``active - lost`` are left; the segment sees b of them with probability
    ``C(synapses, b) C(active - synapses, active - lost - b) / C(active, lost)``, and misses below ``threshold``.

    Example: ``missed_match(128, 24, 12, lost=64)``, half of the pattern lost, gives 0.41.
    """
    active, synapses, lost = _counts("missed_match", active, synapses=synapses, lost=lost)
    threshold = whole("missed_match.threshold", threshold, RunError, least=0)
    left = active - lost
    ways = sum(comb(synapses, b) * comb(active - synapses, left - b)
               for b in range(max(0, left + synapses - active), min(threshold, synapses + 1, left + 1)))
    return float(Fraction(ways, comb(active, left)))


def random_patterns(patterns, n, active, *, seed=0):
    """Patterns bool [patterns, n], each with ``active`` random cells.

    Example: ``random_patterns(500, 100, 7, seed=1)``
    """
    whole("random_patterns.patterns", patterns, RunError)
    n, active = _counts("random_patterns", n, active=active)
    draw, found = generator("random_patterns.seed", seed), np.zeros((patterns, n), bool)
    for row in found:
        row[draw.choice(n, active, replace=False)] = True
    return found


class SegmentBank:
    """Cells whose segments hold samples of patterns: as arithmetic, and as a network to be simulated.

    Parameters
        n          cells that patterns are made of
        cells      cells that have segments
        threshold  active synapses that a segment needs

    Attributes: ``synapses``, a list of int64 arrays, the sources of each segment; ``owner``, a list, its cell.

    Errors: NetworkError for sizes; DataError for patterns; RunError for numbers.

    Example::

        bank = SegmentBank(2048, cells=100, threshold=10)
        bank.store(patterns, owner=np.arange(100), synapses=20, seed=1)      # patterns bool [100, 2048]
        print(bank.predicted(patterns).diagonal().all())
    """

    def __init__(self, n, *, cells, threshold):
        self.n = whole("SegmentBank.n", n, NetworkError)
        self.cells = whole("SegmentBank.cells", cells, NetworkError)
        self.threshold = whole("SegmentBank.threshold", threshold, NetworkError)
        self.synapses, self.owner = [], []

    def store(self, patterns, *, owner, synapses, seed=0):
        """One segment per pattern [P, n] for the cells ``owner`` [P]: ``synapses`` of the active cells, at random.

        A pattern with fewer active cells gives all of them. Returns the bank.
        """
        patterns, owner = self._patterns("store", patterns), np.atleast_1d(array("SegmentBank.store.owner", owner))
        whole("SegmentBank.store.synapses", synapses, RunError)
        draw = generator("SegmentBank.store.seed", seed)
        if owner.shape != (len(patterns),) or not np.isin(owner, np.arange(self.cells)).all():
            raise DataError(f"SegmentBank.store.owner: has shape {owner.shape}. One cell per pattern, [{len(patterns)}]"
                            f", from 0 to {self.cells - 1}, is expected.")
        for pattern, cell in zip(patterns, owner, strict=True):
            there = np.flatnonzero(pattern)
            self.synapses.append(np.sort(draw.choice(there, min(synapses, len(there)), replace=False)))
            self.owner.append(int(cell))
        return self

    def detected(self, patterns):
        """Which segments detect which patterns [P, n]: bool [P, segments]."""
        patterns = self._patterns("detected", patterns)
        return np.stack([patterns[:, one].sum(1) >= self.threshold for one in self.synapses], axis=1)

    def predicted(self, patterns):
        """Which cells have a segment that detects the pattern: bool [P, cells]."""
        found = np.zeros((len(patterns), self.cells), bool)
        for cell, column in zip(self.owner, self.detected(patterns).T, strict=True):
            found[:, cell] |= column
        return found

    def network(self, patterns, *, every=100.0, segment=None, cell=None):
        """A :class:`snn.Network` in which the patterns [P, n] are volleys, one each ``every`` ms from ``every`` / 2 on.

        Populations ``inputs``, ``segments``, ``cells`` (:class:`~snn.neurons.DendriticSegment` and
        :class:`~snn.neurons.DendriticLIF`, or the models given; ``segment`` with this threshold). Drive the cells to
        see who fires first. All delays are 1 ms.
        """
        import snn
        from snn.neurons import DendriticLIF, DendriticSegment, SpikeSource
        patterns = self._patterns("network", patterns)
        every = number("SegmentBank.network.every", every, RunError, 1.0)
        if not self.synapses:
            raise RunError("SegmentBank.network: there are no segments. Call store first.")
        when, who = np.nonzero(patterns)
        spikes = snn.Spikes(every * (when + 0.5), who, n=self.n, duration=every * len(patterns))
        net, sizes = snn.Network("dendrites"), [len(one) for one in self.synapses]
        inputs = net.add("inputs", SpikeSource(spikes), self.n)
        segments = net.add("segments", segment or DendriticSegment(theta=self.threshold), len(sizes))
        cells = net.add("cells", cell or DendriticLIF(), self.cells)
        net.connect(inputs, segments, snn.Edges(np.concatenate(self.synapses), np.repeat(np.arange(len(sizes)), sizes)),
                    port="delta", weight=1.0, delay=1.0)
        net.connect(segments, cells, snn.Edges(np.arange(len(sizes)), np.array(self.owner)), port="dendrite",
                    weight=1.0, delay=1.0)
        return net

    def _patterns(self, where, x):
        try:
            x = np.atleast_2d(np.asarray(x))
        except (TypeError, ValueError):
            x = np.zeros(0)
        if x.dtype != bool or x.ndim != 2 or x.shape[1] != self.n or not len(x):
            raise DataError(f"SegmentBank.{where}.patterns: is {x.dtype} of shape {x.shape}. Active cells, bool "
                            f"[patterns, {self.n}], are expected.")
        return x


def _counts(where, n, **parts):
    """``(n, *parts)`` as whole numbers, the parts from 0 to n."""
    n = whole(f"{where}.n", n, RunError)
    for name, value in parts.items():
        if whole(f"{where}.{name}", value, RunError, least=0) > n:
            raise RunError(f"{where}.{name}: is {value}, more than the {n} cells that there are. At most {n} fit.")
    return (n, *map(int, parts.values()))
