"""Spikes as the arrays that analyses take: counts per bin, tokens, calcium traces, sliding windows.

Spikes are read block by block (``Spikes.blocks``), so that those of a large archive (``snn.open``) need no more memory
than the array that comes back. Bins are those of :meth:`snn.Spikes.to_dense`: closed on the right, counted from
``start``.

Errors: :class:`~snn.errors.DataError` for something that is no Spikes, for widths that are not above 0 or do not
divide one another, for counts that do not fit the type, for arrays that do not fit into memory.
"""
import operator
from dataclasses import dataclass

import numpy as np

from snn.errors import DataError
from snn.spikes import Spikes

DIVIDES = 1e-9
"""Relative error up to which one width counts as a whole multiple of another."""


def binned(spikes, bin_ms, *, dtype=np.uint16):
    """Number of spikes of every neuron in every bin.

    Parameters: ``spikes`` a :class:`snn.Spikes`, in memory or of an archive; ``bin_ms`` ms; ``dtype`` of the counts.
    Returns: [T, n], ``T = ceil(duration / bin_ms)``; row k holds the spikes in (start + k bin_ms, start + (k + 1)
    bin_ms]. The last bin may reach beyond the end. The same numbers as ``spikes.to_dense(bin_ms, dtype=dtype)``.

    Example: ``counts = binned(snn.open("run.h5").spikes["exc"], 20.0)``
    """
    counts = _zeros("binned", spikes, bin_ms, dtype)
    flat = counts.reshape(-1)
    for _, ids, row in _rows(spikes, bin_ms):
        cells, more = np.unique(row * spikes.n + ids, return_counts=True)
        more += flat[cells].astype(np.int64)
        with np.errstate(over="ignore"):
            flat[cells] = more
        if not np.array_equal(flat[cells].astype(np.int64), more):
            raise DataError(f"binned: up to {more.max()} spikes of a neuron fall into one bin of {bin_ms} ms, too many "
                            f"for {counts.dtype}. Use smaller bins or a larger dtype such as numpy.uint32.")
    return counts


def calcium(spikes, tau_ms, bin_ms, *, dtype=np.float64):
    """Low-passed spikes, as a calcium indicator would show them.

    Formula: ``c(t) = sum over spikes t_s <= t of exp(-(t - t_s) / tau_ms)``, taken at the end of every bin,
    ``t = start + (k + 1) bin_ms``. The times of the spikes count, not their bins, so the values do not depend on
    ``bin_ms``.
    Parameters: as of :func:`binned`; ``tau_ms`` ms. Returns: [T, n], without unit: a single spike adds 1.

    Example: ``traces = calcium(result.spikes["exc"], 100.0, 10.0)``
    """
    from scipy.signal import lfilter

    _above_zero("calcium.tau_ms", tau_ms)
    trace = _zeros("calcium", spikes, bin_ms, dtype)
    if trace.dtype.kind != "f":
        raise DataError(f"calcium.dtype: is {trace.dtype}. Give numpy.float32 or numpy.float64.")
    for times, ids, row in _rows(spikes, bin_ms):
        late = np.maximum(spikes.start + (row + 1) * bin_ms - times, 0.0)
        np.add.at(trace, (row, ids), np.exp(late / -tau_ms))
    decay = np.exp(-bin_ms / tau_ms)
    for i in range(trace.shape[1]):
        trace[:, i] = lfilter([1.0], [1.0, -decay], trace[:, i])
    return trace


@dataclass(frozen=True, eq=False)
class Tokens:
    """Spikes as words: which neuron, and in which interval of its window.

    Fields
        ``neurons`` int64 [N] and ``intervals`` int64 [N], 0..per_window - 1, of all spikes in the order of their times;
        ``offsets`` int64 [W + 1], where every window begins
        ``n`` number of neurons; ``per_window`` intervals of a window; ``resolution_ms`` length of an interval;
        ``start`` begin of the first window, ms

    ``len(tokens)`` is W; ``tokens[w]`` is (neurons, intervals) of window w.
    """

    neurons: np.ndarray
    intervals: np.ndarray
    offsets: np.ndarray
    n: int
    per_window: int
    resolution_ms: float
    start: float = 0.0

    def __len__(self):
        return len(self.offsets) - 1

    def __getitem__(self, window):
        window = range(len(self))[operator.index(window)]
        part = slice(self.offsets[window], self.offsets[window + 1])
        return self.neurons[part], self.intervals[part]

    def to_spikes(self):
        """The spikes again, each at the end of its interval."""
        window = np.repeat(np.arange(len(self)), np.diff(self.offsets))
        times = self.start + (window * self.per_window + self.intervals + 1) * self.resolution_ms
        return Spikes(times, self.neurons, self.n, len(self) * self.per_window * self.resolution_ms, self.start)


