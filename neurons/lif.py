"""Leaky integrate-and-fire neuron with delta synapses."""
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import torch

from snn.contract import Neuron, Value, choose, ms, mV, numbers, pA, param
from snn.errors import ModelError


@dataclass(frozen=True, kw_only=True, eq=False)
class LIF(Neuron):
    """Leaky integrate-and-fire neuron; an input spike steps the membrane potential.

    Formula
        tau_m dV/dt = -(V - E_L) + (tau_m / C_m) I,  solved exactly over a step;  V += x.delta;
        spike where V >= V_th, then V = V_reset and V is held for t_ref (inputs that arrive meanwhile are lost).
        I is ``x.current`` of the step before, constant during a step. t_ref acts as the nearest whole number of steps.

    Shapes and units
        State: ``v`` mV, ``ref`` ms (time left to be held; -1 when free), ``i`` pA. Ports: ``delta`` mV, ``current`` pA.
        Every field is a number or one value per neuron.

    Errors: ModelError for tau_m, C_m <= 0, t_ref < 0, V_reset >= V_th.

    Source: N. Brunel (2000), J. Comput. Neurosci. 8:183-208; exact solution as in Rotter and Diesmann (1999).

    Example: ``LIF(tau_m=20.0, V_th=20.0, V_reset=10.0, E_L=0.0, t_ref=2.0)``
    """

    tau_m: Value = param(20.0, unit="ms", doc="membrane time constant", above=0)
    C_m: Value = param(250.0, unit="pF", doc="membrane capacitance", above=0)
    E_L: Value = param(-70.0, unit="mV", doc="resting potential")
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
        decay = torch.exp(-dt / self.tau_m)
        v_inf = self.E_L + s.i * (self.tau_m / self.C_m)
        v = torch.where(held, s.v, v_inf + (s.v - v_inf) * decay)
        return self.State(v=v, ref=torch.where(held, s.ref - dt, -1.0), i=s.i)

    def receive(self, s, x):
        free = s.ref < -0.5
        return self.State(v=torch.where(free, s.v + x.delta, s.v), ref=s.ref, i=x.current)

    def margin(self, s):
        return (s.v - self.V_th) / (self.V_th - self.V_reset)

    def reset(self, s, z):
        return self.State(v=choose(z, self.V_reset, s.v), ref=choose(z, self.t_ref, s.ref), i=s.i)

    def quiet(self):
        return slowest(self.t_ref) if at_rest_below(self) else None


def slowest(*values):
    """The largest number in parameters that are numbers, arrays or tensors, as a float."""
    return max(float(numbers(x).max()) for x in values)


def fastest(*values):
    """The smallest number in parameters that are numbers, arrays or tensors, as a float."""
    return min(float(numbers(x).min()) for x in values)


def require_below(model, low, high):
    """Raise where the parameter named ``low`` is not below the one named ``high``, for every neuron."""
    a, b = numbers(getattr(model, low)), numbers(getattr(model, high))
    if a.ndim and b.ndim and a.shape != b.shape:
        raise ModelError(f"{type(model).__name__}.{low}: has {a.size} values where {high} has {b.size}. "
                         "Give one number, or one value per neuron.")
    a, b = np.broadcast_arrays(a, b)
    if not (a < b).all():
        bad = np.flatnonzero(~(a < b))[0]
        raise ModelError(f"{type(model).__name__}.{low}: is not below {high} ({a.flat[bad]:g} mV against "
                         f"{b.flat[bad]:g} mV). It must be below {high}.")


def above_threshold(model):
    """Raise where a model's reset is not below its threshold."""
    require_below(model, "V_reset", "V_th")


def at_rest_below(model):
    """Whether the resting potential lies below threshold, so that a neuron without input never fires."""
    return bool((numbers(model.E_L) < numbers(model.V_th)).all())
