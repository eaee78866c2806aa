"""Binning of spikes into frames: the window convention of Spikes, groups, limits, and the way back."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn import Spikes
from snn.datasets import Bernoulli, Frames, Latency, Repeat, Sample, excerpt, to_spikes
from snn.datasets.frames import frames
from snn.errors import DataError

DTS = (0.1, 0.5, 1.0, 2.5, 10.0)


@settings(max_examples=60)
@given(events=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 6)), max_size=40), dt=st.sampled_from(DTS),
       start=st.sampled_from((0.0, 3.3, -20.0)))
def test_windows_are_those_of_spikes(events, dt, start):
    times, ids = np.array([e[0] * 0.1 for e in events]), [e[1] for e in events]   # many lie on the grid of dt
    spikes = Spikes(start + times, ids, n=7, duration=50.0, start=start)
    dense = spikes.to_dense(dt, dtype=np.uint8)
    assert (frames([spikes], dt=dt, steps=len(dense))[0] == dense).all()
    short = frames([spikes], dt=dt, steps=3)[0]
    assert short.shape == (3, 7) and (short == dense[:3]).all()
    longer = frames([spikes], dt=dt, steps=len(dense) + 5)[0]
    assert (longer[:len(dense)] == dense).all() and not longer[len(dense):].any()


@settings(max_examples=40)
@given(st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_groups_sum_channels(group, seed):
    rng = np.random.default_rng(seed)
    dense = rng.integers(0, 3, (2, 6, 17), np.uint8)
    got = frames(to_spikes(dense, dt=1.0), dt=1.0, steps=6, group=group)
    width = -(-17 // group)
    padded = np.pad(dense, ((0, 0), (0, 0), (0, width * group - 17)))
    assert (got == padded.reshape(2, 6, width, group).sum(-1)).all()
    named = rng.integers(-1, 4, 17)
    named[0] = 3
    by_name = Frames(dt=1.0, steps=6, group=named)(to_spikes(dense, dt=1.0))
    assert (by_name == np.stack([dense[..., named == c].sum(-1) for c in range(4)], -1)).all()


def test_round_trip_keeps_every_count():
    dense = np.random.default_rng(0).integers(0, 5, (3, 20, 4), np.uint8)
    back = to_spikes(dense, dt=0.1)
    assert [len(s) for s in back] == dense.sum((1, 2)).tolist() and back[0].duration == pytest.approx(2.0)
    assert (frames(back, dt=0.1, steps=20) == dense).all()


def test_counts_above_a_byte():
    many = Spikes(np.full(256, 0.5), np.zeros(256, int), n=1, duration=1.0)
    with pytest.raises(DataError, match="sample 0 has 256 spikes.*clip=True"):
        frames([many], dt=1.0, steps=1)
    assert frames([many], dt=1.0, steps=1, clip=True).tolist() == [[[255]]]
    assert frames([many], dt=1.0, steps=1, binary=True).tolist() == [[[1]]]
    assert frames([Sample(many, 0)], dt=0.25, steps=4, binary=True).ravel().tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize("options, message", [
    ({"dt": 0.0}, "Frames.dt"), ({"dt": np.nan}, "Frames.dt"), ({"steps": 0}, "Frames.steps"),
    ({"steps": 1.5}, "Frames.steps"), ({"group": 0}, "Frames.group"), ({"group": [0.5, 1.0]}, "Frames.group"),
    ({"group": [-1, -1]}, "Frames.group"), ({"group": [0, 1, 2]}, "maps 3 channels, sample 0 has 2"),
])
def test_wrong_fields(options, message):
    with pytest.raises(DataError, match=message):
        Frames(**{"dt": 1.0, "steps": 2, **options})([Spikes([0.5], [0], n=2, duration=1.0)])


def test_wrong_samples():
    one, two = (Spikes([0.5], [0], n=n, duration=1.0) for n in (1, 2))
    for samples, message in (([], "no samples"), ([one, two], "sample 1 has 2 channels"), ([3], "sample 0 is int")):
        with pytest.raises(DataError, match=message):
            frames(samples, dt=1.0, steps=1)
    with pytest.raises(DataError, match="to_spikes.frames"):
        to_spikes(np.zeros((2, 3), int), dt=1.0)


def test_a_real_set_loses_no_spike(tmp_path):
    train, _ = excerpt(cache=tmp_path)
    longest = max(s.spikes.duration for s in train)
    x = frames(train, dt=10.0, steps=int(np.ceil(longest / 10.0)), group=5)
    assert x.shape[2] == 140 and x.dtype == np.uint8
    assert x.sum((1, 2), dtype=int).tolist() == [len(s.spikes) for s in train]


def test_encoders():
    images = np.array([[[0, 51], [102, 255]]], np.uint8)
    assert Repeat(3)(images).shape == (1, 3, 2, 2)
    assert Repeat(3)(images)[0, 2].ravel().tolist() == pytest.approx([0.0, 0.2, 0.4, 1.0])
    early = Latency(11)(images)
    assert early.sum() == 3 and early[0].argmax(0).ravel().tolist() == [0, 8, 6, 0] and not early[0, :, 0, 0].any()
    keys = np.array([1, 2], np.uint64)
    rates = Bernoulli(4000, gain=0.5)(np.repeat(images, 2, axis=0), keys)
    expected = np.array([0.0, 0.1, 0.2, 0.5])
    error = np.sqrt(expected * (1 - expected) / 4000)
    assert (abs(rates.reshape(2, 4000, 4).mean(1) - expected) <= 4 * error).all()
    assert not (rates[0] == rates[1]).all()
    assert (Bernoulli(4000, gain=0.5)(images, keys[1:])[0] == rates[1]).all()   # of the key alone
    for wrong in (lambda: Repeat(0), lambda: Latency(2.5), lambda: Bernoulli(3, gain=2.0)(images, keys[:1])):
        with pytest.raises(DataError):
            wrong()
