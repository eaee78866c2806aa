"""PoissonNeuron alone."""
import numpy as np
import pytest
from neuron_runs import filled, run

from snn.neurons import PoissonNeuron

DT, N, STEPS = 0.1, 500, 1000


def uniform(seed, steps=STEPS, n=N):
    return 1.0 - np.random.default_rng(seed).random((steps, n))


@pytest.mark.parametrize("fields, current, rate", [
    ({}, 0.0, 1.238), ({}, 500.0, 1.238 * np.exp(5.0)), ({"c_1": 4.0, "c_2": 0.0}, 300.0, 48.0),
    ({"c_1": 4.0, "c_2": 10.0, "c_3": 0.0}, -30.0, 5.2), ({"c_1": 4.0, "c_2": 0.0}, -300.0, 0.0)])
def test_rate_at_constant_potential(fields, current, rate):
    """V = I tau_m / C_m from the begin; without dead time and reset the number of spikes is binomial."""
    model = PoissonNeuron(E_L=current * 0.04, dead_time=0.0, with_reset=0.0, **fields)
    shifted = PoissonNeuron(dead_time=0.0, with_reset=0.0, **fields)
    state = shifted.rest()._replace(v=current * 0.04, i=current)
    fired = run(shifted, STEPS, DT, {"noise": uniform(1), "current": current}, n=N, state=filled(state, N))[1]
    p = 1.0 - np.exp(-rate * DT / 1000.0)
    assert abs(fired.sum() - p * fired.size) <= 4.0 * np.sqrt(p * (1.0 - p) * fired.size)
    # E_L only shifts the potential.
    moved = run(model, STEPS, DT, {"noise": uniform(1)}, n=N)[1]
    p = 1.0 - np.exp(-max(model.c_2, 0.0) * DT / 1000.0)
    assert abs(moved.sum() - p * moved.size) <= 4.0 * np.sqrt(p * (1.0 - p) * moved.size)


def test_an_input_spike_counts_in_its_own_step():
    u = np.full(3, 1.0 - np.exp(-1.238 * np.exp(0.25 * 20.0) * DT / 1000.0))
    just = {"noise": u * (1.0 - 1e-9), "delta": [0.0, 20.0, 0.0]}
    assert run(PoissonNeuron(), 3, DT, just)[1][:, 0].tolist() == [False, True, False]
    missed = {"noise": u * (1.0 + 1e-9), "delta": [0.0, 20.0, 0.0]}
    assert not run(PoissonNeuron(), 3, DT, missed)[1].any()


def test_dead_time_and_what_a_spike_takes_away():
    always = {"noise": 1e-300, "delta": 10.0 * (np.arange(200) == 0)}
    fired = run(PoissonNeuron(dead_time=1.0), 200, DT, always)[1]
    assert set(np.diff(np.flatnonzero(fired[:, 0]))) == {11}
    v = {r: run(PoissonNeuron(dead_time=50.0, with_reset=r), 200, DT, always)[0][:, 0] for r in (0.0, 0.25, 1.0)}
    assert (v[1.0] == 0.0).all()
    np.testing.assert_allclose(v[0.0], 10.0 * np.exp(-0.01 * np.arange(200)), rtol=1e-12)
    np.testing.assert_allclose(v[0.25], 0.75 * v[0.0], rtol=1e-12)


def test_intervals_with_dead_time_are_shifted_and_geometric():
    model = PoissonNeuron(c_2=200.0, c_3=0.0, dead_time=3.0)
    fired = run(model, 4000, DT, {"noise": uniform(2, 4000, 100)}, n=100)[1]
    intervals = np.concatenate([np.diff(np.flatnonzero(fired[:, j])) for j in range(100)])
    p = 1.0 - np.exp(-0.02)
    assert intervals.min() > 30 and len(intervals) > 3000
    # Long intervals are cut off at the end of the run: a fraction of 80 / 4000 of them.
    assert abs(intervals.mean() - (30.0 + 1.0 / p)) < 4.0 * np.sqrt(1.0 - p) / p / np.sqrt(len(intervals)) + 1.0
