"""The network that learns images without labels: three patterns of stripes, and MNIST."""
import numpy as np
import pytest

from snn.circuits import DigitNet
from snn.datasets import mnist
from snn.errors import DataError, MissingFile, NetworkError, OutputError, RunError
from snn.plasticity import NearestSTDP

PATTERNS = np.zeros((3, 16, 16))
PATTERNS[0, 2:5], PATTERNS[1, :, 6:9], PATTERNS[2, 10:13] = 1.0, 1.0, 1.0


def stripes(images, seed):
    """``(images, labels)``: a stripe each, of random brightness, and a tenth of the pixels lit at random."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, images)
    x = PATTERNS[labels] * rng.uniform(0.7, 1.0, (images, 1, 1)) + 0.5 * (rng.random((images, 16, 16)) < 0.1)
    return np.minimum(x, 1.0), labels


@pytest.fixture(scope="module")
def learnt():
    net = DigitNet(9, seed=1)
    net.fit(stripes(80, 1)[0])
    net.assign(*stripes(30, 2))
    return net


def test_it_tells_classes_apart_that_nobody_named(learnt):
    images, labels = stripes(60, 3)
    confusion = learnt.confusion(images, labels)
    assert confusion.sum() == 60 and (confusion.sum(1) == np.bincount(labels)).all()
    assert np.trace(confusion) >= 57
    assert {0, 1, 2} <= set(learnt.names.tolist())


def test_receptive_fields_are_the_patterns(learnt):
    assert learnt.fields.shape == (9, 16, 16)
    won = np.flatnonzero(learnt.theta > 1.0)
    assert len(won) >= 3
    strength = np.array([[learnt.fields[c][pattern > 0].mean() for pattern in PATTERNS] for c in won])
    # Before learning every mean is near 78 / 256.
    assert (strength.argmax(1) == learnt.names[won]).all() and (strength.max(1) > 1.3 * 78.0 / 256.0).all()


def test_sums_of_weights_are_fixed_and_thresholds_rise_with_spikes(learnt):
    np.testing.assert_allclose(learnt.weights.sum(0), 78.0, rtol=1e-5)
    net = DigitNet(9, seed=2)
    counts = net.fit(stripes(6, 4)[0])
    # Each spike adds 0.05 mV; what decays in a few seconds is a millionth.
    assert (net.theta >= 0.049 * counts.sum(0)).all() and net.theta.max() > 0 and net.seen == 6
    assert (counts.sum(1) >= 5).all()


def test_answers_change_nothing_and_depend_on_the_seed_alone(learnt):
    images, _ = stripes(4, 5)
    before = learnt.weights.copy(), learnt.theta.copy(), learnt.seen
    first, second = learnt.responses(images), learnt.responses(images)
    assert (first == second).all() and first.sum() > 0
    assert (learnt.weights == before[0]).all() and (learnt.theta == before[1]).all() and learnt.seen == before[2]
    assert (DigitNet(9, seed=3).fit(images) == DigitNet(9, seed=3).fit(images)).all()
    assert (DigitNet(9, seed=3).fit(images) != DigitNet(9, seed=4).fit(images)).any()


def test_bytes_are_shares_of_255():
    images = np.zeros((2, 13, 13), np.uint8)
    images[0, 3:6], images[1, :, 7:10] = 255, 102
    assert (DigitNet(5, seed=1).fit(images) == DigitNet(5, seed=1).fit(images / 255.0)).all()


def test_a_rule_of_the_user():
    net = DigitNet(5, seed=1, rule=NearestSTDP(A_plus=0.0, A_minus=0.0))
    net.fit(stripes(2, 6)[0])
    before = net.weights
    net.fit(stripes(2, 7)[0])
    np.testing.assert_allclose(net.weights, before, rtol=1e-5)
    assert net.seen == 4


def test_it_is_saved_and_goes_on(learnt, tmp_path):
    images, _ = stripes(5, 8)
    learnt.save(tmp_path / "net.npz")
    again = DigitNet.load(tmp_path / "net.npz")
    assert (again.predict(images) == learnt.predict(images)).all() and again.fields.shape == (9, 16, 16)
    more = DigitNet.load(tmp_path / "net.npz")
    assert (again.fit(images) == more.fit(images)).all() and again.seen == learnt.seen + 5
    np.testing.assert_array_equal(again.weights, more.weights)
    with pytest.raises(OutputError, match=r"DigitNet\.save: .*nowhere"):
        learnt.save(tmp_path / "nowhere" / "net.npz")


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: DigitNet(1, seed=1), NetworkError, r"DigitNet\.n: is 1"),
    (lambda: DigitNet(10, seed=-1), NetworkError, r"DigitNet\.seed: is -1"),
    (lambda: DigitNet(10, seed=1, total=-1.0), NetworkError, r"DigitNet\.total: is -1"),
    (lambda: DigitNet(10, seed=1, inhibition=np.nan), NetworkError, r"DigitNet\.inhibition: is nan"),
    (lambda: DigitNet(10, seed=1).fit(np.zeros((3, 4, 4))), DataError, "images have 16 pixels"),
    (lambda: DigitNet(10, seed=1).fit(np.zeros((0, 28, 28))), DataError, r"shape \(0, 28, 28\)"),
    (lambda: DigitNet(10, seed=1).fit(np.full((1, 28, 28), 2.0)), DataError, "values from 2 to 2"),
    (lambda: DigitNet(10, seed=1).fit(np.full((1, 28, 28), np.nan)), DataError, "values from nan"),
    (lambda: DigitNet(10, seed=1).fit([["a"]]), DataError, "cannot be read as numbers"),
    (lambda: DigitNet(10, seed=1).responses(np.zeros((1, 28, 28))), RunError, "nothing was learnt yet"),
    (lambda: DigitNet(10, seed=1).fields, RunError, "nothing was learnt yet"),
    (lambda: DigitNet(10, seed=1).predict(np.zeros((1, 28, 28))), RunError, "have no names yet"),
    (lambda: DigitNet(10, seed=1).assign(np.zeros((1, 28, 28)), [0.5]), DataError, "labels are float64"),
    (lambda: DigitNet(10, seed=1).assign(np.zeros((2, 28, 28)), [1]), DataError, r"shape \(1,\) for 2 images"),
    (lambda: DigitNet(10, seed=1).save("net.npz"), RunError, "nothing was learnt yet"),
    (lambda: DigitNet.load("nowhere.npz"), MissingFile, "no such file"),
    (lambda: DigitNet.load(__file__), DataError, "is no file of a DigitNet"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_images_of_another_shape_are_refused(learnt):
    with pytest.raises(DataError, match=r"\[images, 16, 16\] is expected"):
        learnt.predict(np.zeros((1, 28, 28)))


@pytest.mark.slow  # about 20 s
def test_digits_without_labels(data_dir):
    train, test = mnist.load(folder=data_dir)
    net = DigitNet(100, seed=1)
    net.fit(train.images[:3000])
    net.assign(train.images[:1000], train.labels[:1000])
    confusion = net.confusion(test.images[:500], test.labels[:500])
    assert np.trace(confusion) / 500 > 0.65
