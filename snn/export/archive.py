"""The native archive: a Result in one HDF5 file, written block by block while the run goes on.

Layout (version 2)
    root attributes    ``format`` "snn-archive", ``version`` 2, ``meta`` (JSON), ``channels`` (JSON list of group names)
    /spikes/<population>             attributes population, n, dt, first_step
        times float64 [N] ms, ids uint16 or uint32 [N]; recorded int64 (only when a part of the neurons was recorded)
    /traces/<population>/<variable>  attributes population, variable, unit, dt, every_steps, dtype, first_step, gated
        times float64 [T] ms, ids int64 [k], data float32 or float64 [T, k]
    /weights/<projection>            attributes projection, unit, dt, dtype, first_step, variable
        times float64 [T] ms, pre and post int64 [k], data float32 or float64 [T, k]
    /summary uint8 (lines of JSON)   what was added to meta: at the end of the run, and where it was gone on with
    /commits, /tail                  see :mod:`snn.export.columns`

    Tables are compressed where that pays (:mod:`snn.export.chunks`). After a clean end any HDF5 reader finds them
    whole; after a crash :func:`open` puts them together up to the last committed block. Version 1 had chunks of
    (1000, 64), all compressed, and no ``gated`` and ``variable``; it is read, but not gone on with.

Example
    >>> snn.simulate(net, 1000.0, dt=0.1, to="run.h5")      # doctest: +SKIP
    >>> snn.open("run.h5").spikes["exc"].mean_rate          # doctest: +SKIP
"""
import json
import os
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import numpy as np

from snn.errors import DataError, RunError
from snn.export.columns import Column, Commits
from snn.export.continuing import all_meta, check_continues, joined_meta, joined_wall, kept
from snn.export.layout import (
    FORMAT,
    KINDS,
    TEXT_CHUNK,
    VERSION,
    fixed_bytes,
    make_group,
    meta_text,
    read_contents,
)
from snn.export.progress import shown
from snn.export.storage import Output, check_output, reading
from snn.export.stored import Source, stored
from snn.result import Lazy, Result
from snn.sink import Sink, SpikeChannel, TraceChannel, WeightChannel
from snn.traces import slack

# The library's own tables then never cross a page boundary, where alone a kill can cut a write in two.
PAGED = {"fs_strategy": "page", "fs_page_size": 4096}


