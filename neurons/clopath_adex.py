"""Adaptive exponential integrate-and-fire neuron whose spike has a width, an after-potential and a raised threshold."""
from dataclasses import dataclass
from typing import NamedTuple

import torch

from snn.contract import Neuron, Value, choose, ms, mV, pA, param
from snn.neurons.lif import fastest, require_below, slowest


@dataclass(frozen=True, kw_only=True, eq=False)
class ClopathAdEx(Neuron):
    """Adaptive exponential integrate-and-fire neuron with the spike shape that voltage-based plasticity needs.

    Formula
        C_m dV/dt = -g_L (V - E_L) + g_L Delta_T exp((V - V_T) / Delta_T) - w + z + I
        tau_w dw/dt = a (V - E_L) - w;  tau_z dz/dt = -z;  tau_T dV_T/dt = -(V_T - V_T_rest);  V += x.delta
        V >= V_peak: spike, w += b, z = I_sp, V_T = V_T_max and V is held at V_clamp for t_clamp (meanwhile w rests,
        inputs to ``delta`` are lost, z and V_T go on); then V = V_reset.
        Midpoint rule for V and w (second order in dt), z and V_T exact. The exponent is bounded at the value that
        carries V beyond V_peak within one step. t_clamp acts as the nearest whole number of steps.

    Shapes and units
        State: ``v`` mV, ``w``, ``i_sp`` (z above), ``i`` pA, ``v_t`` mV, ``clamp`` ms (left of it, -1 when free).
        Ports: ``delta`` mV, ``current`` pA (constant during a step). Every field is a number or one value per neuron.

    Errors: ModelError for C_m, g_L, Delta_T, t_clamp or a time constant <= 0, V_peak not above E_L, V_reset, V_T_rest
    and V_T_max. A step above half the fastest time constant is refused.

    Source: Clopath, Buesing, Vasilaki, Gerstner (2010), Nature Neuroscience 13:344-352 (neuron and parameters); spike
    after-depolarisation and threshold: Badel et al. (2008), J. Neurophysiol. 99:656-666. The clamp and V_reset, 21 mV
    above rest, are those of NEST's ``aeif_psc_delta_clopath`` and its pairing example.

    Example: ``ClopathAdEx(V_reset=-60.0)``, with ``plasticity=snn.plasticity.Clopath()`` on its inputs.
    """

    C_m: Value = param(281.0, unit="pF", doc="membrane capacitance", above=0)
    g_L: Value = param(30.0, unit="nS", doc="leak conductance", above=0)
    E_L: Value = param(-70.6, unit="mV", doc="leak reversal potential")
    Delta_T: Value = param(2.0, unit="mV", doc="sharpness of the spike onset", above=0)
    V_T_rest: Value = param(-50.4, unit="mV", doc="potential of the spike onset long after a spike")
    V_T_max: Value = param(30.4, unit="mV", doc="potential of the spike onset right after a spike")
    tau_T: Value = param(50.0, unit="ms", doc="time constant of the onset potential", above=0)
    V_peak: Value = param(33.0, unit="mV", doc="potential at which a spike is counted")
    V_clamp: Value = param(33.0, unit="mV", doc="potential during the spike")
    t_clamp: Value = param(2.0, unit="ms", doc="duration of the spike", above=0)
    V_reset: Value = param(-49.6, unit="mV", doc="potential after the spike")
    a: Value = param(4.0, unit="nS", doc="adaptation to the potential")
    b: Value = param(80.5, unit="pA", doc="adaptation current added by a spike")
    tau_w: Value = param(144.0, unit="ms", doc="time constant of the adaptation", above=0)
    I_sp: Value = param(400.0, unit="pA", doc="depolarising current after a spike")
    tau_z: Value = param(40.0, unit="ms", doc="time constant of that current", above=0)

    class State(NamedTuple):
        v: mV
        w: pA
        i_sp: pA
        v_t: mV
        clamp: ms
        i: pA

    class Ports(NamedTuple):
        delta: mV
        current: pA

    def check(self):
        for name in ("E_L", "V_reset", "V_T_rest", "V_T_max"):
            require_below(self, name, "V_peak")

    def rest(self):
        return self.State(v=self.E_L, w=0.0, i_sp=0.0, v_t=self.V_T_rest, clamp=-1.0, i=0.0)

    def flow(self, s, dt):
        held = s.clamp > 0.5 * dt
        over = held & (s.clamp <= 1.5 * dt)
        half_z, half_v_t = self.decayed(s, 0.5 * dt)
        v = s.v + (0.5 * dt / self.C_m) * self.drive(s.v, s.w, s.i_sp, s.v_t, s.i, dt)
        w = s.w + (0.5 * dt / self.tau_w) * (self.a * (s.v - self.E_L) - s.w)
        moved = s.v + (dt / self.C_m) * self.drive(v, w, half_z, half_v_t, s.i, dt)
        adapted = s.w + (dt / self.tau_w) * (self.a * (v - self.E_L) - w)
        z, v_t = self.decayed(s, dt)
        return s._replace(v=torch.where(held, torch.where(over, self.V_reset, s.v), moved),
                          w=torch.where(held, s.w, adapted), i_sp=z, v_t=v_t,
                          clamp=torch.where(held & ~over, s.clamp - dt, -1.0))

    def decayed(self, s, dt):
        """``(i_sp, v_t)`` after ``dt`` ms."""
        v_t = self.V_T_rest + (s.v_t - self.V_T_rest) * torch.exp(-dt / self.tau_T)
        return s.i_sp * torch.exp(-dt / self.tau_z), v_t

    def drive(self, v, w, z, v_t, i, dt):
        """C_m dV/dt in pA; the exponential term alone moves V by at most 2 (V_peak - E_L) in a step of ``dt``."""
        top = torch.log(2.0 * (self.V_peak - self.E_L) * self.C_m / (self.g_L * self.Delta_T * dt))
        onset = self.Delta_T * torch.exp(torch.minimum((v - v_t) * (1.0 / self.Delta_T), top))
        return self.g_L * (self.E_L - v + onset) - w + z + i

    def receive(self, s, x):
        return s._replace(v=torch.where(s.clamp < -0.5, s.v + x.delta, s.v), i=x.current)

    def margin(self, s):
        return torch.where(s.clamp < -0.5, (s.v - self.V_peak) / (self.V_peak - self.V_reset), -1.0)

    def reset(self, s, z):
        return s._replace(v=choose(z, self.V_clamp, s.v), w=choose(z, s.w + self.b, s.w),
                          i_sp=choose(z, self.I_sp, s.i_sp), v_t=choose(z, self.V_T_max, s.v_t),
                          clamp=choose(z, self.t_clamp, s.clamp))

    def max_dt(self):
        membrane = fastest(self.C_m) / slowest(self.g_L)
        return 0.5 * min(membrane, fastest(self.tau_w, self.tau_z, self.tau_T, self.t_clamp))
