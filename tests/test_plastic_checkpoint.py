"""Checkpoints of plastic networks: a run in pieces equals the run in one, in memory, from files, across engines."""
import functools

import numpy as np
import pytest
from plastic_networks import (
    DT,
    ENGINES,
    assert_equal,
    assert_near,
    assert_same_projections,
    given_spikes,
    plastic,
    quick,
    recurrent,
    run,
    several,
    teach,
)

import snn
from snn.neurons import LIF
from snn.plasticity import ModulatedSTDP, PairSTDP, RewardSTDP, StructuralPlasticity
from snn.traces import Weights

LENGTH = 12.0
CASES = {
    "sums": ("PairSTDP", "TsodyksMarkram"),
    "notes": ("MultiplicativeSTDP",),
    "eligibility": ("RewardSTDP",),
    "reads": ("Clopath",),
    "in time": ("TripletSTDP", "WeightNormalisation"),
    "structure": ("RewardSTDP", "StructuralPlasticity"),
}


@functools.cache
def network(name):
    return recurrent(several(*CASES[name]), n=270, dendritic=0.5)


@functools.cache
def whole(name, engine):
    return run(network(name), ENGINES[engine], LENGTH, every=4.0)


def piece(net, engine, duration, state=None):
    return run(net, ENGINES[engine], duration, every=4.0, state=state)


def joined(first, second):
    """Two pieces as one Result; a sample at the seam is in both and equal."""
    spikes = {name: snn.Spikes.concat([s, second.spikes[name]]) for name, s in first.spikes.items()}
    weights = {}
    for name, a in first.weights.items():
        b = second.weights[name]
        twice = bool(len(a.times) and len(b.times) and a.times[-1] == b.times[0])
        assert not twice or a.data[-1].tobytes() == b.data[0].tobytes()
        times, data = np.append(a.times, b.times[twice:]), np.concatenate([a.data, b.data[twice:]])
        weights[name] = Weights(name, a.pre, a.post, times, data, a.unit)
    return snn.Result(spikes, {}, weights, {})


def assert_split_is_whole(name, engine, at, between=lambda state: state):
    first = piece(network(name), engine, at * DT)
    second = piece(network(name), engine, LENGTH - at * DT, between(first.state))
    assert_equal(joined(first, second), whole(name, engine))
    assert_same_projections(second.state.projections, whole(name, engine).state.projections)


@pytest.fixture
def through_file(tmp_path):
    def through(state):
        snn.save(state, tmp_path / "s.h5", overwrite=True)
        return snn.load(tmp_path / "s.h5")

    return through


@pytest.mark.parametrize("engine", [
    pytest.param("reference", marks=pytest.mark.slow), "event2", "event1 float32",
    pytest.param("clocked float32", marks=pytest.mark.slow),        # 15 s together
])
@pytest.mark.parametrize("name", CASES)
def test_a_split_run_is_the_whole_run(name, engine):
    assert_split_is_whole(name, engine, 17)


PLACES = [(1, "event1"), (15, "event2 float32"), (16, "event1"), (23, "event2 float32")]
WORST = ("sums", "structure")
"""Cases with the most to keep: all places by default, of the others two."""


@pytest.mark.parametrize(("name", "at", "engine"), [
    pytest.param(name, at, engine, id=f"{name}-{at}-{engine}",
                 marks=[] if name in WORST or (k + j) % 2 else pytest.mark.slow)
    for k, name in enumerate(CASES) for j, (at, engine) in enumerate(PLACES)])
def test_anywhere_and_through_a_file(name, at, engine, through_file):
    assert_split_is_whole(name, engine, at, through_file)


@pytest.mark.parametrize("name", [*sorted(set(CASES) - {"reads"}), "reads"])
@pytest.mark.parametrize("engines", [("reference", "event2"), ("event2", "reference")], ids="-".join)
def test_another_engine_goes_on(name, engines):
    first = piece(network(name), engines[0], 17 * DT)
    second = piece(network(name), engines[1], LENGTH - 17 * DT, first.state)
    assert_equal(joined(first, second), whole(name, "reference"))


