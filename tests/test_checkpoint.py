"""Checkpoints: a run that is continued equals the run that was never stopped, bit for bit."""

import functools
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import DT, Case, assert_same, assert_same_state, case, run, truth
from processes import in_new_process

import snn
from snn.neurons import LIF
from snn.run import state as states

ENGINES = {
    "reference": snn.Reference(),
    "event1": snn.EventDriven(threads=1),
    "event3": snn.EventDriven(threads=3),
    "clocked": snn.Clocked(dtype="float64"),
    "event float32": snn.EventDriven(threads=1, dtype="float32"),
}


def joined(first, second):
    """Two pieces of a run as one Result."""
    spikes = {name: snn.Spikes.concat([s, second.spikes[name]]) for name, s in first.spikes.items()}
    traces = {
        key: snn.Trace(
            np.concatenate([t.times, second.traces[key].times]),
            t.ids,
            np.concatenate([t.data, second.traces[key].data]),
            t.unit,
            t.population,
            t.variable,
        )
        for key, t in first.traces.items()
    }
    return snn.Result(spikes, traces, {})


def assert_split_is_whole(network, engine, at, between=lambda state: state):
    """The run of ``network`` cut at step ``at`` equals the whole one; ``between`` is what happens to the state."""
    whole = run(network, engine)
    first = run(network, engine, at * DT)
    second = run(network, engine, network.duration - at * DT, state=between(first.state))
    both = joined(first, second)
    assert_same(both, whole)
    assert_same_state(second.state, whole.state)


FROM_PYTHON = {("reference", "delta"), ("reference", "graded"), ("clocked", "coba"), ("clocked", "silent")}
"""By default, of the engines that are steered from Python in every step."""


@pytest.mark.parametrize("name, engine", [
    pytest.param(name, engine, id=f"{name}-{key}",
                 marks=[pytest.mark.slow] if key in ("reference", "clocked") and (key, name) not in FROM_PYTHON else [])
    for name in ("delta", "coba", "silent", "graded") for key, engine in ENGINES.items()])
def test_a_split_run_is_the_whole_run(name, engine):
    assert_split_is_whole(case(name), engine, 83)


@settings(max_examples=12)
@given(at=st.integers(0, 9999), name=st.sampled_from(["delta", "cuba", "silent", "silent", "model ALIF", "model AdEx"]))
def test_anywhere_and_through_a_file(at, name, tmp_path_factory):
    def through_file(state):
        path = tmp_path_factory.mktemp("state") / "s.h5"
        snn.save(state, path)
        return snn.load(path)

    steps = round(case(name).duration / DT)
    assert_split_is_whole(case(name), snn.EventDriven(threads=2), 1 + at % (steps - 1), through_file)


def test_state_holds_spikes_in_flight_refractory_times_and_what_arrives():
    state = run(case("delta"), snn.EventDriven(), 20.0).state
    a = state.populations["a"]
    assert state.step == 200 and state.time == pytest.approx(20.0)
    assert len(a.spike_ids) and (a.spike_steps < 200).all() and (a.spike_steps >= 200 - 15).all()
    assert (a.values["ref"] > 0).any()
    assert (a.inputs["delta"][1:] != 0).any()


@pytest.mark.parametrize("name", ["delta", "silent"])
@pytest.mark.parametrize(
    "engines",
    [("event3", "reference"), ("reference", "event3"), ("clocked", "event1"), ("event1", "clocked")],
    ids="-".join,
)
def test_another_engine_can_go_on(engines, name):
    network = case(name)
    first = run(network, ENGINES[engines[0]], 10.0)
    second = run(network, ENGINES[engines[1]], network.duration - 10.0, state=first.state)
    assert_same(joined(first, second), truth(name), traces=False)


def test_all_engines_make_the_same_checkpoint():
    for name in ("delta", "coba"):
        mine, other = (run(case(name), ENGINES[e], 10.0).state for e in ("event3", "reference"))
        for p, saved in mine.populations.items():
            expected = other.populations[p]
            for key in saved.values:
                np.testing.assert_array_equal(saved.values[key], expected.values[key], err_msg=key)
            for key in saved.inputs:
                np.testing.assert_array_equal(saved.inputs[key], expected.inputs[key], err_msg=key)
            np.testing.assert_array_equal(saved.spike_steps, expected.spike_steps)
            np.testing.assert_array_equal(saved.spike_ids, expected.spike_ids)


