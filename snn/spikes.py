"""Spikes: the one spike format between all parts of the library."""
import operator
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from snn.errors import DataError


@dataclass(frozen=True, eq=False, repr=False)
class Spikes:
    """The spikes of one population in one window of time.

    Fields
        ``times`` float64 [N], ms; ``ids`` int64 [N], neuron numbers 0..n-1; ``n`` number of neurons; ``duration``
        length of the window, ms; ``start`` its begin, ms. Always sorted by (time, id); unsorted input is sorted. Both
        arrays are read-only; sorted input of the right type is not copied.

    Convention
        A clocked run with step ``dt`` covers, in its step ``k``, the time from ``k dt`` to ``(k + 1) dt`` and gives a
        spike found there the time ``(k + 1) dt``. Windows and bins are therefore closed on the right: ``(a, b]``; the
        first one also holds a spike exactly at ``start``. Ends are compared with a slack of about 1e-9 ms, far below
        any step, so that ``3 * 0.1`` counts as ``0.3``.

    Errors
        :class:`~snn.errors.DataError` for arrays of unequal length, times that are not finite or outside the window,
        ids that are not whole or not in 0..n-1, a negative duration.

    Example
        >>> s = Spikes([1.0, 2.0, 4.0], [0, 1, 0], n=2, duration=10.0)
        >>> s.rate()
        array([200., 100.])
    """

    times: np.ndarray
    ids: np.ndarray
    n: int
    duration: float
    start: float = 0.0

    def __post_init__(self):
        for name, value in _checked(self.times, self.ids, self.n, self.duration, self.start).items():
            object.__setattr__(self, name, value)

    @classmethod
    def from_dense(cls, array, dt, *, start=0.0):
        """Spikes of a dense array ``[T, n]`` (bool or whole numbers >= 0; else DataError).

        Entry ``[k, i]`` gives that many spikes of neuron ``i`` at ``start + (k + 1) dt``; ``dt`` and ``start`` in ms.
        """
        array = np.asarray(array)
        if array.ndim != 2 or array.dtype.kind not in "bui":
            raise DataError(f"Spikes.from_dense: the array is {array.dtype} of shape {array.shape}. "
                            "It must be bool or whole numbers [T, n].")
        if array.size and array.min() < 0:
            raise DataError(f"Spikes.from_dense: negative number of spikes ({array.min()}). Counts must be 0 or more.")
        _positive("Spikes.from_dense.dt", dt)
        steps, ids = np.nonzero(array)
        if array.dtype.kind != "b":
            again = array[steps, ids].astype(np.int64)
            steps, ids = np.repeat(steps, again), np.repeat(ids, again)
        return cls(start + (steps + 1) * dt, ids, array.shape[1], array.shape[0] * dt, start)

    @classmethod
    def concat(cls, parts: "Iterable[Spikes]", *, gap=0.0):
        """Join parts in time: each one is moved so that it begins ``gap`` ms after the end of the one before.

        A part that already begins there keeps its times bit for bit, so the pieces of a continued run join exactly.
        All parts need the same ``n``. Returns one Spikes that starts where the first part starts.
        """
        parts = list(parts)
        if not parts or len({p.n for p in parts}) > 1:
            raise DataError(f"Spikes.concat: the parts have n = {[p.n for p in parts]}. "
                            "One or more parts of equal n are needed.")
        if not gap >= 0:
            raise DataError(f"Spikes.concat.gap: is {gap}. It must be 0 ms or more.")
        placed = [parts[0]]
        for part in parts[1:]:
            move = placed[-1].end + gap - part.start
            placed.append(part if abs(move) <= _slack(part.end) else part.shift(move))
        return cls(np.concatenate([p.times for p in placed]), np.concatenate([p.ids for p in placed]),
                   placed[0].n, placed[-1].end - placed[0].start, placed[0].start)

    def __len__(self):
        return len(self.times)

    def __eq__(self, other):
        """True when every time, id, size and end is the same bit for bit."""
        if not isinstance(other, Spikes):
            return NotImplemented
        return ((self.n, self.duration, self.start) == (other.n, other.duration, other.start)
                and self.times.tobytes() == other.times.tobytes() and self.ids.tobytes() == other.ids.tobytes())

    def __repr__(self):
        rate = f", {self.mean_rate:.3g} Hz" if self.n and self.duration else ""
        return f"Spikes({len(self)} spikes, n={self.n}, {self.start:g}..{self.end:g} ms{rate})"

    @property
    def end(self):
        """End of the window, ``start + duration`` [ms]."""
        return self.start + self.duration

    def raster(self):
        """``(times, ids)``, the two arrays that a scatter plot wants."""
        return self.times, self.ids

    def train(self, i):
        """Times [ms] of neuron ``i``, ascending."""
        if not 0 <= operator.index(i) < self.n:
            raise DataError(f"Spikes.train: there is no neuron {i}. Neurons are 0..{self.n - 1}.")
        return self.times[self.ids == i]

    def count(self):
        """Number of spikes of each neuron, int64 [n]."""
        return np.bincount(self.ids, minlength=self.n)

    def rate(self):
        """Firing rate of each neuron, ``count / duration``, float64 [n], Hz. DataError if the duration is 0."""
        return self.count() * (1000.0 / _positive("Spikes.rate: the duration", self.duration))

    @property
    def mean_rate(self):
        """Rate averaged over the neurons, Hz. DataError without neurons or duration."""
        _positive("Spikes.mean_rate: the duration", self.duration)
        return len(self) * 1000.0 / (_positive("Spikes.mean_rate: n", self.n) * self.duration)

    def isi(self, id=None):
        """Inter-spike intervals [ms]: an array for one neuron ``id``, or a list of n arrays for all."""
        if id is not None:
            return np.diff(self.train(id))
        order = np.argsort(self.ids, kind="stable")
        trains = np.split(self.times[order], np.cumsum(self.count())[:-1]) if self.n else []
        return [np.diff(t) for t in trains]

    def cv(self, *, min_spikes=3):
        """Coefficient of variation of the intervals of each neuron, ``std(isi) / mean(isi)``, float64 [n].

        The standard deviation divides by the number of intervals (population form). NaN for a neuron with fewer than
        ``min_spikes`` spikes (at least 2), and where all its spikes fall on one instant. A Poisson process has 1, a
        clock 0.
        """
        if operator.index(min_spikes) < 2:
            raise DataError(f"Spikes.cv.min_spikes: is {min_spikes}. It must be 2 or more.")
        order = np.argsort(self.ids, kind="stable")
        owner, gaps = self.ids[order], np.diff(self.times[order])
        inside = owner[1:] == owner[:-1]
        owner, gaps = owner[1:][inside], gaps[inside]
        with np.errstate(invalid="ignore", divide="ignore"):
            k = np.bincount(owner, minlength=self.n)
            mean = np.bincount(owner, gaps, self.n) / k
            spread = np.sqrt(np.bincount(owner, (gaps - mean[owner]) ** 2, self.n) / k)
            return np.where((k >= min_spikes - 1) & (mean > 0), spread / mean, np.nan)

    def population_rate(self, bin_ms):
        """Rate of the population over time.

        ``rate[j] = spikes in bin j / (n * width of bin j)``; bins of ``bin_ms`` ms from ``start``, the last one ends
        with the window and may be shorter. Returns ``(centres [ms], rates [Hz])``, both float64.
        """
        _positive("Spikes.population_rate: n * duration", self.n * self.duration)
        bins = self._bins(_positive("Spikes.population_rate.bin_ms", bin_ms))
        edges = np.minimum(np.arange(bins + 1) * float(bin_ms), self.duration)
        counts = np.bincount(self._bin_of(bin_ms), minlength=bins)
        return self.start + 0.5 * (edges[1:] + edges[:-1]), counts * 1000.0 / (self.n * np.diff(edges))

    def between(self, t0, t1):
        """The spikes in ``(t0, t1]`` [ms], with ``start = t0``; ``t0 = start`` takes a spike at the very start along.

        Consecutive windows share no spike and lose none. DataError if the window is not inside this one.
        """
        slack = _slack(self.end)
        if not self.start - slack <= t0 <= t1 <= self.end + slack:
            raise DataError(f"Spikes.between: window {t0}..{t1} ms is not inside {self.start}..{self.end} ms. "
                            "Ask for a part of the recorded time.")
        first = np.searchsorted(self.times, t0 + slack, side="right") if t0 > self.start + slack else 0
        last = np.searchsorted(self.times, t1 + slack, side="right")
        return Spikes(self.times[first:last], self.ids[first:last], self.n, t1 - t0, t0)

    def of(self, ids, *, renumber=False):
        """The spikes of some neurons: ``ids`` a slice, a boolean mask [n] or a list of distinct neuron numbers.

        With ``renumber`` the neuron ``ids[j]`` becomes neuron ``j`` and ``n = len(ids)``; otherwise all numbers stay.
        """
        wanted = _neurons(ids, self.n)
        new = np.full(self.n, -1, np.int64)
        new[wanted] = np.arange(len(wanted)) if renumber else wanted
        ids = new[self.ids]
        keep = ids >= 0
        return Spikes(self.times[keep], ids[keep], len(wanted) if renumber else self.n, self.duration, self.start)

    def blocks(self, count=1 << 20):
        """All spikes in order, as ``(times float64, ids int64)`` of at most ``count`` spikes each."""
        step = int(_positive("Spikes.blocks.count", count))
        return ((self.times[i:i + step], self.ids[i:i + step]) for i in range(0, len(self), step))

    def shift(self, ms):
        """The same spikes and window, ``ms`` later (earlier when negative)."""
        return Spikes(self.times + ms, self.ids, self.n, self.duration, self.start + ms)

    def to_dense(self, dt, *, dtype=bool):
        """Array ``[T, n]`` with the number of spikes per step of ``dt`` ms, ``T = ceil(duration / dt)``.

        Row ``k`` holds the spikes in ``(start + k dt, start + (k + 1) dt]``: the inverse of :meth:`from_dense` for
        spikes on the grid. DataError when a count does not fit ``dtype`` (two spikes in one cell of a bool array):
        take a smaller ``dt`` or a counting type such as ``numpy.uint8``.
        """
        shape = self._bins(_positive("Spikes.to_dense.dt", dt)), self.n
        cells, counts = np.unique(self._bin_of(dt) * self.n + self.ids, return_counts=True)
        dense = np.zeros(shape[0] * shape[1], dtype)
        dense[cells] = counts
        if not np.array_equal(dense[cells], counts):
            raise DataError(f"Spikes.to_dense: up to {counts.max()} spikes of a neuron fall into one step of {dt} ms, "
                            f"too many for {dense.dtype}. Use a smaller dt or a counting dtype such as numpy.uint8.")
        return dense.reshape(shape)

    def _bins(self, width):
        return max(int(np.ceil((self.duration - _slack(self.end)) / width)), 1 if len(self) else 0)

    def _bin_of(self, width):
        index = np.ceil((self.times - self.start - _slack(self.end)) / width).astype(np.int64) - 1
        return np.clip(index, 0, max(self._bins(width) - 1, 0))


