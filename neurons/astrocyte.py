"""Astrocyte: a slow trace of calcium that the spikes around it raise, shown at all times."""
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch

from snn.contract import Neuron, Value, param, unitless


@dataclass(frozen=True, kw_only=True, eq=False)
class Astrocyte(Neuron):
    """The third partner of a tripartite synapse: spikes release calcium in it, and its calcium acts on synapses.

    Formula
        tau_ca dc/dt = -c,  solved exactly over a step;  c += (1 - c) (1 - exp(-x.delta)), so that c stays in [0, 1) and
        a spike of small weight w releases w (1 - c); inputs below 0 release nothing. It never fires; it shows ``c``.
        Under regular spikes every T ms c rises to p / (1 - (1 - p) q) right after a spike, p = 1 - exp(-w),
        q = exp(-T / tau_ca).

    What it is for
        ``net.connect(neurons, astrocytes, ..., port="delta", weight=0.05)`` lets the presynaptic spikes be heard, and
        ``net.couple(astrocytes, targets, ..., weight=1.5, delay=1.0, values={"gain": "c"})`` makes the synapses of the
        targets stronger (weight > 0: facilitation, by 1.5 at full calcium) or weaker (< 0: depression), for seconds.
        Any model with a port ``gain`` can be a target, for instance :class:`AstrocyteLIF`, :class:`GainModulated`.

    Shapes and units
        State: ``c``. Port: ``delta``. Both without unit; tau_ca in ms, a number or one value per unit.

    Errors: ModelError for tau_ca <= 0.

    Source: G. Perea, M. Navarrete, A. Araque (2009), Trends in Neurosciences 32:421-431 (tripartite synapses; the
    equations are our own, the simplest that saturate).

    Example: ``Astrocyte(tau_ca=2000.0)``
    """

    tau_ca: Value = param(1000.0, unit="ms", doc="time constant of the calcium", above=0)

    exact: ClassVar[bool] = True

    class State(NamedTuple):
        c: unitless

    class Ports(NamedTuple):
        delta: unitless

    def rest(self):
        return self.State(c=0.0)

    def flow(self, s, dt):
        return self.State(c=s.c * torch.exp(-dt / self.tau_ca))

    def receive(self, s, x):
        return self.State(c=s.c - (1.0 - s.c) * torch.expm1(torch.minimum(-x.delta, torch.zeros_like(s.c))))
