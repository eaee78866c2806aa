"""Synthetic sets: their known answers, checked; and that a sample depends on its number alone."""
import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax
from scipy.stats import chi2_contingency

from snn.datasets import Adding, DelayedCoincidence, RandomManifolds, YinYang
from snn.errors import DataError

TASKS = [DelayedCoincidence(), DelayedCoincidence(none=True), YinYang(), Adding(steps=30),
         RandomManifolds(classes=3, channels=5)]


@pytest.mark.parametrize("task", TASKS, ids=lambda t: type(t).__name__)
def test_a_sample_depends_on_seed_and_number_alone(task):
    x, y = task.draw(40, seed=0)
    again = task.draw(9, seed=0)
    assert (again[0] == x[:9]).all() and (again[1] == y[:9]).all()
    other = task.draw(40, seed=1)
    assert not (other[0] == x).all() and len(x) == len(y) == 40
    with pytest.raises(DataError, match="draw.n"):
        task.draw(0, seed=0)


def linear_accuracy(x, y, z, w):
    """Accuracy on (z, w) of the least-squares map to one-hot labels of (x, y)."""
    x, z = (np.c_[part, np.ones(len(part))] for part in (x, z))
    weights = np.linalg.solve(x.T @ x + 1e-6 * np.eye(x.shape[1]), x.T @ np.eye(y.max() + 1)[y])
    return ((z @ weights).argmax(1) == w).mean()


def test_the_class_is_seen_in_the_lag_and_nowhere_else():
    task = DelayedCoincidence(none=True)
    x, y = task.draw(6000, seed=0)
    assert (task.observer(x) == y).mean() > 0.999
    counts = np.minimum(x.sum(1), 30)
    for channel in range(2):
        table = np.array([np.bincount(counts[y == c, channel], minlength=31)[12:29] for c in range(4)])
        assert chi2_contingency(table).pvalue > 1e-3   # counts of one channel do not tell classes apart
        early = np.array([[x[y == c, :20, channel].sum(), (1 - x[y == c, :20, channel]).sum()] for c in range(4)])
        assert chi2_contingency(early).pvalue > 1e-3   # nor does when it fires
    match = np.array([[(x[y == c, lag:, 1] == x[y == c, :100 - lag, 0]).mean() for lag in task.lags] for c in range(4)])
    same = 0.2 ** 2 + 0.8 ** 2   # two independent channels agree in this share of steps
    assert np.allclose(match, np.where(np.eye(4, 3, dtype=bool), 0.9 + 0.1 * same, same), atol=0.01)


def test_a_linear_map_of_the_spikes_sees_no_coincidence_but_one_of_products_does():
    task = DelayedCoincidence()
    (x, y), (z, w) = task.draw(2000, seed=0), task.draw(1000, seed=1)
    assert abs(linear_accuracy(x.reshape(2000, -1), y, z.reshape(1000, -1), w) - 1 / 3) < 0.06
    products = [np.stack([(s[:, lag:, 1] * s[:, :100 - lag, 0]).sum(1) for lag in range(25)], 1) for s in (x, z)]
    assert linear_accuracy(products[0], y, products[1], w) > 0.98


def test_noise_makes_the_observer_worse_as_it_must():
    right = [(t.observer(x) == y).mean() for t in (DelayedCoincidence(noise=p) for p in (0.5, 0.8, 1.0))
             for x, y in [t.draw(3000, seed=0)]]
    assert right[0] > 0.98 and 0.7 < right[1] < 0.9 and abs(right[2] - 1 / 3) < 0.04


def test_yin_yang_has_the_areas_and_the_symmetry_of_the_sign():
    task = YinYang()
    points = np.random.default_rng(0).random((200_000, 2))
    c = task.classify(points)
    assert abs((c >= 0).mean() - np.pi / 4) < 0.005
    share = np.bincount(c[c >= 0]) / (c >= 0).sum()
    assert np.allclose(share, [0.46, 0.46, 0.08], atol=0.005)   # dots: 2 (0.1 / 0.5)^2
    turned = task.classify(1.0 - points)
    assert ((turned == 0) == (c == 1)).mean() > 0.9999 and ((turned == 2) == (c == 2)).all()
    assert task.classify([(0.5, 0.9), (0.5, 0.1), (0.25, 0.5), (0.75, 0.5), (0.25, 0.7), (0.75, 0.3)]).tolist() \
        == [0, 1, 2, 2, 0, 1]


