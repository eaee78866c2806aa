"""Kuramoto phase oscillator with inertia."""
from dataclasses import dataclass
from typing import NamedTuple

import torch

from snn.contract import Value, param, unitless
from snn.neurons.phase import TURN, PhaseOscillator, rad, rad_per_ms, unwound


@dataclass(frozen=True, kw_only=True, eq=False)
class SecondOrderKuramoto(PhaseOscillator):
    """Phase oscillator with inertia and damping: a generator in a power grid, a pendulum, a firefly.

    Formula
        m dv_i/dt = -gamma v_i + omega_i + I_i + sum_j w_ij sin(theta_j - theta_i - alpha) + sigma xi_i
        dtheta_i/dt = v_i;  coupling, noise, spikes and the range of theta are those of :class:`Kuramoto`.
        One step: half of the drift of theta, then v exactly under a constant force (noise included), then the other
        half of the drift. The force is that in the middle of the step, with a field that is extrapolated from those at
        the beginning of this step and of the one before. Second order in dt, for steps up to about m / gamma.
        With m -> 0 and gamma = 1 it is the model of first order. In a power grid omega is the power per generator and
        w_ij the capacity of a line.

    Shapes and units
        State: ``theta`` rad, ``v``, ``drive`` rad/ms, ``xi``, ``pull_sin``, ``pull_cos``, ``last_sin``, ``last_cos``
        rad/ms, ``begun``, as those of :class:`Kuramoto`. It starts at theta = 0 with v = omega / gamma.
        Ports: ``sin``, ``cos`` rad/ms (coupled), ``drive`` rad/ms, ``phase`` rad, ``normal``.
        Outputs: ``sin``, ``cos``. Every field is a number or one value per unit.

    Errors: ModelError for m or gamma <= 0, sigma < 0.

    Source: H.-A. Tanaka, A. J. Lichtenberg and S. Oishi (1997), Physica D 100:279-300; G. Filatrella, A. H. Nielsen
    and N. F. Pedersen (2008), European Physical Journal B 61:485-491.

    Example: ``SecondOrderKuramoto(omega=0.5, m=6.0)``
    """

    omega: Value = param(TURN / 100.0, unit="rad/ms", doc="natural frequency times gamma")
    m: Value = param(2.0, unit="ms", doc="inertia", above=0)
    gamma: Value = param(1.0, unit="1", doc="damping", above=0)
    alpha: Value = param(0.0, unit="rad", doc="phase lag of the coupling")
    sigma: Value = param(0.0, unit="rad/sqrt(ms)", doc="size of the noise, sqrt(2 D)", at_least=0)

    class State(NamedTuple):
        theta: rad
        v: rad_per_ms
        drive: rad_per_ms
        xi: unitless
        pull_sin: rad_per_ms
        pull_cos: rad_per_ms
        last_sin: rad_per_ms
        last_cos: rad_per_ms
        begun: unitless

    def rest(self):
        return self.State(theta=0.0, v=self.omega / self.gamma, drive=0.0, xi=0.0, pull_sin=0.0, pull_cos=0.0,
                          last_sin=0.0, last_cos=0.0, begun=0.0)

    def flow(self, s, dt):
        rate = self.gamma / self.m
        theta = s.theta + (0.5 * dt) * s.v
        angle = theta + self.alpha
        force = self.omega + s.drive + s.pull_sin * torch.cos(angle) - s.pull_cos * torch.sin(angle)
        steady = force / self.gamma
        # Of an Ornstein-Uhlenbeck process: the noise that a step adds to v.
        noise = self.sigma * torch.sqrt(-torch.expm1(-2.0 * dt * rate) / (2.0 * self.gamma * self.m))
        v = steady + (s.v - steady) * torch.exp(-dt * rate) + noise * s.xi
        return s._replace(theta=theta + (0.5 * dt) * v, v=v)

    def receive(self, s, x):
        return s._replace(theta=unwound(s.theta + x.phase), drive=x.drive, xi=x.normal)
