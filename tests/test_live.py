"""Runs that are controlled from Python between their pieces: inputs, modulators, freezing, weights."""
import threading

import numpy as np
import pytest
from plastic_networks import DT, ENGINES, assert_same_projections, quick, recurrent, teach

import snn
from snn.neurons import LIF, SpikeSource
from snn.plasticity import ModulatedSTDP, PairSTDP

ALL = pytest.mark.parametrize("engine", ["reference", "event2", "event1 float32", "clocked", "clocked float32"])


def start(net, engine="event1", **options):
    return snn.start(net, **{"dt": DT, "engine": ENGINES.get(engine, engine), "seed": 3, **options})


def driven(control, n=6):
    """Cells that integrate a controlled current and never fire."""
    net = snn.Network("driven")
    a = net.add("a", LIF(V_th=1e6), n)
    net.drive(a, control, port="current")
    return net


def learner(rule=None, **options):
    net, *_ = teach(rule or quick("PairSTDP"), n_pre=6, n_post=5, **options)
    return net


# Pieces


@ALL
def test_pieces_are_one_run(engine):
    net = recurrent([quick("PairSTDP"), quick("WeightNormalisation")], n=120)
    record = [snn.RecordSpikes("a"), snn.RecordState("a", "v", ids=[3, 0], every=3), snn.RecordWeights("rec")]
    whole = snn.simulate(net, 20.0, dt=DT, engine=ENGINES[engine], seed=3, record=record, progress=False)
    with start(net, engine, record=record) as sim:
        assert sim.time == 0.0
        pieces = [sim.run(d) for d in (0.5, 6.5, 13.0)]
        assert sim.time == 20.0
        assert_same_projections(sim.state.projections, whole.state.projections)
    assert snn.Spikes.concat([p.spikes["a"] for p in pieces]) == whole.spikes["a"]
    traces = [p.traces["a", "v"] for p in pieces]
    np.testing.assert_array_equal(np.concatenate([t.data for t in traces]), whole.traces["a", "v"].data)
    np.testing.assert_allclose(np.concatenate([t.times for t in traces]), whole.traces["a", "v"].times)
    np.testing.assert_array_equal(pieces[-1].weights["rec"].data[-1], whole.weights["rec"].data[-1])
    assert [p.spikes["a"].start for p in pieces] == [0.0, 0.5, 7.0]


def test_looking_changes_nothing():
    net = recurrent(quick("RewardSTDP"), n=120)
    with start(net, "event1 float32") as still, start(net, "event1 float32") as watched:
        still.run(12.0)
        for _ in range(12):
            watched.run(1.0)
            watched.weights("rec"), watched.states("a", "v"), watched.connections("in"), watched.state
        assert_same_projections(still.state.projections, watched.state.projections)


def test_state_goes_on_elsewhere():
    net = recurrent(quick("RewardSTDP"), n=120)
    with start(net) as sim:
        sim.run(7.5)
        state = sim.state
        sim.run(7.5)
        expected = sim.state
    assert_same_projections(
        snn.simulate(net, 7.5, dt=DT, seed=3, state=state, progress=False).state.projections, expected.projections)


# Inputs


@ALL
def test_set_input_follows_the_closed_form(engine):
    """v relaxes to E_L + I tau / C from wherever it is."""
    control = snn.ControlledInput(100.0)
    with start(driven(control), engine) as sim:
        v = -70.0
        for now in (100.0, np.linspace(-50.0, 300.0, 6), 0.0):
            sim.set_input(control, now)
            sim.run(DT)
            v = sim.states("a", "v")
            sim.run(30.0)
            goal = -70.0 + np.broadcast_to(now, 6) * 20.0 / 250.0
            v = goal + (v - goal) * np.exp(-30.0 / 20.0)
            np.testing.assert_allclose(sim.states("a", "v"), v, rtol=1e-5 if "32" in engine else 1e-12)


