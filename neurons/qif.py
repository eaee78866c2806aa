"""Quadratic integrate-and-fire neuron."""
from dataclasses import dataclass
from typing import NamedTuple

import torch

from snn.contract import Neuron, Value, choose, ms, mV, pA, param
from snn.neurons.lif import fastest, require_below


@dataclass(frozen=True, kw_only=True, eq=False)
class QIF(Neuron):
    """Quadratic integrate-and-fire neuron: the simplest model whose own dynamics make the spike (type I excitability).

    Formula
        tau_m dV/dt = (V - E_L)(V - V_T) / (V_T - E_L) + (tau_m / C_m) I;  V += x.delta
        V >= V_peak: V = V_reset, held for t_ref (inputs that arrive meanwhile are lost). I is ``x.current`` of the
        step before. With x = V - (E_L + V_T) / 2 this is dx/dt = a x^2 + b, whose flow over dt is the fraction
        (x + b T) / (1 - a x T), T = tan(w dt) / w, w^2 = a b (tanh where a b < 0). T is taken as
        dt (15 - q) / (15 - 6 q), q = a b dt^2, in error by dt q^3 / 1575: the step is of order six, stable for any
        dt, and goes through the pole of the fraction: there V is set to V_peak.
        Constant I above C_m (V_T - E_L) / (4 tau_m) makes it fire with the period
        (atan(k (V_peak - m)) - atan(k (V_reset - m))) / sqrt(a b), m = (E_L + V_T) / 2, k = sqrt(a / b).

    Shapes and units
        State: ``v`` mV, ``ref`` ms (-1 when free), ``i`` pA. Ports: ``delta`` mV, ``current`` pA.
        Every field is a number or one value per neuron.

    Errors: ModelError for tau_m, C_m <= 0, t_ref < 0, E_L >= V_T, V_T or V_reset >= V_peak. A step above half of tau_m
    is refused.

    Source: Latham, Richmond, Nelson, Nirenberg (2000), J. Neurophysiol. 83:808-827 (tau_m, E_L, V_T; peak and reset are
    infinite there; the capacitance only scales the current); Ermentrout and Kopell (1986), SIAM J. Appl. Math. 46:233.

    Example: ``QIF(V_peak=100.0, V_reset=-200.0)``
    """

    tau_m: Value = param(10.0, unit="ms", doc="membrane time constant at rest", above=0)
    C_m: Value = param(100.0, unit="pF", doc="membrane capacitance", above=0)
    E_L: Value = param(-65.0, unit="mV", doc="resting potential")
    V_T: Value = param(-50.0, unit="mV", doc="potential above which V rises by itself")
    V_peak: Value = param(30.0, unit="mV", doc="potential at which a spike is counted")
    V_reset: Value = param(-70.0, unit="mV", doc="potential after a spike")
    t_ref: Value = param(0.0, unit="ms", doc="refractory time", at_least=0)

    class State(NamedTuple):
        v: mV
        ref: ms
        i: pA

    class Ports(NamedTuple):
        delta: mV
        current: pA

    def check(self):
        require_below(self, "E_L", "V_T")
        require_below(self, "V_T", "V_peak")
        require_below(self, "V_reset", "V_peak")

    def rest(self):
        return self.State(v=self.E_L, ref=-1.0, i=0.0)

    def flow(self, s, dt):
        held = s.ref > 0.5 * dt
        middle, half = 0.5 * (self.E_L + self.V_T), 0.5 * (self.V_T - self.E_L)
        a = 0.5 / (self.tau_m * half)
        x, b = s.v - middle, s.i * (1.0 / self.C_m) - a * half * half
        q = b * (a * dt * dt)
        up, down = dt * (15.0 - q), 15.0 - 6.0 * q
        above, below = x * down + b * up, down - a * x * up
        # Compared without the division, which may overflow near the pole.
        stays = (below > 0) & (above < (self.V_peak - middle) * below)
        v = torch.where(stays, middle + above / torch.where(stays, below, 1.0), self.V_peak)
        return self.State(v=torch.where(held, s.v, v), ref=torch.where(held, s.ref - dt, -1.0), i=s.i)

    def receive(self, s, x):
        free = s.ref < -0.5
        return self.State(v=torch.where(free, s.v + x.delta, s.v), ref=s.ref, i=x.current)

    def margin(self, s):
        return (s.v - self.V_peak) / (self.V_peak - self.V_reset)

    def reset(self, s, z):
        return self.State(v=choose(z, self.V_reset, s.v), ref=choose(z, self.t_ref, s.ref), i=s.i)

    def max_dt(self):
        return 0.5 * fastest(self.tau_m)
