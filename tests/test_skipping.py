"""Silence is passed over without a trace: the same spikes as when every step is computed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import DT, RANDOM_DELAYS, Case, assert_same, assert_same_state, case, run, spread, truth

import snn
from snn.neurons import ALIF, LIF, CobaLIF, LeakyReadout, PoissonSource, SpikeSource
from snn.plan import make_plan
from snn.run.cells import MAX_SKIP


def driven_once(model, times, *, weight=8.0, delay=1.0, n=3, duration=20.0, init=None):
    """``n`` neurons that all receive ``weight`` at each of ``times`` + delay."""
    net = snn.Network()
    source = net.add("in", SpikeSource(snn.Spikes(times, np.zeros(len(times), int), 1, duration)), 1)
    a = net.add("a", model, n, init=init)
    net.connect(source, a, snn.AllToAll(), port="delta", weight=weight, delay=delay)
    return Case(net, duration=duration)


def why(net, **options):
    return make_plan(net, DT, **options).population("a").why


def test_the_plan_says_who_is_skipped():
    plan = make_plan(case("silent").net, DT)
    assert [p.quiet_steps is not None for p in plan.populations] == [False, True, True]
    assert "a: 600 LIF, skipped over silence" in repr(plan)
    assert "in: 5 SpikeSource, replayed" in repr(plan)


@pytest.mark.parametrize(
    "build, phrase",
    [
        (lambda net: net.add("a", CobaLIF(), 3), "not exact"),
        (lambda net: net.add("a", LIF(E_L=-50.0), 3), "may fire without input"),
        (lambda net: net.add("a", LIF(tau_m=np.array([10.0, 20.0, 30.0])), 3), "time constants differ"),
        (lambda net: net.add("a", PoissonSource(), 3), "random numbers in every step"),
        (lambda net: net.drive(net.add("a", LIF(), 3), snn.CurrentInput(1.0), port="current"), "driven in every step"),
        (lambda net: net.drive(net.add("a", LIF(), 3), snn.PoissonInput(1.0), port="delta"), "driven in every step"),
        (lambda net: net.add("a", LIF(), 3, init={"ref": 30.0}), "starts with"),
        (lambda net: net.add("a", LeakyReadout(), 3), "skipped over silence"),
        (lambda net: net.add("a", LIF(V_th=np.array([-55.0, -50.0, -45.0])), 3), "skipped over silence"),
    ],
)
def test_who_must_be_stepped(build, phrase):
    net = snn.Network()
    build(net)
    assert phrase in why(net)


def test_recorded_states_are_stepped():
    net = snn.Network()
    net.add("a", LIF(), 3)
    assert "is recorded" in why(net, stepped={"a"})
    assert "is recorded" in repr(snn.simulate(net, 1.0, record=[snn.RecordState("a", "v")], progress=False).plan)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_sparse_activity(threads):
    mine = run(case("silent"), snn.EventDriven(threads=threads))
    assert_same(mine, truth("silent"))
    assert mine.state.populations["a"].elapsed.any() or mine.state.populations["b"].elapsed.any()


def test_silence_was_indeed_passed_over():
    """What receives nothing has waited since its first steps; what received something, since then."""
    net = driven_once(LIF(), [5.0], n=600).net
    net.add("quiet", LIF(), 256)
    populations = run(Case(net), snn.EventDriven(), 20.0).state.populations
    first_steps = make_plan(net, DT).population("quiet").quiet_steps + 1
    assert populations["quiet"].elapsed.tolist() == [200 - first_steps]
    # The spike of step 49 arrives in step 59.
    assert populations["a"].elapsed.tolist() == [200 - 60] * 3


@pytest.mark.parametrize("silence", [MAX_SKIP - 30, MAX_SKIP - 1, MAX_SKIP, MAX_SKIP + 1, 2 * MAX_SKIP + 7])
def test_silence_longer_than_the_table(silence):
    """The potential that is left after a long silence decides whether the next input makes a spike."""
    left = 9.0 * np.exp(-silence * DT / 100.0)
    second = round(1.0 + silence * DT, 6)
    end = round(second + 5.0, 6)
    for above, spikes in ((0.001, 3), (-0.001, 0)):
        net = driven_once(LIF(tau_m=100.0), [1.0], weight=9.0, duration=end).net
        later = net.add("later", SpikeSource(snn.Spikes([second], [0], 1, end)), 1)
        net.connect(later, net.populations["a"], snn.AllToAll(), port="delta", weight=15.0 - left + above, delay=1.0)
        assert len(run(Case(net, duration=end), snn.EventDriven()).spikes["a"]) == spikes


def test_a_spike_shortly_after_the_refractory_time():
    """Inputs in and just after the refractory time, with silence around."""
    for gap in np.arange(0.5, 3.5, 2 * DT):
        net = driven_once(LIF(t_ref=2.0), np.round([1.0, 1.0 + gap, 1.0 + gap + 5.0], 6), weight=16.0)
        assert_same(run(net, snn.EventDriven()), run(net, snn.Reference()))


@settings(max_examples=10)
@given(data=st.data())
def test_any_sparse_input(data):
    check_sparse_input(data)


@pytest.mark.slow       # 15 s
@settings(max_examples=60)
@given(data=st.data())
def test_many_sparse_inputs(data):
    check_sparse_input(data)


def check_sparse_input(data):
    times = data.draw(st.lists(st.integers(1, 250), min_size=1, max_size=12, unique=True).map(sorted))
    model = data.draw(st.sampled_from([LIF(), LIF(t_ref=0.0), ALIF(), LIF(V_reset=-80.0, t_ref=5.0)]))
    weight = data.draw(st.sampled_from([8.0, 16.0, snn.Uniform(-10.0, 20.0)]))
    delay = data.draw(st.sampled_from([0.1, 2.0, RANDOM_DELAYS]))
    net = driven_once(
        model,
        np.array(times) * DT,
        weight=weight,
        delay=delay,
        n=300,
        duration=25.0,
        init=data.draw(st.sampled_from([None, {"v": snn.Uniform(-70.0, -50.0)}])),
    )
    whole = run(net, snn.EventDriven())
    assert_same(whole, run(net, snn.Reference()))
    at = data.draw(st.integers(1, 249))
    second = run(net, snn.EventDriven(threads=2), 25.0 - at * DT, state=run(net, snn.EventDriven(), at * DT).state)
    assert_same_state(second.state, whole.state)


def test_a_long_refractory_start_is_stepped_through():
    net = driven_once(LIF(), [45.0], weight=6.0, duration=50.0, init={"ref": 30.0, "v": -60.0})
    assert_same(run(net, snn.EventDriven()), run(net, snn.Reference()))
    final = [run(net, engine).state.populations["a"].values["v"] for engine in (snn.EventDriven(), snn.Reference())]
    np.testing.assert_allclose(*final, rtol=1e-12)


@pytest.mark.parametrize("parameter", ["E_L", "V_th", "V_reset"])
def test_neurons_that_differ_and_that_nothing_reaches_rest(parameter):
    model, net = LIF(**{parameter: getattr(LIF(), parameter) + spread(13, -1.0, 1.0)}), snn.Network()
    net.add("a", model, 13)
    result = snn.simulate(net, 1.0, dt=DT, engine=snn.EventDriven(threads=1))
    assert len(result.spikes["a"]) == 0
