"""EIPair alone."""
import math

import numpy as np
import pytest
import torch
from neuron_runs import run

from snn.neurons import EIPair
from snn.neurons.ei_pair import softplus


def test_rests_at_the_closed_form_and_stays_there():
    u, _, end = run(EIPair(), 400, 0.5, {"noise": 1.0}, record="u")
    np.testing.assert_allclose(u[:, 0], -math.asinh(1.0), rtol=1e-12)
    assert float(end.u_I) == pytest.approx(math.log(2.0) / 2.0, rel=1e-12)


def test_settles_where_the_equations_say():
    """With y = e^phi(u): y = 1 + e^drive / (1 + e^-feedback y)."""
    drive, feedback = (x.ravel() for x in np.meshgrid([-2.0, 1.0, 6.0], [-0.5, 0.0, 0.3]))
    steps, n = 1000, len(drive)
    inputs = {"drive": np.tile(drive, (steps, 1)), "feedback": np.tile(feedback, (steps, 1)), "noise": 1.0}
    end = run(EIPair(), steps, 1.0, inputs, n=n, record="u")[2]
    g = np.exp(-feedback)
    y = (g - 1.0 + np.sqrt((1.0 - g) ** 2 + 4.0 * g * (1.0 + np.exp(drive)))) / (2.0 * g)
    r = np.logaddexp(0.0, end.u.numpy())
    np.testing.assert_allclose(r, np.log(y), rtol=1e-10)
    np.testing.assert_allclose(end.u_I, r - feedback, rtol=1e-9)


def test_follows_the_differential_equations_as_the_step_shrinks():
    """Error against an integration of high order falls in proportion to dt."""
    from scipy.integrate import solve_ivp

    def change(t, y):
        return [(2.0 - y[0] - np.logaddexp(0.0, y[1])) / 20.0, (np.logaddexp(0.0, y[0]) - 0.4 - y[1]) / 5.0]

    start = [-math.asinh(1.0), math.log(2.0) / 2.0]
    true = solve_ivp(change, (0.0, 15.0), start, rtol=1e-11, atol=1e-12).y[:, -1]
    errors = []
    for dt in (0.5, 0.25, 0.125):
        # The first step only takes the input in.
        end = run(EIPair(), round(15.0 / dt) + 1, dt, {"drive": 2.0, "feedback": 0.4, "noise": 1.0}, record="u")[2]
        errors.append(max(abs(float(end.u) - true[0]), abs(float(end.u_I) - true[1])))
    assert errors[0] < 0.02
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), 2.0, rtol=0.1)


def test_an_input_spike_steps_u_alone():
    arrivals = 1.5 * (np.arange(20) == 10)
    u, _, _ = run(EIPair(), 20, 0.1, {"delta": arrivals, "noise": 1.0}, record="u")
    u_I, _, _ = run(EIPair(), 20, 0.1, {"delta": arrivals, "noise": 1.0}, record="u_I")
    assert u[10, 0] - u[9, 0] == pytest.approx(1.5, rel=1e-12) and u_I[10, 0] == pytest.approx(u_I[9, 0], rel=1e-12)
    assert u_I[11, 0] > u_I[10, 0] and u[11, 0] < u[10, 0]


@pytest.mark.parametrize("drive", [-1.0, 3.0])
def test_fires_at_the_rate_of_its_activity(drive):
    dt, n, steps = 0.5, 500, 400
    noise = 1.0 - np.random.default_rng(1).random((steps, n))
    u, fired, _ = run(EIPair(rate=100.0), steps, dt, {"drive": drive, "noise": noise}, n=n, record="u")
    p = 1.0 - np.exp(-0.1 * dt * np.logaddexp(0.0, u[200:]))
    assert abs(fired[200:].sum() - p.sum()) < 4.0 * math.sqrt((p * (1.0 - p)).sum())
    assert (u[:, 0] == u[:, 1]).all()     # whether it fires changes nothing else


def test_softplus_neither_overflows_nor_loses_its_slope():
    v = torch.tensor([-800.0, -40.0, -1.0, 0.0, 1.0, 40.0, 800.0], dtype=torch.float64, requires_grad=True)
    np.testing.assert_allclose(softplus(v).detach(), np.logaddexp(0.0, v.detach().numpy()), rtol=1e-15, atol=1e-16)
    slope, = torch.autograd.grad(softplus(v).sum(), v)
    np.testing.assert_allclose(slope, torch.sigmoid(v.detach()), atol=1e-16)


def test_the_longest_step_follows_the_faster_neuron():
    assert EIPair().max_dt() == 2.5
    assert EIPair(tau_I=np.array([3.0, 40.0]), tau_E=10.0).max_dt() == 1.5
    assert EIPair(tau_E=2.0).max_dt() == 1.0
