"""Recording: what to keep of a run. Where it goes is in :mod:`snn.sink`, what comes back in :mod:`snn.result`."""
import operator
from dataclasses import dataclass, field
from numbers import Real

import numpy as np

from snn.errors import RunError
from snn.result import Result
from snn.sink import MemorySink, Sink, SpikeChannel, TraceChannel, WeightChannel
from snn.traces import Trace, Weights

__all__ = ["Around", "MemorySink", "RecordMean", "RecordPlasticity", "RecordSpikes", "RecordState", "RecordWeights",
           "Result", "Sink", "SpikeChannel", "Trace", "TraceChannel", "WeightChannel", "Weights", "Windows"]

LONGEST = 1 << 50
"""Steps or ms between two samples, at most: what is longer than any run is a mistake."""


@dataclass(frozen=True, eq=False)
class Windows:
    """Keep samples in given windows of time only: those with start < t <= stop.

    ``windows``: pairs (start, stop) in ms of model time, in any order; they may overlap. RunError for anything else.

    Example: ``RecordState("exc", "v", when=Windows([(100.0, 150.0), (500.0, 550.0)]))``
    """

    windows: np.ndarray

    def __post_init__(self):
        try:
            table = np.array(self.windows, np.float64)
        except (TypeError, ValueError):
            table = np.empty(0)
        if table.ndim != 2 or table.shape[1] != 2 or not np.isfinite(table).all() or (table[:, 0] >= table[:, 1]).any():
            raise RunError(f"Windows.windows: is {self.windows!r}. Give pairs (start, stop) in ms, start below stop.")
        object.__setattr__(self, "windows", table)


