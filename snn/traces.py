"""Tables over time: traces of neurons, weights and other variables of synapses."""
from dataclasses import dataclass, replace

import numpy as np

from snn.errors import DataError
from snn.spikes import _slack


class Table:
    """What :class:`Trace` and :class:`Weights` have in common: ``times`` [T] and ``data`` [T, k]."""

    def __len__(self):
        return len(self.times)

    def between(self, t0, t1):
        """The samples with ``t0 < time <= t1`` [ms], ends compared as in :meth:`snn.spikes.Spikes.between`.

        Consecutive windows share no sample and lose none. DataError unless ``t0 <= t1``.
        """
        return self._rows(window(type(self).__name__, self.times, t0, t1))

    def blocks(self, nbytes=16 << 20):
        """All samples in order, as ``(times [m], data [m, k])`` of about ``nbytes`` bytes each."""
        step = rows_in(nbytes, self.data.dtype.itemsize * self.data.shape[1])
        return ((self.times[i:i + step], self.data[i:i + step]) for i in range(0, len(self), step))

    def _rows(self, rows):
        return replace(self, times=self.times[rows], data=self.data[rows])


@dataclass(frozen=True, eq=False, repr=False)
class Trace(Table):
    """A variable of some neurons over time.

    Fields: ``times`` float64 [T], ms, ascending; ``ids`` int64 [k], neuron numbers; ``data`` float32 or float64 [T, k];
    ``unit`` of the data (``"mV"``); ``population`` and ``variable`` names. Raises DataError when the shapes do not fit.
    The times need not be evenly spaced: a recorder may keep windows only.

    Example
        >>> trace = Trace([0.1, 0.2], [7, 9], [[-60.0, -61.0], [-59.5, -61.5]], "mV", "exc", "v")
        >>> trace.of([9]).between(0.1, 0.2).data
        array([[-61.5]])
    """

    times: np.ndarray
    ids: np.ndarray
    data: np.ndarray
    unit: str
    population: str
    variable: str

    def __post_init__(self):
        _set_table(self, "Trace", np.asarray(self.ids, np.int64), "ids")

    def of(self, ids):
        """The columns of some neurons: ``ids`` one neuron number or distinct ones. DataError for one not recorded."""
        columns = columns_of_neurons(self.ids, ids)
        return replace(self, ids=self.ids[columns], data=self.data[:, columns])

    def around(self, events, before, after):
        """The samples around moments of time, for averages triggered by spikes.

        Parameters: ``events`` [E] ms; ``before`` and ``after`` ms. Returns: [E', T, k], row by row the samples with
        ``event - before < time <= event + after``, of those events around which all of them were kept; the spacing of
        the samples is the shortest in the trace. DataError for a trace of fewer than two samples.
        """
        if len(self) < 2:
            raise DataError(f"Trace.around: {self.population}.{self.variable} has {len(self)} samples, and so no "
                            "spacing. Record two or more.")
        times, data = self.times, self.data
        spacing = np.diff(times).min()
        count = int(np.floor((before + after) / spacing + 1e-6))
        events = np.atleast_1d(np.asarray(events, np.float64))
        first = np.searchsorted(times, events - before + 1e-6 * spacing, side="right")
        rows = first[:, None] + np.arange(count)
        inside = (rows[:, -1:] < len(times)).all(axis=1) if count else np.ones(len(rows), bool)
        rows, events = rows[inside], events[inside]
        late = times[rows] - (events - before)[:, None] - spacing * np.arange(1, count + 1)
        whole = ((late > -(1 + 1e-6) * spacing) & (late < 1e-6 * spacing)).all(axis=1)
        return data[rows[whole]]

    def __repr__(self):
        span = f", {self.times[0]:g}..{self.times[-1]:g} ms" if len(self) else ""
        return (f"Trace({self.population}.{self.variable}, {len(self)} samples of {len(self.ids)} neurons{span}, "
                f"{self.unit or 'no unit'})")


