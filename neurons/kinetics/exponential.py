"""Exponential kinetics: a spike's effect begins at once and decays."""
from dataclasses import dataclass
from typing import NamedTuple

import torch

from snn.contract import Value, param
from snn.kinetics import Conductance, Kinetics, weight
from snn.neurons.lif import fastest


@dataclass(frozen=True, kw_only=True, eq=False)
class Exponential(Kinetics):
    """Exponentially decaying current.

    Formula
        tau dg/dt = -g;  g += w for a spike of weight w, so that g(t) = w exp(-t / tau), of charge w tau.
        Mean over a step, exactly: g (tau / dt) (1 - exp(-dt / tau)).

    Shapes and units
        State: ``g``; port ``x``. Both in the unit of the host's port (pA), or for conductances in nS.

    Errors: ModelError for tau <= 0.

    Source: R. Brette et al. (2007), J. Comput. Neurosci. 23:349-398; default: NEST's ``iaf_psc_exp``.

    Example: ``snn.compose(AdEx(), ampa=Exponential(tau=2.0))``
    """

    tau: Value = param(2.0, unit="ms", doc="time constant of decay", above=0)

    class State(NamedTuple):
        g: weight

    class Ports(NamedTuple):
        x: weight

    def flow(self, s, dt):
        return self.State(g=s.g * torch.exp(-dt / self.tau))

    def receive(self, s, x):
        return self.State(g=s.g + x.x)

    def mean(self, s, dt, v):
        return s.g * (-torch.expm1(-dt / self.tau) * (self.tau / dt))


@dataclass(frozen=True, kw_only=True, eq=False)
class ExponentialConductance(Conductance, Exponential):
    """Exponentially decaying conductance with a reversal potential.

    Formula
        I = g (E - v), with g as in :class:`Exponential`. Weights are >= 0.

    Shapes and units: State: ``g``; port ``x``; both nS.

    Errors: ModelError for tau <= 0. A step above tau is refused.

    Source: as :class:`Exponential`.

    Example: ``snn.compose(AdEx(), gaba=ExponentialConductance(tau=10.0, E=-80.0))``
    """

    def max_dt(self):
        return fastest(self.tau)
