"""Reward-modulated spike-timing-dependent plasticity, with and without an eligibility trace."""
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch

from snn.contract import Value, param, unitless
from snn.plasticity.pair_stdp import PairSTDP


@dataclass(frozen=True, kw_only=True, eq=False)
class RewardSTDP(PairSTDP):
    """Pair STDP that writes into an eligibility trace; the modulator turns the trace into a change of the weight.

    Formula
        traces x and y of the spikes as in PairSTDP;
        postsynaptic spike: e += A_plus x;  presynaptic spike: e -= A_minus y;
        between spikes de/dt = -e / tau_e,  dw/dt = mod e,  w is kept within w_min and w_max.
        While mod is constant, after a time t: w += mod e tau_e (1 - exp(-t / tau_e)). e does not change its sign in
        that time, so w moves in one direction, and clipping it at the end is as good as clipping it all the time.

    Shapes and units
        A synapse holds ``w`` and ``e``, both in the unit of the port. The modulator (a concentration of dopamine, a
        reward, a reward minus its expectation) counts in 1/ms; it may be negative, and with 0 no weight changes.

    Errors: as PairSTDP, and ModelError for tau_e <= 0.

    Source: E. M. Izhikevich (2007), Cereb. Cortex 17:2443-2452; N. Fremaux, W. Gerstner (2016), Front. Neural Circuits
    9:85.

    Example: ``snn.Plastic(RewardSTDP(tau_e=1000.0), modulator=snn.Modulator())``
    """

    tau_e: Value = param(1000.0, unit="ms", doc="time constant of the eligibility trace", above=0)

    class Synapse(NamedTuple):
        w: unitless
        e: unitless

    additive: ClassVar[bool] = False

    def flow(self, s, mod, dt):
        left = torch.exp(-dt / self.tau_e)
        return self.Synapse(w=self.clip(s.w + mod * s.e * self.tau_e * (1.0 - left)), e=s.e * left)

    def on_pre(self, s, x, y, mod):
        return s._replace(e=s.e - self.A_minus * y.y)

    def on_post(self, s, x, y, mod):
        return s._replace(e=s.e + self.A_plus * x.x)


@dataclass(frozen=True, kw_only=True, eq=False)
class ModulatedSTDP(PairSTDP):
    """Pair STDP whose amounts are multiplied by the modulator at the moment of the spike: no eligibility trace.

    Formula
        traces x and y of the spikes as in PairSTDP;
        postsynaptic spike: w += mod A_plus x;  presynaptic spike: w -= mod A_minus y;  w is kept in its bounds.

    Units: the modulator has none; 1 gives PairSTDP, 0 nothing, a negative one reverses the rule.

    Errors: as PairSTDP.

    Source: N. Fremaux, W. Gerstner (2016), Front. Neural Circuits 9:85, the gating form of a third factor.

    Example: ``snn.Plastic(ModulatedSTDP(), modulator=snn.Modulator())``
    """

    additive: ClassVar[bool] = False

    def on_pre(self, s, x, y, mod):
        return s._replace(w=self.clip(s.w - mod * self.A_minus * y.y))

    def on_post(self, s, x, y, mod):
        return s._replace(w=self.clip(s.w + mod * self.A_plus * x.x))
