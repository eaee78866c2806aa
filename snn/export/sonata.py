"""SONATA: spikes and reports in the layouts that libsonata, bluepysnap and the Allen tools open.

Spikes file
    root attributes ``magic`` 0x0A7A and ``version``; per population a group /spikes/<population> with ``timestamps``
    float64 [N] (units "ms"), ``node_ids`` uint64 [N] and the enum attribute ``sorting`` (by_time).
Report file (one per variable)
    /report/<population>/data float32 [T, k] (units), mapping/node_ids, index_pointers [k + 1], element_ids, and
    mapping/time = start, stop, step (units "ms", stop exclusive).

Files are uncompressed, because the official reader is built without filters, and written in pieces, so that a stored
result of any size passes through in bounded memory. The format admits only float32 in reports: float64 traces are
rounded. The attributes ``n``, ``start`` and ``duration`` of a population, which SONATA does
not define, let :func:`read_spikes` give back exactly what was written.

Source: SONATA developer guide (Dai et al. 2020, "The SONATA data format for efficient description of large-scale
network models", PLoS Comput Biol 16:e1007696).
"""
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

from snn.errors import DataError, OutputError
from snn.export import checked
from snn.export.grids import even_grid
from snn.export.progress import shown
from snn.export.storage import reading, writing
from snn.spikes import Spikes
from snn.traces import Trace

MAGIC, VERSION = 0x0A7A, (0, 1)
SORTING = {"none": 0, "by_id": 1, "by_time": 2}
CHUNK_ROWS, CHUNK_COLUMNS = 1000, 64
_HEAD = 1 << 14


def write_spikes(spikes, path, *, overwrite=False):
    """Write the spikes of all populations as one SONATA file.

    ``spikes``: a Result or a dict of population -> Spikes (of memory or stored). Returns the path. Errors: RunError
    when the file exists (unless ``overwrite``), OutputError when the disk is full.

    Example
        >>> write_spikes({"exc": Spikes([1.0], [0], 1, 5.0)}, "spikes.h5")   # doctest: +SKIP
    """
    spikes = dict(spikes if isinstance(spikes, Mapping) else spikes.spikes)
    with writing(path, sum(16 * len(s) + _HEAD for s in spikes.values()), overwrite=overwrite) as file:
        stamp(file)
        root = file.create_group("spikes")
        for name, s in spikes.items():
            group = root.create_group(name)
            group.attrs.create("sorting", SORTING["by_time"], dtype=h5py.enum_dtype(SORTING, basetype=np.int8))
            group.attrs.update(n=s.n, start=s.start, duration=s.duration)
            times, ids = _table(group, "timestamps", np.float64), _table(group, "node_ids", np.uint64)
            _units(times, "ms")
            for t, i in shown(s.blocks(), len(s), name):
                _append(times, t)
                _append(ids, i.astype(np.uint64))
    return Path(path)


def write_report(trace, path, *, overwrite=False):
    """Write a Trace (of memory or stored) as a SONATA report; neurons stand in ascending order. Returns the path.

    Errors: DataError when the samples are not evenly spaced or a value does not fit float32; RunError and OutputError
    as in :func:`write_spikes`.
    """
    start, step = even_grid(trace, "write_report")
    order = np.argsort(trace.ids, kind="stable")
    rows, k = len(trace), len(order)
    with writing(path, (4 * rows + 32) * k + _HEAD, overwrite=overwrite) as file:
        stamp(file)
        group = file.create_group(f"report/{trace.population}")
        data = _table(group, "data", np.float32, k)
        _units(data, trace.unit)
        for _, block in shown(trace.blocks(), rows, f"{trace.population}.{trace.variable}"):
            _append(data, _narrowed(trace, block[:, order]))
        mapping = group.create_group("mapping")
        _filled(mapping, "node_ids", trace.ids[order].astype(np.uint64)).attrs["sorted"] = np.uint8(1)
        _filled(mapping, "index_pointers", np.arange(k + 1, dtype=np.uint64))
        _filled(mapping, "element_ids", np.zeros(k, np.uint32))
        _units(_filled(mapping, "time", np.array([start, start + rows * step, step])), "ms")
    return Path(path)


def _narrowed(trace, block):
    """A block of samples as float32; DataError where one is too large for it."""
    with np.errstate(over="ignore"):
        data = block.astype(np.float32)
    if not np.array_equal(np.isfinite(data), np.isfinite(block)):
        raise DataError(f"write_report: values of {trace.population}.{trace.variable} exceed float32, the only type "
                        "that SONATA reports have. Use the native archive.")
    return data


def export(result, folder, *, overwrite=False):
    """Write a Result into ``folder`` (made if missing): ``spikes.h5``, and ``<population>.<variable>.h5`` per trace.

    Returns the list of paths. Works in pieces: a stored result (:func:`snn.open`) is never loaded as a whole. Weights
    have no SONATA report; they are in the native archive. Errors as above.
    """
    folder = Path(folder)
    for trace in result.traces.values():
        even_grid(trace, "sonata.export")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise OutputError(f"sonata.export: folder '{folder}' cannot be made ({err.strerror}). Choose another.") from err
    paths = [write_spikes(result, folder / "spikes.h5", overwrite=overwrite)] if result.spikes else []
    return paths + [write_report(trace, folder / f"{population}.{variable}.h5", overwrite=overwrite)
                    for (population, variable), trace in result.traces.items()]


