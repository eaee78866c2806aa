"""How rules are attached to a projection, and who modulates them. Description only; nothing here runs."""
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np

from snn.errors import NetworkError
from snn.rule import rules_of


@dataclass(frozen=True, eq=False)
class Modulator:
    """The third factor of learning: a value that is changed from Python (``run.modulate(modulator, value)``).

    ``value``: at the beginning, one number, or one per neuron of the postsynaptic side. No unit. It is constant between
    changes. One object may modulate several projections. Example: ``reward = snn.Modulator()``
    """

    value: Any = 0.0

    def __post_init__(self):
        check_modulation(self.value, "Modulator.value")


@dataclass(frozen=True, eq=False)
class PopulationModulator:
    """The third factor as the activity of a population: its low-pass filtered spikes per neuron.

    Formula: every ``every`` ms  m <- m exp(-every / tau) + gain n_spikes / n,  and the modulator is m - baseline from
    then on; n_spikes counts the spikes of the ``n`` neurons in these ``every`` ms.
    Fields: ``population`` of the same network; ``tau``, ``every`` ms; ``gain``, ``baseline`` without unit.
    Errors: NetworkError for times that are not positive. Example: ``PopulationModulator(dopamine, tau=200.0)``
    """

    population: Any
    tau: float = field(default=200.0, kw_only=True)
    gain: float = field(default=1.0, kw_only=True)
    baseline: float = field(default=0.0, kw_only=True)
    every: float = field(default=1.0, kw_only=True)

    def __post_init__(self):
        if not hasattr(self.population, "whole"):
            raise NetworkError(f"PopulationModulator.population: is {self.population!r}. Give a population.")
        for name in ("tau", "every"):
            x = getattr(self, name)
            if not isinstance(x, Real) or not np.isfinite(x) or x <= 0:
                raise NetworkError(f"PopulationModulator.{name}: is {x!r} ms. It must be above 0.")
        for name in ("gain", "baseline"):
            check_modulation(getattr(self, name), f"PopulationModulator.{name}")


@dataclass(frozen=True, eq=False)
class Plastic:
    """Rules on a projection, where its delay lies, and who modulates.

    Fields
        ``rules``      one rule or several, which act in this order on the same weight
        ``dendritic``  ms of the delay that lie behind the synapse, on the way to the soma and back from it; None: all
        ``modulator``  a :class:`Modulator` or :class:`PopulationModulator`; needed by rules that use ``mod``
    Errors: ModelError for something that is no rule, NetworkError for the other fields.

    Example: ``Plastic([TsodyksMarkram(), PairSTDP()], dendritic=0.5)``
    """

    rules: Any
    dendritic: Any = field(default=None, kw_only=True)
    modulator: Any = field(default=None, kw_only=True)

    def __post_init__(self):
        object.__setattr__(self, "rules", rules_of(self.rules, "Plastic.rules"))
        d, m = self.dendritic, self.modulator
        if d is not None and (isinstance(d, bool) or not isinstance(d, Real) or not np.isfinite(d) or d < 0):
            raise NetworkError(f"Plastic.dendritic: is {d!r} ms. A number of at least 0, or None for the whole delay.")
        if m is not None and not isinstance(m, Modulator | PopulationModulator):
            raise NetworkError(f"Plastic.modulator: is {m!r}. Give a snn.Modulator or a snn.PopulationModulator.")


def plastic_of(given):
    """What was given for ``plasticity`` as a :class:`Plastic`, or None."""
    return given if given is None or isinstance(given, Plastic) else Plastic(given)


def check_modulation(value, where, n=None):
    """``value`` as a float64 array: a number, or one per neuron of ``n`` (None: not known yet); else NetworkError."""
    right = "Give one finite number, or one per postsynaptic neuron"
    try:
        x = np.array(value, np.float64, order="C")
    except (TypeError, ValueError):
        raise NetworkError(f"{where}: is not a number ({value!r}). {right}.") from None
    if x.ndim > 1 or not np.isfinite(x).all() or (x.ndim and n is not None and len(x) != n):
        of_them = "" if n is None else f" ({n})"
        raise NetworkError(f"{where}: has shape {x.shape} or values that are not finite. {right}{of_them}.")
    return x
