"""The contract of synaptic plasticity: one text per rule, read by every engine.

What it is
    A rule is a frozen dataclass of parameters with a few pure, elementwise methods written in torch operations (those
    of :mod:`snn.contract`). It sees the weight of a synapse, traces of its two neurons and a modulator, and nothing
    else: not who is connected to whom, not the delays, not the engine. In every step, at every synapse, the order is::

        x, y = decay(x, y, dt)          # traces: x of the presynaptic neuron, y of the postsynaptic one
        y = watch(y, u, dt)             # only rules that read states u of the postsynaptic neuron
        where the postsynaptic neuron fired:  s = on_post(s, x, y, mod);  y = spike(x, y)[1]
        where a presynaptic spike arrived:    s = on_pre(s, x, y, mod);  transmit(s.w, x) is sent;  x = spike(x, y)[0]

    so that a spike finds the traces as they were before it, and a pair of spikes that meet at the synapse in one step
    is seen by ``on_pre`` alone. ``s`` holds the weight and what else a rule keeps per synapse; ``flow`` is what time
    does to it.

When spikes meet
    A delay has an axonal part a and a dendritic part d. A presynaptic spike of step t is at the synapse in step t + a
    and at the soma in step t + a + d; a postsynaptic spike of step t is back at the synapse in step t + d. With d = 0
    it is there at once, after the input of the same step. Weights are those that a spike now arriving at the soma has
    been sent with.

Traces
    A rule states NamedTuples ``Pre`` and ``Post`` (per neuron) and ``Synapse`` (per synapse, ``w`` first). ``decay``
    of the presynaptic traces and ``flow`` must be exact (``f(a)`` then ``f(b)`` equals ``f(a + b)``): engines evaluate
    them when a spike comes, for the time that passed. Postsynaptic traces are stepped.

Source: traces and their order: Morrison, Diesmann, Gerstner (2008), Biol. Cybern. 98:459.
"""
import dataclasses
from typing import ClassVar, NamedTuple

from snn.contract import Parameters, numbers, unitless
from snn.errors import ModelError

LONGEST = 4096
"""Steps that traces and synapses decay at once; a longer time is taken in pieces of this many."""


class SynapticRule(Parameters):
    """Base of all synaptic rules. Subclass it as a frozen, keyword-only dataclass; every field is one number.

    A subclass states
        ``Pre``, ``Post``  NamedTuples of the traces of the two neurons, with their units; all begin at :meth:`rest`
        ``Synapse``   NamedTuple of what a synapse holds, ``w`` (its weight, in the unit of the port) first
        ``Reads``     NamedTuple of states of the postsynaptic model that :meth:`watch` needs, by their names there
        ``additive``  claim: ``on_post`` adds to ``w`` an amount that does not depend on ``s``, is linear in ``x`` and
                      has one sign, and then clips; engines may then add up postsynaptic events before applying them
        ``every``     a field in ms where the rule also acts in time (:meth:`on_time`, :meth:`rewire`)
        and the methods that differ from these.

    Errors: :class:`ModelError` for a parameter that is not one finite number or is outside its domain.
    """

    class Pre(NamedTuple):
        pass

    class Post(NamedTuple):
        pass

    class Synapse(NamedTuple):
        w: unitless

    class Reads(NamedTuple):
        pass

    additive: ClassVar[bool] = False
    every: ClassVar = None

    def _check_field(self, f):
        super()._check_field(f)
        if numbers(getattr(self, f.name)).ndim:
            raise ModelError(f"{type(self).__name__}.{f.name}: has {numbers(getattr(self, f.name)).size} values. "
                             "A rule takes one number; use one projection per value.")

    def rest(self):
        """``(Pre, Post)`` before any spike; all zero unless a rule says otherwise."""
        return self.Pre(*(0.0 for _ in self.Pre._fields)), self.Post(*(0.0 for _ in self.Post._fields))

    def decay(self, x, y, dt):
        """``(x, y)`` after ``dt`` ms without a spike; ``x`` depends on ``x`` alone, ``y`` on ``y`` alone."""
        return x, y

    def watch(self, y, u, dt):
        """``y`` after a step of ``dt`` ms at whose end the postsynaptic neuron had the states ``u`` (a ``Reads``)."""
        return y

    def acts(self, y):
        """Where the postsynaptic side acts on its synapses in this step, a condition on ``y``; None: where it fired."""
        return None

    def spike(self, x, y):
        """``(x, y)`` after a spike of the presynaptic, of the postsynaptic neuron."""
        return x, y

    def flow(self, s, mod, dt):
        """A synapse after ``dt`` ms without a spike, under a constant modulator."""
        return s

    def on_pre(self, s, x, y, mod):
        """A synapse after a presynaptic spike arrived at it."""
        return s

    def on_post(self, s, x, y, mod):
        """A synapse after a postsynaptic spike (or where ``acts``) reached it."""
        return s

    def transmit(self, w, x):
        """What a presynaptic spike adds to the port of its target: the weight, unless a rule scales it."""
        return w

    def on_time(self, s, x, y, mod, wiring):
        """All synapses of a projection every ``every`` ms, after the events of that step.

        Tensors [synapses]: the fields of ``s``, ``x``, ``y`` (of its two neurons) and ``mod``; ``wiring`` is a
        :class:`snn.wiring.Wiring` and knows who is connected to whom. Any torch operation is allowed. Returns ``s``.
        """
        return s

    def rewire(self, s, wiring, draw):
        """Move synapses every ``every`` ms, behind :meth:`on_time`: ``(s, post)`` with the new targets, or None.

        A synapse stays with its presynaptic neuron; ``draw(k)`` gives uniform numbers [k] in [0, 1) of this moment.
        """
        return None

    def bounds(self):
        """Lowest and highest weight: the fields ``w_min`` and ``w_max`` where the rule has them, else None."""
        return tuple(None if not hasattr(self, k) else float(numbers(getattr(self, k))) for k in ("w_min", "w_max"))

    def check(self):
        """The lower bound lies below the upper one; a rule that overrides this calls it too."""
        low, high = self.bounds()
        if low is not None and high is not None and not low < high:
            raise ModelError(f"{type(self).__name__}.w_min: is {low:g}, not below w_max ({high:g}). "
                             "The lower bound must be below the upper one.")

    def clip(self, w):
        """``w`` within ``w_min`` and ``w_max``: hard bounds."""
        import torch

        return torch.minimum(torch.maximum(w, self.w_min), self.w_max)

    def summary(self):
        """Name and parameters, as they stand in checkpoints."""
        values = {f.name: float(numbers(getattr(self, f.name))) for f in dataclasses.fields(self)}
        return {"rule": type(self).__name__, **values}


def rules_of(given, where):
    """The rules in ``given`` (one, or several) as a tuple; ModelError for anything else."""
    rules = tuple(given) if isinstance(given, tuple | list) else (given,)
    for r in rules:
        if not isinstance(r, SynapticRule):
            raise ModelError(f"{where}: {r!r} is not a synaptic rule. Give for example snn.plasticity.PairSTDP(), "
                             "or a list of rules.")
    if not rules:
        raise ModelError(f"{where}: is empty. Give at least one rule, or leave it out.")
    return rules
