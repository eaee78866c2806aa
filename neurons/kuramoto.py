"""Kuramoto phase oscillator."""
import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NamedTuple

import torch

from snn.contract import Neuron, Value, choose, param, unitless

TURN = 2.0 * math.pi

rad = Annotated[Any, "rad"]
rad_per_ms = Annotated[Any, "rad/ms"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Kuramoto(Neuron):
    """Phase oscillator that is pulled by the sines of phase differences; with a lag, the Sakaguchi-Kuramoto model.

    Formula
        dtheta_i/dt = omega_i + I_i + sum_j w_ij sin(theta_j - theta_i - alpha) + sigma xi_i
        With S = sum_j w_ij sin theta_j and C = sum_j w_ij cos theta_j (what arrives on the coupled ports ``sin`` and
        ``cos``) the sum is S cos(theta_i + alpha) - C sin(theta_i + alpha). ``Network.couple`` finds outputs and ports
        by their names. xi is white noise: sigma = sqrt(2 D) with the diffusion constant D in rad^2/ms.
        A spike on ``phase`` moves theta by x.phase (1 - prc cos theta): by its weight, or with prc = 1 by a response
        that vanishes at theta = 0.
        A whole turn forward (theta >= 2 pi) is a spike and takes 2 pi off. A whole turn backward adds 2 pi without
        one. theta therefore stays in (-2 pi, 2 pi), and noise about 0 makes no spikes.
        One step: half of the rotation, the coupling, half of the rotation. The rotation is exact. In the middle theta
        follows the coupling by a Taylor step of second order, noise included, in the field of the middle of the step,
        which is extrapolated from those at the beginning of this step and of the one before. So phases are right to
        second order in dt, and statistics under noise are too, with one sine and one cosine.
        I is ``x.drive`` of the step before, constant during a step.

    Shapes and units
        State: ``theta`` rad, ``drive`` rad/ms, ``xi``; ``pull_sin``, ``pull_cos`` (S and C in the middle of the step),
        ``last_sin``, ``last_cos`` (at its beginning) rad/ms; ``begun`` is 0 before the first step, then 1.
        Ports: ``sin``, ``cos`` rad/ms (coupled), ``drive`` rad/ms, ``phase`` rad, ``normal`` (one standard normal
        number per unit and step, filled in by the engine). Outputs: ``sin``, ``cos`` of theta.
        Every field is a number or one value per unit.

    External pinning F sin(Omega t - theta) is a population of one unit with omega = Omega, coupled to all with F.

    Errors: ModelError for sigma < 0.

    Source: Y. Kuramoto (1984), Chemical Oscillations, Waves, and Turbulence; H. Sakaguchi and Y. Kuramoto (1986),
    Progress of Theoretical Physics 76:576-581. Response 1 - cos: B. Ermentrout (1996), Neural Computation 8:979-1001.
    Noise: second-order Taylor scheme as in P. Kloeden and E. Platen (1992), Numerical Solution of SDEs, section 14.2.

    Example: ``Kuramoto(omega=0.0628, alpha=0.2)``; in a network::

        units = net.add("units", Kuramoto(omega=frequencies), 1000, init={"theta": snn.Uniform(0.0, 6.28)})
        net.couple(units, units, snn.AllToAll(), weight=K / 1000)
    """

    omega: Value = param(TURN / 100.0, unit="rad/ms", doc="natural frequency")
    alpha: Value = param(0.0, unit="rad", doc="phase lag of the coupling")
    sigma: Value = param(0.0, unit="rad/sqrt(ms)", doc="size of the noise, sqrt(2 D)", at_least=0)
    prc: Value = param(0.0, unit="1", doc="share of the phase response that depends on the phase")

    coupled: ClassVar[tuple] = ("sin", "cos")

    class State(NamedTuple):
        theta: rad
        drive: rad_per_ms
        xi: unitless
        pull_sin: rad_per_ms
        pull_cos: rad_per_ms
        last_sin: rad_per_ms
        last_cos: rad_per_ms
        begun: unitless

    class Ports(NamedTuple):
        sin: rad_per_ms
        cos: rad_per_ms
        drive: rad_per_ms
        phase: rad
        normal: unitless

    class Outputs(NamedTuple):
        sin: unitless
        cos: unitless

    def rest(self):
        return self.State(theta=0.0, drive=0.0, xi=0.0, pull_sin=0.0, pull_cos=0.0, last_sin=0.0, last_cos=0.0,
                          begun=0.0)

    def couple(self, s, x):
        return s._replace(pull_sin=ahead(x.sin, s.last_sin, s.begun), pull_cos=ahead(x.cos, s.last_cos, s.begun),
                          last_sin=x.sin, last_cos=x.cos, begun=torch.ones_like(s.begun))

    def flow(self, s, dt):
        half = (0.5 * dt) * (self.omega + s.drive)
        theta, noise = s.theta + half, self.sigma * torch.sqrt(dt * torch.ones_like(self.sigma))
        sin, cos = torch.sin(theta + self.alpha), torch.cos(theta + self.alpha)
        pull = s.pull_sin * cos - s.pull_cos * sin
        slope = -(s.pull_sin * sin + s.pull_cos * cos)
        change = dt * pull + noise * s.xi
        curved = slope * change - (0.5 * noise * noise) * pull
        return s._replace(theta=theta + change + (0.5 * dt) * curved + half)

    def receive(self, s, x):
        theta = s.theta + x.phase * (1.0 - self.prc * torch.cos(s.theta))
        return s._replace(theta=unwound(theta), drive=x.drive, xi=x.normal)

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
