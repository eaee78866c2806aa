"""Generalised integrate-and-fire neuron with escape noise."""
from dataclasses import dataclass
from typing import NamedTuple

import torch

from snn.contract import Neuron, Value, choose, ms, mV, pA, param, unitless
from snn.neurons.cuba_lif import psp


@dataclass(frozen=True, kw_only=True, eq=False)
class GIF(Neuron):
    """Generalised integrate-and-fire neuron: fires at random, the likelier the higher V lies above a moving threshold.

    Formula
        C_m dV/dt = -g_L (V - E_L) - stc_1 - stc_2 + I_exc + I_inh + I;  tau_x dI_x/dt = -I_x;  I_x += x.exc or x.inh
        lambda = lambda_0 exp((V - V_T_star - sfa_1 - sfa_2) / Delta_V)
        In a step of dt ms it fires where p >= u: p = 1 - exp(-lambda dt / 1000), u = ``x.noise`` uniform in (0, 1].
        At a spike V = V_reset, held for t_ref without spikes; stc_k += q_stc_k, sfa_k += q_sfa_k; these decay
        with tau_stc_k and tau_sfa_k, and go on meanwhile as the currents do. V and all else is solved exactly over a
        step; lambda takes its value at the end. Weights onto ``inh`` are negative for inhibition.

    Shapes and units
        State: ``v`` mV, ``ref`` ms (-1 when free), spike-triggered currents ``stc_1``, ``stc_2`` pA, parts of the
        threshold ``sfa_1``, ``sfa_2`` mV, ``i_exc``, ``i_inh``, ``i`` pA, ``p``, ``u`` unitless (of the last step).
        Ports: ``exc``, ``inh``, ``current`` pA, ``noise`` unitless, filled by the engine. The margin is p - u.
        Every field is a number or one value per neuron.

    Errors: ModelError for C_m, g_L, Delta_V, lambda_0 or a time constant <= 0, t_ref < 0.

    Source: Mensi, Naud, Pozzorini, Avermann, Petersen, Gerstner (2012), J. Neurophysiol. 107:1756-1775; Pozzorini et
    al. (2015), PLoS Comput. Biol. 11:e1004275; parameters of the population example of gif_psc_exp in NEST, whose
    spike-triggered currents are constant during a step and whose threshold is that of the step before.

    Example: ``GIF(Delta_V=0.5)``
    """

    C_m: Value = param(83.1, unit="pF", doc="membrane capacitance", above=0)
    g_L: Value = param(3.7, unit="nS", doc="leak conductance", above=0)
    E_L: Value = param(-67.0, unit="mV", doc="leak reversal potential")
    V_reset: Value = param(-36.7, unit="mV", doc="potential after a spike")
    t_ref: Value = param(4.0, unit="ms", doc="refractory time", at_least=0)
    V_T_star: Value = param(-39.6, unit="mV", doc="threshold without spikes")
    Delta_V: Value = param(1.4, unit="mV", doc="sharpness of the threshold", above=0)
    lambda_0: Value = param(1.0, unit="Hz", doc="rate at threshold", above=0)
    q_stc_1: Value = param(56.7, unit="pA", doc="first current added by a spike")
    q_stc_2: Value = param(-6.9, unit="pA", doc="second current added by a spike")
    tau_stc_1: Value = param(57.8, unit="ms", doc="time constant of the first current", above=0)
    tau_stc_2: Value = param(218.2, unit="ms", doc="time constant of the second current", above=0)
    q_sfa_1: Value = param(11.7, unit="mV", doc="first rise of the threshold at a spike")
    q_sfa_2: Value = param(1.8, unit="mV", doc="second rise of the threshold at a spike")
    tau_sfa_1: Value = param(53.8, unit="ms", doc="time constant of the first rise", above=0)
    tau_sfa_2: Value = param(640.0, unit="ms", doc="time constant of the second rise", above=0)
    tau_exc: Value = param(10.0, unit="ms", doc="time constant of the excitatory current", above=0)
    tau_inh: Value = param(2.0, unit="ms", doc="time constant of the inhibitory current", above=0)

    class State(NamedTuple):
        v: mV
        ref: ms
        stc_1: pA
        stc_2: pA
        sfa_1: mV
        sfa_2: mV
        i_exc: pA
        i_inh: pA
        i: pA
        p: unitless
        u: unitless

    class Ports(NamedTuple):
        exc: pA
        inh: pA
        current: pA
        noise: unitless

    def rest(self):
        return self.State(v=self.E_L, ref=-1.0, stc_1=0.0, stc_2=0.0, sfa_1=0.0, sfa_2=0.0, i_exc=0.0, i_inh=0.0,
                          i=0.0, p=0.0, u=1.0)

    def flow(self, s, dt):
        held, tau_m = s.ref > 0.5 * dt, self.C_m / self.g_L
        v_inf = self.E_L + s.i * (1.0 / self.g_L)
        v = (v_inf + (s.v - v_inf) * torch.exp(-dt / tau_m)
             + s.i_exc * psp(dt, tau_m, self.tau_exc, self.C_m) + s.i_inh * psp(dt, tau_m, self.tau_inh, self.C_m)
             - s.stc_1 * psp(dt, tau_m, self.tau_stc_1, self.C_m) - s.stc_2 * psp(dt, tau_m, self.tau_stc_2, self.C_m))
        sfa_1, sfa_2 = s.sfa_1 * torch.exp(-dt / self.tau_sfa_1), s.sfa_2 * torch.exp(-dt / self.tau_sfa_2)
        # The bound lies far beyond where p is 1 and keeps the exponential finite.
        level = torch.clamp((v - self.V_T_star - sfa_1 - sfa_2) * (1.0 / self.Delta_V), max=60.0)
        p = 1.0 - torch.exp(torch.exp(level) * (self.lambda_0 * (dt * -0.001)))
        return self.State(v=torch.where(held, s.v, v), ref=torch.where(held, s.ref - dt, -1.0),
                          stc_1=s.stc_1 * torch.exp(-dt / self.tau_stc_1),
                          stc_2=s.stc_2 * torch.exp(-dt / self.tau_stc_2), sfa_1=sfa_1, sfa_2=sfa_2,
                          i_exc=s.i_exc * torch.exp(-dt / self.tau_exc),
                          i_inh=s.i_inh * torch.exp(-dt / self.tau_inh), i=s.i, p=torch.where(held, 0.0, p), u=s.u)

    def receive(self, s, x):
        return s._replace(i_exc=s.i_exc + x.exc, i_inh=s.i_inh + x.inh, i=x.current, u=x.noise)

    def margin(self, s):
        return s.p - s.u

    def reset(self, s, z):
        return s._replace(v=choose(z, self.V_reset, s.v), ref=choose(z, self.t_ref, s.ref),
                          stc_1=choose(z, s.stc_1 + self.q_stc_1, s.stc_1),
                          stc_2=choose(z, s.stc_2 + self.q_stc_2, s.stc_2),
                          sfa_1=choose(z, s.sfa_1 + self.q_sfa_1, s.sfa_1),
                          sfa_2=choose(z, s.sfa_2 + self.q_sfa_2, s.sfa_2))
