"""Populations of oscillators in the engines: order parameters against closed forms, and oscillators beside LIF."""
import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad

import snn
from snn.circuits import (
    hysteresis,
    inertial_order,
    lorentzian,
    lorentzian_order,
    noisy_order,
    order_curve,
    order_parameter,
)
from snn.errors import ModelError, RunError
from snn.neurons import LIF, Kuramoto, KuramotoRK4, SecondOrderKuramoto, StuartLandau, ThetaNeuron

TURN = 2.0 * math.pi
ENGINES = snn.Reference(), snn.EventDriven(threads=1)


@pytest.mark.parametrize("Model", [Kuramoto, KuramotoRK4])
def test_order_of_lorentzian_frequencies_follows_the_closed_form(Model):
    K = [1.25, 1.5, 2.0, 3.0]
    r = order_curve(Model(omega=lorentzian(2000, 0.5)), 2000, K, dt=0.05, settle=30.0, measure=30.0, seed=1)
    np.testing.assert_allclose(r, lorentzian_order(K, 0.5), atol=0.01)


def test_below_the_critical_coupling_there_is_no_order():
    model = Kuramoto(omega=lorentzian(2000, 0.5, seed=3))
    assert order_curve(model, 2000, [0.5], dt=0.1, settle=20.0, measure=40.0)[0] < 0.1


def test_with_a_lag_the_population_turns_as_the_closed_form_says():
    """Omega = -K (1 + r^2) sin(alpha) / 2 with r^2 = 1 - K_c / (K cos alpha), by the reduction of E. Ott and
    T. M. Antonsen (2008), Chaos 18:037113."""
    n, K, alpha = 2000, 2.0, 0.6
    net = snn.Network("lag")
    units = net.add("units", Kuramoto(omega=lorentzian(n, 0.5), alpha=alpha), n, init={"theta": snn.Uniform(0.0, 6.28)})
    net.couple(units, units, snn.AllToAll(), weight=K / n)
    record = [snn.RecordMean("units", "sin"), snn.RecordMean("units", "cos")]
    traces = snn.simulate(net, 60.0, dt=0.05, seed=1, record=record, progress=False).traces
    z = (traces["units", "mean.cos"].data + 1j * traces["units", "mean.sin"].data)[-600:, 0]
    r = lorentzian_order(K, 0.5, alpha=alpha)
    assert abs(z).mean() == pytest.approx(r, abs=0.01)
    speed = (np.unwrap(np.angle(z))[-1] - np.angle(z)[0]) / (599 * 0.05)
    assert speed == pytest.approx(-0.5 * K * (1.0 + r**2) * math.sin(alpha), abs=0.01)


def test_a_common_frequency_changes_nothing():
    """In a turning frame the population is the same; a scheme of first order would add a lag of half a step."""
    here, turning = (order_curve(Kuramoto(omega=lorentzian(1000, 0.5, centre=c)), 1000, [2.0], dt=0.05, settle=20.0,
                                 measure=20.0, seed=2)[0] for c in (0.0, 1.0))
    assert turning == pytest.approx(here, abs=2e-3)


def test_noise_sets_the_order_of_identical_units():
    K = [2.0, 4.0]
    r = order_curve(Kuramoto(omega=0.0, sigma=1.0), 2000, K, dt=0.05, settle=20.0, measure=60.0, seed=1)
    np.testing.assert_allclose(r, noisy_order(K, 0.5), atol=0.01)


def test_inertia_makes_hysteresis():
    K = [2.0, 3.2, 8.0]
    model = SecondOrderKuramoto(omega=lorentzian(1000, 1.0), m=2.0)
    up, down = hysteresis(model, 1000, K, dt=0.1, settle=40.0, measure=30.0, seed=1)
    assert up[1] < 0.1 < 0.5 < down[1] and max(up[0], down[0]) < 0.1
    assert up[2] == pytest.approx(inertial_order(8.0, 2.0, 1.0, rising=True), abs=0.03)


def test_order_in_closed_form():
    assert lorentzian_order([0.5, 1.0, 2.0], 0.5).tolist() == [0.0, 0.0, math.sqrt(0.5)]
    r = float(noisy_order(3.0, 0.7))
    weight, moment = (quad(lambda a, p=p: math.cos(a) ** p * math.exp(3.0 * r / 0.7 * math.cos(a)), 0.0, math.pi)[0]
                      for p in (0, 1))
    assert 0.6 < r == pytest.approx(moment / weight, rel=1e-9)
    assert noisy_order(1.3, 0.7) == 0.0
    # Near no inertia both branches are Kuramoto's.
    for rising in (True, False):
        light = inertial_order([1.5, 3.0, 30.0], 1e-4, 0.5, rising=rising)
        np.testing.assert_allclose(light, lorentzian_order([1.5, 3.0, 30.0], 0.5), atol=2e-3)
    # Incoherence is stable up to 2 h (1 + m h): J. A. Acebron, L. L. Bonilla, R. Spigler (2000), Phys. Rev. E 62:3437.
    assert inertial_order(5.9, 2.0, 1.0, rising=True) == 0.0 < inertial_order(6.1, 2.0, 1.0, rising=True)