def test_an_input_begins_with_its_value_and_is_shared():
    control = snn.ControlledInput(np.arange(6.0))
    net = driven(control)
    b = net.add("b", LIF(V_th=1e6), 6)
    net.drive(b, control, port="current")
    with start(net) as sim:
        sim.run(DT)
        np.testing.assert_array_equal(sim.states("b", "i"), np.arange(6.0))
        sim.set_input(control, 7.0)
        sim.run(DT)
        assert set(sim.states("a", "i")) == set(sim.states("b", "i")) == {7.0}


# Modulators


@ALL
def test_modulate_by_object_and_by_name(engine):
    """Pair STDP times the modulator: with 0 nothing moves, with -1 the mirror image of 1."""
    dopamine = snn.Modulator(0.0)
    ends = []
    net = learner(ModulatedSTDP(A_plus=0.001, A_minus=0.001), modulator=dopamine, w=0.5)
    for how, value in ((dopamine, 1.0), (dopamine, -1.0), ("plastic", 1.0)):
        with start(net, engine) as sim:
            sim.run(20.0)
            assert (sim.weights("plastic") == 0.5).all()
            sim.modulate(how, value)
            sim.run(30.0)
            ends.append(sim.weights("plastic") - 0.5)
    np.testing.assert_array_equal(ends[0], ends[2])
    np.testing.assert_allclose(ends[0], -ends[1], atol=1e-12 if ends[0].dtype == np.float64 else 1e-6)
    assert np.abs(ends[0]).max() > 1e-3


# Weights, states, connections


@ALL
def test_set_weights(engine):
    with start(learner(), engine) as sim:
        sim.run(20.0)
        wanted = np.linspace(0.0, 1.0, 30)
        sim.set_weights("plastic", wanted)
        np.testing.assert_allclose(sim.weights("plastic"), wanted, rtol=1e-7)
        sim.set_weights("plastic", 0.25)
        assert (sim.weights("plastic") == 0.25).all()
        sim.run(20.0)
        assert (sim.weights("plastic") != 0.25).any()


@pytest.mark.parametrize("engine", ["reference", "event1", "event1 float32"])
def test_weights_may_be_put_back(engine):
    with start(learner(PairSTDP(w_max=0.3), w=0.3), engine) as sim:
        sim.set_weights("plastic", sim.weights("plastic"))


def test_connections_and_static_weights():
    net = recurrent(quick("PairSTDP"), n=120)
    net.connect(net.populations["a"], net.populations["a"][5:9], snn.AllToAll(),
                port="delta", weight=0.125, delay=1.0, name="static")
    with start(net) as sim:
        for name in ("in", "rec", "static"):
            pre, post = sim.connections(name)
            assert pre.shape == post.shape == sim.weights(name).shape and (np.diff(pre) >= 0).all()
        assert set(post) == set(range(5, 9)) and set(sim.weights("static")) == {0.125}
        pre, post = sim.connections("rec")
        assert pre.min() >= 120 // 16 and pre.max() < 97 and post.min() >= 40 and post.max() < 110


def test_connections_follow_structural_plasticity():
    net = recurrent([quick("PairSTDP"), quick("StructuralPlasticity")], n=120)
    with start(net) as sim:
        before = sim.connections("in")
        sim.run(20.0)
        after = sim.connections("in")
        np.testing.assert_array_equal(before[0], after[0])
        assert not np.array_equal(before[1], after[1])


def test_weights_are_copies():
    with start(learner()) as sim:
        sim.weights("plastic")[:] = 0.0
        assert (sim.weights("plastic") > 0.0).any()


# Several seeds


def noisy(rule=None):
    return recurrent(rule or quick("PairSTDP"), n=60)


