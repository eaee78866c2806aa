"""What every rule of the catalogue must fulfil; a new entry of ``snn.plasticity.__all__`` is tested at once."""
import dataclasses
import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rule_loop import run_rule
from rule_values import RULES, action, every_rule, full, limits, moment, of, reads, states, with_fields

from snn.contract import numbers
from snn.rule_graph import trace_rule

DT = 0.1
PRE, POST = 5, 4


def same(a, b, rtol=1e-11, atol=1e-12):
    for one, two in zip(a, b, strict=True):
        one, two = torch.broadcast_tensors(torch.as_tensor(one), torch.as_tensor(two))
        np.testing.assert_allclose(one, two, rtol=rtol, atol=atol)


def results(rule, now):
    """Every elementwise method at a moment, by name."""
    rule = rule.bind(1, now.s.w.dtype)
    (dx, dy), (sx, sy), acts = rule.decay(now.x, now.y, DT), rule.spike(now.x, now.y), rule.acts(now.y)
    return {"decay x": dx, "decay y": dy, "spike x": sx, "spike y": sy, "watch": rule.watch(now.y, now.u, DT),
            "acts": () if acts is None else (acts,), "flow": rule.flow(now.s, now.mod, DT),
            "on_pre": rule.on_pre(now.s, now.x, now.y, now.mod), "on_post": rule.on_post(now.s, now.x, now.y, now.mod),
            "transmit": (rule.transmit(now.s.w, now.x),)}


# The methods are pure, elementwise and keep their precision


@every_rule
def test_compiles(Rule):
    traced = trace_rule(Rule(), DT)
    kinds = {"decay_pre": Rule.Pre, "spike_pre": Rule.Pre, "decay_post": Rule.Post, "spike_post": Rule.Post,
             "watch": Rule.Post, "flow": Rule.Synapse, "on_pre": Rule.Synapse, "on_post": Rule.Synapse}
    for method, kind in kinds.items():
        assert set(traced.methods[method]) == set(kind._fields), method


@every_rule
def test_methods_change_nothing_outside(Rule):
    now = moment(Rule(), pre=PRE, post=POST, seed=1)
    tensors = [t for part in now for t in (part if isinstance(part, tuple) else (part,))]
    before = [t.clone() for t in tensors]
    first, second = results(Rule(), now), results(Rule(), now)
    assert all(torch.equal(a, b) for a, b in zip(before, tensors, strict=True))
    for name in first:
        same(first[name], second[name], rtol=0, atol=0)
    if Rule.every is not None:
        given = [t.clone() for t in action(Rule(), now, PRE, POST)[0]]
        same(given, action(Rule(), now, PRE, POST)[0], rtol=0, atol=0)


@every_rule
def test_tables_of_synapses_equal_single_synapses(Rule):
    now = moment(Rule(), pre=PRE, post=POST, seed=2)
    together = results(Rule(), now)
    for i in range(POST):
        for j in range(PRE):
            one = type(now)(*(pick(part, i, j) for part in now))
            for name, alone in results(Rule(), one).items():
                same(pick(tuple(map(torch.as_tensor, together[name])), i, j), alone)


def pick(part, i, j):
    """The values of one synapse, whatever of post and pre they belong to."""
    if isinstance(part, torch.Tensor):
        return part.expand(POST, PRE)[i, j] if part.ndim else part
    picked = [pick(t, i, j) for t in part]
    return type(part)(*picked) if hasattr(part, "_fields") else tuple(picked)


@every_rule
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_values_keep_their_type_and_stay_finite(Rule, dtype):
    now = moment(Rule(), pre=PRE, post=POST, seed=3, dtype=dtype)
    found = results(Rule(), now)
    if Rule.every is not None:
        found["on_time"] = action(Rule(), now, PRE, POST)[1]
    for name, values in found.items():
        for value in values:
            value = torch.as_tensor(value)
            assert value.dtype == (torch.bool if name == "acts" else dtype), name
            assert torch.isfinite(value).all(), name


@every_rule
def test_precisions_agree(Rule):
    double = moment(Rule(), pre=PRE, post=POST, seed=4)
    single = type(double)(*(as_single(part) for part in double))
    for (name, a), b in zip(results(Rule(), double).items(), results(Rule(), single).values(), strict=True):
        if name != "acts":
            same(a, b, rtol=1e-4, atol=1e-4)


def as_single(part):
    return part.float() if isinstance(part, torch.Tensor) else type(part)(*(t.float() for t in part))


@every_rule
def test_traces_belong_to_one_neuron(Rule):
    rule = Rule().bind(1, torch.float64)
    a, b = moment(Rule(), pre=PRE, post=POST, seed=5), moment(Rule(), pre=PRE, post=POST, seed=6)
    for method in (lambda x, y: rule.decay(x, y, DT), rule.spike):
        same(method(a.x, a.y)[0], method(a.x, b.y)[0], rtol=0, atol=0)
        same(method(a.x, a.y)[1], method(b.x, a.y)[1], rtol=0, atol=0)


