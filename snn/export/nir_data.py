"""NIR data: what the nodes of a NIR graph showed in a run, as the ``nir`` package reads it with ``nir.read_data``.

Layout
    /                                    @__type__ "NIRGraphData"
    /nodes/<population>                  @__type__ "NIRNodeData"
    /nodes/<population>/observables/spikes      @__type__ "EventData", @n_neurons, @t_max [s]
        idx int64 [1, events], time float64 [1, events] s
    /nodes/<population>/observables/<variable>  @__type__ "TimeGriddedData", @dt [s]
        data float32 or float64 [1, T, neurons]; ours: ids int64 [neurons], which neurons these are, times float64 [T]

Time
    NIR counts from the begin of the recording, and an event lies within its step. A spike of our step k, at
    (k + 1) dt, is therefore written in the middle of that step, at (k + 1/2) dt: ``EventData.to_time_gridded`` then
    finds it in row k whatever the rounding. :func:`read` undoes this where ``dt`` is known: it stands beside the
    events, as do ``start`` and the duration, in attributes of ours.

Source: NIR (Pedersen et al. 2024, Nat. Commun. 15:8122); layout of nir 1.0.8. Errors: DataError for what the format has
no place for (samples that are not evenly spaced), RunError and OutputError as every writer.

Example
    >>> write(result, "run.nirdata.h5")                     # doctest: +SKIP
    >>> nir.read_data("run.nirdata.h5").nodes["exc"]        # doctest: +SKIP
"""
from pathlib import Path

import numpy as np

from snn.export import checked
from snn.export.checked_attributes import number, refused, text
from snn.export.grids import even_grid
from snn.export.progress import shown
from snn.export.storage import reading, writing
from snn.result import Result
from snn.spikes import Spikes
from snn.traces import Trace

CHUNK = 1 << 14
PACKED = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
MS = 1000.0


def write(result, path, *, overwrite=False):
    """Write the spikes and traces of a :class:`~snn.result.Result`; returns the path. Weights have no place in NIR."""
    dt = result.meta.get("dt")
    grids = {key: even_grid(trace, "nir_data.write") for key, trace in result.traces.items()}
    room = sum(16 * len(s) for s in result.spikes.values()) + sum(
        8 * len(t) * len(t.ids) for t in result.traces.values()) + (1 << 14) * (1 + len(result.spikes) + len(grids))
    with writing(path, room, overwrite=overwrite) as file:
        file.attrs["__type__"] = "NIRGraphData"
        nodes = file.create_group("nodes")
        for name, spikes in result.spikes.items():
            _events(_observable(nodes, name, "spikes", "EventData"), spikes, dt)
        for (name, variable), (_, step) in grids.items():
            _gridded(_observable(nodes, name, variable, "TimeGriddedData"), result.traces[name, variable], step)
    return Path(path)


def _observable(nodes, name, variable, kind):
    node = nodes.require_group(name)
    node.attrs["__type__"] = "NIRNodeData"
    group = node.require_group("observables").create_group(variable)
    group.attrs["__type__"] = kind
    return group


def _events(group, spikes, dt):
    group.attrs.update(n_neurons=spikes.n, t_max=spikes.duration / MS, start=spikes.start, duration=spikes.duration)
    if dt is not None:
        group.attrs["dt"] = float(dt)
    packed = {"chunks": (1, min(CHUNK, len(spikes))), **PACKED} if len(spikes) else {}
    tables = [group.create_dataset(name, (1, len(spikes)), dtype, **packed)
              for name, dtype in (("idx", np.int64), ("time", np.float64))]
    done = 0
    for times, ids in shown(spikes.blocks(), len(spikes), "NIR data"):
        tables[0][0, done:done + len(ids)] = ids
        tables[1][0, done:done + len(ids)] = (times - spikes.start - (dt or 0.0) / 2) / MS
        done += len(ids)


def _gridded(group, trace, step):
    group.attrs.update(dt=step / MS, unit=trace.unit)
    group.create_dataset("ids", data=np.asarray(trace.ids, np.int64))
    group.create_dataset("times", data=trace.times)
    shape = (1, len(trace), len(trace.ids))
    rows = max(min(len(trace), CHUNK // max(len(trace.ids), 1)), 1)
    packed = {"chunks": (1, rows, len(trace.ids)), **PACKED} if all(shape) else {}
    table, done = None, 0
    for _, data in shown(trace.blocks(), len(trace), "NIR data"):
        table = group.create_dataset("data", shape, data.dtype, **packed) if table is None else table
        table[0, done:done + len(data)] = data
        done += len(data)
    if table is None:
        group.create_dataset("data", shape, np.float64)


def read(path):
    """The spikes and traces in a NIR data file of anybody, as a :class:`~snn.result.Result`.

    Times become ms. Files of others have one sample and flat nodes to be read here; what they call a value of an event
    is left out. Errors: MissingFile; DataError for other files, damaged ones, several samples.
    """
    spikes, traces, meta = {}, {}, {"format": "NIR data"}
    with reading(path) as file:
        if text(file, "__type__", default="") != "NIRGraphData":
            raise refused(file, "", "is no NIR data", "Give what nir.write_data or snn.export.nir_data.write has made.")
        nodes = checked.group(file, "nodes")
        for name in checked.names(nodes):
            found = checked.group(nodes, f"{name}/observables")
            for variable in checked.names(found):
                group = checked.group(found, variable)
                kind = text(group, "__type__")
                if kind in ("EventData", "ValuedEventData"):
                    spikes[name if variable == "spikes" else f"{name}.{variable}"] = _read_events(group)
                    dt = number(group, "dt", low=0.0, default=None)
                    meta |= {"dt": dt} if dt else {}
                elif kind == "TimeGriddedData":
                    traces[name, variable] = _read_gridded(group, name, variable)
                else:
                    raise refused(group, "", f"is a {kind!r}", "It must be EventData or TimeGriddedData.")
    return Result(spikes=spikes, traces=traces, weights={}, meta=meta)


def _read_events(group):
    ids, times = (checked.dataset(group, name, kinds=kinds, ndim=2) for name, kinds in (("idx", "i"), ("time", "f")))
    if ids.shape != times.shape or len(ids) != 1:
        raise refused(group, "", f"has idx of shape {ids.shape} and time of shape {times.shape}",
                      "One sample is read, (1, events) both.")
    n, dt = number(group, "n_neurons", whole=True, low=0), number(group, "dt", low=0.0, default=None)
    ids, times = checked.whole(ids)[0].astype(np.int64), checked.whole(times)[0] * MS
    ids, times = ids[ids != -1], times[ids != -1]
    start = number(group, "start", default=0.0)
    duration = number(group, "duration", low=0.0, default=number(group, "t_max", low=0.0) * MS)
    if dt:
        times = (np.rint((times + start) / dt + 0.5)) * dt
    return Spikes(times if dt else times + start, ids, n, duration, start)


def _read_gridded(group, name, variable):
    table = checked.dataset(group, "data", kinds="fib", ndim=3)
    if len(table) != 1:
        raise refused(group, "data", f"holds {len(table)} samples", "One sample is read, (1, T, neurons).")
    data = checked.whole(table)[0]
    ids = checked.numbers(checked.dataset(group, "ids", kinds="i", length=data.shape[1])) \
        if checked.has(group, "ids") else np.arange(data.shape[1])
    times = (1 + np.arange(len(data))) * number(group, "dt", low=0.0) * MS
    if checked.has(group, "times"):
        times = checked.whole(checked.dataset(group, "times", length=len(data)))
    return Trace(times, ids, data, text(group, "unit", default=""), name, variable)
