"""Plain tables: CSV for spreadsheets and scripts of any language, NPZ for NumPy (:mod:`snn.export.npz`).

CSV layout (comma, UTF-8, one header line with units; numbers are written so that they read back bit for bit)
    ``spikes.csv``                    ``population,neuron,time [ms]``, a row per spike, by population, time and neuron
    ``<population>.<variable>.csv``   ``time [ms],7 [mV],9 [mV]``: a column per neuron, named by its number and the unit
    ``weights.<name>.csv``            ``time [ms],pre,post,weight [mV]``: a row per synapse and sample
    ``result.json``                   ``{"meta": result.meta, "populations": {name: {"n", "start", "duration"}}}``

Example
    >>> write_csv(snn.open("run.h5"), "tables")                         # doctest: +SKIP
    >>> read_spikes_csv("tables/spikes.csv")["exc"].mean_rate           # doctest: +SKIP
"""
import csv
import json
import os
import re
from contextlib import contextmanager
from itertools import islice, repeat
from pathlib import Path

import numpy as np
from tqdm import tqdm

from snn.errors import DataError, OutputError, SnnError
from snn.export.checked_file import check_file
from snn.export.notes import json_text
from snn.export.npz import read_npz, write_npz
from snn.export.storage import check_output
from snn.spikes import Spikes

__all__ = ["read_npz", "read_spikes_csv", "write_csv", "write_npz"]

ROWS = 1 << 16
MOST_NEURONS, MOST_POPULATIONS = 1 << 31, 10_000
TIME = re.compile(r"(?:time|times|timestamps|t)(?: ?\[(ms|s|us)\]|_(ms|s|us))?")
TO_MS = {"ms": 1.0, "s": 1e3, "us": 1e-3}
IDS = ("neuron", "id", "ids", "node_ids", "unit")


def write_csv(result, folder, *, overwrite=False):
    """Write a :class:`~snn.result.Result` as CSV files into ``folder`` (made if missing), in bounded memory.

    Returns the list of paths. Errors: RunError, before anything is written, when one of the files exists (unless
    ``overwrite``); DataError for names that cannot be names of files; OutputError when writing fails.
    """
    folder = Path(folder)
    jobs = {"spikes.csv": (_spikes, result.spikes)} if result.spikes else {}
    jobs |= {f"{p}.{v}.csv": (_trace, trace) for (p, v), trace in result.traces.items()}
    jobs |= {f"weights.{key}.csv": (_weights, weights) for key, weights in result.weights.items()}
    for name in jobs:
        if not name.isprintable() or set('/\\:*?"<>|') & set(name) or name.startswith("."):
            raise DataError(f"write_csv: {name!r} cannot be the name of a file. Rename the population or variable.")
    windows = {name: {"n": s.n, "start": s.start, "duration": s.duration} for name, s in result.spikes.items()}
    text = json_text({"meta": result.meta, "populations": windows}, where="write_csv", indent=1)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise OutputError(f"write_csv: folder '{folder}' cannot be made ({err.strerror}). Choose another.") from err
    paths = [check_output(folder / name, overwrite=overwrite) for name in (*jobs, "result.json")]
    with tqdm(total=sum(map(_size, (result.spikes, result.traces, result.weights))), desc="write_csv", unit=" rows",
              unit_scale=True, disable=None, delay=2.0, leave=False) as bar:
        for path, (write, part) in zip(paths, jobs.values(), strict=False):
            with _fresh(path) as stream:
                write(csv.writer(stream, lineterminator="\n"), part, bar)
    with _fresh(paths[-1]) as stream:
        stream.write(text)
    return paths


def read_spikes_csv(path, *, n=None, start=None, duration=None, delimiter=","):
    """Spikes by population from a CSV file of any program.

    The header line names the columns, in any order: ``time`` (also ``times``, ``timestamps``, ``t``) in ms, or with its
    unit as in ``time [s]`` or ``time_us``; ``neuron`` (also ``id``, ``ids``, ``node_ids``, ``unit``); optionally
    ``population`` (without it, all spikes are of the population ``"spikes"``). Other columns are ignored.

    ``n``, ``start`` and ``duration`` (ms) say what such a file does not, for all populations. By default they are what
    the ``result.json`` of :func:`write_csv` says beside its ``spikes.csv``, else the highest neuron number + 1, 0 ms
    (or the first spike, if it is before 0) and up to the last spike. Errors: MissingFile; DataError for a file
    without these columns, or values that are no such numbers, with the number of the row.
    """
    path = check_file(path)
    known = _windows(path)
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            lines = csv.reader(stream, delimiter=delimiter, strict=True)
            names, times, ids, owners = _columns(path, lines)
    except (UnicodeDecodeError, csv.Error, OSError, TypeError) as err:
        raise DataError(f"read_spikes_csv: '{path}' is no CSV file ({err}). Give a text file in UTF-8 with a header "
                        "line.") from err
    order = np.argsort(owners, kind="stable")
    parts = np.split(order, np.searchsorted(owners[order], np.arange(1, max(len(names), 1))))
    rows = dict.fromkeys(known, order[:0]) | dict(zip(names, parts, strict=False))
    given = {"n": n, "start": start, "duration": duration}
    given = {key: value for key, value in given.items() if value is not None}
    return {name: _population(path, name, times[mine], ids[mine], known.get(name, {}) | given)
            for name, mine in rows.items()}


