"""AlphaLIF alone."""
import numpy as np
import pytest
import torch
from neuron_runs import filled, run
from scipy.integrate import quad

from snn.neurons import AlphaLIF
from snn.neurons.alpha_lif import first_moment

DT = 0.1
ONCE = np.arange(600) == 0
TIME = DT * np.arange(600)


@pytest.mark.parametrize("port, tau", [("exc", 2.0), ("inh", 5.0)])
def test_the_peak_of_the_current_is_the_weight(port, tau):
    current = run(AlphaLIF(tau_exc=2.0, tau_inh=5.0), 600, DT, {port: 80.0 * ONCE}, record=f"i_{port}")[0][:, 0]
    np.testing.assert_allclose(current, 80.0 * np.e * TIME / tau * np.exp(-TIME / tau), rtol=1e-12, atol=1e-12)
    assert current.max() == pytest.approx(80.0, rel=1e-14) and np.argmax(current) * DT == pytest.approx(tau)


@pytest.mark.parametrize("tau", [0.3, 2.0, 9.0, 9.999, 25.0])
def test_potential_after_one_spike(tau):
    model, weight = AlphaLIF(tau_inh=tau), -150.0
    v = run(model, 600, DT, {"inh": weight * ONCE})[0][:, 0]
    d = 1.0 / tau - 1.0 / model.tau_m
    shape = (np.exp(-TIME / model.tau_m) - np.exp(-TIME / tau) * (1.0 + d * TIME)) / d**2
    # The formula itself loses digits where the time constants are close.
    np.testing.assert_allclose(v - model.E_L, weight * np.e / (tau * model.C_m) * shape, rtol=1e-9, atol=3e-7)


def test_equal_time_constants():
    model = AlphaLIF(tau_exc=10.0)
    v = run(model, 600, DT, {"exc": 100.0 * ONCE})[0][:, 0]
    expected = 100.0 * np.e / (10.0 * 250.0) * 0.5 * TIME**2 * np.exp(-TIME / 10.0)
    np.testing.assert_allclose(v, model.E_L + expected, rtol=1e-13)


def test_first_moment_is_the_integral():
    d = np.array([-20.0, -3.0, -0.2501, -0.25, -0.1, -1e-8, 0.0, 1e-8, 0.1, 0.2499, 0.25, 1.0, 20.0])
    expected = [quad(lambda u, k=k: u * np.exp(-k * u), 0.0, 1.0, epsabs=1e-14)[0] for k in d]
    np.testing.assert_allclose(first_moment(torch.tensor(d)), expected, rtol=1e-13)


def test_gradient_is_finite_where_the_time_constants_meet():
    tau = torch.tensor([9.0, 10.0, 10.0 + 1e-9, 11.0], dtype=torch.float64, requires_grad=True)
    s = filled(AlphaLIF().rest(), 4)._replace(y_exc=torch.ones(4, dtype=torch.float64))
    assert torch.autograd.gradcheck(lambda tau: AlphaLIF(tau_exc=tau).bind(4, torch.float64).flow(s, 5.0).v, tau)


def test_rate_under_constant_current():
    model, currents = AlphaLIF(), np.array([400.0, 500.0, 1000.0])
    drive = model.tau_m / model.C_m * currents
    expected = model.t_ref + model.tau_m * np.log(drive / (drive - 15.0))
    fired = run(model, 1200, DT, {"current": np.tile(currents, (1200, 1))}, n=3)[1]
    for k in range(3):
        intervals = np.diff(np.flatnonzero(fired[:, k])) * DT
        assert len(intervals) > 2 and ((intervals > expected[k] - 1e-9) & (intervals < expected[k] + DT)).all()
