"""Soft Hebbian learning: its formula, its prototypes, and what they are worth on small digits."""
import numpy as np
import pytest
import torch
from rate_runs import act as act_on

import snn.datasets
from snn.errors import MissingFile
from snn.plasticity import SoftHebb
from snn.wiring import Wiring

FREE = {"w_min": -9.0, "w_max": 9.0}


def act(rule, w, x, wiring=None, mean=0.0):
    """``w`` [post, pre] after the rule acted at the rates ``x`` [pre], whose long-time means are ``mean``."""
    return act_on(rule, w, (x, mean + np.zeros_like(x)), (), wiring)


def softmax(u):
    e = np.exp(u - u.max())
    return e / e.sum()


def direction(x):
    x = x - x.mean(-1, keepdims=True)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def test_change_is_that_of_the_formula():
    rng = np.random.default_rng(1)
    w, x = rng.normal(0.0, 0.3, (4, 6)), rng.uniform(0.0, 30.0, 6)
    u = w @ direction(x)
    expected = 0.2 * 0.05 * softmax(5.0 * u)[:, None] * (direction(x) - u[:, None] * w)
    got = act(SoftHebb(eta=0.2, beta=5.0, every=50.0, **FREE), w, x) - w
    np.testing.assert_allclose(got, expected, rtol=1e-10)


def test_inputs_count_by_their_deviation_from_their_means():
    rng = np.random.default_rng(9)
    w, x, mean = rng.normal(0.0, 0.3, (4, 6)), rng.uniform(0.0, 30.0, 6), rng.uniform(0.0, 30.0, 6)
    np.testing.assert_allclose(act(SoftHebb(**FREE), w, x, mean=mean), act(SoftHebb(**FREE), w, x - mean), rtol=1e-12)
    assert (act(SoftHebb(**FREE), w, mean, mean=mean) == w).all()


def test_the_mean_is_the_rate_of_a_long_time():
    rule = SoftHebb(tau_mean=5000.0).bind(1, torch.float64)
    x, y = rule.rest()
    for _ in range(2000):
        x, y = rule.decay(*rule.spike(x, y), torch.tensor(25.0))
    assert float(x.x_mean) == pytest.approx(40.0, rel=0.01)


def test_scale_and_offset_of_the_rates_do_not_count():
    rng = np.random.default_rng(2)
    w, x = rng.normal(0.0, 0.3, (3, 8)), rng.uniform(0.0, 30.0, 8)
    changes = [act(SoftHebb(**FREE), w, y) - w for y in (x, 10.0 * x, x + 50.0)]
    np.testing.assert_allclose(changes[1:], [changes[0]] * 2, rtol=1e-9)


@pytest.mark.parametrize("x", [np.zeros(5), np.full(5, 13.7)], ids=["silent", "equal"])
def test_inputs_without_a_difference_teach_nothing(x):
    w = np.random.default_rng(3).normal(0.0, 0.3, (3, 5))
    assert (act(SoftHebb(**FREE), w, x) == w).all()


def test_neurons_without_inputs_do_not_compete():
    rng = np.random.default_rng(4)
    w, x = rng.normal(0.0, 0.3, (2, 5)), rng.uniform(0.0, 30.0, 5)
    pre, post = torch.arange(5).repeat_interleave(2), torch.tensor([0, 3] * 5)
    wide = np.zeros((5, 5))
    wide[[0, 3]] = w
    got = act(SoftHebb(**FREE), wide, x, Wiring(pre, post, 5, 5, 100.0))
    np.testing.assert_allclose(got[[0, 3]], act(SoftHebb(**FREE), w, x), rtol=1e-12)
    assert (got[[1, 2, 4]] == 0.0).all()


def test_each_neuron_becomes_the_mean_direction_of_a_cluster():
    rng = np.random.default_rng(5)
    centres = rng.uniform(0.0, 30.0, (3, 12))
    samples = np.maximum(centres[:, None] + rng.normal(0.0, 2.0, (3, 20, 12)), 0.0).reshape(60, 12)
    rule, w = SoftHebb(eta=0.5, beta=20.0, **FREE), direction(centres) * 0.2 + rng.normal(0.0, 0.05, (3, 12))
    for _ in range(40):
        for x in rng.permutation(samples):
            w = act(rule, w, x)
    np.testing.assert_allclose(np.linalg.norm(w, axis=1), 1.0, atol=0.02)
    means = direction(samples).reshape(3, 20, 12).mean(1)
    assert ((w * direction(means)).sum(1) > 0.995).all()


def small_digits(part, n):
    """``n`` digits as 8 x 8 pixels (means of 3 x 3) and their classes."""
    images = part.images[:n, 2:26, 2:26].astype(np.float64)
    return images.reshape(n, 8, 3, 8, 3).mean((2, 4)).reshape(n, 64) / 255.0, np.asarray(part.labels[:n])


def readout_accuracy(w, train, test, beta):
    """Share of test digits that a linear readout of the softmax activities names correctly."""
    (x, labels), (x_test, labels_test), mean = train, test, train[0].mean(0)
    features, unseen = (torch.softmax(torch.as_tensor(beta * direction(z - mean) @ w.T), 1) for z in (x, x_test))
    spread = features.std(0) + 1e-6
    features, unseen, target = features / spread, unseen / spread, torch.as_tensor(labels).long()
    layer = torch.nn.Linear(w.shape[0], 10, dtype=torch.float64)
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    optimiser = torch.optim.LBFGS(layer.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def loss():
        optimiser.zero_grad()
        value = torch.nn.functional.cross_entropy(layer(features), target) + 1e-4 * layer.weight.square().sum()
        value.backward()
        return value

    optimiser.step(loss)
    return (layer(unseen).argmax(1).numpy() == labels_test).mean()


@pytest.mark.slow
def test_learnt_features_of_digits_are_better_than_random_ones():
    try:
        train, test = snn.datasets.mnist.load()
    except MissingFile as missing:
        pytest.skip(str(missing))
    train, test = small_digits(train, 1500), small_digits(test, 2000)
    rng, k, beta = np.random.default_rng(6), 20, 16.0
    random = direction(rng.normal(size=(k, 64)))
    w, rounds, mean = random, 2, train[0].mean(0)
    for epoch in range(rounds):
        rule = SoftHebb(eta=2.0 * (1.0 - epoch / rounds), beta=beta, every=100.0, **FREE)
        for x in rng.permutation(train[0]):
            w = act(rule, w, x, mean=mean)
    accuracy = {name: readout_accuracy(v, train, test, beta) for name, v in (("random", random), ("learnt", w))}
    assert accuracy["learnt"] > accuracy["random"] + 0.05
    np.testing.assert_allclose(np.linalg.norm(w, axis=1), 1.0, atol=0.1)
