"""AstrocyteLIF alone."""
import numpy as np
import pytest
from neuron_runs import run, times

from snn.errors import ModelError
from snn.neurons import LIF, AstrocyteLIF, SoftLIF

FREE = {"E_L": 0.0, "V_th": 1e9, "V_drop": 0.0, "tau_m": 10.0, "tau_a": 100.0}
PULSE = 1.0 * (np.arange(600) == 0)


def test_an_input_spike_leaves_its_weight_in_the_astrocyte():
    """a(t) = k w tau_a / (tau_a - tau_m) (exp(-t / tau_a) - exp(-t / tau_m)), near k w exp(-t / tau_a) later."""
    model, dt = AstrocyteLIF(k=2.0, **FREE), 0.5
    a = run(model, 600, dt, {"delta": 3.0 * PULSE}, record="a")[0][:, 0]
    t = dt * np.arange(600)
    np.testing.assert_allclose(a, 6.0 * (10.0 / 9.0) * (np.exp(-t / 100.0) - np.exp(-t / 10.0)), atol=1e-12)
    assert a[200] == pytest.approx(6.0 * np.exp(-1.0), rel=0.12)


def test_follows_the_differential_equations_under_a_current():
    from scipy.integrate import solve_ivp
    model = AstrocyteLIF(**{**FREE, "E_L": -70.0}, k=0.7, C_m=200.0)
    a, _, end = run(model, 301, 0.2, {"current": 300.0}, record="a")     # the first step takes the current in
    true = solve_ivp(lambda t, y: [(-y[0] + 300.0 * 10.0 / 200.0) / 10.0, -y[1] / 100.0 + 0.7 * y[0] / 10.0],
                     (0.0, 60.0), [0.0, 0.0], rtol=1e-11, atol=1e-12).y[:, -1]
    np.testing.assert_allclose([float(end.v) + 70.0, a[-1, 0]], true, rtol=1e-9)


def test_without_gain_and_reset_it_is_the_membrane_of_a_lif():
    rng = np.random.default_rng(1)
    inputs = {"delta": rng.normal(0.5, 2.0, 400), "current": rng.normal(200.0, 100.0, 400)}
    v = run(AstrocyteLIF(g=0.0, V_drop=0.0, V_th=1e9), 400, 0.5, inputs)[0]
    np.testing.assert_allclose(v, run(LIF(V_th=1e9, t_ref=0.0), 400, 0.5, inputs)[0], rtol=1e-12)
    fired = run(AstrocyteLIF(g=0.0, V_drop=0.0), 400, 0.5, inputs)[1]
    np.testing.assert_array_equal(fired, v >= -55.0)
    assert 10 < fired.sum() < 390


def test_without_gain_and_with_reset_it_is_a_lif_with_soft_reset():
    soft = run(SoftLIF(), 2000, 0.1, {"current": 400.0})[:2]
    mine = run(AstrocyteLIF(g=0.0), 2000, 0.1, {"current": 400.0})[:2]
    np.testing.assert_allclose(mine[0], soft[0], rtol=1e-12)
    np.testing.assert_array_equal(mine[1], soft[1])
    assert soft[1].sum() > 5


def test_the_astrocyte_remembers_for_longer_than_the_membrane():
    """A burst, then 60 ms, then a probe that is too weak by itself: the sign of g decides whether it fires."""
    burst = np.where(np.arange(1000) < 50, 1.0, 0.0) + 13.5 * (np.arange(1000) == 700)
    fired = {g: times(run(AstrocyteLIF(g=g, tau_m=10.0, V_drop=40.0), 1000, 0.1, {"delta": burst})[1], 0.1)
             for g in (0.3, 0.0, -0.3)}
    assert 70.1 in fired[0.3].round(6) and fired[0.0].max() < 5.1 and fired[-0.3].max() < 5.1


def test_gain_scales_the_input():
    model = AstrocyteLIF(**FREE)
    v = run(model, 3, 1.0, {"delta": np.array([2.0, 0.0, 0.0]), "gain": 0.5})[0]
    assert v[0, 0] == 3.0


@pytest.mark.parametrize(("given", "message"), [
    ({"tau_a": 20.0}, r"tau_m: is not below tau_a \(20 ms against 20 ms\)"),
    ({"tau_m": np.array([10.0, 300.0])}, r"tau_m: is not below tau_a \(300 ms against 200 ms\)"),
    ({"tau_m": np.ones(2), "tau_a": np.full(3, 9.0)}, "tau_m: has 2 values where tau_a has 3"),
    ({"V_th": -80.0}, r"E_L: is not below V_th \(-70 mV against -80 mV\)"),
    ({"V_drop": -1.0}, "V_drop: is -1 mV"),
])
def test_bad_parameters(given, message):
    with pytest.raises(ModelError, match=f"AstrocyteLIF.{message}"):
        AstrocyteLIF(**given)
