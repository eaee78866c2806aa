"""BCM: the fixed point, selectivity, and the drift under spikes."""
import numpy as np
import pytest
import torch
from rate_runs import drift, per_second, recent, tensor

from snn.plasticity import BCM

PATTERNS = {2: np.array([[20.0, 5.0], [8.0, 15.0]]),
            3: np.array([[20.0, 5.0, 5.0], [8.0, 15.0, 4.0], [6.0, 6.0, 18.0]])}


def rule(**fields):
    return BCM(**{"eta": 1e-6, "y_0": 10.0, "w_min": -20.0, "w_max": 20.0, **fields})


def slid(learner, theta, y, seconds):
    """The mean threshold after a short time in which the neuron shows the activities ``y`` equally often."""
    bound, post = learner.bind(1, torch.float64), learner.Post(tensor(y), tensor(np.full(len(y), theta)))
    spikes = bound.spike(learner.Pre(tensor(0.0)), post)[1].theta - post.theta
    decayed = bound.decay(learner.Pre(tensor(0.0)), post, 1000.0 * seconds)[1].theta
    mean_age = float(learner.tau_theta) / 1000.0 * -np.expm1(-1000.0 * seconds / float(learner.tau_theta))
    return float((decayed + post.y * mean_age * spikes).mean())


def learnt(learner, samples, w, seconds, step=0.02):
    """Weights and threshold of a linear neuron that sees all samples; activities are not negative."""
    theta = (np.maximum(samples @ w, 0.0)**2).mean() / float(learner.y_0)
    for _ in range(round(seconds / step)):
        y = np.maximum(samples @ w, 0.0)
        w = w + step * per_second(learner, w, samples, (y, np.full(len(y), theta)))
        theta = slid(learner, theta, y, step)
    return w, theta


@pytest.mark.parametrize("k", [2, 3])
def test_one_pattern_wins_with_the_rate_of_theory(k):
    """Intrator and Cooper: the response is y_0 over the probability of the pattern, the others give none."""
    learner = rule(eta=1e-3, tau_theta=100.0)
    winners = set()
    for seed in range(3):
        w, theta = learnt(learner, PATTERNS[k], np.random.default_rng(seed).uniform(0.2, 0.8, k), 35.0)
        y = np.maximum(PATTERNS[k] @ w, 0.0)
        assert sorted(y)[-1] == pytest.approx(10.0 * k, rel=1e-6) and sorted(y)[-2] < 1e-6
        assert theta == pytest.approx(10.0 * k, rel=1e-6)
        winners.add(int(np.argmax(y)))
    assert len(winners) > 1


@pytest.mark.parametrize("k", [2, 3])
def test_selective_states_are_fixed_points(k):
    for best in range(k):
        y = np.where(np.arange(k) == best, 10.0 * k, 0.0)
        w = np.linalg.solve(PATTERNS[k], y)
        assert per_second(rule(), w, PATTERNS[k], (y, np.full(k, 10.0 * k))) == pytest.approx(0.0, abs=1e-15)
        assert slid(rule(), 10.0 * k, y, 1e-4) == pytest.approx(10.0 * k, rel=1e-7)


def test_the_state_without_preference_is_unstable():
    w = np.linalg.solve(PATTERNS[2], [10.0, 10.0])
    assert per_second(rule(), w, PATTERNS[2], ([10.0, 10.0], [10.0, 10.0])) == pytest.approx(0.0, abs=1e-15)
    nudged = np.linalg.solve(PATTERNS[2], [10.1, 9.9])
    y = PATTERNS[2] @ learnt(rule(eta=1e-3, tau_theta=100.0), PATTERNS[2], nudged, 35.0)[0]
    assert y[0] == pytest.approx(20.0, rel=1e-6)


@pytest.mark.parametrize(("y", "sign"), [(5.0, -1), (20.0, 1)])
def test_the_threshold_separates_depression_from_potentiation(y, sign):
    change = per_second(rule(), [0.5], [[10.0]], ([y], [10.0]))
    assert np.sign(change[0]) == sign
    assert change[0] == pytest.approx(1e-6 * 10.0 * y * (y - 10.0))


@pytest.mark.slow
@pytest.mark.parametrize(("x", "y"), [(30.0, 30.0), (30.0, 12.0)])
def test_poisson_spikes_drift_as_rates(x, y):
    """No bias from shot noise: eta x y (y - y^2 / y_0)."""
    mean, error = drift(rule(eta=1e-10, y_0=20.0, tau_x=50.0, tau_y=50.0, tau_theta=200.0), x, y, w=0.5, steps=5000)
    without, at_once = recent(1.0, 50.0)
    theta = without * y * y / 20.0 * recent(1.0, 200.0)[0]
    expected = 1e-10 * at_once * x * y * (without * y - theta)
    assert abs(mean - expected) < 4.0 * error and error < 0.1 * abs(expected)