def test_yin_yang_points_and_spikes():
    task = YinYang()
    points, y = task.points(3000, seed=0)
    assert (task.classify(points) == y).all() and abs(np.bincount(y) / 3000 - 1 / 3).max() < 0.03
    x, labels = task.draw(3000, seed=0)
    assert (labels == y).all() and x.shape == (3000, 100, 4) and (x.sum(1) == 1).all()
    steps = x.argmax(1)
    assert steps.min() >= 5 and steps.max() <= 95 and (abs(steps[:, :2] + steps[:, 2:] - 100) <= 1).all()
    assert 0.96 < (task.observer(x) == y).mean() < 0.99
    fine = YinYang(steps=10_000, first=0, last=9999)
    x, y = fine.draw(300, seed=0)
    assert (fine.observer(x) == y).mean() > 0.99


def test_yin_yang_is_as_hard_for_a_linear_softmax_as_was_published():
    (train, y), (test, z) = YinYang().points(5000, seed=0), YinYang().points(3000, seed=1)

    def logits(weights, points):
        return np.c_[points, np.ones(len(points))] @ weights.reshape(3, 3)

    def loss(weights):
        return -log_softmax(logits(weights, train), axis=1)[np.arange(5000), y].mean()
    best = minimize(loss, np.zeros(9)).x
    accuracy = (logits(best, test).argmax(1) == z).mean()
    assert abs(accuracy - 0.638) < 3 * 0.015   # Kriener, Goeltz, Petrovici 2022


def test_adding():
    x, y = Adding(steps=50).draw(20_000, seed=0)
    assert x.dtype == y.dtype == np.float32 and x.shape == (20_000, 50, 2)
    marks = x[..., 1]
    assert (marks[:, :25].sum(1) == 1).all() and (marks[:, 25:].sum(1) == 1).all()
    assert abs(((y - 1) ** 2).mean() - 1 / 6) < 0.005
    first = (x[:, :25, 0] * marks[:, :25]).sum(1)
    assert abs(((y - first - 0.5) ** 2).mean() - 1 / 12) < 0.003
    assert (Adding(steps=50).observer(x) == y).all()


def test_manifolds_are_smooth_curves_that_the_observer_tells_apart():
    task = RandomManifolds(classes=4, channels=10, steps=100)
    x, y = task.draw(300, seed=0)
    assert (x.sum(1) == 1).all() and (task.observer(x) == y).mean() > 0.99
    line = task.embed(np.linspace(0, 1, 4001)[:, None], 0)
    assert line.min() >= 0 and line.max() <= 1
    assert abs(np.diff(line, axis=0)).max() < 0.02   # no jumps
    rough = RandomManifolds(classes=4, channels=10, alpha=1.2).embed(np.linspace(0, 1, 4001)[:, None], 0)
    length = [abs(np.diff(curve, axis=0)).sum() for curve in (line, rough)]
    assert length[1] > 2 * length[0]   # a smaller alpha is rougher
    times, _ = task.times(200, seed=5)
    assert not (times == task.times(200, seed=6)[0]).all()   # other points
    assert (task.embed(np.array([[0.3]]), 1) == RandomManifolds(classes=2, channels=10).embed([[0.3]], 1)).all()


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_manifolds_have_their_dimension(dim):
    task = RandomManifolds(classes=1, channels=12, dim=dim, alpha=3.0)
    near = 0.5 + 1e-3 * (np.random.default_rng(0).random((200, dim)) - 0.5)
    values = np.linalg.svd(task.embed(near, 0) - task.embed(near, 0).mean(0), compute_uv=False)
    assert values[dim - 1] > 20 * values[dim]   # locally flat, of just this many directions


@pytest.mark.parametrize("make", [
    lambda: DelayedCoincidence(lags=()), lambda: DelayedCoincidence(lags=(3, 3)),
    lambda: DelayedCoincidence(lags=(100,)), lambda: DelayedCoincidence(lags=(-1,)),
    lambda: DelayedCoincidence(noise=1.5), lambda: YinYang(first=50, last=40), lambda: YinYang(r_small=0.3),
    lambda: Adding(steps=1), lambda: RandomManifolds(dim=0), lambda: RandomManifolds(alpha=0.0)])
def test_wrong_parameters(make):
    with pytest.raises(DataError):
        make()
