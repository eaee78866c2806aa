"""Homeostatic synaptic scaling."""
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import torch

from snn.contract import Value, param
from snn.rule import SynapticRule

Hz = Annotated[Any, "Hz"]


@dataclass(frozen=True, kw_only=True, eq=False)
class SynapticScaling(SynapticRule):
    """All weights of a neuron are multiplied by one factor that brings its rate to a target.

    Formula
        d rate/dt = -rate / tau_rate, rate += 1000 / tau_rate at a postsynaptic spike: a running mean in Hz;
        dw/dt = (w / tau) (1 - rate / target), every ``every`` ms with the rate of that moment, exactly:
        w *= exp(every / tau (1 - rate / target)); then w is kept within w_min and w_max.
        The ratio of two weights of a neuron stays as it is, and only at the target they do not move. Where the rate is
        a k-th power of the weights, it comes there without oscillation if tau >= 4 k tau_rate.
        The rate begins at the target, so that nothing is scaled before something has been seen.

    Shapes and units: ``rate`` Hz per postsynaptic neuron. For excitatory weights (an inhibitory one would be scaled
    the wrong way).

    Errors: ModelError for target, a time constant or ``every`` <= 0, w_min >= w_max.

    Source: G. G. Turrigiano, K. R. Leslie, N. S. Desai, L. C. Rutherford, S. B. Nelson (1998), Nature 391:892-896;
    the equation, with beta = 1 / (tau target) and without its integral term, is that of M. C. W. van Rossum, G. Q. Bi,
    G. G. Turrigiano (2000), J. Neurosci. 20:8812-8821.

    Example: ``plasticity=[PairSTDP(), SynapticScaling(target=8.0)]``
    """

    target: Value = param(5.0, unit="Hz", doc="rate that the neuron is brought to", above=0)
    tau: Value = param(100_000.0, unit="ms", doc="time constant with which a silent neuron's weights grow", above=0)
    tau_rate: Value = param(10_000.0, unit="ms", doc="time over which the rate is measured", above=0)
    every: Value = param(100.0, unit="ms", doc="time between two scalings", above=0)
    w_min: Value = param(0.0, doc="lowest weight")
    w_max: Value = param(1.0, doc="highest weight")

    class Post(NamedTuple):
        rate: Hz

    def rest(self):
        return self.Pre(), self.Post(rate=self.target)

    def decay(self, x, y, dt):
        return x, self.Post(rate=y.rate * torch.exp(-dt / self.tau_rate))

    def spike(self, x, y):
        return x, self.Post(rate=y.rate + 1000.0 / self.tau_rate)

    def on_time(self, s, x, y, mod, wiring):
        factor = torch.exp(wiring.every / self.tau * (1.0 - y.rate / self.target))
        return s._replace(w=self.clip(s.w * factor))
