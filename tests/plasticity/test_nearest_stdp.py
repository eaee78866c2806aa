"""Nearest-neighbour STDP against the pairs that its definition names."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spike_pairs import change, random_trains, window

from snn.plasticity import NearestSTDP, PairSTDP

RULE = {"A_plus": 0.004, "A_minus": 0.005, "tau_plus": 16.8, "tau_minus": 33.7, "w_min": -100.0, "w_max": 100.0}
LAGS = np.array([0.1, 1.0, 2.5, 5.0, 10.0, 25.0, 80.0])


def expected(pre, post, coincident):
    """Every spike with the last one of the other side; one at the same time counts for the presynaptic spike alone."""
    total = 0.0
    for t in post:
        before = pre[pre < t]
        total += RULE["A_plus"] * np.exp(-(t - before[-1]) / RULE["tau_plus"]) if len(before) else 0.0
    for t in pre:
        before = post[post <= t] if coincident else post[post < t]
        total -= RULE["A_minus"] * np.exp(-(t - before[-1]) / RULE["tau_minus"]) if len(before) else 0.0
    return total


@settings(max_examples=50)
@given(seed=st.integers(0, 10_000), coincident=st.booleans())
def test_every_spike_pairs_with_the_last_one(seed, coincident):
    pre, post = random_trains(seed)
    got = change(NearestSTDP(**RULE, coincident=coincident), [pre], [post])[0]
    assert got == pytest.approx(expected(pre, post, coincident), rel=1e-10, abs=1e-14)


def test_window_is_that_of_all_pairs():
    both = np.r_[LAGS, 0.0, -LAGS]
    np.testing.assert_allclose(window(NearestSTDP(**RULE), both), window(PairSTDP(**RULE), both), rtol=1e-12)


def test_only_the_last_presynaptic_spike_counts():
    got = change(NearestSTDP(**RULE), [[300.0, 305.0]], [[310.0]])[0]
    assert got == pytest.approx(RULE["A_plus"] * np.exp(-5.0 / RULE["tau_plus"]), rel=1e-12)
    assert got < change(PairSTDP(**RULE), [[300.0, 305.0]], [[310.0]])[0]
