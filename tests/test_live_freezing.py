"""Frozen projections: their weights stay, their traces go on."""
import numpy as np
import pytest
from plastic_networks import DT, ENGINES, quick, recurrent, teach
from rule_runs import taught

import snn
from snn.plasticity import PairSTDP


def start(net, engine="event1"):
    return snn.start(net, dt=DT, engine=ENGINES[engine], seed=3)


def learner(rule):
    net, *_ = teach(rule, n_pre=6, n_post=5)
    return net


@pytest.mark.parametrize(("name", "engine"), [
    ("RewardSTDP", "reference"), ("RewardSTDP", "event2"), ("RewardSTDP", "clocked"), ("PairSTDP", "event1 float32"),
    ("MultiplicativeSTDP", "event1 float32"),
    *(pytest.param(name, engine, marks=pytest.mark.slow) for name, engine in (
        ("RewardSTDP", "event1 float32"), ("PairSTDP", "reference"), ("PairSTDP", "event2"), ("PairSTDP", "clocked"),
        ("MultiplicativeSTDP", "reference"), ("MultiplicativeSTDP", "event2"), ("MultiplicativeSTDP", "clocked")))])
def test_frozen_weights_stay_and_traces_go_on(name, engine):
    net = learner(quick(name))
    with start(net, engine) as sim, start(net, engine) as free:
        for s in (sim, free):
            s.run(20.0)
        sim.freeze("plastic")
        frozen = sim.weights("plastic")
        for s in (sim, free):
            s.run(30.0)
        np.testing.assert_array_equal(sim.weights("plastic"), frozen)
        mine, other = (s.state.projections["plastic"] for s in (sim, free))
        traces = [key for key in mine if "/post/" in key]
        assert traces
        for key in traces:
            np.testing.assert_array_equal(mine[key], other[key])
        sim.freeze("plastic", frozen=False)
        sim.run(30.0)
        assert not np.array_equal(sim.weights("plastic"), frozen)


def test_freezing_is_for_the_named_projections():
    net = recurrent(quick("PairSTDP"), n=120)
    with start(net) as sim:
        sim.run(2.0)
        before = {p: sim.weights(p) for p in ("in", "rec")}
        sim.freeze("in")
        sim.run(10.0)
        assert np.array_equal(sim.weights("in"), before["in"]) and not np.array_equal(sim.weights("rec"), before["rec"])
        sim.freeze()
        before = {p: sim.weights(p) for p in ("in", "rec")}
        sim.run(10.0)
        assert all(np.array_equal(sim.weights(p), before[p]) for p in before)


def test_what_happens_while_frozen_is_never_made_up_for():
    """Pairs of the frozen time do nothing later; a trace made in it does."""
    rule = PairSTDP(tau_plus=10.0, A_plus=0.1)
    for engine in ("reference", "event1", "event1 float32"):
        net = taught([[10.0, 30.0]], [[12.0, 34.0]], rule, dt=DT, duration=60.0, delay=DT, w=0.2)
        with start(net, engine) as sim:
            sim.freeze()
            sim.run(31.5)
            sim.freeze(frozen=False)
            sim.run(20.0)
            pairs = np.exp(-(34.5 - 30.0) / 10.0) + np.exp(-(34.5 - 10.0) / 10.0)
            assert sim.weights("plastic")[0] == pytest.approx(0.2 + 0.1 * pairs, rel=1e-5), engine
