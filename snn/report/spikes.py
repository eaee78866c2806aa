"""What one pass over the spikes of a population finds, in memory that does not grow with the number of spikes.

Rates, intervals and coefficients of variation are those of :class:`snn.spikes.Spikes`; tests compare them.
"""
from dataclasses import dataclass

import numpy as np

from snn.errors import DataError
from snn.spikes import _slack

FINE = 1 << 20              # most bins of a histogram that is kept while reading
SORTED = 20_000_000         # of populations with more spikes, intervals are those of a part of the neurons
PAIRS = 100                 # neurons whose pairs are correlated
WINDOW = 5.0                # ms: bins of counts
NEURONS = 1 << 26           # a larger number is taken for a damaged file: every neuron costs 50 bytes


@dataclass(frozen=True, eq=False)
class Measures:
    """Statistics of the spikes of one population.

    Fields
        ``n`` neurons, ``start`` and ``duration`` of the window [ms], ``spikes`` their number
        ``count`` int64 [n], spikes per neuron; ``first`` and ``last`` time of a spike [ms] (NaN without spikes)
        ``bin_ms`` width of the bins of ``binned`` [ms]; ``binned`` int64 [bins], spikes per bin
        ``isi_ms`` width of the bins of ``isi`` [ms]: bin j counts intervals in (j isi_ms, (j + 1) isi_ms]
        ``isi_mean`` [ms] and ``isi_count``; ``cv`` float64 [n], NaN for fewer than three spikes; ``sorted_neurons``:
        number of evenly spaced neurons that intervals and cv are of
        ``fano`` variance over mean of the population's count in bins of ``WINDOW`` ms, NaN with fewer than two bins
        ``correlation`` of such counts over pairs of neurons, NaN where nothing varies; ``paired``: number of neurons
    """

    n: int
    start: float
    duration: float
    spikes: int
    count: np.ndarray
    first: float
    last: float
    bin_ms: float
    binned: np.ndarray
    isi_ms: float
    isi: np.ndarray
    isi_mean: float
    isi_count: int
    cv: np.ndarray
    sorted_neurons: int
    fano: float
    correlation: float
    paired: int

    @property
    def rate(self):
        """Firing rate of each neuron [Hz], zeros in a window without length."""
        return self.count * (1000.0 / self.duration if self.duration > 0 else 0.0)

    def isi_quantile(self, q):
        """Upper end of the bin below which a part ``q`` of the intervals lies [ms]; NaN without intervals."""
        if not self.isi_count:
            return float("nan")
        return float((np.searchsorted(np.cumsum(self.isi), q * self.isi_count) + 1) * self.isi_ms)


def measure(spikes, *, dt=None, progress=None):
    """:class:`Measures` of Spikes (in memory or stored), read block by block; ``dt`` [ms] of the run where known.

    ``progress(k)`` is called with the number of spikes after each block.
    """
    if spikes.n > NEURONS:
        raise DataError(f"report: a population of {spikes.n} neurons. Statistics are made of up to {NEURONS}.")
    bins = Bins(spikes, _width(1.0, spikes.duration, dt))
    intervals = Intervals(spikes, _width(dt or 1e-3, spikes.duration, dt), SORTED)
    pairs = Pairs(spikes, bins.width * max(round(WINDOW / bins.width), 1))
    count, first, last = np.zeros(spikes.n, np.int64), np.nan, np.nan
    for times, ids in spikes.blocks():
        if not len(times):
            continue
        count += np.bincount(ids, minlength=spikes.n)
        first, last = (times[0] if np.isnan(first) else first), times[-1]
        for part in (bins, intervals, pairs):
            part.add(times, ids)
        if progress is not None:
            progress(len(times))
    mean, cv, kept = intervals.finish()
    return Measures(spikes.n, spikes.start, spikes.duration, int(count.sum()), count, float(first), float(last),
                    bins.width, bins.counts, intervals.width, intervals.counts, mean, int(intervals.counts.sum()), cv,
                    kept, _fano(bins, pairs.width), pairs.finish(), pairs.m)


