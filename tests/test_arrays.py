"""Spikes as arrays of analyses: counts, calcium, tokens, windows, in memory and from an archive."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import snn
from snn.errors import DataError
from snn.export.arrays import binned, calcium, tokens, windows

SPIKES = snn.Spikes([0.5, 1.0, 1.0, 2.5, 7.0, 12.0], [1, 0, 1, 1, 0, 2], n=3, duration=12.0)


class InBlocks(snn.Spikes):
    """Spikes that come two at a time, as those of a large archive come in parts."""

    def blocks(self, count=2):
        return super().blocks(2)


def test_binned_by_hand():
    counts = binned(SPIKES, 5.0)
    assert counts.dtype == np.uint16
    np.testing.assert_array_equal(counts, [[1, 3, 0], [1, 0, 0], [0, 0, 1]])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 3)), max_size=40), st.sampled_from([0.1, 0.3, 1.0, 7.7]),
       st.sampled_from([0.0, 12.5]))
def test_binned_is_to_dense_for_any_blocks(cells, width, start):
    """Times stand on a grid of 0.1 ms, so that many of them lie on the edge of a bin."""
    spikes = InBlocks([start + 0.1 * k for k, _ in cells], [i for _, i in cells], 4, 40.0, start)
    np.testing.assert_array_equal(binned(spikes, width), spikes.to_dense(width, dtype=np.uint16))


def test_counts_that_do_not_fit():
    many = InBlocks(np.full(300, 1.0), np.zeros(300, int), 1, 2.0)
    assert binned(many, 2.0, dtype=np.uint16)[0, 0] == 300
    for dtype in (np.uint8, np.int8, bool):
        with pytest.raises(DataError, match="binned: up to .* too many for"):
            binned(many, 2.0, dtype=dtype)


def test_calcium_is_the_sum_of_exponentials():
    rng = np.random.default_rng(1)
    spikes = InBlocks(rng.uniform(100.0, 400.0, 200), rng.integers(0, 5, 200), 5, 300.0, 100.0)
    found = calcium(spikes, 37.0, 7.0)
    at = 100.0 + 7.0 * np.arange(1, len(found) + 1)
    for i in range(5):
        gap = at[:, None] - spikes.train(i)
        expected = np.where(gap >= 0, np.exp(-np.maximum(gap, 0) / 37.0), 0.0).sum(1)
        np.testing.assert_allclose(found[:, i], expected, rtol=1e-12, atol=1e-300)


def test_calcium_does_not_depend_on_the_bins():
    spikes = snn.Spikes([3.3, 8.0, 11.9], [0, 0, 0], 1, 20.0)
    np.testing.assert_allclose(calcium(spikes, 5.0, 1.0)[3::4], calcium(spikes, 5.0, 4.0), rtol=1e-13)


def test_tokens_by_hand():
    found = tokens(SPIKES, 5.0, 2.5)
    assert len(found) == 3 and (found.n, found.per_window) == (3, 2)
    expected = [([1, 0, 1, 1], [0, 0, 0, 0]), ([0], [0]), ([2], [0])]
    for (neurons, intervals), (who, when) in zip((found[w] for w in range(3)), expected, strict=True):
        np.testing.assert_array_equal(neurons, who)
        np.testing.assert_array_equal(intervals, when)
    np.testing.assert_array_equal(found[-1][0], [2])
    with pytest.raises(IndexError):
        _ = found[3]


def test_tokens_and_back():
    rng = np.random.default_rng(2)
    spikes = InBlocks(50.0 + 0.5 * rng.integers(1, 400, 300), rng.integers(0, 7, 300), 7, 200.0, 50.0)
    assert tokens(spikes, 10.0, 0.5).to_spikes() == snn.Spikes(spikes.times, spikes.ids, 7, 200.0, 50.0)
    coarse = tokens(spikes, 10.0, 2.0).to_spikes()
    assert len(coarse) == 300 and coarse.n == 7
    np.testing.assert_array_equal(binned(coarse, 2.0), binned(spikes, 2.0))


def test_windows():
    array = np.arange(20).reshape(10, 2)
    found = windows(array, 4, 3)
    assert found.shape == (3, 4, 2)
    np.testing.assert_array_equal(found, [array[0:4], array[3:7], array[6:10]])
    assert np.shares_memory(found, array)


def test_an_archive_gives_what_memory_gives(tmp_path):
    from snn.neurons import PoissonSource
    net = snn.Network("archive")
    net.add("cells", PoissonSource(rate=60.0), 5)
    result = snn.simulate(net, 500.0, dt=0.5, seed=3, progress=False)
    snn.simulate(net, 500.0, dt=0.5, seed=3, progress=False, to=str(tmp_path / "run.h5"))
    kept, memory = snn.open(str(tmp_path / "run.h5")).spikes["cells"], result.spikes["cells"]
    assert len(memory) > 50
    np.testing.assert_array_equal(binned(kept, 20.0), binned(memory, 20.0))
    np.testing.assert_array_equal(calcium(kept, 50.0, 10.0), calcium(memory, 50.0, 10.0))
    assert tokens(kept, 50.0, 10.0).to_spikes() == tokens(memory, 50.0, 10.0).to_spikes()


def test_nothing_gives_nothing():
    silent = snn.Spikes([], [], 3, 10.0)
    assert binned(silent, 4.0).shape == (3, 3) and not binned(silent, 4.0).any()
    assert not calcium(silent, 4.0, 4.0).any() and len(tokens(silent, 4.0, 2.0)) == 3
    assert binned(snn.Spikes([], [], 3, 0.0), 4.0).shape == (0, 3)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: binned("a.h5", 1.0), r"binned.spikes: is a str"),
    (lambda: binned(SPIKES, 0.0), r"binned: the width of a bin: is 0.0"),
    (lambda: binned(SPIKES, "wide"), r"the width of a bin: is 'wide'"),
    (lambda: binned(SPIKES, 1e-15), r"do not fit into memory"),
    (lambda: binned(SPIKES, 1.0, dtype="cat"), r"binned.dtype: is 'cat'"),
    (lambda: calcium(SPIKES, -1.0, 1.0), r"calcium.tau_ms: is -1.0"),
    (lambda: calcium(SPIKES, 5.0, 1.0, dtype=int), r"calcium.dtype: is int64"),
    (lambda: tokens(SPIKES, 5.0, 2.0), r"tokens.window_ms: is 5.0 ms, the resolution 2.0 ms"),
    (lambda: tokens(SPIKES, 5.0, np.nan), r"tokens.resolution_ms: is nan"),
    (lambda: windows(np.zeros((3, 2)), 4), r"windows.length: is 4, the array has shape \(3, 2\)"),
    (lambda: windows(np.zeros((3, 2)), 2, 0), r"windows.step: is 0"),
], ids=["no-spikes", "zero", "text", "memory", "dtype", "tau", "calcium-dtype", "multiple", "nan", "short", "step"])
def test_refusals(call, message):
    with pytest.raises(DataError, match=message):
        call()