def _slack(time):
    """How far two times may lie apart and still be the same instant; rounding of ``time`` is far below it [ms]."""
    return 1e-9 + 8 * np.finfo(np.float64).eps * abs(float(time))


def _positive(where, value):
    if not (np.ndim(value) == 0 and np.isfinite(value) and value > 0):
        raise DataError(f"{where}: is {value}. It must be a number above 0.")
    return value


def _checked(times, ids, n, duration, start):
    try:
        n, duration, start = operator.index(n), float(duration), float(start)
        times, ids = np.asarray(times, np.float64), np.asarray(ids)
    except (TypeError, ValueError) as err:
        raise DataError(f"Spikes: {err}. times, ids, duration and start must be numbers, n a whole number.") from err
    if times.ndim != 1 or times.shape != ids.shape:
        raise DataError(f"Spikes.ids: times have shape {times.shape}, ids {ids.shape}. "
                        "Both must be one row of equal length.")
    if n < 0 or not (np.isfinite(duration) and duration >= 0 and np.isfinite(start)):
        raise DataError(f"Spikes: n = {n}, duration = {duration}, start = {start}. "
                        "n and duration must be 0 or more, all of them finite.")
    ids = _whole(ids)
    if len(times):
        _check_ranges(times, ids, n, start, start + duration)
    gaps = np.diff(times)
    if not np.all((gaps > 0) | ((gaps == 0) & (np.diff(ids) >= 0))):
        order = np.lexsort((ids, times))
        times, ids = times[order], ids[order]
    times, ids = times.view(), ids.view()
    times.flags.writeable = ids.flags.writeable = False
    return {"times": times, "ids": ids, "n": n, "duration": duration, "start": start}


