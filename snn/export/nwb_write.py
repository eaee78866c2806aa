"""Writing NWB; the layout is described in :mod:`snn.export.nwb`."""
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from tqdm import tqdm

from snn.errors import DataError, RunError
from snn.export.columns import chunk_shape
from snn.export.notes import json_text
from snn.export.nwb_parts import COLUMNS, NOTES, TEXT, Maker, word_of
from snn.export.nwb_spikes import SECOND, add_units
from snn.export.steps import on_grid, step_of
from snn.export.storage import Output, check_output

NWB_VERSION, LAYOUT = "2.9.0", 1
HEAD = 1 << 16
# Blocks end where they like: the chunks at their border wait in this cache for the rows that are still to come.
CACHE = {"rdcc_nbytes": 1 << 25, "rdcc_w0": 1.0}
GROUPS = ("acquisition", "analysis", "general", "processing", "stimulus/presentation", "stimulus/templates")


def write(result, path, *, session_start=None, identifier=None, description=None, overwrite=False):
    """Write a :class:`~snn.result.Result` as an NWB file. Returns the path.

    Parameters
        ``session_start`` a datetime with zone, or a text such as ``"2024-05-01T12:00:00+02:00"``: the moment that is
        time 0 of the model, also given as the date of the file (default: now); ``identifier`` a text that is unique to
        the recording (default: a new random one); ``description`` a sentence about it. Equal arguments give equal
        files.

    Errors: RunError for a file that exists (unless ``overwrite``) and for a date without a zone; DataError for names
    with ``/`` or ``:``, which NWB does not allow; OutputError when the disk is full.
    """
    path = check_output(path, overwrite=overwrite)
    start, series = _moment(session_start), _series(result)
    identifier = _text("identifier", str(uuid.uuid4()) if identifier is None else identifier)
    description = _text("description", "Simulation of a spiking network." if description is None else description)
    maker = Maker(identifier)
    rows = 2 * sum(map(len, result.spikes.values())) + sum(len(s.table) for s in series)
    with _output(path) as output, tqdm(total=rows, desc=path.name, unit=" rows", unit_scale=True, disable=None,
                                       delay=2.0, leave=False) as bar:
        file = output.file
        _head(file, maker, start, identifier, description)
        notes = {"layout": LAYOUT, "meta": result.meta, "populations": {}, "series": {}}
        dt = step_of(result)
        if sum(s.n for s in result.spikes.values()):
            output.room(sum(12 * len(s) + 128 * s.n for s in result.spikes.values()))
            even = add_units(file, maker, result.spikes, dt, bar.update)
        for name, s in result.spikes.items():
            notes["populations"][name] = {"n": s.n, "start": s.start, "duration": s.duration,
                                          "on_grid": bool(s.n and even[name])}
        for s in series:
            notes["series"][s.name] = _add_series(output, maker, s, dt, bar.update)
        text = json_text({NOTES: notes}, where="nwb.write", sort_keys=True)
        output.room(len(text) + HEAD)
        file["general"].create_dataset("notes", data=text, dtype=TEXT)
    return Path(path)


@dataclass(frozen=True, eq=False)
class _Series:
    """One table to be written: its name in the file, what its columns are, and what :func:`read` needs to know."""

    name: str
    table: object
    columns: dict
    facts: dict


def _series(result):
    series = [_Series(f"{population}.{variable}", t, {"neuron": (t.ids, "Number of the neuron in its population.")},
                      {"population": population, "variable": variable, "unit": t.unit})
              for (population, variable), t in result.traces.items()]
    series += [_Series(f"weights.{name}", w, {"pre": (w.pre, "Number of the presynaptic neuron."),
                                              "post": (w.post, "Number of the postsynaptic neuron.")},
                       {"projection": w.projection, "variable": w.variable, "unit": w.unit})
               for name, w in result.weights.items()]
    names = [s.name for s in series]
    for name in [*result.spikes, *names]:
        if not name or set("/:") & set(name) or names.count(name) > 1:
            raise DataError(f"nwb.write: the name {name!r} cannot be used. NWB needs distinct names without '/' and "
                            "':'.")
    return series


@contextmanager
def _output(path):
    output = Output(path, **CACHE)
    try:
        with output.guard():
            output.room(HEAD)
            yield output
        output.close()
        output.publish()
    except BaseException:
        output.discard()
        raise


def _head(file, maker, start, identifier, description):
    file.attrs["nwb_version"] = NWB_VERSION
    maker.stamp(file, "NWBFile")
    for name in GROUPS:
        file.create_group(name)
    for name, text in (("identifier", identifier), ("session_description", description), ("session_start_time", start),
                       ("timestamps_reference_time", start)):
        file.create_dataset(name, data=text, dtype=TEXT)
    file.create_dataset("file_create_date", data=[start], dtype=TEXT, maxshape=(None,), chunks=(1,))


