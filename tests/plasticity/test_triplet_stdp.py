"""The triplet rule against its sums, and against the experiments and the errors of fit that its authors publish."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spike_pairs import change, pairings, random_trains, window

from snn.plasticity import PairSTDP, TripletSTDP

# Relative change after 60 pairs in slices of visual cortex and its standard error (Sjostrom, Turrigiano, Nelson 2001):
# pre 10 ms before post, then post 10 ms before pre, at these rates in Hz.
RATES = (0.1, 10.0, 20.0, 40.0, 50.0)
CORTEX = np.array([-0.04, 0.14, 0.29, 0.53, 0.56, -0.29, -0.41, -0.34, 0.56, 0.75])
CORTEX_ERROR = np.array([0.05, 0.10, 0.14, 0.11, 0.26, 0.08, 0.11, 0.10, 0.32, 0.19])
# Likewise in hippocampal cultures, 60 times at 1 Hz (Wang, Gerkin, Nauen, Bi 2005): two pairs, four pre-post-pre and
# four post-pre-post triplets with the times from the first to the second and from the third to the second spike of
# the sign of post - pre, and three post-pre-pre-post or pre-post-post-pre quadruplets T ms apart.
PRE_POST_PRE = ((5.0, -5.0), (10.0, -10.0), (15.0, -5.0), (5.0, -15.0))
POST_PRE_POST = ((-5.0, 5.0), (-10.0, 10.0), (-5.0, 15.0), (-15.0, 5.0))
QUADRUPLETS = (-88.5, 83.7, 20.0)
HIPPOCAMPUS = np.array([0.25, -0.17, -0.01, 0.03, 0.01, 0.24, 0.33, 0.34, 0.22, 0.29, -0.003, 0.06, 0.21])
HIPPOCAMPUS_ERROR = np.array([0.05, 0.05, 0.04, 0.04, 0.03, 0.06, 0.04, 0.04, 0.08, 0.05, 0.03, 0.04, 0.04])
WIDE = {"w_min": -10.0, "w_max": 10.0}


def cortex_trains():
    return [pairings(rate, lag) for lag in (10.0, -10.0) for rate in RATES]


def hippocampus_trains():
    t, d = 500.0 + np.arange(60) * 1000.0, 2.5
    trains = [pairings(1.0, 10.0), pairings(1.0, -10.0)]
    trains += [(np.sort(np.r_[t - a, t - b]), t) for a, b in PRE_POST_PRE]
    trains += [(t, np.sort(np.r_[t + a, t + b])) for a, b in POST_PRE_POST]
    # A post-pre pair around t and a pre-post pair around t + T, 5 ms within each.
    trains += [(np.sort(np.r_[t + d, t + gap - d]), np.sort(np.r_[t - d, t + gap + d])) for gap in QUADRUPLETS]
    return trains


def after(rule, trains):
    """Relative changes of weights that begin at 1."""
    # Rates in the cortex are down to 0.1 Hz, and its times are multiples of 0.5 ms.
    return change(rule, *zip(*trains, strict=True), w=1.0, dt=0.5 if len(trains) == len(CORTEX) else 0.1)


def misfit(rule, trains, data, error):
    """Mean squared deviation in units of the standard error, the E of the paper."""
    return np.mean(((after(rule, trains) - data) / error) ** 2)


@pytest.mark.parametrize(("minimal", "published"), [(False, 0.33), (True, 0.34)])
def test_frequency_dependence_in_visual_cortex(minimal, published):
    rule = TripletSTDP.visual_cortex(minimal=minimal, **WIDE)
    got = after(rule, cortex_trains())
    # The parameters are published to two digits, which moves E in its second one.
    assert abs(misfit(rule, cortex_trains(), CORTEX, CORTEX_ERROR) - published) < 0.02
    assert (np.abs(got - CORTEX) < 1.5 * CORTEX_ERROR).all()
    assert got[5] < 0 and got[9] > 0.5      # the sign of post before pre turns with the rate


@pytest.mark.parametrize(("minimal", "published"), [(False, 2.9), (True, 3.5)])
def test_pairs_triplets_and_quadruplets_in_hippocampus(minimal, published):
    rule = TripletSTDP.hippocampal(minimal=minimal, **WIDE)
    got = after(rule, hippocampus_trains())
    # A3_plus is published as 8e-3, one digit, in the minimal set: E is known to about 10 percent.
    assert misfit(rule, hippocampus_trains(), HIPPOCAMPUS, HIPPOCAMPUS_ERROR) == pytest.approx(published, rel=0.1)
    # A postsynaptic spike on both sides potentiates more than a presynaptic one on both sides, at the same times.
    assert got[6] - got[2] > 0.2 and got[7] - got[3] > 0.15


@pytest.mark.parametrize(("trains", "data", "error", "best"), [
    (cortex_trains, CORTEX, CORTEX_ERROR, TripletSTDP.visual_cortex(**WIDE)),
    (hippocampus_trains, HIPPOCAMPUS, HIPPOCAMPUS_ERROR, TripletSTDP.hippocampal(**WIDE)),
], ids=["cortex", "hippocampus"])
def test_no_pair_rule_with_these_time_constants_fits_as_well(trains, data, error, best):
    times = {"tau_plus": 16.8, "tau_minus": 33.7, "w_min": -1e3, "w_max": 1e3}
    each = [after(PairSTDP(A_plus=a, A_minus=b, **times), trains()) for a, b in ((1, 0), (0, 1))]
    design = np.stack(each, 1) / error[:, None]
    amounts = np.linalg.lstsq(design, data / error, rcond=None)[0]
    pair = np.mean((design @ amounts - data / error) ** 2)
    assert pair > 2.5 * misfit(best, trains(), data, error)


# The rule itself

RULE = {"A2_plus": 3e-3, "A3_plus": 6.2e-3, "A2_minus": 7e-3, "A3_minus": 2.3e-3}


def kernel(late, early, tau):
    """Sum of exp(-(t - s) / tau) over the ``early`` s < t, for every t of ``late``."""
    d = np.subtract.outer(late, early)
    return np.where(d > 1e-6, np.exp(-np.maximum(d, 0.0) / tau), 0.0).sum(1)


def expected(pre, post, coincident):
    pairs = kernel(pre, post, 33.7) + coincident * np.isin(pre, post)
    up = kernel(post, pre, 16.8) * (RULE["A2_plus"] + RULE["A3_plus"] * kernel(post, post, 125.0))
    return up.sum() - (pairs * (RULE["A2_minus"] + RULE["A3_minus"] * kernel(pre, pre, 101.0))).sum()


@settings(max_examples=50)
@given(seed=st.integers(0, 10_000), coincident=st.booleans())
def test_all_triplets_count(seed, coincident):
    pre, post = random_trains(seed)
    rule = TripletSTDP(**RULE, **WIDE, coincident=coincident)
    assert change(rule, [pre], [post])[0] == pytest.approx(expected(pre, post, coincident), rel=1e-10, abs=1e-13)


def test_without_triplet_terms_it_is_the_pair_rule():
    lags = [-40.0, -5.0, 0.0, 5.0, 40.0]
    pair = PairSTDP(A_plus=0.01, A_minus=0.02, tau_plus=16.8, tau_minus=33.7)
    none = TripletSTDP(A2_plus=0.01, A2_minus=0.02, A3_plus=0.0, A3_minus=0.0)
    np.testing.assert_allclose(window(none, lags), window(pair, lags), rtol=1e-12)


def test_a_single_pair_sees_no_triplet():
    np.testing.assert_allclose(window(TripletSTDP(**RULE), [10.0, -10.0]),
                               [3e-3 * np.exp(-10.0 / 16.8), -7e-3 * np.exp(-10.0 / 33.7)], rtol=1e-12)


def test_parameter_sets_are_scaled_and_replaced():
    small = TripletSTDP.hippocampal(scale=0.1, w_max=0.5)
    assert small.A2_plus == pytest.approx(6.1e-4) and small.tau_x == 946.0 and small.w_max == 0.5
    assert TripletSTDP.visual_cortex() == TripletSTDP()
    assert TripletSTDP.visual_cortex(minimal=True).A3_minus == TripletSTDP.hippocampal(minimal=True).A3_minus == 0.0
