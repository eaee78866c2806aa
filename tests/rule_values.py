"""What the tests of rules share: the catalogue, and plausible values of everything that a rule's methods take."""
import dataclasses
from typing import NamedTuple

import numpy as np
import pytest
import torch

import snn.plasticity
from snn.contract import numbers
from snn.rule import SynapticRule
from snn.wiring import Wiring

ENTRIES = [getattr(snn.plasticity, name) for name in snn.plasticity.__all__]
RULES = [entry for entry in ENTRIES if isinstance(entry, type) and issubclass(entry, SynapticRule)]
READS = {"mV": (-90.0, 10.0), "pA": (-300.0, 500.0), "nS": (0.0, 20.0), "Hz": (0.0, 60.0)}


def of(rules):
    """Run a test once for each of ``rules``, as its argument ``Rule``."""
    return pytest.mark.parametrize("Rule", rules, ids=lambda R: R.__name__)


every_rule = of(RULES)


def states(Rule, method):
    """Whether a rule has a method of its own."""
    return getattr(Rule, method) is not getattr(SynapticRule, method)


def with_fields(Rule, **wanted):
    """The default rule with those of the ``wanted`` values for which it has a field."""
    names = {f.name for f in dataclasses.fields(Rule)}
    return Rule(**{k: v for k, v in wanted.items() if k in names})


class Moment(NamedTuple):
    """Arguments of a rule's methods; tensors that belong together have one shape or broadcast."""

    s: tuple
    x: tuple
    y: tuple
    mod: torch.Tensor
    u: tuple


def moment(rule, *, pre, post, seed, dtype=torch.float64):
    """A moment in a random history of ``pre`` and ``post`` neurons: x (1, pre), y (post, 1), s (post, pre)."""
    rng, bound = np.random.default_rng(seed), rule.bind(1, dtype)
    shapes = {"x": (1, pre), "y": (post, 1), "s": (post, pre)}
    x, y = (full(trace, shapes[name], dtype) for name, trace in zip("xy", bound.rest(), strict=True))
    mod = torch.as_tensor(rng.normal(0.0, 0.5, (post, 1))).to(dtype)
    s = random_synapses(rule, rng, shapes["s"], dtype)
    for _ in range(15):
        u = reads(rule, rng, (post, 1), dtype)
        x, y = bound.decay(x, y, 2.0)
        s, y = bound.flow(s, mod, 2.0), bound.watch(y, u, 2.0)
        fired, came = (torch.as_tensor(rng.random(shapes[k]) < 0.1) for k in "yx")
        s, y = chosen(fired, bound.on_post(s, x, y, mod), s), chosen(fired, bound.spike(x, y)[1], y)
        s, x = chosen(came, bound.on_pre(s, x, y, mod), s), chosen(came, bound.spike(x, y)[0], x)
    return Moment(s, x, y, mod, reads(rule, rng, (post, 1), dtype))


def limits(rule):
    """Bounds within which to draw weights."""
    low, high = rule.bounds()
    low = (0.0 if high is None or high > 0 else high - 1.0) if low is None else low
    return low, low + 1.0 if high is None else min(high, low + 50.0)


def random_synapses(rule, rng, shape, dtype):
    low, high = limits(rule)
    weights = torch.as_tensor(rng.uniform(low, high, shape)).to(dtype)
    return rule.Synapse(weights, *(torch.zeros(shape, dtype=dtype) for _ in rule.Synapse._fields[1:]))


def reads(rule, rng, shape, dtype):
    units = rule.units(rule.Reads)
    ranges = (READS.get(units[name], (0.0, 1.0)) for name in rule.Reads._fields)
    return rule.Reads(*(torch.as_tensor(rng.uniform(*r, shape)).to(dtype) for r in ranges))


def full(trace, shape, dtype):
    return type(trace)(*(torch.as_tensor(v, dtype=dtype).expand(shape).clone() for v in trace))


def chosen(where, new, old):
    return type(old)(*(torch.where(where, a, b) for a, b in zip(new, old, strict=True)))


def dense_wiring(pre, post, every):
    """All to all, in the order of rows by presynaptic neuron; take ``[post, pre]`` values by ``.T.flatten()``."""
    ends = torch.arange(pre).repeat_interleave(post), torch.arange(post).repeat(pre)
    return Wiring(*ends, pre, post, every)


def by_row(values, shape):
    """Tensors that broadcast to ``[post, pre]`` as ``[synapses]`` in the order of :func:`dense_wiring`."""
    return type(values)(*(v.expand(shape).T.flatten() for v in values))


def action(rule, now, pre, post):
    """``on_time`` on all to all synapses: what it is given and what it makes of it."""
    every = float(numbers(rule.every))
    dtype = now.s.w.dtype
    given = [by_row(v, (post, pre)) for v in (now.s, now.x, now.y)]
    mod = now.mod.expand(post, pre).T.flatten()
    return given[0], rule.bind(1, dtype).on_time(*given, mod, dense_wiring(pre, post, every))
