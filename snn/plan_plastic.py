"""The plan of plastic projections: checks, where the delay lies, and groups of equal delay.

What it is
    Rules know nothing of delays. A projection whose synapses have different delays is therefore split into groups of
    one delay each, which share everything but their rows; engines see groups only.

When spikes meet (the clock of the soma: a presynaptic spike of step t counts in step t + a + d, when it arrives there)
    A postsynaptic spike of step t counts in step t + ``back``: back = 2 d for a dendritic delay of d steps. With d = 0
    it counts at once, but behind the input of its own step: back = 1 and ``late`` is set.
"""
from dataclasses import dataclass, fields, replace

import numpy as np
import torch

from snn.contract import numbers, steps_of
from snn.csr import CSR
from snn.errors import NetworkError
from snn.plastic import PopulationModulator, check_modulation
from snn.rule_graph import trace_rule


@dataclass(frozen=True, eq=False)
class PlasticPlan:
    """Rules of a projection, ready to run.

    ``rules`` the rules in order, ``traced`` their graphs; ``back``, ``late`` as above; ``members`` int64: numbers of
    the synapses of this group within the projection, None for all; ``modulator`` description or None, ``mod`` its
    first value (n_post,); ``group`` number of the group; ``key`` of the random numbers of ``rewire``.
    """

    rules: tuple
    traced: tuple
    back: int
    late: bool
    modulator: object
    mod: np.ndarray
    key: object
    members: object = None
    group: int = 0

    @property
    def flows(self):
        """Whether time alone changes a synapse."""
        return any(t.changes("flow") for t in self.traced)

    @property
    def reads(self):
        """Names of the states of the postsynaptic neuron that some rule reads."""
        return tuple(dict.fromkeys(name for r in self.rules for name in r.Reads._fields))

    def summary(self):
        """What a checkpoint keeps of the rules."""
        return [r.summary() for r in self.rules]

    @property
    def dendritic(self):
        """Steps of the delay behind the synapse."""
        return 0 if self.late else self.back // 2


def plastic_plan(q, projection, dt, key):
    """The :class:`PlasticPlan` of a described projection ``q`` (plan: ``projection``), without its groups."""
    where, rules = f"Projection.{q.name}", q.plasticity.rules
    traced = tuple(trace_rule(r, dt) for r in rules)
    model = q.post.population.model
    for r, t in zip(rules, traced, strict=True):
        _check_rule(where, r, t, model, projection)
        _check_weights(where, r, projection.weight)
        if r.every is not None:
            _check_every(r.every, dt, f"{type(r).__name__}.every of {q.name!r}")
    modulator, used = q.plasticity.modulator, [t for t in traced if t.uses_modulator or t.rule.every is not None]
    missing = [type(t.rule).__name__ for t in traced if t.uses_modulator]
    if missing and modulator is None:
        raise NetworkError(f"{where}.plasticity: {missing[0]} needs a modulator and there is none. "
                           "Give Plastic(rule, modulator=snn.Modulator()).")
    if modulator is not None and not used:
        raise NetworkError(f"{where}.plasticity: a modulator is given, but {type(rules[0]).__name__} does not use one. "
                           "Leave it out, or choose a rule with a third factor.")
    start = 0.0
    if isinstance(modulator, PopulationModulator):
        _check_every(modulator.every, dt, f"PopulationModulator.every of {q.name!r}")
        start = -modulator.baseline
    elif modulator is not None:
        start = check_modulation(modulator.value, f"{where}: Modulator.value", len(q.post))
    back = 0 if q.plasticity.dendritic is None else 2 * int(
        steps_of(q.plasticity.dendritic, dt, f"{where}: Plastic.dendritic")
    )
    mod = np.broadcast_to(np.asarray(start, np.float64), len(q.post)).copy()
    return PlasticPlan(rules, traced, back, False, modulator, mod, key)


def _check_every(every, dt, where):
    if steps_of(every, dt, where) < 1:
        raise NetworkError(f"{where}: is below one step ({float(every):g} ms). Use at least dt = {dt:g} ms.")


def _check_rule(where, rule, traced, model, projection):
    name = type(model).__name__
    if traced.acts_on_post and not _fires(model):
        raise NetworkError(f"{where}.plasticity: {type(rule).__name__} needs postsynaptic spikes and {name} has none. "
                           "Choose a neuron that fires, or another rule.")
    for state in rule.Reads._fields:
        if state not in model.State._fields:
            raise NetworkError(f"{where}.plasticity: {type(rule).__name__} reads the state {state!r}; {name} has none. "
                               f"It has: {', '.join(model.State._fields)}.")


def _fires(model):
    """Whether a model has a threshold."""
    one = type(model)(**{f.name: float(numbers(getattr(model, f.name)).flat[0]) for f in fields(model)})
    bound = one.bind(1, torch.float64)
    rest = bound.rest()
    return bound.margin(type(rest)(*(torch.as_tensor(v, dtype=torch.float64) for v in rest))) is not None


def _check_weights(where, rule, weight):
    low, high = rule.bounds()
    for bound, test, word in ((low, np.less, "below w_min"), (high, np.greater, "above w_max")):
        if bound is not None and np.size(weight) and test(weight, np.asarray(bound, np.asarray(weight).dtype)).any():
            bad = float(np.min(weight) if bound is low else np.max(weight))
            raise NetworkError(f"{where}.weight: is {bad:g}, {word} of {type(rule).__name__} ({bound:g}). "
                               "Start within the bounds, or widen them.")


def groups(projection, dendritic):
    """The projection as groups of one delay each (a list of projection plans); ``dendritic``: was a part given?"""
    p = projection.plastic
    if projection.on_arrival:
        return [_group(projection, projection.delay, dendritic, 0, None)]
    return [
        _group(projection, int(delay), dendritic, k, np.flatnonzero(projection.delay == delay))
        for k, delay in enumerate(np.unique(projection.delay))
    ] or [replace(projection, delay=1, plastic=replace(p, back=2))]


def _group(projection, delay, dendritic, k, members):
    p, csr, weight = projection.plastic, projection.csr, projection.weight
    back = p.back if dendritic else 2 * delay
    if back > 2 * delay:
        raise NetworkError(f"Projection.{projection.name}: Plastic.dendritic is {back // 2} steps, longer than a delay "
                           f"of {delay} steps. The dendritic part is at most the whole delay.")
    if members is not None:
        indptr = np.searchsorted(members, csr.indptr).astype(np.int64)
        csr = CSR(indptr, csr.targets[members])
        weight = weight if np.ndim(weight) == 0 else weight[members]
    plastic = replace(p, back=back or 1, late=back == 0, members=members, group=k)
    return replace(projection, csr=csr, weight=weight, delay=delay, plastic=plastic)
