"""StuartLandau alone and in small networks."""
import math

import numpy as np
import pytest
from neuron_runs import run
from oscillators import coupled_run
from scipy.integrate import solve_ivp

from snn.neurons import StuartLandau


def z_of(s):
    return np.asarray(s.x) + 1j * np.asarray(s.y)


@pytest.mark.parametrize(("lam", "dt"), [(0.1, 0.1), (0.1, 7.0), (-0.2, 1.0), (0.0, 1.0)])
def test_alone_it_follows_the_closed_form(lam, dt):
    """1 / rho obeys a linear equation, rho = |z|^2; the phase turns at omega."""
    start = np.array([2.0, 0.3, 0.01])
    steps = round(14.0 / dt)
    end = coupled_run(StuartLandau(lam=lam, omega=0.5), np.zeros((3, 3)), steps, dt, x=start)
    t = steps * dt
    growth = math.exp(2.0 * lam * t)
    rho = start**2 * growth / (1.0 + start**2 * ((growth - 1.0) / lam if lam else 2.0 * t))
    np.testing.assert_allclose(z_of(end), np.sqrt(rho) * np.exp(0.5j * t), rtol=1e-7)


def test_the_limit_cycle_has_the_radius_sqrt_lambda():
    x, fired, end = run(StuartLandau(lam=0.49, omega=0.5), 400, 0.1, record="x")
    assert abs(z_of(end)[0]) == pytest.approx(0.7, rel=1e-12)
    assert not fired.any() and x[200:].max() == pytest.approx(0.7, rel=1e-3)


def test_is_right_to_second_order():
    rng = np.random.default_rng(1)
    n, lam, omega, w = 6, 0.5, rng.normal(1.0, 0.5, 6), rng.uniform(0.0, 0.2, (6, 6))
    start = rng.normal(size=n) + 1j * rng.normal(size=n)

    def change(t, z):
        return (lam + 1j * omega - abs(z) ** 2) * z + w @ z - w.sum(1) * z

    true = solve_ivp(change, (0.0, 5.0), start, method="DOP853", rtol=1e-11, atol=1e-12).y[:, -1]
    errors = [abs(z_of(coupled_run(StuartLandau(lam=lam, omega=omega), w, round(5.0 / dt), dt, difference=True,
                                   x=start.real, y=start.imag)) - true).max() for dt in (0.1, 0.05, 0.025)]
    assert errors[0] < 0.05
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), 4.0, rtol=0.15)


@pytest.mark.parametrize(("w", "apart", "alive"), [(1.2, 3.0, False), (0.8, 3.0, True), (1.2, 1.0, True)])
def test_two_distant_oscillators_kill_each_other(w, apart, alive):
    """Amplitude death of two units, lam = 1: where w > 1 and (apart / 2)^2 > 2 w - 1 (Aronson et al. 1990)."""
    assert alive == (not (w > 1.0 and (apart / 2.0) ** 2 > 2.0 * w - 1.0))
    model = StuartLandau(lam=1.0, omega=np.array([4.0 - apart / 2.0, 4.0 + apart / 2.0]))
    end = coupled_run(model, [[0.0, w], [w, 0.0]], 1500, 0.04, difference=True, x=[1.0, 0.3])
    assert (abs(z_of(end)).max() > 0.1) == alive
    assert alive or abs(z_of(end)).max() < 1e-4


def test_inputs_step_and_drive_x():
    """Small enough to add up: of the motion at rest, lam = omega = 0 and z = 0, nothing but the inputs is left."""
    end = coupled_run(StuartLandau(lam=0.0, omega=0.0), np.zeros((1, 1)), 3, 0.5, x=[0.0],
                      inputs={"delta": [[1e-3], [0.0], [0.0]], "drive": [[0.0], [4e-3], [0.0]]})
    assert z_of(end)[0] == pytest.approx(1e-3 + 0.5 * 4e-3, rel=1e-4)