@dataclass(frozen=True, eq=False)
class Around:
    """Keep samples around the spikes of a population only: those with t_spike - before < t <= t_spike + after.

    Fields: ``population`` name; ``ids`` of the neurons whose spikes count (default: all); ``before`` and ``after`` ms,
    0 or more. Windows that overlap are one window. Samples before a spike are held in memory for ``before`` ms, so that
    a run that is killed loses so much more of them; windows do not reach over the ends of a piece of a run. RunError
    for anything else.

    Example: ``RecordState("exc", "v", when=Around("exc", ids=[7], before=20.0, after=5.0))``, and then
    ``result.traces["exc", "v"].around(result.spikes["exc"].train(7), 20.0, 5.0).mean(axis=0)`` is the mean course of
    all potentials around the spikes of neuron 7.
    """

    population: str
    ids: np.ndarray | None = field(default=None, kw_only=True)
    before: float = field(default=0.0, kw_only=True)
    after: float = field(default=0.0, kw_only=True)

    def __post_init__(self):
        _check_name("Around.population", self.population)
        object.__setattr__(self, "ids", _ids("Around.ids", self.ids))
        spans = (self.before, self.after)
        if not all(_is_number(x) and 0 <= x <= LONGEST for x in spans) or not sum(spans) > 0:
            raise RunError(f"Around: before is {self.before!r}, after {self.after!r} ms. "
                           "They must be 0 or more, one of them above 0.")


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
        ``ids`` neuron numbers (distinct; default all); ``every`` steps between two samples; ``when`` a
        :class:`Windows` or :class:`Around` outside of which samples are not kept (default: all are).

    Formula
        Samples stand at the whole multiples of ``every * dt`` counted from time 0 (also in a continued run, so that two
        pieces of a run give together what one run gives); a sample is the state at the END of its step.

    Errors
        RunError for an empty name, ids that are no distinct numbers >= 0, ``every`` below 1, another ``when``.
    """

    population: str
    variable: str
    ids: np.ndarray | None = None
    every: int = field(default=1, kw_only=True)
    when: Windows | Around | None = field(default=None, kw_only=True)

    def __post_init__(self):
        _check_name("RecordState.population", self.population)
        _check_name("RecordState.variable", self.variable)
        object.__setattr__(self, "ids", _ids("RecordState.ids", self.ids))
        object.__setattr__(self, "every", _steps("RecordState.every", self.every))
        _check_when("RecordState.when", self.when)


@dataclass(frozen=True, eq=False)
class RecordMean:
    """Keep the mean over a population of a state or a graded output: order parameters, field potentials.

    Fields: ``population`` name; ``value`` name of an output or state; ``every`` and ``when`` as of
    :class:`RecordState`. The trace is ``result.traces[population, "mean." + value]``, of one column. RunError for
    anything else.

    Example: with ``RecordMean("a", "cos")`` and ``RecordMean("a", "sin")`` the order parameter of phases is
    ``np.hypot(result.traces["a", "mean.cos"].data, result.traces["a", "mean.sin"].data)``.
    """

    population: str
    value: str
    every: int = field(default=1, kw_only=True)
    when: Windows | Around | None = field(default=None, kw_only=True)

    def __post_init__(self):
        _check_name("RecordMean.population", self.population)
        _check_name("RecordMean.value", self.value)
        object.__setattr__(self, "every", _steps("RecordMean.every", self.every))
        _check_when("RecordMean.when", self.when)

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
        _check_span("RecordWeights.every", self.every)


@dataclass(frozen=True, eq=False)
class RecordPlasticity:
    """Keep what a plastic projection holds beside its weights: eligibility, traces of the two sides, the modulator.

    Fields
        ``projection`` name; ``every`` ms between two samples (default: once, at the end of the run)
        ``variable``   a field of the synapse (``"e"`` of RewardSTDP), or ``"pre.x"``, ``"post.y"`` (traces of the pre-
                       and postsynaptic side by their names in the rule), or ``"mod"`` (the modulator per postsynaptic
                       neuron). With several rules that have one of that name: ``"RewardSTDP.e"``
        ``ids``        numbers of the synapses or neurons to keep (distinct; default all)

    A field of the synapse is found in ``result.weights["projection.variable"]``, everything else in
    ``result.traces["projection", variable]``. RunError for anything else.
    """

    projection: str
    variable: str
    ids: np.ndarray | None = None
    every: float | None = field(default=None, kw_only=True)

    def __post_init__(self):
        _check_name("RecordPlasticity.projection", self.projection)
        _check_name("RecordPlasticity.variable", self.variable)
        object.__setattr__(self, "ids", _ids("RecordPlasticity.ids", self.ids))
        _check_span("RecordPlasticity.every", self.every)


def _check_when(where, when):
    if when is not None and not isinstance(when, Windows | Around):
        raise RunError(f"{where}: is {when!r}. Give Windows([(start, stop)]) or Around(population, before=, after=).")


def _check_span(where, ms):
    if ms is not None and not (_is_number(ms) and 0 < ms <= LONGEST):
        raise RunError(f"{where}: is {ms!r}. It must be above 0 ms, or None for the end only.")


def _is_number(x):
    return isinstance(x, Real) and not isinstance(x, bool) and np.isfinite(x)


def _check_name(where, name):
    if not isinstance(name, str) or not name or "/" in name or name in (".", ".."):
        raise RunError(f"{where}: is {name!r}. It must be a name without '/'.")


def _steps(where, every):
    try:
        steps = 0 if isinstance(every, bool) else operator.index(every)
    except TypeError:
        steps = 0
    if not 1 <= steps <= LONGEST:
        raise RunError(f"{where}: is {every!r}. It must be a whole number of steps, 1 or more.")
    return steps


def _ids(where, ids):
    if ids is None:
        return None
    if isinstance(ids, slice):
        raise RunError(f"{where}: is {ids}. Give the numbers themselves, for instance range(0, 100).")
    try:
        array = np.atleast_1d(np.asarray(list(ids) if isinstance(ids, range) else ids))
    except ValueError:
        raise RunError(f"{where}: is {ids!r}. It must be one row of whole numbers.") from None
    if array.ndim != 1 or (array.size and array.dtype.kind not in "ui"):
        raise RunError(f"{where}: {array.dtype} of shape {array.shape}. It must be one row of whole numbers.")
    array = array.astype(np.int64)
    if array.size and (array.min() < 0 or len(np.unique(array)) != len(array)):
        raise RunError(f"{where}: {len(array)} numbers, the lowest {array.min()}. They must be distinct and 0 or more.")
    array.flags.writeable = False
    return array
