"""Pair STDP against sums over all pairs and against the drift under independent spikes."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rule_loop import run_rule
from spike_pairs import all_pairs, change, pairings, poisson, random_trains, window

from snn.errors import ModelError
from snn.plasticity import PairSTDP

RULE = {"A_plus": 0.004, "A_minus": 0.005, "tau_plus": 16.8, "tau_minus": 33.7}
LAGS = np.array([0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 16.8, 25.0, 40.0, 80.0, 200.0])


def plus(d):
    return RULE["A_plus"] * np.exp(-d / RULE["tau_plus"])


def minus(d):
    return -RULE["A_minus"] * np.exp(-d / RULE["tau_minus"])


@pytest.mark.parametrize("w_max", [1.0, 40.0])
def test_window(w_max):
    rule = PairSTDP(**RULE, w_max=w_max)
    # A weight of 0.5 is known to 6e-17.
    np.testing.assert_allclose(window(rule, LAGS), plus(LAGS), rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(window(rule, -LAGS), minus(LAGS), rtol=1e-12, atol=1e-16)


def test_spikes_that_meet_depress_or_do_not_pair():
    assert window(PairSTDP(**RULE), [0.0]) == pytest.approx(-RULE["A_minus"], rel=1e-12)
    assert window(PairSTDP(**RULE, coincident=0), [0.0]) == 0.0
    # A later presynaptic spike sees the postsynaptic one whatever the convention.
    met, later = [[300.0, 310.0]], [[300.0]]
    difference = change(PairSTDP(**RULE), met, later) - change(PairSTDP(**RULE, coincident=False), met, later)
    assert difference == pytest.approx(-RULE["A_minus"], rel=1e-12)
    assert change(PairSTDP(**RULE, coincident=0), met, later) == pytest.approx(minus(10.0), rel=1e-12)


@pytest.mark.parametrize("lag", [10.0, -10.0])
def test_sixty_pairings_at_several_frequencies(lag):
    trains = [pairings(rate, lag) for rate in (0.1, 1.0, 10.0, 20.0, 40.0, 50.0)]
    got = change(PairSTDP(**RULE, w_min=-100.0, w_max=100.0), *zip(*trains, strict=True), dt=0.5)
    np.testing.assert_allclose(got, [all_pairs(*t, plus, minus, -RULE["A_minus"]) for t in trains], rtol=1e-10)
    # At 0.1 Hz the pairs do not see each other: 60 times the window.
    assert got[0] == pytest.approx(60 * (plus(10.0) if lag > 0 else minus(10.0)), rel=1e-9)


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), coincident=st.sampled_from([0.0, 1.0]))
def test_all_pairs_count(seed, coincident):
    pre, post = random_trains(seed)
    rule = PairSTDP(**RULE, w_min=-100.0, w_max=100.0, coincident=coincident)
    want = all_pairs(pre, post, plus, minus, -coincident * RULE["A_minus"])
    assert change(rule, [pre], [post])[0] == pytest.approx(want, rel=1e-10, abs=1e-14)


def test_weights_stop_at_their_bounds():
    rule = PairSTDP(A_plus=0.3, A_minus=0.3, w_min=0.2, w_max=0.8)
    assert window(rule, [1.0, -1.0], w=0.5).tolist() == pytest.approx([0.3 * np.exp(-0.05), -0.3 * np.exp(-0.05)])
    assert change(rule, *zip(pairings(1.0, 1.0, 5), pairings(1.0, -1.0, 5), strict=True)) == pytest.approx([0.3, -0.3])


def test_drift_under_independent_spikes():
    """n T nu_pre nu_post (A_plus tau_plus - A_minus tau_minus), with the sums over steps in place of the integrals."""
    rng, steps, n, rate, dt = np.random.default_rng(1), 2000, 1500, (30.0, 20.0), 1.0
    rule = PairSTDP(**RULE, w_min=-100.0, w_max=100.0)
    pre, post = (poisson(rng, r, steps, n) for r in rate)
    got = run_rule(rule, pre, post, np.zeros(n), dt=dt, dendritic=1).w[-1]
    area = RULE["A_plus"] / np.expm1(dt / RULE["tau_plus"]) + RULE["A_minus"] / np.expm1(-dt / RULE["tau_minus"])
    want = steps * (rate[0] * 1e-3) * (rate[1] * 1e-3) * area
    # The traces are empty in the beginning, which costs about their time constants of the 2 s.
    assert abs(got.mean() - want) < 4 * got.std() / np.sqrt(n) + 0.03 * abs(want)
    assert got.mean() < -10 * got.std() / np.sqrt(n)


def test_half_a_coincidence_is_refused():
    with pytest.raises(ModelError, match=r"^PairSTDP\.coincident: is 0\.5\. It must be 0 or 1\.$"):
        PairSTDP(coincident=0.5)
