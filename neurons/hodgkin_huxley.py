"""Hodgkin-Huxley neuron with the kinetics of Traub and Miles, and exponential synaptic conductances."""
import math
from dataclasses import dataclass
from typing import NamedTuple

import torch

from snn.contract import Neuron, Value, mV, nS, pA, param, unitless
from snn.neurons.coba_lif import mean_decay
from snn.neurons.lif import fastest, require_below

E8, E3, E13_4, E1_4 = (math.exp(y) for y in (8.0, 3.0, 3.25, 0.25))


@dataclass(frozen=True, kw_only=True, eq=False)
class HodgkinHuxley(Neuron):
    """Hodgkin-Huxley neuron of hippocampus and cortex: sodium and potassium currents make the spike, nothing resets V.

    Formula
        C_m dV/dt = -g_L (V - E_L) - g_Na m^3 h (V - E_Na) - g_K n^4 (V - E_K)
                    - g_exc (V - E_exc) - g_inh (V - E_inh) + I
        dx/dt = alpha_x (1 - x) - beta_x x for x = m, h, n, in 1/ms, with U = V - V_T and q(y) = y / (exp(y) - 1):
        alpha_m = 1.28 q((13 - U) / 4),      beta_m = 1.4 q((U - 40) / 5),
        alpha_h = 0.128 exp((17 - U) / 18),  beta_h = 4 / (1 + exp((40 - U) / 5)),
        alpha_n = 0.16 q((15 - U) / 5),      beta_n = 0.5 exp((10 - U) / 40)
        tau_x dg_x/dt = -g_x;  g_x += x.exc or x.inh (weights >= 0).
        Every equation is solved exactly over a step with the others held (Rush and Larsen): gates with V of the step's
        begin, then V with the new gates and the mean conductances. Gates and V so are half a step apart, which makes
        the scheme one of second order (Hines). A spike is counted where V crosses V_th upward, once per action
        potential: V was below V_th one step before. The rates are those of U within +-150 mV.
        It is at rest up to a current that is the first maximum of the steady current over V (a saddle-node on a cycle);
        with V_T = -63 mV this is -32 pA, the neuron fires by itself, with V_T = -55 mV it is 50 pA.

    Shapes and units
        State: ``v`` and ``last`` (V one step before) mV, gates ``m``, ``h``, ``n`` unitless, ``g_exc``, ``g_inh`` nS,
        ``i`` pA. Ports: ``exc``, ``inh`` nS, ``current`` pA. Every field is a number or one value per neuron.

    Errors: ModelError for C_m, g_L or a time constant <= 0, g_Na or g_K < 0, E_L >= V_th. A step above 0.5 ms or half
    of tau_exc, tau_inh is refused; 0.1 ms or less is advisable.

    Source: Traub and Miles (1991), Neuronal Networks of the Hippocampus; Brette et al. (2007), J. Comput. Neurosci.
    23:349-398, benchmark 3; Hines (1984), Int. J. Biomed. Comput. 15:69-76.

    Example: ``HodgkinHuxley()`` has the parameters of that benchmark.
    """

    C_m: Value = param(200.0, unit="pF", doc="membrane capacitance", above=0)
    g_L: Value = param(10.0, unit="nS", doc="leak conductance", above=0)
    E_L: Value = param(-60.0, unit="mV", doc="leak reversal potential")
    g_Na: Value = param(20000.0, unit="nS", doc="largest sodium conductance", at_least=0)
    E_Na: Value = param(50.0, unit="mV", doc="sodium reversal potential")
    g_K: Value = param(6000.0, unit="nS", doc="largest potassium conductance", at_least=0)
    E_K: Value = param(-90.0, unit="mV", doc="potassium reversal potential")
    V_T: Value = param(-63.0, unit="mV", doc="shift of the kinetics, which sets the threshold")
    V_th: Value = param(-20.0, unit="mV", doc="potential whose upward crossing counts as a spike")
    E_exc: Value = param(0.0, unit="mV", doc="excitatory reversal potential")
    E_inh: Value = param(-80.0, unit="mV", doc="inhibitory reversal potential")
    tau_exc: Value = param(5.0, unit="ms", doc="time constant of the excitatory conductance", above=0)
    tau_inh: Value = param(10.0, unit="ms", doc="time constant of the inhibitory conductance", above=0)

    class State(NamedTuple):
        v: mV
        last: mV
        m: unitless
        h: unitless
        n: unitless
        g_exc: nS
        g_inh: nS
        i: pA

    class Ports(NamedTuple):
        exc: nS
        inh: nS
        current: pA

    def check(self):
        require_below(self, "E_L", "V_th")

    def rest(self):
        # Gates in equilibrium at E_L, which is a resting state only where E_L lies far below V_T + 13.
        u = self.E_L - self.V_T
        u = u if isinstance(u, torch.Tensor) else torch.as_tensor(u, dtype=torch.float64)
        steady = [a / (a + b) for a, b in rates(u)]
        return self.State(self.E_L, self.E_L, *steady, g_exc=0.0, g_inh=0.0, i=0.0)

    def flow(self, s, dt):
        m, h, n = (relaxed(x, a, b, dt) for x, (a, b) in zip((s.m, s.h, s.n), rates(s.v - self.V_T), strict=True))
        n2 = n * n
        g_na, g_k = self.g_Na * m * m * m * h, self.g_K * n2 * n2
        g_e = s.g_exc * mean_decay(dt, self.tau_exc)
        g_i = s.g_inh * mean_decay(dt, self.tau_inh)
        g = self.g_L + g_na + g_k + g_e + g_i
        v_inf = (self.g_L * self.E_L + s.i + g_na * self.E_Na + g_k * self.E_K
                 + g_e * self.E_exc + g_i * self.E_inh) / g
        return self.State(v=v_inf + (s.v - v_inf) * torch.exp(-(dt / self.C_m) * g), last=s.v, m=m, h=h, n=n,
                          g_exc=s.g_exc * torch.exp(-dt / self.tau_exc),
                          g_inh=s.g_inh * torch.exp(-dt / self.tau_inh), i=s.i)

    def receive(self, s, x):
        return s._replace(g_exc=s.g_exc + x.exc, g_inh=s.g_inh + x.inh, i=x.current)

    def margin(self, s):
        return torch.where(s.last < self.V_th, (s.v - self.V_th) / (self.V_th - self.E_L), -1.0)

    def max_dt(self):
        return min(0.5, 0.5 * fastest(self.tau_exc, self.tau_inh))


