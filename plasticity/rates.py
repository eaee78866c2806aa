"""What the rate-based rules share: traces that estimate the firing rates of the two neurons."""
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import torch

from snn.contract import Value, numbers, param
from snn.errors import ModelError
from snn.rule import SynapticRule

Hz = Annotated[Any, "Hz"]


@dataclass(frozen=True, kw_only=True, eq=False)
class RateRule(SynapticRule):
    """Base of rules that read rates: a spike adds 1000 / tau Hz to a trace that decays with tau (in ms).

    The mean of such a trace is the rate, and a spike is independent of the trace it finds if the train is a Poisson
    train. So a change by ``f(x, y)`` at every postsynaptic spike has the mean ``y f(x, y)`` per s for any f that is
    linear in each trace: products of rates come out without bias.
    """

    tau_x: Value = param(20.0, unit="ms", doc="time constant of the presynaptic rate", above=0)
    tau_y: Value = param(20.0, unit="ms", doc="time constant of the postsynaptic rate", above=0)
    w_min: Value = param(0.0, doc="lowest weight")
    w_max: Value = param(1.0, doc="highest weight")

    class Pre(NamedTuple):
        x: Hz

    class Post(NamedTuple):
        y: Hz

    def decay(self, x, y, dt):
        return x._replace(x=x.x * torch.exp(-dt / self.tau_x)), y._replace(y=y.y * torch.exp(-dt / self.tau_y))

    def spike(self, x, y):
        return x._replace(x=x.x + 1000.0 / self.tau_x), y._replace(y=y.y + 1000.0 / self.tau_y)


def require_shorter(rule, short, long):
    """Raise where the time constant named ``short`` is not below the one named ``long``."""
    a, b = (float(numbers(getattr(rule, name))) for name in (short, long))
    if not a < b:
        raise ModelError(f"{type(rule).__name__}.{short}: is {a:g} ms, not below {long} ({b:g} ms). "
                         f"It must be below {long}.")
