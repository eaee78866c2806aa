"""NWB files of pynwb and Neo are read; those that are damaged, hostile or of another kind are refused."""
import json
from datetime import UTC, datetime

import h5py
import numpy as np
import pytest
from analysis_results import made_result

from snn.errors import DataError, MissingFile
from snn.export import archive, nwb
from snn.result import Result
from snn.spikes import Spikes


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """A file of ours; tests only read it."""
    return nwb.write(made_result(), tmp_path_factory.mktemp("nwb") / "run.nwb")


@pytest.fixture(scope="module")
def pynwb():
    return pytest.importorskip("pynwb", reason="pynwb is the official reader of NWB; pip install snn-sim[nwb]")


@pytest.fixture(scope="module")
def neo():
    pytest.importorskip("pynwb", reason="Neo reads NWB by pynwb; pip install snn-sim[nwb]")
    return pytest.importorskip("neo", reason="Neo is a reader of NWB; pip install snn-sim[neo]")


@pytest.fixture(scope="module")
def foreign(pynwb, tmp_path_factory):
    """A file that pynwb has written: electrodes, units with and without windows, series of many kinds."""
    file = pynwb.NWBFile("a mouse", "id-7", datetime(2020, 1, 1, tzinfo=UTC))
    file.add_unit_column("population", "area")
    for area, times, windows in (("V1", [0.5, 0.1, 0.2], [[0.0, 1.0], [2.0, 3.0]]), ("LM", [0.3], [[0.0, 1.0]]),
                                 ("V1", [], [[0.0, 1.0]]), ("V1", [2.5], [[2.0, 4.0]])):
        file.add_unit(spike_times=np.sort(times), obs_intervals=windows, population=area)
    device = file.create_device("probe")
    shank = file.create_electrode_group("shank", description="d", location="V1", device=device)
    for _ in range(2):
        file.add_electrode(location="V1", group=shank)
    both = file.create_electrode_table_region([0, 1], "both")
    raw = pynwb.ecephys.ElectricalSeries(name="raw", data=np.arange(10, dtype=np.int16).reshape(5, 2), electrodes=both,
                                         rate=1000.0, starting_time=0.5, conversion=1e-6, channel_conversion=[1.0, 2.0])
    lfp = pynwb.ecephys.ElectricalSeries(name="lfp", data=np.ones((3, 2)), electrodes=both,
                                         timestamps=[0.0, 0.1, 0.4])
    file.add_acquisition(raw)
    module = file.create_processing_module("ecephys", "filtered")
    module.add(pynwb.ecephys.LFP(electrical_series=lfp))
    file.add_acquisition(pynwb.TimeSeries(name="linked", data=[1.0, 2.0, 3.0], unit="mystery", timestamps=lfp,
                                          offset=0.5))
    file.add_stimulus(pynwb.TimeSeries(name="current", data=[1.0, 2.0], unit="amperes", conversion=1e-9, rate=10.0))
    file.add_acquisition(pynwb.TimeSeries(name="film", data=np.zeros((2, 3, 4)), unit="n/a", rate=30.0))
    path = tmp_path_factory.mktemp("foreign") / "mouse.nwb"
    with pynwb.NWBHDF5IO(str(path), "w") as io:
        io.write(file)
    return path


