"""SONATA files: libsonata opens them and finds the values that were written."""
import tracemalloc
import warnings
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
import pytest
from test_record import DT, feed

from snn.errors import DataError, RunError
from snn.export import sonata
from snn.record import MemorySink, Trace
from snn.spikes import Spikes


@pytest.fixture(scope="module")
def memory():
    return feed(MemorySink(), [700, 1, 900, 800])


@pytest.fixture
def libsonata():
    return pytest.importorskip("libsonata", reason="libsonata checks the SONATA files; pip install libsonata")


def test_sonata_spikes_open_in_libsonata(libsonata, memory, tmp_path):
    empty = Spikes([], [], 3, 240.0)
    path = sonata.write_spikes({**memory.spikes, "silent": empty}, tmp_path / "spikes.h5")
    reader = libsonata.SpikeReader(str(path))
    assert sorted(reader.get_population_names()) == ["exc", "silent"]
    exc = reader["exc"]
    assert exc.sorting == "by_time" and exc.time_units == "ms"
    got = exc.get_dict()
    np.testing.assert_array_equal(got["timestamps"], memory.spikes["exc"].times)
    np.testing.assert_array_equal(got["node_ids"], memory.spikes["exc"].ids)
    assert reader["silent"].get() == []
    assert sonata.read_spikes(path) == {"exc": memory.spikes["exc"], "silent": empty}


@pytest.mark.parametrize("every, count", [(1, 3), (10, 3000), (3, 10_000)])
def test_sonata_reports_open_in_libsonata(libsonata, tmp_path, every, count):
    times = np.arange(1, count + 1) * every * DT
    ids = np.array([5, 2, 9])
    data = np.random.default_rng(0).normal(-60, 5, (count, 3))
    path = sonata.write_report(Trace(times, ids, data, "mV", "exc", "v"), tmp_path / "v.h5")
    report = libsonata.SomaReportReader(str(path))["exc"]
    assert report.data_units == "mV" and report.time_units == "ms" and report.sorted
    frame = report.get()
    np.testing.assert_array_equal(frame.ids, [2, 5, 9])
    np.testing.assert_array_equal(frame.data, data[:, [1, 0, 2]].astype(np.float32))
    np.testing.assert_allclose(frame.times, times, rtol=1e-9)
    start, stop, step = report.times
    assert (start, step) == (pytest.approx(times[0]), pytest.approx(every * DT))
    assert stop == pytest.approx(times[-1] + every * DT)
    with h5py.File(path) as file:
        assert file["report/exc/data"].compression is None and file.attrs["magic"] == 0x0A7A


def test_export_writes_one_file_per_thing(memory, tmp_path):
    paths = sonata.export(memory, tmp_path / "new" / "sonata")
    assert [p.name for p in paths] == ["spikes.h5", "exc.v.h5"]
    with pytest.raises(RunError, match="exists already"):
        sonata.export(memory, tmp_path / "new" / "sonata")
    assert sonata.export(memory, tmp_path / "new" / "sonata", overwrite=True) == paths
    assert sonata.read_spikes(paths[0])["exc"] == memory.spikes["exc"]


def test_what_a_report_cannot_hold(libsonata, tmp_path):
    def trace(times, value=0.0):
        return Trace(times, [0], np.full((len(times), 1), value), "mV", "exc", "v")

    with pytest.raises(DataError, match="evenly"):
        sonata.write_report(trace([1.0, 2.0, 4.0]), tmp_path / "v.h5")
    with warnings.catch_warnings(), pytest.raises(DataError, match="float32"):
        warnings.simplefilter("error")
        sonata.write_report(trace([1.0, 2.0], 1e300), tmp_path / "v.h5")
    for name, times in (("one", [2.0]), ("none", [])):
        path = sonata.write_report(trace(times), tmp_path / f"{name}.h5")
        with h5py.File(path) as file:
            assert file["report/exc/data"].shape == (len(times), 1)
    assert libsonata.SomaReportReader(str(tmp_path / "one.h5"))["exc"].get().times == [2.0]


def test_spikes_of_other_programs(tmp_path):
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["spikes/a/timestamps"] = np.array([3.0, 1.0])
        file["spikes/a/node_ids"] = np.array([4, 2], np.uint64)
    assert sonata.read_spikes(tmp_path / "s.h5")["a"] == Spikes([1.0, 3.0], [2, 4], 5, 3.0)
    assert sonata.read_spikes(tmp_path / "s.h5", n=9, duration=50.0)["a"] == Spikes([1.0, 3.0], [2, 4], 9, 50.0)
    with h5py.File(tmp_path / "s.h5", "r+") as file:
        file["spikes/a/timestamps"].attrs["units"] = "s"
    with pytest.raises(DataError, match="'s'"):
        sonata.read_spikes(tmp_path / "s.h5")
    with pytest.raises(DataError, match="s.h5"):
        sonata.read_spikes(tmp_path / "s.h5", n=2)


