"""Generalised leaky integrate-and-fire neuron of the Allen Institute."""
from dataclasses import dataclass
from typing import NamedTuple

import torch

from snn.contract import Neuron, Value, choose, ms, mV, pA, param
from snn.neurons.coba_lif import mean_decay
from snn.neurons.lif import require_below


@dataclass(frozen=True, kw_only=True, eq=False)
class GLIF(Neuron):
    """Leaky integrate-and-fire neuron with after-spike currents, a moving threshold and a reset fitted to cells: GLIF5.

    Formula
        C_m dV/dt = -g_L (V - E_L) + asc_1 + asc_2 + I;  V += x.delta;  dasc_k/dt = -asc_decay_k asc_k
        dth_v/dt = th_voltage_index (V - E_L) - th_voltage_decay th_v;  dth_s/dt = -th_spike_decay th_s
        spike where V >= V_th + th_s + th_v; then
        V = E_L + voltage_reset_fraction (V - E_L) + voltage_reset_add,
        th_s = th_spike_add + exp(-th_spike_decay t_ref) th_s,
        asc_k = asc_amps_k + asc_r_k exp(-asc_decay_k t_ref) asc_k (what decays within t_ref is taken off at once),
        and all of them and th_v are held for t_ref (inputs that arrive meanwhile are lost). The V of the reset is that
        of one step before, which lies below threshold.
        Over a step asc_1 + asc_2 is its exact mean, with which V and th_v are solved exactly. I is ``x.current`` of the
        step before. The other levels are this one with numbers left out: GLIF4 th_voltage_index = 0, GLIF3 besides
        th_spike_add = voltage_reset_fraction = voltage_reset_add = 0 (V = E_L after a spike), GLIF2 (GLIF1) is GLIF4
        (GLIF3) with asc_amps = 0.

    Shapes and units
        State: ``v`` and ``last`` (V one step before) mV, ``hold`` ms (time left to be held; -1 when free), ``asc_1``,
        ``asc_2`` pA, ``th_s``, ``th_v`` mV, ``i`` pA. Ports: ``delta`` mV, ``current`` pA. The margin is the distance
        to threshold over V_th - E_L, and -1 while held. Every field is a number or one value per neuron.

    Errors: ModelError for C_m, g_L, th_voltage_decay or an asc_decay <= 0, th_spike_decay, an asc_r or t_ref < 0,
    E_L >= V_th.

    Source: Teeter et al. (2018), Nat. Commun. 9:709; Mihalas and Niebur (2009), Neural Comput. 21:704-718; parameters
    of glif_psc in NEST, with all three of its mechanisms on.

    Example: ``GLIF(th_voltage_index=0.0)``
    """

    C_m: Value = param(58.72, unit="pF", doc="membrane capacitance", above=0)
    g_L: Value = param(9.43, unit="nS", doc="leak conductance", above=0)
    E_L: Value = param(-78.85, unit="mV", doc="resting potential")
    V_th: Value = param(-51.68, unit="mV", doc="threshold without its moving parts")
    t_ref: Value = param(3.75, unit="ms", doc="refractory time", at_least=0)
    voltage_reset_fraction: Value = param(0.2, doc="part of V - E_L that a spike leaves")
    voltage_reset_add: Value = param(18.51, unit="mV", doc="added to the potential at a spike")
    th_spike_add: Value = param(0.37, unit="mV", doc="rise of the threshold at a spike")
    th_spike_decay: Value = param(0.009, unit="1/ms", doc="rate at which that rise decays", at_least=0)
    th_voltage_index: Value = param(0.005, unit="1/ms", doc="rate at which the threshold follows the potential")
    th_voltage_decay: Value = param(0.09, unit="1/ms", doc="rate at which that part decays", above=0)
    asc_amps_1: Value = param(-9.18, unit="pA", doc="first current added by a spike")
    asc_amps_2: Value = param(-198.94, unit="pA", doc="second current added by a spike")
    asc_decay_1: Value = param(0.003, unit="1/ms", doc="rate at which the first current decays", above=0)
    asc_decay_2: Value = param(0.1, unit="1/ms", doc="rate at which the second current decays", above=0)
    asc_r_1: Value = param(1.0, doc="part of the first current that a spike leaves", at_least=0)
    asc_r_2: Value = param(1.0, doc="part of the second current that a spike leaves", at_least=0)

    class State(NamedTuple):
        v: mV
        last: mV
        hold: ms
        asc_1: pA
        asc_2: pA
        th_s: mV
        th_v: mV
        i: pA

    class Ports(NamedTuple):
        delta: mV
        current: pA

    def check(self):
        require_below(self, "E_L", "V_th")

    def rest(self):
        return self.State(v=self.E_L, last=self.E_L, hold=-1.0, asc_1=0.0, asc_2=0.0, th_s=0.0, th_v=0.0, i=0.0)

    def flow(self, s, dt):
        held = s.hold > 0.5 * dt
        current = (s.i + s.asc_1 * mean_decay(dt, 1.0 / self.asc_decay_1)
                   + s.asc_2 * mean_decay(dt, 1.0 / self.asc_decay_2))
        rate, a, b = self.g_L / self.C_m, self.th_voltage_index, self.th_voltage_decay
        fall, forget = torch.exp(-dt * rate), torch.exp(-dt * b)
        steady = current * (1.0 / self.g_L)
        away = s.v - self.E_L - steady
        # th_v follows the two parts of V - E_L, the steady one and the one that decays at ``rate``.
        th_v = s.th_v * forget + steady * (a * (1.0 - forget) / b) + away * (a * following(dt, b, rate))

        def unless_held(new, old):
            return torch.where(held, old, new)

        return self.State(v=unless_held(self.E_L + steady + away * fall, s.v), last=s.v,
                          hold=torch.where(held, s.hold - dt, -1.0),
                          asc_1=unless_held(s.asc_1 * torch.exp(-dt * self.asc_decay_1), s.asc_1),
                          asc_2=unless_held(s.asc_2 * torch.exp(-dt * self.asc_decay_2), s.asc_2),
                          th_s=unless_held(s.th_s * torch.exp(-dt * self.th_spike_decay), s.th_s),
                          th_v=unless_held(th_v, s.th_v), i=s.i)

    def receive(self, s, x):
        return s._replace(v=torch.where(s.hold < -0.5, s.v + x.delta, s.v), i=x.current)

    def margin(self, s):
        distance = (s.v - (self.V_th + s.th_s + s.th_v)) / (self.V_th - self.E_L)
        return torch.where(s.hold < -0.5, distance, -1.0)

    def reset(self, s, z):
        v = self.E_L + self.voltage_reset_fraction * (s.last - self.E_L) + self.voltage_reset_add
        asc_1 = self.asc_amps_1 + s.asc_1 * (self.asc_r_1 * torch.exp(-self.asc_decay_1 * self.t_ref))
        asc_2 = self.asc_amps_2 + s.asc_2 * (self.asc_r_2 * torch.exp(-self.asc_decay_2 * self.t_ref))
        th_s = self.th_spike_add + s.th_s * torch.exp(-self.th_spike_decay * self.t_ref)
        return s._replace(v=choose(z, v, s.v), hold=choose(z, self.t_ref, s.hold),
                          asc_1=choose(z, asc_1, s.asc_1), asc_2=choose(z, asc_2, s.asc_2),
                          th_s=choose(z, th_s, s.th_s))


def following(dt, b, rate):
    """Integral over a step of exp(-b (dt - t)) exp(-rate t): (exp(-rate dt) - exp(-b dt)) / (b - rate), in ms."""
    d = dt * (b - rate)
    near = torch.abs(d) < 1e-9
    ratio = torch.where(near, 1.0 - 0.5 * d, -torch.expm1(-d) / torch.where(near, 1.0, d))
    return torch.exp(-dt * rate) * ratio * dt
