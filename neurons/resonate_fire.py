"""Resonate-and-fire neuron."""
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NamedTuple

import torch

from snn.contract import Neuron, Value, choose, mV, param

mV_per_ms = Annotated[Any, "mV/ms"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ResonateFire(Neuron):
    """Resonate-and-fire neuron: a damped oscillation below threshold prefers inputs in time with it.

    Formula
        dz/dt = (b + i omega) z + I,  z = x + i y;  x += x.delta;  spike where y >= y_th, then z = x_reset + i y_reset.
        x acts as a current, y as a potential. Solved exactly over a step: a rotation by omega dt and a decay around the
        fixed point -I / (b + i omega). I is ``x.current`` of the step before, constant during a step.
        Two inputs add up where they are 2 pi / omega ms apart and cancel where they are half of that apart; an
        inhibitory one can make it fire. The reset lies on the threshold, as in the source: y then falls from there.

    Shapes and units
        State: ``x``, ``y`` mV, ``i`` mV/ms. Ports: ``delta`` mV, ``current`` mV/ms. The source has no units; only the
        ratio to y_th counts. The margin is (y - y_th) / y_th. Every field is a number or one value per neuron.

    Errors: ModelError for b >= 0, omega <= 0, y_th <= 0.

    Source: E. M. Izhikevich (2001), Neural Networks 14:883-894, where time has no unit: the default is a period of
    2 pi ms and a damping of a tenth of omega.

    Example: ``ResonateFire(b=-0.05, omega=0.25)``
    """

    b: Value = param(-0.1, unit="1/ms", doc="damping of the oscillation", below=0)
    omega: Value = param(1.0, unit="1/ms", doc="angular frequency of the oscillation", above=0)
    y_th: Value = param(1.0, unit="mV", doc="threshold of y", above=0)
    x_reset: Value = param(0.0, unit="mV", doc="x after a spike")
    y_reset: Value = param(1.0, unit="mV", doc="y after a spike")

    exact: ClassVar[bool] = True

    class State(NamedTuple):
        x: mV
        y: mV
        i: mV_per_ms

    class Ports(NamedTuple):
        delta: mV
        current: mV_per_ms

    def rest(self):
        return self.State(x=0.0, y=0.0, i=0.0)

    def flow(self, s, dt):
        decay = torch.exp(self.b * dt)
        along, across = decay * torch.cos(self.omega * dt), decay * torch.sin(self.omega * dt)
        square = self.b * self.b + self.omega * self.omega
        x_inf, y_inf = s.i * (-self.b / square), s.i * (self.omega / square)
        x, y = s.x - x_inf, s.y - y_inf
        return self.State(x=x_inf + along * x - across * y, y=y_inf + across * x + along * y, i=s.i)

    def receive(self, s, x):
        return s._replace(x=s.x + x.delta, i=x.current)

    def margin(self, s):
        return (s.y - self.y_th) / self.y_th

    def reset(self, s, z):
        return s._replace(x=choose(z, self.x_reset, s.x), y=choose(z, self.y_reset, s.y))