@pytest.mark.parametrize("engines", [("clocked", "event1"), ("event1", "clocked")], ids="-".join)
def test_clocked_hands_over(engines):
    first = piece(network("eligibility"), engines[0], 17 * DT)
    second = piece(network("eligibility"), engines[1], LENGTH - 17 * DT, first.state)
    assert_near(joined(first, second), whole("eligibility", "reference"), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("engines", [("clocked float32", "event1 float32"), ("event1 float32", "clocked float32")],
                         ids="-".join)
def test_running_sums_are_handed_over(engines):
    """What is put off is applied for an engine that puts nothing off, and begins anew behind it."""
    net, *_ = teach(quick("PairSTDP", tau_plus=5.0), duration=80.0, silent=(20.0, 50.0))
    expected = run(net, snn.EventDriven(), 80.0).weights["plastic"].data[-1]
    state = run(net, ENGINES[engines[0]], 43.5).state
    found = run(net, ENGINES[engines[1]], 36.5, state=state).weights["plastic"].data[-1]
    np.testing.assert_allclose(found, expected, atol=2e-4)


def periods_of(engine_net, engine):
    """Steps after which the sums of a network begin anew."""
    with snn.start(engine_net, dt=DT, engine=engine) as sim:
        return sim._open.groups[0].period


@pytest.mark.parametrize("offset", [-1, 0, 1, 5])
def test_cut_inside_and_at_the_end_of_a_period(offset, through_file):
    net, *_ = teach(quick("PairSTDP", tau_plus=2.0))
    for engine in ("event1 float32", "event2 float32"):
        at = 2 * periods_of(net, ENGINES[engine]) + offset
        assert 0 < at < 400
        one = run(net, ENGINES[engine], 200.0)
        state = through_file(run(net, ENGINES[engine], at * DT).state) if offset == 0 else run(
            net, ENGINES[engine], at * DT).state
        two = run(net, ENGINES[engine], 200.0 - at * DT, state=state)
        assert one.weights["plastic"].data[-1].tobytes() == two.weights["plastic"].data[-1].tobytes()
        assert_same_projections(one.state.projections, two.state.projections)


def test_what_a_checkpoint_holds():
    held = whole("structure", "event1").state.projections["rec"]
    assert {"targets", "group", "frozen", "0/weight", "0/synapse/0/e", "0/at", "0/pre/0/x", "0/post/0/y", "0/x_at",
            "0/mod"} <= held.keys()
    groups = held["group"].max()
    assert groups == 1 and all(f"{g}/weight" in held for g in range(groups + 1))
    started = run(network("structure"), snn.EventDriven(), DT).state.projections["rec"]
    assert not np.array_equal(held["targets"], started["targets"])


# Modulators


@pytest.mark.parametrize("engine", ["reference", "event2", "event1 float32", "clocked"])
def test_the_value_of_a_modulator_is_kept(engine, through_file):
    dopamine = snn.Modulator()
    net, *_ = teach(RewardSTDP(tau_e=50.0), modulator=dopamine, duration=60.0)
    ends = {}
    for cut in (False, True):
        with snn.start(net, dt=DT, engine=ENGINES[engine]) as sim:
            sim.run(20.0)
            sim.modulate(dopamine, np.linspace(-0.05, 0.05, 20))
            sim.run(10.0)
            state = through_file(sim.state)
            if not cut:
                sim.run(20.0)
                ends[cut] = sim.state
        if cut:
            with snn.start(net, dt=DT, engine=ENGINES[engine], state=state) as sim:
                sim.run(20.0)
                ends[cut] = sim.state
    assert_same_projections(ends[False].projections, ends[True].projections)
    assert ends[True].projections["plastic"]["0/mod"][0] == pytest.approx(-0.05)


def by_population():
    net = snn.Network("by population")
    given = net.add("given", given_spikes(), 30)
    a = net.add("a", LIF(V_th=-60.0), 40)
    net.drive(a, snn.CurrentInput(np.linspace(50.0, 300.0, 40)), port="current")
    m = snn.PopulationModulator(given, tau=10.0, every=4.0, gain=20.0, baseline=0.5)
    net.connect(given, a, snn.FixedOutDegree(10), port="delta", weight=0.5, delay=1.0, name="in",
                plasticity=snn.Plastic(ModulatedSTDP(), modulator=m))
    return net


@pytest.mark.parametrize("engine", ["reference", "event2", "event1 float32", "clocked"])
@pytest.mark.parametrize("at", [
    16, 19])
def test_the_activity_of_a_population_is_kept(at, engine, through_file):
    one = run(by_population(), ENGINES[engine], 16.0)
    state = through_file(run(by_population(), ENGINES[engine], at * DT).state)
    two = run(by_population(), ENGINES[engine], 16.0 - at * DT, state=state)
    assert_same_projections(one.state.projections, two.state.projections)
    assert one.weights["in"].data[-1].tobytes() == two.weights["in"].data[-1].tobytes()


# Frozen


@pytest.mark.parametrize(("name", "engine"), [
    ("RewardSTDP", "reference"), ("RewardSTDP", "event2"), ("RewardSTDP", "event1 float32"), ("RewardSTDP", "clocked"),
    ("PairSTDP", "event2"), ("PairSTDP", "event1 float32"), ("MultiplicativeSTDP", "event2"),
    *(pytest.param(*case, marks=pytest.mark.slow) for case in (
        ("PairSTDP", "reference"), ("PairSTDP", "clocked"), ("MultiplicativeSTDP", "reference"),
        ("MultiplicativeSTDP", "event1 float32"), ("MultiplicativeSTDP", "clocked")))])
def test_frozen_projections_stay_frozen(name, engine, through_file):
    net, *_ = teach(quick(name), duration=80.0)
    with snn.start(net, dt=DT, engine=ENGINES[engine]) as sim:
        sim.run(20.0)
        sim.freeze("plastic")
        frozen = sim.weights("plastic")
        sim.run(20.5)
        state = through_file(sim.state)
        sim.freeze(frozen=False)
        sim.run(20.0)
        expected = sim.state
    with snn.start(net, dt=DT, engine=ENGINES[engine], state=state) as sim:
        np.testing.assert_array_equal(sim.weights("plastic"), frozen)
        sim.run(0.5)
        np.testing.assert_array_equal(sim.weights("plastic"), frozen)
    with snn.start(net, dt=DT, engine=ENGINES[engine], state=state) as sim:
        sim.freeze(frozen=False)
        sim.run(20.0)
        assert_same_projections(sim.state.projections, expected.projections)


# Changed rules


def two(plasticity):
    net = snn.Network("two")
    a = net.add("a", LIF(), 3)
    net.connect(a, a, snn.AllToAll(), port="delta", weight=0.5, delay=1.0, name="rec", plasticity=plasticity)
    return net


@pytest.mark.parametrize("before, after, words", [
    (PairSTDP(), PairSTDP(A_plus=0.02), ["A_plus=0.01", "A_plus=0.02"]),
    (PairSTDP(), PairSTDP(w_max=2.0), ["w_max=1", "w_max=2"]),
    (PairSTDP(), quick("NearestSTDP"), ["PairSTDP", "NearestSTDP"]),
    (PairSTDP(), [PairSTDP(), StructuralPlasticity()], ["PairSTDP", "and StructuralPlasticity"]),
    (PairSTDP(), None, ["PairSTDP", "no rule"]),
    (None, PairSTDP(), ["no rule", "PairSTDP"]),
    (snn.Plastic(PairSTDP(), dendritic=0.5), snn.Plastic(PairSTDP(), dendritic=1.0), ["of 1 steps", "of 2 steps"]),
    (PairSTDP(), snn.Plastic(PairSTDP(), dendritic=0.0), ["of 2 steps", "of 0 steps"]),
], ids=["amount", "bound", "rule", "another one", "none now", "none then", "part", "all or nothing"])
def test_a_state_does_not_fit_changed_rules(before, after, words, through_file):
    state = through_file(snn.simulate(two(before), 2.0, dt=DT, progress=False).state)
    with pytest.raises(snn.RunError, match=r"^simulate\.state: projection 'rec' .* on with the same rules") as caught:
        snn.simulate(two(after), 2.0, dt=DT, state=state, progress=False)
    first, second = str(caught.value).split(" now has ")
    assert words[0] in first and words[1] in second


def test_two_ways_to_say_the_same_part():
    state = snn.simulate(two(PairSTDP()), 2.0, dt=DT, progress=False).state
    snn.simulate(two(snn.Plastic(PairSTDP(), dendritic=1.0)), 2.0, dt=DT, state=state, progress=False)


def test_weights_alone_may_be_taken_over():
    """What the message about changed rules suggests."""
    state = whole("notes", "event1").state.projections["in"]
    net = recurrent(quick("PairSTDP"), n=270)
    with snn.start(net, dt=DT, seed=3) as sim:
        sim.set_weights("in", state["0/weight"])
        np.testing.assert_array_equal(sim.weights("in"), state["0/weight"])


def test_plastic_weights_are_none_of_the_network(through_file):
    """The description is not changed by a run: a second run begins where the first one began."""
    net = recurrent(plastic(quick("PairSTDP")).rules, n=100)
    first, second = (run(net, snn.EventDriven(), 10.0) for _ in range(2))
    assert_equal(first, second)
