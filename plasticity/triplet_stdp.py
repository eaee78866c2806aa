"""Triplet rule of spike-timing-dependent plasticity."""
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch

from snn.contract import Value, param, unitless
from snn.plasticity.pair_stdp import zero_or_one
from snn.rule import SynapticRule

VISUAL_CORTEX = {"A2_plus": 5e-10, "A3_plus": 6.2e-3, "A2_minus": 7e-3, "A3_minus": 2.3e-4, "tau_x": 101.0,
                 "tau_y": 125.0}
VISUAL_CORTEX_MINIMAL = {"A2_plus": 0.0, "A3_plus": 6.5e-3, "A2_minus": 7.1e-3, "A3_minus": 0.0, "tau_y": 114.0}
HIPPOCAMPAL = {"A2_plus": 6.1e-3, "A3_plus": 6.7e-3, "A2_minus": 1.6e-3, "A3_minus": 1.4e-3, "tau_x": 946.0,
               "tau_y": 27.0}
HIPPOCAMPAL_MINIMAL = {"A2_plus": 5.3e-3, "A3_plus": 8e-3, "A2_minus": 3.5e-3, "A3_minus": 0.0, "tau_y": 40.0}


@dataclass(frozen=True, kw_only=True, eq=False)
class TripletSTDP(SynapticRule):
    """Triplet STDP, all to all: what a pair does also depends on the spike before it on the same side.

    Formula
        traces of presynaptic spikes r1 (tau_plus), r2 (tau_x) and of postsynaptic spikes o1 (tau_minus), o2 (tau_y);
        each decays exponentially and grows by 1 at a spike of its neuron;
        postsynaptic spike: w += r1 (A2_plus + A3_plus o2);  presynaptic spike: w -= o1 (A2_minus + A3_minus r2);
        o2 and r2 as they were just before the spike;  w is kept within w_min and w_max.
        Spikes that meet at the synapse in one step depress (``coincident=1``) or do not pair (``coincident=0``).

    Shapes and units
        Traces ``r1``, ``r2``, ``o1``, ``o2``, ``late``: without unit, one per neuron. ``w``, the four amounts and the
        bounds have the unit of the port. The published amounts are fractions of the first weight: multiply them by it,
        ``TripletSTDP.visual_cortex(scale=w)``.

    Errors: ModelError for an amount below 0, a time constant <= 0, w_min >= w_max, coincident other than 0 and 1.

    Source: J.-P. Pfister, W. Gerstner (2006), J. Neurosci. 26:9673-9682, equations 3 and 4; the fits are
    those to all pairs (full and minimal) of Sjostrom et al. (2001) and of Wang et al. (2005).

    Example: ``TripletSTDP.visual_cortex(minimal=True, w_max=3.0)``
    """

    A2_plus: Value = param(5e-10, doc="potentiation per pair, in the unit of the weight", at_least=0)
    A3_plus: Value = param(6.2e-3, doc="potentiation per triplet, in the unit of the weight", at_least=0)
    A2_minus: Value = param(7e-3, doc="depression per pair, in the unit of the weight", at_least=0)
    A3_minus: Value = param(2.3e-4, doc="depression per triplet, in the unit of the weight", at_least=0)
    tau_plus: Value = param(16.8, unit="ms", doc="time constant of potentiation", above=0)
    tau_minus: Value = param(33.7, unit="ms", doc="time constant of depression", above=0)
    tau_x: Value = param(101.0, unit="ms", doc="time constant of the slow presynaptic trace", above=0)
    tau_y: Value = param(125.0, unit="ms", doc="time constant of the slow postsynaptic trace", above=0)
    w_min: Value = param(0.0, doc="lowest weight")
    w_max: Value = param(1.0, doc="highest weight")
    coincident: Value = param(1.0, doc="1: spikes that meet at the synapse in one step depress; 0: they do not pair",
                              at_least=0, at_most=1)

    class Pre(NamedTuple):
        r1: unitless
        r2: unitless

    class Post(NamedTuple):
        o1: unitless
        o2: unitless
        late: unitless

    additive: ClassVar[bool] = True

    @classmethod
    def visual_cortex(cls, *, minimal=False, scale=1.0, **fields):
        """The parameters fitted to slices of visual cortex (amounts times ``scale``); ``fields`` replace others."""
        return cls(**{**_scaled(VISUAL_CORTEX_MINIMAL if minimal else VISUAL_CORTEX, scale), **fields})

    @classmethod
    def hippocampal(cls, *, minimal=False, scale=1.0, **fields):
        """The parameters fitted to hippocampal cultures (amounts times ``scale``); ``fields`` replace others."""
        return cls(**{**_scaled(HIPPOCAMPAL_MINIMAL if minimal else HIPPOCAMPAL, scale), **fields})

    def check(self):
        super().check()
        zero_or_one(self, "coincident")

    def decay(self, x, y, dt):
        pre = self.Pre(x.r1 * torch.exp(-dt / self.tau_plus), x.r2 * torch.exp(-dt / self.tau_x))
        o1 = (y.o1 + y.late) * torch.exp(-dt / self.tau_minus)
        return pre, self.Post(o1, y.o2 * torch.exp(-dt / self.tau_y), torch.zeros_like(y.late))

    def spike(self, x, y):
        post = self.Post(y.o1 + self.coincident, y.o2 + 1.0, y.late + (1.0 - self.coincident))
        return self.Pre(x.r1 + 1.0, x.r2 + 1.0), post

    def on_pre(self, s, x, y, mod):
        return s._replace(w=self.clip(s.w - y.o1 * (self.A2_minus + self.A3_minus * x.r2)))

    def on_post(self, s, x, y, mod):
        return s._replace(w=self.clip(s.w + x.r1 * (self.A2_plus + self.A3_plus * y.o2)))


def _scaled(values, scale):
    return {name: value * scale if name.startswith("A") else value for name, value in values.items()}
