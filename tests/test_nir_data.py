"""NIR data: read by the nir package, read back by us, and files that the nir package wrote."""
import numpy as np
import pytest

from snn.errors import DataError
from snn.export import nir_data
from snn.result import Result
from snn.spikes import Spikes
from snn.traces import Trace

nir = pytest.importorskip("nir")
DT = 0.1


@pytest.fixture(scope="module")
def result():
    rng = np.random.default_rng(0)
    cells = np.sort(rng.choice(30_000, 700, replace=False))
    spikes = {"exc": Spikes((cells // 30 + 4001) * DT, cells % 30, 30, 1000 * DT, 4000 * DT),
              "silent": Spikes([], [], 4, 1000 * DT, 4000 * DT)}
    times = (np.arange(200) * 5 + 4001) * DT
    traces = {("exc", "v"): Trace(times, [3, 7, 9], rng.normal(size=(200, 3)), "mV", "exc", "v")}
    return Result(spikes=spikes, traces=traces, weights={}, meta={"dt": DT})


@pytest.fixture(scope="module")
def path(result, tmp_path_factory):
    return nir_data.write(result, tmp_path_factory.mktemp("nir") / "run.h5")


def test_the_nir_package_reads_it(result, path):
    nodes = nir.read_data(str(path)).nodes
    spikes, v = nodes["exc"].observables["spikes"], nodes["exc"].observables["v"]
    grid = spikes.to_time_gridded(DT / 1000)
    mine = result.spikes["exc"].to_dense(DT)
    # The package truncates t_max / dt, which may cut the last step off.
    assert grid.data.shape[1] >= 999
    np.testing.assert_array_equal(grid.data[0], mine[:grid.data.shape[1]])
    assert spikes.n_neurons == 30 and nodes["silent"].observables["spikes"].shape == (1, 0)
    np.testing.assert_array_equal(v.data[0], result.traces["exc", "v"].data)
    assert v.dt == pytest.approx(5 * DT / 1000, rel=1e-12)


def test_it_comes_back_bit_for_bit(result, path):
    read = nir_data.read(path)
    assert dict(read.spikes) == dict(result.spikes)
    mine, theirs = result.traces["exc", "v"], read.traces["exc", "v"]
    for name in ("times", "ids", "data", "unit"):
        np.testing.assert_array_equal(getattr(theirs, name), getattr(mine, name))


def test_a_file_of_the_nir_package(tmp_path):
    dense = np.random.default_rng(1).random((1, 50, 6)) < 0.1
    events = nir.TimeGriddedData(dense, 1e-3).to_event(100, 0.0004)
    data = nir.NIRGraphData({"lif": nir.NIRNodeData({"spikes": events, "v": nir.TimeGriddedData(dense * 0.5, 1e-3)})})
    nir.write_data(str(tmp_path / "theirs.h5"), data)
    read = nir_data.read(tmp_path / "theirs.h5")
    assert read.spikes["lif"].n == 6 and read.spikes["lif"].duration == pytest.approx(50.0)
    np.testing.assert_array_equal(read.spikes["lif"].to_dense(1.0), dense[0])
    np.testing.assert_array_equal(read.traces["lif", "v"].data, dense[0] * 0.5)


def test_what_the_format_has_no_place_for(tmp_path):
    uneven = Trace([0.1, 0.2, 0.5], [0], np.zeros((3, 1)), "mV", "a", "v")
    with pytest.raises(DataError, match="a.v are not evenly spaced"):
        nir_data.write(Result({}, {("a", "v"): uneven}, {}), tmp_path / "a.h5")
    assert not list(tmp_path.iterdir())


def test_several_samples_are_refused(tmp_path):
    events = nir.TimeGriddedData(np.ones((2, 3, 4), bool), 1e-3).to_event(12)
    nir.write_data(str(tmp_path / "two.h5"), nir.NIRGraphData({"a": nir.NIRNodeData({"spikes": events})}))
    with pytest.raises(DataError, match="One sample"):
        nir_data.read(tmp_path / "two.h5")
