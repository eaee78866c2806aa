"""NMDA receptors: a slow conductance that magnesium blocks at rest."""
from dataclasses import dataclass

import torch

from snn.contract import Value, param
from snn.neurons.kinetics.dual_exponential import DualExponentialConductance


@dataclass(frozen=True, kw_only=True, eq=False)
class NMDA(DualExponentialConductance):
    """NMDA conductance with the voltage-dependent block by magnesium; the weight is the peak without block.

    Formula
        I = g B(v) (E - v),  B(v) = 1 / (1 + (Mg / 3.57 mM) exp(-0.062 v / mV)),
        with g as in :class:`DualExponential`. At Mg = 1 mM, B is 0.045 at -70 mV, 0.78 at 0 mV. Weights are >= 0.

    Shapes and units: State: ``g`` nS, ``h`` nS/ms (without block); port ``x`` nS.

    Errors: ModelError for time constants <= 0, tau_rise >= tau_decay, Mg < 0. A step above tau_rise is refused.

    Source: C. E. Jahr, C. F. Stevens (1990), J. Neurosci. 10:3178-3182 (block); time constants and Mg: X.-J. Wang
    (1999), J. Neurosci. 19:9587-9603, without saturation of the receptors.

    Example: ``snn.compose(LIF(), ampa=ExponentialConductance(tau=2.0), nmda=NMDA())``
    """

    tau_rise: Value = param(2.0, unit="ms", doc="time constant of the rise", above=0)
    tau_decay: Value = param(100.0, unit="ms", doc="time constant of the decay", above=0)
    Mg: Value = param(1.0, unit="mM", doc="concentration of magnesium outside", at_least=0)

    def mean(self, s, dt, v):
        return super().mean(s, dt, v) * self.unblocked(v)

    def unblocked(self, v):
        """B(v), the part of the conductance that magnesium leaves open at ``v`` mV."""
        # Beyond 500 mV either way the block is all or nothing; the exponential stays finite.
        return 1.0 / (1.0 + (self.Mg * (1.0 / 3.57)) * torch.exp(torch.clamp(v, -500.0, 500.0) * -0.062))
