"""The network that regulates its learning rate: gradients, the procedure step by step, controls, shifting labels."""
import numpy as np
import pytest

from snn.circuits.homeostatic import RECENT, Constant, Homeostatic, HomeostaticNet, LabelShift, RandomTake
from snn.errors import DataError, NetworkError, RunError

SIZES = (6, 9, 7, 4)


def clouds(n, seed, noise=0.4):
    """Samples of four classes around fixed centres."""
    rng, centres = np.random.default_rng(seed), np.random.default_rng(99).normal(size=(4, 6))
    labels = rng.integers(0, 4, n)
    return centres[labels] + noise * rng.normal(size=(n, 6)), labels


def test_gradients_are_those_of_torch():
    import torch
    net, (x, labels) = HomeostaticNet(SIZES, seed=1), clouds(5, 1)
    parameters = [torch.tensor(p, dtype=torch.float64, requires_grad=True) for p in (*net.weights, *net.biases)]
    h = torch.tensor(x)
    for k in range(3):
        h = h @ parameters[k] + parameters[3 + k]
        h = torch.nn.functional.elu(h) if k < 2 else h
    torch.nn.functional.cross_entropy(h, torch.tensor(labels)).backward()
    weights, biases = net._gradient(net._layers(x.astype(np.float32)), labels)
    for mine, p in zip((*weights, *biases), parameters, strict=True):
        np.testing.assert_allclose(mine, p.grad, atol=1e-6)


def test_it_learns():
    x, labels = clouds(3000, 2)
    net = HomeostaticNet(SIZES, seed=1, eta=0.1, regulator=Constant())
    right = net.fit(x, labels)
    assert right[:100].mean() < 0.8 and right[-500:].mean() > 0.93
    fresh, named = clouds(500, 3)
    assert (net.predict(fresh) == named).mean() > 0.93 and net.eta == 0.1 and net.seen == 3000


class Recorder:
    """Moves as it is told, and keeps what the trial said."""

    tries = True

    def __init__(self, answer):
        self.answer, self.said = answer, []

    def takes(self, better, draw):
        self.said.append(bool(better()))
        return self.answer


def test_the_rate_moves_by_the_label_and_only_when_taken():
    x, labels = clouds(200, 4)
    first = labels[RECENT:][::10]        # of each batch, once enough was seen
    up, still = (HomeostaticNet(SIZES, seed=1, eta=0.2, regulator=Recorder(answer)) for answer in (True, False))
    up.fit(x, labels)
    still.fit(x, labels)
    assert len(up.regulator.said) == len(first) == 18
    eta = 0.2
    for one in first:
        eta = max(eta + (0.02 if one >= 2 else -0.02), 1e-8)
    assert up.eta == pytest.approx(eta, abs=1e-9) and still.eta == 0.2
    assert 0 < sum(still.regulator.said) < 18


def test_the_rate_has_a_floor():
    x, labels = clouds(400, 5)
    net = HomeostaticNet(SIZES, seed=1, eta=0.1, regulator=Recorder(True))
    net.fit(x, np.minimum(labels, 1))
    assert net.eta == 1e-8


def test_the_trial_asks_for_the_rate_of_the_answer_and_compares_the_last_samples():
    """By hand: the update with eta + d or eta - d against that with eta, on the 20 samples before the batch."""
    x, labels = (a[:50] for a in clouds(60, 6))
    net = HomeostaticNet(SIZES, seed=2, eta=1.0, regulator=Recorder(False))
    net.fit(x[:40], labels[:40])
    layers = net._layers(x[40:41].astype(np.float32))
    weights, biases = net._gradient(layers, labels[40:41])
    asked = 1.1 if layers[-1].argmax() >= 2 else 0.9
    counts = []
    for eta in (asked, 1.0):
        moved = HomeostaticNet(SIZES, seed=2, eta=1.0)
        moved.weights = [w - np.float32(eta) * g for w, g in zip(net.weights, weights, strict=True)]
        moved.biases = [b - np.float32(eta) * g for b, g in zip(net.biases, biases, strict=True)]
        counts.append((moved.predict(x[20:40]) == labels[20:40]).sum())
    net.fit(x[40:50], labels[40:50])
    assert net.regulator.said[-1] == (counts[0] > counts[1])


