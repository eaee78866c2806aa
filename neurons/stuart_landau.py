"""Stuart-Landau oscillator."""
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NamedTuple

import torch

from snn.contract import Neuron, Value, param, unitless
from snn.neurons.phase import TURN, ahead

per_ms = Annotated[Any, "1/ms"]


@dataclass(frozen=True, kw_only=True, eq=False)
class StuartLandau(Neuron):
    """Oscillator with an amplitude: the normal form of a Hopf bifurcation. It never fires.

    Formula
        dz/dt = (lam + i omega) z - |z|^2 z + I + coupling,  z = x + i y;  an input spike steps x.
        With ``Network.couple(..., difference=True)`` the coupling is sum_j w_ij (z_j - z_i).
        Alone it approaches the circle of radius sqrt(lam) for lam > 0, and 0 otherwise.
        One step: half of the own motion, the coupling, half of the own motion. The own motion is exact: z turns by
        omega t and shrinks by sqrt(exp(2 lam t) / (1 + |z|^2 (exp(2 lam t) - 1) / lam)). The coupling is that of the
        middle of the step, extrapolated from those at the beginning of this step and of the one before. Second order
        in dt.

    Shapes and units
        State: ``x``, ``y`` without unit; ``pull_x``, ``pull_y``, ``last_x``, ``last_y`` (the coupling in the middle and
        at the beginning of the step) and ``drive`` 1/ms; ``begun`` is 0 before the first step, then 1. It starts at
        x = 1, y = 0. Ports: ``x``, ``y`` 1/ms (coupled), ``drive`` 1/ms (added to dx/dt during the next step),
        ``delta``. Outputs: ``x``, ``y``. Every field is a number or one value per unit.

    Errors: ModelError for a parameter that is not finite.

    Source: Y. Kuramoto (1984), Chemical Oscillations, Waves, and Turbulence, chapter 2; amplitude death: D. G. Aronson,
    G. B. Ermentrout and N. Kopell (1990), Physica D 41:403-449.

    Example: ``StuartLandau(lam=0.1, omega=0.0628)``; in a network::

        net.couple(units, units, snn.AllToAll(), weight=K / n, difference=True)
    """

    lam: Value = param(0.1, unit="1/ms", doc="growth rate of small amplitudes, lambda")
    omega: Value = param(TURN / 100.0, unit="rad/ms", doc="angular frequency")

    coupled: ClassVar[tuple] = ("x", "y")

    class State(NamedTuple):
        x: unitless
        y: unitless
        drive: per_ms
        pull_x: per_ms
        pull_y: per_ms
        last_x: per_ms
        last_y: per_ms
        begun: unitless

    class Ports(NamedTuple):
        x: per_ms
        y: per_ms
        drive: per_ms
        delta: unitless

    class Outputs(NamedTuple):
        x: unitless
        y: unitless

    def rest(self):
        return self.State(x=1.0, y=0.0, drive=0.0, pull_x=0.0, pull_y=0.0, last_x=0.0, last_y=0.0, begun=0.0)

    def couple(self, s, x):
        return s._replace(pull_x=ahead(x.x, s.last_x, s.begun), pull_y=ahead(x.y, s.last_y, s.begun), last_x=x.x,
                          last_y=x.y, begun=torch.ones_like(s.begun))

    def flow(self, s, dt):
        x, y = self._alone(s.x, s.y, 0.5 * dt)
        x, y = self._alone(x + dt * (s.pull_x + s.drive), y + dt * s.pull_y, 0.5 * dt)
        return s._replace(x=x, y=y)

    def _alone(self, x, y, t):
        """Own motion for ``t`` ms."""
        # expm1(2 lam t) / lam has the limit 2 t at lam = 0.
        lam = torch.where(torch.abs(self.lam) < 1e-9, self.lam + 2e-9, self.lam)
        grown = torch.exp(lam * t) / torch.sqrt(1.0 + (x * x + y * y) * (torch.expm1(2.0 * t * lam) / lam))
        cos, sin = torch.cos(self.omega * t), torch.sin(self.omega * t)
        return grown * (cos * x - sin * y), grown * (sin * x + cos * y)

    def receive(self, s, x):
        return s._replace(x=s.x + x.delta, drive=x.drive)

    def emit(self, s):
        return self.Outputs(x=s.x, y=s.y)
