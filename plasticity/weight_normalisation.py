"""Normalisation of the sum of a neuron's incoming weights."""
from dataclasses import dataclass

import torch

from snn.contract import Value, param
from snn.rule import SynapticRule


@dataclass(frozen=True, kw_only=True, eq=False)
class WeightNormalisation(SynapticRule):
    """The absolute weights that a neuron receives in the projection are scaled to a fixed sum.

    Formula
        every ``every`` ms: w *= target / sum of abs(w) over the synapses of the same postsynaptic neuron.
        Ratios of weights stay as they are. A neuron whose weights are all 0 keeps them.

    Units: ``target`` in the unit of the weight.

    Errors: ModelError for target or ``every`` <= 0.

    Source: C. von der Malsburg (1973), Kybernetik 14:85-100; as in P. U. Diehl, M. Cook (2015), Front. Comput.
    Neurosci. 9:99; K. D. Miller, D. J. C. MacKay (1994), Neural Comput. 6:100-126 on what it does to a Hebbian rule.

    Example: ``plasticity=[PairSTDP(), WeightNormalisation(target=78.0, every=500.0)]``
    """

    target: Value = param(1.0, doc="sum of the absolute weights of a neuron", above=0)
    every: Value = param(100.0, unit="ms", doc="time between two normalisations", above=0)

    def on_time(self, s, x, y, mod, wiring):
        total = wiring.sum_by_post(torch.abs(s.w))
        return s._replace(w=torch.where(total > 0.0, s.w * (self.target / total), s.w))


@dataclass(frozen=True, kw_only=True, eq=False)
class SubtractiveNormalisation(SynapticRule):
    """The same amount is added to all weights that a neuron receives, so that they have a fixed sum.

    Formula
        every ``every`` ms: w += (target - sum) / n over the n synapses of the same postsynaptic neuron; then w is kept
        within w_min and w_max. What a weight at its bound does not take is left to the next times.
        Unlike scaling it lets strong weights win until all others lie at the lower bound.

    Units: ``target`` in the unit of the weight.

    Errors: ModelError for target or ``every`` <= 0, w_min >= w_max.

    Source: K. D. Miller, D. J. C. MacKay (1994), Neural Comput. 6:100-126.

    Example: ``plasticity=[PairSTDP(), SubtractiveNormalisation(target=10.0)]``
    """

    target: Value = param(1.0, doc="sum of the weights of a neuron", above=0)
    every: Value = param(100.0, unit="ms", doc="time between two normalisations", above=0)
    w_min: Value = param(0.0, doc="lowest weight")
    w_max: Value = param(1.0, doc="highest weight")

    def on_time(self, s, x, y, mod, wiring):
        missing = (self.target - wiring.sum_by_post(s.w)) / wiring.sum_by_post(torch.ones_like(s.w))
        return s._replace(w=self.clip(s.w + missing))