def _windows(path):
    """What :func:`write_csv` has left beside a file of spikes: {population: n, start and duration}."""
    beside = path.with_name("result.json")
    if path.name != "spikes.csv" or not beside.is_file():
        return {}
    try:
        said = json.loads(check_file(beside).read_text(encoding="utf-8")).get("populations", {})
        return {name: {key: facts[key] for key in ("n", "start", "duration")} for name, facts in said.items()}
    except (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError) as err:
        raise DataError(f"read_spikes_csv: '{beside}' is damaged or foreign ({err!r:.80}). Use an intact copy, or move "
                        "it away.") from err


def _population(path, name, times, ids, window):
    begin = window.get("start", min(times.min(initial=np.inf), 0.0))
    try:
        span = window.get("duration", max(times.max(initial=begin) - begin, 0.0))
        return Spikes(times, ids, window.get("n", int(ids.max(initial=-1)) + 1), span, begin)
    except (SnnError, TypeError, ValueError) as err:
        raise DataError(f"read_spikes_csv: '{path}', population {name!r}: {err}") from err


@contextmanager
def _fresh(path):
    """A text file that gets its name when it is complete."""
    new = path.with_name(path.name + ".new")
    try:
        with open(new, "w", newline="", encoding="utf-8") as stream:
            yield stream
        os.replace(new, path)
    except SnnError:
        raise
    except OSError as err:
        raise OutputError(f"write_csv: writing '{path}' failed ({err.strerror or err}). Choose another disk.") from err
    finally:
        new.unlink(missing_ok=True)


def _size(part):
    return sum(map(len, part.values()))


def _spikes(writer, spikes, bar):
    writer.writerow(("population", "neuron", "time [ms]"))
    for name, s in spikes.items():
        for times, ids in s.blocks(ROWS):
            writer.writerows(zip(repeat(name), ids.tolist(), times.tolist(), strict=False))
            bar.update(len(ids))


def _trace(writer, trace, bar):
    writer.writerow(("time [ms]", *(f"{i}{_unit(trace)}" for i in trace.ids.tolist())))
    for times, data in trace.blocks():
        writer.writerows((t, *_numbers(row)) for t, row in zip(times.tolist(), data, strict=True))
        bar.update(len(times))


def _weights(writer, weights, bar):
    pre, post = weights.pre.tolist(), weights.post.tolist()
    writer.writerow(("time [ms]", "pre", "post", f"{weights.variable or 'weight'}{_unit(weights)}"))
    for times, data in weights.blocks():
        for t, row in zip(times.tolist(), data, strict=True):
            writer.writerows(zip(repeat(t), pre, post, _numbers(row), strict=False))
        bar.update(len(times))


def _unit(table):
    return f" [{table.unit}]" if table.unit else ""


def _numbers(row):
    """Numbers that csv writes in the fewest digits that read back bit for bit, in their own precision."""
    return row.tolist() if row.dtype == np.float64 else list(row)


def _columns(path, lines):
    """``(names of populations, times [ms], neuron numbers, number of the population of each spike)``."""
    header = [name.strip().lower() for name in next(lines, ())]
    time = next((i for i, name in enumerate(header) if TIME.fullmatch(name)), None)
    neuron = next((i for i, name in enumerate(header) if name in IDS), None)
    if time is None or neuron is None:
        raise DataError(f"read_spikes_csv: '{path}' has the columns {header[:10]}. It must have 'time [ms]' and "
                        "'neuron' in its first line.")
    factor = TO_MS[next(filter(None, TIME.fullmatch(header[time]).groups()), "ms")]
    owner = header.index("population") if "population" in header else None
    names, times, ids, owners, line = {}, [np.empty(0)], [np.empty(0, np.int64)], [np.empty(0, np.int32)], 1
    while block := list(islice(lines, ROWS)):
        try:
            times.append(np.array([float(row[time]) for row in block]) * factor)
            ids.append(np.array([int(row[neuron]) for row in block], np.int64))
            owners.append(np.array([names.setdefault("spikes" if owner is None else row[owner], len(names))
                                    for row in block], np.int32))
        except (ValueError, IndexError, OverflowError) as err:
            raise _bad_line(path, block, line, time, neuron) from err
        line += len(block)
        if len(names) > MOST_POPULATIONS or ids[-1].min() < 0 or ids[-1].max() >= MOST_NEURONS:
            raise DataError(f"read_spikes_csv: '{path}' up to line {line} has {len(names)} populations and neurons "
                            f"{ids[-1].min()}..{ids[-1].max()}. Up to {MOST_POPULATIONS} populations and neurons "
                            f"0..{MOST_NEURONS - 1} are read.")
    return list(names), *map(np.concatenate, (times, ids, owners))


def _bad_line(path, block, line, time, neuron):
    def good(row):
        try:
            return np.isfinite(float(row[time])) and np.int64(int(row[neuron])) >= 0
        except (ValueError, IndexError, OverflowError):
            return False
    i = next((i for i, row in enumerate(block) if not good(row)), len(block) - 1)
    return DataError(f"read_spikes_csv: '{path}', row {line + i + 1}: {str(block[i])[:80]} is no spike. Each row must "
                     "have a time, a whole neuron number and as many entries as the header.")
