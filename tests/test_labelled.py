"""pandas and xarray: labels are right, numbers are those of the result, without copies where none are needed."""
import json
import sys

import numpy as np
import pytest
from analysis_results import made_result

from snn.errors import RunError
from snn.export.labelled import to_pandas, to_xarray
from snn.result import Result


@pytest.fixture(scope="module")
def pandas():
    return pytest.importorskip("pandas", reason="needs the package pandas; pip install snn-sim[frames]")


@pytest.fixture(scope="module")
def xarray():
    return pytest.importorskip("xarray", reason="needs the package xarray; pip install snn-sim[frames]")


@pytest.fixture(scope="module")
def result():
    return made_result()


@pytest.fixture(scope="module")
def frames(pandas, result):
    return to_pandas(result)


@pytest.fixture(scope="module")
def dataset(xarray, result):
    return to_xarray(result)


def test_spikes_are_one_table(frames, result):
    spikes, exc = frames.spikes, result.spikes["exc"]
    assert list(spikes.columns) == ["population", "neuron", "time"]
    assert list(spikes.population.cat.categories) == ["exc", "inh"] and (spikes.population == "exc").all()
    np.testing.assert_array_equal(spikes.time, exc.times)
    np.testing.assert_array_equal(spikes.neuron, exc.ids)
    counts = spikes.groupby("population", observed=False).neuron.count()
    assert counts.to_dict() == {"exc": len(exc), "inh": 0}
    np.testing.assert_array_equal(spikes.neuron.value_counts().reindex(range(40), fill_value=0), exc.count())


def test_traces_are_tables_with_labels(pandas, frames, result):
    v = frames.traces["exc", "v"]
    assert v.columns.names == ["population", "variable", "neuron"] and v.index.name == "time"
    np.testing.assert_array_equal(v["exc", "v", 39], result.traces["exc", "v"].data[:, 2])
    np.testing.assert_array_equal(v.index, result.traces["exc", "v"].times)
    assert v.attrs["unit"] == frames.units["exc", "v"] == "mV" and frames.units["e_e"] == "mV"
    assert v.loc[800.0:801.0].shape == (3, 3)
    both = pandas.concat([v, frames.traces["exc", "g"]], axis=1)
    assert both["exc"]["g"][7].count() == 51 and both["exc"]["v"][5].count() == 800
    assert frames.weights["e_e.trace"].columns.tolist() == [(0, 1), (0, 2), (3, 0)]
    np.testing.assert_array_equal(frames.weights["e_e.trace"], result.weights["e_e.trace"].data)
    assert frames.meta == result.meta and "3125 spikes" in repr(frames)


def test_tables_are_views(frames, result, dataset):
    v = result.traces["exc", "v"].data
    assert np.shares_memory(frames.traces["exc", "v"].to_numpy(), v)
    assert np.shares_memory(dataset["exc.v"].values, v)
    assert np.shares_memory(dataset["spike_time_exc"].values, result.spikes["exc"].times)
    one = to_pandas(Result(spikes={"a": result.spikes["exc"]}, traces={}, weights={})).spikes
    assert np.shares_memory(one["time"].to_numpy(), result.spikes["exc"].times)


def test_a_result_without_anything(pandas, xarray):
    empty = Result(spikes={}, traces={}, weights={})
    assert to_pandas(empty).spikes.shape == (0, 3) and not to_pandas(empty).traces
    assert len(to_xarray(empty).variables) == 0


def test_dataset_has_units_and_coordinates(dataset, result):
    v = dataset["exc.v"]
    assert v.dims == ("time_exc.v", "neuron_exc.v") and v.attrs["units"] == "mV"
    assert v.coords["time_exc.v"].attrs["units"] == "ms"
    part = v.sel({"neuron_exc.v": 39, "time_exc.v": slice(800.0, 801.0)})
    np.testing.assert_array_equal(part, result.traces["exc", "v"].of([39]).between(799.9, 801.0).data[:, 0])
    w = dataset["weights.e_e"]
    assert w.dims == ("time_weights.e_e", "synapse_weights.e_e")
    assert w.coords["post_weights.e_e"].values.tolist() == [1, 2, 0]
    spikes = dataset["spikes.exc"]
    assert spikes.attrs == {"n": 40, "start": 700.0, "duration": 400.0}
    np.testing.assert_array_equal(spikes, result.spikes["exc"].ids)
    assert json.loads(dataset.attrs["meta"]) == result.meta


def test_xarray_writes_and_reads_it_again(xarray, dataset, tmp_path):
    """With the netCDF writer of scipy, which is always there; it keeps the types of numbers that netCDF 3 has."""
    dataset[["exc.v", "exc.g"]].to_netcdf(tmp_path / "a.nc", engine="scipy")
    with xarray.open_dataset(tmp_path / "a.nc", engine="scipy") as back:
        np.testing.assert_array_equal(back["exc.v"], dataset["exc.v"])
        assert back["exc.g"].attrs["units"] == "nS" and back.attrs["meta"] == dataset.attrs["meta"]


@pytest.mark.parametrize("convert, package", [(to_pandas, "pandas"), (to_xarray, "xarray")])
def test_a_missing_package_is_named(result, monkeypatch, convert, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(RunError, match=rf"needs the package {package}. Install it: pip install snn-sim\[frames\]"):
        convert(result)
