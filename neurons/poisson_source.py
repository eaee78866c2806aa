"""Poisson spike source."""
from dataclasses import dataclass
from typing import NamedTuple

import torch

from snn.contract import Neuron, Value, param, unitless


@dataclass(frozen=True, kw_only=True, eq=False)
class PoissonSource(Neuron):
    """Source of independent spikes at a given rate.

    Formula
        In a step of dt ms a neuron fires with probability p = 1 - exp(-rate dt / 1000), the probability that a Poisson
        process has at least one event in it: it fires where p >= u, u = ``x.noise`` uniform in (0, 1]. The mean rate is
        therefore 1000 p / dt, below ``rate`` by the fraction rate dt / 2000.

    Shapes and units
        State: ``p``, ``u`` (of the last step only) unitless. Port: ``noise`` unitless, filled by the engine with one
        uniform number per neuron and step. ``rate`` is a number or one value per neuron.

    Errors: ModelError for a rate < 0.

    Source: Dayan and Abbott (2001), Theoretical Neuroscience, section 1.4.

    Example: ``PoissonSource(rate=20.0)``
    """

    rate: Value = param(10.0, unit="Hz", doc="rate", at_least=0)

    class State(NamedTuple):
        p: unitless
        u: unitless

    class Ports(NamedTuple):
        noise: unitless

    def rest(self):
        return self.State(p=0.0, u=1.0)

    def flow(self, s, dt):
        return s._replace(p=-torch.expm1(-self.rate * (dt / 1000.0)))

    def receive(self, s, x):
        return s._replace(u=x.noise)

    def margin(self, s):
        return s.p - s.u
