"""SONATA: spikes and reports in the layouts that libsonata, bluepysnap and the Allen tools open.

Spikes file
    root attributes ``magic`` 0x0A7A and ``version``; per population a group /spikes/<population> with ``timestamps``
    float64 [N] (units "ms"), ``node_ids`` uint64 [N] and the enum attribute ``sorting`` (by_time).
Report file (one per variable)
    /report/<population>/data float32 [T, k] (units), mapping/node_ids, index_pointers [k + 1], element_ids, and
    mapping/time = start, stop, step (units "ms", stop exclusive).

Files are uncompressed, because the official reader is built without filters. The format admits only float32 in
reports: float64 traces are rounded. The attributes ``n``, ``start`` and ``duration`` of a population, which SONATA does
not define, let :func:`read_spikes` give back exactly what was written.

Source: SONATA developer guide (Dai et al. 2020, "The SONATA data format for efficient description of large-scale
network models", PLoS Comput Biol 16:e1007696).
"""
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

from snn.errors import DataError, OutputError
from snn.export.storage import reading, writing
from snn.spikes import Spikes

MAGIC, VERSION = 0x0A7A, (0, 1)
SORTING = {"none": 0, "by_id": 1, "by_time": 2}
CHUNK_ROWS, CHUNK_COLUMNS = 1000, 64
_HEAD = 1 << 14


def write_spikes(spikes, path, *, overwrite=False):
    """Write the spikes of all populations as one SONATA file.

    ``spikes``: a Result or a dict of population -> Spikes. Returns the path. Errors: RunError when the file exists
    (unless ``overwrite``), OutputError when the disk is full.

    Example
        >>> write_spikes({"exc": Spikes([1.0], [0], 1, 5.0)}, "spikes.h5")   # doctest: +SKIP
    """
    spikes = dict(spikes if isinstance(spikes, Mapping) else spikes.spikes)
    with writing(path, sum(16 * len(s) + _HEAD for s in spikes.values()), overwrite=overwrite) as file:
        _stamp(file)
        root = file.create_group("spikes")
        for name, s in spikes.items():
            group = root.create_group(name)
            group.attrs.create("sorting", SORTING["by_time"], dtype=h5py.enum_dtype(SORTING, basetype=np.int8))
            group.attrs.update(n=s.n, start=s.start, duration=s.duration)
            _units(_table(group, "timestamps", s.times), "ms")
            _table(group, "node_ids", s.ids.astype(np.uint64))
    return Path(path)


def write_report(trace, path, *, overwrite=False):
    """Write a Trace as a SONATA report; neurons stand in ascending order. Returns the path.

    Errors: DataError when the samples are not evenly spaced or a value does not fit float32; RunError and OutputError
    as in :func:`write_spikes`.
    """
    start, step = _grid(trace)
    order = np.argsort(trace.ids, kind="stable")
    with np.errstate(over="ignore"):
        data = trace.data[:, order].astype(np.float32)
    if not np.array_equal(np.isfinite(data), np.isfinite(trace.data[:, order])):
        raise DataError(f"write_report: values of {trace.population}.{trace.variable} exceed float32, the only type "
                        "that SONATA reports have. Use the native archive.")
    with writing(path, data.nbytes + 32 * len(order) + _HEAD, overwrite=overwrite) as file:
        _stamp(file)
        group = file.create_group(f"report/{trace.population}")
        _units(_table(group, "data", data), trace.unit)
        mapping = group.create_group("mapping")
        _table(mapping, "node_ids", trace.ids[order].astype(np.uint64)).attrs["sorted"] = np.uint8(1)
        _table(mapping, "index_pointers", np.arange(len(order) + 1, dtype=np.uint64))
        _table(mapping, "element_ids", np.zeros(len(order), np.uint32))
        _units(_table(mapping, "time", np.array([start, start + len(data) * step, step])), "ms")
    return Path(path)


def export(result, folder, *, overwrite=False):
    """Write a Result into ``folder`` (made if missing): ``spikes.h5``, and ``<population>.<variable>.h5`` per trace.

    Returns the list of paths. Weights have no SONATA report; they are in the native archive. Errors as above.
    """
    folder = Path(folder)
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
    library wrote beside it, else the highest id + 1, 0 ms and the last spike. Errors: MissingFile; DataError for a
    damaged or foreign file, other units than ms, or spikes outside the window.
    """
    with reading(path) as file:
        if "spikes" not in file:
            raise DataError(f"read_spikes: '{path}' has no group /spikes. Give a SONATA spikes file.")
        groups = file["spikes"]
        # The first version of the format had one population, without a group of its own.
        groups = {"default": groups} if "timestamps" in groups else groups
        given = {"n": n, "start": start, "duration": duration}
        return {name: _read_population(path, name, group, given) for name, group in groups.items()}


def _read_population(path, name, group, given):
    units = group["timestamps"].attrs.get("units", "ms")
    if units not in ("ms", b"ms"):
        raise DataError(f"read_spikes: '{path}' /spikes/{name}: timestamps in {units!r}. They must be in 'ms'.")
    times, ids = group["timestamps"][:].astype(np.float64), group["node_ids"][:].astype(np.int64)
    known = {key: group.attrs[key].item() for key in given if key in group.attrs}
    known |= {key: value for key, value in given.items() if value is not None}
    begin = known.get("start", 0.0)
    last = max(times.max() - begin, 0.0) if len(times) else 0.0
    return Spikes(times, ids, known.get("n", int(ids.max()) + 1 if len(ids) else 0), known.get("duration", last), begin)


def _grid(trace):
    """Begin and spacing of evenly spaced samples [ms]."""
    if len(trace) < 2:
        # SONATA needs a spacing; the time since the start of the model is the only one that a single sample has.
        return (float(trace.times[0]), float(trace.times[0]) or 1.0) if len(trace) else (0.0, 1.0)
    step = (trace.times[-1] - trace.times[0]) / (len(trace) - 1)
    if not step > 0 or np.abs(trace.times - (trace.times[0] + np.arange(len(trace)) * step)).max() > 1e-6 * step:
        raise DataError(f"write_report: the samples of {trace.population}.{trace.variable} are not evenly spaced. "
                        "SONATA reports need one spacing; use the native archive.")
    return float(trace.times[0]), float(step)


def _table(group, name, values):
    chunk = (CHUNK_ROWS, max(min(values.shape[1], CHUNK_COLUMNS), 1)) if values.ndim == 2 else (1 << 14,)
    return group.create_dataset(name, data=values, maxshape=(None,) * values.ndim, chunks=chunk)


def _units(dataset, units):
    dataset.attrs["units"] = units


def _stamp(file):
    file.attrs["magic"] = np.uint32(MAGIC)
    file.attrs["version"] = np.array(VERSION, np.uint32)
