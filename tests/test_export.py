"""Archive: what is written comes back; kills, full disks, damaged and foreign files end well."""
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from test_record import DT, assert_same, channels, feed

import snn.export.chunks as chunks
import snn.export.columns as columns
from snn.errors import DataError, MissingFile, OutputError, RunError
from snn.export import archive, sonata, storage
from snn.record import MemorySink, Result
from snn.spikes import Spikes

ROOT = Path(__file__).parents[1]


def run_script(text, *args):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    return subprocess.run([sys.executable, "-c", text, *map(str, args)], capture_output=True, text=True, timeout=120,
                          cwd=ROOT, env=env)


@pytest.fixture(scope="module")
def memory():
    return feed(MemorySink(), [700, 1, 900, 800])


@pytest.fixture
def run_file(tmp_path):
    feed(archive.ArchiveSink(tmp_path / "run.h5"), [700, 1, 900, 800])
    return tmp_path / "run.h5"


def everything(result):
    parts = [*result.spikes.values(), *result.traces.values(), *result.weights.values()]
    return [result.meta, *(getattr(part, name) for part in parts for name in ("times", "ids", "data", "pre", "post")
                           if hasattr(part, name))]


def test_write_and_open_again(memory, tmp_path):
    archive.write(memory, tmp_path / "a.h5")
    assert_same(memory, archive.open(tmp_path / "a.h5"))
    archive.write(archive.open(tmp_path / "a.h5"), tmp_path / "b.h5")
    assert_same(memory, archive.open(tmp_path / "b.h5"))


def test_any_hdf5_reader_finds_whole_tables_after_a_clean_end(run_file, memory):
    with h5py.File(run_file, "r") as file:
        np.testing.assert_array_equal(file["spikes/exc/times"], memory.spikes["exc"].times)
        np.testing.assert_array_equal(file["traces/exc/v/data"], memory.traces["exc", "v"].data)
        assert file["traces/exc/v/data"].chunks == (4088, 1) and file["traces/exc/v/data"].compression == "gzip"
        assert file.attrs["format"] == archive.FORMAT and file["spikes/exc"].attrs["n"] == 50


def test_values_are_read_when_they_are_looked_at(run_file):
    result = archive.open(run_file)
    assert "exc.v 800" in repr(result)
    run_file.unlink()
    trace = result.traces["exc", "v"]
    assert len(trace) == 800 and trace.unit == "mV"
    with pytest.raises(MissingFile):
        _ = trace.data


def test_a_replaced_file_is_noticed(run_file, tmp_path):
    result = archive.open(run_file)
    feed(archive.ArchiveSink(run_file, overwrite=True), [10])
    with pytest.raises(DataError, match="replaced"):
        _ = result.spikes["exc"].times


def test_write_refuses_what_is_no_run(tmp_path):
    s = Spikes([1.0], [0], 1, 5.0)
    for result in (Result({"a": s}, {}, {}), Result({"a": s, "b": s.shift(1.0)}, {}, {}, meta={"dt": 0.5}),
                   Result({"a": Spikes([], [], 1, 5.25)}, {}, {}, meta={"dt": 0.5})):
        with pytest.raises(DataError, match="archive.write"):
            archive.write(result, tmp_path / "a.h5")
    assert not list(tmp_path.iterdir())


def test_an_existing_file_is_refused_before_anything_runs(run_file, tmp_path):
    before = run_file.read_bytes()
    with pytest.raises(RunError, match="exists already"):
        archive.ArchiveSink(run_file)
    archive.ArchiveSink(run_file, overwrite=True)
    assert run_file.read_bytes() == before
    with pytest.raises(RunError, match="folder"):
        archive.ArchiveSink(tmp_path)
    with pytest.raises(RunError, match="folder"):
        archive.ArchiveSink(tmp_path / "nowhere" / "run.h5")


def test_wide_tables_have_bounded_tails():
    for width in (1, 64, 1000, 4000, 100_000, 3_000_000):
        rows, wide = chunks.chunk_shape(width, 8)
        assert rows * width * 8 <= max(chunks.BLOCK_BYTES, width * 8) and wide <= width
        assert rows * wide * 8 <= chunks.CHUNK_BYTES < 2 * rows * wide * 8 or wide == width
    assert chunks.chunk_shape(64, 8) == (4088, 1) and chunks.chunk_shape(100_000, 8) == (41, 99)


KILLED = """
import os, random, signal, sys, time
from test_record import channels
import numpy as np
from snn.export.archive import ArchiveSink

def write(path, pipe):
    spike, trace, weight = channels(every=1)
    sink = ArchiveSink(path)
    sink.open({"dt": 0.1}, [spike, trace, weight])
    step, rng = 0, np.random.default_rng(0)
    while True:
        block = int(rng.integers(1, 400))
        steps = np.arange(step, step + block)
        sink.spikes("exc", np.repeat(steps, 10), np.tile(np.arange(10), block))
        sink.trace(trace, step, steps[:, None] + np.arange(7))
        step += block
        sink.weights(weight, step - 1, np.full(4, step))
        sink.commit(step)
        os.write(pipe, b"%d\\n" % step)

random.seed(1)
for i in range(int(sys.argv[2])):
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        write(f"{sys.argv[1]}/{i}.h5", into)
    os.close(into)
    done = os.read(out, 100)
    time.sleep(random.uniform(0, 0.2))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    rest = b""
    while piece := os.read(out, 65536):
        rest += piece
    os.close(out)
    print((done + rest).split()[-1].decode())
"""


