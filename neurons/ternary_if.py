"""Integrate-and-fire neuron with spikes of either sign."""
from dataclasses import dataclass
from typing import NamedTuple

import torch

from snn.contract import Neuron, Value, choose, mV, pA, param, unitless


@dataclass(frozen=True, kw_only=True, eq=False)
class TernaryIF(Neuron):
    """Perfect integrator that fires +1 at a threshold and -1 at its mirror image, with a soft reset.

    Formula
        C_m dV/dt = I,  solved exactly over a step;  V += x.delta;  spike where |V| >= V_th, then out = sign(V) and
        V -= V_th sign(V); else out = 0. No charge is lost: V_th (sum of all out) + V is the sum of all inputs.
        I is ``x.current`` of the step before, constant during a step.
        The event tells that the neuron fired, ``out`` tells how: ``net.couple(pre, post, rule, values={"delta":
        "out"})`` hands signed spikes on. What is left may exceed the threshold; then it fires in the next step too.

    Shapes and units
        State: ``v`` mV, ``i`` pA, ``out`` -1, 0 or 1. Ports: ``delta`` mV, ``current`` pA. Output: ``out``.
        Every field is a number or one value per neuron. ``Layer(..., emit="out")`` gives signed spikes.

    Errors: ModelError for C_m or V_th <= 0.

    Source: Y. Guo, Y. Chen, X. Liu, W. Peng, Y. Zhang, X. Huang, Z. Ma (2024), "Ternary spike: learning ternary spikes
    for spiking neural networks", AAAI, there with a leak and a hard reset; the soft reset is that of ``SoftLIF``.

    Example: ``TernaryIF(V_th=1.0, C_m=1.0)``
    """

    C_m: Value = param(250.0, unit="pF", doc="membrane capacitance", above=0)
    V_th: Value = param(15.0, unit="mV", doc="threshold, from rest at 0", above=0)

    class State(NamedTuple):
        v: mV
        i: pA
        out: unitless

    class Ports(NamedTuple):
        delta: mV
        current: pA

    class Outputs(NamedTuple):
        out: unitless

    def rest(self):
        return self.State(v=0.0, i=0.0, out=0.0)

    def flow(self, s, dt):
        return s._replace(v=s.v + s.i * (dt / self.C_m))

    def receive(self, s, x):
        return self.State(v=s.v + x.delta, i=x.current, out=torch.zeros_like(s.out))

    def margin(self, s):
        return torch.abs(s.v) / self.V_th - 1.0

    def reset(self, s, z):
        one = torch.ones_like(s.v)
        sign = torch.where(s.v < 0.0, -one, one)
        return s._replace(v=choose(z, s.v - sign * self.V_th, s.v), out=choose(z, sign, 0.0))

    def emit(self, s):
        return self.Outputs(out=s.out)
