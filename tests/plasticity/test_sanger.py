"""Sanger's rule: all principal components in order, and its sums over synapses."""
import numpy as np
import pytest
import torch
from rate_runs import act, spectrum

from snn.plasticity import Sanger
from snn.wiring import Wiring


def test_finds_the_first_components_in_order():
    samples, basis = spectrum([16.0, 9.0, 4.0, 1.0, 0.5], seed=3)
    rule, w = Sanger(eta=0.4, w_min=-3.0, w_max=3.0), np.random.default_rng(4).normal(0.0, 0.2, (3, 5))
    for _ in range(700):
        w = w + np.mean([act(rule, w, (x,), (w @ x,)) - w for x in samples], 0)
    np.testing.assert_allclose(np.abs(w @ basis.T), np.eye(3, 5), atol=2e-3)


def test_change_is_that_of_the_lower_triangle():
    rng = np.random.default_rng(5)
    w, x = rng.normal(0.0, 0.3, (4, 6)), rng.uniform(0.0, 30.0, 6)
    y = w @ x
    expected = 1e-4 * 0.02 * (np.outer(y, x) - np.tril(np.outer(y, y)) @ w)
    got = act(Sanger(eta=1e-4, every=20.0, w_min=-9.0, w_max=9.0), w, (x,), (y,)) - w
    np.testing.assert_allclose(got, expected, rtol=1e-10)


def test_missing_synapses_explain_nothing():
    rng = np.random.default_rng(6)
    there = rng.random((4, 6)) < 0.6
    w, x, y = rng.normal(0.0, 0.3, (4, 6)) * there, rng.uniform(0.0, 30.0, 6), rng.uniform(0.0, 30.0, 4)
    pre, post = (torch.tensor(i.tolist()) for i in np.nonzero(there.T))
    got = act(Sanger(eta=1e-4, w_min=-9.0, w_max=9.0), w, (x,), (y,), Wiring(pre, post, 6, 4, 10.0)) - w
    expected = 1e-4 * 0.01 * (np.outer(y, x) - np.tril(np.outer(y, y)) @ w) * there
    np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("every", [5.0, 50.0])
def test_speed_does_not_depend_on_how_often_it_acts(every):
    w, x = np.full((2, 3), 0.3), np.array([10.0, 20.0, 5.0])
    change = act(Sanger(every=every), w, (x,), (w @ x,)) - w
    once = act(Sanger(every=10.0), w, (x,), (w @ x,)) - w
    np.testing.assert_allclose(change / every, once / 10.0, rtol=1e-9)