def test_files_of_pynwb_are_read(foreign):
    result = nwb.read(foreign)
    assert set(result.spikes) == {"V1", "LM"}
    v1 = result.spikes["V1"]
    np.testing.assert_allclose(v1.times, [100.0, 200.0, 500.0, 2500.0])
    assert v1.ids.tolist() == [0, 0, 0, 2] and (v1.n, v1.start, v1.end) == (3, 0.0, 4000.0)
    assert (result.spikes["LM"].n, result.spikes["LM"].end) == (1, 1000.0)
    raw = result.traces["acquisition", "raw"]
    np.testing.assert_allclose(raw.data, np.arange(10).reshape(5, 2) * 1e-3 * [1.0, 2.0])
    np.testing.assert_allclose(raw.times, 500.0 + np.arange(5))
    lfp = result.traces["processing/ecephys/LFP", "lfp"]
    np.testing.assert_allclose(lfp.data, 1000.0)
    assert raw.unit == lfp.unit == "mV"
    linked = result.traces["acquisition", "linked"]
    np.testing.assert_allclose(linked.times, [0.0, 100.0, 400.0])
    np.testing.assert_allclose(linked.data[:, 0], [1.5, 2.5, 3.5])
    assert linked.unit == "mystery"
    current = result.traces["stimulus/presentation", "current"]
    np.testing.assert_allclose(current.data[:, 0], [1000.0, 2000.0])
    assert current.unit == "pA" and "film" in str(result.meta["left_out"])
    assert result.meta["identifier"] == "id-7"


def test_units_by_another_column_and_without_any(foreign):
    assert {name: s.n for name, s in nwb.read(foreign, population="id").spikes.items()} == dict.fromkeys("0123", 1)
    alone = nwb.read(foreign, population="absent").spikes
    assert list(alone) == ["units"] and alone["units"].n == 4 and len(alone["units"]) == 5


def test_units_without_windows(pynwb, tmp_path):
    file = pynwb.NWBFile("a", "b", datetime(2020, 1, 1, tzinfo=UTC))
    file.add_unit(spike_times=[-0.5, 0.25])
    with pynwb.NWBHDF5IO(str(tmp_path / "a.nwb"), "w") as io:
        io.write(file)
    assert nwb.read(tmp_path / "a.nwb").spikes["units"] == Spikes([-500.0, 250.0], [0, 0], 1, 750.0, -500.0)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_files_of_neo_are_read(neo, tmp_path):
    import quantities as pq
    block = neo.Block(name="block", session_start_time=datetime(2020, 1, 1, tzinfo=UTC))
    segment = neo.Segment(name="first")
    block.segments.append(segment)
    segment.spiketrains.append(neo.SpikeTrain([1.0, 2.5] * pq.ms, t_stop=10.0, name="one"))
    segment.analogsignals.append(neo.AnalogSignal(np.arange(6.0).reshape(3, 2) * pq.mV, sampling_rate=1 * pq.kHz,
                                                  t_start=5 * pq.ms, name="signal"))
    neo.io.NWBIO(str(tmp_path / "neo.nwb"), "w").write_all_blocks([block])
    result = nwb.read(tmp_path / "neo.nwb")
    np.testing.assert_allclose(result.spikes["units"].times, [1.0, 2.5])
    assert result.spikes["units"].end == pytest.approx(10.0)
    (signal,) = result.traces.values()
    np.testing.assert_array_equal(signal.data, np.arange(6.0).reshape(3, 2))
    np.testing.assert_allclose(signal.times, [5.0, 6.0, 7.0])
    assert signal.unit == "mV"


def edited(ours, folder, edit):
    path = folder / "edited.nwb"
    path.write_bytes(ours.read_bytes())
    with h5py.File(path, "r+") as file:
        edit(file)
    return path


def replace(file, name, values):
    attributes = dict(file[name].attrs)
    del file[name]
    if values is not None:
        file[name] = values
        file[name].attrs.update(attributes)


def note(file, part, name, **values):
    text = json.loads(file["general/notes"].asstr()[()])
    text["snn"][part][name].update(values)
    replace(file, "general/notes", json.dumps(text))