def _add_series(output, maker, series, dt, progress):
    """Write one TimeSeries and the table of its columns; returns its entry in the notes."""
    file, table = output.file, series.table
    output.room(HEAD + sum(16 * len(values) for values, _ in series.columns.values()))
    if COLUMNS not in file["processing"]:
        maker.stamp(file["processing"].create_group(COLUMNS), "ProcessingModule",
                    description="What the columns of each series are.")
    maker.table(file["processing"][COLUMNS], series.name, f"Columns of {series.name}.", series.columns)
    group = maker.stamp(file["acquisition"].create_group(series.name), "TimeSeries", comments="no comments",
                        description=f"{series.name}, one column per row of /processing/{COLUMNS}/{series.name}")
    width = len(next(iter(series.columns.values()))[0])
    clock, data, row = _Clock(group, len(table), dt), None, 0
    for times, block in table.blocks():
        output.room(block.nbytes + 8 * len(times) + HEAD)
        if data is None:
            data = _data(group, (len(table), width), block.dtype)
        data[row:row + len(block)] = block
        row += len(block)
        clock.feed(times)
        progress(len(times))
    if data is None:
        data = _data(group, (0, width), np.float64)
    word, conversion = word_of(series.facts["unit"])
    data.attrs.update(unit=word, conversion=conversion, offset=0.0, resolution=-1.0)
    return series.facts | {"on_grid": clock.finish()}


def _data(group, shape, dtype):
    packed = {"chunks": chunk_shape(shape[1], np.dtype(dtype).itemsize), "maxshape": (None, None), "shuffle": True,
              "compression": "gzip", "compression_opts": 1}
    return group.create_dataset("data", shape, dtype, **(packed if shape[0] and shape[1] else {}))


class _Clock:
    """The times of a series, block by block: a begin and a rate as long as the grid of ``dt`` is kept, else stamps."""

    def __init__(self, group, total, dt):
        self.group, self.total, self.dt = group, total, dt
        self.count, self.first, self.every, self.stamps, self.on_grid = 0, None, None, None, dt is not None

    def feed(self, times):
        if self.stamps is None and not self._even(times):
            self.stamps = self.group.create_dataset("timestamps", (self.total,), np.float64)
            for row in range(0, self.count, HEAD):
                rows = np.arange(row, min(row + HEAD, self.count))
                self.stamps[rows[0]:rows[-1] + 1] = self._at(rows) / SECOND
        if self.stamps is not None:
            self.stamps[self.count:self.count + len(times)] = times / SECOND
        self.on_grid = self.on_grid and on_grid(times, self.dt)
        self.count += len(times)

    def finish(self):
        """Write what says when the samples were taken; returns whether all times lie on the grid."""
        if self.stamps is None and self.count == 1:
            self.stamps = self.group.create_dataset("timestamps", data=[self._at(0) / SECOND])
        if self.stamps is not None:
            self.stamps.attrs.update(interval=np.int32(1), unit="seconds")
        else:
            start, step = (self._at(0), self.every * self.dt) if self.count else (0.0, self.dt or 1.0)
            begin = self.group.create_dataset("starting_time", data=start / SECOND)
            begin.attrs.update(rate=SECOND / step, unit="seconds")
        return bool(self.on_grid)

    def _at(self, rows):
        return (self.first + rows * (self.every or 0)) * self.dt

    def _even(self, times):
        """Whether ``times`` go on as those before; the first two samples say what even means."""
        if self.dt is None:
            return False
        steps = np.rint(times / self.dt)
        if self.first is None:
            self.first = steps[0]
        if self.every is None and self.count + len(times) > 1:
            self.every = steps[1 - self.count] - self.first
        even = np.array_equal(self._at(self.count + np.arange(len(times))), times)
        return even and (self.every is None or self.every > 0)


def _moment(given):
    try:
        moment = datetime.fromisoformat(given) if isinstance(given, str) else given
    except ValueError as err:
        raise RunError(f"nwb.write.session_start: {err}. Give a text such as '2024-05-01T12:00:00+02:00'.") from err
    if moment is None:
        moment = datetime.now().astimezone()
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        raise RunError(f"nwb.write.session_start: is {given!r}. Give a datetime with a time zone, or a text such as "
                       "'2024-05-01T12:00:00+02:00'.")
    return moment.isoformat()


def _text(where, value):
    if not isinstance(value, str) or not value:
        raise RunError(f"nwb.write.{where}: is {value!r}. It must be a text that is not empty.")
    return value
