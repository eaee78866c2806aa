"""Wrong arguments of a run are refused before anything runs, by one error of ours that says what would be right."""

import numpy as np
import pytest
from refusals import make, refused

import snn
from snn.neurons import AdEx, CobaLIF, Izhikevich
from snn.run import simulate as entry


def run(duration=1.0, **options):
    return lambda net: snn.simulate(net, duration, **options)


RUNS = {
    **{
        f"duration {d!r}": (r"simulate\.duration: ", run(d))
        for d in (0.0, -1.0, np.nan, np.inf, None, "1", True, [1.0])
    },
    "duration off the grid": (
        r"simulate\.duration: 1.05 ms is not a whole number of steps of 0.1 ms. Use 1 ms",
        run(1.05),
    ),
    **{f"dt {d!r}": (r"simulate\.dt: ", run(dt=d)) for d in (0.0, -0.1, np.nan, None, "0.1")},
    "dt too large": (
        r"simulate\.dt: 5 ms is too large for population 'b' .CobaLIF.. A stable step is at most",
        run(5.0, dt=5.0),
    ),
    **{f"seed {s!r}": (r"simulate\.seed: is .* whole number", run(seed=s)) for s in (None, "x", 1.5)},
    **{
        f"engine {e!r}": (r"simulate\.engine: is .* Give snn\.EventDriven\(\)", run(engine=e))
        for e in ("fast", 3, snn.EventDriven, snn.Reference)
    },
    "threads 0": (r"EventDriven\.threads: is 0. A number from 1", lambda net: snn.EventDriven(threads=0)),
    "threads -2": (r"EventDriven\.threads: is -2", lambda net: snn.EventDriven(threads=-2)),
    "threads 1.5": (r"EventDriven\.threads: is 1\.5", lambda net: snn.EventDriven(threads=1.5)),
    "dtype": (
        r"EventDriven\.dtype: is 'float16'. Allowed: 'float64', 'float32'",
        lambda net: snn.EventDriven(dtype="float16"),
    ),
    "clocked dtype": (r"Clocked\.dtype: is 'int'", lambda net: snn.Clocked(dtype="int")),
    "clocked device": (r"Clocked\.device: 'gpu9' cannot be used", lambda net: snn.Clocked(device="gpu9")),
    "clocked seeds": (r"Clocked\.seeds: is empty", lambda net: snn.Clocked(seeds=[])),
    "no list": (r"simulate\.record: is RecordSpikes.*Give a list", run(record=snn.RecordSpikes("a"))),
    "a name": (r"simulate\.record: is 'a'. Give a list", run(record="a")),
    "names": (r"simulate\.record: 'a' is not a request. Use RecordSpikes", run(record=["a"])),
    "twice": ("record: a is asked for twice", run(record=[snn.RecordSpikes("a"), snn.RecordSpikes("a", ids=[1])])),
    "unknown population": (
        "record: no population named 'x'. The network has: a, b, in",
        run(record=[snn.RecordSpikes("x")]),
    ),
    "unknown projection": (
        "record: no projection named 'x'. The network has: a_b",
        run(record=[snn.RecordWeights("x")]),
    ),
    "unknown state": (
        r"RecordState\.variable: LIF of population 'a' has no 'g'. It has: v, ref, i, x\.delta, x\.current",
        run(record=[snn.RecordState("a", "g")]),
    ),
    "state of a source": (
        r"RecordState\.variable: population 'in' replays given spikes and has no state 'v'",
        run(record=[snn.RecordState("in", "v")]),
    ),
    "neurons": (
        r"RecordState\.ids: 10 is not a neuron of 'a', which has 10. Use 0 to 9",
        run(record=[snn.RecordState("a", "v", ids=[2, 10])]),
    ),
    "neurons of spikes": (r"RecordSpikes\.ids: 99 is not a neuron", run(record=[snn.RecordSpikes("a", ids=[99])])),
    "synapses": (
        r"RecordWeights\.synapses: 60 is not a synapse of 'a_b', which has 60",
        run(record=[snn.RecordWeights("a_b", synapses=[60])]),
    ),
    "every": (r"RecordState\.every: is 0", lambda net: snn.RecordState("a", "v", every=0)),
}


@pytest.mark.parametrize("pattern, action", RUNS.values(), ids=RUNS)
def test_runs(pattern, action):
    refused(snn.RunError, pattern, action)


def test_an_existing_output_file_is_kept(tmp_path, monkeypatch):
    """Nothing is even planned."""
    path = tmp_path / "run.h5"
    path.write_text("precious")
    monkeypatch.setattr(entry, "make_plan", lambda *_, **__: pytest.fail("a plan was made"))
    with pytest.raises(snn.RunError, match=r"run\.h5' exists already.*overwrite=True"):
        snn.simulate(make(), 1.0, to=path)
    assert path.read_text() == "precious"
    with pytest.raises(snn.RunError, match="no existing folder"):
        snn.simulate(make(), 1.0, to=tmp_path / "nowhere" / "run.h5")


@pytest.mark.parametrize("options", [{"dt": 0.3}, {"record": [snn.RecordState("a", "u")]}, {"engine": "fast"}], ids=str)
def test_a_refused_run_leaves_no_file(tmp_path, options):
    with pytest.raises(snn.SnnError):
        snn.simulate(make(), 1.0, to=tmp_path / "run.h5", **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "model, dt", [(Izhikevich(), 1.5), (AdEx(), 5.0), (CobaLIF(tau_exc=0.1), 0.1)], ids=lambda x: type(x).__name__
)
def test_unstable_steps(model, dt):
    net = snn.Network()
    net.add("c", model, 2)
    with pytest.raises(snn.RunError, match=rf"simulate\.dt: {dt:g} ms is too large for population 'c'"):
        snn.simulate(net, 15.0, dt=dt)


def test_a_batch_goes_to_no_file(tmp_path):
    refused(
        snn.RunError,
        r"simulate\.to: several runs",
        lambda net: snn.simulate(net, 1.0, engine=snn.Clocked(seeds=[1, 2]), to=tmp_path / "x.h5"),
    )
