"""Symmetric STDP against sums over all pairs."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spike_pairs import all_pairs, change, pairings, random_trains, window

from snn.plasticity import SymmetricSTDP

RULE = {"A_plus": 0.01, "A_minus": 0.003, "tau_plus": 10.0, "tau_minus": 40.0}
LAGS = np.array([0.1, 1.0, 3.0, 10.0, 16.0, 30.0, 80.0, 200.0])


def kernel(d):
    return 0.01 * np.exp(-d / 10.0) - 0.003 * np.exp(-d / 40.0)


def test_window_is_even():
    got = window(SymmetricSTDP(**RULE), np.r_[LAGS, -LAGS, 0.0])
    # Two roundings of a weight of 0.5.
    np.testing.assert_allclose(got, kernel(np.r_[LAGS, LAGS, 0.0]), rtol=1e-12, atol=2e-16)
    assert got[0] > 0 > got[5] and got[-1] == pytest.approx(0.007)


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000))
def test_all_pairs_count_once(seed):
    pre, post = random_trains(seed)
    got = change(SymmetricSTDP(**RULE, w_min=-100.0, w_max=100.0), [pre], [post])[0]
    assert got == pytest.approx(all_pairs(pre, post, kernel, kernel, kernel(0.0)), rel=1e-10, abs=1e-14)


@pytest.mark.parametrize("lag", [10.0, -10.0])
def test_sixty_pairings_at_several_frequencies(lag):
    trains = [pairings(rate, lag) for rate in (1.0, 10.0, 25.0)]
    got = change(SymmetricSTDP(**RULE, w_min=-100.0, w_max=100.0), *zip(*trains, strict=True))
    np.testing.assert_allclose(got, [all_pairs(*t, kernel, kernel, kernel(0.0)) for t in trains], rtol=1e-10)


def test_without_depression_every_pair_potentiates():
    got = window(SymmetricSTDP(A_plus=0.01, A_minus=0.0, tau_plus=100.0), np.r_[LAGS, -LAGS])
    np.testing.assert_allclose(got, 0.01 * np.exp(-np.r_[LAGS, LAGS] / 100.0), rtol=1e-11)
