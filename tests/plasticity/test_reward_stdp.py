"""Reward-modulated STDP alone, against its closed form and against a fine integration."""
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rule_runs import taught

import snn
from snn.errors import ModelError
from snn.plasticity import ModulatedSTDP, PairSTDP, RewardSTDP

ENGINES = [snn.Reference(), snn.EventDriven(threads=1)]
each_engine = pytest.mark.parametrize("engine", ENGINES, ids=["reference", "event-driven"])
reals = st.floats(-1.0, 1.0)


def bound(rule):
    return rule.bind(1, torch.float64)


def real(x):
    return torch.tensor(x, dtype=torch.float64)


def traces(rule, x=0.0, y=0.0):
    """Traces at rest, but for the two that the amounts depend on."""
    at_rest = [type(t)(*map(real, t)) for t in rule.rest()]
    return at_rest[0]._replace(x=real(x)), at_rest[1]._replace(y=real(y))


@given(w=st.floats(0.0, 1.0), e=reals, mod=reals, a=st.floats(0.0, 4000.0), b=st.floats(0.0, 4000.0))
def test_flows_compose_at_the_bounds_too(w, e, mod, a, b):
    rule = bound(RewardSTDP())
    s, mod = rule.Synapse(real(w), real(e)), real(mod)
    one, two = rule.flow(s, mod, a + b), rule.flow(rule.flow(s, mod, a), mod, b)
    np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-12)


def test_a_pair_and_a_later_reward():
    """Pre at 0, post at 10 ms, a modulator of 0.002 / ms for 200 ms from 1500 ms after the pair."""
    rule = bound(RewardSTDP(A_plus=0.1, tau_plus=15.0, tau_e=800.0))
    (x, y), off = traces(rule), real(0.0)
    s = rule.on_pre(rule.Synapse(real(0.5), real(0.0)), x, y, off)
    x = rule.decay(rule.spike(x, y)[0], y, 10.0)[0]
    s = rule.on_post(rule.flow(s, off, 10.0), x, y, off)
    assert s.w == 0.5 and abs(float(s.e) - 0.1 * np.exp(-10 / 15)) < 1e-15
    s = rule.flow(rule.flow(s, off, 1500.0), real(0.002), 200.0)
    e = 0.1 * np.exp(-10 / 15 - 1500 / 800)
    assert abs(float(s.w) - (0.5 + 0.002 * e * 800 * (1 - np.exp(-200 / 800)))) < 1e-14
    assert abs(float(s.e) - e * np.exp(-200 / 800)) < 1e-15


def test_the_flow_is_the_solution_of_its_equation():
    rule, dt = bound(RewardSTDP(tau_e=100.0)), 0.01
    w, e = 0.4, -0.02
    s = rule.flow(rule.Synapse(real(w), real(e)), real(0.05), 150.0)
    for _ in range(15_000):             # Heun
        slope, later = -e / 100.0, -(e - dt * e / 100.0) / 100.0
        w += 0.05 * dt * 0.5 * (e + e + dt * slope)
        e += 0.5 * dt * (slope + later)
    assert abs(float(s.w) - w) < 1e-9 and abs(float(s.e) - e) < 1e-9


def test_post_before_pre_is_punished_by_a_reward_and_rewarded_by_a_punishment():
    rule = bound(RewardSTDP(A_minus=0.1))
    s = rule.on_pre(rule.Synapse(real(0.5), real(0.0)), *traces(rule, y=0.5), real(0.0))
    down, up, same = (float(rule.flow(s, real(mod), 100.0).w) for mod in (0.01, -0.01, 0.0))
    assert down < same == 0.5 < up and abs(up + down - 1.0) < 1e-15


@each_engine
def test_in_a_network_the_reward_comes_later(engine):
    """Pre arrives at 6 ms, post fires at 10 ms; of two neurons the second has another reward."""
    reward, rule = snn.Modulator(), RewardSTDP(A_plus=0.1, tau_plus=15.0, tau_e=800.0)
    plastic = snn.Plastic(rule, dendritic=0.0, modulator=reward)
    net = taught([[5.0]], [[10.0], [10.0]], plastic, dt=1.0, duration=20.0)
    with snn.start(net, dt=1.0, engine=engine, progress=False) as run:
        run.run(500.0)
        assert (run.weights("plastic") == 0.5).all()
        run.modulate(reward, [0.002, -0.004])
        run.run(200.0)
        run.modulate(reward, 0.0)
        run.run(100.0)
        e = 0.1 * np.exp(-4 / 15 - 490 / 800)
        expected = 0.5 + np.array([0.002, -0.004]) * e * 800 * (1 - np.exp(-200 / 800))
        np.testing.assert_allclose(run.weights("plastic"), expected, rtol=1e-12)


@each_engine
def test_in_a_network_the_modulator_of_the_moment_counts(engine):
    gate = snn.Modulator(1.0)
    net = taught([[5.0, 45.0]], [[10.0, 50.0]], snn.Plastic(ModulatedSTDP(A_plus=0.1, A_minus=0.0), dendritic=0.0,
                                                          modulator=gate), dt=1.0, duration=60.0)
    with snn.start(net, dt=1.0, engine=engine, progress=False) as run:
        run.run(30.0)
        first = 0.5 + 0.1 * np.exp(-4 / 20)
        np.testing.assert_allclose(run.weights("plastic"), first, rtol=1e-12)
        run.modulate(gate, -0.5)
        run.run(30.0)
        np.testing.assert_allclose(run.weights("plastic"), first - 0.05 * (np.exp(-4 / 20) + np.exp(-44 / 20)))


@given(w=st.floats(0.0, 1.0), x=st.floats(0.0, 3.0), y=st.floats(0.0, 3.0), mod=st.floats(-2.0, 2.0))
def test_without_eligibility_the_modulator_multiplies_the_change(w, x, y, mod):
    rule, plain = bound(ModulatedSTDP()), bound(PairSTDP(w_min=-9.0, w_max=9.0))
    s = rule.Synapse(real(w))
    for event in ("on_pre", "on_post"):
        change = float(getattr(plain, event)(s, *traces(rule, x, y), real(1.0)).w) - w
        after = float(getattr(rule, event)(s, *traces(rule, x, y), real(mod)).w)
        assert abs(after - min(max(w + mod * change, 0.0), 1.0)) < 1e-14


@pytest.mark.parametrize("field, pattern", [
    ({"tau_e": 0.0}, "tau_e: is 0"), ({"A_plus": -1.0}, "A_plus: is -1"), ({"w_min": 2.0}, "w_min: is 2")])
def test_refused(field, pattern):
    with pytest.raises(ModelError, match=rf"RewardSTDP\.{pattern}"):
        RewardSTDP(**field)
