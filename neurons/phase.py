"""What all phase oscillators have in common: ports, outputs, the coupling ahead of time, and whole turns."""
import math
from typing import Annotated, Any, ClassVar, NamedTuple

import torch

from snn.contract import Neuron, choose, unitless

TURN = 2.0 * math.pi

rad = Annotated[Any, "rad"]
rad_per_ms = Annotated[Any, "rad/ms"]


class PhaseOscillator(Neuron):
    """Base of oscillators with a phase ``theta`` and the states ``pull_sin``, ``pull_cos``, ``last_sin``, ``last_cos``,
    ``begun``; what they are is said in :class:`snn.neurons.Kuramoto`.

    Formula: pull_x = x + (x - last_x) / 2, the field half a step ahead; spike where theta >= 2 pi, then theta is taken
    back into [0, 2 pi).
    """

    coupled: ClassVar[tuple] = ("sin", "cos")

    class Ports(NamedTuple):
        sin: rad_per_ms
        cos: rad_per_ms
        drive: rad_per_ms
        phase: rad
        normal: unitless

    class Outputs(NamedTuple):
        sin: unitless
        cos: unitless

    def couple(self, s, x):
        return s._replace(pull_sin=ahead(x.sin, s.last_sin, s.begun), pull_cos=ahead(x.cos, s.last_cos, s.begun),
                          last_sin=x.sin, last_cos=x.cos, begun=torch.ones_like(s.begun))

    def margin(self, s):
        return s.theta / TURN - 1.0

    def reset(self, s, z):
        return s._replace(theta=choose(z, within_a_turn(s.theta), s.theta))

    def emit(self, s):
        return self.Outputs(sin=torch.sin(s.theta), cos=torch.cos(s.theta))


def ahead(now, last, begun):
    """A value half a step ahead, from now and one step ago; that of now where there was no step before."""
    return now + (0.5 * begun) * (now - last)


def within_a_turn(theta):
    """The phase without its whole turns, in [0, 2 pi)."""
    return theta - TURN * torch.floor(theta * (1.0 / TURN))


def unwound(theta):
    """The phase without its whole turns backward; it is above -2 pi then."""
    return theta - TURN * torch.clamp(torch.floor(theta * (1.0 / TURN)) + 1.0, max=0.0)
