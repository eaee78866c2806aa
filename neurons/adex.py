"""Adaptive exponential integrate-and-fire neuron with exponential synaptic currents."""
from dataclasses import dataclass
from typing import NamedTuple

import torch

from snn.contract import Neuron, Value, choose, ms, mV, pA, param
from snn.neurons.coba_lif import mean_decay
from snn.neurons.lif import fastest, require_below, slowest


@dataclass(frozen=True, kw_only=True, eq=False)
class AdEx(Neuron):
    """Adaptive exponential integrate-and-fire neuron: a soft spike onset and one adaptation current.

    Formula
        C_m dV/dt = -g_L (V - E_L) + g_L Delta_T exp((V - V_T) / Delta_T) - w + I_exc + I_inh + I
        tau_w dw/dt = a (V - E_L) - w;  tau_x dI_x/dt = -I_x;  I_x += x.exc or x.inh
        V >= V_peak: V = V_reset, held for t_ref, w += b; meanwhile w and the currents go on.
        Midpoint rule for V and w (second order in dt) with the exact mean of the synaptic currents over the step. The
        exponent is bounded at the value that carries V beyond V_peak within one step: nothing overflows, and a spike
        comes in the same step with and without the bound.

    Shapes and units
        State: ``v`` mV, ``w`` pA, ``ref`` ms (-1 when free), ``i_exc``, ``i_inh``, ``i`` pA.
        Ports: ``exc``, ``inh``, ``current`` pA; weights onto ``inh`` are negative for inhibition.
        Every field is a number or one value per neuron.

    Errors: ModelError for C_m, g_L, Delta_T or a time constant <= 0, t_ref < 0, V_peak not above V_T, E_L and V_reset.
    A step above half the fastest time constant is refused.

    Source: Brette and Gerstner (2005), J. Neurophysiol. 94:3637-3642; firing classes: Naud, Marcille, Clopath, Gerstner
    (2008), Biol. Cybern. 99:335-347.

    Example: ``AdEx(a=2.0, b=60.0, V_reset=-58.0)``
    """

    C_m: Value = param(281.0, unit="pF", doc="membrane capacitance", above=0)
    g_L: Value = param(30.0, unit="nS", doc="leak conductance", above=0)
    E_L: Value = param(-70.6, unit="mV", doc="leak reversal potential")
    V_T: Value = param(-50.4, unit="mV", doc="potential of the spike onset")
    Delta_T: Value = param(2.0, unit="mV", doc="sharpness of the spike onset", above=0)
    V_peak: Value = param(0.0, unit="mV", doc="potential at which a spike is counted")
    V_reset: Value = param(-60.0, unit="mV", doc="potential after a spike")
    t_ref: Value = param(0.0, unit="ms", doc="refractory time", at_least=0)
    a: Value = param(4.0, unit="nS", doc="adaptation to the potential")
    b: Value = param(80.5, unit="pA", doc="adaptation current added by a spike")
    tau_w: Value = param(144.0, unit="ms", doc="time constant of the adaptation", above=0)
    tau_exc: Value = param(5.0, unit="ms", doc="time constant of the excitatory current", above=0)
    tau_inh: Value = param(10.0, unit="ms", doc="time constant of the inhibitory current", above=0)

    class State(NamedTuple):
        v: mV
        w: pA
        ref: ms
        i_exc: pA
        i_inh: pA
        i: pA

    class Ports(NamedTuple):
        exc: pA
        inh: pA
        current: pA

    def check(self):
        for name in ("V_T", "E_L", "V_reset"):
            require_below(self, name, "V_peak")

    def rest(self):
        # Where the current of the onset is still negligible; the fixed point itself lies slightly above E_L.
        return self.State(v=self.E_L, w=0.0, ref=-1.0, i_exc=0.0, i_inh=0.0, i=0.0)

    def flow(self, s, dt):
        held = s.ref > 0.5 * dt
        i = s.i_exc * mean_decay(dt, self.tau_exc) + s.i_inh * mean_decay(dt, self.tau_inh) + s.i
        v = torch.where(held, s.v, s.v + (0.5 * dt / self.C_m) * self.current(s.v, s.w, i, dt))
        w = s.w + (0.5 * dt / self.tau_w) * (self.a * (s.v - self.E_L) - s.w)
        return self.State(v=torch.where(held, s.v, s.v + (dt / self.C_m) * self.current(v, w, i, dt)),
                          w=s.w + (dt / self.tau_w) * (self.a * (v - self.E_L) - w),
                          ref=torch.where(held, s.ref - dt, -1.0),
                          i_exc=s.i_exc * torch.exp(-dt / self.tau_exc),
                          i_inh=s.i_inh * torch.exp(-dt / self.tau_inh), i=s.i)

    def current(self, v, w, i, dt):
        """C_m dV/dt in pA; the exponential term alone moves V by at most 2 (V_peak - E_L) in a step of ``dt``."""
        top = torch.log(2.0 * (self.V_peak - self.E_L) * self.C_m / (self.g_L * self.Delta_T * dt))
        onset = self.Delta_T * torch.exp(torch.minimum((v - self.V_T) * (1.0 / self.Delta_T), top))
        return self.g_L * (self.E_L - v + onset) - w + i

    def receive(self, s, x):
        return s._replace(i_exc=s.i_exc + x.exc, i_inh=s.i_inh + x.inh, i=x.current)

    def margin(self, s):
        return (s.v - self.V_peak) / (self.V_peak - self.V_reset)

    def reset(self, s, z):
        return s._replace(v=choose(z, self.V_reset, s.v), w=choose(z, s.w + self.b, s.w),
                          ref=choose(z, self.t_ref, s.ref))

    def max_dt(self):
        return 0.5 * min(fastest(self.C_m) / slowest(self.g_L), fastest(self.tau_w, self.tau_exc, self.tau_inh))
