"""Max pooling of spikes in the engine: a neuron that fires in a step in which anything arrives.

The largest of numbers that are 0 or 1 is 1 where any of them is, so a population of :class:`AnySpike` behind a layer,
one neuron per window, fires what max pooling gives, one step later. Of graded values there is no such neuron.
"""
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import torch

from snn.contract import Neuron, unitless
from snn.errors import RunError
from snn.train.deploy_windows import windows


@dataclass(frozen=True, kw_only=True, eq=False)
class AnySpike(Neuron):
    """A neuron without memory that fires where its input is one half or more.

    Formula: ``v = x.delta``; spike where v >= 1/2. State: ``v``; port: ``delta``, both without unit.
    Example: one synapse of weight 1 from every neuron of a window.
    """

    exact: ClassVar[bool] = True

    class State(NamedTuple):
        v: unitless

    class Ports(NamedTuple):
        delta: unitless

    def rest(self):
        return self.State(v=0.0)

    def flow(self, s, dt):
        return self.State(v=torch.zeros_like(s.v))

    def receive(self, s, x):
        return self.State(v=x.delta)

    def margin(self, s):
        return s.v - 0.5

    def quiet(self):
        return 0.0


def max_pool(before, shape, module, place):
    """``(synapses, shape)`` of one synapse per place of every window. Errors: RunError where graded values arrive."""
    if not before.plain:
        raise RunError(f"{place}: takes the largest of graded values, which no spiking neuron can. Put it directly "
                       "behind a spiking layer, or use AvgPool.")
    if module.return_indices:
        raise RunError(f"{place}: gives indices too (return_indices=True). They are no spikes.")
    reach = windows(shape[1:], module.kernel_size, stride=module.stride, padding=module.padding,
                    dilation=module.dilation, ceil=module.ceil_mode)
    return before.matrix(reach.matrix(shape, np.ones(len(reach.sources))), where=place), (shape[0], *reach.shape)
