"""AlphaCobaLIF alone."""
import numpy as np
import pytest
import torch
from neuron_runs import run
from scipy.integrate import quad, solve_ivp

from snn.neurons import AlphaCobaLIF
from snn.neurons.alpha_coba_lif import alpha_mean


@pytest.mark.parametrize("port, tau", [("exc", 0.2), ("inh", 2.0)])
def test_the_peak_of_the_conductance_is_the_weight(port, tau):
    g = run(AlphaCobaLIF(), 200, 0.1, {port: 4.0 * (np.arange(200) == 0)}, record=f"g_{port}")[0][:, 0]
    time = 0.1 * np.arange(200)
    np.testing.assert_allclose(g, 4.0 * np.e * time / tau * np.exp(-time / tau), rtol=1e-12, atol=1e-12)
    assert g.max() == pytest.approx(4.0, rel=1e-13) and np.argmax(g) * 0.1 == pytest.approx(tau)


@pytest.mark.parametrize("dt", [0.01, 0.1, 2.0])
def test_the_mean_over_a_step_is_exact(dt):
    def g(t):
        return (3.0 + 7.0 * t / 2.0) * np.exp(-t / 2.0)

    value, rising, dt_, tau = (torch.tensor(x, dtype=torch.float64) for x in (3.0, 7.0, dt, 2.0))
    assert float(alpha_mean(value, rising, dt_, tau)) == pytest.approx(quad(g, 0.0, dt)[0] / dt, rel=1e-13)


def truth(weight, until):
    """The potential ``until`` ms after one spike on both ports, by an adaptive solver."""
    m = AlphaCobaLIF(tau_exc=1.0)

    def slope(t, v):
        g_e, g_i = (weight * np.e * t / tau * np.exp(-t / tau) for tau in (1.0, 2.0))
        return (-m.g_L * (v - m.E_L) - g_e * (v - m.E_exc) - g_i * (v - m.E_inh)) / m.C_m

    return solve_ivp(slope, (0.0, until), [m.E_L], rtol=1e-11, atol=1e-11).y[0, -1]


def test_second_order_in_dt():
    errors = []
    for dt in (0.4, 0.2, 0.1):
        once = 15.0 * (np.arange(round(6.0 / dt) + 1) == 0)
        v = run(AlphaCobaLIF(tau_exc=1.0), len(once), dt, {"exc": once, "inh": once})[0]
        errors.append(abs(v[-1, 0] - truth(15.0, 6.0)))
    assert errors[0] < 0.05
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), 4.0, atol=0.4)


def test_longest_step():
    assert AlphaCobaLIF().max_dt() == 0.2
    assert AlphaCobaLIF(tau_exc=50.0, tau_inh=50.0, C_m=16.6667).max_dt() == pytest.approx(0.5)
