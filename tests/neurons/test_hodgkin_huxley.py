"""HodgkinHuxley alone."""
import numpy as np
import pytest
import torch
from neuron_runs import run, times
from scipy.integrate import solve_ivp

from snn.errors import ModelError
from snn.neurons import HodgkinHuxley
from snn.neurons.hodgkin_huxley import q, rates


def published(v, V_T):
    """(alpha, beta) of m, h, n as they are printed."""
    u = v - V_T
    return ((0.32 * (13 - u) / (np.exp((13 - u) / 4) - 1), 0.28 * (u - 40) / (np.exp((u - 40) / 5) - 1)),
            (0.128 * np.exp((17 - u) / 18), 4 / (1 + np.exp((40 - u) / 5))),
            (0.032 * (15 - u) / (np.exp((15 - u) / 5) - 1), 0.5 * np.exp((10 - u) / 40)))


def slope(t, y, current):
    v, m, h, n = y
    gates = [a * (1 - x) - b * x for x, (a, b) in zip((m, h, n), published(v, -63.0), strict=True)]
    ions = -10.0 * (v + 60) - 20000.0 * m**3 * h * (v - 50) - 6000.0 * n**4 * (v + 90)
    return [(ions + current) / 200.0, *gates]


def test_rates_are_those_published():
    v = np.linspace(-110.0, 60.0, 171) + 0.3
    for mine, theirs in zip(rates(torch.tensor(v + 63.0)), published(v, -63.0), strict=True):
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-12)


@pytest.mark.parametrize("u", [13.0, 15.0, 40.0])
def test_singular_points_are_smooth(u):
    near = torch.tensor(u + np.array([-0.3, -1e-9, 0.0, 1e-9, 0.3]), requires_grad=True)
    values = torch.stack([x for pair in rates(near) for x in pair])
    assert torch.isfinite(values).all()
    assert torch.autograd.gradcheck(lambda u: torch.stack([x for pair in rates(u) for x in pair]), near, atol=1e-6)
    np.testing.assert_allclose(values[:, 1].detach(), values[:, 3].detach(), rtol=1e-8)


def test_the_series_meets_the_function():
    y = torch.tensor([-0.0500001, -0.0499999, 0.0499999, 0.0500001], dtype=torch.float64)
    np.testing.assert_allclose(q(y, torch.exp(y)), y / torch.expm1(y), rtol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rates_and_their_gradients_are_finite_anywhere(dtype):
    u = torch.tensor([-1e6, -500.0, -150.0, 150.0, 500.0, 1e6], dtype=dtype, requires_grad=True)
    values = torch.stack([x for pair in rates(u) for x in pair])
    gradient, = torch.autograd.grad(values.sum(), u)
    assert torch.isfinite(values).all() and torch.isfinite(gradient).all()


def test_action_potentials_against_an_adaptive_solver():
    """Times of crossing, interpolated between steps: second order in dt."""
    def crossing(t, y, current):
        return y[0] + 20.0

    crossing.direction = 1
    start = [-60.0, *(a / (a + b) for a, b in published(-60.0, -63.0))]
    truth = solve_ivp(slope, (0.0, 34.0), start, "LSODA", args=(400.0,), rtol=1e-9, atol=1e-11, events=crossing)
    errors = []
    for dt in (0.1, 0.05, 0.025):
        v, fired, _ = run(HodgkinHuxley(), round(34.0 / dt), dt, {"current": 400.0})
        k = np.flatnonzero(fired[:, 0])
        # The current that is received in step 0 acts from dt on.
        at = (k - 1 + (-20.0 - v[k - 1, 0]) / (v[k, 0] - v[k - 1, 0])) * dt
        errors.append(np.abs(at - truth.t_events[0]).max())
    assert len(truth.t_events[0]) == 3 and errors[0] < 0.5
    assert 3.0 < errors[0] / errors[1] < 6.0 and 3.0 < errors[1] / errors[2] < 6.0


def test_one_event_per_action_potential_and_nothing_touches_the_potential():
    v, fired, _ = run(HodgkinHuxley(V_th=np.array([-20.0, 200.0])), 2000, 0.05, {"current": 400.0}, n=2)
    peaks = (v[1:-1, 0] > v[:-2, 0]) & (v[1:-1, 0] >= v[2:, 0]) & (v[1:-1, 0] > 0.0)
    assert 5 < fired[:, 0].sum() == peaks.sum() and not fired[:, 1].any() and (v[:, 0] == v[:, 1]).all()
    assert 45.0 < v.max() < 50.0 and -90.0 < v.min() < -75.0
    # Every crossing stays above for several steps, which are not counted again.
    assert (v[:, 0] > -20.0).sum() > 5 * fired.sum()


def test_rheobase_is_the_first_maximum_of_the_steady_current():
    """Two neurons for either of two thresholds: 3 pA below and 3 pA above it."""
    v, currents, rests = np.linspace(-75.0, -45.0, 30001) + 1e-7, [], []
    for V_T in (-63.0, -55.0):
        m, h, n = (a / (a + b) for a, b in published(v, V_T))
        steady = 10.0 * (v + 60) + 20000.0 * m**3 * h * (v - 50) + 6000.0 * n**4 * (v + 90)
        top = np.flatnonzero((np.diff(steady)[:-1] > 0) & (np.diff(steady)[1:] <= 0))[0] + 1
        currents += [steady[top] - 3.0, steady[top] + 3.0]
        rests.append(v[:top][np.argmin(np.abs(steady[:top] - currents[-2]))])
    np.testing.assert_allclose(currents, [-35.0, -29.0, 47.0, 53.0], atol=0.3)
    model = HodgkinHuxley(V_T=np.array([-63.0, -63.0, -55.0, -55.0]))
    ends, fired, _ = run(model, 2000, 0.2, {"current": np.tile(currents, (2000, 1))}, n=4)
    assert fired[1000:].any(0).tolist() == [False, True, False, True]
    np.testing.assert_allclose(ends[-1, [0, 2]], rests, atol=0.02)


def test_conductances_close_and_inhibition_silences():
    g = run(HodgkinHuxley(), 100, 0.1, {"exc": 6.0 * (np.arange(100) == 0)}, record="g_exc")[0][:, 0]
    np.testing.assert_allclose(g, 6.0 * np.exp(-0.1 * np.arange(100) / 5.0), rtol=1e-12)
    kept = np.tile([0.0, 20.0], (1500, 1)) * (np.arange(1500)[:, None] % 50 == 0)
    fired = run(HodgkinHuxley(), 1500, 0.2, {"inh": kept}, n=2)[1]
    assert fired[:, 0].sum() > 3 and not fired[500:, 1].any()
    strong = 100.0 * (np.arange(400) == 100)
    assert len(times(run(HodgkinHuxley(V_T=-55.0), 400, 0.1, {"exc": strong})[1], 0.1)) >= 1


def test_domain_and_longest_step():
    assert HodgkinHuxley().max_dt() == 0.5 and HodgkinHuxley(tau_exc=0.4).max_dt() == pytest.approx(0.2)
    with pytest.raises(ModelError, match=r"HodgkinHuxley\.E_L: is not below V_th"):
        HodgkinHuxley(E_L=0.0)