def _whole(ids):
    if ids.dtype.kind not in "ui" and ids.size:
        if ids.dtype.kind != "f" or not np.array_equal(ids, np.round(ids)):
            raise DataError(f"Spikes.ids: {ids.dtype} numbers that are not whole. Neuron numbers are 0, 1, 2 ...")
    return ids.astype(np.int64, copy=False)


def _check_ranges(times, ids, n, start, end):
    if not np.isfinite(times).all():
        bad = int(np.flatnonzero(~np.isfinite(times))[0])
        raise DataError(f"Spikes.times: entry {bad} is {times[bad]}. Times must be finite [ms].")
    if ids.min() < 0 or ids.max() >= n:
        bad = int(ids.min()) if ids.min() < 0 else int(ids.max())
        raise DataError(f"Spikes.ids: there is no neuron {bad}. Neurons are 0..{n - 1}.")
    slack = _slack(end)
    if times.min() < start - slack or times.max() > end + slack:
        raise DataError(f"Spikes.times: spikes from {times.min()} to {times.max()} ms. "
                        f"They must lie in the window {start}..{end} ms (start, start + duration).")


def _neurons(ids, n):
    if isinstance(ids, slice):
        return np.arange(n)[ids]
    ids = np.asarray(ids)
    if ids.dtype == bool:
        if ids.shape != (n,):
            raise DataError(f"Spikes.of: the mask has shape {ids.shape}. It must be ({n},).")
        return np.flatnonzero(ids)
    ids = _whole(np.atleast_1d(ids))
    if len(ids) and (ids.min() < 0 or ids.max() >= n or len(np.unique(ids)) != len(ids)):
        raise DataError(f"Spikes.of: neurons {ids.min()}..{ids.max()}, {len(ids)} given. "
                        f"They must be distinct numbers in 0..{n - 1}.")
    return ids
