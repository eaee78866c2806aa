"""The number of threads changes nothing but the time: any size, more threads than chunks, any chunk boundary."""

import numpy as np
import pytest
from networks import DT, RANDOM_DELAYS, Case, assert_same, assert_same_state, case, run

import snn
from snn.neurons import LIF, CobaLIF
from snn.plan import make_plan
from snn.run.event import choose_threads
from snn.run.ir import CHUNK
from snn.run.memory import part_bounds, stride_of
from snn.run.synapses import below

SIZES = [1, 7, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 1, 2000]


def network(n):
    """A driven population that feeds one which is skipped over silence, through views, and itself."""
    net = snn.Network()
    a, b = net.add("a", CobaLIF(), n, init={"v": snn.Uniform(-60.0, -50.0)}), net.add("b", LIF(), n)
    net.drive(a, snn.PoissonInput(rate=2000.0, weight=1.5), port="exc")
    net.connect(a, a, snn.FixedOutDegree(min(n, 20)), port="inh", weight=snn.Uniform(0.0, 2.0), delay=RANDOM_DELAYS)
    net.connect(
        a[n // 3 :], b[: max(1, n - 2)], snn.FixedTotal(2 * n, multi_edges=True), port="delta", weight=6.0, delay=0.1
    )
    net.connect(b, a[n // 2 :], snn.FixedInDegree(1), port="exc", weight=1.0, delay=2.0)
    traced = snn.RecordState("a", "v", ids=sorted({0, n // 2, n - 1}, reverse=True), every=3)
    return Case(net, (traced,), duration=12.0)


@pytest.mark.parametrize("n", SIZES)
def test_any_size_and_number_of_threads(n):
    one = run(network(n), snn.EventDriven(threads=1))
    assert len(one.spikes["a"]) >= n // 2
    for threads in (2, 3, 9) if n < 2000 else (2, 3):
        many = run(network(n), snn.EventDriven(threads=threads))
        assert_same(many, one)
        assert_same_state(many.state, one.state)


def test_float32_does_not_depend_on_threads_either():
    one, three = (run(case("coba"), snn.EventDriven(threads=k, dtype="float32")) for k in (1, 3))
    assert_same(three, one)
    assert_same_state(three.state, one.state)


def test_a_neuron_draws_the_same_numbers_in_every_run_and_size():
    """Noise is keyed by the neuron, not by who else is there."""
    few, many = (
        run(Case(net), snn.EventDriven(threads=k), 20.0).spikes["a"]
        for net, k in ((poisson(100), 1), (poisson(1000), 2))
    )
    assert np.array_equal(few.times, many.of(slice(0, 100)).times)


def poisson(n):
    net = snn.Network()
    net.drive(net.add("a", LIF(), n), snn.PoissonInput(rate=10_000.0, weight=0.2), port="delta")
    return net


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("parts", [1, 2, 3, 16])
def test_parts_are_whole_chunks(n, parts):
    bounds = part_bounds(n, parts)
    assert bounds[0] == 0 and bounds[-1] == n and len(bounds) == parts + 1
    sizes = np.diff(bounds)
    assert (sizes >= 0).all() and sizes.max() - sizes[:-1].min(initial=sizes.max()) <= CHUNK
    assert all(b % CHUNK == 0 or b == n for b in bounds)


def test_rows_are_padded_to_whole_vectors():
    for n in SIZES:
        for itemsize in (4, 8):
            stride = stride_of(n, itemsize)
            assert stride >= n and stride % 16 == 0 and (stride * itemsize) % 2048 != 0


@pytest.mark.parametrize("chunk", [1, 3, 1 << 22])
def test_rows_are_split_at_a_neuron(chunk):
    rows = [[0, 1, 5], [], [2, 2, 9], [7], [], []]
    indptr = np.cumsum([0, *map(len, rows)])
    targets = np.array(sum(rows, []), np.uint16)
    for limit in range(11):
        expected = indptr[:-1] + [sum(t < limit for t in row) for row in rows]
        np.testing.assert_array_equal(below(indptr, targets, limit, chunk), expected)


def test_small_networks_get_one_thread():
    assert choose_threads(make_plan(poisson(100), DT)) == 1
    result = run(Case(poisson(100)), snn.EventDriven(), 1.0)
    assert result.meta["threads"] == 1
    assert run(Case(poisson(100)), snn.EventDriven(threads=2), 1.0).meta["threads"] == 2
