"""Sigma-delta neuron: it sends what changed, when enough of it has changed."""
from dataclasses import dataclass
from typing import NamedTuple

import torch

from snn.contract import Neuron, Value, choose, param, unitless


@dataclass(frozen=True, kw_only=True, eq=False)
class SigmaDelta(Neuron):
    """Adds up the changes that arrive (sigma), and sends the change of the sum when it has reached a threshold (delta).

    Formula
        total += x.delta;  a = total + x.signal;  spike where |a - sent| >= theta, then out = a - sent, sent = a;
        else out = 0. What was sent and what is left make the whole at any time: sent + (a - sent) = a, and sent is the
        sum of all out. So a receiver that adds up ``out`` is never wrong by theta or more.
        ``delta`` takes changes, ``signal`` a value that acts while it is there (an input current, a sensor).
        ``out`` is 0 but in the step of a spike: ``net.couple(pre, post, rule, values={"delta": "out"})`` hands each
        change on once.

    Shapes and units
        State: ``total``, ``signal``, ``sent``, ``out``. Ports: ``delta``, ``signal``. Output: ``out``. No units.
        ``theta`` is a number or one value per neuron; ``Layer(..., learn=("theta",), emit="out")`` learns it.

    Errors: ModelError for theta <= 0.

    Source: P. O'Connor and M. Welling (2017), "Sigma delta quantized networks", ICLR, with a threshold in place of
    rounding; A. Yousefzadeh and M. Sifalakis (2021), arXiv:2107.07305.

    Example: ``SigmaDelta(theta=0.1)``
    """

    theta: Value = param(1.0, doc="threshold of the change that is sent", above=0)

    class State(NamedTuple):
        total: unitless
        signal: unitless
        sent: unitless
        out: unitless

    class Ports(NamedTuple):
        delta: unitless
        signal: unitless

    class Outputs(NamedTuple):
        out: unitless

    def rest(self):
        return self.State(total=0.0, signal=0.0, sent=0.0, out=0.0)

    def receive(self, s, x):
        return self.State(total=s.total + x.delta, signal=x.signal, sent=s.sent, out=torch.zeros_like(s.out))

    def margin(self, s):
        return torch.abs(s.total + s.signal - s.sent) / self.theta - 1.0

    def reset(self, s, z):
        a = s.total + s.signal
        return s._replace(sent=choose(z, a, s.sent), out=choose(z, a - s.sent, 0.0))

    def emit(self, s):
        return self.Outputs(out=s.out)