class ArchiveSink(Sink):
    """Writes a run to ``path`` while it goes on, in bounded memory.

    What was given before a :meth:`commit` has left the process when the call returns: one killed afterwards leaves a
    file that :func:`open` reads up to that commit. With ``append`` the run goes on in an archive of the same network
    and channels, whose commits reach at least the step at which it begins; what the file holds from that step on is
    dropped, and the file gives in the end what one run would have given. The archive may be one whose run was killed.

    Errors: RunError at once when the file exists (unless ``overwrite``, which keeps the old file until the new one is
    begun), or with ``append`` when it is none that this run goes on; OutputError when writing fails, for instance
    on a full disk: the file is then closed and readable up to the last commit.
    """

    def __init__(self, path, *, overwrite=False, append=False):
        super().__init__()
        if append and overwrite:
            raise RunError("output: append and overwrite exclude each other. Say one of them.")
        self._overwrite, self._append_to = overwrite, append
        self._columns, self._resumed_after, self._earlier = {}, {}, None
        self.path = check_output(path, overwrite=overwrite or append)
        if append and self.path.exists():
            open(self.path)

    def _open(self):
        if self._append_to and (self.stop or self.path.exists()):
            self._go_on()
            return
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
        self._output.room((1 << 14) * len(self.channels) + sum(fixed_bytes(c) for c in self.channels.values()))
        file.attrs.update(format=FORMAT, version=VERSION, meta=json.dumps(self.meta),
                          channels=json.dumps(["/".join(key) for key in self.channels]))
        tails = file.create_group("tail")
        self._columns = {key: make_group(file.create_group("/".join(key)), tails, channel)
                         for key, channel in self.channels.items()}
        self._summary = file.create_dataset("summary", (0,), np.uint8, maxshape=(None,), chunks=(TEXT_CHUNK,),
                                            fletcher32=True)
        self._said = 0
        self._commits = Commits.create(file, sum(map(len, self._columns.values())))
        file.swmr_mode = True
        self._write_commit(file, [column.save() for column in self._all()])

    def _go_on(self):
        """Open the file again and make the state at the first step of this run its last commit."""
        first = self.stop
        with reading(self.path) as file:
            contents = read_contents(file, self.path)
            check_continues(file, self.path, contents, self.channels, self.meta, first)
            rows = kept(self.path, file, contents, self.channels, first)
        # The file says which table is which, so its order of channels counts.
        self.channels = {key: self.channels[key] for key in (tuple(name.split("/")) for name in contents.names)}
        self._output = Output(self.path, again=True)
        with self._guard() as file:
            if read_contents(file, self.path).commit != contents.commit:
                raise RunError(f"output: '{self.path}' was written by another run just now. Wait for its end.")
            waiting = sum(self._resume(file, contents, key, *rows[key]) for key in self.channels)
            self._summary, self._said = file["summary"], contents.commit.extra
            self._commits = Commits(file["commits"], contents.commit.number)
            self._earlier, self.meta = all_meta(contents).get("wall_s"), joined_meta(contents, self.meta)
            self._output.room(waiting + (1 << 20))
            self._say(self.meta | {"complete": False, "continued_at": first})
            self._write_commit(file, [column.save() for column in self._all()])

    def _resume(self, file, contents, key, rows, last):
        """Take up a channel after so many rows, the last of them at a time ``last``; bytes that wait to be written."""
        name = "/".join(key)
        columns = zip(KINDS[key[0]].tables, contents.columns(name), strict=True)
        self._columns[key] = [Column.resume(file[name][table], file[f"tail/{i}"], contents.commit.marks[i], rows)
                              for table, i in columns]
        self._resumed_after[key] = last
        return sum(column.waiting for column in self._columns[key])

    def _append(self, channel, times, values):
        if channel.key in self._resumed_after and channel.key[0] != "spikes":
            # A sample at the moment where the run before this one ended was taken by both.
            new = np.searchsorted(times, self._resumed_after[channel.key] + 0.5 * channel.dt)
            times, values = times[new:], values[new:]
        with self._guard():
            columns = self._columns[channel.key]
            self._output.room(2 * (times.nbytes + values.nbytes) + sum(column.waiting for column in columns))
            for column, rows in zip(columns, (times, values), strict=True):
                column.append(rows)

    def _commit(self):
        with self._guard() as file:
            self._output.room(sum(column.waiting for column in self._all()))
            self._write_commit(file, [column.save() for column in self._all()])

    def _close(self):
        with self._guard() as file:
            self._output.room(2 * sum(column.waiting for column in self._all()))
            marks = [column.finish() for column in self._all()]
            if "wall_s" in self.meta:
                self.meta["wall_s"] = joined_wall(self._earlier, self.meta["wall_s"])
            self._say(self.meta)
            self._write_commit(file, marks)
        self._output.close()

    def result(self, *, plan=None, state=None):
        """The :class:`~snn.result.Result` of everything committed, read from the file when it is looked at."""
        if not self.closed:
            raise RunError("ArchiveSink.result: the file is still being written. Call close first.")
        return replace(open(self.path), plan=plan, state=state)

    def _all(self):
        return [column for columns in self._columns.values() for column in columns]

    def _say(self, facts):
        """Add facts to meta; they count from the next commit on."""
        text = meta_text(facts)
        end = self._said + len(text)
        self._summary.resize(max(end, len(self._summary)), axis=0)
        self._summary[self._said:end] = text
        self._said = end

    def _write_commit(self, file, marks):
        file.flush()
        self._commits.write(self.stop, self._said, marks)
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

    They are views: ``result.traces["exc", "v"].of([17]).between(1000, 1200).data`` reads the chunks of that neuron and
    time only; ``len`` costs nothing. Also reads a file that a run is still writing, or whose run was killed or found
    the disk full: up to the last committed block, with ``meta["complete"]`` False. Errors: MissingFile; DataError for
    a file that is damaged, truncated, of another program or of a newer version.
    """
    path = os.path.abspath(path)
    parts = {"spikes": {}, "traces": {}, "weights": {}}
    with reading(path) as file:
        contents = read_contents(file, path)
        for name in contents.names:
            kind, *key = name.split("/")
            source = Source(path, file, contents, name)
            parts[kind][tuple(key) if kind == "traces" else key[0]] = partial(stored, source), source.rows
    return Result(**{kind: Lazy(makers) for kind, makers in parts.items()}, meta=all_meta(contents))


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
    parts = [(SpikeChannel(name, s.n, dt, first_step=first), s) for name, s in result.spikes.items()]
    parts += [(_trace_channel(trace, dt, first), trace) for trace in result.traces.values()]
    parts += [(WeightChannel(w.projection, w.pre, w.post, dt, w.unit, w.data.dtype, first, w.variable), w)
              for w in result.weights.values()]
    sink.open(result.meta, [channel for channel, _ in parts])
    for channel, recorded in parts:
        for times, values in shown(recorded.blocks(), len(recorded), "archive"):
            sink._append(channel, times, values)
    sink.commit(stop)
    sink.close({"complete": result.meta.get("complete", True)})


def _trace_channel(trace, dt, first):
    """The channel of a trace: of an even grid where its times are those of one, bit for bit."""
    every = max(round((trace.times[1] - trace.times[0]) / dt), 1) if len(trace) > 1 else 1
    channel = TraceChannel(trace.population, trace.variable, trace.unit, trace.ids, dt, every, trace.data.dtype, first)
    even = channel.times(0, len(trace)).tobytes() == trace.times.tobytes()
    return channel if even else replace(channel, gated=True)


def _window(result, dt):
    """First step and stop step that all spikes of a result have in common."""
    windows = {(s.start, s.duration) for s in result.spikes.values()} or {(0.0, 0.0)}
    if len(windows) > 1:
        raise DataError(f"archive.write: the spikes cover different times {sorted(windows)} (start, duration) [ms]. "
                        "All populations of a result must cover the same.")
    start, duration = windows.pop()
    first, steps = round(start / dt), round(duration / dt)
    if abs(first * dt - start) > slack(start) or abs(steps * dt - duration) > slack(start + duration):
        raise DataError(f"archive.write: start {start} ms and duration {duration} ms are not whole steps of {dt} ms. "
                        "A result of a run always is; write other spikes with snn.export.sonata.")
    return first, first + steps
