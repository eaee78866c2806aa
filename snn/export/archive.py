"""The native archive: a Result in one HDF5 file, written block by block while the run goes on.

Layout (version 1)
    root attributes    ``format`` "snn-archive", ``version`` 1, ``meta`` (JSON), ``channels`` (JSON list of group names)
    /spikes/<population>             attributes population, n, dt, first_step
        times float64 [N] ms, ids uint32 [N]; recorded int64 (only when a part of the neurons was recorded)
    /traces/<population>/<variable>  attributes population, variable, unit, dt, every_steps, dtype, first_step
        times float64 [T] ms, ids int64 [k], data float32 or float64 [T, k] in chunks of (1000, 64)
    /weights/<projection>            attributes projection, unit, dt, dtype, first_step
        times float64 [T] ms, pre and post int64 [k], data float32 or float64 [T, k]
    /summary uint8 (JSON)            facts of the end of the run, added to meta
    /commits, /tail                  see :mod:`snn.export.columns`

    Tables are compressed (shuffle, gzip 1). After a clean end any HDF5 reader finds them whole; after a crash
    :func:`open` puts them together up to the last committed block.

Example
    >>> snn.simulate(net, 1000.0, dt=0.1, to="run.h5")      # doctest: +SKIP
    >>> snn.open("run.h5").spikes["exc"].mean_rate          # doctest: +SKIP
"""
import json
import os
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from snn.errors import DataError, RunError
from snn.export.columns import Column, Commits, committed_rows, last_commit
from snn.export.storage import Output, check_output, reading
from snn.result import Lazy, Result
from snn.sink import Sink, SpikeChannel, TraceChannel, WeightChannel

FORMAT, VERSION = "snn-archive", 1
PACKED = {"compression": "gzip", "compression_opts": 1, "shuffle": True, "fletcher32": True}
# The library's own tables then never cross a page boundary, where alone a kill can cut a write in two.
PAGED = {"fs_strategy": "page", "fs_page_size": 4096}


@dataclass(frozen=True)
class Kind:
    """How one kind of channel lies in the file: attributes, fixed arrays (field -> dataset), growing tables."""

    channel: type
    attributes: tuple
    arrays: dict
    tables: tuple


KINDS = {
    "spikes": Kind(SpikeChannel, ("population", "n", "dt", "first_step"), {"ids": "recorded"}, ("times", "ids")),
    "traces": Kind(TraceChannel, ("population", "variable", "unit", "dt", "every_steps", "dtype", "first_step",
                                   "gated"),
                   {"ids": "ids"}, ("times", "data")),
    "weights": Kind(WeightChannel, ("projection", "unit", "dt", "dtype", "first_step", "variable"),
                    {"pre": "pre", "post": "post"}, ("times", "data")),
}


