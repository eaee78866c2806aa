"""Plasticity is one thing in all engines: the same spikes and weights, whatever computes them."""
import dataclasses
import functools
from typing import NamedTuple

import numpy as np
import pytest
import torch
from plastic_networks import (
    DT,
    DURATION,
    ENGINES,
    LAST_PLACE,
    assert_equal,
    assert_near,
    given_spikes,
    moved,
    plastic,
    quick,
    recurrent,
    run,
    several,
    teach,
)
from rule_loop import run_rule
from rule_runs import trains

import snn
from snn import plasticity
from snn.contract import unitless
from snn.neurons import LIF
from snn.rule import SynapticRule

LISTS = {
    "short-term and STDP": ("TsodyksMarkram", "PairSTDP"),
    "STDP and normalisation": ("PairSTDP", "WeightNormalisation"),
    "STDP and structure": ("PairSTDP", "StructuralPlasticity"),
    "two of STDP": ("PairSTDP", "TripletSTDP"),
    "eligibility and STDP": ("RewardSTDP", "MultiplicativeSTDP"),
    "acting and not": ("Clopath", "PairSTDP"),
    "acting and eligibility": ("PresynapticCentredSTDP", "Clopath"),
}


@functools.cache
def network(*names, **options):
    return recurrent(several(*names), **options)


@functools.cache
def truth(*names, **options):
    return run(network(*names, **options), snn.Reference())


def agree(names, engine, **options):
    expected, found = truth(*names, **options), run(network(*names, **options), engine)
    if LAST_PLACE & set(names):
        assert_near(found, expected, rtol=1e-12, atol=1e-15)
    else:
        assert_equal(found, expected)


# Every rule of the catalogue


@pytest.mark.parametrize("name", plasticity.__all__)
def test_the_networks_put_rules_to_work(name):
    result = truth(name, delay=1.0)
    assert len(result.spikes["a"].ids) > 150
    assert all((x > 0.0) == (name != "TsodyksMarkram") for x in moved(result).values()), moved(result)


@pytest.mark.parametrize("name", plasticity.__all__)
def test_compiled_is_the_reference(name):
    agree((name,), snn.EventDriven(threads=3), delay=1.0)


@pytest.mark.slow  # 15 s
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("name", plasticity.__all__)
def test_compiled_is_the_reference_for_any_delays(name, threads):
    agree((name,), snn.EventDriven(threads=threads))


@pytest.mark.slow  # 15 s
@pytest.mark.parametrize("name", plasticity.__all__)
def test_clocked_is_near(name):
    net = network(name, n=120)
    compiled, clocked = (run(net, ENGINES[engine], 8.0, every=4.0) for engine in ("event1", "clocked"))
    assert_near(clocked, compiled, rtol=1e-9, atol=1e-12)


# Lists of rules, delays


@pytest.mark.parametrize("names", LISTS.values(), ids=LISTS)
@pytest.mark.parametrize("engine", [pytest.param("event1", marks=pytest.mark.slow), "event3", "clocked"])
def test_lists_of_rules(names, engine):
    if engine == "clocked":
        assert_near(run(network(*names), ENGINES[engine]), truth(*names), rtol=1e-9, atol=1e-12)
    else:
        agree(names, ENGINES[engine])


@pytest.mark.parametrize("delay", [1.0, snn.Choice((1.0, 1.5, 3.0))], ids=["one", "per synapse"])
@pytest.mark.parametrize("dendritic", [None, pytest.param(0.5, marks=pytest.mark.slow), 1.0, 0.0])
@pytest.mark.parametrize("names", [("PairSTDP",), pytest.param(("RewardSTDP",), marks=pytest.mark.slow), ("Clopath",)],
                         ids="".join)
def test_where_the_delay_lies(names, dendritic, delay):
    net = recurrent(several(*names), n=300, dendritic=dendritic, delay=delay)
    reference, compiled = (run(net, e, 10.0, every=2.5) for e in (snn.Reference(), snn.EventDriven(threads=3)))
    assert_equal(compiled, reference)


def test_where_the_delay_lies_makes_a_difference():
    """Neither of the settings above is the other in disguise."""
    ends = [run(recurrent(several("PairSTDP"), n=100, dendritic=d, delay=1.0), snn.EventDriven()).weights["rec"].data
            for d in (None, 0.5, 0.0)]
    assert not np.array_equal(ends[0], ends[1]) and not np.array_equal(ends[1], ends[2])