def test_a_killed_run_is_readable_up_to_the_last_block(tmp_path):
    kills = 12
    done = run_script(KILLED, tmp_path, kills)
    assert done.returncode == 0, done.stderr
    lengths = [int(line) for line in done.stdout.split()]
    for i, told in enumerate(lengths):
        result = archive.open(tmp_path / f"{i}.h5")
        s, v, w = result.spikes["exc"], result.traces["exc", "v"], result.weights["e_e"]
        stop = round(s.duration / DT)
        # The process may have died after a commit and before it could tell of it.
        assert told <= stop <= told + 400 and result.meta["complete"] is False
        np.testing.assert_array_equal(s.times, np.repeat(np.arange(1, stop + 1) * DT, 10))
        np.testing.assert_array_equal(v.data, np.arange(stop)[:, None] + np.arange(7))
        assert w.data[-1].tolist() == [stop] * 4 and w.times[-1] == stop * DT
    assert len(set(lengths)) > kills // 2


def test_a_run_under_way_can_be_read_by_another_process(tmp_path):
    spike, _, _ = channels()
    sink = archive.ArchiveSink(tmp_path / "run.h5")
    sink.open({"dt": DT}, [spike])
    with pytest.raises(RunError, match="close"):
        sink.result()
    for step in (10, 20):
        sink.spikes("exc", [step - 1], [3])
        sink.commit(step)
        done = run_script("import sys; from snn.export import archive; r = archive.open(sys.argv[1]); "
                          "print(r.spikes['exc'].duration, len(r.spikes['exc']), r.meta['complete'])", sink.path)
        assert done.stdout.split() == [str(step * DT), str(step // 10), "False"], done.stderr
    sink.close()


FULL = """
import resource, sys
from test_record import channels, feed
import numpy as np
from snn.errors import OutputError
from snn.export import archive, storage

if sys.argv[2] == "unforeseen":
    storage.Output.room = lambda self, nbytes: None
soft = 4_000_000
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
sink, last = archive.ArchiveSink(sys.argv[1]), [0]
commit = sink.commit
sink.commit = lambda step: (commit(step), last.__setitem__(0, step))
sink_trace = sink.trace
rng = np.random.default_rng(0)
sink.trace = lambda channel, row, data: sink_trace(channel, row, rng.random(data.shape))
try:
    feed(sink, [400] * 1000)
except OutputError as err:
    print(last[0], sink.closed, str(err).replace(sys.argv[1], ""))
sink.close()
assert len(sink.result().traces["exc", "v"]) == last[0] // 3
"""


@pytest.mark.parametrize("case, word", [("foreseen", "no room"), ("unforeseen", "File too large")])
def test_a_full_disk_keeps_what_was_committed(tmp_path, case, word):
    pytest.importorskip("resource", reason="file size limits stand in for a full disk; this system has none")
    done = run_script(FULL, tmp_path / "run.h5", case)
    assert done.returncode == 0, done.stderr
    step, closed, text = done.stdout.split(maxsplit=2)
    assert closed == "True" and text.startswith("output: ") and word in text
    result = archive.open(tmp_path / "run.h5")
    assert result.spikes["exc"].duration == int(step) * DT > 1000 and not result.meta["complete"]


def test_a_failing_write_closes_the_file(tmp_path, monkeypatch):
    spike, trace, weight = channels(every=1)
    sink = archive.ArchiveSink(tmp_path / "run.h5")
    sink.open({"dt": DT}, [spike, trace, weight])
    sink.spikes("exc", [1], [1])
    sink.commit(5)

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(columns, "_put", fail)
    sink.spikes("exc", [6], [1])
    with pytest.raises(OutputError, match="No space left"):
        sink.commit(10)
    sink.close()
    assert sink.result().spikes["exc"] == Spikes([2 * DT], [1], 50, 5 * DT)
    opened = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
              if os.path.exists(f"/proc/self/fd/{fd}")] if os.path.isdir("/proc/self/fd") else []
    assert not [name for name in opened if name.endswith("run.h5")]


def test_a_run_that_cannot_begin_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(OutputError, match="no room"):
        feed(archive.ArchiveSink(tmp_path / "run.h5"), [10])
    with pytest.raises(OutputError, match="no room"):
        sonata.write_spikes({"a": Spikes([], [], 1, 1.0)}, tmp_path / "s.h5")
    assert not list(tmp_path.iterdir())


def test_missing_foreign_and_newer_files(tmp_path, run_file):
    with pytest.raises(MissingFile):
        archive.open(tmp_path / "no.h5")
    (tmp_path / "text.h5").write_text("not an archive")
    with pytest.raises(DataError, match="text.h5' is not an HDF5 file"):
        archive.open(tmp_path / "text.h5")
    with pytest.raises(DataError, match="is a folder"):
        archive.open(tmp_path)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["data"] = [1, 2]
    with pytest.raises(DataError, match="other.h5' is an HDF5 file, but no archive"):
        archive.open(tmp_path / "other.h5")
    with h5py.File(run_file, "r+") as file:
        file.attrs["version"] = archive.VERSION + 1
    with pytest.raises(DataError, match="newer version"):
        archive.open(run_file)


def test_truncated_files(run_file):
    whole = run_file.read_bytes()
    for length in np.linspace(0, len(whole) - 1, 25).astype(int):
        run_file.write_bytes(whole[:length])
        with pytest.raises(DataError, match="run.h5"):
            everything(archive.open(run_file))


def test_flipped_bytes_give_the_same_result_or_one_error(run_file, memory):
    whole, rng, found = bytearray(run_file.read_bytes()), np.random.default_rng(0), 0
    for place in rng.integers(0, len(whole), 80):
        damaged = whole.copy()
        damaged[place] ^= 1 << rng.integers(8)
        run_file.write_bytes(damaged)
        try:
            result = archive.open(run_file)
            everything(result)
        except DataError as err:
            assert str(run_file) in str(err)
            found += 1
        else:
            assert_same(memory, result)
    assert found > 5
