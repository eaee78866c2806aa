"""Dual exponential kinetics: rise and decay with a time constant each."""
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch

from snn.contract import Value, numbers, param
from snn.errors import ModelError
from snn.kinetics import Conductance, Kinetics, weight
from snn.neurons.lif import fastest

per_ms = Annotated[Any, "weight/ms"]


@dataclass(frozen=True, kw_only=True, eq=False)
class DualExponential(Kinetics):
    """Difference of two exponentials as a current; the weight is the peak.

    Formula
        dg/dt = h - g / tau_decay,  dh/dt = -h / tau_rise;  h += w k for a spike of weight w, so that
        g(t) = w k (exp(-t / tau_decay) - exp(-t / tau_rise)) / (1 / tau_rise - 1 / tau_decay),
        k = (tau_decay / tau_rise)^(tau_rise / (tau_decay - tau_rise)) / tau_rise  makes the peak w; it is reached at
        t = ln(tau_decay / tau_rise) tau_rise tau_decay / (tau_decay - tau_rise).
        Flow and mean over a step are exact, and accurate for close time constants (in the limit: :class:`Alpha`).

    Shapes and units
        State: ``g``, ``h`` (per ms); port ``x``. In the unit of the host's port (pA), or for conductances in nS.

    Errors: ModelError for time constants <= 0, tau_rise >= tau_decay.

    Source: A. Roth, M. C. W. van Rossum (2009), in Computational Modeling Methods for Neuroscientists (MIT Press),
    chapter 6; defaults: AMPA receptors of N. Brunel, X.-J. Wang (2003), J. Neurophysiol. 90:415-430.

    Example: ``snn.compose(LIF(), gaba=DualExponential(tau_rise=0.5, tau_decay=8.0))``
    """

    tau_rise: Value = param(0.5, unit="ms", doc="time constant of the rise", above=0)
    tau_decay: Value = param(2.0, unit="ms", doc="time constant of the decay", above=0)

    class State(NamedTuple):
        g: weight
        h: per_ms

    class Ports(NamedTuple):
        x: weight

    def check(self):
        rise, decay = np.broadcast_arrays(numbers(self.tau_rise), numbers(self.tau_decay))
        if not (rise < decay).all():
            bad = np.flatnonzero(~(rise < decay))[0]
            raise ModelError(f"{type(self).__name__}.tau_rise: is {rise.flat[bad]:g} ms, not below tau_decay "
                             f"({decay.flat[bad]:g} ms). It must be below; for equal ones use Alpha.")

    def flow(self, s, dt):
        return self.State(g=s.g * torch.exp(-dt / self.tau_decay) + s.h * self._risen(dt),
                          h=s.h * torch.exp(-dt / self.tau_rise))

    def receive(self, s, x):
        excess = (self.tau_decay - self.tau_rise) / self.tau_rise
        return self.State(g=s.g, h=s.h + x.x * (torch.exp(torch.log1p(excess) / excess) / self.tau_rise))

    def mean(self, s, dt, v):
        kept = -torch.expm1(-dt / self.tau_decay)
        brought = -torch.expm1(-dt / self.tau_rise) * self.tau_rise - self._risen(dt)
        return (s.g * kept + s.h * brought) * (self.tau_decay / dt)

    def _risen(self, dt):
        """What h = 1 makes of g = 0 within ``dt``; expm1 of the difference of rates keeps close ones accurate."""
        rate = (self.tau_decay - self.tau_rise) / (self.tau_rise * self.tau_decay)
        return torch.exp(-dt / self.tau_decay) * (-torch.expm1(-rate * dt) / rate)


@dataclass(frozen=True, kw_only=True, eq=False)
class DualExponentialConductance(Conductance, DualExponential):
    """Difference of two exponentials as a conductance with a reversal potential.

    Formula
        I = g (E - v), with g as in :class:`DualExponential`. Weights are >= 0.

    Shapes and units: State: ``g`` nS, ``h`` nS/ms; port ``x`` nS.

    Errors: ModelError for time constants <= 0, tau_rise >= tau_decay. A step above tau_rise is refused.

    Source: as :class:`DualExponential`.

    Example: ``snn.compose(LIF(), gaba=DualExponentialConductance(tau_rise=0.5, tau_decay=8.0, E=-80.0))``
    """

    def max_dt(self):
        return fastest(self.tau_rise)