# What is put off


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["MultiplicativeSTDP", "RewardSTDP", "BCM"])
def test_notes_that_are_full(name, dtype, monkeypatch):
    engine = snn.EventDriven(threads=2, dtype=dtype)
    plenty = run(network(name), engine)
    monkeypatch.setattr("snn.run.plastic_cells.ROOM", (2, 2))
    assert_equal(run(network(name), engine), plenty)


def test_notes_that_are_full_by_the_reference(monkeypatch):
    monkeypatch.setattr("snn.run.plastic_cells.ROOM", (2, 2))
    agree(LISTS["acting and not"], snn.EventDriven(threads=2))


@pytest.mark.parametrize("names", [("PairSTDP",), ("RewardSTDP",), ("TsodyksMarkram", "PairSTDP")], ids="-".join)
def test_long_times_pass_in_pieces(names, monkeypatch):
    """With pieces of 7 steps, not 4096, every trace and synapse that rests passes several of them."""
    for module in ("snn.rule_graph", "snn.run.plastic", "snn.run.rule_code"):
        monkeypatch.setattr(f"{module}.LONGEST", 7)
    net = recurrent(several(*names), n=300)
    expected = run(net, snn.Reference(), 12.0)
    assert_equal(run(net, snn.EventDriven(threads=2), 12.0), expected)
    # The pieces are no approximation: only rounding tells them from one piece.
    monkeypatch.undo()
    assert_near(run(net, snn.EventDriven(), 12.0), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_silence_of_more_than_the_longest_piece(dtype):
    """A pair 612 ms apart at the synapse, 6120 steps: what the closed form says."""
    engine = snn.EventDriven(dtype=dtype)
    rule = quick("PairSTDP", tau_plus=400.0, A_plus=0.1, A_minus=0.05, tau_minus=30.0)
    net, *_ = teach(rule, n_pre=1, n_post=1, count=0, duration=700.0, dt=0.1, w=0.5)
    net = with_trains(net, [[1.0]], [[611.0]], 700.0, 0.1)
    w = run(net, engine, 700.0, dt=0.1, every=100.0).weights["plastic"].data[-1, 0]
    assert w == pytest.approx(0.5 + 0.1 * np.exp(-612.0 / 400.0), rel=1e-6)


def with_trains(net, pre, post, duration, dt):
    """The network of ``teach`` with other spikes."""
    for name, given in (("pre", pre), ("teacher", [[t - dt for t in train] for train in post])):
        population = net.populations[name]
        net.populations[name] = dataclasses.replace(population, model=snn.neurons.SpikeSource(trains(given, duration)))
        for key, q in net.projections.items():
            if q.pre.population is population:
                net.projections[key] = dataclasses.replace(q, pre=net.populations[name].whole)
    return net


# Silence, twins, selves


def skipping(rules):
    """Given spikes onto neurons that are passed over in silence; the strong static ones make them fire."""
    net = snn.Network("skipping")
    given = net.add("given", given_spikes(count=100), 30)
    a = net.add("a", LIF(), 600)
    net.connect(given, a, snn.FixedOutDegree(40), port="delta", weight=12.0, delay=0.5)
    net.connect(given, a[100:590], snn.FixedOutDegree(60), port="delta", weight=snn.Uniform(0.0, 1.0), delay=1.5,
                name="in", plasticity=plastic(rules))
    net.connect(a[20:], a, snn.FixedOutDegree(10, multi_edges=True), port="delta", weight=0.5, name="rec",
                delay=snn.Choice((0.5, 2.0, 4.0)), plasticity=plastic(rules))
    return net


@pytest.mark.parametrize("names", [("PairSTDP",), ("RewardSTDP",), ("TsodyksMarkram", "PairSTDP")], ids="-".join)
def test_neurons_that_are_passed_over(names):
    net = skipping(several(*names))
    assert "skipped over silence" in repr(snn.plan.make_plan(net, DT))
    expected = run(net, snn.Reference())
    assert len(expected.spikes["a"].ids) > 30
    for threads in (1, 3):
        assert_equal(run(net, snn.EventDriven(threads=threads)), expected)


def test_self_connections_and_multiple_edges():
    """Each synapse from a neuron to itself learns by itself, and like the other one."""
    net = snn.Network("selves")
    a = net.add("a", LIF(V_th=-60.0), 5)
    net.drive(a, snn.CurrentInput(600.0), port="current")
    net.connect(a, a, snn.Edges([0, 0, 1, 4, 4], [0, 0, 1, 4, 2], multi_edges=True), port="delta", weight=0.5,
                delay=1.0, name="rec", plasticity=quick("PairSTDP"))
    expected = run(net, snn.Reference())
    w = expected.weights["rec"].data[-1]
    assert w[0] == w[1] == w[2] != 0.5
    for threads in (1, 3):
        assert_equal(run(net, snn.EventDriven(threads=threads)), expected)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Forgetting(SynapticRule):
    """Synapses that fade, and learn at presynaptic spikes only."""

    class Post(NamedTuple):
        y: unitless

    def decay(self, x, y, dt):
        return x, self.Post(y.y * torch.exp(-dt / 10.0))

    def spike(self, x, y):
        return x, self.Post(y.y + 1.0)

    def flow(self, s, mod, dt):
        return s._replace(w=s.w * torch.exp(-dt / 50.0))

    def on_pre(self, s, x, y, mod):
        return s._replace(w=s.w + 0.03 * y.y)


def test_rules_that_fade_and_do_nothing_at_postsynaptic_spikes():
    net = recurrent(Forgetting(), n=280)
    assert_equal(run(net, snn.EventDriven(threads=2), 12.0), run(net, snn.Reference(), 12.0))


# Against the definition


DEFINED = [("PairSTDP",), ("TripletSTDP",), ("RewardSTDP",), ("NearestSTDP", "VogelsSprekeler"),
           ("PresynapticCentredSTDP",), ("SymmetricSTDP", "MultiplicativeSTDP"),
           ("TsodyksMarkram", "WinnerTakeAllSTDP")]


@pytest.mark.parametrize(("names", "dendritic"), [      # by default every split with one rule, two with the others
    pytest.param(names, split, id=f"{'-'.join(names)}-{split}", marks=pytest.mark.slow if k and (k + split) % 2 else [])
    for k, names in enumerate(DEFINED) for split in range(4)])
def test_the_definition(names, dendritic):
    """Random trains with many spikes in the same step, all splits of a delay of 3 steps, against a plain loop."""
    steps, rules = 120, several(*names)
    net, pre, post = teach(rules, n_pre=4, n_post=5, count=30, duration=steps * DT, dendritic=dendritic * DT,
                           delay=3 * DT, silent=(20.0, 35.0), seed=dendritic)
    change = (45, 1.0), (80, -0.5)
    sides = [fired(train, steps) for train in (pre, post)]
    mod = np.full(steps + 3, 0.02)
    for at, value in change:
        mod[at:] = value
    for engine in (snn.EventDriven(threads=1), *([snn.Reference()] if dendritic == 0 else [])):
        with snn.start(net, dt=DT, engine=engine, seed=3) as sim:
            first, done = sim.weights("plastic"), 0
            for at, value in change:
                sim.run((at - done) * DT)
                done = at
                if net.projections["plastic"].plasticity.modulator is not None:
                    sim.modulate("plastic", value)
            sim.run((steps - done) * DT)
            sim.freeze()
            found, ends = sim.weights("plastic"), sim.connections("plastic")
        course = run_rule(rules, *sides, first, dt=DT, ends=ends, axonal=3 - dendritic, dendritic=dendritic,
                          mod=mod[dendritic : dendritic + steps])
        expected = course.w[course.step <= steps - 1 - dendritic][-1]
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12, err_msg=repr(engine))


def fired(times, steps):
    """Spike times [[ms]] as bool [steps, neurons]; a spike at time t stands in the step that ends at t."""
    table = np.zeros((steps, len(times)), bool)
    for k, train in enumerate(times):
        table[np.round(np.asarray(train) / DT).astype(int) - 1, k] = True
    return table


# What must not matter


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["PairSTDP", "MultiplicativeSTDP", "RewardSTDP", *(
    pytest.param(name, marks=pytest.mark.slow) for name in ("TripletSTDP", "NearestSTDP"))])
def test_blocks_recorders_and_threads_do_not_matter(name, dtype, monkeypatch):
    net = recurrent(quick(name, tau_plus=3.0), n=560)
    ends = [run(net, snn.EventDriven(threads=t, dtype=dtype), every=every).weights
            for t, every in ((1, DURATION), (1, 1.0), (3, 4.0))]
    monkeypatch.setattr("snn.run.simulate.BLOCK_SECONDS", 0.0)
    ends.append(run(net, snn.EventDriven(threads=2, dtype=dtype), every=DURATION).weights)
    for other in ends[1:]:
        for projection in ("in", "rec"):
            assert ends[0][projection].data[-1].tobytes() == other[projection].data[-1].tobytes()
