"""All engines give the same spikes: float64 exactly, float32 within a stated tolerance."""

import networks
import numpy as np
import pytest
from networks import CASES, Case, assert_same, case, run, truth

import snn
from snn.neurons import LeakyReadout, SpikeSource

EVENT = {f"event{k}": snn.EventDriven(threads=k) for k in (1, 2, 3)}
CLOCKED = snn.Clocked(dtype="float64")
SINGLE = {"event": snn.EventDriven(threads=1, dtype="float32"), "clocked": snn.Clocked()}


def pairs(engines, fast):
    """Every case with every engine; models of the catalogue in networks of one kind by default with ``fast`` alone."""
    return pytest.mark.parametrize("name, engine", [
        pytest.param(name, engine, id=f"{name}-{key}",
                     marks=[pytest.mark.slow] if name.startswith("model ") and key not in fast else [])
        for name in CASES for key, engine in engines.items()
    ])


@pytest.mark.parametrize("name", CASES)
def test_reference_is_busy(name):
    """A comparison of silent networks would show nothing."""
    for population in case(name).fires:
        assert len(truth(name).spikes[population]) > 20, population


@pairs(EVENT, ["event2"])
def test_event_driven_equals_reference(name, engine):
    assert_same(run(case(name), engine), truth(name))


@pairs({"clocked": CLOCKED}, [])
def test_clocked_float64_equals_reference(name, engine):
    """Its exponential is torch's, which may differ in the last place: traces to 1e-9, spikes exactly."""
    mine = run(case(name), engine)
    assert_same(mine, truth(name), traces=False)
    for key, trace in truth(name).traces.items():
        np.testing.assert_allclose(mine.traces[key].data, trace.data, rtol=1e-9, atol=1e-9)


@pairs(SINGLE, ["event"])
def test_float32_is_near(name, engine):
    """Before the first spikes the traces agree to 1e-3 of their size; the numbers of spikes agree to 5 % and 5."""
    mine, exact = run(case(name), engine), truth(name)
    for population, spikes in exact.spikes.items():
        assert abs(len(mine.spikes[population]) - len(spikes)) <= 5 + 0.05 * len(spikes), population
    for key, trace in exact.traces.items():
        data = mine.traces[key].data
        assert data.dtype == np.float32 and data.shape == trace.data.shape
        early = max(1, 20 // round((trace.times[1] - trace.times[0]) / networks.DT))
        size = np.abs(trace.data).max() + 1.0
        far = np.abs(data[:early] - trace.data[:early]) > 1e-3 * size
        assert far.mean() < 0.02, key


def test_replayed_spikes_act_in_the_step_that_ends_at_or_after_them():
    spikes = truth("replayed").spikes["in"]
    train = spikes.train(2)
    assert (np.abs(train - 5.0) < 1e-9).sum() == 2 and (np.abs(train - 5.1) < 1e-9).sum() >= 1


def test_weights_of_multiple_edges_add_up():
    net = snn.Network()
    a = net.add("a", SpikeSource(snn.Spikes([1.0, 1.0], [0, 0], 1, 5.0)), 1)
    b = net.add("b", LeakyReadout(), 2)
    net.connect(
        a,
        b,
        snn.Edges([0, 0, 0], [1, 1, 0], multi_edges=True),
        port="delta",
        weight=np.array([1.0, 10.0, 100.0]),
        delay=np.array([0.5, 0.5, 1.0]),
    )
    x = run(Case(net, (snn.RecordState("b", "x.delta"),)), snn.EventDriven(), 3.0).traces["b", "x.delta"]
    # Both spikes of the step bring every edge's weight.
    assert {(round(x.times[k], 6), int(i)): x.data[k, i] for k, i in np.argwhere(x.data)} == {
        (1.5, 1): 22.0,
        (2.0, 0): 200.0,
    }


def test_runs_of_a_batch_are_the_runs_one_by_one():
    """Initial values and noise follow the seed of each run, connections that of the simulation."""
    both = run(case("delta"), snn.Clocked(dtype="float64", seeds=[3, 11]), 5.0)
    assert both[0].spikes["a"] == run(case("delta"), CLOCKED, 5.0).spikes["a"]
    assert both[1].spikes["a"] != both[0].spikes["a"]


@pytest.mark.cuda
@pytest.mark.parametrize("name", ["delta", "coba", "graded"])
def test_cuda_is_near(name):
    mine = run(case(name), snn.Clocked(device="cuda", dtype="float64"))
    for population, spikes in truth(name).spikes.items():
        assert abs(len(mine.spikes[population]) - len(spikes)) <= 5 + 0.02 * len(spikes)
