"""PoissonSource alone."""
import numpy as np
import pytest
from neuron_runs import run

from snn.neurons import PoissonSource


@pytest.mark.parametrize("rate", [0.5, 40.0, 5000.0])
def test_fires_with_the_probability_of_at_least_one_event(rate):
    dt, n, steps = 0.1, 1000, 400
    fired = run(PoissonSource(rate=rate), steps, dt, {"noise": 1.0 - np.random.default_rng(2).random((steps, n))}, n=n,
                record="p")[1]
    p = 1.0 - np.exp(-rate * dt / 1000.0)
    assert abs(fired.mean() - p) < 4.0 * np.sqrt(p * (1.0 - p) / fired.size)


def test_the_number_decides_nothing_else():
    p = 1.0 - np.exp(-0.002)
    noise = {"noise": np.array([0.5, p * 0.999, p * 1.001, 1e-300])}
    fired = run(PoissonSource(rate=20.0), 4, 0.1, noise, record="p")[1]
    assert fired[:, 0].tolist() == [False, True, False, True]


def test_rate_zero_never_fires_and_rates_differ_per_neuron():
    u = 1.0 - np.random.default_rng(3).random((2000, 2))
    fired = run(PoissonSource(rate=np.array([0.0, 800.0])), 2000, 0.1, {"noise": u}, n=2, record="p")[1]
    assert fired[:, 0].sum() == 0 and 100 < fired[:, 1].sum() < 220
    assert not run(PoissonSource(rate=0.0), 1, 0.1, {"noise": 2.0**-1074}, record="p")[1].any()
