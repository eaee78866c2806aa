"""The third factor: from Python, per neuron, from the activity of a population."""
import numpy as np
import pytest
from plastic_networks import DT, ENGINES, given_spikes, quick, run, teach
from rule_runs import taught

import snn
from snn.neurons import LIF
from snn.plasticity import ModulatedSTDP, PairSTDP, RewardSTDP

ALL = pytest.mark.parametrize("engine", ["reference", "event1", "event3", "event2 float32", "clocked"])
TAU_E, A, TAU = 50.0, 0.01, 20.0
RULE = RewardSTDP(A_plus=A, tau_plus=TAU, tau_e=TAU_E)


def close(engine):
    return {"rtol": 1e-5} if "float32" in engine else {"rtol": 1e-12}


def one_pair(modulator, post=((20.0,),), **options):
    """A presynaptic spike at 15 ms and postsynaptic ones at 20 ms: 7.5 ms apart at the synapses.

    The pair counts when what the synapse then sends would reach the soma, at 20 ms and twice the dendritic delay.
    """
    return taught([[15.0]], post, snn.Plastic(RULE, modulator=modulator, **options), dt=DT, duration=400.0, delay=2.5)


# Eligibility and a modulator in steps


@ALL
def test_reward_under_steps_of_the_modulator(engine):
    """dw/dt = mod e with e = A exp(-7.5 / tau) exp(-(t - 25.0) / tau_e), piece by piece."""
    dopamine = snn.Modulator(0.0)
    changes = [(30.0, 0.02), (60.0, -0.01), (61.0, 0.0), (100.0, 0.05)]
    with snn.start(one_pair(dopamine), dt=DT, engine=ENGINES[engine]) as sim:
        for at, value in changes:
            sim.run(at - sim.time)
            sim.modulate(dopamine, value)
        sim.run(50.0)
        sim.freeze()
        found = sim.weights("plastic")[0]
    pieces = zip(changes, [*changes[1:], (150.0, None)], strict=True)
    integral = sum(v * TAU_E * (np.exp(-(a - 25.0) / TAU_E) - np.exp(-(b - 25.0) / TAU_E))
                   for (a, v), (b, _) in pieces)
    np.testing.assert_allclose(found - 0.5, A * np.exp(-7.5 / TAU) * integral, atol=1e-7 if "32" in engine else 1e-14)


@ALL
def test_weights_that_are_looked_at_are_those_of_now(engine):
    """Nothing happens behind the pair, but time passes: recorded and asked weights grow."""
    net = one_pair(snn.Modulator(0.02))
    result = run(net, ENGINES[engine], 100.0, every=50.0)
    expected = 0.5 + A * np.exp(-7.5 / TAU) * 0.02 * TAU_E * (1.0 - np.exp(-(100.0 - 25.0) / TAU_E))
    np.testing.assert_allclose(result.weights["plastic"].data[-1, 0], expected, **close(engine))


@ALL
def test_modulators_of_neurons(engine):
    """Each neuron learns by its own value, also on a slice of the population."""
    values = np.array([0.02, 0.0, -0.03, 0.01])
    dopamine = snn.Modulator(values)
    net = one_pair(dopamine, post=[[20.0]] * 6)
    q = net.projections.pop("plastic")
    net.connect(q.pre, net.populations["post"][1:5], snn.AllToAll(), port="delta", weight=0.5, delay=2.5,
                name="plastic", plasticity=q.plasticity)
    with snn.start(net, dt=DT, engine=ENGINES[engine]) as sim:
        sim.run(60.0)
        sim.modulate(dopamine, values[::-1].copy())
        sim.run(40.0)
        sim.freeze()
        found = sim.weights("plastic") - 0.5
    left = [1.0 - np.exp(-35.0 / TAU_E), np.exp(-35.0 / TAU_E) - np.exp(-75.0 / TAU_E)]
    expected = A * np.exp(-7.5 / TAU) * TAU_E * (values * left[0] + values[::-1] * left[1])
    np.testing.assert_allclose(found, expected, atol=1e-7 if "32" in engine else 1e-14)


def test_values_may_be_any_array():
    dopamine = snn.Modulator()
    with snn.start(one_pair(dopamine, post=[[20.0]] * 3), dt=DT) as sim:
        sim.modulate(dopamine, np.arange(3.0)[::-1])
        np.testing.assert_array_equal(sim.state.projections["plastic"]["0/mod"], [2.0, 1.0, 0.0])


@ALL
def test_a_modulator_of_two_projections(engine):
    dopamine = snn.Modulator(0.0)
    net = one_pair(dopamine)
    net.connect(net.populations["pre"], net.populations["post"], snn.AllToAll(), port="delta", weight=0.25,
                delay=2.5, name="other", plasticity=snn.Plastic(RULE, modulator=dopamine))
    with snn.start(net, dt=DT, engine=ENGINES[engine]) as sim:
        sim.run(30.0)
        sim.modulate(dopamine, 0.1)
        sim.run(30.0)
        sim.freeze()
        changes = [sim.weights("plastic") - 0.5, sim.weights("other") - 0.25]
    assert changes[0] > 0.001
    np.testing.assert_allclose(*changes, rtol=1e-4 if "32" in engine else 1e-9)


