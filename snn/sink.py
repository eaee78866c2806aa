"""Sinks: where the results of a run go, block by block.

The engine turns each thing to be recorded into a channel and hands what it finds to a :class:`Sink`, which gives a
:class:`~snn.result.Result` at the end.

    sink.open(meta, channels)
    for every block of steps:
        sink.spikes("exc", steps, ids)              any number of times, in order
        sink.trace(channel, first_row, data)
        sink.samples(channel, times, data)          for a gated channel, which keeps windows only
        sink.weights(channel, step, data)
        sink.commit(stop)                           the block is done: steps below `stop` are recorded
    sink.close(summary)
    result = sink.result(plan=plan, state=state)

Steps are whole numbers counted from time 0 of the model, over all pieces of a continued run: a run that continues at
400 ms with dt 0.1 has ``first_step = 4000``. Step ``k`` ends at ``(k + 1) dt``: the time of its spikes and samples.
"""
import json
from dataclasses import dataclass

import numpy as np

from snn.errors import RunError
from snn.result import Result
from snn.spikes import Spikes
from snn.traces import Trace, Weights


@dataclass(frozen=True, eq=False)
class SpikeChannel:
    """The spikes of one population in one run: ``n`` neurons, of which ``ids`` (None: all) are kept.

    ``dt`` in ms; ``first_step`` is the step at which the run begins.
    """

    population: str
    n: int
    dt: float
    ids: np.ndarray | None = None
    first_step: int = 0

    @property
    def key(self):
        return ("spikes", self.population)

    def kept(self, steps, ids):
        """Of a block of spikes those that are asked for."""
        if self.ids is None:
            return steps, ids
        wanted = np.zeros(self.n, bool)
        wanted[self.ids] = True
        keep = wanted[ids]
        return steps[keep], ids[keep]

    def collect(self, times, ids, stop):
        """The recorded Spikes of a run that stopped before step ``stop``."""
        return Spikes(times, ids, self.n, (stop - self.first_step) * self.dt, self.first_step * self.dt)


@dataclass(frozen=True, eq=False)
class TraceChannel:
    """One variable of the neurons ``ids`` of one population, every ``every_steps`` steps, as ``dtype``.

    Samples stand at the whole multiples of ``every_steps * dt`` counted from time 0. A ``gated`` channel keeps some of
    them only: they are given with their times.
    """

    population: str
    variable: str
    unit: str
    ids: np.ndarray
    dt: float
    every_steps: int = 1
    dtype: type = np.float64
    first_step: int = 0
    gated: bool = False

    @property
    def key(self):
        return ("traces", self.population, self.variable)

    @property
    def width(self):
        return len(self.ids)

    def rows(self, start, stop):
        """Number of samples in the steps ``start`` <= k < ``stop``."""
        return stop // self.every_steps - start // self.every_steps

    def times(self, first_row, count):
        """Times [ms] of ``count`` samples from ``first_row`` on (row 0 is the first of this run)."""
        before = self.first_step // self.every_steps + first_row
        return (before + 1 + np.arange(count)) * self.every_steps * self.dt

    def collect(self, times, data, stop):
        """The recorded Trace."""
        return Trace(times, self.ids, data, self.unit, self.population, self.variable)


@dataclass(frozen=True, eq=False)
class WeightChannel:
    """The weights of the synapses ``pre[j] -> post[j]`` of one projection, as ``dtype``, when the engine gives them.

    ``variable`` names another variable of these synapses instead of the weight.
    """

    projection: str
    pre: np.ndarray
    post: np.ndarray
    dt: float
    unit: str = ""
    dtype: type = np.float64
    first_step: int = 0
    variable: str = ""

    @property
    def key(self):
        return ("weights", f"{self.projection}.{self.variable}" if self.variable else self.projection)

    @property
    def width(self):
        return len(self.pre)

    def collect(self, times, data, stop):
        """The recorded Weights."""
        return Weights(self.projection, self.pre, self.post, times, data, self.unit, self.variable)


