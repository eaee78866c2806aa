"""Soft-bound STDP: its amounts over the weight, courses in closed form, and its stationary weights."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rule_loop import run_rule
from spike_pairs import change, pairings, poisson, random_trains, window

from snn.plasticity import MultiplicativeSTDP, PairSTDP

RULE = {"A_plus": 0.02, "A_minus": 0.03, "tau_plus": 16.8, "tau_minus": 33.7, "w_min": 0.5, "w_max": 2.5}
W = np.linspace(0.5, 2.5, 11)


@pytest.mark.parametrize(("mu_plus", "mu_minus"), [(1.0, 1.0), (0.4, 0.4), (0.0, 1.0), (0.02, 0.3)])
def test_amounts_over_the_weight(mu_plus, mu_minus):
    rule, u = MultiplicativeSTDP(**RULE, mu_plus=mu_plus, mu_minus=mu_minus), (W - 0.5) / 2.0
    lags = np.full(len(W), 10.0)
    up = np.minimum(0.02 * (1 - u) ** mu_plus * np.exp(-10.0 / 16.8), 2.5 - W)
    down = -np.minimum(0.03 * u ** mu_minus * np.exp(-10.0 / 33.7), W - 0.5)
    np.testing.assert_allclose(window(rule, lags, w=W), up, rtol=1e-10, atol=1e-15)
    np.testing.assert_allclose(window(rule, -lags, w=W), down, rtol=1e-10, atol=1e-15)


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), coincident=st.booleans())
def test_exponents_of_zero_are_the_additive_rule(seed, coincident):
    pre, post = random_trains(seed)
    hard = change(PairSTDP(**RULE, coincident=coincident), [pre], [post], w=1.0)
    soft = change(MultiplicativeSTDP(**RULE, mu_plus=0, mu_minus=0, coincident=coincident), [pre], [post], w=1.0)
    assert soft == pytest.approx(hard, rel=1e-12, abs=1e-15)


def test_sixty_pairings_approach_the_bounds_as_powers():
    """At 1 Hz the pairs do not see each other, and every one takes the same share of the way that is left."""
    rule = MultiplicativeSTDP(**RULE)
    got = 1.5 + change(rule, *zip(pairings(1.0, 10.0), pairings(1.0, -10.0), strict=True), w=1.5)
    up = 2.5 - (2.5 - 1.5) * (1 - 0.02 / 2.0 * np.exp(-10.0 / 16.8)) ** 60
    down = 0.5 + (1.5 - 0.5) * (1 - 0.03 / 2.0 * np.exp(-10.0 / 33.7)) ** 60
    np.testing.assert_allclose(got, [up, down], rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("rates", [(40.0, 40.0), (60.0, 20.0)])
def test_stationary_mean_does_not_depend_on_rates(rates):
    """A_plus tau_plus / (A_plus tau_plus + A_minus tau_minus), to first order in the amounts."""
    rng, steps, n, dt = np.random.default_rng(2), 4000, 100, 1.0
    rule = MultiplicativeSTDP(A_plus=0.01, A_minus=0.01, tau_plus=20.0, tau_minus=30.0)
    pre, post = (poisson(rng, r, steps, n) for r in rates)
    w = run_rule(rule, pre, post, np.linspace(0.0, 1.0, n), dt=dt, dendritic=1).w
    late = w[len(w) // 2:].mean(0)
    up, down = 1.0 / np.expm1(dt / 20.0), -1.0 / np.expm1(-dt / 30.0)
    assert abs(late.mean() - up / (up + down)) < 4 * late.std() / np.sqrt(n) + 0.01
    assert w[-1].std() < 0.15