def go_on():
    result = run(case("coba"), snn.EventDriven(threads=2), 16.0, state=snn.load("s.h5"), to="rest.h5")
    snn.save(result.state, "end.h5")


def test_in_another_process(tmp_path):
    """A state from a file, continued by a process that builds the network anew."""
    network = case("coba")
    snn.save(run(network, snn.EventDriven(), 9.0).state, tmp_path / "s.h5")
    in_new_process(go_on, cwd=tmp_path)
    whole = run(network, snn.EventDriven())
    rest = snn.open(tmp_path / "rest.h5")
    for name, spikes in whole.spikes.items():
        assert rest.spikes[name] == spikes.between(rest.spikes[name].start, spikes.end)
    assert_same_state(snn.load(tmp_path / "end.h5"), whole.state)


def test_recording_a_state_after_a_skipped_silence():
    """A recorded population is stepped: the silence passed over before must be made up for."""
    network = case("silent")
    first = run(network, snn.EventDriven(), 13.5)
    assert first.state.populations["a"].elapsed.any()
    trace = snn.RecordState("a", "v")
    expected = run(Case(network.net, (trace,)), snn.Reference()).traces["a", "v"].data[135:]
    for engine in (snn.EventDriven(), snn.Reference(), snn.Clocked(dtype="float64")):
        second = run(Case(network.net, (trace,)), engine, 11.5, state=first.state)
        np.testing.assert_allclose(second.traces["a", "v"].data, expected, rtol=1e-12)


def test_random_numbers_go_on():
    """The position in the random streams is the step: two continuations agree, and do not repeat the first piece."""
    network = case("model PoissonSource")
    first = run(network, snn.EventDriven(), 10.0)
    again = [run(network, snn.EventDriven(), 10.0, state=first.state) for _ in range(2)]
    assert_same(*again)
    moved = first.spikes["a"].shift(10.0)
    assert not np.array_equal(again[0].spikes["a"].ids, moved.ids)


def small(dt=DT, n=20, delay=1.0, weight=0.5, seed=0, dtype="float64", state=None, duration=2.0):
    net = snn.Network("small")
    a = net.add("a", LIF(), n)
    net.connect(a, a, snn.FixedInDegree(3), port="delta", weight=weight, delay=delay)
    return snn.simulate(
        net, duration, dt=dt, seed=seed, engine=snn.EventDriven(dtype=dtype), state=state, progress=False
    )


@pytest.mark.parametrize(
    "change",
    [{"dt": 0.2}, {"n": 21}, {"delay": 2.0}, {"delay": snn.Choice((1.0, 2.0))}, {"seed": 5}, {"dtype": "float32"}],
    ids=str,
)
def test_a_state_of_another_run_is_refused(change):
    with pytest.raises(snn.RunError, match=r"simulate\.state: its (dt|popul|proj|seed|dtype).* is .*Continue"):
        small(**change, state=small().state)


@pytest.mark.parametrize("thing", ["s.h5", 3, {}], ids=repr)
def test_a_thing_that_is_no_state_is_refused(thing):
    with pytest.raises(snn.RunError, match=r"simulate\.state: is a .*snn\.load"):
        small(state=thing)


def test_a_batch_cannot_be_continued():
    net = snn.Network()
    net.add("a", LIF(), 3)
    first = snn.simulate(net, 1.0, progress=False)
    with pytest.raises(snn.RunError, match="several runs"):
        snn.simulate(net, 1.0, engine=snn.Clocked(dtype="float64", seeds=[1, 2]), state=first.state)


# -- files ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "s.h5"
    snn.save(small().state, path)
    return path


def test_a_state_file_is_hdf5(saved):
    import h5py

    with h5py.File(saved) as file:
        assert file.attrs["format"] == "snn-state" and file.attrs["step"] == 20
        assert file["populations/a/state/v"].shape == (20,)