class ArchiveSink(Sink):
    """Writes a run to ``path`` while it goes on, in bounded memory.

    What was given before a :meth:`commit` has left the process when the call returns: one killed afterwards leaves a
    file that :func:`open` reads up to that commit. Errors: RunError at once when the file exists (unless
    ``overwrite``, which keeps the old file until the new one is begun); OutputError when writing fails, for instance
    on a full disk: the file is then closed and readable up to the last commit.
    """

    def __init__(self, path, *, overwrite=False):
        super().__init__()
        self.path, self._overwrite = check_output(path, overwrite=overwrite), overwrite

    def _open(self):
        check_output(self.path, overwrite=self._overwrite)
        self._output = Output(self.path, libver="latest", **PAGED)
        try:
            with self._guard() as file:
                self._lay_out(file)
            self._output.publish()
        except BaseException:
            self._output.discard()
            raise

    def _lay_out(self, file):
        self._output.room((1 << 14) * len(self.channels) + sum(_fixed_bytes(c) for c in self.channels.values()))
        file.attrs.update(format=FORMAT, version=VERSION, meta=json.dumps(self.meta),
                          channels=json.dumps(["/".join(key) for key in self.channels]))
        tails = file.create_group("tail")
        self._columns = {key: _make(file.create_group("/".join(key)), tails, channel)
                         for key, channel in self.channels.items()}
        self._summary = file.create_dataset("summary", (0,), np.uint8, maxshape=(None,), chunks=(4096,),
                                            fletcher32=True)
        self._commits = Commits(file, sum(map(len, self._columns.values())))
        file.swmr_mode = True
        self._write_commit(file, [column.save() for column in self._all()])

    def _append(self, channel, times, values):
        with self._guard():
            self._output.room(2 * (times.nbytes + values.nbytes))
            for column, rows in zip(self._columns[channel.key], (times, values), strict=True):
                column.append(rows)

    def _commit(self):
        with self._guard() as file:
            self._output.room(sum(column.waiting for column in self._all()))
            self._write_commit(file, [column.save() for column in self._all()])

    def _close(self):
        with self._guard() as file:
            self._output.room(2 * sum(column.waiting for column in self._all()))
            marks = [column.finish() for column in self._all()]
            text = np.frombuffer(json.dumps(self.meta).encode(), np.uint8)
            self._summary.resize(len(text), axis=0)
            self._summary[:] = text
            self._write_commit(file, marks, len(text))
        self._output.close()

    def result(self, *, plan=None, state=None):
        """The :class:`~snn.result.Result` of everything committed, read from the file when it is looked at."""
        if not self.closed:
            raise RunError("ArchiveSink.result: the file is still being written. Call close first.")
        return replace(open(self.path), plan=plan, state=state)

    def _all(self):
        return [column for columns in self._columns.values() for column in columns]

    def _write_commit(self, file, marks, summary=0):
        file.flush()
        self._commits.write(self.stop, summary, marks)
        file.flush()

    @contextmanager
    def _guard(self):
        try:
            with self._output.guard() as file:
                yield file
        except BaseException:
            self.closed = True
            raise


def open(path):
    """The :class:`~snn.result.Result` in an archive; spikes, traces and weights are read when they are looked at.

    Also reads a file that a run is still writing, or whose run was killed or found the disk full: up to the last
    committed block, with ``meta["complete"]`` False. Errors: MissingFile; DataError for a file that is damaged,
    truncated, of another program or of a newer version.
    """
    path = os.path.abspath(path)
    parts = {"spikes": {}, "traces": {}, "weights": {}}
    with reading(path) as file:
        names, meta = _check_format(file, path)
        stop, summary, marks = last_commit(file, sum(len(KINDS[name.split("/")[0]].tables) for name in names))
        meta = {"complete": False} | meta | (json.loads(bytes(file["summary"][:summary])) if summary else {})
        identity, number = os.stat(path).st_ino, 0
        for name in names:
            kind, *key = name.split("/")
            columns = range(number, number + len(KINDS[kind].tables))
            number = columns.stop
            load = partial(_load, path, identity, name, [(i, marks[i]) for i in columns], stop)
            _read_channel(file[name], KINDS[kind])
            parts[kind][tuple(key) if kind == "traces" else key[0]] = load, marks[columns.start].rows
    return Result(**{kind: Lazy(makers) for kind, makers in parts.items()}, meta=meta)


