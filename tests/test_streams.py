"""Slow signals and films with known answers."""
import numpy as np
import pytest

from snn.datasets import MovingBlobs, SlowStream
from snn.errors import DataError


def test_samples_depend_on_seed_and_number_alone():
    for task in (SlowStream(), MovingBlobs(steps=5)):
        first, again, other = (task.draw(n, seed=seed) for n, seed in ((20, 0), (4, 0), (20, 1)))
        first, again, other = ((x if isinstance(x, tuple) else (x,)) for x in (first, again, other))
        assert all((a[:4] == b).all() for a, b in zip(first, again, strict=True))
        assert not (first[0] == other[0]).all() and first[0].dtype == np.float32


def test_streams_are_slow_sinusoids():
    x = SlowStream(channels=8, steps=100, slowest=0.01, fastest=0.02).draw(5, seed=0).astype(np.float64)
    assert x.shape == (5, 100, 8) and 0.9 < np.abs(x).max() <= 1
    # x(t+1) + x(t-1) = 2 cos(w) x(t) for a sinusoid
    ratio = (x[:, 2:] + x[:, :-2]) / (2 * x[:, 1:-1])
    w = np.arccos(np.clip(ratio[np.abs(x[:, 1:-1]) > 0.5], -1, 1))
    assert 0.009 < w.min() and w.max() < 0.021


def test_every_frame_shows_the_class():
    task = MovingBlobs(steps=6)
    x, y = task.draw(400, seed=0)
    assert x.shape == (400, 6, 16, 16) and 0 <= x.min() and x.max() <= 1
    assert (np.bincount(y, minlength=4) > 70).all()
    for k in (0, 5):
        assert (task.observer(x[:, k:]) == y).all()


def test_blobs_drift_at_their_speed():
    task = MovingBlobs(steps=11, speed=0.3)
    x, _ = task.draw(50, seed=1)
    turns = np.exp(2j * np.pi * np.arange(16) / 16)
    place = [np.unwrap(np.angle((x.astype(np.float64).sum(axis) * turns).sum(-1))) * 16 / (2 * np.pi)
             for axis in (2, 3)]
    moved = np.hypot(*(p[:, -1] - p[:, 0] for p in place))
    np.testing.assert_allclose(moved, 3.0, atol=0.02)
    assert np.abs(np.diff(x, axis=1)).max() < 0.3


@pytest.mark.parametrize("make", [lambda: SlowStream(channels=0), lambda: SlowStream(slowest=0.1, fastest=0.01),
                                  lambda: MovingBlobs(wide=3.0), lambda: MovingBlobs(speed=-1.0),
                                  lambda: MovingBlobs(size=4.5), lambda: MovingBlobs().draw(0, seed=0)])
def test_bad_parameters(make):
    with pytest.raises(DataError, match=r"(SlowStream|MovingBlobs)\.[\w.]+: .* (is|are) expected|must"):
        make()
