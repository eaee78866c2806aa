"""Recording: what to keep of a run. Where it goes is in :mod:`snn.sink`, what comes back in :mod:`snn.result`."""
import operator
from dataclasses import dataclass, field

import numpy as np

from snn.errors import RunError
from snn.result import Result
from snn.sink import MemorySink, Sink, SpikeChannel, TraceChannel, WeightChannel
from snn.traces import Trace, Weights

__all__ = ["MemorySink", "RecordMean", "RecordSpikes", "RecordState", "RecordWeights", "Result", "Sink", "SpikeChannel",
           "Trace", "TraceChannel", "WeightChannel", "Weights"]


@dataclass(frozen=True, eq=False)
class RecordSpikes:
    """Keep the spikes of a population.

    Fields: ``population`` name; ``ids`` neuron numbers to keep (distinct; default all). RunError for anything else.

    Example
        >>> RecordSpikes("exc", ids=range(100))  # doctest: +SKIP
    """

    population: str
    ids: np.ndarray | None = None

    def __post_init__(self):
        _check_name("RecordSpikes.population", self.population)
        object.__setattr__(self, "ids", _ids("RecordSpikes.ids", self.ids))


@dataclass(frozen=True, eq=False)
class RecordState:
    """Keep a state variable or an input port of some neurons over time.

    Fields
        ``population`` name; ``variable`` name of a state (``"v"``) or of a port (``"x.exc"``: what arrives there);
        ``ids`` neuron numbers (distinct; default all); ``every`` steps between two samples.

    Formula
        Samples stand at the whole multiples of ``every * dt`` counted from time 0 (also in a continued run, so that two
        pieces of a run give together what one run gives); a sample is the state at the END of its step.

    Errors
        RunError for an empty name, ids that are no distinct numbers >= 0, ``every`` below 1.
    """

    population: str
    variable: str
    ids: np.ndarray | None = None
    every: int = field(default=1, kw_only=True)

    def __post_init__(self):
        _check_name("RecordState.population", self.population)
        _check_name("RecordState.variable", self.variable)
        object.__setattr__(self, "ids", _ids("RecordState.ids", self.ids))
        object.__setattr__(self, "every", _steps("RecordState.every", self.every))


@dataclass(frozen=True, eq=False)
class RecordMean:
    """Keep the mean over a population of a state or a graded output: order parameters, field potentials.

    Fields: ``population`` name; ``value`` name of an output or state; ``every`` steps between two samples. The trace is
    ``result.traces[population, "mean." + value]``, of one column. RunError for anything else.

    Example: with ``RecordMean("a", "cos")`` and ``RecordMean("a", "sin")`` the order parameter of phases is
    ``np.hypot(result.traces["a", "mean.cos"].data, result.traces["a", "mean.sin"].data)``.
    """

    population: str
    value: str
    every: int = field(default=1, kw_only=True)

    def __post_init__(self):
        _check_name("RecordMean.population", self.population)
        _check_name("RecordMean.value", self.value)
        object.__setattr__(self, "every", _steps("RecordMean.every", self.every))

    @property
    def variable(self):
        return f"mean.{self.value}"


@dataclass(frozen=True, eq=False)
class RecordWeights:
    """Keep the weights of a projection.

    Fields: ``projection`` name; ``synapses`` numbers of the synapses in the order of the projection's arrays (distinct;
    default all); ``every`` ms between two samples (default: once, at the end of the run). RunError for anything else.
    """

    projection: str
    synapses: np.ndarray | None = None
    every: float | None = field(default=None, kw_only=True)

    def __post_init__(self):
        _check_name("RecordWeights.projection", self.projection)
        object.__setattr__(self, "synapses", _ids("RecordWeights.synapses", self.synapses))
        if self.every is not None and not (np.ndim(self.every) == 0 and np.isfinite(self.every) and self.every > 0):
            raise RunError(f"RecordWeights.every: is {self.every!r}. It must be above 0 ms, or None for the end only.")


def _check_name(where, name):
    if not isinstance(name, str) or not name or "/" in name or name in (".", ".."):
        raise RunError(f"{where}: is {name!r}. It must be a name without '/'.")


def _steps(where, every):
    try:
        steps = operator.index(every)
    except TypeError:
        steps = 0
    if steps < 1:
        raise RunError(f"{where}: is {every!r}. It must be a whole number of steps, 1 or more.")
    return steps


def _ids(where, ids):
    if ids is None:
        return None
    if isinstance(ids, slice):
        raise RunError(f"{where}: is {ids}. Give the numbers themselves, for instance range(0, 100).")
    array = np.atleast_1d(np.asarray(list(ids) if isinstance(ids, range) else ids))
    if array.ndim != 1 or (array.size and array.dtype.kind not in "ui"):
        raise RunError(f"{where}: {array.dtype} of shape {array.shape}. It must be one row of whole numbers.")
    array = array.astype(np.int64)
    if array.size and (array.min() < 0 or len(np.unique(array)) != len(array)):
        raise RunError(f"{where}: {len(array)} numbers, the lowest {array.min()}. They must be distinct and 0 or more.")
    array.flags.writeable = False
    return array