def test_reports_come_back(tmp_path):
    data = np.random.default_rng(1).normal(-60, 5, (50, 3)).astype(np.float32)
    trace = Trace(0.5 + np.arange(50) * 0.2, [4, 7, 9], data, "mV", "exc", "v")
    got = sonata.read_report(sonata.write_report(trace, tmp_path / "exc.v.h5"))
    assert (got.population, got.variable, got.unit, got.ids.tolist()) == ("exc", "v", "mV", [4, 7, 9])
    np.testing.assert_array_equal(got.data, data)
    np.testing.assert_allclose(got.times, trace.times, rtol=1e-12)


def write_elements(path, pointers=(0, 2, 3, 3)):
    """A report with two elements of neuron 5, one of neuron 2, none of neuron 8."""
    with h5py.File(path, "w") as file:
        group = file.create_group("report/exc")
        group["data"] = np.arange(12, dtype=np.float32).reshape(4, 3)
        group["mapping/node_ids"] = np.array([5, 2, 8], np.uint64)
        group["mapping/index_pointers"] = np.array(pointers, np.uint64)
        group["mapping/element_ids"] = np.array([0, 1, 0], np.uint32)
        group["mapping/time"] = [10.0, 12.0, 0.5]


def test_reports_with_elements(tmp_path):
    write_elements(tmp_path / "soma.h5")
    with pytest.raises(DataError, match="neuron 5 has 2 elements.*element=0"):
        sonata.read_report(tmp_path / "soma.h5")
    first = sonata.read_report(tmp_path / "soma.h5", element=0, variable="Ca")
    assert first.ids.tolist() == [5, 2] and first.data.tolist() == [[0, 2], [3, 5], [6, 8], [9, 11]]
    assert first.times.tolist() == [10.0, 10.5, 11.0, 11.5] and first.variable == "Ca" and first.unit == ""
    assert sonata.read_report(tmp_path / "soma.h5", element=1).ids.tolist() == [5]
    # The text of the specification has no entry for the end.
    write_elements(tmp_path / "old.h5", pointers=(0, 2, 3))
    assert sonata.read_report(tmp_path / "old.h5", element=1).data.tolist() == [[1], [4], [7], [10]]
    with pytest.raises(DataError, match="populations"):
        sonata.read_report(tmp_path / "soma.h5", "inh")


@pytest.mark.parametrize("pointers", [(0, 2), (0, 3, 1, 3), (0, 2, 3, 9)])
def test_reports_that_are_damaged(tmp_path, pointers):
    write_elements(tmp_path / "soma.h5", pointers)
    with pytest.raises(DataError, match="index_pointers"):
        sonata.read_report(tmp_path / "soma.h5", element=0)


@dataclass
class Stored:
    """What a stored trace gives without being loaded; ``data`` and ``ids`` of spikes are not there."""

    rows: int
    times: Any
    ids: Any
    unit: str = "mV"
    population: str = "exc"
    variable: str = "v"

    def __len__(self):
        return self.rows

    def blocks(self):
        return ((self.times[a:a + 1000], np.full((1000, len(self.ids)), a)) for a in range(0, self.rows, 1000))


@dataclass
class StoredSpikes:
    count: int
    n: int = 10
    start: float = 0.0
    duration: float = 100.0

    def __len__(self):
        return self.count

    def blocks(self):
        return ((np.full(10_000, k / self.count), np.zeros(10_000, np.int64)) for k in range(0, self.count, 10_000))


def test_large_results_pass_in_pieces(tmp_path):
    """24 MB of samples and 32 MB of spikes with a few MB of memory, independently of the length."""
    trace = Stored(60_000, (1 + np.arange(60_000)) * 0.1, np.arange(100))
    tracemalloc.start()
    path = sonata.write_report(trace, tmp_path / "v.h5")
    sonata.write_spikes({"exc": StoredSpikes(2_000_000)}, tmp_path / "s.h5")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20 and path.stat().st_size > 24_000_000
    with h5py.File(path) as file:
        assert file["report/exc/data"][[0, 54_321, 59_999], 3].tolist() == [0.0, 54_000.0, 59_000.0]
    assert len(sonata.read_spikes(tmp_path / "s.h5")["exc"]) == 2_000_000
