"""A model that has everything that couplings can carry and reach, for tests."""
from dataclasses import dataclass
from typing import NamedTuple

import torch

from snn.contract import Neuron, Value, choose, param, unitless


@dataclass(frozen=True, kw_only=True, eq=False)
class Unit(Neuron):
    """Feels during the step (``p``, ``q``) and at its end (``r``, ``kick``); shows outputs that move, that stay, that
    are truth values or Python numbers. Nothing reads ``dead``, and ``stays`` never changes."""

    gain: Value = param(0.7, unit="1", doc="gain of an output")
    tau: Value = param(5.0, unit="ms", doc="time constant", above=0)

    coupled = ("p", "q")

    class State(NamedTuple):
        y: unitless
        p: unitless
        q: unitless
        u: unitless
        dead: unitless
        stays: unitless

    class Ports(NamedTuple):
        p: unitless
        q: unitless
        r: unitless
        kick: unitless

    class Outputs(NamedTuple):
        soft: unitless
        scaled: unitless
        product: unitless
        fixed: unitless
        number: unitless
        truth: unitless

    def rest(self):
        return self.State(0.1, 0.0, 0.0, 0.0, 3.0, 7.0)

    def couple(self, s, x):
        return s._replace(p=x.p, q=x.q)

    def flow(self, s, dt):
        y = s.y * torch.exp(-dt / self.tau) + dt * (s.p - 0.5 * torch.tanh(s.q) * s.y)
        return s._replace(y=y, u=s.u + 0.05 * dt, dead=2.0 * s.p + 1.0)

    def receive(self, s, x):
        return s._replace(y=s.y + 0.1 * torch.tanh(x.r) + x.kick)

    def margin(self, s):
        return s.y + s.u - 0.7

    def reset(self, s, z):
        return s._replace(y=choose(z, 0.0 * s.y, s.y), u=choose(z, 0.0 * s.u, s.u))

    def emit(self, s):
        return self.Outputs(soft=torch.tanh(s.y), scaled=self.gain * s.u, product=s.y * s.u, fixed=2.0 * self.gain,
                            number=1.5, truth=s.y > 0.0)
