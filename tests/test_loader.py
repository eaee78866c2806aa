"""Batches: shape and order, what a sample's augmentation depends on, going on in the middle, bad input, split."""
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from snn import Spikes
from snn.datasets import Compose, Drop, DropFrame, Frames, Loader, Repeat, Sample, Shift, excerpt, split
from snn.datasets.samples import Samples
from snn.errors import DataError
from snn.random import uniform

RNG = np.random.default_rng(0)
X = RNG.integers(0, 4, (23, 7, 5), np.uint8)
Y = np.arange(23)


class Recordings(Samples):
    """Spikes of the frames X, with their number as label."""

    labels = Y

    def _sample(self, at):
        return Sample(Spikes.from_dense(X[at], 1.0), at)


def all_of(loader, epoch=0, start=0):
    pairs = list(loader.epoch(epoch, start))
    return torch.cat([x for x, _ in pairs], 1 if loader.time_first else 0), torch.cat([y for _, y in pairs])


def test_batches_are_contiguous_float_time_first():
    loader = Loader(X, Y, batch=5, seed=0)
    batches = list(loader.epoch(0))
    assert len(loader) == len(batches) == 5 and [len(y) for _, y in batches] == [5, 5, 5, 5, 3]
    for x, y in batches:
        assert x.dtype == torch.float32 and x.is_contiguous() and y.dtype == torch.int64
        assert (x.numpy() == X[y.numpy()].swapaxes(0, 1)).all()
    x, y = next(Loader(X, Y, batch=4, seed=0, time_first=False).epoch(0))
    assert x.shape == (4, 7, 5) and x.is_contiguous() and (x.numpy() == X[y.numpy()]).all()


@settings(max_examples=25)
@given(batch=st.integers(1, 30), seed=st.integers(-5, 2**40), epoch=st.integers(0, 50))
def test_an_epoch_is_a_permutation_that_the_batch_size_does_not_change(batch, seed, epoch):
    x, y = all_of(Loader(X, Y, batch=batch, seed=seed), epoch)
    assert sorted(y.tolist()) == Y.tolist()
    assert y.tolist() == Loader(X, Y, batch=23, seed=seed).order(epoch).tolist()


def test_orders_of_epochs_and_seeds_differ():
    orders = {tuple(Loader(X, Y, batch=4, seed=s).order(e)) for s in range(6) for e in range(6)}
    assert len(orders) == 36
    first = [Loader(X, Y, batch=4, seed=s).order(0)[0] for s in range(460)]
    counts = np.bincount(first, minlength=23)   # uniform: 20 +- 4.4 each
    assert counts.min() > 3 and ((counts - 20) ** 2 / 20).sum() < 55   # chi-squared, 22 degrees, p = 1e-4


@pytest.mark.parametrize("source", [
    {"x": X, "transform": DropFrame(p=0.5)},
    {"x": Recordings(), "transform": Compose(Drop(p=0.3), Shift(most=2.0)), "encode": Frames(dt=1.0, steps=7)},
], ids=["frames", "spikes"])
def test_augmentation_depends_on_seed_epoch_and_sample_alone(source):
    def by_sample(batch, seed=0, epoch=0, shuffle=True):
        x, y = all_of(Loader(y=Y, batch=batch, seed=seed, shuffle=shuffle, **source), epoch)
        return x[:, y.argsort()]
    one = by_sample(4)
    assert torch.equal(one, by_sample(9)) and torch.equal(one, by_sample(1, shuffle=False))
    assert not torch.equal(one, by_sample(4, epoch=1)) and not torch.equal(one, by_sample(4, seed=1))
    assert not torch.equal(one, torch.from_numpy(X.swapaxes(0, 1)).float())


def test_an_interrupted_epoch_goes_on_with_the_same_batches():
    loader = Loader(X, Y, batch=4, seed=3, transform=DropFrame(p=0.4))
    whole = list(loader.epoch(7))
    fresh = Loader(X, Y, batch=4, seed=3, transform=DropFrame(p=0.4))
    for start in range(len(loader) + 1):
        rest = list(fresh.epoch(7, start))
        assert len(rest) == len(whole) - start
        assert all(torch.equal(a, c) and torch.equal(b, d)
                   for (a, b), (c, d) in zip(whole[start:], rest, strict=True))
    with pytest.raises(DataError, match="Loader.start"):
        loader.epoch(0, 7)


def test_evaluation_goes_in_order_and_shuffled_ones_ask_for_an_epoch():
    loader = Loader(X, Y, batch=10, seed=0, shuffle=False)
    assert torch.cat([y for _, y in loader]).tolist() == Y.tolist() == torch.cat([y for _, y in loader]).tolist()
    with pytest.raises(DataError, match="loader.epoch"):
        iter(Loader(X, Y, batch=10, seed=0))


def test_drop_last():
    loader = Loader(X, Y, batch=10, seed=0, drop_last=True)
    assert len(loader) == 2 and loader.samples == 20 and [len(y) for _, y in loader.epoch(0)] == [10, 10]
    with pytest.raises(DataError, match="Loader.batch: is 24"):
        Loader(X, Y, batch=24, seed=0, drop_last=True)