def read_spikes(path, *, n=None, start=None, duration=None):
    """Read a SONATA spikes file of any program: dict of population -> Spikes.

    ``n``, ``start`` and ``duration`` (ms) say what SONATA does not store, for all populations; by default what this
    library wrote beside it, else the highest id + 1, 0 ms and the last spike. Files of the first version of the format,
    which had one population without a name, give the population "default". Errors: MissingFile; DataError for a
    damaged or foreign file, other units than ms, or spikes outside the window.
    """
    with reading(path) as file:
        root = checked.group(file, "spikes")
        given = {"n": n, "start": start, "duration": duration}
        if checked.has(root, "timestamps"):
            return {"default": _read_population(root, given)}
        return {name: _read_population(checked.group(root, name), given) for name in checked.names(root)}


def _read_population(group, given):
    stamps = checked.dataset(group, "timestamps")
    _check_ms(stamps)
    named = "node_ids" if checked.has(group, "node_ids") else "gids"
    times = checked.whole(stamps).astype(np.float64)
    ids = checked.numbers(checked.dataset(group, named, kinds="i", length=len(times)))
    known = {"n": checked.number(group, "n", whole=True, low=0, high=2.0**31, default=None),
             **{key: checked.number(group, key, default=None) for key in ("start", "duration")}}
    known = {key: known[key] if value is None else value for key, value in given.items()}
    begin = known["start"] or 0.0
    if known["duration"] is None:
        known["duration"] = max(float(times.max()) - begin, 0.0) if len(times) else 0.0
    if known["n"] is None:
        known["n"] = int(ids.max()) + 1 if len(ids) else 0
    return Spikes(times, ids, known["n"], known["duration"], begin)


def read_report(path, population=None, *, element=None, variable=None):
    """Read a SONATA report of any program as a :class:`~snn.traces.Trace`.

    Parameters
        population  name; may be left out where the file has one
        element     number (of ``element_ids``) of the element to take of each neuron, where it has several; neurons
                    without that element are left out
        variable    name of the variable, which the file does not hold; default: that of the file, "v" of "exc.v.h5"
    The neurons are those of the file in its order; sample ``k`` has the time ``start + k step``.
    Errors: MissingFile; DataError for a damaged or foreign file, for a neuron with several elements where none is
    chosen, for times in other units than ms.

    Example: ``read_report("soma.h5").of([7])``
    """
    with reading(path) as file:
        root = checked.group(file, "report")
        names = checked.names(root)
        if population is None and len(names) != 1 or population is not None and population not in names:
            raise DataError(f"read_report: '{path}' has the populations {names[:20]}. Name one of them.")
        group = checked.group(root, names[0] if population is None else population)
        data = checked.dataset(group, "data", kinds="f", ndim=2)
        ids, columns = _columns(path, group, data.shape[1], element)
        time = checked.dataset(group, "mapping/time", length=3)
        _check_ms(time)
        start, _, step = (float(x) for x in checked.whole(time))
        if not (np.isfinite([start, step]).all() and step > 0):
            raise DataError(f"read_report: '{path}' mapping/time: start {start}, step {step}. Use an intact copy.")
        population = names[0] if population is None else population
        stem = Path(path).stem
        own = stem.removeprefix(f"{population}.") if stem.startswith(f"{population}.") else stem.split(".")[-1]
        values = checked.whole(data)[:, columns]
        return Trace(start + np.arange(len(values)) * step, ids, values,
                     checked.text(data, "units", default=""), population, own if variable is None else variable)


def _columns(path, group, width, element):
    """Neuron numbers and the column of each."""
    ids = checked.numbers(checked.dataset(group, "mapping/node_ids", kinds="i"))
    starts = checked.numbers(checked.dataset(group, "mapping/index_pointers", kinds="i"), below=width + 1)
    # The text of the specification has no closing entry, its reader insists on one.
    starts = np.append(starts, width) if len(starts) == len(ids) else starts
    counts = np.diff(starts)
    if len(starts) != len(ids) + 1 or (counts < 0).any():
        raise DataError(f"read_report: '{path}' has {len(starts)} index_pointers for {len(ids)} neurons. "
                        "One more, ascending, is needed.")
    if element is None:
        several = np.flatnonzero(counts != 1)
        if len(several):
            raise DataError(f"read_report: '{path}': neuron {ids[several[0]]} has {counts[several[0]]} elements. "
                            "Say which one to take: element=0.")
        return ids, starts[:-1]
    elements = checked.numbers(checked.dataset(group, "mapping/element_ids", kinds="i", length=width))
    owner = np.repeat(ids, counts)
    columns = np.concatenate([np.arange(a, b) for a, b in zip(starts[:-1], starts[1:], strict=True)] or [starts[:0]])
    chosen = elements[columns] == element
    if len(np.unique(owner[chosen])) != chosen.sum():
        raise DataError(f"read_report: '{path}': a neuron has several values of element {element}. "
                        "Choose an element with one.")
    return owner[chosen], columns[chosen]


def _check_ms(dataset):
    units = checked.text(dataset, "units", default="ms")
    if units != "ms":
        raise DataError(f"read: '{dataset.file.filename}' {dataset.name}: times in {units!r}. They must be in 'ms'.")


def _table(group, name, dtype, columns=None):
    """A new table without rows, of numbers or of ``columns`` numbers each."""
    shape = () if columns is None else (columns,)
    chunk = (1 << 14,) if columns is None else (CHUNK_ROWS, max(min(columns, CHUNK_COLUMNS), 1))
    return group.create_dataset(name, (0, *shape), dtype, maxshape=(None,) * (1 + len(shape)), chunks=chunk)


def _filled(group, name, values):
    table = _table(group, name, values.dtype)
    _append(table, values)
    return table


def _append(table, rows):
    if len(rows):
        table.resize(len(table) + len(rows), axis=0)
        table[-len(rows):] = rows


def _units(dataset, units):
    dataset.attrs["units"] = units


def stamp(file):
    """The two attributes that every SONATA file has at its root."""
    file.attrs["magic"] = np.uint32(MAGIC)
    file.attrs["version"] = np.array(VERSION, np.uint32)