# Claims


@every_rule
@settings(max_examples=8)
@given(a=st.floats(0.01, 200.0), b=st.floats(0.01, 200.0), seed=st.integers(0, 3))
def test_time_may_be_cut_into_pieces(Rule, a, b, seed):
    rule, now = Rule().bind(1, torch.float64), moment(Rule(), pre=3, post=3, seed=seed)
    same(rule.decay(rule.decay(now.x, now.y, a)[0], now.y, b)[0], rule.decay(now.x, now.y, a + b)[0], 1e-9)
    same(rule.flow(rule.flow(now.s, now.mod, a), now.mod, b), rule.flow(now.s, now.mod, a + b), 1e-9)


@of([R for R in RULES if R.additive])
@settings(max_examples=8)
@given(seed=st.integers(0, 1000), a=st.floats(0.0, 3.0), b=st.floats(0.0, 3.0))
def test_additive_means_amounts_that_may_be_added_up(Rule, seed, a, b):
    free = with_fields(Rule, w_min=-1e6, w_max=1e6).bind(1, torch.float64)
    now, other = (moment(Rule(), pre=3, post=3, seed=k) for k in (seed, seed + 1))
    zero = now.s._replace(w=torch.zeros_like(now.s.w))

    def amount(x, s=zero):
        return free.on_post(s, x, now.y, now.mod).w - s.w

    mixed = type(now.x)(*(a * p + b * q for p, q in zip(now.x, other.x, strict=True)))
    both = amount(now.x), amount(other.x)
    same([amount(now.x, other.s)], [both[0]], rtol=1e-9, atol=1e-9)
    same([amount(mixed)], [a * both[0] + b * both[1]], rtol=1e-9, atol=1e-9)
    assert len({float(sign) for sign in torch.sign(torch.stack(both)).flatten()} - {0.0}) <= 1
    rule = Rule().bind(1, torch.float64)
    after = rule.on_post(now.s, now.x, now.y, now.mod)
    same([after.w], [rule.clip(now.s.w + both[0])])
    assert after[1:] == now.s[1:]


@every_rule
def test_acting_in_time_says_how_often(Rule):
    acts = states(Rule, "on_time") or states(Rule, "rewire")
    assert acts == (Rule.every is not None)
    if acts:
        assert float(numbers(Rule().every)) > 0 and "every" in {f.name for f in dataclasses.fields(Rule)}


@every_rule
def test_does_something(Rule):
    """Some method changes what it is given, and a rule that reads states looks at them."""
    own = [m for m in ("on_pre", "on_post", "flow", "transmit", "on_time", "rewire") if states(Rule, m)]
    assert own
    assert bool(Rule.Reads._fields) == states(Rule, "watch")


# Weights


@every_rule
@pytest.mark.parametrize("delay", [0, 3])
def test_weights_stay_within_their_bounds(Rule, delay):
    rule, rng, steps, n = Rule(), np.random.default_rng(7), 150, 12
    low, high = limits(rule)
    w = rng.choice([low, high, (low + high) / 2], n)
    pre, post = rng.random((2, steps, n)) < 0.3
    seen = {k: v.numpy() for k, v in reads(rule, rng, (steps, n), torch.float64)._asdict().items()}
    course = run_rule(rule, pre, post, w, dt=1.0, dendritic=delay, mod=rng.normal(0.0, 1.0, steps), reads=seen).w
    assert np.isfinite(course).all()
    inside(rule, course)


@of([R for R in RULES if states(R, "on_time")])
@pytest.mark.parametrize("seed", range(5))
def test_weights_stay_within_their_bounds_in_time(Rule, seed):
    now = moment(Rule(), pre=PRE, post=POST, seed=seed)
    before, after = action(Rule(), now, PRE, POST)
    assert after.w.shape == before.w.shape and torch.isfinite(after.w).all()
    inside(Rule(), after.w.numpy())


def inside(rule, w):
    low, high = rule.bounds()
    assert low is None or (w >= low).all()
    assert high is None or (w <= high).all()


# Checkpoints


@every_rule
def test_summary_can_be_stored(Rule):
    stored = json.loads(json.dumps(Rule().summary()))
    assert stored == Rule().summary() and stored.pop("rule") == Rule.__name__
    assert Rule(**stored) == Rule()


@every_rule
def test_traces_begin_at_rest(Rule):
    x, y = Rule().bind(1, torch.float64).rest()
    assert isinstance(x, Rule.Pre) and isinstance(y, Rule.Post)
    x, y = full(x, (1, 1), torch.float64), full(y, (1, 1), torch.float64)
    same(Rule().bind(1, torch.float64).decay(x, y, 50.0)[0], x)
