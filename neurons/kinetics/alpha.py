"""Alpha kinetics: rise and decay with one time constant."""
import math
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import torch

from snn.contract import Value, param
from snn.kinetics import Conductance, Kinetics, weight
from snn.neurons.lif import fastest

per_ms = Annotated[Any, "weight/ms"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Alpha(Kinetics):
    """Alpha function as a current; the weight is the peak.

    Formula
        dg/dt = h - g / tau,  dh/dt = -h / tau;  h += w e / tau for a spike of weight w, so that
        g(t) = w (t / tau) exp(1 - t / tau), with the peak w at t = tau and the charge w e tau.
        Flow and mean over a step are exact.

    Shapes and units
        State: ``g``, ``h`` (per ms); port ``x``. In the unit of the host's port (pA), or for conductances in nS.

    Errors: ModelError for tau <= 0.

    Source: W. Rall (1967), J. Neurophysiol. 30:1138-1168; peak as in NEST's ``iaf_psc_alpha``, whose default this is.

    Example: ``snn.compose(LIF(), exc=Alpha(tau=2.0))``
    """

    tau: Value = param(2.0, unit="ms", doc="time from the spike to the peak", above=0)

    class State(NamedTuple):
        g: weight
        h: per_ms

    class Ports(NamedTuple):
        x: weight

    def flow(self, s, dt):
        decay = torch.exp(-dt / self.tau)
        return self.State(g=(s.g + s.h * dt) * decay, h=s.h * decay)

    def receive(self, s, x):
        return self.State(g=s.g, h=s.h + x.x * (math.e / self.tau))

    def mean(self, s, dt, v):
        passed, u = -torch.expm1(-dt / self.tau), dt / self.tau
        return (s.g * passed + s.h * (self.tau * (passed - u * torch.exp(-u)))) * (self.tau / dt)


@dataclass(frozen=True, kw_only=True, eq=False)
class AlphaConductance(Conductance, Alpha):
    """Alpha function as a conductance with a reversal potential.

    Formula
        I = g (E - v), with g as in :class:`Alpha`. Weights are >= 0.

    Shapes and units: State: ``g`` nS, ``h`` nS/ms; port ``x`` nS.

    Errors: ModelError for tau <= 0. A step above tau is refused.

    Source: as :class:`Alpha`.

    Example: ``snn.compose(LIF(), exc=AlphaConductance(tau=0.2, E=0.0))``
    """

    def max_dt(self):
        return fastest(self.tau)
