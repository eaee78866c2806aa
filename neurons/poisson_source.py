"""Poisson spike source."""
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import torch

from snn.contract import Neuron, Value, param, unitless

Hz = Annotated[Any, "Hz"]


@dataclass(frozen=True, kw_only=True, eq=False)
class PoissonSource(Neuron):
    """Source of independent spikes at a given rate.

    Formula
        In a step of dt ms a neuron fires with probability p = 1 - exp(-r dt / 1000), r = ``rate`` + ``x.rate`` (0 where
        that is negative), the probability that a Poisson process of rate r has at least one event in it: it fires where
        p >= u, u = ``x.noise`` uniform in (0, 1]. The mean rate is therefore 1000 p / dt, below r by the fraction
        r dt / 2000. ``x.rate`` is that of the step before, constant during a step.

    Shapes and units
        State: ``p``, ``u`` (of the last step only) unitless, ``r`` Hz (what arrived). Ports: ``noise`` unitless, filled
        by the engine with one uniform number per neuron and step; ``rate`` Hz, for rates that change: a time course, or
        images by ``net.drive(pixels, snn.ControlledInput(), port="rate")``. The field ``rate`` is a number or one
        value per neuron.

    Errors: ModelError for a rate < 0.

    Source: Dayan and Abbott (2001), Theoretical Neuroscience, section 1.4.

    Example: ``PoissonSource(rate=20.0)``
    """

    rate: Value = param(10.0, unit="Hz", doc="rate", at_least=0)

    class State(NamedTuple):
        p: unitless
        u: unitless
        r: Hz

    class Ports(NamedTuple):
        noise: unitless
        rate: Hz

    def rest(self):
        return self.State(p=0.0, u=1.0, r=0.0)

    def flow(self, s, dt):
        p = -torch.expm1(-self.rate * (dt / 1000.0))
        # Nothing on the port leaves p as it is to the last bit.
        return s._replace(p=p + (1.0 - p) * (1.0 - torch.exp(-(dt / 1000.0) * s.r)))

    def receive(self, s, x):
        return s._replace(u=x.noise, r=x.rate)

    def margin(self, s):
        return s.p - s.u
