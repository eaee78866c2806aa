"""From a description to arrays: delays in whole steps, weights in order, rings long enough, the same for every seed."""

import numpy as np
import pytest
from networks import CASES, DT, case

import snn
from snn.contract import steps_of
from snn.delays import MAX_DELAY
from snn.neurons import LIF, AdEx, CobaLIF, Izhikevich, LeakyReadout
from snn.plan import make_plan


def projection(n=8, dtype="float64", seed=0, dt=DT, **options):
    """The plan of one population connected to itself."""
    net = snn.Network()
    a = net.add("a", LIF(), n)
    net.connect(a, a, options.pop("rule", snn.AllToAll()), port="delta", **{"weight": 1.0, "delay": 1.0, **options})
    return make_plan(net, dt, seed=seed, dtype=dtype).projection("a_a")


@pytest.mark.parametrize(
    "delay, steps",
    [(1.0, 10), (0.1, 1), (0.3, 3), (0.7, 7), (100.0, 1000), (np.full(64, 0.3), 3), (MAX_DELAY * DT, MAX_DELAY)],
    ids=str,
)
def test_one_delay_is_one_number(delay, steps):
    q = projection(delay=delay)
    assert q.delay == steps and isinstance(q.delay, int) and q.on_arrival


@pytest.mark.parametrize("top, dtype", [(25.5, np.uint8), (25.6, np.uint16), (6000.0, np.uint16)])
def test_delays_take_the_smallest_type(top, dtype):
    q = projection(delay=np.linspace(0.1, top, 64), round_delays=True)
    assert q.delay.dtype == dtype and q.delay.min() == 1 and q.delay.max() == round(top / DT) and not q.on_arrival


def test_rounding_is_to_the_nearest_step():
    assert projection(delay=0.26, round_delays=True).delay == 3
    assert projection(delay=np.tile([0.14, 0.16], 32), round_delays=True).delay.tolist() == [1, 2] * 32


def test_grid_distributions_give_whole_steps():
    delay = projection(delay=snn.Uniform(0.1, 3.0).grid(DT), n=40).delay
    assert delay.min() == 1 and delay.max() == 30


def test_weights_and_delays_follow_the_edge_list():
    q = projection(
        n=3,
        rule=snn.Edges([2, 0, 1, 0], [0, 2, 1, 1]),
        weight=np.array([1.0, 2.0, 3.0, 4.0]),
        delay=np.array([0.1, 0.2, 0.3, 0.4]),
    )
    rows = [(int(s), int(t)) for s in range(3) for t in q.csr.targets[q.csr.indptr[s] : q.csr.indptr[s + 1]]]
    assert dict(zip(rows, zip(q.weight.tolist(), q.delay.tolist(), strict=True), strict=True)) == {
        (2, 0): (1.0, 1),
        (0, 2): (2.0, 2),
        (1, 1): (3.0, 3),
        (0, 1): (4.0, 4),
    }


def test_a_matrix_brings_its_weights():
    q = projection(n=2, rule=snn.Matrix(np.array([[0.0, 2.0], [3.0, 4.0]])), weight=None)
    # matrix[post, pre]: source 0 -> target 1; source 1 -> both.
    assert q.csr.targets.tolist() == [1, 0, 1] and q.weight.tolist() == [3.0, 2.0, 4.0]
    replaced = projection(n=2, rule=snn.Matrix(np.array([[0.0, 2.0], [3.0, 4.0]])), weight=7.0)
    assert replaced.weight == 7.0


def test_one_weight_takes_no_memory():
    """8 bytes per synapse at most; with one weight and one delay just the target."""
    assert projection(n=300).nbytes <= 2 * 300 * 300 + 8 * 301 + 64
    q = projection(n=300, dtype="float32", weight=snn.Uniform(0.0, 1.0), delay=snn.Uniform(0.1, 3.0).grid(DT))
    assert q.weight.dtype == np.float32 and q.nbytes <= 8 * 300 * 300 + 8 * 301


def test_precision_is_that_of_the_engine():
    assert projection(weight=snn.Uniform(0.0, 1.0)).weight.dtype == np.float64
    assert projection(weight=snn.Uniform(0.0, 1.0), dtype="float32").weight.dtype == np.float32


def test_seeds_decide_what_is_drawn():
    options = {"n": 50, "rule": snn.Probability(0.2), "weight": snn.Normal(0.0, 1.0)}
    one, again, other = (projection(seed=s, **options) for s in (1, 1, 2))
    assert np.array_equal(one.csr.targets, again.csr.targets) and np.array_equal(one.weight, again.weight)
    assert not np.array_equal(one.csr.targets, other.csr.targets)


def test_rings_and_lists_are_as_long_as_the_delays():
    net = snn.Network()
    a, b = net.add("a", LIF(), 4), net.add("b", CobaLIF(), 4)
    net.connect(a, b, snn.AllToAll(), port="exc", weight=1.0, delay=2.0)
    net.connect(a, b, snn.AllToAll(), port="inh", weight=1.0, delay=np.linspace(0.1, 1.6, 16))
    plan = make_plan(net, DT)
    assert plan.population("a").depth == 21 and plan.population("a").ports == ()
    assert plan.population("b").ports == ("exc", "inh") and plan.population("b").rings == (1, 16)
    # On emission before on arrival: the order of additions is part of the definition.
    assert [q.port for q in plan.deliveries] == [1, 0]


@pytest.mark.parametrize("name", CASES)
def test_the_plan_explains_itself(name):
    plan = make_plan(case(name).net, DT)
    lines = repr(plan).splitlines()
    assert len(lines) == 1 + len(plan.populations) + len(plan.projections) + len(plan.couplings)
    assert f"{plan.n_neurons} neurons, {plan.n_synapses} synapses" in lines[0]
    assert all(
        any(word in line for word in ("stepped: ", "skipped over silence", "replayed"))
        for line in lines[1 : 1 + len(plan.populations)]
    )


def test_projections_without_synapses():
    net = snn.Network()
    a = net.add("a", LIF(), 4)
    net.connect(a, a, snn.Probability(0.0), port="delta", weight=snn.Uniform(0.0, 1.0), delay=snn.Uniform(1.0, 2.0))
    assert "no synapses" in repr(make_plan(net, DT))
    assert len(snn.simulate(net, 1.0, progress=False).spikes["a"]) == 0


@pytest.mark.parametrize(
    "model, limit", [(Izhikevich(), 1.0), (CobaLIF(), 2.5), (AdEx(), 2.5)], ids=lambda x: str(x)[:12]
)
def test_steps_up_to_the_limit_are_allowed(model, limit):
    net = snn.Network()
    net.add("a", model, 2)
    make_plan(net, min(limit, model.max_dt()))
    with pytest.raises(snn.RunError, match=r"simulate\.dt: .* too large for population 'a'.*at most"):
        make_plan(net, limit * 2.01)


def test_any_step_suits_a_closed_form():
    net = snn.Network()
    net.add("a", LeakyReadout(), 2)
    assert make_plan(net, 50.0).dt == 50.0


@pytest.mark.parametrize("steps", [1, 3, 7, 29, 4999, 65535])
def test_whole_steps_survive_rounding_errors(steps):
    for dt in (0.1, 0.05, 1 / 3, 0.025):
        assert steps_of(steps * dt, dt, "x") == steps
        assert steps_of(sum([dt] * min(steps, 50)), dt, "x") == min(steps, 50)