def test_order_parameter_of_arrays_and_tensors():
    theta = np.array([[0.0, math.pi / 2.0], [1.0, 1.0 + TURN]])
    np.testing.assert_allclose(order_parameter(theta), [(1.0 + 1.0j) / 2.0, np.exp(1.0j)], rtol=1e-12)
    np.testing.assert_allclose(order_parameter(torch.as_tensor(theta)), order_parameter(theta), rtol=1e-12)


def test_frequencies_are_quantiles_or_draws():
    omega = lorentzian(1001, 0.5, centre=2.0)
    assert np.median(omega) == pytest.approx(2.0) and np.quantile(omega, 0.75) == pytest.approx(2.5, abs=0.01)
    assert np.quantile(lorentzian(4000, 0.5, seed=1), 0.75) == pytest.approx(0.5, abs=0.06)
    with pytest.raises(ModelError, match=r"lorentzian.half_width: is 0"):
        lorentzian(10, 0)
    with pytest.raises(RunError, match="order_curve.measure"):
        order_curve(Kuramoto(), 10, [1.0], dt=0.1, settle=1.0, measure=0.0)


def sparse(Model, n=300, **options):
    rng = np.random.default_rng(5)
    net = snn.Network("sparse")
    units = net.add("units", Model(omega=rng.normal(0.3, 0.1, n)), n, init={Model.State._fields[0]: snn.Uniform(0, 6)})
    net.couple(units, units, snn.FixedInDegree(12), weight=snn.Uniform(0.0, 0.05), **options)
    if "normal" in Model.Ports._fields:
        net.drive(units, snn.PoissonInput(rate=100.0, weight=0.2), port="phase")
    return net


CASES = [(Kuramoto, {}), (KuramotoRK4, {}), (SecondOrderKuramoto, {"delay": 0.5}), (StuartLandau, {"difference": True})]


@pytest.mark.parametrize(("Model", "options"), CASES, ids=[Model.__name__ for Model, _ in CASES])
def test_engines_agree_bit_for_bit(Model, options):
    names = Model.State._fields[:2]
    record = [snn.RecordSpikes("units"), *(snn.RecordState("units", name) for name in names)]
    a, b = (snn.simulate(sparse(Model, **options), 15.0, dt=0.1, engine=engine, record=record, progress=False)
            for engine in ENGINES)
    assert a.spikes["units"] == b.spikes["units"] and (len(a.spikes["units"]) > 100 or Model is StuartLandau)
    for name in names:
        assert np.array_equal(a.traces["units", name].data, b.traces["units", name].data)


def beside_lif(noise=0.0):
    """Oscillators that drive LIF neurons one to one, which kick their neighbours in a ring of oscillators."""
    n = 40
    net = snn.Network("beside")
    units = net.add("units", Kuramoto(omega=0.3, sigma=noise), n, init={"theta": snn.Uniform(0.0, 6.28)})
    cells = net.add("cells", LIF(), n)
    theta = net.add("theta", ThetaNeuron(eta=-0.05), n)
    net.connect(units, cells, snn.OneToOne(), port="delta", weight=20.0, delay=1.0)
    net.connect(cells, units, snn.Edges(np.arange(n), (np.arange(n) + 1) % n), port="phase", weight=0.2, delay=0.5)
    net.connect(cells, theta, snn.OneToOne(), port="delta", weight=1.0, delay=0.5)
    net.couple(units, units, snn.AllToAll(), weight=0.05 / n)
    return net


@pytest.mark.parametrize("noise", [pytest.param(0.0, marks=pytest.mark.slow), 0.2])
def test_spikes_and_phases_drive_each_other_alike_in_every_engine(noise):
    a, b = (snn.simulate(beside_lif(noise), 30.0, dt=0.1, engine=engine, seed=4, progress=False) for engine in ENGINES)
    for name in ("units", "cells", "theta"):
        assert a.spikes[name] == b.spikes[name] and len(a.spikes[name]) > 25, name


def test_a_neuron_fires_at_every_turn_and_its_spikes_move_the_next_phase():
    record = [snn.RecordSpikes("units"), snn.RecordSpikes("cells"), snn.RecordState("units", "theta")]
    result = snn.simulate(beside_lif(), 60.0, dt=0.1, seed=4, record=record, progress=False)
    turns, spikes, theta = result.spikes["units"], result.spikes["cells"], result.traces["units", "theta"].data
    for k in range(40):
        arrivals = turns.times[turns.ids == k] + 1.0
        np.testing.assert_allclose(spikes.times[spikes.ids == k], arrivals[arrivals <= 60.0 + 1e-9], atol=1e-9)
    # Sines of differences add up to 0: on the whole phases move by their frequency and by kicks alone.
    moved = (theta[-1] - theta[0]).sum() + TURN * (turns.times > 0.15).sum()
    kicks = (spikes.times <= 59.5 + 1e-9).sum()
    assert kicks > 80
    assert moved == pytest.approx(40 * 0.3 * 59.9 + 0.2 * kicks, abs=0.02)
