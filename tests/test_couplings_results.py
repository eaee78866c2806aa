"""Results of coupled networks: means in files, pictures and exports; Python numbers and truth values as outputs."""
from dataclasses import dataclass

import h5py
import numpy as np
import pytest
from graded_unit import Unit

import snn
from snn.export import sonata

ENGINES = {"reference": snn.Reference(), "event": snn.EventDriven(threads=1), "clocked": snn.Clocked(),
           "float32": snn.EventDriven(threads=2, dtype="float32")}


@dataclass(frozen=True, kw_only=True, eq=False)
class Still(Unit):
    """A Unit whose ``y`` keeps its sign for the few steps of a test."""

    def margin(self, s):
        return None


@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
def test_numbers_constants_and_truth_values_are_shown_as_numbers(engine):
    y = np.where(np.arange(300) % 3 == 0, 0.5, -0.5)
    net = snn.Network()
    a = net.add("a", Still(gain=np.arange(300) / 300.0), 300, init={"y": y})
    net.couple(a[:150], a[:1], snn.AllToAll(), values={"kick": "truth", "r": "number"}, weight=1e-3, delay=0.1)
    net.couple(a[150:], a[1:2], snn.AllToAll(), values={"r": "fixed"}, weight=1.0, delay=0.1)
    asked = [snn.RecordMean("a", name) for name in ("truth", "number", "fixed", "stays")]
    result = snn.simulate(net, 0.3, engine=engine, record=[*asked, snn.RecordState("a", "x.kick", ids=[0]),
                                                           snn.RecordState("a", "x.r", ids=[0, 1, 2])])
    means = {name: trace.data for (_, name), trace in result.traces.items()}
    for name, value in {"mean.truth": 1.0 / 3.0, "mean.number": 1.5, "mean.fixed": 299.0 / 300.0, "mean.stays": 7.0,
                        "x.kick": 0.05, "x.r": [0.225, 2.0 * np.arange(150, 300).sum() / 300.0, 0.0]}.items():
        np.testing.assert_allclose(means[name], np.broadcast_to(value, means[name].shape), rtol=1e-6, err_msg=name)


def test_means_go_through_files_pictures_and_exports(tmp_path):
    net = snn.Network()
    a = net.add("a", Unit(), 20, init={"y": snn.Uniform(-0.5, 0.6)})
    net.couple(a, a, snn.AllToAll(), values={"p": "soft"}, weight=0.01, name="sync")
    record = [snn.RecordSpikes("a"), snn.RecordMean("a", "soft", every=2), snn.RecordMean("a", "y")]
    result = snn.simulate(net, 5.0, record=record)
    snn.simulate(net, 5.0, record=record, to=tmp_path / "run.h5")
    kept = snn.open(tmp_path / "run.h5")
    assert kept.meta["network"]["projections"]["sync"]["graded"] == {"p": "soft"}
    for key, trace in result.traces.items():
        assert kept.traces[key].data.tobytes() == trace.data.tobytes() and kept.traces[key].unit == "1"
    sonata.export(result, tmp_path)
    with h5py.File(tmp_path / "a.mean.soft.h5") as file:
        np.testing.assert_array_equal(file["report/a/data"], result.traces["a", "mean.soft"].data.astype(np.float32))
    assert "a.mean.soft 25" in repr(result)
    assert len(snn.plot.overview(kept).axes) == 4
