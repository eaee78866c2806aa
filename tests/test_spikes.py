"""Spikes: construction, statistics, windows, dense arrays, joining."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn.errors import DataError
from snn.spikes import Spikes

DT = 0.1


@st.composite
def on_grid(draw, n=5, steps=60):
    """Spikes on the grid of DT, at most one per neuron and step."""
    cells = draw(st.sets(st.tuples(st.integers(0, steps - 1), st.integers(0, n - 1)), max_size=80))
    order = draw(st.permutations(sorted(cells)))
    return Spikes([(k + 1) * DT for k, _ in order], [i for _, i in order], n, steps * DT)


def poisson(rate, n, duration, seed=0):
    rng = np.random.default_rng(seed)
    count = rng.poisson(rate * n * duration / 1000)
    return Spikes(rng.uniform(0, duration, count), rng.integers(0, n, count), n, duration)


@given(on_grid())
def test_always_sorted_by_time_then_id(s):
    assert (np.diff(s.times) >= 0).all()
    assert ((np.diff(s.times) > 0) | (np.diff(s.ids) >= 0)).all()
    assert s.times.dtype == np.float64 and s.ids.dtype == np.int64


def test_sorted_input_is_not_copied_and_cannot_be_changed():
    times = np.array([1.0, 2.0])
    s = Spikes(times, np.array([0, 1]), 2, 5.0)
    assert np.shares_memory(s.times, times) and times.flags.writeable
    with pytest.raises(ValueError):
        s.times[0] = 3.0


@pytest.mark.parametrize("times, ids, n, duration, word", [
    ([np.nan], [0], 1, 5.0, "finite"),
    ([1.0], [1], 1, 5.0, "no neuron 1"),
    ([1.0], [-1], 1, 5.0, "no neuron -1"),
    ([6.0], [0], 1, 5.0, "window"),
    ([-0.1], [0], 1, 5.0, "window"),
    ([1.0, 2.0], [0], 1, 5.0, "equal length"),
    ([1.0], [0.5], 1, 5.0, "whole"),
    ([1.0], [0], -1, 5.0, "0 or more"),
    ([1.0], [0], 1, np.inf, "finite"),
    (["a"], [0], 1, 5.0, "numbers"),
    ([1.0], [0], 1.5, 5.0, "whole"),
])
def test_wrong_input_is_one_error_of_ours(times, ids, n, duration, word):
    with pytest.raises(DataError, match=word):
        Spikes(times, ids, n, duration)


def test_equality_is_bitwise():
    a = Spikes([0.3], [0], 1, 5.0)
    assert a == Spikes([0.3], [0], 1, 5.0)
    assert a != Spikes([0.1 + 0.2], [0], 1, 5.0)
    assert a != Spikes([0.3], [0], 2, 5.0)
    assert a != Spikes([0.3], [0], 1, 6.0)


def test_count_rate_and_repr():
    s = Spikes([1.0, 2.0, 4.0], [0, 1, 0], 3, 10.0)
    assert s.count().tolist() == [2, 1, 0]
    assert s.rate() == pytest.approx([200.0, 100.0, 0.0])
    assert s.mean_rate == pytest.approx(100.0)
    assert repr(s) == "Spikes(3 spikes, n=3, 0..10 ms, 100 Hz)"
    assert s.train(0).tolist() == [1.0, 4.0] and len(s) == 3
    assert [a.tolist() for a in s.raster()] == [[1.0, 2.0, 4.0], [0, 1, 0]]


def test_no_time_no_rate():
    empty = Spikes([], [], 2, 0.0)
    with pytest.raises(DataError, match="duration"):
        empty.rate()
    with pytest.raises(DataError):
        _ = empty.mean_rate
    assert empty.to_dense(DT).shape == (0, 2)


def test_isi_and_cv_against_a_loop():
    s = poisson(20.0, 30, 2000.0)
    slow = []
    for i in range(s.n):
        gaps = np.diff(np.sort(s.times[s.ids == i]))
        np.testing.assert_array_equal(s.isi(i), gaps)
        slow.append(gaps.std() / gaps.mean() if len(gaps) >= 2 else np.nan)
    np.testing.assert_allclose(s.cv(), slow, rtol=1e-10)
    assert [len(g) for g in s.isi()] == np.maximum(s.count() - 1, 0).tolist()


def test_cv_of_a_clock_is_0_and_few_spikes_give_nan():
    s = Spikes([10, 20, 30, 40, 10, 20], [0, 0, 0, 0, 1, 1], 3, 50.0)
    assert s.cv()[0] == pytest.approx(0.0) and np.isnan(s.cv()[1:]).all()
    assert s.cv(min_spikes=2)[1] == 0.0
    with pytest.raises(DataError):
        s.cv(min_spikes=1)


def test_cv_of_a_poisson_process_is_1():
    assert np.nanmean(poisson(50.0, 50, 4000.0).cv()) == pytest.approx(1.0, abs=0.05)


def test_bins_are_closed_on_the_right():
    s = Spikes([(k + 1) * DT for k in range(100)], [0] * 100, 1, 10.0)
    centres, rate = s.population_rate(1.0)
    assert centres == pytest.approx(np.arange(10) + 0.5)
    assert rate == pytest.approx([10_000.0] * 10)


def test_last_bin_may_be_shorter_and_counts_are_kept():
    s = Spikes([0.0, 9.0, 10.0], [0, 0, 0], 1, 10.0)
    centres, rate = s.population_rate(4.0)
    assert centres == pytest.approx([2.0, 6.0, 9.0])
    assert rate == pytest.approx([250.0, 0.0, 1000.0])


@given(on_grid(), st.integers(0, 60))
def test_consecutive_windows_share_no_spike_and_lose_none(s, cut):
    a, b = s.between(0.0, cut * DT), s.between(cut * DT, s.end)
    assert len(a) + len(b) == len(s)
    joined = Spikes.concat([a, b])
    assert joined.times.tobytes() == s.times.tobytes() and joined.ids.tobytes() == s.ids.tobytes()


def test_window_ends_have_the_slack_of_rounding():
    s = Spikes([3 * 0.1], [0], 1, 1.0)
    assert len(s.between(0.0, 0.3)) == 1 and len(s.between(0.3, 1.0)) == 0
    with pytest.raises(DataError, match="not inside"):
        s.between(0.5, 2.0)


@given(on_grid())
def test_dense_and_back(s):
    dense = s.to_dense(DT)
    assert dense.shape == (60, 5) and dense.dtype == bool and dense.sum() == len(s)
    assert Spikes.from_dense(dense, DT) == s
    assert Spikes.from_dense(dense.astype(np.int32) * 2, DT).count().tolist() == (2 * s.count()).tolist()


def test_dense_refuses_what_it_cannot_hold():
    s = Spikes([0.5, 0.6], [0, 0], 1, 2.0)
    with pytest.raises(DataError, match="2 spikes"):
        s.to_dense(1.0)
    assert s.to_dense(1.0, dtype=np.uint8).tolist() == [[2], [0]]
    for bad in (np.ones(3), np.ones((2, 2)), np.array([[-1]])):
        with pytest.raises(DataError):
            Spikes.from_dense(bad, 1.0)


@given(on_grid(), st.lists(st.integers(0, 4), unique=True))
def test_taking_neurons(s, ids):
    part = s.of(ids)
    assert part.n == s.n and set(part.ids) <= set(ids) and len(part) == sum(s.count()[ids])
    new = s.of(ids, renumber=True)
    assert new.n == len(ids)
    for j, i in enumerate(ids):
        assert new.train(j).tolist() == s.train(i).tolist()


def test_taking_neurons_by_slice_and_mask():
    s = Spikes([1, 2, 3], [0, 1, 2], 3, 5.0)
    assert s.of(slice(1, None)) == s.of([1, 2]) == s.of(np.array([False, True, True]))
    for bad in ([3], [0, 0], np.array([True])):
        with pytest.raises(DataError):
            s.of(bad)


def test_concat_moves_parts_behind_one_another():
    a, b = Spikes([1.0], [0], 2, 5.0), Spikes([2.0], [1], 2, 4.0)
    joined = Spikes.concat([a, b, a], gap=10.0)
    assert joined.times.tolist() == [1.0, 17.0, 30.0] and joined.ids.tolist() == [0, 1, 0]
    assert joined.duration == 34.0
    with pytest.raises(DataError, match="equal n"):
        Spikes.concat([a, Spikes([], [], 3, 1.0)])
    with pytest.raises(DataError, match="gap"):
        Spikes.concat([a, b], gap=-1.0)


@settings(max_examples=30)
@given(on_grid(), st.floats(0, 1e6))
def test_shift_keeps_the_window_valid(s, ms):
    later = s.shift(ms)
    assert later.start == ms and len(later) == len(s) and later.duration == s.duration
