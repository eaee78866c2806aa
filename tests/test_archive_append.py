"""Going on with a run in its own file: the same result as in one go, after a clean end and after a kill."""
import threading
import time

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn.errors import RunError
from snn.export import archive, reopen
from snn.record import MemorySink, SpikeChannel, TraceChannel, WeightChannel

DT, N = 0.1, 50


def channels(first=0, **changed):
    """Spikes, an even trace, a trace in windows, weights; ``changed``: other fields of the even trace."""
    even = {"unit": "mV", "ids": np.arange(7), "dt": DT, "every_steps": 3, "first_step": first} | changed
    return (SpikeChannel("exc", N, DT, first_step=first), TraceChannel("exc", "v", **even),
            TraceChannel("exc", "w", "pA", np.arange(2), DT, 1, np.float32, first, gated=True),
            WeightChannel("e_e", np.arange(4), np.arange(4)[::-1], DT, "mV", np.float32, first, "trace"))


def feed(sink, blocks, *, first=0, meta=(), close=True):
    """A run whose data depend on the absolute step alone; ``blocks`` are the numbers of steps of each block."""
    spike, even, gated, weight = channels(first)
    sink.open({"dt": DT, "start": first * DT, "duration": round(sum(blocks) * DT, 9), **dict(meta)},
              [spike, even, gated, weight])
    step, rows = first, 0
    for block in blocks:
        steps = np.arange(step, step + block)
        steps = steps[steps * 7 % 5 < 2].repeat(3)
        sink.spikes("exc", steps, steps * 11 % 17 + np.tile([0, 16, 33], len(steps) // 3))
        times = even.times(rows, even.rows(step, step + block))
        sink.trace(even, rows, np.sin(times)[:, None] + np.arange(7))
        for at in [step - 1, *range(step, step + block)]:
            if (at + 1) % 100 == 0 and (at >= step or step == first):
                sink.weights(weight, at, np.full(4, at))
                sink.samples(gated, [(at + 1) * DT], np.full((1, 2), at))
        rows, step = rows + len(times), step + block
        sink.commit(step)
    if close:
        sink.close({"wall_s": {"run": 1.0}})
    return step


def loaded(result):
    """Everything in a Result as bytes, and its meta without the time it took."""
    parts = [*result.spikes.values(), *result.traces.values(), *result.weights.values()]
    return ([[np.asarray(getattr(p, name)).tobytes() for name in ("times", "ids", "data", "pre", "post")
              if hasattr(p, name)] for p in parts], [(s.n, s.start, s.duration) for s in result.spikes.values()],
            {key: value for key, value in result.meta.items() if key != "wall_s"})


def in_one(total, first=0):
    sink = MemorySink()
    feed(sink, [total], first=first)
    return loaded(sink.result())


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(st.lists(st.integers(0, 9000), min_size=1, max_size=3), st.integers(0, 12000), st.booleans()),
                min_size=1, max_size=3), st.integers(0, 500))
def test_pieces_give_what_one_run_gives(tmp_path_factory, pieces, first):
    path, reached = tmp_path_factory.mktemp("run") / "run.h5", first
    for k, (blocks, back, closed) in enumerate(pieces):
        begin = max(reached - back, first) if k else first
        sink = archive.ArchiveSink(path, append=k > 0)
        reached = feed(sink, blocks, first=begin, close=closed)
        if not closed:
            # What a kill leaves: the file as it is, without a close.
            image = path.read_bytes()
            sink._output.close(broken=True)
            path.write_bytes(image)
    whole, found = in_one(reached - first, first), archive.open(path)
    assert loaded(found)[:2] == whole[:2]
    expected = whole[2] | {"complete": pieces[-1][2]}
    if pieces[-1][2] or len(pieces) > 1:
        assert loaded(found)[2] == expected
    if pieces[-1][2]:
        with h5py.File(path, "r") as file:
            assert file["spikes/exc/times"][:].tobytes() == found.spikes["exc"].times.tobytes()
            assert file["traces/exc/v/data"][:].tobytes() == found.traces["exc", "v"].data.tobytes()
            assert len(file["weights/e_e.trace/data"]) == len(found.weights["e_e.trace"])