def write(result, path, *, overwrite=False):
    """Write a :class:`~snn.result.Result` (for instance one that was kept in memory) as an archive; see :func:`open`.

    What is recorded comes back bit for bit; ``plan`` and ``state`` are not part of an archive. Errors: RunError when
    the file exists; DataError when the spikes do not begin and end on whole steps of ``meta["dt"]``; OutputError.
    """
    sink = ArchiveSink(path, overwrite=overwrite)
    try:
        dt = float(result.meta["dt"])
    except (KeyError, TypeError, ValueError) as err:
        raise DataError("archive.write: result.meta['dt'] is missing. It must be the step of the run in ms.") from err
    first, stop = _window(result, dt)
    channels = [SpikeChannel(name, s.n, dt, first_step=first) for name, s in result.spikes.items()]
    tables = [(s.times, s.ids) for s in result.spikes.values()]
    for trace in result.traces.values():
        every = max(round((trace.times[1] - trace.times[0]) / dt), 1) if len(trace) > 1 else 1
        channels.append(TraceChannel(trace.population, trace.variable, trace.unit, trace.ids, dt, every,
                                     trace.data.dtype, first))
        tables.append((trace.times, trace.data))
    for w in result.weights.values():
        channels.append(WeightChannel(w.projection, w.pre, w.post, dt, w.unit, w.data.dtype, first, w.variable))
        tables.append((w.times, w.data))
    sink.open(result.meta, channels)
    for channel, (times, values) in zip(channels, tables, strict=True):
        sink._append(channel, times, values)
    sink.commit(stop)
    sink.close({"complete": result.meta.get("complete", True)})


def _window(result, dt):
    """First step and stop step that all spikes of a result have in common."""
    windows = {(s.start, s.duration) for s in result.spikes.values()} or {(0.0, 0.0)}
    if len(windows) > 1:
        raise DataError(f"archive.write: the spikes cover different times {sorted(windows)} (start, duration) [ms]. "
                        "All populations of a result must cover the same.")
    start, duration = windows.pop()
    first, steps = round(start / dt), round(duration / dt)
    if (first * dt, steps * dt) != (start, duration):
        raise DataError(f"archive.write: start {start} ms and duration {duration} ms are not whole steps of {dt} ms. "
                        "A result of a run always is; write other spikes with snn.export.sonata.")
    return first, first + steps


def _make(group, tails, channel):
    """Describe a channel in its group and make its tables."""
    kind = KINDS[channel.key[0]]
    for name in kind.attributes:
        value = getattr(channel, name)
        group.attrs[name] = np.dtype(value).name if name == "dtype" else value
    for field, name in kind.arrays.items():
        if getattr(channel, field) is not None:
            values = np.asarray(getattr(channel, field), np.int64)
            group.create_dataset(name, data=values, **(PACKED if values.size else {}))
    times, values = kind.tables
    if kind.channel is SpikeChannel:
        return Column(group, tails, times, np.float64), Column(group, tails, values, np.uint32)
    return (Column(group, tails, times, np.float64),
            Column(group, tails, values, channel.dtype, width=channel.width))


def _fixed_bytes(channel):
    return sum(8 * len(getattr(channel, name)) for name in KINDS[channel.key[0]].arrays
               if getattr(channel, name) is not None)


def _read_channel(group, kind):
    values = {}
    for name in kind.attributes:
        if name not in group.attrs and name in ("gated", "variable"):
            continue                                        # version 1 had neither
        value = group.attrs[name]
        values[name] = np.dtype(value) if name == "dtype" else getattr(value, "item", lambda value=value: value)()
    return kind.channel(**values, **{field: group[name][:] for field, name in kind.arrays.items() if name in group})


def _check_format(file, path):
    if file.attrs.get("format") != FORMAT:
        raise DataError(f"open: '{path}' is an HDF5 file, but no archive of a run. SONATA files are read by "
                        "snn.export.sonata.")
    if file.attrs["version"] > VERSION:
        raise DataError(f"open: '{path}' has layout version {file.attrs['version']}; this library knows up to "
                        f"{VERSION}. Use a newer version of the library.")
    return json.loads(file.attrs["channels"]), json.loads(file.attrs["meta"])


def _load(path, identity, name, columns, stop):
    """Read one channel up to the commit that ``open`` has seen."""
    with reading(path) as file:
        if os.stat(path).st_ino != identity:
            raise DataError(f"open: '{path}' was replaced since it was opened. Open it again.")
        kind = KINDS[name.split("/")[0]]
        tables = [committed_rows(file[name][table], file[f"tail/{i}"], mark)
                  for table, (i, mark) in zip(kind.tables, columns, strict=True)]
        return _read_channel(file[name], kind).collect(*tables, stop)
