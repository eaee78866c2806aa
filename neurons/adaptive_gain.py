"""Rate unit that adapts its own gain until its input has a given variance."""
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch

from snn.contract import Neuron, Value, param, unitless


@dataclass(frozen=True, kw_only=True, eq=False)
class AdaptiveGain(Neuron):
    """Rate unit, graded and linear, whose gain rises while its input is larger than ``target`` in the mean square.

    Formula
        tau dr/dt = -r + g x.input,  dg/dt = eta (x.input^2 - target),  both solved exactly over a step, in which the
        input is constant. It never fires; it shows ``rate`` = r. As an interneuron that inhibits what drives it, it
        holds the variance of its input at ``target``: see :class:`snn.circuits.AdaptiveWhitening`.

    Shapes and units
        State: ``r``; ``g``; ``u``, the input felt during a step. Port: ``input``, graded, read as the step begins.
        Outputs: ``rate``. All without unit but tau in ms and eta per ms. Every field is a number or one value per unit.

    Errors: ModelError for tau <= 0, eta < 0, target < 0.

    Source: L. R. Duong, D. Lipshutz, D. J. Heeger, D. B. Chklovskii, E. P. Simoncelli (2023), ICML, arXiv:2301.11955.

    Example: ``AdaptiveGain(eta=1e-3)``
    """

    tau: Value = param(1.0, unit="ms", doc="time constant of the rate", above=0)
    gain: Value = param(0.0, doc="gain at the beginning")
    eta: Value = param(1e-3, unit="1/ms", doc="how fast the gain adapts", at_least=0)
    target: Value = param(1.0, doc="mean square of the input that leaves the gain as it is", at_least=0)

    exact: ClassVar[bool] = True
    coupled: ClassVar[tuple] = ("input",)

    class State(NamedTuple):
        r: unitless
        g: unitless
        u: unitless

    class Ports(NamedTuple):
        input: unitless

    class Outputs(NamedTuple):
        rate: unitless

    def rest(self):
        return self.State(r=0.0, g=self.gain, u=0.0)

    def couple(self, s, x):
        return s._replace(u=x.input)

    def flow(self, s, dt):
        decay, share = torch.exp(-dt / self.tau), -torch.expm1(-dt / self.tau)
        slope = self.eta * (s.u * s.u - self.target)
        # The gain grows on a line while the rate follows it.
        r = s.r * decay + s.u * (s.g * share + slope * (dt - self.tau * share))
        return s._replace(r=r, g=s.g + slope * dt)

    def emit(self, s):
        return self.Outputs(rate=s.r)
