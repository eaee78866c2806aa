"""Leaky integrate-and-fire neuron of deep learning, in Euler steps, with any share of the reset."""
from dataclasses import dataclass
from typing import NamedTuple

from snn.contract import Neuron, Value, choose, mV, param
from snn.neurons.lif import above_threshold


@dataclass(frozen=True, kw_only=True, eq=False)
class EulerLIF(Neuron):
    """Leaky integrate-and-fire neuron in steps without a length: the neuron of most libraries of deep learning.

    Formula
        V -= leak (V - V_reset) in every step;  V += x.delta (decay_input leak + 1 - decay_input);
        spike where V >= V_th, then V = V_reset + keep (V - V_th).
        ``leak`` is 1 / tau with tau in steps (dt / tau_m of an explicit Euler step), 0 without a leak, whatever dt is.
        ``decay_input`` is 1 where the input is multiplied by the leak too, else 0. ``keep`` is 1 for a soft reset,
        which takes V_th - V_reset off the potential, 0 for a hard one. What is left may fire again in the next step.

    Shapes and units
        State: ``v`` mV. Ports: ``delta`` mV. Every field is a number or one value per neuron.

    Errors: ModelError for V_reset >= V_th, or a leak, decay_input or keep outside [0, 1].

    Source: Wu, Deng, Li, Zhu, Shi (2018), Frontiers in Neuroscience 12:331 (the step); Fang et al. (2023), Science
    Advances 9:eadi1480 (``decay_input``, hard and soft reset). Equal to IFNode, LIFNode and, with a learned leak,
    ParametricLIFNode of SpikingJelly.

    Example: ``EulerLIF(leak=0.5, keep=1.0)``; trained as ``snn.train.Layer(EulerLIF(), dt=1.0, learn=("leak",))``
    """

    leak: Value = param(0.5, doc="share of V - V_reset that is lost in a step", at_least=0, at_most=1)
    decay_input: Value = param(0.0, doc="1 where the input is multiplied by the leak too", at_least=0, at_most=1)
    V_th: Value = param(1.0, unit="mV", doc="threshold")
    V_reset: Value = param(0.0, unit="mV", doc="potential at rest, and after a hard reset")
    keep: Value = param(0.0, doc="share of what exceeds the threshold that is kept", at_least=0, at_most=1)

    class State(NamedTuple):
        v: mV

    class Ports(NamedTuple):
        delta: mV

    def check(self):
        above_threshold(self)

    def rest(self):
        return self.State(v=self.V_reset)

    def flow(self, s, dt):
        return self.State(v=s.v - (s.v - self.V_reset) * self.leak)

    def receive(self, s, x):
        # 1 - decay_input and the product are exact where decay_input is 0 or 1, so that no input is rounded twice.
        return self.State(v=s.v + x.delta * (self.decay_input * self.leak + (1.0 - self.decay_input)))

    def margin(self, s):
        return (s.v - self.V_th) / (self.V_th - self.V_reset)

    def reset(self, s, z):
        return self.State(v=choose(z, self.V_reset + self.keep * (s.v - self.V_th), s.v))