class Sink:
    """Takes the blocks of a run; the base of :class:`MemorySink` and :class:`snn.export.archive.ArchiveSink`.

    The protocol is described at the top of :mod:`snn.sink`. The arrays given are copied or written before a call
    returns, so that an engine may use its buffers again. What was given after the last :meth:`commit` is not part of
    the result. Errors: RunError when calls come in the wrong order or blocks do not fit their channel.

    A subclass has ``_open()``, ``_append(channel, times, values)``, ``_commit()``, ``_close()`` and ``result(plan,
    state)``.
    """

    def __init__(self):
        self.channels, self.meta, self.stop, self.closed = {}, None, 0, False

    def open(self, meta, channels):
        """Begin: ``meta`` a dict that JSON can hold, ``channels`` what will come."""
        if self.meta is not None:
            raise RunError(f"{type(self).__name__}.open: this sink was used already. Make a new one for each run.")
        self.meta = _plain(meta)
        for channel in channels:
            if channel.key in self.channels:
                raise RunError(f"record: {'.'.join(channel.key[1:])} is asked for twice. Name each thing once.")
            self.channels[channel.key] = channel
        firsts = {c.first_step for c in self.channels.values()}
        if len(firsts) > 1:
            raise RunError(f"{type(self).__name__}.open: channels begin at steps {sorted(firsts)}. "
                           "All must begin together.")
        self.stop = firsts.pop() if firsts else 0
        self._rows, self._last = dict.fromkeys(self.channels, 0), dict.fromkeys(self.channels, -np.inf)
        self._open()

    def spikes(self, population, steps, ids):
        """Spikes of a population: ``steps`` and ``ids``, whole numbers [m], sorted by (step, id)."""
        channel = self._channel(("spikes", population))
        steps, ids = channel.kept(np.asarray(steps), np.asarray(ids))
        if len(steps):
            self._append(channel, (steps.astype(np.int64, copy=False) + 1) * channel.dt, ids)

    def trace(self, channel, first_row, data):
        """Samples ``data`` [T, k] of a trace; ``first_row`` is the number of samples given before in this run."""
        channel, data = self._channel(channel.key), np.asarray(data)
        if channel.gated or first_row != self._rows[channel.key] or data.ndim != 2 or data.shape[1] != channel.width:
            raise RunError(f"{type(self).__name__}.trace: rows from {first_row}, shape {data.shape} for {channel.key}. "
                           f"Rows from {self._rows[channel.key]}, shape (T, {channel.width}) were due.")
        if len(data):
            self._rows[channel.key] += len(data)
            self._append(channel, channel.times(first_row, len(data)), data)

    def samples(self, channel, times, data):
        """Samples ``data`` [T, k] of a gated trace at ``times`` [T], ms, later than all given before."""
        channel, times, data = self._channel(channel.key), np.asarray(times, np.float64), np.asarray(data)
        where = f"{type(self).__name__}.samples"
        if not getattr(channel, "gated", False) or data.shape != (*times.shape, channel.width) or times.ndim != 1:
            raise RunError(f"{where}: times {times.shape}, data {data.shape} for {channel.key}. "
                           "A gated channel takes (T,) and (T, columns).")
        if not (np.diff(times, prepend=self._last[channel.key]) > 0).all():
            raise RunError(f"{where}: times of {channel.key} do not ascend. Each must be above all before.")
        if len(times):
            self._last[channel.key] = times[-1]
            self._append(channel, times, data)

    def weights(self, channel, step, data):
        """Weights ``data`` [k] as they are after ``step`` (``first_step - 1``: before the run)."""
        channel, data = self._channel(channel.key), np.asarray(data)
        if data.shape != (channel.width,):
            raise RunError(f"{type(self).__name__}.weights: shape {data.shape} for {channel.key}. "
                           f"It must be ({channel.width},).")
        self._append(channel, np.array([(step + 1) * channel.dt]), data[None])

    def commit(self, step):
        """End of a block: everything below step ``step`` has been given."""
        self._channel(None)
        if step < self.stop:
            raise RunError(f"{type(self).__name__}.commit: step {step} after {self.stop}. Steps must not go back.")
        self.stop = int(step)
        self._commit()

    def close(self, summary=None):
        """End of the run; ``summary``: facts known only now (wall time ...), added to ``meta``. May be repeated."""
        if not self.closed and self.meta is not None:
            self.closed = True
            self.meta |= {"complete": True} | _plain(summary or {})
            self._close()

    def _channel(self, key):
        if self.meta is None or self.closed:
            raise RunError(f"{type(self).__name__}: {'is closed' if self.closed else 'is not open'}. "
                           "Call open first and close last.")
        if key is not None and key not in self.channels:
            raise RunError(f"{type(self).__name__}: nothing of {'.'.join(key[1:])} was announced. "
                           f"Channels are {[k[1:] for k in self.channels]}.")
        return self.channels.get(key)


class MemorySink(Sink):
    """Keeps a run in memory.

    Example
        >>> sink = MemorySink()
        >>> sink.open({}, [SpikeChannel("a", n=2, dt=0.1)])
        >>> sink.spikes("a", [0, 4], [1, 0])
        >>> sink.commit(10)
        >>> sink.close()
        >>> sink.result().spikes["a"].raster()
        (array([0.1, 0.5]), array([1, 0]))
    """

    def _open(self):
        self._kept = {key: [] for key in self.channels}
        self._new = {key: [] for key in self.channels}

    def _append(self, channel, times, values):
        dtype = np.int64 if channel.key[0] == "spikes" else channel.dtype
        self._new[channel.key].append((times, np.array(values, dtype)))

    def _commit(self):
        for key, blocks in self._new.items():
            self._kept[key] += blocks
            blocks.clear()

    def _close(self):
        self._new = {}

    def result(self, *, plan=None, state=None):
        """The :class:`~snn.result.Result` of everything committed."""
        parts = {"spikes": {}, "traces": {}, "weights": {}}
        for (kind, *name), channel in self.channels.items():
            name = tuple(name) if kind == "traces" else name[0]
            parts[kind][name] = channel.collect(*self._joined(channel), self.stop)
        return Result(**parts, plan=plan, state=state, meta={"complete": False} | self.meta)

    def _joined(self, channel):
        blocks = self._kept[channel.key]
        if blocks:
            return tuple(np.concatenate(column) for column in zip(*blocks, strict=True))
        if channel.key[0] == "spikes":
            return np.empty(0), np.empty(0, np.int64)
        return np.empty(0), np.empty((0, channel.width), channel.dtype)


def _plain(meta):
    """A copy that is exactly what a JSON file would give back."""
    try:
        return json.loads(json.dumps(dict(meta), default=lambda value: value.tolist()))
    except (TypeError, ValueError, AttributeError) as err:
        raise RunError(f"meta: cannot be written as JSON ({err}). Use numbers, strings, lists and dicts.") from err