@pytest.mark.parametrize("edit", [
    lambda f: f.attrs.update(nwb_version="1.0.6"),
    lambda f: f.attrs.update(neurodata_type="Image"),
    lambda f: replace(f, "general/notes", '{"snn": {"meta": 3}}'),
    lambda f: replace(f, "general/notes", '{"snn": '),
    lambda f: note(f, "populations", "exc", n=41),
    lambda f: note(f, "populations", "exc", duration=None),
    lambda f: note(f, "populations", "exc", duration=3.0),
    lambda f: note(f, "series", "exc.v", population=["exc"]),
    lambda f: replace(f, "units/spike_times_index", np.arange(43)[::-1]),
    lambda f: replace(f, "units/spike_times_index", np.full(43, 2**60)),
    lambda f: replace(f, "units/spike_times_index", None),
    lambda f: replace(f, "units/spike_times", ["a"] * 30),
    lambda f: f["units/spike_times"].__setitem__(3, np.nan),
    lambda f: replace(f, "units/obs_intervals", np.zeros((43, 3))),
    lambda f: replace(f, "units/obs_intervals_index", [43]),
    lambda f: replace(f, "units/population", np.zeros(43)),
    lambda f: f["acquisition/exc.v/starting_time"].attrs.update(rate=0.0),
    lambda f: f["acquisition/exc.g/timestamps"].__setitem__(5, np.inf),
    lambda f: f["acquisition/exc.g/timestamps"].__setitem__(5, 0.0),
    lambda f: f["acquisition/exc.v/data"].attrs.update(conversion="much"),
    lambda f: replace(f, "processing/columns/exc.v/neuron", [1, 2]),
    lambda f: replace(f, "processing/columns/exc.v/neuron", [1, 2, -1]),
    lambda f: replace(f, "acquisition/exc.g/timestamps", np.arange(3.0)),
])
def test_files_that_contradict_themselves_are_refused(ours, tmp_path, edit):
    path = edited(ours, tmp_path, edit)
    with pytest.raises(DataError, match="edited.nwb"):
        result = nwb.read(path)
        [result.traces[key] for key in result.traces]


def test_tables_that_are_only_declared_are_not_read(ours, tmp_path):
    def edit(file):
        del file["acquisition/exc.v/data"]
        data = file["acquisition/exc.v"].create_dataset("data", (2**50, 3), "f4", chunks=(1000, 3), maxshape=(None, 3))
        data.attrs.update(unit="volts", conversion=1e-3)
    path = edited(ours, tmp_path, edit)
    with pytest.raises(DataError, match="edited.nwb.*declares"):
        nwb.read(path).traces["exc", "v"]
    with pytest.raises(DataError, match="edited.nwb"):
        nwb.read(path, limit=100)


def test_links_to_other_files_are_not_followed(ours, foreign, tmp_path):
    def edit(file, name="exc.v"):
        del file[f"acquisition/{name}"]
        file[f"acquisition/{name}"] = h5py.ExternalLink(str(ours), "/acquisition/exc.v")
        file["acquisition/loop"] = file["acquisition"]
    with pytest.raises(DataError, match="edited.nwb.*exc.v.*another file"):
        nwb.read(edited(ours, tmp_path, edit))
    result = nwb.read(edited(foreign, tmp_path, lambda file: edit(file, "raw")))
    assert ("acquisition", "raw") not in result.traces and ("acquisition", "linked") in result.traces
    assert "another file" in result.meta["left_out"]["acquisition/raw"]


def test_files_of_other_kinds_are_refused_by_name(tmp_path):
    result = made_result()
    part = Result(spikes=result.spikes, traces={}, weights={}, meta=result.meta)
    archive.write(part, tmp_path / "run.h5")
    with pytest.raises(DataError, match="run.h5.*no NWB file"):
        nwb.read(tmp_path / "run.h5")
    with h5py.File(tmp_path / "old.nwb", "w") as file:
        file["nwb_version"] = "NWB-1.0.6"
    with pytest.raises(DataError, match="old.nwb.*NWB 1"):
        nwb.read(tmp_path / "old.nwb")
    (tmp_path / "text.nwb").write_text("no HDF5")
    with pytest.raises(DataError, match="text.nwb"):
        nwb.read(tmp_path / "text.nwb")
    with pytest.raises(MissingFile, match="absent.nwb"):
        nwb.read(tmp_path / "absent.nwb")