def tokens(spikes, window_ms, resolution_ms):
    """Spikes as :class:`Tokens` (neuron, interval), window by window, for models of sequences.

    Parameters: ``spikes`` a :class:`snn.Spikes`; ``window_ms`` ms, a whole multiple of ``resolution_ms``. A neuron that
    fires k times in an interval gives k equal tokens.
    Returns: :class:`Tokens` of ``W = ceil(duration / window_ms)`` windows.

    Source: the tokens of Antoniades, Yu, Canzano, Wang, Smith (2024), Neuroformer, ICLR.
    Example: ``neurons, intervals = tokens(result.spikes["exc"], 50.0, 10.0)[0]``
    """
    per_window = _multiple("tokens.window_ms", window_ms, resolution_ms)
    bins = _bins("tokens", spikes, resolution_ms)
    parts = [(ids, row) for _, ids, row in _rows(spikes, resolution_ms)] or [(np.zeros(0, np.int64),) * 2]
    ids, row = (np.concatenate(column) for column in zip(*parts, strict=True))
    windows_ = -(-bins // per_window)
    offsets = np.searchsorted(row, np.arange(windows_ + 1) * per_window)
    return Tokens(ids, row % per_window, offsets, spikes.n, per_window, float(resolution_ms), spikes.start)


def windows(array, length, step=1):
    """Sliding windows over the first axis.

    Parameters: ``array`` [T, ...]; ``length`` and ``step`` whole numbers of rows. Returns: a read-only view
    [W, length, ...], ``W = (T - length) // step + 1``; window w begins at row ``w step``. DataError when T < length.

    Example: ``windows(traces, 50, 25)``
    """
    array = np.asarray(array)
    length, step = (_count(f"windows.{name}", x) for name, x in (("length", length), ("step", step)))
    if array.ndim < 1 or len(array) < length:
        raise DataError(f"windows.length: is {length}, the array has shape {array.shape}. It must have as many rows.")
    view = np.lib.stride_tricks.sliding_window_view(array, length, axis=0)[::step]
    return np.moveaxis(view, -1, 1)


def _rows(spikes, bin_ms):
    """Blocks of ``(times, ids, number of the bin)``."""
    for times, ids in spikes.blocks():
        part = Spikes(times, ids, spikes.n, spikes.duration, spikes.start)
        yield times, ids, part._bin_of(bin_ms)


def _bins(where, spikes, bin_ms):
    if not isinstance(spikes, Spikes):
        raise DataError(f"{where}.spikes: is a {type(spikes).__name__}. Give a snn.Spikes, of a result for instance "
                        "result.spikes['exc'].")
    return spikes._bins(_above_zero(f"{where}: the width of a bin", bin_ms))


def _zeros(where, spikes, bin_ms, dtype):
    bins = _bins(where, spikes, bin_ms)
    try:
        return np.zeros((bins, spikes.n), dtype)
    except (MemoryError, ValueError):
        raise DataError(f"{where}: {bins} bins of {spikes.n} neurons do not fit into memory. Use wider bins, or a part "
                        "of the spikes: between, of.") from None
    except TypeError:
        raise DataError(f"{where}.dtype: is {dtype!r}. Give a type of numbers such as numpy.float32.") from None


def _above_zero(where, x):
    try:
        if np.ndim(x) == 0 and np.isfinite(x) and x > 0:
            return x
    except TypeError:
        pass
    raise DataError(f"{where}: is {x!r}. It must be a number above 0 [ms].")


def _multiple(where, whole, part):
    count = round(_above_zero(where, whole) / _above_zero("tokens.resolution_ms", part))
    if count < 1 or abs(count * part - whole) > DIVIDES * whole:
        raise DataError(f"{where}: is {whole} ms, the resolution {part} ms. It must be a whole multiple of it.")
    return count


def _count(where, x):
    try:
        if not isinstance(x, bool) and operator.index(x) >= 1:
            return operator.index(x)
    except TypeError:
        pass
    raise DataError(f"{where}: is {x!r}. It must be a whole number of at least 1.")
