"""Exponential integrate-and-fire neuron."""
from dataclasses import dataclass
from typing import NamedTuple

import torch

from snn.contract import Neuron, Value, choose, ms, mV, pA, param
from snn.neurons.lif import fastest, require_below, slowest


@dataclass(frozen=True, kw_only=True, eq=False)
class EIF(Neuron):
    """Exponential integrate-and-fire neuron: a leaky integrator whose spike starts as that of a sodium current.

    Formula
        C_m dV/dt = -g_L (V - E_L) + g_L Delta_T exp((V - V_T) / Delta_T) + I;  V += x.delta
        V >= V_peak: V = V_reset, held for t_ref (inputs that arrive meanwhile are lost). I is ``x.current`` of the
        step before. Midpoint rule (second order in dt). The exponent is bounded at the value that carries V beyond
        V_peak within one step: nothing overflows, and a spike comes in the same step with and without the bound.
        For Delta_T -> 0 this is a leaky integrator with threshold V_T; the rheobase is g_L (V_T - E_L - Delta_T).

    Shapes and units
        State: ``v`` mV, ``ref`` ms (-1 when free), ``i`` pA. Ports: ``delta`` mV, ``current`` pA.
        Every field is a number or one value per neuron.

    Errors: ModelError for C_m, g_L or Delta_T <= 0, t_ref < 0, V_peak not above V_T, E_L and V_reset. A step above half
    of C_m / g_L is refused.

    Source: Fourcaud-Trocme, Hansel, van Vreeswijk, Brunel (2003), J. Neurosci. 23:11628-11640 (1 uF/cm^2 and
    0.1 mS/cm^2, here on 20,000 um^2).

    Example: ``EIF(Delta_T=1.0)``
    """

    C_m: Value = param(200.0, unit="pF", doc="membrane capacitance", above=0)
    g_L: Value = param(20.0, unit="nS", doc="leak conductance", above=0)
    E_L: Value = param(-65.0, unit="mV", doc="leak reversal potential")
    V_T: Value = param(-59.9, unit="mV", doc="potential of the spike onset")
    Delta_T: Value = param(3.48, unit="mV", doc="sharpness of the spike onset", above=0)
    V_peak: Value = param(-30.0, unit="mV", doc="potential at which a spike is counted")
    V_reset: Value = param(-68.0, unit="mV", doc="potential after a spike")
    t_ref: Value = param(1.7, unit="ms", doc="refractory time", at_least=0)

    class State(NamedTuple):
        v: mV
        ref: ms
        i: pA

    class Ports(NamedTuple):
        delta: mV
        current: pA

    def check(self):
        for name in ("V_T", "E_L", "V_reset"):
            require_below(self, name, "V_peak")

    def rest(self):
        # Where the current of the onset is still small; the fixed point itself lies above E_L.
        return self.State(v=self.E_L, ref=-1.0, i=0.0)

    def flow(self, s, dt):
        held = s.ref > 0.5 * dt
        top = torch.log(2.0 * (self.V_peak - self.E_L) * self.C_m / (self.g_L * self.Delta_T * dt))
        v = s.v + (0.5 * dt / self.C_m) * self.current(s.v, s.i, top)
        v = s.v + (dt / self.C_m) * self.current(v, s.i, top)
        return self.State(v=torch.where(held, s.v, v), ref=torch.where(held, s.ref - dt, -1.0), i=s.i)

    def current(self, v, i, top):
        """C_m dV/dt in pA, with the exponent bounded at ``top``."""
        onset = self.Delta_T * torch.exp(torch.minimum((v - self.V_T) * (1.0 / self.Delta_T), top))
        return self.g_L * (self.E_L - v + onset) + i

    def receive(self, s, x):
        free = s.ref < -0.5
        return self.State(v=torch.where(free, s.v + x.delta, s.v), ref=s.ref, i=x.current)

    def margin(self, s):
        return (s.v - self.V_peak) / (self.V_peak - self.V_reset)

    def reset(self, s, z):
        return self.State(v=choose(z, self.V_reset, s.v), ref=choose(z, self.t_ref, s.ref), i=s.i)

    def max_dt(self):
        return 0.5 * fastest(self.C_m) / slowest(self.g_L)
