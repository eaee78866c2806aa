"""Tables over time: traces of neurons and weights of synapses."""
from dataclasses import dataclass

import numpy as np

from snn.errors import DataError


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """A variable of some neurons over time.

    Fields: ``times`` float64 [T], ms, ascending; ``ids`` int64 [k], neuron numbers; ``data`` float32 or float64 [T, k];
    ``unit`` of the data (``"mV"``); ``population`` and ``variable`` names. Raises DataError when the shapes do not fit.

    Example
        >>> Trace([0.1, 0.2], [7], [[-60.0], [-59.5]], "mV", "exc", "v")
        Trace(exc.v, 2 samples of 1 neurons, 0.1..0.2 ms, mV)
    """

    times: np.ndarray
    ids: np.ndarray
    data: np.ndarray
    unit: str
    population: str
    variable: str

    def __post_init__(self):
        _set_table(self, "Trace", np.asarray(self.ids, np.int64), "ids")

    def __len__(self):
        return len(self.times)

    def __repr__(self):
        span = f", {self.times[0]:g}..{self.times[-1]:g} ms" if len(self) else ""
        return (f"Trace({self.population}.{self.variable}, {len(self)} samples of {len(self.ids)} neurons{span}, "
                f"{self.unit or 'no unit'})")


@dataclass(frozen=True, eq=False, repr=False)
class Weights:
    """Weights of some synapses of a projection over time.

    Fields: ``projection`` name; ``pre`` and ``post`` int64 [k], neuron numbers of each synapse; ``times`` float64 [T],
    ms; ``data`` float32 or float64 [T, k]; ``unit`` of the weights. Raises DataError when the shapes do not fit.
    """

    projection: str
    pre: np.ndarray
    post: np.ndarray
    times: np.ndarray
    data: np.ndarray
    unit: str = ""

    def __post_init__(self):
        object.__setattr__(self, "post", np.asarray(self.post, np.int64))
        _set_table(self, "Weights", np.asarray(self.pre, np.int64), "pre")
        if self.pre.shape != self.post.shape:
            raise DataError(f"Weights.post: shape {self.post.shape}, pre {self.pre.shape}. They must be equal.")

    def __len__(self):
        return len(self.times)

    def __repr__(self):
        return f"Weights({self.projection}, {len(self)} samples of {len(self.pre)} synapses)"


def _set_table(self, where, columns, name):
    """Check and set times [T], the column numbers [k] and data [T, k] of a recorded table."""
    times, data = np.asarray(self.times, np.float64), np.asarray(self.data)
    if data.dtype not in (np.float32, np.float64):
        data = data.astype(np.float64)
    if times.ndim != 1 or columns.ndim != 1 or data.shape != (len(times), len(columns)):
        raise DataError(f"{where}.data: shape {data.shape} with {times.shape} times and {columns.shape} {name}. "
                        f"It must be [len(times), len({name})].")
    object.__setattr__(self, "times", times)
    object.__setattr__(self, "data", data)
    object.__setattr__(self, name, columns)
