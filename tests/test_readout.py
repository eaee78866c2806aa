"""The ridge readout against closed forms and direct solutions."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn.errors import DataError
from snn.readout import choose_penalty, fit


def blobs(samples=60, features=8, classes=3, spread=0.3, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, features))
    labels = np.arange(samples) % classes
    return centres[labels] + spread * rng.normal(size=(samples, features)), labels


@settings(max_examples=30, deadline=None)
@given(samples=st.integers(4, 40), features=st.integers(1, 60), seed=st.integers(0, 99), penalty=st.floats(1e-3, 10.0))
def test_dual_equals_primal(samples, features, seed, penalty):
    rng = np.random.default_rng(seed)
    x, labels = rng.normal(3.0, 1.0, (samples, features)), np.arange(samples) % 3
    readout = fit(x, labels, penalty=penalty)
    xc, y = x - x.mean(0), np.eye(3)[labels] - np.eye(3)[labels].mean(0)
    scale = np.trace(xc @ xc.T) / samples
    weights = np.linalg.solve(xc.T @ xc + penalty * scale * np.eye(features), xc.T @ y)
    assert np.allclose(readout.weights, weights, atol=1e-8)
    assert np.allclose(readout.outputs(x).mean(0), np.eye(3)[labels].mean(0))


def test_result_does_not_depend_on_scale_or_offset():
    x, labels = blobs()
    one, other = fit(x, labels, penalty=0.1), fit(1000.0 * x + 7.0, labels, penalty=0.1)
    assert np.allclose(one.outputs(x), other.outputs(1000.0 * x + 7.0))


def test_separable_classes_are_learned_and_labels_kept():
    x, labels = blobs(spread=0.05)
    readout = fit(x, labels * 10 + 5, penalty=0.01)
    assert readout.accuracy(x, labels * 10 + 5) == 1.0 and set(readout.predict(x)) == {5, 15, 25}


def test_noise_stays_at_chance_when_left_out():
    rng = np.random.default_rng(1)
    labels, groups = np.arange(200) % 4, np.repeat(np.arange(4), 50)
    choice = choose_penalty(rng.normal(size=(200, 250)), labels, groups)
    assert choice.accuracy < 0.38   # chance 0.25, standard error 0.03, best of ten penalties


def test_penalty_is_the_one_that_does_best_on_groups_left_out():
    x, labels = blobs(samples=120, features=200, spread=3.0)
    groups, penalties = np.arange(120) // 30, (1e-4, 1e-2, 1.0)
    by_hand = []
    for penalty in penalties:
        right = [(fit(x[groups != g], labels[groups != g], penalty=penalty).predict(x[groups == g])
                  == labels[groups == g]).mean() for g in range(4)]
        by_hand.append(np.mean(right))
    choice = choose_penalty(x, labels, groups, penalties=penalties)
    assert choice.accuracy == pytest.approx(max(by_hand))
    assert by_hand[penalties.index(choice.penalty)] == pytest.approx(max(by_hand))


@pytest.mark.parametrize("x, labels, penalty, words", [
    (np.zeros((0, 2)), np.zeros(0), 1.0, "fit.features"),
    (np.zeros((3, 2)), np.zeros(2), 1.0, "fit.features"),
    (np.full((3, 2), np.nan), np.zeros(3), 1.0, "finite"),
    (np.ones((3, 2)), np.zeros(3), 1.0, "same features"),
    (np.eye(3), np.arange(3), 0.0, "fit.penalty"),
])
def test_bad_input(x, labels, penalty, words):
    with pytest.raises(DataError, match=words):
        fit(x, labels, penalty=penalty)


def test_bad_groups_and_shapes():
    x, labels = blobs()
    with pytest.raises(DataError, match="groups"):
        choose_penalty(x, labels, np.zeros(60))
    with pytest.raises(DataError, match="groups"):
        choose_penalty(x, labels, np.arange(10))
    with pytest.raises(DataError, match="Ridge.features"):
        fit(x, labels, penalty=1.0).predict(x[:, :3])
