"""NWB: pynwb validates and opens what we write, Neo reads it, and we read what pynwb and Neo write."""
import json
import tracemalloc
from datetime import datetime

import numpy as np
import pytest
from analysis_results import DT, Stream, assert_same, made_result
from hypothesis import given, settings
from hypothesis import strategies as st

from snn.errors import DataError, RunError
from snn.export import archive, nwb, nwb_spikes
from snn.result import Result
from snn.spikes import Spikes
from snn.traces import Trace

WHEN = "2024-05-01T12:00:00+02:00"
FIXED = {"session_start": WHEN, "identifier": "one"}


@pytest.fixture(scope="module")
def result():
    return made_result()


@pytest.fixture(scope="module")
def ours(result, tmp_path_factory):
    """A file of ours; tests only read it."""
    return nwb.write(result, tmp_path_factory.mktemp("nwb") / "run.nwb", **FIXED)


@pytest.fixture(scope="module")
def pynwb():
    return pytest.importorskip("pynwb", reason="pynwb is the official reader of NWB; pip install snn-sim[nwb]")


@pytest.fixture(scope="module")
def neo():
    pytest.importorskip("pynwb", reason="Neo reads NWB by pynwb; pip install snn-sim[nwb]")
    return pytest.importorskip("neo", reason="Neo is a reader of NWB; pip install snn-sim[neo]")


def test_pynwb_finds_no_fault(pynwb, result, ours, tmp_path):
    assert pynwb.validate(path=str(ours)) == []
    empty = nwb.write(Result(spikes={}, traces={}, weights={}), tmp_path / "empty.nwb")
    silent = nwb.write(Result(spikes={"a": Spikes([], [], 2, 5.0)}, traces={}, weights={}), tmp_path / "silent.nwb")
    assert pynwb.validate(path=str(empty)) == [] and pynwb.validate(path=str(silent)) == []


def test_pynwb_finds_every_value(pynwb, result, ours):
    with pynwb.NWBHDF5IO(str(ours), "r") as io:
        file = io.read()
        assert file.identifier == "one" and file.session_start_time == datetime.fromisoformat(WHEN)
        units = file.units.to_dataframe()
        assert list(units.population) == ["exc"] * 40 + ["inh"] * 3 and list(units.neuron) == [*range(40), *range(3)]
        exc = result.spikes["exc"]
        for i in range(40):
            np.testing.assert_array_equal(units.spike_times[i], exc.train(i) / 1000.0)
        np.testing.assert_array_equal(np.stack(units.obs_intervals)[:, 0], [[0.7, 1.1]] * 43)
        v, g = file.acquisition["exc.v"], file.acquisition["exc.g"]
        np.testing.assert_array_equal(v.data[:], result.traces["exc", "v"].data)
        assert (v.unit, v.conversion, v.timestamps) == ("volts", 1e-3, None)
        assert v.starting_time == result.traces["exc", "v"].times[0] / 1000.0 and v.rate == pytest.approx(2000.0)
        np.testing.assert_array_equal(g.timestamps[:], result.traces["exc", "g"].times / 1000.0)
        assert (g.unit, g.conversion, g.data.dtype) == ("siemens", 1e-9, np.float32)
        columns = file.processing["columns"]
        assert list(columns["exc.v"]["neuron"][:]) == [5, 2, 39]
        assert list(columns["weights.e_e"]["pre"][:]) == [0, 0, 3]
        np.testing.assert_array_equal(file.acquisition["weights.e_e"].data[:], result.weights["e_e"].data)
        assert json.loads(file.notes)["snn"]["meta"] == result.meta


def test_neo_reads_it(neo, result, ours):
    io = neo.io.NWBIO(str(ours), "r")
    segment = io.read_block().segments[0]
    io.close()
    assert len(segment.spiketrains) == 43
    for i, train in enumerate(segment.spiketrains[:40]):
        np.testing.assert_allclose(train.rescale("ms").magnitude, result.spikes["exc"].train(i), rtol=1e-15)
        assert (float(train.t_start), float(train.t_stop)) == (0.7, 1.1)
    signal = next(s for s in segment.analogsignals if s.name == "exc.v")
    v = result.traces["exc", "v"]
    assert signal.units.dimensionality.string == "mV"
    np.testing.assert_array_equal(signal.magnitude, v.data)
    np.testing.assert_allclose(signal.times.rescale("ms").magnitude, v.times, rtol=1e-12)
    gappy = next(s for s in segment.irregularlysampledsignals if s.name == "exc.g")
    np.testing.assert_allclose(gappy.times.rescale("ms").magnitude, result.traces["exc", "g"].times, rtol=1e-12)


def test_what_we_write_comes_back_bit_for_bit(result, ours, tmp_path):
    assert_same(result, nwb.read(ours))
    assert_same(result, nwb.read(nwb.write(nwb.read(ours), tmp_path / "again.nwb")))
    assert nwb.read(ours).traces.size(("exc", "v")) == 800