def test_targets_of_every_kind():
    steps = RNG.integers(-1, 6, (23, 7))
    x, y = next(Loader(X, steps, batch=6, seed=0, shuffle=False).epoch(0))
    assert y.shape == (7, 6) and y.is_contiguous() and (y.numpy() == steps[:6].T).all()
    assert next(Loader(X, Y / 2.0, batch=6, seed=0).epoch(0))[1].dtype == torch.float32
    assert next(Loader(torch.from_numpy(X), torch.from_numpy(Y), batch=6, seed=0).epoch(0))[1].dtype == torch.int64
    loader = Loader(Recordings(), batch=3, seed=0, shuffle=False, encode=Frames(dt=1.0, steps=7))
    assert next(iter(loader))[1].tolist() == [0, 1, 2]   # labels of the recordings


def test_recordings_and_images():
    loader = Loader(Recordings(), batch=8, seed=0, encode=Frames(dt=1.0, steps=7))
    x, y = all_of(loader)
    assert torch.equal(x[:, y.argsort()], torch.from_numpy(X.swapaxes(0, 1)).float())
    part = Loader(Recordings().take([3, 20]), batch=8, seed=0, shuffle=False, encode=Frames(dt=1.0, steps=7))
    x, y = next(iter(part))
    assert y.tolist() == [3, 20] and (x[:, 1].numpy() == X[20]).all()
    images = RNG.integers(0, 256, (9, 1, 4, 4), np.uint8)
    x, y = next(Loader(images, np.arange(9), batch=4, seed=0, encode=Repeat(3)).epoch(0))
    assert x.shape == (3, 4, 1, 4, 4) and x.is_contiguous() and torch.equal(x[0], x[2])
    assert np.allclose(x[0].numpy() * 255, images[y.numpy()], atol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")   # torch warns of arrays that cannot be written
        x, _ = next(Loader(images, np.arange(9), batch=1, seed=0, encode=Repeat(1)).epoch(0))
    x += 1.0


def test_a_transform_sees_the_item_and_a_key_of_its_own():
    seen = []
    def spy(item, key):
        seen.append((item.shape, float(uniform(key, 0)[0])))
        return item
    list(Loader(X, Y, batch=6, seed=0, transform=spy).epoch(0))
    assert {shape for shape, _ in seen} == {(7, 5)} and len({draw for _, draw in seen}) == 23


@pytest.mark.parametrize("change, message", [
    ({"y": Y[:-1]}, "22 labels for 23"), ({"x": X[:0], "y": Y[:0]}, "0 labels for 0"),
    ({"batch": 0}, "Loader.batch"), ({"batch": 2.5}, "Loader.batch"), ({"seed": "a"}, "Loader.seed"),
    ({"x": Y}, "Loader.x.*n, T"), ({"x": X[:, :0]}, "one step or more"), ({"x": X.astype(object)}, "Loader.x"),
    ({"x": np.where(X > 2, np.nan, 1.0)}, "not finite"), ({"x": list(X)}, "without encode"),
    ({"y": np.full(23, np.nan)}, "Loader.y"), ({"y": None}, "x has no labels"), ({"y": list("a" * 23)}, "Loader.y"),
])
def test_wrong_arguments(change, message):
    with pytest.raises(DataError, match=message):
        Loader(**{"x": X, "y": Y, "batch": 4, "seed": 0, **change})


def test_wrong_results_of_transform_and_encode():
    uneven = Loader(X, Y, batch=4, seed=0, transform=lambda item, key: item[:1 + int(key) % 3])
    with pytest.raises(DataError, match="Loader.transform"):
        list(uneven.epoch(0))
    for encode in (lambda items, keys: items[:, :0], lambda items, keys: items[:2], lambda items, keys: items[:, 0, 0]):
        with pytest.raises(DataError, match="Loader.x: a batch of 4"):
            next(Loader(X, Y, batch=4, seed=0, encode=encode).epoch(0))
    with pytest.raises(DataError, match="Loader.epoch"):
        Loader(X, Y, batch=4, seed=0).epoch(-1)


def test_split_takes_its_share_of_every_cell(tmp_path):
    train, _ = excerpt(cache=tmp_path)
    fit, held = split(train.labels, train.speakers, share=0.25, seed=0)
    assert sorted([*fit, *held]) == list(range(160)) and len(held) == 40
    cells = [(train.labels[i], train.speakers[i]) for i in held]
    assert len(set(cells)) == 40   # 4 recordings of each digit and speaker: one of each is held out
    named = np.array(["anna", "bert", "carl", "dora", "emil"])[train.speakers]
    assert split(train.labels, named, share=0.25, seed=0)[1].tolist() == held.tolist()
    other = split(train.labels, train.speakers, share=0.25, seed=1)[1]
    assert held.tolist() == split(train.labels, train.speakers, share=0.25, seed=0)[1].tolist() != other.tolist()


@settings(max_examples=40)
@given(n=st.integers(2, 80), share=st.floats(0.05, 0.95), seed=st.integers(0, 1000))
def test_split_is_even_within_one_sample(n, share, seed):
    labels = np.random.default_rng(seed).integers(0, 4, n)
    try:
        fit, held = split(labels, share=share, seed=seed)
    except DataError:
        assert n * share < 1 or n * (1 - share) < 1
        return
    assert len(fit) + len(held) == n and not set(fit) & set(held) and abs(len(held) - n * share) < 1 + 1e-9
    for label in range(4):
        assert abs((labels[held] == label).sum() - share * (labels == label).sum()) < 1 + 1e-9


def test_split_refuses():
    for wrong in ({"labels": Y, "groups": Y[:3]}, {"labels": Y, "share": 1.0}, {"labels": Y[:3], "share": 1e-6}):
        with pytest.raises(DataError, match="split"):
            split(**{"seed": 0, **wrong})
