"""Leaky integrate-and-fire neuron that regulates its own rate by its threshold: intrinsic plasticity."""
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch

from snn.contract import Neuron, Value, choose, ms, mV, pA, param
from snn.neurons.lif import above_threshold


@dataclass(frozen=True, kw_only=True, eq=False)
class HomeostaticLIF(Neuron):
    """Leaky integrate-and-fire neuron whose threshold rises at a spike and falls steadily, which fixes its mean rate.

    Formula
        tau_m dV/dt = -(V - E_L) + (tau_m / C_m) I;  V += x.delta;  spike where V >= theta, then V = V_reset for t_ref;
        d theta/dt = -theta_plus target / 1000,  theta += theta_plus at a spike. V and theta are solved exactly.
        N spikes in T ms therefore are N = target T / 1000 + (theta(T) - theta(0)) / theta_plus: however strong the
        input, the mean rate over a long time is ``target``, with an error that falls as 1 / T.
        theta does not fall below (V_reset + V_th) / 2: a neuron with too little input fires less than ``target``.
        Where the input falls by D mV, the threshold follows in 1000 D / (theta_plus target) ms.

    Shapes and units
        State: ``v`` mV, ``ref`` ms (-1 when free), ``theta`` mV (the threshold), ``i`` pA. Ports: ``delta`` mV,
        ``current`` pA. Every field is a number or one value per neuron.

    Errors: ModelError for tau_m, C_m, target <= 0, theta_plus < 0, t_ref < 0, V_reset >= V_th.

    Source: the rule of the threshold is that of A. Lazar, G. Pipa, J. Triesch (2009), Front. Comput. Neurosci. 3:23, in
    continuous time; N. S. Desai, L. C. Rutherford, G. G. Turrigiano (1999), Nat. Neurosci. 2:515-520.

    Example: ``HomeostaticLIF(target=5.0, theta_plus=0.1)``
    """

    tau_m: Value = param(20.0, unit="ms", doc="membrane time constant", above=0)
    C_m: Value = param(250.0, unit="pF", doc="membrane capacitance", above=0)
    E_L: Value = param(-70.0, unit="mV", doc="resting potential")
    V_th: Value = param(-55.0, unit="mV", doc="threshold at the beginning")
    V_reset: Value = param(-70.0, unit="mV", doc="potential after a spike")
    t_ref: Value = param(2.0, unit="ms", doc="refractory time", at_least=0)
    target: Value = param(5.0, unit="Hz", doc="mean rate that the threshold leads to", above=0)
    theta_plus: Value = param(0.1, unit="mV", doc="rise of the threshold at a spike", at_least=0)

    exact: ClassVar[bool] = True

    class State(NamedTuple):
        v: mV
        ref: ms
        theta: mV
        i: pA

    class Ports(NamedTuple):
        delta: mV
        current: pA

    def check(self):
        above_threshold(self)

    def rest(self):
        return self.State(v=self.E_L, ref=-1.0, theta=self.V_th, i=0.0)

    def flow(self, s, dt):
        held = s.ref > 0.5 * dt
        v_inf = self.E_L + s.i * (self.tau_m / self.C_m)
        v = torch.where(held, s.v, v_inf + (s.v - v_inf) * torch.exp(-dt / self.tau_m))
        lowest = 0.5 * (self.V_reset + self.V_th)
        theta = torch.maximum(s.theta - dt * (self.theta_plus * self.target / 1000.0), lowest)
        return self.State(v=v, ref=torch.where(held, s.ref - dt, -1.0), theta=theta, i=s.i)

    def receive(self, s, x):
        free = s.ref < -0.5
        return s._replace(v=torch.where(free, s.v + x.delta, s.v), i=x.current)

    def margin(self, s):
        return (s.v - s.theta) / (s.theta - self.V_reset)

    def reset(self, s, z):
        return s._replace(v=choose(z, self.V_reset, s.v), ref=choose(z, self.t_ref, s.ref),
                          theta=choose(z, s.theta + self.theta_plus, s.theta))
