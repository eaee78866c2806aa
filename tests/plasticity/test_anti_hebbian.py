"""Anti-Hebbian STDP against sums over pairs, and cancelling a predictable input."""
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spike_pairs import all_pairs, change, pairings, random_trains, window

from snn.plasticity import AntiHebbianSTDP

RULE = {"A_plus": 0.004, "A_minus": 0.005, "tau_plus": 33.7, "tau_minus": 16.8}
LAGS = np.array([0.1, 1.0, 5.0, 10.0, 25.0, 80.0])


def before(d):
    """The presynaptic spike is first."""
    return -0.005 * np.exp(-d / 16.8)


def after(d):
    return 0.004 * np.exp(-d / 33.7)


def test_window():
    np.testing.assert_allclose(window(AntiHebbianSTDP(**RULE), LAGS), before(LAGS), rtol=1e-11)
    np.testing.assert_allclose(window(AntiHebbianSTDP(**RULE), -LAGS), after(LAGS), rtol=1e-11)
    assert window(AntiHebbianSTDP(**RULE), [0.0]) == pytest.approx(0.004)
    assert window(AntiHebbianSTDP(**RULE, coincident=0), [0.0]) == 0.0


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), coincident=st.sampled_from([0.0, 1.0]))
def test_all_pairs_count(seed, coincident):
    pre, post = random_trains(seed)
    rule = AntiHebbianSTDP(**RULE, w_min=-100.0, w_max=100.0, coincident=coincident)
    want = all_pairs(pre, post, before, after, coincident * 0.004)
    assert change(rule, [pre], [post])[0] == pytest.approx(want, rel=1e-10, abs=1e-14)


def test_sixty_pairings_at_several_frequencies():
    trains = [pairings(rate, 10.0) for rate in (1.0, 10.0, 40.0)]
    got = change(AntiHebbianSTDP(**RULE, w_min=-100.0, w_max=100.0), *zip(*trains, strict=True))
    np.testing.assert_allclose(got, [all_pairs(*t, before, after, 0.004) for t in trains], rtol=1e-10)


def test_cancels_what_can_be_predicted():
    """Inputs that fire one after the other in a cycle learn the negative image of a periodic drive (Bell et al.)."""
    rule = AntiHebbianSTDP(A_minus=0.02, A_plus=0.02, tau_minus=10.0, tau_plus=10.0, w_min=-1.0, w_max=1.0)
    rule, rng, n, cells, cycles = rule.bind(1, torch.float64), np.random.default_rng(4), 20, 40, 120
    drive = 0.15 + 0.1 * np.sin(2 * np.pi * np.arange(n) / n)
    s = rule.Synapse(torch.zeros(cells, n, dtype=torch.float64))
    x, y = rule.Pre(torch.zeros(1, n).double()), rule.Post(*torch.zeros(2, cells, 1).double())
    rates = np.zeros((cycles, n))
    for k in range(cycles):
        for j in range(n):                     # one input fires per step of 5 ms; the cell follows at once
            x, y = rule.decay(x, y, 5.0)
            s.w[:, j] = rule.on_pre(s, x, y, 0.0).w[:, j]
            x.x[0, j] = rule.spike(x, y)[0].x[0, j]
            rates[k, j] = (drive[j] + s.w[:, j].numpy()).clip(0.0, 1.0).mean()
            fired = torch.as_tensor(rng.random((cells, 1)) < (drive[j] + s.w[:, j:j + 1].numpy()))
            s = rule.Synapse(torch.where(fired, rule.on_post(s, x, y, 0.0).w, s.w))
            y = rule.Post(*(torch.where(fired, a, b) for a, b in zip(rule.spike(x, y)[1], y, strict=True)))
    assert np.ptp(rates[:3].mean(0)) > 0.15
    assert np.ptp(rates[-40:].mean(0)) < 0.4 * np.ptp(rates[:3].mean(0))
