"""Requests, channels and the sink protocol; the same result from memory and from a file."""
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn.errors import DataError, RunError
from snn.export.archive import ArchiveSink
from snn.record import (
    MemorySink,
    RecordSpikes,
    RecordState,
    RecordWeights,
    Result,
    SpikeChannel,
    Trace,
    TraceChannel,
    WeightChannel,
    Weights,
)
from snn.spikes import Spikes

DT = 0.1


def channels(first=0, every=3):
    return (SpikeChannel("exc", 50, DT, first_step=first),
            TraceChannel("exc", "v", "mV", np.arange(7), DT, every, first_step=first),
            WeightChannel("e_e", np.arange(4), np.arange(4)[::-1], DT, "mV", np.float32, first))


def feed(sink, blocks, *, first=0, seed=0):
    """A made-up run whose data depend on the absolute step only; ``blocks`` are the numbers of steps of each block."""
    spike, trace, weight = channels(first)
    sink.open({"dt": DT, "seed": seed}, [spike, trace, weight])
    step, rows = first, 0
    for block in blocks:
        steps, ids = np.nonzero(np.random.default_rng(seed).random((5000, 50))[step:step + block] < 0.02)
        sink.spikes("exc", steps + step, ids.astype(np.int32))
        count = trace.rows(step, step + block)
        values = trace.times(rows, count)[:, None] + np.arange(7)
        sink.trace(trace, rows, values)
        rows, step = rows + count, step + block
        sink.weights(weight, step - 1, np.full(4, step))
        sink.commit(step)
    sink.close({"wall": 1.0})
    return sink.result()


def assert_same(a, b, *, weights=True):
    assert a.meta == b.meta
    assert dict(a.spikes) == dict(b.spikes)
    assert set(a.traces) == set(b.traces) and set(a.weights) == set(b.weights)
    tables = [(a.traces[key], b.traces[key]) for key in a.traces]
    for x, y in tables + [(a.weights[key], b.weights[key]) for key in a.weights if weights]:
        for name in (field.name for field in fields(x)):
            np.testing.assert_array_equal(getattr(x, name), getattr(y, name))
        assert x.data.dtype == y.data.dtype


@pytest.mark.parametrize("make, word", [
    (lambda: RecordSpikes(""), "name"),
    (lambda: RecordSpikes("a/b"), "name"),
    (lambda: RecordSpikes(3), "name"),
    (lambda: RecordSpikes("a", ids=[1, 1]), "distinct"),
    (lambda: RecordSpikes("a", ids=[-1]), "0 or more"),
    (lambda: RecordSpikes("a", ids=[0.5]), "whole"),
    (lambda: RecordSpikes("a", ids=slice(3)), "range"),
    (lambda: RecordState("a", ""), "variable"),
    (lambda: RecordState("a", "v", every=0), "every"),
    (lambda: RecordState("a", "v", every=1.5), "every"),
    (lambda: RecordWeights("p", every=0.0), "above 0"),
    (lambda: RecordWeights("p", every=np.nan), "above 0"),
])
def test_wrong_requests_are_one_error_of_ours(make, word):
    with pytest.raises(RunError, match=word):
        make()


def test_requests_hold_what_was_asked():
    assert RecordSpikes("a", ids=range(3)).ids.tolist() == [0, 1, 2] and RecordSpikes("a").ids is None
    assert RecordState("a", "x.exc", ids=[5, 2], every=np.int64(10)).every == 10
    assert RecordWeights("p", [3], every=50.0).synapses.tolist() == [3]
    with pytest.raises(ValueError):
        RecordSpikes("a", ids=[1]).ids[0] = 2


def test_samples_stand_at_whole_multiples_also_in_a_continued_run():
    whole = TraceChannel("a", "v", "mV", np.arange(1), DT, 3)
    cut = 1000
    first, second = whole.rows(0, cut), TraceChannel("a", "v", "mV", np.arange(1), DT, 3, first_step=cut)
    times = np.concatenate([whole.times(0, first), second.times(0, second.rows(cut, 2000))])
    assert times.tobytes() == whole.times(0, whole.rows(0, 2000)).tobytes()
    assert times.tobytes() == (np.arange(3, 2001, 3) * DT).tobytes()


def test_spikes_have_the_time_of_the_end_of_their_step():
    result = feed(MemorySink(), [10, 20], first=4000)
    s = result.spikes["exc"]
    assert (s.start, s.duration) == (4000 * DT, 30 * DT)
    steps, ids = np.nonzero(np.random.default_rng(0).random((5000, 50))[4000:4030] < 0.02)
    assert s.times.tobytes() == ((4000 + steps + 1) * DT).tobytes() and s.ids.tolist() == ids.tolist()


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 700), min_size=1, max_size=6), st.integers(0, 1000))
def test_memory_and_file_give_the_same_result(tmp_path_factory, blocks, first):
    path = tmp_path_factory.mktemp("run") / "run.h5"
    memory, file = feed(MemorySink(), blocks, first=first), feed(ArchiveSink(path), blocks, first=first)
    assert_same(memory, file)
    assert_same(memory, feed(MemorySink(), [sum(blocks)], first=first), weights=len(blocks) == 1)


