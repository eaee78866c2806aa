"""Parameters that cannot leave their range, by reparametrisation.

Formula (r is the free parameter that the optimiser moves, without bounds)
    value = low + exp(r)                    with a lower bound only; steps of r are relative changes
    value = high - exp(r)                   with an upper bound only
    value = low + (high - low) sigmoid(r)   with both
    value = r                               with none
"""
import math
from dataclasses import dataclass

import torch

from snn.contract import numbers
from snn.errors import ModelError


@dataclass(frozen=True)
class Bounded:
    """The range of a learned parameter, in its own unit; ``None`` is no bound.

    Errors: ModelError where ``low`` is not below ``high``.

    Example: ``Layer(LIF(tau_m=20.0), 100, dt=1.0, learn={"tau_m": Bounded(5.0, 50.0)})``
    """

    low: float | None = None
    high: float | None = None

    def __post_init__(self):
        given = [b for b in (self.low, self.high) if b is not None]
        if not all(isinstance(b, int | float) and math.isfinite(b) for b in given):
            raise ModelError(f"Bounded: has the ends {self.low!r} and {self.high!r}. Finite numbers or None are right.")
        if len(given) == 2 and not self.low < self.high:
            raise ModelError(f"Bounded.low: is {self.low:g}, not below high ({self.high:g}). It must be below.")

    def value(self, raw):
        """The parameter, in its unit, that the free parameter ``raw`` stands for."""
        if self.low is None and self.high is None:
            return raw
        if self.high is None:
            return self.low + torch.exp(raw)
        if self.low is None:
            return self.high - torch.exp(raw)
        return torch.clamp(self.low + (self.high - self.low) * torch.sigmoid(raw), self.low, self.high)

    def raw(self, value):
        """The free parameter (float64 tensor) that stands for ``value``, which must lie strictly inside."""
        v = torch.as_tensor(numbers(value))
        if self.low is None and self.high is None:
            return v.clone()
        if self.high is None:
            return torch.log(v - self.low)
        if self.low is None:
            return torch.log(self.high - v)
        return torch.log(v - self.low) - torch.log(self.high - v)

    def holds(self, value):
        """Whether every number in ``value`` lies strictly inside."""
        v = numbers(value)
        return bool((self.low is None or (v > self.low).all()) and (self.high is None or (v < self.high).all()))


def bounds_of(field):
    """The :class:`Bounded` of a dataclass field of a model, from the domain that its ``param`` states."""
    domain = {k: v for k, v in field.metadata.get("bounds", {}).items() if v is not None}
    return Bounded(domain.get("above", domain.get("at_least")), domain.get("below", domain.get("at_most")))
