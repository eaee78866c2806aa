"""Power-law STDP: its amounts over the weight, courses in closed form, and its fixed point."""
import numpy as np
import pytest
from rule_loop import run_rule
from spike_pairs import change, pairings, poisson, window

from snn.errors import ModelError
from snn.plasticity import PowerLawSTDP

W = np.geomspace(0.1, 500.0, 9)


def test_potentiation_is_a_power_and_depression_proportional():
    rule, lags = PowerLawSTDP(w_0=2.0, tau_plus=16.8, tau_minus=33.7), np.full(len(W), 7.0)
    up, down = window(rule, lags, w=W), window(rule, -lags, w=W)
    np.testing.assert_allclose(up, 0.1 * 2.0**0.6 * W**0.4 * np.exp(-7.0 / 16.8), rtol=1e-10)
    np.testing.assert_allclose(down, -0.011 * W * np.exp(-7.0 / 33.7), rtol=1e-10)
    np.testing.assert_allclose(np.diff(np.log(up)) / np.diff(np.log(W)), 0.4, rtol=1e-9)


def test_sixty_depressing_pairings_are_a_geometric_course():
    got = change(PowerLawSTDP(), *([side] for side in pairings(1.0, -10.0)), w=50.0)[0]
    assert got == pytest.approx(50.0 * ((1 - 0.011 * np.exp(-0.5)) ** 60 - 1), rel=1e-10)


def test_sixty_potentiating_pairings_follow_the_power_law():
    """dw = a w^0.4 per pair gives w^0.6 = w_0^0.6 + 0.6 a n, for pairs that change little."""
    got = 50.0 + change(PowerLawSTDP(A_plus=0.01), *([side] for side in pairings(1.0, 10.0)), w=50.0)[0]
    assert got**0.6 == pytest.approx(50.0**0.6 + 0.6 * 0.01 * np.exp(-0.5) * 60, rel=1e-5)
    assert got > 50.5


@pytest.mark.slow
def test_fixed_point_under_independent_spikes():
    """w_0 (A_plus tau_plus / (A_minus tau_minus))^(1 / (1 - mu)), from both sides, up to an error of first order."""
    up, down = 1.0 / np.expm1(1.0 / 20.0), -1.0 / np.expm1(-1.0 / 20.0)
    fixed, n = 10.0 * (up / (0.8 * down)) ** (1 / 0.6), 100
    means = []
    for amount, steps in ((0.02, 3500), (0.01, 7000)):
        rng = np.random.default_rng(3)
        rule = PowerLawSTDP(A_plus=amount, A_minus=0.8 * amount, mu=0.4, w_0=10.0)
        pre, post = (poisson(rng, 100.0, steps, n) for _ in range(2))
        first = fixed * np.repeat([0.5, 1.8], n // 2)
        late = run_rule(rule, pre, post, first, dt=1.0, dendritic=1).w[-len(pre) // 3:].mean(0) / fixed
        assert late[:n // 2].mean() == pytest.approx(late[n // 2:].mean(), abs=0.03)
        means.append(late.mean())
    assert abs(means[0] - 1) < 0.08 and abs(2 * means[1] - means[0] - 1) < 0.02


def test_zero_stays_zero_and_nothing_becomes_negative():
    assert window(PowerLawSTDP(), [5.0], w=0.0) == 0.0
    assert 1.0 + window(PowerLawSTDP(A_minus=5.0), [-1.0], w=1.0) == 0.0
    with pytest.raises(ModelError, match=r"^PowerLawSTDP\.w_min: is -1 1\. It must be at least 0\.$"):
        PowerLawSTDP(w_min=-1.0)