def test_a_modulator_that_is_one_is_none():
    """ModulatedSTDP under 1 is PairSTDP, bit for bit, and the modulator may be a number or one per neuron."""
    ends = []
    for rule, modulator in ((PairSTDP(), None), (ModulatedSTDP(), snn.Modulator(1.0)),
                            (ModulatedSTDP(), snn.Modulator(np.ones(20)))):
        net, *_ = teach(rule, modulator=modulator)
        ends.append(run(net, snn.EventDriven(), 200.0).weights["plastic"].data)
    np.testing.assert_array_equal(ends[0], ends[1])
    np.testing.assert_array_equal(ends[0], ends[2])


def test_refused_values_change_nothing():
    """A value that fits one projection of a modulator and not the other one changes neither."""
    values = np.ones(1)
    dopamine = snn.Modulator(0.25)
    net = one_pair(dopamine)
    post = net.add("more", LIF(), 3)
    net.connect(net.populations["pre"], post, snn.AllToAll(), port="delta", weight=0.25, delay=2.5, name="other",
                plasticity=snn.Plastic(RULE, modulator=dopamine))
    with snn.start(net, dt=DT) as sim:
        with pytest.raises(ValueError, match="one per postsynaptic neuron"):
            sim.modulate(dopamine, values)
        held = sim.state.projections
        assert (held["other"]["0/mod"] == 0.25).all() and (held["plastic"]["0/mod"] == 0.25).all()


# A population as modulator


EVERY, TAU_M, GAIN, BASE = 4.0, 15.0, 12.0, 0.2


def by_population(population="noisy", n=520):
    """Cells under noise that modulate what given spikes do to other cells."""
    net = snn.Network("dopamine")
    given = net.add("given", given_spikes(), 30)
    noisy = net.add("noisy", LIF(V_th=-60.0), n)
    net.drive(noisy, snn.CurrentInput(100.0), port="current")
    net.drive(noisy, snn.PoissonInput(rate=1500.0, weight=1.0), port="delta")
    silent = net.add("silent", LIF(), 5)
    dopamine = snn.PopulationModulator(net.populations[population], tau=TAU_M, gain=GAIN, baseline=BASE, every=EVERY)
    net.connect(given, silent, snn.AllToAll(), port="delta", weight=0.5, delay=1.0, name="learns",
                plasticity=snn.Plastic(RewardSTDP(), modulator=dopamine))
    assert noisy.n == n
    return net


@ALL
@pytest.mark.parametrize("population", ["noisy", "given"])
def test_activity_by_hand(population, engine):
    """From the recorded spikes: m decays with tau, and every 4 ms it grows by gain times spikes per neuron."""
    net = by_population(population)
    result = run(net, ENGINES[engine], 14.0)
    # A spike of the step that ends at t = 4 ms counts for the measurement at 4 ms.
    last = np.ceil(result.spikes[population].times / EVERY - 1e-9)
    m = 0.0
    for k in range(1, 4):
        m = m * np.exp(-EVERY / TAU_M) + GAIN * np.sum(last == k) / net.populations[population].n
    assert np.sum(last == 3) > 0
    np.testing.assert_allclose(result.state.projections["learns"]["0/mod"], m - BASE, **close(engine))
    np.testing.assert_allclose(result.state.projections["learns"]["activity"], m, rtol=1e-12)


@ALL
def test_before_the_first_measurement(engine):
    with snn.start(by_population(), dt=DT, engine=ENGINES[engine]) as sim:
        sim.run(EVERY - DT)
        np.testing.assert_allclose(sim.state.projections["learns"]["0/mod"], -BASE, rtol=1e-6)
        sim.run(DT)
        assert (sim.state.projections["learns"]["0/mod"] > 0).all()


def test_each_seed_has_its_own_activity():
    with snn.start(by_population(), dt=DT, engine=snn.Clocked(dtype="float64", seeds=[1, 2])) as sim:
        results = sim.run(20.0)
        mods = [state.projections["learns"]["activity"][0] for state in sim.state]
    assert mods[0] != mods[1]
    assert len(results[0].spikes["noisy"].ids) != len(results[1].spikes["noisy"].ids)


def test_a_slice_modulates_by_its_own_spikes():
    """The slice is silent, the rest of the population is not: refused, or only the slice counts."""
    net = by_population()
    quiet = net.add("both", LIF(V_th=-60.0), 20)
    net.drive(quiet, snn.CurrentInput(np.repeat([0.0, 400.0], 10)), port="current")
    q = net.projections.pop("learns")
    try:
        m = snn.PopulationModulator(quiet[:10], every=EVERY)
        net.connect(q.pre, q.post, q.rule, port="delta", weight=0.5, delay=1.0, name="learns",
                    plasticity=snn.Plastic(quick("RewardSTDP"), modulator=m))
    except snn.NetworkError:
        return
    result = run(net, snn.EventDriven(), 20.0)
    assert len(result.spikes["both"].ids) > 0
    assert (result.state.projections["learns"]["0/mod"] == 0.0).all()
