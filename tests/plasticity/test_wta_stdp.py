"""STDP of winner-take-all circuits: its fixed point, its window, and the causes that a circuit finds."""
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rate_runs import tensor
from rule_loop import run_rule

from snn.plasticity import WinnerTakeAllSTDP


def after(rule, w, active):
    """The weight behind a postsynaptic spike, with or without a presynaptic one before it."""
    left = torch.as_tensor(np.where(active, float(rule.sigma), 0.0))
    return rule.bind(1, torch.float64).on_post(rule.Synapse(tensor(w)), rule.Pre(left), rule.Post(), 0.0).w.numpy()


@given(p=st.floats(0.06, 1.0), c=st.sampled_from([20.0, 50.0]))
def test_fixed_point_is_the_logarithm_of_the_probability(p, c):
    rule, w = WinnerTakeAllSTDP(c=c), np.log(c * p)
    change = p * (after(rule, w, True) - w) + (1.0 - p) * (after(rule, w, False) - w)
    assert abs(change) < 1e-15
    above, below = (sum(q * (after(rule, w + d, a) - w - d) for q, a in ((p, True), (1.0 - p, False)))
                    for d in (0.01, -0.01))
    assert above < 0.0 < below


@pytest.mark.parametrize(("lag", "active"), [(0.1, True), (9.9, True), (10.0, False), (25.0, False)])
def test_a_spike_counts_for_its_window(lag, active):
    pre, post = np.zeros((600, 1), bool), np.zeros((600, 1), bool)
    pre[[50, 200]] = post[200 + round(lag / 0.1)] = True
    w = run_rule(WinnerTakeAllSTDP(), pre, post, np.array([1.0]), dt=0.1).w[-1, 0]
    assert w == pytest.approx(after(WinnerTakeAllSTDP(), 1.0, active), rel=1e-12)
    assert (w > 1.0) == active


def test_weights_measure_how_often_inputs_are_active():
    rng, steps = np.random.default_rng(7), 60_000
    p = np.array([0.1, 0.3, 0.6, 1.0])
    pre, post = np.zeros((steps, 4), bool), np.zeros((steps, 4), bool)
    pre[::20] = rng.random((steps // 20, 4)) < p
    post[5::20] = True
    w = run_rule(WinnerTakeAllSTDP(eta=0.01), pre, post, np.full(4, 1.5), dt=1.0).w
    np.testing.assert_allclose(np.exp(w[len(w) // 2:].mean(0)) / 20.0, p, rtol=0.1)


def test_a_circuit_finds_the_causes_of_its_inputs():
    """Three hidden causes set 12 pixels, each coded by two neurons (on, off); one neuron wins by chance at a time."""
    rng, rule = np.random.default_rng(8), WinnerTakeAllSTDP(eta=0.02)
    causes = rng.permuted(np.tile([0.9, 0.1], (3, 6)), axis=1)
    w = rng.uniform(1.5, 2.5, (3, 24))
    won = np.zeros((3, 3))
    for k in range(4000):
        cause = int(rng.integers(3))
        on = rng.random(12) < causes[cause]
        x = np.r_[on, ~on]
        u = w @ x
        winner = int(rng.choice(3, p=np.exp(u - u.max()) / np.exp(u - u.max()).sum()))
        w[winner] = after(rule, w[winner], x)
        won[cause, winner] += k >= 3000
    share = won / won.sum(1, keepdims=True)
    assert sorted(share.argmax(1)) == [0, 1, 2] and share.max(1).min() > 0.85
    on = np.exp(w[share.argmax(1), :12]) / 20.0
    np.testing.assert_allclose(on > 0.5, causes > 0.5)