def _width(least, duration, dt):
    """A bin of at least ``least`` ms that is whole steps, such that at most FINE of them cover ``duration``."""
    width = max(least, duration / FINE)
    return dt * np.ceil(width / dt - 1e-9) if dt else width


class Bins:
    """Spikes per bin; bins are closed on the right as those of Spikes, the last one may be shorter."""

    def __init__(self, spikes, width):
        self.start, self.width, self.slack = spikes.start, float(width), _slack(spikes.end)
        self.counts = np.zeros(max(int(np.ceil((spikes.duration - self.slack) / width)), 1), np.int64)

    def of(self, times):
        """The bin of each time."""
        index = np.ceil((times - self.start - self.slack) / self.width).astype(np.int64) - 1
        return np.clip(index, 0, len(self.counts) - 1)

    def add(self, times, ids):
        if not len(times):
            return
        index = self.of(times)
        low = index[0]
        found = np.bincount(index - low)
        self.counts[low:low + len(found)] += found


class Intervals:
    """Inter-spike intervals of evenly spaced neurons: histogram, and mean and spread per neuron."""

    def __init__(self, spikes, width, most):
        kept = spikes.n if len(spikes) <= most else max(1, spikes.n * most // len(spikes))
        self.kept = np.unique(np.linspace(0, spikes.n - 1, kept).round().astype(np.int64))
        self.all, self.width = len(self.kept) == spikes.n, float(width)
        self.wanted = np.zeros(spikes.n, bool)
        self.wanted[self.kept] = True
        self.small = np.uint16 if spikes.n <= 1 << 16 else np.int64     # 16 bits are sorted by radix, many times faster
        self.before, self.k = np.full(spikes.n, np.nan), np.zeros(spikes.n, np.int64)
        self.sum, self.squares = np.zeros(spikes.n), np.zeros(spikes.n)
        self.counts = np.zeros(int(np.ceil(spikes.duration / width)) + 2, np.int64)

    def add(self, times, ids):
        if not self.all:
            keep = self.wanted[ids]
            times, ids = times[keep], ids[keep]
        if not len(times):
            return
        order = np.argsort(ids.astype(self.small), kind="stable")
        owner, at = ids[order], times[order]
        begins = np.append(True, owner[1:] != owner[:-1])
        gaps = np.diff(at, prepend=0.0)
        gaps[begins] = at[begins] - self.before[owner[begins]]
        self.before[owner[np.append(begins[1:], True)]] = at[np.append(begins[1:], True)]
        there = ~np.isnan(gaps)
        owner, gaps = owner[there], gaps[there]
        self.k += np.bincount(owner, minlength=len(self.k))
        self.sum += np.bincount(owner, gaps, len(self.k))
        self.squares += np.bincount(owner, gaps * gaps, len(self.k))
        cell = np.ceil(gaps / self.width - 1e-6).astype(np.int64) - 1
        self.counts += np.bincount(np.clip(cell, 0, len(self.counts) - 1), minlength=len(self.counts))

    def finish(self):
        """Mean interval [ms], coefficient of variation per neuron, number of neurons looked at."""
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = self.sum / self.k
            spread = np.sqrt(np.maximum(self.squares / self.k - mean * mean, 0.0))
            cv = np.where((self.k >= 2) & (mean > 0), spread / mean, np.nan)
            return float(self.sum.sum() / self.k.sum()), cv, len(self.kept)


class Pairs:
    """Correlation of counts over the pairs of up to PAIRS neurons: sum of covariances over sum of products of sds."""

    def __init__(self, spikes, width):
        kept = np.unique(np.linspace(0, spikes.n - 1, min(spikes.n, PAIRS)).round().astype(np.int64))
        self.m, self.width = len(kept), float(width)
        self.bins = Bins(spikes, width)
        self.column = np.full(spikes.n, -1)
        self.column[kept] = np.arange(self.m)
        self.sums, self.squares, self.total = np.zeros(self.m), np.zeros(self.m), 0.0
        self.rest = np.zeros(0, np.int64)       # cells of the last bin, which the next block may go on with

    def add(self, times, ids):
        column = self.column[ids]
        keep = column >= 0
        cells = np.concatenate([self.rest, self.bins.of(times[keep]) * self.m + column[keep]])
        if len(cells):
            open_ = cells >= cells[-1] // self.m * self.m
            self.rest = cells[open_]
            self._count(cells[~open_])

    def _count(self, cells):
        cell, c = np.unique(cells, return_counts=True)
        if not len(cell):
            return
        self.sums += np.bincount(cell % self.m, c, self.m)
        self.squares += np.bincount(cell % self.m, c * c, self.m)
        row = cell // self.m
        self.total += float((np.bincount(row - row[0], c) ** 2).sum())

    def finish(self):
        self._count(self.rest)
        bins = len(self.bins.counts)
        var = np.maximum(self.squares / bins - (self.sums / bins) ** 2, 0.0)
        both = self.total / bins - (self.sums.sum() / bins) ** 2
        products = np.sqrt(var).sum() ** 2 - var.sum()
        return float((both - var.sum()) / products) if products > 1e-12 * max(var.sum(), 1e-300) else float("nan")


def _fano(bins, width):
    """Variance over mean of the counts in whole windows of ``width`` ms."""
    k = round(width / bins.width)
    whole = len(bins.counts) // k
    if whole < 2:
        return float("nan")
    counts = bins.counts[:whole * k].reshape(whole, k).sum(axis=1)
    return float(counts.var() / counts.mean()) if counts.any() else float("nan")


@dataclass(frozen=True, eq=False)
class Picked:
    """Spikes to draw: ``rows`` [k] and ``times`` [k] of evenly spaced neurons; ``shown`` rows, ``window`` in ms."""

    rows: np.ndarray
    times: np.ndarray
    shown: int
    window: tuple


def pick(populations, measures, *, most_rows=400, most_spikes=20_000):
    """Spikes of all populations for one raster: evenly spaced neurons, and a window where there are too many spikes.

    At most ``most_rows`` neurons in proportion (at least 12 of each population), fewer down to a quarter where that
    makes the spikes fit; then the last window with activity that holds about ``most_spikes``. Returns {name: Picked}.
    """
    total = max(sum(m.n for m in measures.values()), 1)
    density = sum(m.spikes for m in measures.values()) / total
    rows = int(np.clip(most_spikes / density if density else most_rows, most_rows // 4, most_rows))
    shown = {name: min(m.n, max(12, round(rows * m.n / total))) for name, m in measures.items()}
    start = min(m.start for m in measures.values())
    end = max(m.start + m.duration for m in measures.values())
    if _expected(measures, shown, start) > most_spikes:
        end = float(np.nanmax([m.last for m in measures.values()]))
        length = end - start
        while _expected(measures, shown, end - length) > most_spikes and length > 1.0:
            length *= 0.9
        start = end - length
    return {name: _picked(populations[name], shown[name], start, end, most_spikes) for name in measures}


def _expected(measures, shown, start):
    """How many spikes there are from ``start`` on in the ``shown`` neurons, if these are like the others."""
    return sum(m.binned[max(int((start - m.start) / m.bin_ms), 0):].sum() * shown[name] / max(m.n, 1)
               for name, m in measures.items())


def _picked(spikes, shown, start, end, most):
    kept = np.unique(np.linspace(0, spikes.n - 1, shown).round().astype(np.int64)) if spikes.n else np.zeros(0, int)
    row = np.full(spikes.n, -1)
    row[kept] = np.arange(len(kept))
    t0, t1 = max(start, spikes.start), min(end, spikes.end)
    rows, times, room = [np.zeros(0, int)], [np.zeros(0)], 2 * most
    for at, ids in (spikes.between(t0, t1).blocks() if t1 > t0 else ()):
        keep = np.flatnonzero(row[ids] >= 0)[:room]
        rows.append(row[ids[keep]])
        times.append(at[keep])
        room -= len(keep)
        if room <= 0:
            break
    return Picked(np.concatenate(rows), np.concatenate(times), len(kept), (float(start), float(end)))
