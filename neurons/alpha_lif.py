"""Leaky integrate-and-fire neuron with alpha-shaped synaptic currents."""
import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch

from snn.contract import Neuron, Value, choose, ms, mV, pA, param
from snn.neurons.lif import above_threshold

SERIES = [(-1.0) ** k / (math.factorial(k) * (k + 2)) for k in range(11)]


@dataclass(frozen=True, kw_only=True, eq=False)
class AlphaLIF(Neuron):
    """Current-based leaky integrate-and-fire neuron: every input spike starts a current that rises, then falls.

    Formula
        C_m dV/dt = -(C_m / tau_m)(V - E_L) + I_exc + I_inh + I
        tau_x dI_x/dt = y_x - I_x;  tau_x dy_x/dt = -y_x;  y_x += e x.exc or e x.inh
        A weight w gives the current w (e t / tau_x) exp(-t / tau_x): its peak, reached tau_x after the spike, is w.
        Solved exactly over a step, also where tau_x equals or comes close to tau_m.
        V >= V_th: V = V_reset, held for t_ref; the currents go on. Weights onto ``inh`` are negative for inhibition.

    Shapes and units
        State: ``v`` mV, ``ref`` ms (-1 when free), currents ``i_exc``, ``i_inh`` and what makes them rise ``y_exc``,
        ``y_inh`` pA, ``i`` pA. Ports: ``exc``, ``inh``, ``current`` pA.
        Every field is a number or one value per neuron.

    Errors: ModelError for time constants or C_m <= 0, t_ref < 0, V_reset >= V_th.

    Source: Rotter and Diesmann (1999), Biol. Cybern. 81:381-402; parameters of iaf_psc_alpha in NEST.

    Example: ``AlphaLIF(tau_exc=0.5, tau_inh=2.0)``
    """

    tau_m: Value = param(10.0, unit="ms", doc="membrane time constant", above=0)
    C_m: Value = param(250.0, unit="pF", doc="membrane capacitance", above=0)
    E_L: Value = param(-70.0, unit="mV", doc="resting potential")
    V_th: Value = param(-55.0, unit="mV", doc="threshold")
    V_reset: Value = param(-70.0, unit="mV", doc="potential after a spike")
    t_ref: Value = param(2.0, unit="ms", doc="refractory time", at_least=0)
    tau_exc: Value = param(2.0, unit="ms", doc="time to the peak of the excitatory current", above=0)
    tau_inh: Value = param(2.0, unit="ms", doc="time to the peak of the inhibitory current", above=0)

    exact: ClassVar[bool] = True

    class State(NamedTuple):
        v: mV
        ref: ms
        i_exc: pA
        y_exc: pA
        i_inh: pA
        y_inh: pA
        i: pA

    class Ports(NamedTuple):
        exc: pA
        inh: pA
        current: pA

    def check(self):
        above_threshold(self)

    def rest(self):
        return self.State(v=self.E_L, ref=-1.0, i_exc=0.0, y_exc=0.0, i_inh=0.0, y_inh=0.0, i=0.0)

    def flow(self, s, dt):
        held = s.ref > 0.5 * dt
        v_inf = self.E_L + s.i * (self.tau_m / self.C_m)
        v = (v_inf + (s.v - v_inf) * torch.exp(-dt / self.tau_m)
             + self.lifted(s.i_exc, s.y_exc, dt, self.tau_exc) + self.lifted(s.i_inh, s.y_inh, dt, self.tau_inh))
        i_exc, y_exc = alpha_flow(s.i_exc, s.y_exc, dt, self.tau_exc)
        i_inh, y_inh = alpha_flow(s.i_inh, s.y_inh, dt, self.tau_inh)
        return self.State(v=torch.where(held, s.v, v), ref=torch.where(held, s.ref - dt, -1.0),
                          i_exc=i_exc, y_exc=y_exc, i_inh=i_inh, y_inh=y_inh, i=s.i)

    def lifted(self, current, rising, dt, tau):
        """What an alpha current adds to the potential within ``dt``, in mV.

        With d = dt (1 / tau - 1 / tau_m): exp(-dt / tau_m) (dt / C_m) (M0(d) I + (dt / tau) M1(d) y),
        Mk(d) = integral of u^k exp(-d u) over 0 <= u <= 1.
        """
        d = dt * (1 / tau - 1 / self.tau_m)
        unit = torch.exp(-dt / self.tau_m) * (dt / self.C_m)
        # M0 = exp(-d) + d M1, by parts.
        return (current * (unit * (torch.exp(-d) + d * first_moment(d)))
                + rising * (unit * (dt / tau) * first_moment(d)))

    def receive(self, s, x):
        return s._replace(y_exc=s.y_exc + math.e * x.exc, y_inh=s.y_inh + math.e * x.inh, i=x.current)

    def margin(self, s):
        return (s.v - self.V_th) / (self.V_th - self.V_reset)

    def reset(self, s, z):
        return s._replace(v=choose(z, self.V_reset, s.v), ref=choose(z, self.t_ref, s.ref))


def alpha_flow(value, rising, dt, tau):
    """An alpha-shaped quantity and what makes it rise, ``dt`` later."""
    decay = torch.exp(-dt / tau)
    return value * decay + rising * ((dt / tau) * decay), rising * decay


def first_moment(d):
    """Integral of u exp(-d u) over 0 <= u <= 1: (1 - exp(-d) (1 + d)) / d^2, by its series where d is small."""
    near = torch.abs(d) < 0.25
    far = torch.where(near, 1.0, d)
    series = SERIES[-1]
    for c in SERIES[-2::-1]:
        series = series * d + c
    return torch.where(near, series, (1.0 - torch.exp(-far) * (1.0 + far)) / (far * far))
