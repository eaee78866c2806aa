"""The entry: what a run gives back, and that neither blocks, buffers nor recorders change it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import DT, RANDOM_DELAYS, Case, assert_same, case, run, truth
from processes import in_new_process

import snn
from snn.neurons import ALIF, IF, LIF, CobaLIF, CubaLIF, PoissonSource
from snn.run import recorders, simulate

PORTS = {
    LIF: {"delta": 3.0},
    ALIF: {"delta": 3.0},
    IF: {"delta": 2.0},
    CubaLIF: {"exc": 60.0, "inh": -60.0},
    CobaLIF: {"exc": 3.0, "inh": 2.0},
}
CURRENT = {LIF: 250.0, ALIF: 250.0, IF: 200.0, CubaLIF: 150.0, CobaLIF: 120.0}


def _drive(draw, net, post):
    drive = draw(st.sampled_from(["none", "current", "poisson"]))
    if drive == "current":
        net.drive(post, snn.CurrentInput(CURRENT[type(post.model)] * draw(st.sampled_from([0.5, 2.0]))), port="current")
    elif drive == "poisson":
        port, weight = next(iter(PORTS[type(post.model)].items()))
        net.drive(post, snn.PoissonInput(rate=2000.0, weight=weight), port=port)


@st.composite
def networks(draw):
    """Up to three populations of any size and model, connected at random."""
    net = snn.Network("random")
    sizes = st.sampled_from([1, 2, 7, 8, 15, 16, 17, 60, 255, 256, 257, 300])
    given_models = draw(st.lists(st.sampled_from(list(PORTS)), min_size=1, max_size=2))
    targets = [
        net.add(f"p{k}", M(), draw(sizes), init=draw(st.sampled_from([{}, {"v": snn.Uniform(-70.0, -49.0)}])))
        for k, M in enumerate(given_models)
    ]
    sources = [*targets, net.add("source", PoissonSource(rate=300.0), draw(sizes))]
    for _ in range(draw(st.integers(1, 4))):
        pre, post = draw(st.sampled_from(sources)), draw(st.sampled_from(targets))
        port, weight = draw(st.sampled_from(list(PORTS[type(post.model)].items())))
        k = draw(st.integers(1, 6))
        rule = draw(
            st.sampled_from(
                [
                    snn.Probability(0.2),
                    snn.FixedInDegree(k, multi_edges=True),
                    snn.AllToAll(),
                    snn.FixedOutDegree(k, multi_edges=True),
                    snn.FixedTotal(k * 3, multi_edges=True),
                ]
            )
        )
        net.connect(
            pre[draw(st.integers(0, pre.n - 1)) :],
            post[: draw(st.integers(1, post.n))],
            rule,
            port=port,
            weight=draw(st.sampled_from([weight, snn.Uniform(0.0, weight) if weight > 0 else weight])),
            delay=draw(st.sampled_from([DT, 1.3, RANDOM_DELAYS, snn.Choice((0.1, 0.2))])),
        )
    for post in targets:
        _drive(draw, net, post)
    return Case(net, duration=12.0)


@settings(max_examples=10)
@given(network=networks(), threads=st.integers(1, 3))
def test_random_networks(network, threads):
    check_random_network(network, threads)


@pytest.mark.slow       # 30 s
@settings(max_examples=100)
@given(network=networks(), threads=st.integers(1, 3))
def test_many_random_networks(network, threads):
    check_random_network(network, threads)


def check_random_network(network, threads):
    """Event-driven equals the reference, for any network; and so does a run in two pieces."""
    engine = snn.EventDriven(threads=threads)
    whole = run(network, engine)
    assert_same(whole, run(network, snn.Reference()))
    first = run(network, engine, 4.4)
    rest = run(network, engine, 7.6, state=first.state)
    for name, spikes in whole.spikes.items():
        parts = [first.spikes[name], rest.spikes[name]]
        assert np.concatenate([p.times for p in parts]).tobytes() == spikes.times.tobytes()
        assert np.concatenate([p.ids for p in parts]).tobytes() == spikes.ids.tobytes()


@pytest.mark.parametrize("engine", [snn.EventDriven(threads=1), snn.EventDriven(threads=3), snn.Reference()], ids=str)
def test_blocks_and_buffers_change_nothing(engine, monkeypatch):
    """With tiny buffers every block ends early, for the sake of the fullest recorder."""
    monkeypatch.setattr(simulate, "BLOCK_SECONDS", 1e-9)
    assert_same(run(case("delta"), engine), truth("delta"))
    monkeypatch.setattr(simulate, "BLOCK_SECONDS", 1e9)
    monkeypatch.setattr(recorders, "SPIKE_BUFFER", 1)
    monkeypatch.setattr(recorders, "TRACE_BUFFER_BYTES", 1)
    assert_same(run(case("delta"), engine), truth("delta"))
    monkeypatch.setattr(recorders, "SPIKE_BUFFER", 1 << 18)
    assert_same(run(case("cuba"), engine), truth("cuba"))


RECORDERS = {
    "nothing": [],
    "spikes of some": [snn.RecordSpikes("exc", ids=[7, 3, 200]), snn.RecordSpikes("inh")],
    "traces": [
        snn.RecordSpikes("exc"),
        snn.RecordState("exc", "v", ids=[4], every=13),
        snn.RecordState("exc", "x.exc"),
    ],
    "all states": [snn.RecordSpikes("inh"), *(snn.RecordState("inh", s) for s in ("i", "ref", "g_exc", "g_inh"))],
    "weights": [snn.RecordWeights("exc_exc", every=1.0), snn.RecordSpikes("exc")],
}


@pytest.mark.parametrize("requests", RECORDERS.values(), ids=RECORDERS)
def test_recorders_change_nothing(requests):
    mine, expected = run(case("coba"), snn.EventDriven(), record=requests), truth("coba")
    for name, spikes in mine.spikes.items():
        asked = next(r.ids for r in requests if isinstance(r, snn.RecordSpikes) and r.population == name)
        assert spikes == (expected.spikes[name] if asked is None else expected.spikes[name].of(asked))
    for p, saved in mine.state.populations.items():
        for key, values in run(case("coba"), snn.EventDriven()).state.populations[p].values.items():
            np.testing.assert_array_equal(values, saved.values[key])


def test_traces_stand_at_the_multiples_of_every():
    trace = truth("cuba").traces["inh", "v"]
    assert trace.ids.tolist() == [3, 1] and trace.unit == "mV" and trace.population == "inh"
    np.testing.assert_allclose(trace.times, np.arange(1, 36) * 0.7)
    dense = run(case("cuba"), snn.EventDriven(), record=[snn.RecordState("inh", "v")]).traces["inh", "v"]
    np.testing.assert_array_equal(trace.data, dense.data[6::7][:, [3, 1]])


def test_weights_are_recorded_with_their_neurons():
    result = run(
        case("replayed"),
        snn.EventDriven(),
        3.0,
        record=[
            snn.RecordWeights("in_a", every=1.0),
            snn.RecordWeights("in_a_2"),
            snn.RecordWeights("a_a", synapses=[1, 0]),
        ],
    )
    sampled, listed = result.weights["in_a"], result.weights["in_a_2"]
    np.testing.assert_allclose(sampled.times, [0.0, 1.0, 2.0, 3.0])
    assert (sampled.data == sampled.data[0]).all() and 0 <= sampled.data.min() < sampled.data.max() < 16
    np.testing.assert_allclose(listed.times, [3.0])
    # The edge list was given in another order than the rows, numbers within the slices [5:8] and [590:].
    edges = sorted(zip(listed.pre.tolist(), listed.post.tolist(), listed.data[0].tolist(), strict=True))
    assert edges == [(5, 590, 4.0), (7, 591, 6.0), (7, 599, 3.0), (7, 599, 5.0)]
    assert result.weights["a_a"].data.shape == (1, 2)


def test_by_default_all_spikes_are_recorded():
    result = snn.simulate(case("coba").net, 5.0, seed=3, progress=False)
    assert set(result.spikes) == {"exc", "inh"} and not result.traces and not result.weights
    assert result.spikes["exc"] == truth("coba").spikes["exc"].between(0.0, 5.0)


def test_a_streamed_run_is_the_run_in_memory(tmp_path):
    streamed = run(case("cuba"), snn.EventDriven(), to=tmp_path / "run.h5")
    again = snn.open(tmp_path / "run.h5")
    for result in (streamed, again):
        assert_same(result, truth("cuba"))
    assert streamed.state is not None and streamed.plan is not None
    assert again.meta["complete"] and not again.meta["interrupted"]


def test_meta_says_what_was_run():
    import json

    result = run(case("delta"), snn.EventDriven(threads=2), 2.0)
    meta = json.loads(json.dumps(result.meta))
    assert (meta["dt"], meta["seed"], meta["dtype"], meta["duration"], meta["threads"]) == (DT, 3, "float64", 2.0, 2)
    assert meta["engine"] == "EventDriven(threads=2, dtype='float64')" and meta["interrupted"] is False
    assert meta["versions"]["snn"] == snn.__version__
    assert meta["network"]["populations"]["a"] == {"model": "LIF", "n": 300}
    assert set(meta["wall_s"]) >= {"build", "prepare", "run"} and all(x >= 0 for x in meta["wall_s"].values())
    assert "a: 300 LIF, stepped" in meta["plan"]


def test_seeds_matter():
    same, other = (run(case("delta"), snn.EventDriven(), 10.0, seed=s).spikes["a"] for s in (3, 4))
    assert same == truth("delta").spikes["a"].between(0.0, 10.0)
    assert same != other


def test_progress_goes_to_stderr_only_when_asked(capsys, monkeypatch):
    run(case("delta"), snn.EventDriven(), 1.0, progress=False)
    assert capsys.readouterr().err == ""


def run_into_a_full_disk():
    import resource

    net = snn.Network()
    net.add("a", PoissonSource(rate=900.0), 2000)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, 4_000_000))
    with pytest.raises(snn.OutputError):
        snn.simulate(net, 2000.0, to="run.h5", progress=False)
    spikes = snn.open("run.h5").spikes["a"]
    return len(spikes), spikes.duration


def test_the_disk_is_full(tmp_path):
    """The error is ours, and what was written before stays readable."""
    pytest.importorskip("resource")
    kept, duration = in_new_process(run_into_a_full_disk, cwd=tmp_path)
    assert kept > 1000 and 0 < duration < 2000.0
