"""Views of an archive: every part is that of the recording in memory, and only what is asked for is read."""
import pickle
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from test_archive_append import DT, N, feed

from benchmarks.recording import kills
from snn.errors import DataError
from snn.export import archive, chunks
from snn.record import MemorySink, TraceChannel
from snn.result import Result
from snn.spikes import Spikes
from snn.traces import Trace, Weights

STEPS = 20_000
FIXTURES = Path(__file__).parent / "fixtures" / "archive"
BLOCKS = [700, 1, 9000, 10_299]


@pytest.fixture(scope="module")
def memory():
    sink = MemorySink()
    feed(sink, BLOCKS)
    return sink.result()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The same run in a closed file, and in one whose writer was killed."""
    folder = tmp_path_factory.mktemp("archives")
    feed(archive.ArchiveSink(folder / "closed.h5"), BLOCKS)
    sink = archive.ArchiveSink(folder / "killed.h5")
    feed(sink, BLOCKS, close=False)
    image = (folder / "killed.h5").read_bytes()
    sink.close()
    (folder / "killed.h5").write_bytes(image)
    return folder


@pytest.fixture(params=["closed", "killed"])
def stored(request, files):
    return archive.open(files / f"{request.param}.h5")


@pytest.fixture
def fetched(monkeypatch):
    """Where the chunks stand that were read, and of which table."""
    seen, fetch = [], chunks._Chunks.fetch
    monkeypatch.setattr(chunks._Chunks, "fetch", lambda self, corner: (seen.append((self.data.name, corner)),
                                                                       fetch(self, corner))[1])
    return seen


def same(view, other):
    assert isinstance(view, type(other)) and len(view) == len(other)
    for name in ("times", "ids", "data", "pre", "post"):
        if hasattr(other, name):
            a, b = getattr(view, name), getattr(other, name)
            assert a.dtype == b.dtype and a.tobytes() == b.tobytes() and a.shape == b.shape
    for name in ("n", "start", "duration", "unit", "population", "projection", "variable"):
        assert getattr(view, name, None) == getattr(other, name, None)
    assert repr(view) == repr(other)


WINDOWS = [(0.0, 2000.0), (0.0, 0.0), (70.0, 70.1), (100.0, 970.0), (3 * DT, 0.6), (999.95, 2000.0), (2000.0, 2000.0)]


def test_windows_of_time(stored, memory):
    for window in WINDOWS:
        for view, other in [(stored.spikes["exc"], memory.spikes["exc"]),
                            *((stored.traces[key], memory.traces[key]) for key in memory.traces),
                            (stored.weights["e_e.trace"], memory.weights["e_e.trace"])]:
            same(view.between(*window), other.between(*window))
    same(stored.traces["exc", "v"].between(-np.inf, np.inf), memory.traces["exc", "v"])
    twice = stored.traces["exc", "v"].between(50, 1500).between(60.0, 70.0)
    same(twice, memory.traces["exc", "v"].between(60.0, 70.0))
    with pytest.raises(DataError, match="not inside"):
        stored.spikes["exc"].between(0, 2001.0)
    for name in ("v", "w"):
        with pytest.raises(DataError, match="must not lie after"):
            stored.traces["exc", name].between(2, 1)


def test_neurons_and_synapses(stored, memory):
    for ids in ([3], [6, 0, 2], []):
        same(stored.traces["exc", "v"].of(ids), memory.traces["exc", "v"].of(ids))
        some = [i % 4 for i in ids[:2]]
        same(stored.weights["e_e.trace"].of(some), memory.weights["e_e.trace"].of(some))
        same(stored.spikes["exc"].of(ids), memory.spikes["exc"].of(ids))
    same(stored.spikes["exc"].of([16, 5], renumber=True), memory.spikes["exc"].of([16, 5], renumber=True))
    same(stored.traces["exc", "v"].of([6, 1]).of(1).between(10, 900), memory.traces["exc", "v"].of(1).between(10, 900))
    same(stored.weights["e_e.trace"].of(slice(1, 3)), memory.weights["e_e.trace"].of(slice(1, 3)))
    with pytest.raises(DataError, match="neuron 7 was not recorded"):
        stored.traces["exc", "v"].of([7])
    assert stored.spikes["exc"].count().tolist() == memory.spikes["exc"].count().tolist()
    assert stored.spikes["exc"].train(16).tobytes() == memory.spikes["exc"].train(16).tobytes()


def test_blocks_give_everything_in_order(stored, memory):
    for size in (40, 3333, 1 << 20):
        if size > 40:
            times, ids = (np.concatenate(part) for part in zip(*stored.spikes["exc"].blocks(size), strict=True))
            assert times.tobytes() == memory.spikes["exc"].times.tobytes()
            assert ids.tolist() == memory.spikes["exc"].ids.tolist() and ids.dtype == np.int64
        for view, other in ((stored.traces["exc", "v"].of([4, 2]), memory.traces["exc", "v"].of([4, 2])),
                            (stored.weights["e_e.trace"], memory.weights["e_e.trace"])):
            view, other = view.between(1996, 2000), other.between(1996, 2000)
            assert [tuple(map(np.ndarray.tobytes, block)) for block in view.blocks(size)] == [
                tuple(map(np.ndarray.tobytes, block)) for block in other.blocks(size)]
    assert not list(stored.spikes["exc"].between(0, 0).blocks())


def test_only_what_is_asked_for_is_read(files, fetched):
    result = archive.open(files / "closed.h5")
    trace = result.traces["exc", "v"].of([5])
    assert len(trace) == STEPS // 3 and len(result.spikes["exc"]) == 24_000 and not fetched
    assert trace.between(1300, 1400).data.shape == (333, 1)
    # Row 4333 stands in the second chunk of column 5; times of an even grid are not read.
    assert fetched == [("/traces/exc/v/data", (4088, 5))]
    fetched.clear()
    assert len(result.spikes["exc"].between(10, 20)) and {name for name, _ in fetched} == {"/spikes/exc/times"}


WRITER = """
import random, sys
from benchmarks.recording.kills import write
write(sys.argv[1], random.Random(0), False, lambda *words: None)
"""


def test_a_file_is_read_while_it_is_written(tmp_path):
    """Rows move from the tail to the table while a reader looks for them."""
    path, root = tmp_path / "run.h5", Path(__file__).parents[1]
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], cwd=root)
    try:
        lengths, until = [], time.monotonic() + 20
        while len(lengths) < 12 and time.monotonic() < until and writer.poll() is None:
            if path.exists():
                result = archive.open(path)
                stop = round(result.spikes["exc"].end / DT)
                begin = max(stop - 3000, 0)
                lengths.append(stop)
                (steps, ids), (times, data), _, _ = kills.expected(np.arange(begin, stop))
                spikes, trace = (part.between(begin * DT, stop * DT)
                                 for part in (result.spikes["exc"], result.traces["exc", "v"]))
                assert trace.times.tobytes() == times.tobytes() and trace.data.tobytes() == data.tobytes()
                assert spikes.times.tobytes() == ((steps + 1) * DT).tobytes() and spikes.ids.tolist() == ids.tolist()
    finally:
        writer.kill()
        writer.wait()
    assert len(lengths) == 12 and lengths[-1] > lengths[0]


def test_copies(stored, memory):
    view = stored.traces["exc", "v"].of([1])
    same(pickle.loads(pickle.dumps(view)), view)
    changed = replace(view, unit="V")
    assert type(changed) is Trace and changed.unit == "V" and changed.data.tobytes() == view.data.tobytes()
    assert stored.spikes["exc"] == memory.spikes["exc"] and type(replace(stored.spikes["exc"])) is Spikes
    assert type(replace(stored.weights["e_e.trace"])) is Weights


def test_whatever_is_written_comes_back(tmp_path):
    """Constants, noise, not a number, wide tables, times off the grid; packed or not."""
    draw = np.random.default_rng(0)
    for width, dtype in ((1, np.float64), (3, np.float32), (1200, np.float64)):
        table = draw.normal(size=(9000 if width < 9 else 300, width)).astype(dtype)
        table[100:200], table[5, 0] = 7.0, np.nan
        times = np.cumsum(draw.integers(1, 9, len(table))) * 0.5
        table[len(table) // 2:] = 0.0
        made = Result({}, {("a", "v"): Trace(times, np.arange(width), table, "mV", "a", "v")}, {}, meta={"dt": 0.5})
        archive.write(made, tmp_path / "a.h5", overwrite=True)
        found = archive.open(tmp_path / "a.h5").traces["a", "v"]
        assert found.data.tobytes() == table.tobytes() and found.times.tobytes() == times.tobytes()
        assert found.between(50, 70).of([0]).data.tobytes() == table[(times > 50) & (times <= 70), :1].tobytes()
        with h5py.File(tmp_path / "a.h5") as file:
            assert file["traces/a/v/data"][:].tobytes() == table.tobytes()


def test_noise_is_stored_and_silence_is_packed(tmp_path):
    channel = TraceChannel("a", "v", "mV", np.arange(1), DT)
    noise = np.random.default_rng(0).normal(size=(81_760, 1))
    for name, values in (("noise", noise), ("silence", np.zeros_like(noise))):
        sink = archive.ArchiveSink(tmp_path / name)
        sink.open({}, [channel])
        sink.trace(channel, 0, values)
        sink.commit(81_760)
        sink.close()
        with h5py.File(tmp_path / name) as file:
            data = file["traces/a/v/data"]
            masks = [data.id.read_direct_chunk((4088 * k, 0))[0] for k in range(20)]
            stored_bytes = data.id.get_storage_size()
        assert masks == [1 if name == "noise" else 0] * 20
        assert stored_bytes < 1.01 * values.nbytes if name == "noise" else stored_bytes < 0.01 * values.nbytes


@pytest.mark.parametrize("end", ["end", "killed"])
def test_files_of_version_1(end):
    """Written by the code of version 1; it is known what: see the loops."""
    result = archive.open(FIXTURES / f"version_1_{end}.h5")
    assert result.meta == {"dt": DT, "seed": 1, "duration": 800.0, "start": 100.0, "complete": end == "end",
                           **({"wall": 1.0} if end == "end" else {})}
    steps = np.arange(1000, 9000)
    spikes = result.spikes["exc"]
    assert (spikes.n, spikes.start, len(spikes)) == (50, 100.0, 32_000)
    assert spikes.times.tobytes() == ((steps.repeat(4) + 1) * DT).tobytes()
    assert set(spikes.ids[4 * 50:4 * 50 + 4]) == {(1050 * 7 + 3 * k) % 50 for k in range(4)}
    assert set(result.spikes["inh"].ids) == {3, 8}
    trace = result.traces["exc", "v"]
    assert trace.data.dtype == np.float32 and trace.ids.tolist() == [4, 2, 40] and len(trace) == 1600
    np.testing.assert_array_equal(trace.data, (trace.times[:, None] + trace.ids).astype(np.float32))
    assert trace.of([40]).between(600, 601).data.ravel().tolist() == [640.5, 641.0]
    assert result.weights["e_e"].data[:, 3].tolist() == [1703, 6003, 6004, 9003]
    assert len(spikes.between(500, 600)) == 4000 and N == 50


def test_version_1_is_not_gone_on_with(tmp_path):
    path = tmp_path / "run.h5"
    path.write_bytes((FIXTURES / "version_1_end.h5").read_bytes())
    with pytest.raises(Exception, match=r"layout version 1, only 2 is gone on with\. Copy it"):
        archive.ArchiveSink(path, append=True).open({}, [])
    archive.write(archive.open(path), tmp_path / "copy.h5")
    assert archive.open(tmp_path / "copy.h5").spikes["exc"] == archive.open(path).spikes["exc"]


def test_a_file_that_declares_more_than_it_holds(tmp_path, files):
    path = tmp_path / "big.h5"
    path.write_bytes((files / "closed.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        for name in ("times", "data"):
            data = file["traces/exc/v"][name]
            data.resize(1 << 40, axis=0)
        row = file["commits"][:].max(axis=0)[:-1].tolist()
        numbers = archive.read_contents(file, path).columns("traces/exc/v")
        for i in numbers:
            row[3 + 4 * i:5 + 4 * i] = [1 << 40, 1 << 40]
        row[0] += 1
        from snn.export.columns import _checksum
        file["commits"][0] = [*row, _checksum(row)]
    trace = archive.open(path).traces["exc", "v"]
    assert len(trace) == 1 << 40
    with pytest.raises(DataError, match=r"declares \d+ bytes.*between, of, blocks"):
        _ = trace.data
    with pytest.raises(DataError, match="damaged or missing chunk"):
        _ = trace.between(1e6, 1e6 + 100).data
