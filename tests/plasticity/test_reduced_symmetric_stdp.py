"""Reduced symmetric nearest-neighbour STDP against the pairs that its definition names."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spike_pairs import change, random_trains, window

from snn.plasticity import PairSTDP, ReducedSymmetricSTDP

RULE = {"A_plus": 0.004, "A_minus": 0.005, "tau_plus": 16.8, "tau_minus": 33.7, "w_min": -100.0, "w_max": 100.0}


def expected(pre, post):
    """Neighbours in the one sequence of all spikes, if they are of different sides; at one time post comes first."""
    events = sorted([(t, 1, "pre") for t in pre] + [(t, 0, "post") for t in post])
    total = 0.0
    for (a, _, first), (b, _, second) in zip(events[:-1], events[1:], strict=True):
        if (first, second) == ("pre", "post"):
            total += RULE["A_plus"] * np.exp(-(b - a) / RULE["tau_plus"])
        elif (first, second) == ("post", "pre"):
            total -= RULE["A_minus"] * np.exp(-(b - a) / RULE["tau_minus"])
    return total


@settings(max_examples=50)
@given(seed=st.integers(0, 10_000))
def test_only_immediate_neighbours_pair(seed):
    pre, post = random_trains(seed)
    got = change(ReducedSymmetricSTDP(**RULE), [pre], [post])[0]
    assert got == pytest.approx(expected(pre, post), rel=1e-10, abs=1e-14)


def test_window_is_that_of_all_pairs():
    lags = [-80.0, -10.0, -0.1, 0.0, 0.1, 10.0, 80.0]
    np.testing.assert_allclose(window(ReducedSymmetricSTDP(**RULE), lags), window(PairSTDP(**RULE), lags), rtol=1e-12)


def test_a_second_postsynaptic_spike_gets_nothing():
    got = change(ReducedSymmetricSTDP(**RULE), [[300.0]], [[305.0, 306.0]])[0]
    assert got == pytest.approx(RULE["A_plus"] * np.exp(-5.0 / RULE["tau_plus"]), rel=1e-12)
