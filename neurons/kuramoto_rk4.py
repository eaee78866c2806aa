"""Kuramoto phase oscillator, integrated by the classical Runge-Kutta method."""
from dataclasses import dataclass

import torch

from snn.neurons.kuramoto import Kuramoto


@dataclass(frozen=True, kw_only=True, eq=False)
class KuramotoRK4(Kuramoto):
    """:class:`Kuramoto` with a Runge-Kutta step of fourth order in place of the split one.

    Formula
        That of :class:`Kuramoto`. During a step the field moves along the line through its values at the beginning of
        this step and of the one before. A constant field, as a large population in a steady state has, is then felt to
        fourth order in dt; a changing one to second order, as by the split step. The noise is a constant drive during a
        step. A step takes four sines and cosines instead of one.

    Shapes and units
        Those of :class:`Kuramoto`. State: ``theta`` rad, ``drive`` rad/ms, ``xi``, ``pull_sin``, ``pull_cos``,
        ``last_sin``, ``last_cos`` rad/ms, ``begun``. Ports: ``sin``, ``cos``, ``drive`` rad/ms, ``phase`` rad,
        ``normal``.

    Errors: ModelError for sigma < 0.

    Source: as of :class:`Kuramoto`.

    Example: ``KuramotoRK4(omega=0.0628)``
    """

    def flow(self, s, dt):
        own = self.omega + s.drive + self.sigma * s.xi / torch.sqrt(dt * torch.ones_like(self.sigma))
        grow_sin, grow_cos = 2.0 * (s.pull_sin - s.last_sin), 2.0 * (s.pull_cos - s.last_cos)

        def speed(moved, part):
            angle = s.theta + self.alpha + moved
            sin, cos = s.last_sin + part * grow_sin, s.last_cos + part * grow_cos
            return own + sin * torch.cos(angle) - cos * torch.sin(angle)

        first = speed(0.0, 0.0)
        second = speed(0.5 * dt * first, 0.5)
        third = speed(0.5 * dt * second, 0.5)
        last = speed(dt * third, 1.0)
        return s._replace(theta=s.theta + (dt / 6.0) * (first + 2.0 * (second + third) + last))