@pytest.fixture(params=["memory", "file"])
def sink(request, tmp_path):
    return MemorySink() if request.param == "memory" else ArchiveSink(tmp_path / "run.h5")


def test_only_what_was_committed_counts(sink):
    spike, trace, _ = channels(every=1)
    sink.open({}, [spike, trace])
    sink.spikes("exc", [0], [1])
    sink.trace(trace, 0, np.zeros((5, 7)))
    sink.commit(5)
    sink.spikes("exc", [7], [2])
    sink.trace(trace, 5, np.zeros((5, 7)))
    sink.close()
    result = sink.result(plan="plan", state="state")
    assert result.spikes["exc"] == Spikes([DT], [1], 50, 5 * DT)
    assert len(result.traces["exc", "v"]) == 5
    assert (result.plan, result.state, result.meta) == ("plan", "state", {"complete": True})


def test_the_buffers_of_the_engine_may_be_used_again(sink):
    spike, trace, _ = channels(every=1)
    sink.open({}, [spike, trace])
    steps, ids, data = np.arange(3), np.arange(3, dtype=np.int32), np.ones((3, 7))
    sink.spikes("exc", steps, ids)
    sink.trace(trace, 0, data)
    steps[:], ids[:], data[:] = 99, 9, 9.0
    sink.commit(3)
    sink.close()
    assert sink.result().spikes["exc"].ids.tolist() == [0, 1, 2]
    assert (sink.result().traces["exc", "v"].data == 1.0).all()


def test_a_subset_of_neurons(sink):
    sink.open({}, [SpikeChannel("exc", 10, DT, ids=np.array([7, 2]))])
    sink.spikes("exc", np.arange(10), np.arange(10))
    sink.commit(10)
    sink.close()
    assert sink.result().spikes["exc"].ids.tolist() == [2, 7] and sink.result().spikes["exc"].n == 10


def test_nothing_recorded_and_nothing_asked(sink):
    sink.open({"dt": DT}, [SpikeChannel("exc", 10, DT), TraceChannel("exc", "v", "mV", np.arange(0), DT)])
    sink.trace(sink.channels["traces", "exc", "v"], 0, np.zeros((100, 0)))
    sink.commit(100)
    sink.close()
    result = sink.result()
    assert len(result.spikes["exc"]) == 0 and result.spikes["exc"].duration == 10.0
    assert result.traces["exc", "v"].data.shape == (100, 0)


def test_calls_in_the_wrong_order_and_wrong_blocks(sink):
    spike, trace, weight = channels()
    with pytest.raises(RunError, match="not open"):
        sink.commit(1)
    sink.open({}, [spike, trace, weight])
    for call, word in [(lambda: sink.open({}, []), "already"),
                       (lambda: sink.spikes("inh", [0], [0]), "nothing of inh"),
                       (lambda: sink.trace(trace, 1, np.zeros((1, 7))), "Rows from 0"),
                       (lambda: sink.trace(trace, 0, np.zeros((1, 8))), "shape"),
                       (lambda: sink.weights(weight, 0, np.zeros(3)), "shape"),
                       (lambda: (sink.commit(5), sink.commit(4)), "go back")]:
        with pytest.raises(RunError, match=word):
            call()
    sink.close()
    sink.close()
    with pytest.raises(RunError, match="closed"):
        sink.commit(9)


def test_things_asked_twice_or_beginning_apart():
    spike, trace, _ = channels()
    with pytest.raises(RunError, match="exc is asked for twice"):
        MemorySink().open({}, [spike, spike])
    with pytest.raises(RunError, match="together"):
        MemorySink().open({}, [spike, channels(first=5)[1]])


def test_meta_is_plain_and_a_copy(sink):
    meta = {"dt": np.float64(0.1), "shape": (1, 2), "array": np.arange(2)}
    sink.open(meta, [])
    meta["dt"] = 5
    sink.close({"wall": np.float32(0.5)})
    assert sink.result().meta == {"dt": 0.1, "shape": [1, 2], "array": [0, 1], "wall": 0.5, "complete": True}
    with pytest.raises(RunError, match="JSON"):
        MemorySink().open({"x": object()}, [])


