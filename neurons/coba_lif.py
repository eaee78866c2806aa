"""Leaky integrate-and-fire neuron with exponential synaptic conductances."""
from dataclasses import dataclass
from typing import NamedTuple

import torch

from snn.contract import Neuron, Value, choose, ms, mV, nS, pA, param
from snn.neurons.lif import above_threshold, fastest, slowest


@dataclass(frozen=True, kw_only=True, eq=False)
class CobaLIF(Neuron):
    """Conductance-based leaky integrate-and-fire neuron: every input spike opens an exponentially closing conductance.

    Formula
        C_m dV/dt = -g_L (V - E_L) - g_exc (V - E_exc) - g_inh (V - E_inh) + I
        tau_x dg_x/dt = -g_x;  g_x += x.exc or x.inh
        Over a step the conductances take their exact mean, with which V is solved exactly (exponential integrator of
        second order in dt). V >= V_th: V = V_reset, held for t_ref; the conductances go on.
        Weights are >= 0 on both ports.

    Shapes and units
        State: ``v`` mV, ``ref`` ms (-1 when free), ``g_exc``, ``g_inh`` nS, ``i`` pA.
        Ports: ``exc``, ``inh`` nS, ``current`` pA. Every field is a number or one value per neuron.

    Errors: ModelError for time constants, C_m or g_L <= 0, t_ref < 0, V_reset >= V_th. A step above half the fastest
    time constant (C_m / g_L, tau_exc, tau_inh) is refused.

    Source: Vogels and Abbott (2005), J. Neurosci. 25:10786; Brette et al. (2007), J. Comput. Neurosci. 23:349,
    benchmark 1.

    Example: ``CobaLIF()`` has the parameters of that benchmark.
    """

    C_m: Value = param(200.0, unit="pF", doc="membrane capacitance", above=0)
    g_L: Value = param(10.0, unit="nS", doc="leak conductance", above=0)
    E_L: Value = param(-60.0, unit="mV", doc="leak reversal potential")
    V_th: Value = param(-50.0, unit="mV", doc="threshold")
    V_reset: Value = param(-60.0, unit="mV", doc="potential after a spike")
    t_ref: Value = param(5.0, unit="ms", doc="refractory time", at_least=0)
    E_exc: Value = param(0.0, unit="mV", doc="excitatory reversal potential")
    E_inh: Value = param(-80.0, unit="mV", doc="inhibitory reversal potential")
    tau_exc: Value = param(5.0, unit="ms", doc="time constant of the excitatory conductance", above=0)
    tau_inh: Value = param(10.0, unit="ms", doc="time constant of the inhibitory conductance", above=0)

    class State(NamedTuple):
        v: mV
        ref: ms
        g_exc: nS
        g_inh: nS
        i: pA

    class Ports(NamedTuple):
        exc: nS
        inh: nS
        current: pA

    def check(self):
        above_threshold(self)

    def rest(self):
        return self.State(v=self.E_L, ref=-1.0, g_exc=0.0, g_inh=0.0, i=0.0)

    def flow(self, s, dt):
        held = s.ref > 0.5 * dt
        g_e = s.g_exc * mean_decay(dt, self.tau_exc)
        g_i = s.g_inh * mean_decay(dt, self.tau_inh)
        v = relaxed(self, s, g_e, g_i, dt)
        return self.State(v=torch.where(held, s.v, v), ref=torch.where(held, s.ref - dt, -1.0),
                          g_exc=s.g_exc * torch.exp(-dt / self.tau_exc),
                          g_inh=s.g_inh * torch.exp(-dt / self.tau_inh), i=s.i)

    def receive(self, s, x):
        return s._replace(g_exc=s.g_exc + x.exc, g_inh=s.g_inh + x.inh, i=x.current)

    def margin(self, s):
        return (s.v - self.V_th) / (self.V_th - self.V_reset)

    def reset(self, s, z):
        return s._replace(v=choose(z, self.V_reset, s.v), ref=choose(z, self.t_ref, s.ref))

    def max_dt(self):
        return 0.5 * min(fastest(self.C_m) / slowest(self.g_L), fastest(self.tau_exc, self.tau_inh))


def relaxed(model, s, g_exc, g_inh, dt):
    """V after ``dt`` with the conductances constant: v_inf + (V - v_inf) exp(-g dt / C_m), g all of them together,
    v_inf where their currents and the current of the state ``s`` balance. Of a model with the fields of CobaLIF."""
    g = model.g_L + g_exc + g_inh
    v_inf = (model.g_L * model.E_L + s.i + g_exc * model.E_exc + g_inh * model.E_inh) / g
    return v_inf + (s.v - v_inf) * torch.exp(-(dt / model.C_m) * g)


def mean_decay(dt, tau):
    """Mean of exp(-t / tau) over 0 <= t <= dt: (tau / dt) (1 - exp(-dt / tau)), without unit."""
    return -torch.expm1(-dt / tau) * (tau / dt)
