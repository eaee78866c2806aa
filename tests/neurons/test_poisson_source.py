"""PoissonSource alone."""
import numpy as np
import pytest
from neuron_runs import run

import snn
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


def test_rates_of_field_and_port_add_up():
    dt, n, steps, rng = 0.5, 500, 400, np.random.default_rng(4)
    u = 1.0 - rng.random((steps, n))
    p, fired, _ = run(PoissonSource(rate=30.0), steps, dt, {"noise": u, "rate": 50.0}, n=n, record="p")
    np.testing.assert_allclose(p[1:], 1.0 - np.exp(-80.0 * dt / 1000.0), rtol=1e-12)
    assert (p[0] == run(PoissonSource(rate=30.0), 1, dt, {"noise": u[0, 0]}, record="p")[0][0]).all()
    q = p[1, 0]
    assert abs(fired[1:].mean() - q) < 4.0 * np.sqrt(q * (1.0 - q) / fired.size)


def test_a_rate_below_zero_is_none_however_low():
    rates = np.array([0.0, -30.0, -31.0, -1e4, -1e9])
    u = np.full((2, 5), 2.0**-32)
    p, fired, _ = run(PoissonSource(rate=30.0), 2, 0.5, {"noise": u, "rate": np.tile(rates, (2, 1))}, n=5, record="p")
    assert fired[1].tolist() == [True, False, False, False, False] and not np.isnan(p).any()


def test_nothing_on_the_port_changes_nothing():
    u = 1.0 - np.random.default_rng(5).random(50)
    alone = run(PoissonSource(rate=70.0), 50, 0.1, {"noise": u}, record="p")[0]
    assert (alone == -np.expm1(-70.0 * (0.1 / 1000.0))).all()
    assert (run(PoissonSource(rate=70.0), 50, 0.1, {"noise": u, "rate": 0.0}, record="p")[0] == alone).all()


@pytest.mark.parametrize("engine", [snn.EventDriven(), snn.EventDriven(dtype="float32"), snn.Reference()])
def test_a_controlled_input_sets_the_rates_of_an_image(engine):
    image, net, rates = np.linspace(0.0, 400.0, 32), snn.Network("image"), snn.ControlledInput()
    pixels = net.add("pixels", PoissonSource(rate=0.0), 32)
    net.drive(pixels, rates, port="rate")
    with snn.start(net, dt=0.5, seed=1, engine=engine) as simulation:
        dark = simulation.run(50.0).spikes["pixels"].count()
        simulation.set_input(rates, image)
        simulation.run(0.5)
        shown = simulation.run(400.0).spikes["pixels"].count()
        simulation.set_input(rates, image[::-1].copy())
        simulation.run(0.5)
        turned = simulation.run(400.0).spikes["pixels"].count()
    expected = 800.0 * (1.0 - np.exp(-image * 0.0005))
    assert dark.sum() == 0 and shown[0] == 0 and turned[31] == 0
    for counts in (shown, turned[::-1]):
        assert (np.abs(counts - expected) <= 4.0 * np.sqrt(expected)).all()
