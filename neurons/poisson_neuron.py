"""Neuron that fires at random at a rate given by its membrane potential."""
from dataclasses import dataclass
from typing import NamedTuple

import torch

from snn.contract import Neuron, Value, choose, ms, mV, pA, param, unitless


@dataclass(frozen=True, kw_only=True, eq=False)
class PoissonNeuron(Neuron):
    """Leaky integrator without threshold: an inhomogeneous Poisson process whose rate follows the potential.

    Formula
        tau_m dV/dt = -(V - E_L) + (tau_m / C_m) I,  solved exactly over a step;  V += x.delta
        r = max(c_1 (V - E_L) + c_2 exp(c_3 (V - E_L)), 0) in Hz
        In a step of dt ms it fires where p >= u: p = 1 - exp(-r dt / 1000), u = ``x.noise`` uniform in (0, 1], and
        not within dead_time of its last spike. At a spike V -= with_reset (V - E_L), all of it with 1 and none with 0.
        V goes on meanwhile. I is ``x.current`` of the step before.

    Shapes and units
        State: ``v`` mV, ``dead`` ms (time left without spikes; -1 when free), ``h`` ms (length of the step), ``u``
        unitless, ``i`` pA. Ports: ``delta`` mV, ``current`` pA, ``noise`` unitless, filled by the engine.
        The margin is p - u. Every field is a number or one value per neuron.

    Errors: ModelError for tau_m, C_m <= 0, dead_time, c_2, c_3 or with_reset < 0.

    Source: Cardanobile and Rotter (2010), J. Comput. Neurosci. 28:267-284; Jolivet, Rauch, Luescher, Gerstner (2006),
    J. Comput. Neurosci. 21:35-49; parameters of pp_psc_delta in NEST, without its adaptation (see :class:`GIF`).

    Example: ``PoissonNeuron(c_1=10.0, c_2=0.0)``
    """

    tau_m: Value = param(10.0, unit="ms", doc="membrane time constant", above=0)
    C_m: Value = param(250.0, unit="pF", doc="membrane capacitance", above=0)
    E_L: Value = param(0.0, unit="mV", doc="resting potential")
    dead_time: Value = param(1.0, unit="ms", doc="time without spikes after a spike", at_least=0)
    c_1: Value = param(0.0, unit="Hz/mV", doc="linear part of the rate")
    c_2: Value = param(1.238, unit="Hz", doc="exponential part of the rate at rest", at_least=0)
    c_3: Value = param(0.25, unit="1/mV", doc="growth of the exponential part", at_least=0)
    with_reset: Value = param(1.0, doc="part of the potential that a spike takes away", at_least=0)

    class State(NamedTuple):
        v: mV
        dead: ms
        h: ms
        u: unitless
        i: pA

    class Ports(NamedTuple):
        delta: mV
        current: pA
        noise: unitless

    def rest(self):
        return self.State(v=self.E_L, dead=-1.0, h=0.0, u=1.0, i=0.0)

    def flow(self, s, dt):
        v_inf = self.E_L + s.i * (self.tau_m / self.C_m)
        return self.State(v=v_inf + (s.v - v_inf) * torch.exp(-dt / self.tau_m),
                          dead=torch.where(s.dead > 0.5 * dt, s.dead - dt, -1.0), h=torch.full_like(s.h, dt),
                          u=s.u, i=s.i)

    def receive(self, s, x):
        return s._replace(v=s.v + x.delta, u=x.noise, i=x.current)

    def margin(self, s):
        v = s.v - self.E_L
        # The bound lies far beyond where p is 1 and keeps the exponential finite.
        rate = torch.relu(self.c_1 * v + self.c_2 * torch.exp(torch.clamp(self.c_3 * v, max=60.0)))
        p = 1.0 - torch.exp(rate * (s.h * -0.001))
        return torch.where(s.dead < -0.5, p, 0.0) - s.u

    def reset(self, s, z):
        return s._replace(v=choose(z, s.v - self.with_reset * (s.v - self.E_L), s.v),
                          dead=choose(z, self.dead_time, s.dead))
