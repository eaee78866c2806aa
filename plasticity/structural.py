"""Structural plasticity: weak synapses are given up and grown elsewhere."""
from dataclasses import dataclass

import torch

from snn.contract import Value, numbers, param
from snn.errors import ModelError
from snn.plasticity.pair_stdp import zero_or_one
from snn.rule import SynapticRule


@dataclass(frozen=True, kw_only=True, eq=False)
class StructuralPlasticity(SynapticRule):
    """A synapse weaker than a threshold is pruned, and its presynaptic neuron grows a new one to a free target.

    Formula
        every ``every`` ms, a synapse with abs(w) < threshold moves to a target that its presynaptic neuron had no
        synapse to, all such targets equally likely, and begins there with w_new. The number of synapses of a
        presynaptic neuron never changes; two synapses never grow to the same target. With fewer free targets than weak
        synapses the weakest move and the others stay.
        ``autapses=0`` forbids new synapses from a neuron to the neuron of the same number: use it where both sides of
        the projection are the same neurons.

    Units: ``threshold`` and ``w_new`` in the unit of the weight. A synapse keeps its delay.

    Errors: ModelError for threshold or ``every`` <= 0, abs(w_new) < threshold (it would be pruned at once), autapses
    other than 0 or 1.

    Source: G. Bellec, D. Kappel, W. Maass, R. Legenstein (2018), "Deep rewiring", Int. Conf. on Learning
    Representations; P. A. Bogdan, A. G. D. Rowley, O. Rhodes, S. B. Furber (2018), Front. Neurosci. 12:434.

    Example: ``plasticity=[PairSTDP(), StructuralPlasticity(threshold=0.05, w_new=0.1, every=1000.0)]``
    """

    threshold: Value = param(0.05, doc="a synapse whose absolute weight is below it is pruned", above=0)
    w_new: Value = param(0.1, doc="weight of a new synapse")
    every: Value = param(1000.0, unit="ms", doc="time between two prunings", above=0)
    autapses: Value = param(1.0, doc="1: a neuron may grow a synapse to the neuron of its own number; 0: it may not")

    def check(self):
        super().check()
        threshold, w_new = float(numbers(self.threshold)), float(numbers(self.w_new))
        if abs(w_new) < threshold:
            raise ModelError(f"StructuralPlasticity.w_new: is {w_new:g}, below the threshold ({threshold:g}). "
                             "A new synapse must not be pruned at once: its absolute weight must be at least that.")
        zero_or_one(self, "autapses")

    def rewire(self, s, wiring, draw):
        weak = torch.nonzero(torch.abs(s.w) < self.threshold).flatten()
        if not len(weak):
            return None
        strength = torch.abs(s.w)[weak]
        order = torch.sort(strength, stable=True).indices
        weak = weak[order][torch.sort(wiring.pre[weak[order]], stable=True).indices]
        taken = torch.unique(self._taken(wiring))
        free = wiring.n_post - torch.bincount(taken // wiring.n_post, minlength=wiring.n_pre)
        weak = weak[place_in_row(wiring.pre[weak]) < free[wiring.pre[weak]]]
        rows = wiring.pre[weak]
        rank = distinct_ranks(rows, free[rows], draw)
        post = wiring.post.clone()
        post[weak] = nth_missing(rows, rank, taken, wiring.n_post)
        return s._replace(w=s.w.index_fill(0, weak, float(self.w_new))), post

    def _taken(self, wiring):
        """Keys ``row * n_post + target`` of the connections that must not grow."""
        taken = wiring.pre * wiring.n_post + wiring.post
        if float(self.autapses):
            return taken
        own = torch.arange(min(wiring.n_pre, wiring.n_post), device=taken.device)
        return torch.cat([taken, own * wiring.n_post + own])


def place_in_row(rows):
    """For every element of the ascending ``rows`` its number within the elements of equal value."""
    return torch.arange(len(rows), device=rows.device) - torch.searchsorted(rows, rows)


def nth_missing(rows, rank, taken, width):
    """The number at position ``rank`` among the numbers 0 .. width - 1 that row has not in ``taken``.

    ``taken``: ascending distinct keys ``row * width + number``.
    """
    of = taken // width
    # Of the numbers below a taken one, number - place are missing.
    missing_before = of * (width + 1) + taken % width - place_in_row(of)
    first = torch.searchsorted(of, rows)
    return rank + torch.searchsorted(missing_before, rows * (width + 1) + rank, right=True) - first


def distinct_ranks(rows, size, draw):
    """For every element a uniform number in [0, size), distinct within a row, whose ``size`` is one.

    All draw at once; of those that meet, the first keeps the number and the others draw among what is left.
    """
    width = int(size.max()) if len(size) else 0
    found, asked = torch.empty_like(rows), 0
    open_ = torch.arange(len(rows), device=rows.device)
    kept = rows[:0]
    while len(open_):
        used = torch.searchsorted(kept, (rows[open_] + 1) * width) - torch.searchsorted(kept, rows[open_] * width)
        left = size[open_] - used
        # One sequence of numbers for all rounds, wherever a round begins in it.
        u = draw(asked + len(open_))[asked:].to(rows.device)
        asked += len(open_)
        pick = torch.minimum((u * left).to(rows.dtype), left - 1)
        found[open_] = nth_missing(rows[open_], pick, kept, width)
        key = rows[open_] * width + found[open_]
        order = torch.sort(key, stable=True).indices
        repeated = torch.zeros_like(key, dtype=torch.bool)
        repeated[order[1:]] = key[order[1:]] == key[order[:-1]]
        kept = torch.sort(torch.cat([kept, key[~repeated]])).values
        open_ = open_[repeated]
    return found
