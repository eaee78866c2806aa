"""Kuramoto phase oscillator."""
from dataclasses import dataclass
from typing import NamedTuple

import torch

from snn.contract import Value, param, unitless
from snn.neurons.phase import TURN, PhaseOscillator, rad, rad_per_ms, unwound


@dataclass(frozen=True, kw_only=True, eq=False)
class Kuramoto(PhaseOscillator):
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

    class State(NamedTuple):
        theta: rad
        drive: rad_per_ms
        xi: unitless
        pull_sin: rad_per_ms
        pull_cos: rad_per_ms
        last_sin: rad_per_ms
        last_cos: rad_per_ms
        begun: unitless

    def rest(self):
        return self.State(theta=0.0, drive=0.0, xi=0.0, pull_sin=0.0, pull_cos=0.0, last_sin=0.0, last_cos=0.0,
                          begun=0.0)

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
