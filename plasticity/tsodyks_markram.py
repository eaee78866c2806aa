"""Short-term plasticity: facilitation and depression of what a presynaptic spike transmits."""
from dataclasses import dataclass
from typing import NamedTuple

import torch

from snn.contract import Value, param, unitless
from snn.rule import SynapticRule


@dataclass(frozen=True, kw_only=True, eq=False)
class TsodyksMarkram(SynapticRule):
    """Dynamic synapse: a spike uses the share u of the resources R; the weight itself stays as it is.

    Formula
        du/dt = (U - u) / tau_F,  dR/dt = (1 - R) / tau_D,  both solved exactly;  at rest u = U, R = 1;
        a presynaptic spike sends w u R, then R -= u R and u += U (1 - u), with u as it was before the spike.
        Amplitudes of a train with intervals D_k are w u_k R_k with u_1 = U, R_1 = 1 and
        u_k+1 = U + u_k (1 - U) exp(-D_k / tau_F),  R_k+1 = 1 + (R_k - u_k R_k - 1) exp(-D_k / tau_D).
        Intervals are those of the arrivals at the synapse. The first spike sends w U, not w.

    Shapes and units: ``u`` and ``R`` per presynaptic neuron, without unit, in [0, 1].

    Errors: ModelError for U outside (0, 1], tau_D, tau_F <= 0.

    Source: M. Tsodyks, K. Pawelzik, H. Markram (1998), Neural Comput. 10:821-835; in the indices of W. Maass,
    H. Markram (2002), Neural Netw. 15:155-161. Defaults: excitatory to excitatory in W. Maass, T. Natschlaeger,
    H. Markram (2002), Neural Comput. 14:2531-2560.

    Example: ``plasticity=[TsodyksMarkram(U=0.05, tau_D=125.0, tau_F=1200.0), PairSTDP()]``
    """

    U: Value = param(0.5, doc="share of the resources that a spike uses at rest", above=0, at_most=1)
    tau_D: Value = param(1100.0, unit="ms", doc="time constant of recovery from depression", above=0)
    tau_F: Value = param(50.0, unit="ms", doc="time constant of facilitation", above=0)

    class Pre(NamedTuple):
        u: unitless
        R: unitless

    def rest(self):
        return self.Pre(u=self.U, R=1.0), self.Post()

    def decay(self, x, y, dt):
        u = self.U + (x.u - self.U) * torch.exp(-dt / self.tau_F)
        return self.Pre(u=u, R=1.0 + (x.R - 1.0) * torch.exp(-dt / self.tau_D)), y

    def spike(self, x, y):
        return self.Pre(u=x.u + self.U * (1.0 - x.u), R=x.R - x.u * x.R), y

    def transmit(self, w, x):
        return w * x.u * x.R
