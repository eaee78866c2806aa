"""Rate unit whose answer to its input is multiplied by a gain that others may modulate."""
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch

from snn.contract import Neuron, Value, param, unitless


@dataclass(frozen=True, kw_only=True, eq=False)
class GainModulated(Neuron):
    """Rate unit, graded and linear, with a gain: other units may drive it, and others may set how strongly it answers.

    Formula
        tau dr/dt = -leak r + (gain + x.gain) x.input,  solved exactly over a step, in which the inputs are constant;
        r += x.delta at a spike. ``leak`` 0 makes it an integrator. It never fires; it shows ``rate`` = r.
        With rates coupled by W: tau dr/dt = -r + g * (f + W r), which settles at (I - diag(g) W)^-1 diag(g) f.

    Shapes and units
        State: ``r``; ``u``, ``m``, the input and the modulation felt during a step. Ports: ``input``, ``gain``, graded,
        read as the step begins; ``delta``, spikes. Outputs: ``rate``. All without unit but tau in ms. Every field is a
        number or one value per neuron.

    Errors: ModelError for tau <= 0, leak < 0.

    Source: E. Salinas, P. Thier (2000), Neuron 27:15-21 (gain modulation); its use in circuits: L. R. Duong et al.
    (2023), arXiv:2301.11955 and arXiv:2308.16079.

    Example: ``GainModulated(tau=5.0, gain=0.5)``
    """

    tau: Value = param(10.0, unit="ms", doc="time constant", above=0)
    gain: Value = param(1.0, doc="gain without modulation")
    leak: Value = param(1.0, doc="how fast the rate is forgotten, in units of 1 / tau", at_least=0)

    exact: ClassVar[bool] = True
    coupled: ClassVar[tuple] = ("input", "gain")

    class State(NamedTuple):
        r: unitless
        u: unitless
        m: unitless

    class Ports(NamedTuple):
        input: unitless
        gain: unitless
        delta: unitless

    class Outputs(NamedTuple):
        rate: unitless

    def rest(self):
        return self.State(r=0.0, u=0.0, m=0.0)

    def couple(self, s, x):
        return s._replace(u=x.input, m=x.gain)

    def flow(self, s, dt):
        share = leaky_share(self.leak, dt / self.tau)
        return s._replace(r=s.r * torch.exp(-self.leak * (dt / self.tau)) + (self.gain + s.m) * s.u * share)

    def receive(self, s, x):
        return s._replace(r=s.r + x.delta)

    def emit(self, s):
        return self.Outputs(rate=s.r)


def leaky_share(leak, steps):
    """Integral of exp(-leak t) over 0 <= t <= ``steps``; ``steps`` itself where the leak is 0."""
    safe = torch.where(leak > 0, leak, 1.0)
    return torch.where(leak > 0, -torch.expm1(-safe * steps) / safe, steps)