def test_parts_of_tables():
    trace = Trace([0.1, 3 * 0.1, 0.5], [7, 2], [[1, 2], [3, 4], [5, 6]], "mV", "a", "v")
    assert trace.between(0.1, 0.3).data.tolist() == [[3, 4]] and len(trace.between(0, 0.5)) == 3
    assert len(trace.between(0.3, 0.4)) == 0 and len(trace.between(-np.inf, np.inf)) == 3
    assert trace.of(2).data.tolist() == [[2], [4], [6]] and trace.of([2, 7]).ids.tolist() == [2, 7]
    assert [data.tolist() for _, data in trace.blocks(48)] == [[[1, 2], [3, 4]], [[5, 6]]]
    weights = Weights("p", [0, 1], [3, 4], [0.0, 10.0], [[1, 2], [3, 4]], "mV", "elig")
    chosen = weights.of([True, False]).between(0, 10)
    assert (chosen.post.tolist(), chosen.times.tolist(), chosen.data.tolist()) == ([3], [10.0], [[3]])
    assert chosen.variable == "elig" and repr(chosen) == "Weights(p.elig, 1 samples of 1 synapses)"
    assert weights.of(slice(1, None)).pre.tolist() == [1] and weights.of(-1 + np.array([2])).post.tolist() == [4]
    for call, word in ((lambda: trace.of([3]), "neuron 3 was not recorded"), (lambda: trace.of([2, 2]), "distinct"),
                       (lambda: trace.of([0.5]), "float64"), (lambda: weights.of([2]), "0..1"),
                       (lambda: trace.between(1, 0), "must not lie after"), (lambda: trace.between(np.nan, 1), "nan")):
        with pytest.raises(DataError, match=word):
            call()


def test_blocks_of_spikes():
    spikes = Spikes([1.0, 2.0, 2.0, 3.0, 4.0], [0, 1, 2, 0, 1], 3, 5.0)
    assert [(t.tolist(), i.tolist()) for t, i in spikes.blocks(2)] == [
        ([1.0, 2.0], [0, 1]), ([2.0, 3.0], [2, 0]), ([4.0], [1])]
    assert not list(Spikes([], [], 3, 5.0).blocks())
    with pytest.raises(DataError, match="blocks.count"):
        spikes.blocks(0)


def test_windows_only(sink):
    channel = TraceChannel("a", "v", "mV", np.arange(2), DT, gated=True)
    variable = WeightChannel("p", np.arange(2), np.arange(2), DT, variable="elig")
    sink.open({}, [channel, variable, WeightChannel("p", np.arange(2), np.arange(2), DT)])
    sink.samples(channel, [0.1, 0.5], [[1, 2], [3, 4]])
    for call, word in ((lambda: sink.samples(channel, [0.5], [[1, 2]]), "do not ascend"),
                       (lambda: sink.samples(channel, [0.9, 0.7], np.ones((2, 2))), "do not ascend"),
                       (lambda: sink.samples(channel, [0.9], [[1]]), "columns"),
                       (lambda: sink.trace(channel, 0, [[1, 2]]), "were due"),
                       (lambda: sink.samples(variable, [0.9], [[1, 2]]), "gated channel")):
        with pytest.raises(RunError, match=word):
            call()
    sink.weights(variable, 4, [5, 6])
    sink.samples(channel, [0.6], [[5, 6]])
    sink.commit(10)
    sink.close()
    result = sink.result()
    assert result.traces["a", "v"].times.tolist() == [0.1, 0.5, 0.6]
    assert result.traces["a", "v"].between(0.1, 0.55).data.tolist() == [[3, 4]]
    assert result.weights["p.elig"].data.tolist() == [[5, 6]] and result.weights["p.elig"].variable == "elig"
    assert len(result.weights["p"]) == 0


def test_tables_check_their_shapes():
    assert Trace([0.1], [3], [[1]], "mV", "a", "v").data.dtype == np.float64
    assert Trace([0.1], [3], np.float32([[1]]), "mV", "a", "v").data.dtype == np.float32
    with pytest.raises(DataError, match="Trace.data"):
        Trace([0.1], [3], [[1, 2]], "mV", "a", "v")
    with pytest.raises(DataError, match="Weights.post"):
        Weights("p", [0], [1, 2], [0.1], [[1.0]])


def test_repr_is_short_and_useful():
    result = feed(MemorySink(), [300])
    assert repr(result) == (f"Result(30 ms, dt 0.1, seed 0; spikes: exc {len(result.spikes['exc'])}; "
                            "traces: exc.v 100; weights: e_e 1)")
    for meta in ({"complete": False}, {"complete": True, "interrupted": True}):
        assert "cut off" in repr(Result({}, {}, {}, meta=meta))
    assert repr(result.traces["exc", "v"]) == "Trace(exc.v, 100 samples of 7 neurons, 0.3..30 ms, mV)"
