"""What a run gives back."""
from collections.abc import Mapping
from dataclasses import dataclass, field

from snn.spikes import Spikes
from snn.traces import Trace, Weights


class Lazy(Mapping):
    """A read-only mapping whose values are made when they are first asked for.

    ``makers`` maps each key to ``(function without arguments, number of entries of its value)``.
    """

    def __init__(self, makers):
        self._makers, self._made = dict(makers), {}

    def __getitem__(self, key):
        if key not in self._made:
            self._made[key] = self._makers[key][0]()
        return self._made[key]

    def __iter__(self):
        return iter(self._makers)

    def __len__(self):
        return len(self._makers)

    def __repr__(self):
        return f"<{', '.join(map(str, self))}>"

    def size(self, key):
        """Number of entries of a value (spikes, samples), without making it."""
        return self._makers[key][1]


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """What a run gives.

    Fields
        ``spikes`` maps population to :class:`~snn.spikes.Spikes`; ``traces`` maps (population, variable) to
        :class:`~snn.traces.Trace`; ``weights`` maps projection to :class:`~snn.traces.Weights`; ``plan`` says what was
        run and how, ``state`` is the checkpoint at the end (both None when read from a file); ``meta`` is a plain dict
        of dt, seed, engine, versions ... ; ``meta["complete"]`` is False when the run was cut off.

    Example
        >>> Result(spikes={"a": Spikes([1.0], [0], 2, 5.0)}, traces={}, weights={}, meta={"dt": 0.1})
        Result(5 ms, dt 0.1; spikes: a 1)
    """

    spikes: Mapping[str, Spikes]
    traces: Mapping[tuple[str, str], Trace]
    weights: Mapping[str, Weights]
    plan: object = None
    state: object = None
    meta: dict = field(default_factory=dict)

    def to_neo(self, **options):
        """A ``neo.Block`` for Elephant and everything that takes Neo objects; see :func:`snn.export.neo.to_neo`."""
        from snn.export.neo import to_neo
        return to_neo(self, **options)

    def to_pandas(self):
        """DataFrames of spikes, traces and weights; see :func:`snn.export.labelled.to_pandas`."""
        from snn.export.labelled import to_pandas
        return to_pandas(self)

    def to_xarray(self):
        """An ``xarray.Dataset`` of everything; see :func:`snn.export.labelled.to_xarray`."""
        from snn.export.labelled import to_xarray
        return to_xarray(self)

    def __repr__(self):
        parts = []
        if self.spikes:
            parts.append("spikes: " + ", ".join(f"{name} {_size(self.spikes, name)}" for name in self.spikes))
        if self.traces:
            parts.append("traces: " + ", ".join(f"{p}.{v} {_size(self.traces, (p, v))}" for p, v in self.traces))
        if self.weights:
            parts.append("weights: " + ", ".join(f"{name} {_size(self.weights, name)}" for name in self.weights))
        return f"Result({'; '.join(filter(None, [self._head(), *parts]))})"

    def _head(self):
        duration = self.meta.get("duration")
        if duration is None and self.spikes:
            duration = next(iter(self.spikes.values())).duration
        facts = [f"{duration:g} ms"] if duration is not None else []
        facts += [f"{key} {self.meta[key]}" for key in ("dt", "seed") if key in self.meta]
        whole = self.meta.get("complete", True) and not self.meta.get("interrupted", False)
        return ", ".join(facts) + ("" if whole else ", cut off")


def _size(mapping, key):
    return mapping.size(key) if isinstance(mapping, Lazy) else len(mapping[key])
