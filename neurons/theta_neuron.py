"""Theta neuron of Ermentrout and Kopell."""
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from snn.contract import Neuron, Value, choose, numbers, param, unitless
from snn.neurons.lif import fastest
from snn.neurons.phase import TURN, rad


@dataclass(frozen=True, kw_only=True, eq=False)
class ThetaNeuron(Neuron):
    """Theta neuron: the quadratic integrate-and-fire neuron on a circle, where a spike needs no reset.

    Formula
        tau dtheta/dt = (1 - cos theta) + (1 + cos theta) (eta + I);  a spike where theta passes pi, then theta - 2 pi.
        V = tan(theta / 2) follows tau dV/dt = V^2 + eta + I with threshold and reset at infinity. An input spike on
        ``delta`` steps V by its weight.
        For eta + I > 0 it fires at sqrt(eta + I) / (pi tau), otherwise it rests at theta = -2 atan(sqrt(-eta - I)).
        A step is the Taylor polynomial of fourth order in dt, which takes one sine and one cosine. I is ``x.drive`` of
        the step before, constant during a step.

    Shapes and units
        State: ``theta`` rad in [-pi, pi), ``drive`` without unit. Ports: ``delta``, ``drive`` without unit.
        Every field is a number or one value per neuron.

    Errors: ModelError for tau <= 0. A step above half of tau is refused.

    Source: B. Ermentrout and N. Kopell (1986), SIAM Journal on Applied Mathematics 46:233-253; B. Ermentrout (1996),
    Neural Computation 8:979-1001.

    Example: ``ThetaNeuron(eta=0.05)`` fires regularly.
    """

    tau: Value = param(10.0, unit="ms", doc="time constant", above=0)
    eta: Value = param(-0.1, unit="1", doc="excitability; above 0 it fires without input")

    class State(NamedTuple):
        theta: rad
        drive: unitless

    class Ports(NamedTuple):
        delta: unitless
        drive: unitless

    def rest(self):
        eta = self.eta if isinstance(self.eta, torch.Tensor) else torch.as_tensor(numbers(self.eta))
        depth = torch.sqrt(torch.clamp(-eta, min=1e-30))
        return self.State(theta=-2.0 * torch.atan(depth), drive=0.0)

    def flow(self, s, dt):
        b, h = self.eta + s.drive, dt / self.tau
        sin, cos = torch.sin(s.theta), torch.cos(s.theta)
        f = (1.0 - cos) + (1.0 + cos) * b
        d1, d2 = (1.0 - b) * sin, (1.0 - b) * cos        # derivatives of f by theta; the third is -d1
        third = d2 * f + d1 * d1
        fourth = d1 * (d1 * d1 + 4.0 * f * d2 - f * f)
        return s._replace(theta=s.theta + h * f * (1.0 + h * (0.5 * d1 + h * (third / 6.0 + (h / 24.0) * fourth))))

    def receive(self, s, x):
        # The angle by which tan(theta / 2) grows by the weight; between -2 pi and 2 pi.
        kick = 2.0 * angle_of(x.delta * (1.0 + torch.cos(s.theta)), 2.0 + x.delta * torch.sin(s.theta))
        theta = s.theta + kick
        # Without whole turns backward, which only a step much too long for the input can make.
        return s._replace(theta=theta - TURN * torch.clamp(turns(theta), max=0.0), drive=x.drive)

    def margin(self, s):
        return (s.theta - math.pi) / TURN

    def reset(self, s, z):
        return s._replace(theta=choose(z, s.theta - TURN * turns(s.theta), s.theta))

    def max_dt(self):
        return 0.5 * fastest(self.tau)


def turns(theta):
    """Whole turns from [-pi, pi)."""
    return torch.floor((theta + math.pi) * (1.0 / TURN))


_ODD = np.polynomial.chebyshev.cheb2poly(
    [0.0 if k % 2 == 0 else 2.0 * (-1) ** (k // 2) * (math.sqrt(2.0) - 1.0) ** k / k for k in range(44)])[1::2].tolist()
"""Coefficients of atan(t) = t (c_0 + c_1 t^2 + ...) on [-1, 1], from its Chebyshev series."""


def angle_of(y, x):
    """The angle of the point (x, y), in (-pi, pi), in operations that every engine has; 0 at the origin."""
    # The tangent of half the angle, of the point mirrored into the first quadrant: between 0 and 1.
    t = torch.abs(y) / torch.clamp(torch.sqrt(x * x + y * y) + torch.abs(x), min=1e-30)
    square = t * t
    series = _ODD[-1] + 0.0 * t
    for c in _ODD[-2::-1]:
        series = series * square + c
    angle = 2.0 * t * series
    angle = torch.where(x < 0.0, math.pi - angle, angle)
    return torch.where(y < 0.0, -angle, angle)
