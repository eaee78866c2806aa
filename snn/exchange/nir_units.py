"""Units that exist in NIR and not in the catalogue: integrators, and a threshold without memory.

They are read from a graph and written back. All take the bare weights as input, as the catalogue's LIF does: what NIR
calls r is put into the weights before them.
"""
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch

from snn.contract import Neuron, Value, mV, param


class _Unit(Neuron):
    """A unit with one potential and one input."""

    class State(NamedTuple):
        v: mV

    class Ports(NamedTuple):
        delta: mV

    def receive(self, s, x):
        return self.State(v=s.v + x.delta)


@dataclass(frozen=True, kw_only=True, eq=False)
class LeakyIntegrator(_Unit):
    """NIR's LI: ``tau dv/dt = E_L - v``, solved exactly over a step; ``v += x.delta``; it never fires.

    Units: ``v``, ``E_L`` and inputs mV, ``tau`` ms. Errors: ModelError for tau <= 0.
    Example: ``LeakyIntegrator(tau=20.0, E_L=0.1)``
    """

    tau: Value = param(20.0, unit="ms", doc="time constant", above=0)
    E_L: Value = param(0.0, unit="mV", doc="potential at rest")

    exact: ClassVar[bool] = True

    def rest(self):
        return self.State(v=self.E_L)

    def flow(self, s, dt):
        return self.State(v=self.E_L + (s.v - self.E_L) * torch.exp(-dt / self.tau))

    def quiet(self):
        return 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Integrator(_Unit):
    """NIR's I: the sum of all inputs, ``v += x.delta``; it never fires. Units: mV. Example: ``Integrator()``"""

    exact: ClassVar[bool] = True

    def rest(self):
        return self.State(v=0.0)

    def quiet(self):
        return 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class CurrentIntegrator(Neuron):
    """NIR's CubaLI: a leaky integrator of a decaying current; it never fires.

    Formula: in every step ``i <- i exp(-dt / tau_syn) + x.delta``, then ``v <- E_L + (v - E_L) exp(-dt / tau_m) + i``.

    Units: ``v``, ``E_L``, inputs mV, ``i`` mV per step, time constants ms. Errors: ModelError for time constants <= 0.
    Example: ``CurrentIntegrator(tau_m=20.0, tau_syn=5.0)``
    """

    tau_m: Value = param(20.0, unit="ms", doc="time constant of the potential", above=0)
    tau_syn: Value = param(5.0, unit="ms", doc="time constant of the current", above=0)
    E_L: Value = param(0.0, unit="mV", doc="potential at rest")

    class State(NamedTuple):
        v: mV
        i: mV

    class Ports(NamedTuple):
        delta: mV

    def rest(self):
        return self.State(v=self.E_L, i=0.0)

    def flow(self, s, dt):
        i = s.i * torch.exp(-dt / self.tau_syn)
        return self.State(v=self.E_L + (s.v - self.E_L) * torch.exp(-dt / self.tau_m) + i, i=i)

    def receive(self, s, x):
        return self.State(v=s.v + x.delta, i=s.i + x.delta)


@dataclass(frozen=True, kw_only=True, eq=False)
class Threshold(_Unit):
    """NIR's Threshold: fires in a step whose inputs add up to ``V_th`` or more, and keeps nothing for the next.

    Units: mV. Errors: ModelError for V_th <= 0, with which it would fire all the time. Example: ``Threshold(V_th=0.5)``
    """

    V_th: Value = param(1.0, unit="mV", doc="threshold", above=0)

    def rest(self):
        return self.State(v=0.0)

    def flow(self, s, dt):
        return self.State(v=torch.zeros_like(s.v))

    def margin(self, s):
        return (s.v - self.V_th) / self.V_th