def test_regulators():
    draw = np.random.default_rng(1)
    assert not Constant().takes(lambda: True, draw) and Homeostatic().takes(lambda: True, draw)
    assert not Homeostatic().takes(lambda: False, draw)
    taken = [RandomTake(0.3).takes(None, draw) for _ in range(4000)]
    assert np.mean(taken) == pytest.approx(0.3, abs=0.03)
    assert isinstance(HomeostaticNet(SIZES, seed=1).regulator, Homeostatic)


def test_all_regulators_begin_alike():
    nets = [HomeostaticNet(SIZES, seed=3, regulator=r) for r in (Constant(), RandomTake(), Homeostatic())]
    assert all(np.array_equal(nets[0].weights[0], net.weights[0]) for net in nets)


def test_labels_shift_by_swaps():
    labels = np.random.default_rng(1).integers(0, 5, 1000)
    assert np.array_equal(LabelShift(0, classes=5, seed=1)(labels), labels)
    shift = LabelShift(2, classes=5, seed=1)
    shown = shift(labels)
    maps = [dict(zip(labels[part], shown[part], strict=True)) for part in
            (slice(0, 250), slice(250, 750), slice(750, 1000))]
    for part, one in zip((slice(0, 250), slice(250, 750), slice(750, 1000)), maps, strict=True):
        assert all(one[a] == b for a, b in zip(labels[part], shown[part], strict=True)) and len(set(one.values())) == 5
    assert all(maps[0][k] == k for k in range(5))
    assert all(sum(a[k] != b[k] for k in range(5)) == 2 for a, b in zip(maps, maps[1:], strict=False))
    again = shift(labels)
    assert all(again[k] == maps[2][labels[k]] for k in range(250))     # it goes on from there


def test_a_swap_costs_accuracy_and_is_learnt():
    x, labels = clouds(6000, 7)
    net, shift = HomeostaticNet(SIZES, seed=1, eta=0.1, regulator=Constant()), LabelShift(1, classes=4, seed=1)
    right = net.fit(x, shift(labels))
    assert right[2000:3000].mean() > 0.93 > right[3000:3050].mean() + 0.15 and right[5000:].mean() > 0.9


@pytest.mark.parametrize(("error", "message", "action"), [
    (NetworkError, "HomeostaticNet.sizes: is 3", lambda: HomeostaticNet(3, seed=1)),
    (NetworkError, "HomeostaticNet.sizes: is 0", lambda: HomeostaticNet((4, 0, 2), seed=1)),
    (NetworkError, "HomeostaticNet.eta: is -1", lambda: HomeostaticNet(SIZES, seed=1, eta=-1)),
    (NetworkError, "HomeostaticNet.regulator: is 'random'", lambda: HomeostaticNet(SIZES, seed=1, regulator="random")),
    (NetworkError, "RandomTake.p: is 2", lambda: RandomTake(2)),
    (RunError, "fit.batch: is 0", lambda: HomeostaticNet(SIZES, seed=1).fit(*clouds(9, 1), batch=0)),
    (DataError, "fit.x: has shape", lambda: HomeostaticNet(SIZES, seed=1).fit(np.ones((3, 5)), [0, 1, 2])),
    (DataError, "fit.labels: has shape", lambda: HomeostaticNet(SIZES, seed=1).fit(clouds(3, 1)[0], [0, 1])),
    (DataError, "fit.labels: holds 4", lambda: HomeostaticNet(SIZES, seed=1).fit(clouds(3, 1)[0], [0, 1, 4])),
    (DataError, "predict.x: has shape", lambda: HomeostaticNet(SIZES, seed=1).predict(np.full((2, 6), np.nan))),
    (RunError, "fit: the weights are not finite, with eta 1e",
     lambda: HomeostaticNet(SIZES, seed=1, eta=1e30, regulator=Constant()).fit(*clouds(50, 1))),
    (NetworkError, "LabelShift.swaps: is -1", lambda: LabelShift(-1, classes=3, seed=1)),
    (NetworkError, "LabelShift.classes: is 1", lambda: LabelShift(1, classes=1, seed=1)),
    (DataError, "LabelShift.labels: holds 7", lambda: LabelShift(1, classes=3, seed=1)([0, 7])),
])
def test_bad_input(error, message, action):
    with pytest.raises(error, match=message):
        action()
