"""SpikeSource alone."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snn.errors import ModelError
from snn.neurons import SpikeSource
from snn.spikes import Spikes


def source(times, ids=None, n=5, duration=1e6):
    return SpikeSource(Spikes(times, np.zeros(len(times), int) if ids is None else ids, n=n, duration=duration))


@pytest.mark.parametrize("t, step", [(0.0, 0), (0.05, 0), (0.1, 0), (0.1001, 1), (0.3, 2), (1.0, 9), (99999.9, 999998)])
def test_a_spike_acts_in_the_step_that_ends_at_or_after_it(t, step):
    assert source([t]).schedule(0.1)[0].tolist() == [step]


@given(steps=st.lists(st.integers(0, 10**7), min_size=1), dt=st.sampled_from([0.01, 0.1, 0.25, 1.0, 1 / 3]))
def test_times_on_the_grid_are_kept(steps, dt):
    found, _ = source((np.sort(steps) + 1) * dt, duration=2e7).schedule(dt)
    assert found.tolist() == sorted(steps)


@given(spikes=st.lists(st.tuples(st.floats(0.0, 1e5), st.integers(0, 4)), max_size=60), dt=st.floats(0.01, 10.0))
def test_sorted_complete_and_less_than_a_step_late(spikes, dt):
    spikes = sorted(spikes)
    s = source([t for t, _ in spikes], [i for _, i in spikes])
    steps, ids = s.schedule(dt)
    assert steps.dtype == ids.dtype == np.int64 and (steps >= 0).all()
    assert list(zip(steps, ids, strict=True)) == sorted(zip(steps, ids, strict=True))
    assert np.bincount(ids, minlength=5).tolist() == s.spikes.count().tolist()
    late = np.sort((steps + 1) * dt) - np.sort(s.spikes.times)
    assert (late >= -2e-6 * dt - 1e-9).all() and (late <= dt * (1 + 1e-6) + 1e-9).all()


def test_ids_are_sorted_within_a_step():
    steps, ids = source([0.11, 0.15, 0.19], [3, 1, 2]).schedule(0.1)
    assert steps.tolist() == [1, 1, 1] and ids.tolist() == [1, 2, 3]


def test_size_and_equality():
    assert source([1.0]).n == 5
    assert source([1.0]) == source([1.0]) and source([1.0]) != source([2.0])


def test_only_spikes_from_time_zero_on():
    with pytest.raises(ModelError, match=r"SpikeSource\.spikes: is a list"):
        SpikeSource([1.0, 2.0])
    with pytest.raises(ModelError, match=r"SpikeSource\.spikes: holds a spike at -2 ms"):
        SpikeSource(Spikes([-2.0, 1.0], [0, 0], n=1, duration=10.0, start=-5.0))