@dataclass(frozen=True, eq=False, repr=False)
class Weights(Table):
    """Weights of some synapses of a projection over time, or another variable that its synapses have.

    Fields: ``projection`` name; ``pre`` and ``post`` int64 [k], neuron numbers of each synapse; ``times`` float64 [T],
    ms; ``data`` float32 or float64 [T, k]; ``unit`` of the data; ``variable`` name (empty: the weight). Raises
    DataError when the shapes do not fit.
    """

    projection: str
    pre: np.ndarray
    post: np.ndarray
    times: np.ndarray
    data: np.ndarray
    unit: str = ""
    variable: str = ""

    def __post_init__(self):
        object.__setattr__(self, "post", np.asarray(self.post, np.int64))
        _set_table(self, "Weights", np.asarray(self.pre, np.int64), "pre")
        if self.pre.shape != self.post.shape:
            raise DataError(f"Weights.post: shape {self.post.shape}, pre {self.pre.shape}. They must be equal.")

    def of(self, synapses):
        """Some of the columns: ``synapses`` a slice, a boolean mask [k], or distinct column numbers 0..k-1."""
        columns = columns_of_synapses(len(self.pre), synapses)
        return replace(self, pre=self.pre[columns], post=self.post[columns], data=self.data[:, columns])

    def __repr__(self):
        name = f"{self.projection}.{self.variable}" if self.variable else self.projection
        return f"Weights({name}, {len(self)} samples of {len(self.pre)} synapses)"


def window(where, times, t0, t1):
    """The rows of ascending ``times`` with ``t0 < time <= t1`` [ms], as a slice."""
    if not t0 <= t1:
        raise DataError(f"{where}.between: window {t0}..{t1} ms. The begin must not lie after the end.")
    return slice(*(int(np.searchsorted(times, t + slack(t), side="right")) for t in (t0, t1)))


def slack(time):
    """How far two times may lie apart and still be the same instant [ms]; 0 for an infinite time."""
    return _slack(time) if np.isfinite(time) else 0.0


def rows_in(nbytes, row_bytes):
    """Number of rows of ``row_bytes`` and a time each in a block of about ``nbytes``, at least one."""
    return max(int(nbytes) // (row_bytes + 8), 1)


def columns_of_neurons(recorded, ids):
    """Which columns of a trace of the neurons ``recorded`` are those of ``ids``."""
    wanted = np.atleast_1d(np.asarray(ids))
    if wanted.size and (wanted.ndim != 1 or wanted.dtype.kind not in "ui" or not _distinct(wanted)):
        raise DataError(f"Trace.of: {wanted.dtype} of shape {wanted.shape}. Give distinct neuron numbers.")
    order = np.argsort(recorded, kind="stable")
    place = np.searchsorted(recorded, wanted, sorter=order)
    columns = order[np.minimum(place, len(order) - 1)] if len(order) else np.zeros(0, np.int64)
    missing = wanted[recorded[columns] != wanted] if len(order) else wanted
    if len(missing):
        raise DataError(f"Trace.of: neuron {missing[0]} was not recorded. "
                        + (f"{len(recorded)} neurons in {recorded.min()}..{recorded.max()} were." if len(order)
                           else "No neuron was."))
    return columns


def columns_of_synapses(width, synapses):
    """Which of ``width`` columns are meant by a slice, a mask or numbers."""
    if isinstance(synapses, slice):
        return np.arange(width)[synapses]
    columns = np.atleast_1d(np.asarray(synapses))
    if columns.dtype == bool and columns.shape == (width,):
        return np.flatnonzero(columns)
    if columns.size and (columns.ndim != 1 or columns.dtype.kind not in "ui" or columns.min() < 0
                         or columns.max() >= width or not _distinct(columns)):
        raise DataError(f"Weights.of: {columns.dtype} of shape {columns.shape}. Give a slice, a mask of {width} truth "
                        f"values, or distinct column numbers in 0..{width - 1}.")
    return columns.astype(np.int64)


def _distinct(numbers):
    """numpy.unique would do, but takes 50 ms when it is first called."""
    return (np.diff(np.sort(numbers)) > 0).all()


def _set_table(self, where, columns, name):
    """Check and set times [T], the column numbers [k] and data [T, k] of a recorded table."""
    times, data = np.asarray(self.times, np.float64), np.asarray(self.data)
    if data.dtype not in (np.float32, np.float64):
        data = data.astype(np.float64)
    if times.ndim != 1 or columns.ndim != 1 or data.shape != (len(times), len(columns)):
        raise DataError(f"{where}.data: shape {data.shape} with {times.shape} times and {columns.shape} {name}. "
                        f"It must be [len(times), len({name})].")
    object.__setattr__(self, "times", times)
    object.__setattr__(self, "data", data)
    object.__setattr__(self, name, columns)
