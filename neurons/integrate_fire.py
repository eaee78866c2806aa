"""Integrate-and-fire neuron without leak."""
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch

from snn.contract import Neuron, Value, choose, ms, mV, pA, param
from snn.neurons.lif import above_threshold, at_rest_below, slowest


@dataclass(frozen=True, kw_only=True, eq=False)
class IF(Neuron):
    """Perfect integrator with a threshold; an input spike steps the membrane potential.

    Formula
        C_m dV/dt = I,  solved exactly over a step;  V += x.delta;
        spike where V >= V_th, then V = V_reset, held for t_ref (inputs that arrive meanwhile are lost).
        I is ``x.current`` of the step before, constant during a step. E_L is only the potential at the start.

    Shapes and units
        State: ``v`` mV, ``ref`` ms (-1 when free), ``i`` pA. Ports: ``delta`` mV, ``current`` pA.
        Every field is a number or one value per neuron.

    Errors: ModelError for C_m <= 0, t_ref < 0, V_reset >= V_th.

    Source: L. Lapicque (1907), J. Physiol. Pathol. Gen. 9:620-635, without its leak; Gerstner, Kistler, Naud, Paninski
    (2014), Neuronal Dynamics, chapter 1.

    Example: ``IF(C_m=1.0, E_L=0.0, V_th=1.0, V_reset=0.0, t_ref=0.0)``
    """

    C_m: Value = param(250.0, unit="pF", doc="membrane capacitance", above=0)
    E_L: Value = param(-70.0, unit="mV", doc="potential at the start")
    V_th: Value = param(-55.0, unit="mV", doc="threshold")
    V_reset: Value = param(-70.0, unit="mV", doc="potential after a spike")
    t_ref: Value = param(2.0, unit="ms", doc="refractory time", at_least=0)

    exact: ClassVar[bool] = True

    class State(NamedTuple):
        v: mV
        ref: ms
        i: pA

    class Ports(NamedTuple):
        delta: mV
        current: pA

    def check(self):
        above_threshold(self)

    def rest(self):
        return self.State(v=self.E_L, ref=-1.0, i=0.0)

    def flow(self, s, dt):
        held = s.ref > 0.5 * dt
        return self.State(v=torch.where(held, s.v, s.v + s.i * (dt / self.C_m)),
                          ref=torch.where(held, s.ref - dt, -1.0), i=s.i)

    def receive(self, s, x):
        free = s.ref < -0.5
        return self.State(v=torch.where(free, s.v + x.delta, s.v), ref=s.ref, i=x.current)

    def margin(self, s):
        return (s.v - self.V_th) / (self.V_th - self.V_reset)

    def reset(self, s, z):
        return self.State(v=choose(z, self.V_reset, s.v), ref=choose(z, self.t_ref, s.ref), i=s.i)

    def quiet(self):
        return slowest(self.t_ref) if at_rest_below(self) else None