def test_several_seeds():
    """A row per seed; every row is the run of that seed alone on the same connections."""
    net, engine = noisy(quick("RewardSTDP")), snn.Clocked(dtype="float64", seeds=[3, 8])
    with start(net, engine) as sim:
        results = sim.run(12.0)
        sim.freeze("in")
        sim.modulate("rec", 0.1)
        more = sim.run(6.0)
        weights, v, states = sim.weights("rec"), sim.states("a", "v"), sim.state
    assert len(results) == len(more) == len(states) == 2
    assert weights.shape[0] == 2 and v.shape == (2, 60) and not np.array_equal(*weights)
    with start(net, "clocked") as alone:
        first = alone.run(12.0)
        alone.freeze("in")
        alone.modulate("rec", 0.1)
        alone.run(6.0)
        np.testing.assert_array_equal(alone.weights("rec"), weights[0])
        np.testing.assert_array_equal(alone.states("a", "v"), v[0])
    assert first.spikes["a"] == results[0].spikes["a"] != results[1].spikes["a"]


def test_a_list_of_one_seed_is_a_list():
    with start(noisy(), snn.Clocked(seeds=[5])) as sim:
        assert len(sim.run(1.0)) == 1
        assert sim.states("a", "v").shape == (1, 60)
        assert sim.weights("rec").shape[0] == 1 and sim.weights("rec").ndim == 2


# Ends and errors


def test_closed():
    sim = start(learner())
    sim.run(1.0)
    sim.close()
    sim.close()
    for use in (lambda: sim.run(1.0), lambda: sim.time, lambda: sim.state, lambda: sim.weights("plastic"),
                lambda: sim.freeze(), lambda: sim.modulate("plastic", 1.0), lambda: sim.connections("plastic"),
                lambda: sim.set_weights("plastic", 0.1), lambda: sim.states("post", "v")):
        with pytest.raises(snn.RunError, match=r"^Simulation: is closed\. Start a new one"):
            use()


def test_threads_end_with_the_simulation():
    before = threading.active_count()
    with start(recurrent(quick("PairSTDP"), n=520), "event3") as sim:
        sim.run(1.0)
        assert threading.active_count() > before
    assert threading.active_count() == before


def test_an_interrupted_piece(monkeypatch):
    """Ctrl-C ends the piece behind its block; the next piece goes on from there, and nothing is lost."""
    import os
    import signal

    net = recurrent(quick("PairSTDP"), n=60)
    with start(net) as sim, start(net) as other:
        advance, calls = sim._open.advance, []

        def interrupted(stop):
            calls.append(stop)
            if len(calls) == 1:
                os.kill(os.getpid(), signal.SIGINT)
            return advance(stop)

        monkeypatch.setattr(sim._open, "advance", interrupted)
        with pytest.warns(RuntimeWarning, match="interrupted at"):
            first = sim.run(20.0)
        assert first.meta["interrupted"] and 0.0 < sim.time < 20.0
        second = sim.run(20.0 - sim.time)
        whole = other.run(20.0)
        assert snn.Spikes.concat([first.spikes["a"], second.spikes["a"]]) == whole.spikes["a"]
        assert_same_projections(sim.state.projections, other.state.projections)


def test_a_source_alone_runs_in_pieces():
    net = snn.Network("source")
    net.add("s", SpikeSource(snn.Spikes([1.0, 2.0, 2.5, 7.0], [0, 1, 1, 0], 2, 10.0)), 2)
    with start(net) as sim:
        assert [len(sim.run(d).spikes["s"].ids) for d in (2.0, 0.5, 4.0, 2.0)] == [2, 1, 0, 1]


def test_a_state_that_nothing_reads_is_not_made_up():
    net = snn.Network("poisson")
    net.add("a", snn.neurons.PoissonSource(rate=100.0), 3)
    with snn.start(net, dt=DT) as sim:
        sim.run(1.0)
        with pytest.raises(snn.RunError, match="nothing reads 'p' of 'a'.*RecordState"):
            sim.states("a", "p")
    with snn.start(net, dt=DT, record=[snn.RecordState("a", "p")]) as sim:
        trace = sim.run(1.0).traces["a", "p"].data[-1]
        np.testing.assert_array_equal(sim.states("a", "p"), trace)