def test_equal_arguments_give_equal_files(result, ours, tmp_path, monkeypatch):
    """Also where spikes go through buckets of a few neurons, and where the result lies in an archive."""
    monkeypatch.setattr(nwb_spikes, "BUCKET", 300)
    assert nwb.write(result, tmp_path / "a.nwb", **FIXED).read_bytes() == ours.read_bytes()
    part = Result(spikes=result.spikes, traces={k: v for k, v in result.traces.items() if k[0] == "exc"}, weights={},
                  meta=result.meta)
    archive.write(part, tmp_path / "run.h5")
    for source, name in ((part, "b.nwb"), (archive.open(tmp_path / "run.h5"), "c.nwb")):
        nwb.write(source, tmp_path / name, **FIXED)
    assert (tmp_path / "b.nwb").read_bytes() == (tmp_path / "c.nwb").read_bytes()
    monkeypatch.setattr(nwb_spikes, "BUCKET", 10)
    assert nwb.read(nwb.write(result, tmp_path / "d.nwb")).spikes["exc"] == result.spikes["exc"]


@settings(max_examples=15)
@given(st.lists(st.integers(0, 10**9), max_size=12, unique=True), st.sampled_from([0.1, 0.05, 1 / 3, None]),
       st.integers(1, 5))
def test_times_of_any_grid_come_back(tmp_path_factory, steps, dt, block):
    times = np.sort(steps) * (dt or 0.1)
    trace = _Blocky(times, [0], np.arange(len(steps), dtype=float)[:, None], "V", "a", "v")
    object.__setattr__(trace, "step", block)
    spikes = Spikes(times, np.zeros(len(times), int), 1, max(steps, default=0) * (dt or 0.1))
    result = Result(spikes={"a": spikes}, traces={("a", "v"): trace}, weights={}, meta={"dt": dt})
    path = nwb.write(result, tmp_path_factory.getbasetemp() / "grid.nwb", overwrite=True)
    back = nwb.read(path)
    if dt is None:
        np.testing.assert_allclose(back.spikes["a"].times, times, rtol=4e-16)
        np.testing.assert_allclose(back.traces["a", "v"].times, times, rtol=4e-16)
    else:
        assert back.spikes["a"] == spikes
        np.testing.assert_array_equal(back.traces["a", "v"].times, times)
    np.testing.assert_array_equal(back.traces["a", "v"].data, trace.data)


class _Blocky(Trace):
    """A trace that is given out a few samples at a time."""

    def blocks(self, nbytes=0):
        return ((self.times[i:i + self.step], self.data[i:i + self.step]) for i in range(0, len(self), self.step))


@pytest.mark.parametrize("options, word", [
    ({"session_start": datetime(2024, 1, 1)}, "time zone"),
    ({"session_start": "yesterday"}, "yesterday"),
    ({"session_start": 5}, "time zone"),
    ({"identifier": ""}, "identifier"),
    ({"description": 3}, "description"),
])
def test_wrong_arguments_are_refused_before_a_file_is_made(result, tmp_path, options, word):
    with pytest.raises(RunError, match=word):
        nwb.write(result, tmp_path / "a.nwb", **options)
    assert not list(tmp_path.iterdir())


def test_no_file_is_left_where_writing_fails(result, ours, tmp_path):
    bad = Result(spikes={"a/b": Spikes([], [], 1, 1.0)}, traces={}, weights={})
    with pytest.raises(DataError, match="'a/b'"):
        nwb.write(bad, tmp_path / "a.nwb")
    with pytest.raises(RunError, match="exists"):
        nwb.write(result, ours)

    class Broken(Spikes):
        def blocks(self, count=0):
            raise DataError("a damaged source")
    broken = Result(spikes={"a": Broken([1.0], [0], 1, 2.0)}, traces={}, weights={})
    with pytest.raises(DataError, match="damaged source"):
        nwb.write(broken, tmp_path / "a.nwb")
    assert not list(tmp_path.iterdir())
    assert nwb.read(nwb.write(made_result(), tmp_path / "a.nwb")).meta["dt"] == DT


def test_memory_does_not_grow_with_the_result(tmp_path, monkeypatch):
    monkeypatch.setattr(nwb_spikes, "BUCKET", 1 << 15)
    peaks = []
    for total in (100_000, 400_000):
        result = Result(spikes={"a": Stream(total, 97)}, traces={}, weights={}, meta={"dt": DT})
        tracemalloc.start()
        nwb.write(result, tmp_path / f"{total}.nwb")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0] < 400_000 * 8
    times, ids = (np.concatenate(part) for part in zip(*Stream(400_000, 97).blocks(), strict=True))
    assert nwb.read(tmp_path / "400000.nwb").spikes["a"] == Spikes(times, ids, 97, Stream(400_000, 97).duration)
