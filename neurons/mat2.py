"""Leaky integrator with a multi-timescale adaptive threshold."""
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch

from snn.contract import Neuron, Value, choose, ms, mV, pA, param
from snn.neurons.cuba_lif import psp
from snn.neurons.lif import require_below


@dataclass(frozen=True, kw_only=True, eq=False)
class MAT2(Neuron):
    """Leaky integrator that is never reset: a spike raises its threshold, which falls back on two time scales.

    Formula
        C_m dV/dt = -(C_m / tau_m)(V - E_L) + I_exc + I_inh + I;  tau_x dI_x/dt = -I_x;  I_x += x.exc or x.inh
        spike where V >= omega + th_1 + th_2, not within t_ref of the last one; then th_k += alpha_k.
        tau_k dth_k/dt = -th_k. All is solved exactly over a step; V and the currents go on through spike and t_ref.
        Weights onto ``inh`` are negative for inhibition. The margin is the distance to threshold over omega - E_L,
        and -1 during t_ref.

    Shapes and units
        State: ``v`` mV, ``th_1``, ``th_2`` mV, ``dead`` ms (time left without spikes; -1 when free), ``i_exc``,
        ``i_inh``, ``i`` pA. Ports: ``exc``, ``inh``, ``current`` pA. Every field is a number or one value per neuron.

    Errors: ModelError for time constants or C_m <= 0, t_ref < 0, E_L >= omega.

    Source: Kobayashi, Tsubo, Shinomoto (2009), Front. Comput. Neurosci. 3:9; parameters of mat2_psc_exp in NEST
    (omega is the potential itself, as there; the source counts from E_L).

    Example: ``MAT2(alpha_1=10.0, alpha_2=0.5)``
    """

    tau_m: Value = param(5.0, unit="ms", doc="membrane time constant", above=0)
    C_m: Value = param(100.0, unit="pF", doc="membrane capacitance", above=0)
    E_L: Value = param(-70.0, unit="mV", doc="resting potential")
    omega: Value = param(-51.0, unit="mV", doc="threshold without spikes")
    alpha_1: Value = param(37.0, unit="mV", doc="fast rise of the threshold at a spike")
    alpha_2: Value = param(2.0, unit="mV", doc="slow rise of the threshold at a spike")
    tau_1: Value = param(10.0, unit="ms", doc="time constant of the fast part", above=0)
    tau_2: Value = param(200.0, unit="ms", doc="time constant of the slow part", above=0)
    t_ref: Value = param(2.0, unit="ms", doc="time without spikes after a spike", at_least=0)
    tau_exc: Value = param(1.0, unit="ms", doc="time constant of the excitatory current", above=0)
    tau_inh: Value = param(3.0, unit="ms", doc="time constant of the inhibitory current", above=0)

    exact: ClassVar[bool] = True

    class State(NamedTuple):
        v: mV
        th_1: mV
        th_2: mV
        dead: ms
        i_exc: pA
        i_inh: pA
        i: pA

    class Ports(NamedTuple):
        exc: pA
        inh: pA
        current: pA

    def check(self):
        require_below(self, "E_L", "omega")

    def rest(self):
        return self.State(v=self.E_L, th_1=0.0, th_2=0.0, dead=-1.0, i_exc=0.0, i_inh=0.0, i=0.0)

    def flow(self, s, dt):
        v_inf = self.E_L + s.i * (self.tau_m / self.C_m)
        v = (v_inf + (s.v - v_inf) * torch.exp(-dt / self.tau_m)
             + s.i_exc * psp(dt, self.tau_m, self.tau_exc, self.C_m)
             + s.i_inh * psp(dt, self.tau_m, self.tau_inh, self.C_m))
        return self.State(v=v, th_1=s.th_1 * torch.exp(-dt / self.tau_1), th_2=s.th_2 * torch.exp(-dt / self.tau_2),
                          dead=torch.where(s.dead > 0.5 * dt, s.dead - dt, -1.0),
                          i_exc=s.i_exc * torch.exp(-dt / self.tau_exc),
                          i_inh=s.i_inh * torch.exp(-dt / self.tau_inh), i=s.i)

    def receive(self, s, x):
        return s._replace(i_exc=s.i_exc + x.exc, i_inh=s.i_inh + x.inh, i=x.current)

    def margin(self, s):
        distance = (s.v - (self.omega + s.th_1 + s.th_2)) / (self.omega - self.E_L)
        return torch.where(s.dead < -0.5, distance, -1.0)

    def reset(self, s, z):
        return s._replace(th_1=choose(z, s.th_1 + self.alpha_1, s.th_1), th_2=choose(z, s.th_2 + self.alpha_2, s.th_2),
                          dead=choose(z, self.t_ref, s.dead))
