"""Presynaptic-centred nearest-neighbour STDP against the pairs that its definition names."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spike_pairs import change, random_trains, window

from snn.plasticity import PairSTDP, PresynapticCentredSTDP

RULE = {"A_plus": 0.004, "A_minus": 0.005, "tau_plus": 16.8, "tau_minus": 33.7, "w_min": -100.0, "w_max": 100.0}


def expected(pre, post, coincident):
    """Every presynaptic spike with the last and the next postsynaptic one."""
    total = 0.0
    for t in pre:
        before = post[post <= t] if coincident else post[post < t]
        after = post[post > t]
        total -= RULE["A_minus"] * np.exp(-(t - before[-1]) / RULE["tau_minus"]) if len(before) else 0.0
        total += RULE["A_plus"] * np.exp(-(after[0] - t) / RULE["tau_plus"]) if len(after) else 0.0
    return total


@settings(max_examples=50)
@given(seed=st.integers(0, 10_000), coincident=st.booleans())
def test_presynaptic_spikes_pair_with_their_neighbours(seed, coincident):
    pre, post = random_trains(seed)
    got = change(PresynapticCentredSTDP(**RULE, coincident=coincident), [pre], [post])[0]
    assert got == pytest.approx(expected(pre, post, coincident), rel=1e-10, abs=1e-14)


def test_window_is_that_of_all_pairs():
    lags = [-80.0, -10.0, -0.1, 0.0, 0.1, 10.0, 80.0]
    np.testing.assert_allclose(window(PresynapticCentredSTDP(**RULE), lags), window(PairSTDP(**RULE), lags), rtol=1e-12)


def test_two_presynaptic_spikes_share_the_next_postsynaptic_one_and_a_later_one_gets_nothing():
    got = change(PresynapticCentredSTDP(**RULE), [[300.0, 305.0]], [[310.0, 312.0]])[0]
    assert got == pytest.approx(RULE["A_plus"] * np.exp(-np.array([10.0, 5.0]) / RULE["tau_plus"]).sum(), rel=1e-12)
