"""Conductance-based leaky integrate-and-fire neuron whose threshold remembers its spikes."""
from dataclasses import dataclass
from typing import NamedTuple

import torch

from snn.contract import Neuron, Value, choose, ms, mV, nS, pA, param
from snn.neurons.coba_lif import mean_decay, relaxed
from snn.neurons.lif import above_threshold, fastest, slowest


@dataclass(frozen=True, kw_only=True, eq=False)
class DiehlCook(Neuron):
    """Excitatory neuron of winner-take-all circuits that learn without labels: every spike raises its threshold.

    Formula
        C_m dV/dt = -g_L (V - E_L) - g_exc (V - E_exc) - g_inh (V - E_inh) + I;
        tau_x dg_x/dt = -g_x, g_x += x.exc or x.inh;  I is ``x.current`` of the step before;
        spike where V >= V_th + theta, then V = V_reset, held for t_ref, and theta += theta_plus;
        tau_theta d theta/dt = -theta.
        V and the conductances are solved as in CobaLIF, theta exactly. Neurons that win often become hard to excite, so
        that all of them get to learn.

    Shapes and units
        State: ``v`` mV, ``ref`` ms (-1 when free), ``g_exc``, ``g_inh`` nS, ``theta`` mV, ``fine`` mV (what theta has
        lost but is too small a part of it to be subtracted yet), ``i`` pA. Ports: ``exc``, ``inh`` nS, both >= 0,
        ``current`` pA. Every field is a number or one value per neuron. With the default leak of 1 nS
        conductances are in units of the leak, as in the source.

    Errors: ModelError for time constants, C_m or g_L <= 0, t_ref or theta_plus < 0, V_reset >= V_th. A step above half
    the fastest time constant (C_m / g_L, tau_exc, tau_inh) is refused.

    Source: P. U. Diehl, M. Cook (2015), Front. Comput. Neurosci. 9:99; constants that the text leaves out are those of
    the program that its authors published with it.

    Example: ``DiehlCook(theta_plus=0.05)``
    """

    C_m: Value = param(100.0, unit="pF", doc="membrane capacitance", above=0)
    g_L: Value = param(1.0, unit="nS", doc="leak conductance", above=0)
    E_L: Value = param(-65.0, unit="mV", doc="leak reversal potential")
    V_th: Value = param(-52.0, unit="mV", doc="threshold of a neuron that has not fired")
    V_reset: Value = param(-65.0, unit="mV", doc="potential after a spike")
    t_ref: Value = param(5.0, unit="ms", doc="refractory time", at_least=0)
    E_exc: Value = param(0.0, unit="mV", doc="excitatory reversal potential")
    E_inh: Value = param(-100.0, unit="mV", doc="inhibitory reversal potential")
    tau_exc: Value = param(1.0, unit="ms", doc="time constant of the excitatory conductance", above=0)
    tau_inh: Value = param(2.0, unit="ms", doc="time constant of the inhibitory conductance", above=0)
    theta_plus: Value = param(0.05, unit="mV", doc="rise of the threshold at a spike", at_least=0)
    tau_theta: Value = param(1e7, unit="ms", doc="time constant of the rise", above=0)

    class State(NamedTuple):
        v: mV
        ref: ms
        g_exc: nS
        g_inh: nS
        theta: mV
        fine: mV
        i: pA

    class Ports(NamedTuple):
        exc: nS
        inh: nS
        current: pA

    def check(self):
        above_threshold(self)

    def rest(self):
        return self.State(v=self.E_L, ref=-1.0, g_exc=0.0, g_inh=0.0, theta=0.0, fine=0.0, i=0.0)

    def flow(self, s, dt):
        held = s.ref > 0.5 * dt
        g_e = s.g_exc * mean_decay(dt, self.tau_exc)
        g_i = s.g_inh * mean_decay(dt, self.tau_inh)
        v = relaxed(self, s, g_e, g_i, dt)
        # Of theta a step takes less than single precision can subtract; it is summed up until it counts (Kahan).
        change = s.theta * torch.expm1(-dt / self.tau_theta) - s.fine
        theta = s.theta + change
        return self.State(v=torch.where(held, s.v, v), ref=torch.where(held, s.ref - dt, -1.0),
                          g_exc=s.g_exc * torch.exp(-dt / self.tau_exc), g_inh=s.g_inh * torch.exp(-dt / self.tau_inh),
                          theta=theta, fine=(theta - s.theta) - change, i=s.i)

    def receive(self, s, x):
        return s._replace(g_exc=s.g_exc + x.exc, g_inh=s.g_inh + x.inh, i=x.current)

    def margin(self, s):
        threshold = self.V_th + s.theta
        return (s.v - threshold) / (threshold - self.V_reset)

    def reset(self, s, z):
        return s._replace(v=choose(z, self.V_reset, s.v), ref=choose(z, self.t_ref, s.ref),
                          theta=choose(z, s.theta + self.theta_plus, s.theta))

    def max_dt(self):
        return 0.5 * min(fastest(self.C_m) / slowest(self.g_L), fastest(self.tau_exc, self.tau_inh))
