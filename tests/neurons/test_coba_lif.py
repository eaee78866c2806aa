"""CobaLIF alone."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from neuron_runs import run

from snn.neurons import CobaLIF


@settings(max_examples=20)
@given(exc=st.floats(0.0, 1e5), inh=st.floats(0.0, 1e5))
def test_potential_stays_between_the_reversal_potentials(exc, inh):
    v = run(CobaLIF(V_th=10.0), 50, 0.5, {"exc": exc, "inh": inh})[0]
    assert (v >= -80.0 - 1e-9).all() and (v <= 1e-9).all()


def test_a_constant_conductance_has_the_closed_form():
    """With tau_exc far above the duration the conductance is constant, and V relaxes with C_m / (g_L + g_exc)."""
    g, dt = 5.0, 0.1
    v = run(CobaLIF(tau_exc=1e9, V_th=-20.0), 300, dt, {"exc": g * (np.arange(300) == 0)})[0][:, 0]
    v_inf, tau = (10.0 * -60.0 + g * 0.0) / (10.0 + g), 200.0 / (10.0 + g)
    np.testing.assert_allclose(v, v_inf + (-60.0 - v_inf) * np.exp(-dt * np.arange(300) / tau), atol=1e-6)


def test_longest_step():
    assert CobaLIF().max_dt() == 2.5
    assert CobaLIF(tau_exc=np.array([5.0, 0.4])).max_dt() == pytest.approx(0.2)
    assert CobaLIF(C_m=20.0).max_dt() == 1.0
