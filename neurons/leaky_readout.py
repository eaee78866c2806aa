"""Leaky readout unit."""
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch

from snn.contract import Neuron, Value, param, unitless


@dataclass(frozen=True, kw_only=True, eq=False)
class LeakyReadout(Neuron):
    """Leaky sum of its input spikes; it never fires.

    Formula
        tau dv/dt = -v, solved exactly over a step;  v += x.delta

    Shapes and units
        State: ``v``; port: ``delta``, both unitless (the unit of the weights).
        ``tau`` is a number or one value per neuron.

    Errors: ModelError for tau <= 0.

    Source: the low-pass filtered readout of Maass, Natschlaeger, Markram (2002), Neural Computation 14:2531-2560.

    Example: ``LeakyReadout(tau=50.0)``
    """

    tau: Value = param(20.0, unit="ms", doc="time constant", above=0)

    exact: ClassVar[bool] = True

    class State(NamedTuple):
        v: unitless

    class Ports(NamedTuple):
        delta: unitless

    def rest(self):
        return self.State(v=0.0)

    def flow(self, s, dt):
        return self.State(v=s.v * torch.exp(-dt / self.tau))

    def receive(self, s, x):
        return self.State(v=s.v + x.delta)

    def quiet(self):
        return 0.0
