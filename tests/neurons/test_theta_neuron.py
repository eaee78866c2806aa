"""ThetaNeuron alone: the quadratic integrate-and-fire neuron in closed form, and the law of its rate."""
import math

import numpy as np
import pytest
import torch
from neuron_runs import run

from snn.errors import ModelError
from snn.neurons import ThetaNeuron
from snn.neurons.theta_neuron import angle_of


def test_fires_at_the_square_root_of_its_input():
    eta = np.array([0.04, 0.09, 0.25, 1.0, 9.0])
    _, fired, _ = run(ThetaNeuron(eta=eta), 1600, 0.25, n=5, record="theta")
    for k, e in enumerate(eta):
        intervals = np.diff(np.flatnonzero(fired[:, k])) * 0.25
        assert len(intervals) >= 1
        assert intervals.mean() == pytest.approx(math.pi * 10.0 / math.sqrt(e), abs=0.25 / len(intervals))


def test_drive_and_excitability_are_the_same():
    theta, _, _ = run(ThetaNeuron(eta=-0.1), 200, 0.5, {"drive": 0.35}, record="theta")
    start = ThetaNeuron.State(theta=torch.as_tensor(theta[0]), drive=torch.zeros(1).double())
    other, _, _ = run(ThetaNeuron(eta=0.25), 199, 0.5, state=start, record="theta")
    assert theta[0, 0] == pytest.approx(-2.0 * math.atan(math.sqrt(0.1)), rel=1e-12)
    np.testing.assert_allclose(theta[1:], other, rtol=1e-12)


def qif(V, b, t, tau):
    """V(t) of tau dV/dt = V^2 + b, with threshold and reset at infinity."""
    if b > 0:
        w = math.sqrt(b)
        return w * math.tan(math.atan(V / w) + w * t / tau)
    w = math.sqrt(-b)
    if abs(V) == w:
        return V
    a = math.atanh(V / w) if abs(V) < w else math.atanh(w / V)
    return w * (math.tanh(a - w * t / tau) if abs(V) < w else 1.0 / math.tanh(a - w * t / tau))


@pytest.mark.parametrize("eta", [0.3, -0.3])
def test_is_the_quadratic_neuron_under_spikes(eta):
    """V = tan(theta / 2), also across its own spikes and with strong input spikes of both signs."""
    rng, dt, tau = np.random.default_rng(1), 0.25, 10.0
    arrivals = (rng.random(400) < 0.1) * rng.normal(0.4, 0.8, 400)
    theta, fired, _ = run(ThetaNeuron(eta=eta), 400, dt, {"delta": arrivals}, record="theta")
    V, expected = math.tan(theta[0, 0] / 2.0), []
    for k in range(1, 400):
        V = qif(V, eta, dt, tau) + arrivals[k]
        expected.append(2.0 * math.atan(V))
    error = np.angle(np.exp(1j * (theta[1:, 0] - expected)))
    assert np.abs(error).max() < 1e-6
    assert fired.sum() >= 3


def test_error_falls_with_the_fourth_power_of_the_step():
    true = 2.0 * math.atan(qif(math.tan(-1.4), 0.04, 60.0, 10.0))
    errors = []
    for dt in (4.0, 2.0, 1.0):
        start = ThetaNeuron.State(theta=torch.tensor([-2.8]).double(), drive=torch.zeros(1).double())
        end = run(ThetaNeuron(eta=0.04), round(60.0 / dt), dt, state=start, record="theta")[2]
        errors.append(abs(float(end.theta) - true))
    np.testing.assert_allclose(np.log2(np.divide(errors[:-1], errors[1:])), 4.0, atol=0.5)


def test_rests_below_threshold():
    theta, fired, _ = run(ThetaNeuron(eta=-0.25), 100, 0.5, record="theta")
    np.testing.assert_allclose(theta[:, 0], -2.0 * math.atan(0.5), rtol=1e-12)
    assert not fired.any()
    kicked, fired, _ = run(ThetaNeuron(eta=-0.25), 400, 0.5, {"delta": np.where(np.arange(400) == 5, 1.1, 0.0)},
                           record="theta")
    assert math.tan(kicked[5, 0] / 2.0) == pytest.approx(0.6, rel=1e-10) and fired.sum() == 1


def test_angle_of_a_point_is_that_of_atan2():
    y, x = (torch.as_tensor(a) for a in np.random.default_rng(0).normal(size=(2, 10000)))
    x[:4], y[:4] = torch.tensor([0.0, 0.0, 2.0, -1e-9]).double(), torch.tensor([3.0, -3.0, 0.0, 1.0]).double()
    np.testing.assert_allclose(angle_of(y, x), torch.atan2(y, x), rtol=2e-15, atol=2e-15)
    assert float(angle_of(torch.zeros(1), torch.zeros(1))) == 0.0


def test_refuses_what_is_outside_its_domain():
    with pytest.raises(ModelError, match="ThetaNeuron.tau: is 0"):
        ThetaNeuron(tau=0.0)
    assert ThetaNeuron(tau=np.array([3.0, 20.0])).max_dt() == 1.5
