"""Leaky integrate-and-fire neuron with an adaptive threshold."""
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch

from snn.contract import Neuron, Value, choose, ms, mV, numbers, pA, param, unitless
from snn.neurons.lif import above_threshold, at_rest_below, slowest


@dataclass(frozen=True, kw_only=True, eq=False)
class ALIF(Neuron):
    """Leaky integrate-and-fire neuron whose threshold rises with every spike and decays slowly.

    Formula
        tau_m dV/dt = -(V - E_L) + (tau_m / C_m) I;  tau_a da/dt = -a;  B = V_th + beta a;  V += x.delta;
        spike where V >= B, then V = V_reset, held for t_ref, and a += 1. V and a are solved exactly over a step.
        The margin is (V - B) / (B - V_reset), the normalised potential of the source.
        Two things differ from the source: V is reset to V_reset (there: reduced by B), and a spike adds beta (there:
        beta (1 - exp(-dt / tau_a)) / dt), so that beta is the rise of the threshold in mV whatever dt is.

    Shapes and units
        State: ``v`` mV, ``ref`` ms (-1 when free), ``a`` unitless, ``i`` pA. Ports: ``delta`` mV, ``current`` pA.
        Every field is a number or one value per neuron.

    Errors: ModelError for tau_m, tau_a, C_m <= 0, beta < 0, t_ref < 0, V_reset >= V_th.

    Source: Bellec, Salaj, Subramoney, Legenstein, Maass (2018), Advances in Neural Information Processing Systems 31.

    Example: ``ALIF(beta=2.0, tau_a=200.0)``
    """

    tau_m: Value = param(20.0, unit="ms", doc="membrane time constant", above=0)
    C_m: Value = param(250.0, unit="pF", doc="membrane capacitance", above=0)
    E_L: Value = param(-70.0, unit="mV", doc="resting potential")
    V_th: Value = param(-55.0, unit="mV", doc="threshold without adaptation")
    V_reset: Value = param(-70.0, unit="mV", doc="potential after a spike")
    t_ref: Value = param(2.0, unit="ms", doc="refractory time", at_least=0)
    beta: Value = param(2.0, unit="mV", doc="rise of the threshold at a spike", at_least=0)
    tau_a: Value = param(200.0, unit="ms", doc="time constant of the adaptation", above=0)

    exact: ClassVar[bool] = True

    class State(NamedTuple):
        v: mV
        ref: ms
        a: unitless
        i: pA

    class Ports(NamedTuple):
        delta: mV
        current: pA

    def check(self):
        above_threshold(self)

    def rest(self):
        return self.State(v=self.E_L, ref=-1.0, a=0.0, i=0.0)

    def flow(self, s, dt):
        held = s.ref > 0.5 * dt
        v_inf = self.E_L + s.i * (self.tau_m / self.C_m)
        v = torch.where(held, s.v, v_inf + (s.v - v_inf) * torch.exp(-dt / self.tau_m))
        return self.State(v=v, ref=torch.where(held, s.ref - dt, -1.0), a=s.a * torch.exp(-dt / self.tau_a), i=s.i)

    def receive(self, s, x):
        free = s.ref < -0.5
        return s._replace(v=torch.where(free, s.v + x.delta, s.v), i=x.current)

    def margin(self, s):
        threshold = self.V_th + self.beta * s.a
        return (s.v - threshold) / (threshold - self.V_reset)

    def reset(self, s, z):
        return s._replace(v=choose(z, self.V_reset, s.v), ref=choose(z, self.t_ref, s.ref),
                          a=choose(z, s.a + 1.0, s.a))

    def quiet(self):
        # A threshold that falls faster than the potential could meet it on the way down.
        slow = bool((numbers(self.tau_a) >= numbers(self.tau_m)).all())
        return slowest(self.t_ref) if slow and at_rest_below(self) else None