def rates(u):
    """(alpha, beta) of m, h and n in 1/ms at U. All exponentials but one are powers of exp(-U / 40)."""
    u = torch.clamp(u, -150.0, 150.0)
    root = torch.exp(u * -0.025)
    root2 = root * root
    fifth = root2 * root2 * root2 * root2
    quarter = fifth * root2
    back = fifth * E8
    return ((1.28 * q((13.0 - u) * 0.25, quarter * E13_4), 1.4 * q((u - 40.0) * 0.2, 1.0 / back)),
            (0.128 * torch.exp((17.0 - u) * (1.0 / 18.0)), 4.0 / (1.0 + back)),
            (0.16 * q((15.0 - u) * 0.2, fifth * E3), root * (0.5 * E1_4)))


def q(y, exponential):
    """y / (exp(y) - 1), given exp(y); around its removable singularity at 0 the series of it."""
    near = torch.abs(y) < 0.05
    square = y * y
    series = 1.0 - 0.5 * y + square * (1.0 / 12.0 - square * (1.0 / 720.0))
    return torch.where(near, series, y / torch.where(near, 1.0, exponential - 1.0))


def relaxed(x, alpha, beta, dt):
    """The gate ``x`` after ``dt`` at constant rates."""
    total = alpha + beta
    steady = alpha / total
    return steady + (x - steady) * torch.exp(-dt * total)
