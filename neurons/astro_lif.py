"""Leaky integrate-and-fire neuron with an astrocyte of its own: a slow trace of the membrane that adds to its drive."""
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import torch

from snn.contract import Neuron, Value, choose, mV, numbers, pA, param, unitless
from snn.errors import ModelError


@dataclass(frozen=True, kw_only=True, eq=False)
class AstrocyteLIF(Neuron):
    """Leaky integrate-and-fire neuron beside an astrocyte, which integrates its potential slowly and acts back on it.

    Formula
        tau_m dV/dt = -(V - E_L) + (tau_m / C_m) I,  tau_a da/dt = -a + k (tau_a / tau_m) (V - E_L),
        both solved exactly over a step;  V += (1 + x.gain) x.delta;  m = V + g a;  spike where m >= V_th, then
        V -= V_drop (soft reset; 0: none). An input spike of w leaves k w in the astrocyte, once the membrane forgot it.
        With V_drop = 0 a step is linear in the state, so that all steps can be computed at once
        (:class:`snn.train.Scan`); with g = 0 it then is a LIF without reset. I is ``x.current`` of the step before.
        ``x.gain`` is what the astrocytes around the synapses add to their strength (:class:`Astrocyte`).

    Shapes and units
        State: ``v``, ``a`` mV, ``i`` pA. Ports: ``delta`` mV, ``current`` pA, ``gain`` unitless, spikes or graded.
        Every field is a number or one value per neuron.

    Errors: ModelError for tau_m, C_m <= 0, tau_a <= tau_m, V_drop < 0, E_L >= V_th.

    Source: the equations are our own reading of the astrocyte-modulated spiking unit of "AstroSNN", of which only the
    abstract was at hand; the tripartite synapse is that of G. Perea, M. Navarrete, A. Araque (2009), Trends Neurosci.
    32:421-431.

    Example: ``AstrocyteLIF(tau_m=10.0, tau_a=200.0, g=0.5)``
    """

    tau_m: Value = param(20.0, unit="ms", doc="membrane time constant", above=0)
    tau_a: Value = param(200.0, unit="ms", doc="time constant of the astrocyte, above tau_m", above=0)
    C_m: Value = param(250.0, unit="pF", doc="membrane capacitance", above=0)
    E_L: Value = param(-70.0, unit="mV", doc="resting potential")
    V_th: Value = param(-55.0, unit="mV", doc="threshold of V + g a")
    V_drop: Value = param(15.0, unit="mV", doc="what a spike takes off the potential", at_least=0)
    k: Value = param(1.0, doc="how strongly the membrane drives the astrocyte")
    g: Value = param(0.2, doc="how strongly the astrocyte acts back")

    exact: ClassVar[bool] = True

    class State(NamedTuple):
        v: mV
        a: mV
        i: pA

    class Ports(NamedTuple):
        delta: mV
        current: pA
        gain: unitless

    def check(self):
        for low, high in (("tau_m", "tau_a"), ("E_L", "V_th")):
            _require_below(self, low, high)

    def rest(self):
        return self.State(v=self.E_L, a=0.0, i=0.0)

    def flow(self, s, dt):
        fast, slow = torch.exp(-dt / self.tau_m), torch.exp(-dt / self.tau_a)
        w_inf = s.i * (self.tau_m / self.C_m)
        above = s.v - self.E_L - w_inf
        # What is above the end value decays from the membrane into the astrocyte; the end value charges it.
        passed = above * (self.k * self.tau_a / (self.tau_a - self.tau_m) * (slow - fast))
        charged = w_inf * (-self.k * (self.tau_a / self.tau_m) * torch.expm1(-dt / self.tau_a))
        return s._replace(v=self.E_L + w_inf + above * fast, a=s.a * slow + passed + charged)

    def receive(self, s, x):
        return s._replace(v=s.v + (1.0 + x.gain) * x.delta, i=x.current)

    def margin(self, s):
        return (s.v + self.g * s.a - self.V_th) / (self.V_th - self.E_L)

    def reset(self, s, z):
        return s._replace(v=choose(z, s.v - self.V_drop, s.v))


def _require_below(model, low, high):
    a, b = numbers(getattr(model, low)), numbers(getattr(model, high))
    unit = type(model).__dataclass_fields__[high].metadata["unit"]
    try:
        a, b = np.broadcast_arrays(a, b)
    except ValueError:
        raise ModelError(f"{type(model).__name__}.{low}: has {a.size} values where {high} has {b.size}. Give one "
                         "number, or one value per neuron.") from None
    if not (a < b).all():
        bad = np.flatnonzero(~(a < b))[0]
        raise ModelError(f"{type(model).__name__}.{low}: is not below {high} ({a.flat[bad]:g} {unit} against "
                         f"{b.flat[bad]:g} {unit}). It must be below.")
