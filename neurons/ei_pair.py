"""Pair of an excitatory and an inhibitory neuron that fires at random at its excitatory activity."""
import math
from dataclasses import dataclass
from typing import NamedTuple

import torch

from snn.contract import Neuron, Value, mV, param, unitless
from snn.neurons.lif import fastest


@dataclass(frozen=True, kw_only=True, eq=False)
class EIPair(Neuron):
    """Excitatory neuron with its own inhibitory partner, on whose potential feedback acts; it fires at random.

    Formula
        tau_E du/dt = -u + drive - phi(u_I);  tau_I du_I/dt = -u_I + phi(u) - feedback;  phi(v) = log(1 + e^v), in mV.
        In a step of dt ms both relax exponentially to where the other one was at its beginning, by exp(-dt / tau);
        ``drive`` and ``feedback`` are those that arrived in the step before. Then u += x.delta.
        The pair fires with probability p = 1 - exp(-rate phi(u) dt / 1000), as an inhomogeneous Poisson process would
        at the u before x.delta, where p >= x.noise; a spike changes neither potential. Settled without feedback,
        u_I = phi(u) = phi(drive) / 2: inhibition predicts excitation.

    Shapes and units
        State: ``u``, ``u_I`` mV; ``drive``, ``feedback`` mV (what arrived last); ``p``, ``draw`` (of the last step)
        unitless. Ports: ``delta`` mV (a spike steps u), ``drive``, ``feedback`` mV (constant during a step, so that a
        spike of weight w moves u by w dt / tau_E, or u_I by -w dt / tau_I), ``noise`` unitless, filled by the engine
        with one uniform number in (0, 1] per neuron and step. Every field is a number or one value per neuron.

    Errors: ModelError for tau_E, tau_I <= 0, rate < 0. A run refuses dt > tau_I / 2.

    Source: Rossbroich and Zenke (2023), Advances in Neural Information Processing Systems 36, arXiv:2310.19614 (the
    circuit, without spikes).

    Example: ``EIPair(rate=50.0)``
    """

    tau_E: Value = param(20.0, unit="ms", doc="time constant of the excitatory neuron", above=0)
    tau_I: Value = param(5.0, unit="ms", doc="time constant of the inhibitory neuron", above=0)
    rate: Value = param(20.0, unit="Hz", doc="rate of spikes at phi(u) = 1 mV", at_least=0)

    class State(NamedTuple):
        u: mV
        u_I: mV
        drive: mV
        feedback: mV
        p: unitless
        draw: unitless

    class Ports(NamedTuple):
        delta: mV
        drive: mV
        feedback: mV
        noise: unitless

    def rest(self):
        # The fixed point without input: phi(u) = phi(drive) / 2 wherever there is no feedback.
        return self.State(u=-math.asinh(1.0), u_I=math.log(2.0) / 2.0, drive=0.0, feedback=0.0, p=0.0, draw=1.0)

    def flow(self, s, dt):
        target = s.drive - softplus(s.u_I)
        predicted = softplus(s.u) - s.feedback
        u = target + (s.u - target) * torch.exp(-dt / self.tau_E)
        u_I = predicted + (s.u_I - predicted) * torch.exp(-dt / self.tau_I)
        p = 1.0 - torch.exp(-self.rate * softplus(u) * (dt / 1000.0))
        return s._replace(u=u, u_I=u_I, p=p)

    def receive(self, s, x):
        return s._replace(u=s.u + x.delta, drive=x.drive, feedback=x.feedback, draw=x.noise)

    def margin(self, s):
        return s.p - s.draw

    def max_dt(self):
        return fastest(self.tau_E, self.tau_I) / 2.0


def softplus(v):
    """log(1 + e^v) without overflow, to 1e-16."""
    return torch.maximum(v, torch.zeros_like(v)) + torch.log(1.0 + torch.exp(-torch.abs(v)))
