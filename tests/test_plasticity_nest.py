"""Synaptic rules against NEST 3.10: the same spikes on both sides of a synapse give the same weights.

The results of NEST are in ``tests/fixtures/nest/plasticity``; ``benchmarks/plasticity/nest_rules.py`` says how NEST's
parameters map to ours. The definition of a rule (``tests/rule_loop.py``) is driven first, then the compiled engine is.
"""
import functools
import json

import numpy as np
import pytest
from rule_loop import run_rule
from rule_runs import taught

import snn
from benchmarks.plasticity.nest_rules import (
    MEETING,
    ONE_PAIR,
    POISSON,
    REGULAR,
    RULES,
    read,
    rule_of,
    short_term,
    trains,
)
from snn.neurons import CubaLIF, SpikeSource
from snn.plasticity import PairSTDP, RewardSTDP

ULPS = {"rtol": 0.0, "atol": 1e-13}
"""Weights are of order 1 and change some hundred times: float noise."""
EVERY = (ONE_PAIR, REGULAR, POISSON, MEETING)
DELAYS = (10, 30)
cached = functools.cache(trains)


def sent(rule, t, meta, *, mod=0.0):
    """What each presynaptic spike of the trains ``t`` is sent with, by the definition of a rule."""
    first = np.full(t.pre.shape[1], meta["w"])
    course = run_rule(rule, t.pre, t.post, first, dt=meta["dt"], dendritic=t.delay, mod=mod)
    return course.sent[np.searchsorted(course.step, t.step), t.column]


@pytest.mark.parametrize("delay", DELAYS)
@pytest.mark.parametrize("name", RULES)
def test_every_weight_is_that_of_nest(name, delay):
    rule, meta, weights = rule_of(name)
    # Spikes that meet are one pair for Vogels and Sprekeler, and none in NEST.
    t = cached(EVERY[:3] if name == "vogels" else EVERY, delay)
    nest = weights[t.at]
    assert np.ptp(nest) > 0.05
    np.testing.assert_allclose(sent(rule, t, meta), nest, **ULPS)


@pytest.mark.parametrize("name", ["nearest_symmetric", "nearest_restricted", "nearest_pre_centered", "multiplicative"])
def test_rules_differ_by_more_than_the_tolerance(name):
    _, meta, weights = rule_of(name)
    t = cached((POISSON,), 10)
    other = rule_of("additive")[0]
    assert np.abs(sent(other, t, meta) - weights[t.at]).max() > 0.05


def test_spikes_that_meet_depress_once_more_than_in_nest():
    rule, meta, weights = rule_of("additive")
    meeting = PairSTDP(**{**{k: v for k, v in rule.summary().items() if k != "rule"}, "coincident": 1})
    t = cached((MEETING,), 10)
    lower = weights[t.at] - sent(meeting, t, meta)
    before_any = t.step < 300
    assert lower[before_any] == pytest.approx(0.0, abs=1e-13)
    assert lower.max() > 3 * rule.A_minus


def test_vogels_counts_a_meeting_as_one_pair():
    rule, meta, weights = rule_of("vogels")
    t = cached((MEETING,), 10)
    back = np.roll(t.post, t.delay, axis=0)
    meetings = np.cumsum(t.pre & back, axis=0)[t.step, t.column]
    assert meetings.max() == 12
    np.testing.assert_allclose(sent(rule, t, meta) - rule.eta * meetings, weights[t.at], **ULPS)


@pytest.mark.parametrize("name", ["tsodyks2_depressing", "tsodyks2_facilitating"])
def test_short_term_amplitudes_are_those_of_nest(name):
    meta, arrays = read(name)
    ours = np.concatenate([sent(short_term(meta["synapse"]), cached((POISSON,), d), meta) for d in DELAYS])
    assert np.ptp(arrays["weights"]) > 0.3
    np.testing.assert_allclose(ours, arrays["weights"], **ULPS)


