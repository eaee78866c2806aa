"""Results as pandas and xarray objects: the same numbers, with labels. Both packages are optional.

Nothing is copied where it can be avoided: tables of pandas and variables of xarray are views of the arrays of the
result (spikes of several populations in one table are a copy). A result from ``snn.open`` is read whole, so take a part
of a large one first (``trace.of``, ``between``).
"""
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from snn.errors import RunError
from snn.export.notes import json_text


@dataclass(frozen=True, eq=False, repr=False)
class Frames:
    """What :func:`to_pandas` gives.

    Fields
        ``spikes``   one DataFrame, columns ``population`` (categorical), ``neuron``, ``time`` [ms], a row per spike, by
                     population, time and neuron
        ``traces``   maps (population, variable) to a DataFrame: index ``time`` [ms], columns a MultiIndex (population,
                     variable, neuron), so that ``pandas.concat(frames.traces.values(), axis=1)`` is one table
        ``weights``  maps the name to a DataFrame: index ``time`` [ms], columns a MultiIndex (pre, post)
        ``meta``     ``result.meta``; ``units`` maps the keys of traces and weights to units. The unit is also in
                     ``frame.attrs["unit"]``
    """

    spikes: Any
    traces: dict
    weights: dict
    meta: dict
    units: dict

    def __repr__(self):
        return f"Frames({len(self.spikes)} spikes, {len(self.traces)} traces, {len(self.weights)} weights)"


def to_pandas(result):
    """The :class:`Frames` of a :class:`~snn.result.Result`. RunError when pandas is not installed.

    Example
        >>> frames = to_pandas(result)                                                  # doctest: +SKIP
        >>> frames.spikes.groupby("population", observed=True)["neuron"].value_counts()     # doctest: +SKIP
        >>> frames.traces["exc", "v"].loc[100.0:200.0].plot()                           # doctest: +SKIP
    """
    pandas = _package("to_pandas", "pandas")
    traces = {key: _frame(pandas, trace, ("population", "variable", "neuron"), ([key[0]], [key[1]], trace.ids))
              for key, trace in result.traces.items()}
    weights = {key: _frame(pandas, w, ("pre", "post"), (w.pre, w.post)) for key, w in result.weights.items()}
    units = {key: table.unit for part in (result.traces, result.weights) for key, table in part.items()}
    return Frames(_spike_frame(pandas, result.spikes), traces, weights, dict(result.meta), units)


def to_xarray(result):
    """An ``xarray.Dataset`` of everything in a :class:`~snn.result.Result`. RunError when xarray is not installed.

    Variables
        ``<population>.<variable>``        dims (``time_...``, ``neuron_...``), with coordinates of these names
        ``weights.<name>``                 dims (``time_...``, ``synapse_...``), coordinates time, ``pre_...`` and
                                           ``post_...``
        ``spikes.<population>``            numbers of the neurons that fired, dim ``spike_<population>``, coordinate
                                           ``spike_time_<population>``

    ``...`` is the name of the variable: each has its own times and neurons. Attributes: ``units`` of every variable and
    coordinate; ``n``, ``start`` and ``duration`` of spikes; ``meta`` of the dataset is ``result.meta`` as JSON.

    Example
        >>> data = to_xarray(result)                                                    # doctest: +SKIP
        >>> data["exc.v"].sel({"neuron_exc.v": 7, "time_exc.v": slice(100.0, 200.0)})   # doctest: +SKIP
    """
    xarray = _package("to_xarray", "xarray")
    variables, coordinates = {}, {}
    for name, s in result.spikes.items():
        dim, times, ids = f"spike_{name}", *s.raster()
        variables[f"spikes.{name}"] = dim, ids, {"n": s.n, "start": s.start, "duration": s.duration}
        coordinates[f"spike_time_{name}"] = dim, times, {"units": "ms"}
    for (population, variable), trace in result.traces.items():
        name = f"{population}.{variable}"
        _add(variables, coordinates, name, trace, "neuron", {f"neuron_{name}": trace.ids})
    for key, w in result.weights.items():
        name = f"weights.{key}"
        _add(variables, coordinates, name, w, "synapse", {f"pre_{name}": w.pre, f"post_{name}": w.post})
    return xarray.Dataset(variables, coordinates, {"meta": json_text(result.meta, where="to_xarray")})


def _package(where, name):
    try:
        return import_module(name)
    except ImportError as err:
        raise RunError(f"{where}: needs the package {name}. Install it: pip install snn-sim[frames]") from err


def _spike_frame(pandas, spikes):
    counts = [len(s) for s in spikes.values()]
    population = pandas.Categorical.from_codes(np.repeat(np.arange(len(counts)), counts), list(spikes))
    columns = {"population": population, "neuron": _joined([s.ids for s in spikes.values()], np.int64),
               "time": _joined([s.times for s in spikes.values()], np.float64)}
    return pandas.DataFrame(columns, copy=False)


def _joined(parts, dtype):
    return parts[0] if len(parts) == 1 else np.concatenate([*parts, np.empty(0, dtype)])


def _frame(pandas, table, names, labels):
    rows = pandas.Index(table.times, name="time", copy=False)
    width = table.data.shape[1]
    columns = pandas.MultiIndex.from_arrays([np.resize(label, width) for label in labels], names=names)
    frame = pandas.DataFrame(table.data, rows, columns, copy=False)
    frame.attrs["unit"] = table.unit
    return frame


def _add(variables, coordinates, name, table, owner, labels):
    variables[name] = (f"time_{name}", f"{owner}_{name}"), table.data, {"units": table.unit}
    coordinates[f"time_{name}"] = f"time_{name}", table.times, {"units": "ms"}
    coordinates |= {label: (f"{owner}_{name}", values) for label, values in labels.items()}
