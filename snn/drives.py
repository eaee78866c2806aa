"""Inputs of a population that are not spikes of another one: Poisson events, currents and noise."""
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from snn.errors import NetworkError


@dataclass(frozen=True)
class PoissonInput:
    """Independent Poisson input to every neuron: a number of events per step, each of size ``weight``.

    Formula: x.port += weight * k, k ~ Poisson(rate dt), drawn from (seed, population, neuron, step).
    Units: ``rate`` Hz (one number; the sum over all external sources of a neuron), ``weight`` in the port's unit (a
    number, or one per neuron). Example: ``net.drive(exc, PoissonInput(rate=20000.0, weight=0.1), port="delta")``.
    """

    rate: float
    weight: Any = 1.0

    def __post_init__(self):
        if not isinstance(self.rate, Real) or not np.isfinite(self.rate) or self.rate < 0:
            raise NetworkError(
                f"PoissonInput.rate: is {self.rate!r}. One finite rate >= 0 Hz for all neurons is allowed; "
                "for different rates use a PoissonSource population."
            )
        _finite(self.weight, "PoissonInput.weight", 1)


@dataclass(frozen=True)
class CurrentInput:
    """The current source: an input of given size in every step.

    Parameters
        value     a number, one per neuron (n,), or with ``interval`` a time course (T,) or (T, n)
        interval  ms that each row of a time course lasts; the last row stays on
    Formula: x.port += value (row ``floor(t / interval)`` of a time course, t the time at which the step begins).
    Units: the port's (pA for ``current``). Example: ``net.drive(exc, CurrentInput(250.0), port="current")``.
    """

    value: Any
    interval: Any = None

    def __post_init__(self):
        _finite(self.value, "CurrentInput.value", 1 if self.interval is None else 2)
        if self.interval is not None and not (
            isinstance(self.interval, Real) and np.isfinite(self.interval) and self.interval > 0
        ):
            raise NetworkError(f"CurrentInput.interval: is {self.interval!r} ms. It must be above 0.")
        if self.interval is not None and np.ndim(self.value) == 0:
            raise NetworkError(
                "CurrentInput.interval: given for a single number. A time course has shape (T,) or (T, n)."
            )


@dataclass(frozen=True)
class GaussianInput:
    """White noise: an independent normal number for every neuron in every step.

    Formula: x.port += mean + sd * xi, xi ~ N(0, 1), drawn from (seed, population, neuron, step). A white noise of
    spectral density sigma^2 (unit^2 ms), whose effect does not depend on dt, has sd = sigma / sqrt(dt).
    Units: ``mean`` and ``sd`` (>= 0) in the port's unit, a number or one per neuron each.
    Example: ``net.drive(exc, GaussianInput(200.0, 50.0), port="current")``.
    """

    mean: Any = 0.0
    sd: Any = 1.0

    def __post_init__(self):
        _finite(self.mean, "GaussianInput.mean", 1)
        _finite(self.sd, "GaussianInput.sd", 1)
        if np.min(self.sd) < 0:
            raise NetworkError(f"GaussianInput.sd: is negative ({np.min(self.sd):g}). It must be 0 or more.")
        if np.ndim(self.mean) and np.ndim(self.sd) and len(self.mean) != len(self.sd):
            raise NetworkError(
                f"GaussianInput: {len(self.mean)} means and {len(self.sd)} standard deviations. Give one of each per "
                "neuron, or one number."
            )

    @property
    def value(self):
        """What has the number of values per neuron."""
        return self.mean if np.ndim(self.mean) else self.sd


@dataclass(frozen=True, eq=False)
class ControlledInput:
    """An input of a size that is set between the pieces of a run: ``run.set_input(input, value)`` (:func:`snn.start`).

    ``value``: at the beginning, a number or one per neuron, in the unit of the port. Formula: x.port += value.
    Example: ``rates = ControlledInput(); net.drive(cells, rates, port="rate")``
    """

    value: Any = 0.0

    def __post_init__(self):
        _finite(self.value, "ControlledInput.value", 1)


def _finite(value, where, most_dims):
    try:
        x = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise NetworkError(f"{where}: not a number ({value!r}).") from None
    if x.ndim > most_dims or x.size == 0 or not np.isfinite(x).all():
        raise NetworkError(
            f"{where}: has shape {x.shape} or values that are not finite. "
            f"Finite numbers with at most {most_dims} dimension(s) are allowed."
        )