@pytest.mark.parametrize("name", ["dopamine", "dopamine_baseline"])
def test_eligibility_trace_is_that_of_nest(name):
    """Dopamine decays within a step, a modulator does not: it gets the mean that makes the step exact."""
    meta, arrays = read(name)
    p, dt, t = meta["synapse"], meta["dt"], trains((POISSON,), 10, until=6000)
    n = np.zeros(len(t.pre))
    for arrival in arrays["dopamine"] + 1:
        later = np.arange(arrival + 1, len(n))
        n[later] += np.exp(-(later - 1 - arrival) * dt / p["tau_n"]) / p["tau_n"]
    both = 1.0 / (1.0 / p["tau_c"] + 1.0 / p["tau_n"])
    mean = both * -np.expm1(-dt / both) / (p["tau_c"] * -np.expm1(-dt / p["tau_c"]))
    rule = RewardSTDP(A_plus=p["A_plus"], A_minus=p["A_minus"], tau_plus=p["tau_plus"],
                      tau_minus=meta["post"]["tau_minus"], tau_e=p["tau_c"], w_max=p["Wmax"], coincident=0)
    assert np.ptp(arrays["weights"]) > 0.05
    np.testing.assert_allclose(sent(rule, t, meta, mod=n * mean - p["b"]), arrays["weights"], rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("name", RULES)
def test_the_compiled_engine_gives_the_weights_of_nest(name):
    rule, meta, weights = rule_of(name)
    t, dt = cached((ONE_PAIR, POISSON), 30), meta["dt"]
    times = [[np.flatnonzero(column) * dt for column in side.T] for side in (t.pre, t.post)]
    duration = round((t.step.max() + t.delay + 2) * dt, 1)
    net = taught(*times, rule, w=meta["w"], dt=dt, duration=duration, delay=t.delay * dt, rule=snn.OneToOne())
    record = [snn.RecordWeights("plastic")]
    result = snn.simulate(net, duration, dt=dt, engine=snn.EventDriven(), record=record, progress=False)
    last = np.flatnonzero(np.diff(t.column, append=-1))
    np.testing.assert_allclose(result.weights["plastic"].data[-1], weights[t.at][last], **ULPS)


@pytest.mark.parametrize("name", ["additive", "triplet"])
def test_a_neuron_that_fires_from_its_plastic_inputs_does_as_in_nest(name):
    meta, arrays = read(f"closed_loop_{name}")
    loop, dt = json.loads(str(arrays["loop"])), meta["dt"]
    drawn = np.random.default_rng(loop["seed"]).random((loop["steps"], loop["inputs"])) < loop["rate"] * dt / 1000.0
    drawn[:loop["first"]] = drawn[loop["last"]:] = False
    drawn[loop["last"]] = True
    p = loop["neuron"]
    cell = CubaLIF(tau_exc=p["tau_syn_ex"], **{k: p[k] for k in ("C_m", "tau_m", "E_L", "V_th", "V_reset", "t_ref")})
    step, neuron = np.nonzero(drawn)
    spikes = snn.Spikes(step * dt, neuron, loop["inputs"], loop["steps"] * dt)
    net = snn.Network("loop")
    inputs, cells = net.add("inputs", SpikeSource(spikes), loop["inputs"]), net.add("cell", cell, 1)
    net.connect(inputs, cells, snn.AllToAll(), port="exc", weight=np.linspace(*loop["w"], loop["inputs"]),
                delay=loop["delay"], plasticity=RULES[name](meta["synapse"], meta["post"]), name="plastic")
    record = [snn.RecordSpikes("cell"), snn.RecordWeights("plastic")]
    duration = (loop["last"] + round(loop["delay"] / dt)) * dt
    result = snn.simulate(net, duration, dt=dt, engine=snn.EventDriven(), record=record, progress=False)
    fired = np.rint(result.spikes["cell"].times / dt).astype(int)
    nest = arrays["spikes"][arrays["spikes"] <= fired.max()]
    assert len(fired) > 30
    np.testing.assert_array_equal(fired, nest)
    np.testing.assert_allclose(result.weights["plastic"].data[-1], arrays["weights"], rtol=1e-10)
