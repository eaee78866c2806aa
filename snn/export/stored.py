"""Spikes, traces and weights that stand in an archive: views that read what is asked for, when it is asked for.

They are Spikes, Trace and Weights to everybody who takes those. A part by time or by neuron is a view again; ``times``,
``ids`` and ``data`` of a view read that part and keep it. ``dataclasses.replace`` gives an object in memory.
"""
import bisect
import os
from contextlib import contextmanager
from functools import cached_property

import numpy as np

from snn.errors import DataError
from snn.export import checked
from snn.export.checked_storage import RATIO, SMALL
from snn.export.columns import committed_rows
from snn.export.layout import KINDS, read_contents, read_group
from snn.export.storage import reading
from snn.sink import SpikeChannel, TraceChannel
from snn.spikes import Spikes
from snn.traces import Trace, Weights, columns_of_neurons, columns_of_synapses, rows_in, slack, window

ATTEMPTS = 20


class Source:
    """One channel of an archive, as far as the commit that :func:`snn.export.archive.open` has seen.

    Whoever writes the file meanwhile moves rows from place to place; where they are is therefore looked up each
    time. Errors: MissingFile; DataError when the file is damaged, was replaced, or was cut back since.
    """

    def __init__(self, path, file, contents, name):
        self.path, self.name, self.identity = path, name, os.stat(path).st_ino
        self.channel, self.tables = read_group(file, name, arrays=False), KINDS[name.split("/")[0]].tables
        self.numbers, self.stop, self.known = contents.columns(name), contents.commit.step, len(contents.added)
        self.rows = contents.commit.marks[self.numbers[0]].rows
        if {contents.commit.marks[i].rows for i in self.numbers} != {self.rows}:
            raise checked.refused(file, name, "has tables of different lengths", "Use an intact copy.")
        self._seen = self._marks = None
        self.even = contents.version > 1 and self.tables[1] == "data" and not getattr(self.channel, "gated", True)

    @contextmanager
    def opened(self):
        """The file and the marks of this channel now."""
        with reading(self.path) as file:
            found = os.stat(self.path)
            if found.st_ino != self.identity:
                raise DataError(f"open: '{self.path}' was replaced since it was opened. Open it again.")
            finished = None if file.swmr_mode else (found.st_mtime_ns, found.st_size)
            if finished is not None and finished == self._seen:
                yield file, self._marks
                return
            now = read_contents(file, self.path)
            if any(text.get("continued_at", self.stop) < self.stop for text in now.added[self.known:]):
                raise DataError(f"open: '{self.path}' was cut back by a run that went on before its end, since it was "
                                "opened. Open it again.")
            self._seen, self._marks = finished, [now.commit.marks[i] for i in self.numbers]
            yield file, self._marks

    def read(self, table, start, stop, columns=None):
        """Rows ``start`` <= k < ``stop`` of table 0 or 1, of all columns or those numbered."""
        return self._settled(table, lambda *places: committed_rows(*places, start, stop, columns))

    def search(self, start, stop, time):
        """Number of the first row of ``start`` .. ``stop`` whose time lies after ``time`` [ms]."""
        def found(data, tail, mark):
            height, seen = data.chunks[0], {}

            def at(row):
                first = max(row // height * height, start)
                if first not in seen:
                    end = min(row // height * height + height, stop)
                    seen[first] = committed_rows(data, tail, mark, first, end)
                return seen[first][row - first]

            return bisect.bisect_right(range(stop), time + slack(time), start, stop, key=at)

        return self._settled(0, found)

    def _settled(self, table, look):
        """``look(data, tail, mark)``, again when a writer has used the tail for other rows meanwhile, which their
        checksum shows. That is not before the table has grown.
        """
        for _ in range(ATTEMPTS):
            with self.opened() as (file, marks):
                try:
                    return look(*self._tables(file, table), marks[table])
                except DataError as err:
                    error = err
            with self.opened() as (_, later):
                if later[table].in_main == marks[table].in_main:
                    raise error
        raise DataError(f"open: '{self.path}' is being written faster than it can be read. Try again.")

    def held(self):
        """DataError when the tables declare far more than the file holds."""
        with self.opened() as (file, _):
            nbytes = sum(self.rows * int(np.prod(d.shape[1:])) * max(d.dtype.itemsize, 4)
                         for d in (self._tables(file, k)[0] for k in (0, 1)))
        most = max(SMALL, RATIO * os.stat(self.path).st_size)
        if nbytes > most:
            raise DataError(f"open: '{self.path}' /{self.name} declares {nbytes} bytes, of which at most {most} are "
                            "read at once from such a file. Read parts of it: between, of, blocks.")

    def times(self, start, stop):
        """Times [ms] of rows; those on an even grid are computed."""
        return self.channel.times(start, stop - start) if self.even else self.read(0, start, stop)

    def array(self, field):
        """A fixed array of the channel: recorded neurons, or one end of its synapses."""
        with self.opened() as (file, _):
            return getattr(read_group(file, self.name), field)

    def _tables(self, file, table):
        kinds, ndim = ("f", 1) if table == 0 else ("i", 1) if self.tables[1] == "ids" else ("f", 2)
        number = self.numbers[table]
        return (checked.dataset(file, f"{self.name}/{self.tables[table]}", kinds=kinds, ndim=ndim),
                checked.dataset(file, f"tail/{number}", kinds=kinds, ndim=ndim + 1))


def stored(source):
    """The view of a whole channel."""
    kind = StoredSpikes if isinstance(source.channel, SpikeChannel) else (
        StoredTrace if isinstance(source.channel, TraceChannel) else StoredWeights)
    return kind._whole(source)


class _Stored:
    """Rows ``_first`` <= k < ``_last`` of a Source."""

    def __new__(cls, *fields, **named):
        """With fields: an object in memory, which is what ``dataclasses.replace`` wants."""
        return cls._in_memory(*fields, **named) if fields or named else super().__new__(cls)

    @classmethod
    def _view(cls, source, first, last, **fields):
        view = cls.__new__(cls)
        view.__dict__.update(_source=source, _first=first, _last=last, **fields)
        return view

    def __len__(self):
        return self._last - self._first


class StoredSpikes(_Stored, Spikes):
    """Spikes in an archive."""

    _in_memory = Spikes

    @classmethod
    def _whole(cls, source):
        c = source.channel
        return cls._view(source, 0, source.rows, n=c.n, start=c.first_step * c.dt,
                         duration=(source.stop - c.first_step) * c.dt)

    @cached_property
    def _loaded(self):
        if len(self) == self._source.rows:
            self._source.held()
        return self._part(self._first, self._last)

    @property
    def times(self):
        return self._loaded.times

    @property
    def ids(self):
        return self._loaded.ids

    def blocks(self, count=1 << 20):
        if int(count) < 1:
            raise DataError(f"Spikes.blocks.count: is {count}. It must be a number above 0.")
        for row in range(self._first, self._last, int(count)):
            yield self._part(row, min(row + int(count), self._last)).raster()

    def between(self, t0, t1):
        empty = Spikes([], [], self.n, self.duration, self.start).between(t0, t1)
        first = self._first
        if t0 > self.start + slack(self.end):
            first = self._source.search(self._first, self._last, t0)
        last = self._source.search(first, self._last, t1)
        return self._view(self._source, first, last, n=self.n, start=empty.start, duration=empty.duration)

    def of(self, ids, *, renumber=False):
        parts = [Spikes(times, of, self.n, self.duration, self.start).of(ids, renumber=renumber)
                 for times, of in self.blocks()]
        if not parts:
            return Spikes([], [], self.n, self.duration, self.start).of(ids, renumber=renumber)
        return Spikes(np.concatenate([p.times for p in parts]), np.concatenate([p.ids for p in parts]), parts[0].n,
                      self.duration, self.start)

    def train(self, i):
        Spikes([], [], self.n, self.duration).train(i)
        return self.of([i]).times

    def count(self):
        return sum((np.bincount(ids, minlength=self.n) for _, ids in self.blocks()), np.zeros(self.n, np.int64))

    def _part(self, first, last):
        times, ids = self._source.read(0, first, last), self._source.read(1, first, last)
        return Spikes(times, ids, self.n, self.duration, self.start)


class _StoredTable(_Stored):
    """A table of an archive: all its columns, or those numbered in ``_columns``."""

    @cached_property
    def times(self):
        return self._source.times(self._first, self._last)

    @cached_property
    def data(self):
        if len(self) == self._source.rows and self._columns is None:
            self._source.held()
        return self._source.read(1, self._first, self._last, self._columns)

    def between(self, t0, t1):
        if self._source.even and t0 <= t1:
            first, last = (min(max(self._rows_until(t), self._first), self._last) for t in (t0, t1))
        else:
            rows = window(self._in_memory.__name__, self.times, t0, t1)
            first, last = self._first + rows.start, self._first + rows.stop
        return self._view(self._source, first, last, **self._shared)

    def blocks(self, nbytes=16 << 20):
        itemsize = np.dtype(self._source.channel.dtype).itemsize
        step = rows_in(nbytes, itemsize * len(getattr(self, self._ends[0])))
        for row in range(self._first, self._last, step):
            last = min(row + step, self._last)
            yield self._source.times(row, last), self._source.read(1, row, last, self._columns)

    @property
    def _shared(self):
        """The fields that all parts of this view have in common."""
        return {name: value for name, value in vars(self).items()
                if name not in ("_source", "_first", "_last", "times", "data")}

    def _rows_until(self, time):
        """Number of samples of the whole channel up to ``time``."""
        if not np.isfinite(time):
            return 0 if time < 0 else self._last
        channel = self._source.channel
        before = channel.first_step // channel.every_steps
        guess = time // (channel.every_steps * channel.dt) - before
        if not -2 <= guess <= self._last + 2:
            return 0 if guess < 0 else self._last
        row = max(int(guess) - 2, 0)
        return row + int(np.searchsorted(channel.times(row, 5), time + slack(time), side="right"))

    def _columns_at(self, columns):
        """This view with some of its columns."""
        ends = {name: getattr(self, name)[columns] for name in self._ends}
        whole = columns if self._columns is None else self._columns[columns]
        return self._view(self._source, self._first, self._last, **{**self._shared, **ends, "_columns": whole})


class StoredTrace(_StoredTable, Trace):
    """A trace in an archive."""

    _in_memory, _ends = Trace, ("ids",)

    @classmethod
    def _whole(cls, source):
        c = source.channel
        return cls._view(source, 0, source.rows, _columns=None, population=c.population, variable=c.variable,
                         unit=c.unit)

    @cached_property
    def ids(self):
        return self._source.array("ids")

    def of(self, ids):
        return self._columns_at(columns_of_neurons(self.ids, ids))


class StoredWeights(_StoredTable, Weights):
    """Weights of synapses, or another variable of them, in an archive."""

    _in_memory, _ends = Weights, ("pre", "post")

    @classmethod
    def _whole(cls, source):
        c = source.channel
        return cls._view(source, 0, source.rows, _columns=None, projection=c.projection, variable=c.variable,
                         unit=c.unit)

    @cached_property
    def pre(self):
        return self._source.array("pre")

    @cached_property
    def post(self):
        return self._source.array("post")

    def of(self, synapses):
        return self._columns_at(columns_of_synapses(len(self.pre), synapses))
