"""Leaky integrate-and-fire neuron of deep learning with a learnable time constant."""
import math
from dataclasses import dataclass
from typing import NamedTuple

import torch

from snn.contract import Neuron, Value, choose, mV, param
from snn.errors import ModelError
from snn.neurons.lif import above_threshold


@dataclass(frozen=True, kw_only=True, eq=False)
class ParametricLIF(Neuron):
    """Leaky integrate-and-fire neuron in steps without a length, whose leak is learned: PLIF.

    Formula
        V += (x.delta - (V - V_reset)) sigmoid(w) in every step;  spike where V >= V_th, then V = V_reset.
        1 / sigmoid(w) is the time constant in steps, whatever dt is: the leak is in the flow, which takes one step for
        one unit of time, and the input in what is received. ``ParametricLIF.of_tau(2.0)`` has w = -log(tau - 1).

    Shapes and units
        State: ``v`` mV. Ports: ``delta`` mV. Every field is a number or one value per neuron.

    Errors: ModelError for V_reset >= V_th; ``of_tau``: for tau <= 1.

    Source: Fang, Yu, Chen, Masquelier, Huang, Tian (2021), IEEE/CVF International Conference on Computer Vision,
    2661-2671. Equal to ParametricLIFNode of SpikingJelly.

    Example: ``ParametricLIF(w=0.0)``; trained as ``snn.train.Layer(ParametricLIF(), dt=1.0, learn=("w",))``
    """

    V_th: Value = param(1.0, unit="mV", doc="threshold")
    V_reset: Value = param(0.0, unit="mV", doc="potential at rest and after a spike")
    w: Value = param(0.0, doc="the leak before its sigmoid")

    class State(NamedTuple):
        v: mV

    class Ports(NamedTuple):
        delta: mV

    @classmethod
    def of_tau(cls, tau, **others):
        """A neuron that starts with the time constant ``tau`` > 1 steps."""
        if not tau > 1.0:
            raise ModelError(f"ParametricLIF.of_tau: tau is {tau:g} steps. It must be above 1.")
        return cls(w=-math.log(tau - 1.0), **others)

    def check(self):
        above_threshold(self)

    def rest(self):
        return self.State(v=self.V_reset)

    def flow(self, s, dt):
        return self.State(v=s.v - (s.v - self.V_reset) * torch.sigmoid(self.w))

    def receive(self, s, x):
        return self.State(v=s.v + x.delta * torch.sigmoid(self.w))

    def margin(self, s):
        return (s.v - self.V_th) / (self.V_th - self.V_reset)

    def reset(self, s, z):
        return self.State(v=choose(z, self.V_reset, s.v))