def test_existing_files_are_kept(saved):
    before = saved.read_bytes()
    with pytest.raises(snn.RunError, match=r"save\.path: .*exists.*overwrite=True"):
        snn.save(small(duration=3.0).state, saved)
    assert saved.read_bytes() == before
    snn.save(small(duration=3.0).state, saved, overwrite=True)
    assert snn.load(saved).step == 30
    assert [f.name for f in saved.parent.iterdir()] == ["s.h5"]


def test_what_cannot_be_saved(tmp_path):
    with pytest.raises(snn.RunError, match=r"save\.state: is a Result.*result\.state"):
        snn.save(small(), tmp_path / "s.h5")
    with pytest.raises(snn.OutputError, match=r"save\.path: cannot write .*another place"):
        snn.save(small().state, tmp_path / "nowhere" / "s.h5")


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(snn.MissingFile, match="does not exist"):
        snn.load(tmp_path / "none.h5")
    run(case("replayed"), snn.EventDriven(), 1.0, to=tmp_path / "archive.h5")
    (tmp_path / "text.h5").write_text("hello")
    (tmp_path / "empty.h5").write_bytes(b"")
    for foreign in (tmp_path / "archive.h5", tmp_path / "text.h5", tmp_path / "empty.h5", tmp_path):
        with pytest.raises(snn.DataError, match=r"load\.path: .*snn\.save"):
            snn.load(foreign)


@functools.cache
def state_file(folder):
    """The bytes of a state in a file."""
    snn.save(small().state, folder / "s.h5")
    return (folder / "s.h5").read_bytes()


@settings(max_examples=40)
@given(data=st.data())
def test_damaged_files(data, tmp_path_factory):
    """Cut off or changed anywhere: one clear error (the HDF5 library alone crashes on some of these)."""
    path = tmp_path_factory.mktemp("damaged") / "s.h5"
    whole = state_file(tmp_path_factory.getbasetemp())
    place = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        path.write_bytes(whole[:place])
    else:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ data.draw(st.integers(1, 255))]) + whole[place + 1 :])
    with pytest.raises(snn.DataError, match=r"load\.path: .*intact"):
        snn.load(path)


def test_a_file_of_a_newer_version(saved, monkeypatch):
    monkeypatch.setattr(states, "VERSION", 0)
    with pytest.raises(snn.DataError, match="version 1; this library reads up to 0. Update"):
        snn.load(saved)


def save_on_a_full_disk():
    import resource

    net = snn.Network()
    net.add("a", LIF(), 3000)
    state = snn.simulate(net, 1.0, record=[snn.RecordState("a", "v")], progress=False).state
    snn.save(state, "s.h5")
    with open("s.h5", "rb") as file:
        before = file.read()
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
    with pytest.raises(snn.OutputError, match=r"save\.path: cannot write"):
        snn.save(state, "s.h5", overwrite=True)
    with open("s.h5", "rb") as file:
        return file.read() == before, os.listdir()


def test_disk_full(tmp_path):
    """Nothing half-written stays behind, and an older file is kept."""
    pytest.importorskip("resource")
    assert in_new_process(save_on_a_full_disk, cwd=tmp_path) == (True, ["s.h5"])


def test_a_state_goes_on_under_other_drives():
    """What a drive left behind still moves, although nothing of this network would have moved it."""
    def network(driven):
        net = snn.Network()
        a = net.add("a", LIF(), 5)
        if driven:
            net.drive(a, snn.CurrentInput([100.0, 200.0, 300.0, 400.0, 500.0]), port="current")
        return net

    ends = {}
    for engine in (snn.Reference(), snn.EventDriven(threads=1)):
        first = snn.simulate(network(True), 20.0, engine=engine)
        second = snn.simulate(network(False), 30.0, engine=engine, state=first.state,
                              record=[snn.RecordSpikes("a"), snn.RecordState("a", "v")])
        silent = snn.simulate(network(False), 30.0, engine=engine, state=first.state)
        assert silent.spikes["a"] == second.spikes["a"]
        ends[engine] = second.traces["a", "v"].data
    reference, event = ends.values()
    assert np.array_equal(reference, event)
    assert np.abs(reference[0] - reference[-1]).max() > 1.0