def test_the_wall_time_is_that_of_all_pieces(tmp_path):
    path = tmp_path / "run.h5"
    feed(archive.ArchiveSink(path, append=True), [10])
    feed(archive.ArchiveSink(path, append=True), [10], first=10)
    meta = archive.open(path).meta
    assert meta["wall_s"] == {"run": 2.0} and meta["duration"] == 2.0 and meta["complete"] is True


def refusals(path):
    """(what is tried, words of the error)"""
    spike, even, gated, weight = channels(3000)
    yield [spike, even, gated], {}, "holds spikes exc.*Record the same"
    yield [spike, TraceChannel("exc", "v", "mV", np.arange(6), DT, 3, first_step=3000), gated, weight], {}, "ids others"
    for name, value in (("dt", 0.2), ("unit", "V"), ("dtype", np.float32), ("every_steps", 2), ("gated", True)):
        yield [spike, channels(3000, **{name: value})[1], gated, weight], {}, f"exc.v with {name}"
    yield [SpikeChannel("exc", 51, DT, first_step=3000), even, gated, weight], {}, "n 50 and not 51"
    yield channels(3000), {"dt": 0.2}, "another run: dt is 0.1, now 0.2"
    yield channels(3000), {"network": {"name": "b"}}, "another run: network.name is 'a', now 'b'"
    yield channels(3001), {}, "holds steps 0 to 3000, the run begins at step 3001"


def test_what_is_no_continuation_is_refused_and_leaves_the_file_alone(tmp_path):
    path = tmp_path / "run.h5"
    feed(archive.ArchiveSink(path), [3000], meta={"network": {"name": "a"}})
    before = path.read_bytes()
    for asked, meta, words in refusals(path):
        with pytest.raises(RunError, match=words):
            archive.ArchiveSink(path, append=True).open({"dt": DT, "network": {"name": "a"}, **meta}, asked)
        assert path.read_bytes() == before
    with pytest.raises(RunError, match="exclude each other"):
        archive.ArchiveSink(path, append=True, overwrite=True)


def test_two_writers_of_one_file(tmp_path):
    path = tmp_path / "run.h5"
    sink = archive.ArchiveSink(path)
    feed(sink, [100], close=False)
    if not hasattr(reopen.fcntl, "F_OFD_SETLK"):
        pytest.skip("this system has no locks of open files")
    with pytest.raises(RunError, match="being written by another run"):
        archive.ArchiveSink(path, append=True).open({}, channels(100))
    sink.close()
    feed(archive.ArchiveSink(path, append=True), [100], first=100)
    assert loaded(archive.open(path))[0] == in_one(200)[0]


def test_a_view_notices_that_the_file_was_cut_back(tmp_path):
    path = tmp_path / "run.h5"
    feed(archive.ArchiveSink(path), [3000])
    early, late = archive.open(path), archive.open(path)
    feed(archive.ArchiveSink(path, append=True), [3000], first=3000)
    now = archive.open(path).traces["exc", "v"]
    assert early.traces["exc", "v"].data.tobytes() == now.between(0, 300).data.tobytes() and len(now) == 2000
    feed(archive.ArchiveSink(path, append=True), [10], first=2000)
    with pytest.raises(Exception, match="cut back"):
        _ = late.spikes["exc"].times


def test_the_checksum_is_that_of_the_library(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w", libver="latest") as file:
        file["x"] = [1]
    raw = (tmp_path / "a.h5").read_bytes()[:reopen.SIZE]
    assert reopen.lookup3(raw[:-4]) == int.from_bytes(raw[-4:], "little")


def test_a_reader_that_holds_the_file_for_a_moment_is_waited_for(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    feed(archive.ArchiveSink(tmp_path / "run.h5"), [100])
    with open(tmp_path / "run.h5", "rb") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        threading.Timer(0.3, lambda: fcntl.flock(held, fcntl.LOCK_UN)).start()
        start = time.monotonic()
        feed(archive.ArchiveSink(tmp_path / "run.h5", append=True), [100], first=100)
        assert time.monotonic() - start > 0.2
        fcntl.flock(held, fcntl.LOCK_SH)
        monkeypatch.setattr("snn.export.reopen.PATIENCE", 0.1)
        with pytest.raises(RunError, match="held by another program"):
            feed(archive.ArchiveSink(tmp_path / "run.h5", append=True), [100], first=200)
