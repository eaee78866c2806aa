"""Leaky integrate-and-fire neuron with exponential synaptic currents."""
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch

from snn.contract import Neuron, Value, choose, ms, mV, pA, param
from snn.neurons.lif import above_threshold


@dataclass(frozen=True, kw_only=True, eq=False)
class CubaLIF(Neuron):
    """Current-based leaky integrate-and-fire neuron: every input spike adds to an exponentially decaying current.

    Formula
        C_m dV/dt = -(C_m / tau_m)(V - E_L) + I_exc + I_inh + I;  tau_x dI_x/dt = -I_x;  I_x += x.exc or x.inh
        solved exactly over a step (matrix exponential in closed form; where tau_x equals tau_m its limit
        (dt / C_m) exp(-dt / tau_m) is taken). V >= V_th: V = V_reset, held for t_ref; the currents go on.
        Weights onto ``inh`` are negative for inhibition.

    Shapes and units
        State: ``v`` mV, ``ref`` ms (-1 when free), ``i_exc``, ``i_inh``, ``i`` pA.
        Ports: ``exc``, ``inh``, ``current`` pA. Every field is a number or one value per neuron.

    Errors: ModelError for time constants or C_m <= 0, t_ref < 0, V_reset >= V_th.

    Source: Vogels and Abbott (2005), J. Neurosci. 25:10786; Brette et al. (2007), J. Comput. Neurosci. 23:349,
    benchmark 2; exact solution: Rotter and Diesmann (1999), Biol. Cybern. 81:381.

    Example: ``CubaLIF(tau_m=20.0, C_m=200.0, E_L=-49.0, V_th=-50.0, V_reset=-60.0, t_ref=5.0)``
    """

    tau_m: Value = param(20.0, unit="ms", doc="membrane time constant", above=0)
    C_m: Value = param(200.0, unit="pF", doc="membrane capacitance", above=0)
    E_L: Value = param(-60.0, unit="mV", doc="resting potential")
    V_th: Value = param(-50.0, unit="mV", doc="threshold")
    V_reset: Value = param(-60.0, unit="mV", doc="potential after a spike")
    t_ref: Value = param(5.0, unit="ms", doc="refractory time", at_least=0)
    tau_exc: Value = param(5.0, unit="ms", doc="time constant of the excitatory current", above=0)
    tau_inh: Value = param(10.0, unit="ms", doc="time constant of the inhibitory current", above=0)

    exact: ClassVar[bool] = True

    class State(NamedTuple):
        v: mV
        ref: ms
        i_exc: pA
        i_inh: pA
        i: pA

    class Ports(NamedTuple):
        exc: pA
        inh: pA
        current: pA

    def check(self):
        above_threshold(self)

    def rest(self):
        return self.State(v=self.E_L, ref=-1.0, i_exc=0.0, i_inh=0.0, i=0.0)

    def flow(self, s, dt):
        held = s.ref > 0.5 * dt
        decay = torch.exp(-dt / self.tau_m)
        v_inf = self.E_L + s.i * (self.tau_m / self.C_m)
        v = (v_inf + (s.v - v_inf) * decay
             + s.i_exc * psp(dt, self.tau_m, self.tau_exc, self.C_m)
             + s.i_inh * psp(dt, self.tau_m, self.tau_inh, self.C_m))
        return self.State(v=torch.where(held, s.v, v), ref=torch.where(held, s.ref - dt, -1.0),
                          i_exc=s.i_exc * torch.exp(-dt / self.tau_exc),
                          i_inh=s.i_inh * torch.exp(-dt / self.tau_inh), i=s.i)

    def receive(self, s, x):
        return s._replace(i_exc=s.i_exc + x.exc, i_inh=s.i_inh + x.inh, i=x.current)

    def margin(self, s):
        return (s.v - self.V_th) / (self.V_th - self.V_reset)

    def reset(self, s, z):
        return s._replace(v=choose(z, self.V_reset, s.v), ref=choose(z, self.t_ref, s.ref))


def psp(dt, tau_m, tau_syn, C_m):
    """Potential after ``dt`` per unit of an exponential current, in mV/pA.

    Formula: (exp(-dt / tau_m) - exp(-dt / tau_syn)) / (C_m (1 / tau_syn - 1 / tau_m)).
    Written with expm1 of the difference of rates, which stays accurate where the two time constants are close.
    """
    d = dt * (1 / tau_syn - 1 / tau_m)
    near = torch.abs(d) < 1e-9
    ratio = torch.where(near, 1.0 - 0.5 * d, -torch.expm1(-d) / torch.where(near, 1.0, d))
    return torch.exp(-dt / tau_m) * ratio * (dt / C_m)
