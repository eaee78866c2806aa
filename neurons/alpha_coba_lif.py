"""Leaky integrate-and-fire neuron with alpha-shaped synaptic conductances."""
import math
from dataclasses import dataclass
from typing import NamedTuple

import torch

from snn.contract import Neuron, Value, choose, ms, mV, nS, pA, param
from snn.neurons.alpha_lif import alpha_flow, first_moment
from snn.neurons.coba_lif import mean_decay, relaxed
from snn.neurons.lif import above_threshold, fastest, slowest


@dataclass(frozen=True, kw_only=True, eq=False)
class AlphaCobaLIF(Neuron):
    """Conductance-based leaky integrate-and-fire neuron: every input spike opens a conductance that rises, then falls.

    Formula
        C_m dV/dt = -g_L (V - E_L) - g_exc (V - E_exc) - g_inh (V - E_inh) + I
        tau_x dg_x/dt = y_x - g_x;  tau_x dy_x/dt = -y_x;  y_x += e x.exc or e x.inh
        A weight w gives the conductance w (e t / tau_x) exp(-t / tau_x), whose peak is w.
        Over a step the conductances take their exact mean, with which V is solved exactly (exponential integrator of
        second order in dt). V >= V_th: V = V_reset, held for t_ref; the conductances go on.
        Weights are >= 0 on both ports.

    Shapes and units
        State: ``v`` mV, ``ref`` ms (-1 when free), conductances ``g_exc``, ``g_inh`` and what makes them rise
        ``y_exc``, ``y_inh`` nS, ``i`` pA. Ports: ``exc``, ``inh`` nS, ``current`` pA.
        Every field is a number or one value per neuron.

    Errors: ModelError for time constants, C_m or g_L <= 0, t_ref < 0, V_reset >= V_th. A step above tau_exc, tau_inh
    (the time to the peak) or half of C_m / g_L is refused.

    Source: Meffin, Burkitt, Grayden (2004), J. Comput. Neurosci. 16:159-175; parameters of iaf_cond_alpha in NEST.

    Example: ``AlphaCobaLIF(tau_exc=0.5)``
    """

    C_m: Value = param(250.0, unit="pF", doc="membrane capacitance", above=0)
    g_L: Value = param(16.6667, unit="nS", doc="leak conductance", above=0)
    E_L: Value = param(-70.0, unit="mV", doc="leak reversal potential")
    V_th: Value = param(-55.0, unit="mV", doc="threshold")
    V_reset: Value = param(-60.0, unit="mV", doc="potential after a spike")
    t_ref: Value = param(2.0, unit="ms", doc="refractory time", at_least=0)
    E_exc: Value = param(0.0, unit="mV", doc="excitatory reversal potential")
    E_inh: Value = param(-85.0, unit="mV", doc="inhibitory reversal potential")
    tau_exc: Value = param(0.2, unit="ms", doc="time to the peak of the excitatory conductance", above=0)
    tau_inh: Value = param(2.0, unit="ms", doc="time to the peak of the inhibitory conductance", above=0)

    class State(NamedTuple):
        v: mV
        ref: ms
        g_exc: nS
        y_exc: nS
        g_inh: nS
        y_inh: nS
        i: pA

    class Ports(NamedTuple):
        exc: nS
        inh: nS
        current: pA

    def check(self):
        above_threshold(self)

    def rest(self):
        return self.State(v=self.E_L, ref=-1.0, g_exc=0.0, y_exc=0.0, g_inh=0.0, y_inh=0.0, i=0.0)

    def flow(self, s, dt):
        held = s.ref > 0.5 * dt
        g_e = alpha_mean(s.g_exc, s.y_exc, dt, self.tau_exc)
        g_i = alpha_mean(s.g_inh, s.y_inh, dt, self.tau_inh)
        v = relaxed(self, s, g_e, g_i, dt)
        g_exc, y_exc = alpha_flow(s.g_exc, s.y_exc, dt, self.tau_exc)
        g_inh, y_inh = alpha_flow(s.g_inh, s.y_inh, dt, self.tau_inh)
        return self.State(v=torch.where(held, s.v, v), ref=torch.where(held, s.ref - dt, -1.0),
                          g_exc=g_exc, y_exc=y_exc, g_inh=g_inh, y_inh=y_inh, i=s.i)

    def receive(self, s, x):
        return s._replace(y_exc=s.y_exc + math.e * x.exc, y_inh=s.y_inh + math.e * x.inh, i=x.current)

    def margin(self, s):
        return (s.v - self.V_th) / (self.V_th - self.V_reset)

    def reset(self, s, z):
        return s._replace(v=choose(z, self.V_reset, s.v), ref=choose(z, self.t_ref, s.ref))

    def max_dt(self):
        return min(0.5 * fastest(self.C_m) / slowest(self.g_L), fastest(self.tau_exc, self.tau_inh))


def alpha_mean(value, rising, dt, tau):
    """Mean over the coming ``dt`` of an alpha-shaped quantity."""
    return value * mean_decay(dt, tau) + rising * ((dt / tau) * first_moment(dt / tau))
