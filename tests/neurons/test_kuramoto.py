"""Kuramoto and KuramotoRK4 alone and in small networks, against closed forms and an integration of high order."""
import math

import numpy as np
import pytest
from neuron_runs import run
from oscillators import coupled_run, errors_at, turned
from scipy.integrate import solve_ivp
from scipy.special import ive

from snn.errors import ModelError
from snn.neurons import Kuramoto, KuramotoRK4

both = pytest.mark.parametrize("Model", [Kuramoto, KuramotoRK4])
TURN = 2.0 * math.pi


@both
def test_alone_it_turns_at_its_frequency_and_fires_once_a_turn(Model):
    theta, fired, _ = run(Model(omega=0.5), 1000, 0.1, record="theta")
    np.testing.assert_allclose(turned(theta[:, 0] - 0.05 * np.arange(1, 1001)), 0.0, atol=1e-11)
    np.testing.assert_array_equal(np.flatnonzero(fired[:, 0]), np.ceil(np.arange(1, 8) * TURN / 0.05).astype(int) - 1)
    assert theta.min() >= 0.0 and theta.max() < TURN


@both
def test_a_drive_adds_to_the_frequency_of_the_next_step(Model):
    drive = np.where(np.arange(40) == 10, 0.3, 0.0)
    theta, _, _ = run(Model(omega=0.1), 40, 0.5, {"drive": drive}, record="theta")
    steps = np.diff(theta[:, 0], prepend=0.0)
    np.testing.assert_allclose(steps, np.where(np.arange(40) == 11, 0.2, 0.05), rtol=1e-12)


@both
def test_turns_backward_without_a_spike(Model):
    theta, fired, _ = run(Model(omega=-0.5), 400, 0.1, record="theta")
    assert not fired.any() and theta.min() > -TURN and theta.max() <= 0.0
    np.testing.assert_allclose(turned(theta[:, 0] + 0.05 * np.arange(1, 401)), 0.0, atol=1e-11)


@both
def test_noise_about_zero_makes_no_spikes(Model):
    """Spikes are net turns: one per 2 pi of the unwound phase, however often it passes 0."""
    normal = np.random.default_rng(0).normal(size=(1000, 20))
    theta, fired, _ = run(Model(omega=0.1, sigma=0.7), 1000, 0.2, {"normal": normal}, n=20, record="theta")
    moved = 0.02 * np.arange(1, 1001)[:, None] + 0.7 * math.sqrt(0.2) * (np.cumsum(normal, 0) - normal)
    np.testing.assert_allclose(turned(theta - moved), 0.0, atol=1e-10)
    expected = [turns_of(x) for x in moved.T]
    assert fired.sum(0).tolist() == expected and sum(expected) > 20
    crossings = (np.diff(np.floor(moved / TURN), axis=0) > 0).sum()
    assert crossings > 2 * sum(expected)


def turns_of(x):
    count, base = 0, 0.0
    for value in x:
        if value - base >= TURN:
            count, base = count + 1, base + TURN
        elif value - base <= -TURN:
            base -= TURN
    return count


@both
def test_a_spike_moves_the_phase_by_its_response(Model):
    start = np.linspace(0.1, 6.0, 9)
    for prc in (0.0, 0.3, 1.0):
        end = coupled_run(Model(omega=0.0, prc=prc), np.zeros((9, 9)), 1, 0.1, theta=start,
                          inputs={"phase": np.full((1, 9), 0.2)})
        np.testing.assert_allclose(turned(end.theta - start), 0.2 * (1.0 - prc * np.cos(start)), rtol=1e-12)


@both
def test_a_kick_over_a_whole_turn_is_a_spike(Model):
    _, fired, end = run(Model(omega=0.0), 3, 0.1, {"phase": [4.0, 4.0, -1.0]}, record="theta")
    assert fired[:, 0].tolist() == [False, True, False]
    assert float(end.theta) == pytest.approx(7.0 - TURN)


@both
def test_in_a_constant_field_it_follows_the_closed_form(Model):
    """dphi/dt = -A sin phi has tan(phi / 2) = tan(phi_0 / 2) exp(-A t)."""
    start, A, psi = np.linspace(-3.0, 3.0, 7), 0.8, 0.7
    field = {"sin": np.full((20, 7), A * math.sin(psi)), "cos": np.full((20, 7), A * math.cos(psi))}
    end = coupled_run(Model(omega=0.0), np.zeros((7, 7)), 20, 0.1, theta=start, inputs=field)
    true = psi + 2.0 * np.arctan(np.tan((start - psi) / 2.0) * math.exp(-A * 2.0))
    np.testing.assert_allclose(turned(end.theta - true), 0.0, atol=1e-6 if Model is KuramotoRK4 else 2e-3)


@both
@pytest.mark.parametrize("alpha", [0.0, 0.6])
def test_two_units_lock_where_the_equations_say(Model, alpha):
    """The difference d = theta_2 - theta_1 and the common frequency W of two units with opposite pulls of w:
    W = omega_1 + w sin(d - alpha) = omega_2 - w sin(d + alpha)."""
    omega, w = np.array([0.10, 0.22]), 0.15
    end = coupled_run(Model(omega=omega, alpha=alpha), [[0.0, w], [w, 0.0]], 700, 0.1, theta=[0.0, 1.0])
    more = coupled_run(Model(omega=omega, alpha=alpha), [[0.0, w], [w, 0.0]], 1, 0.1, **end._asdict())
    d = math.asin((omega[1] - omega[0]) / (2.0 * w * math.cos(alpha)))
    assert turned(end.theta[1] - end.theta[0]) == pytest.approx(d, abs=1e-4)
    speed = turned(more.theta - end.theta) / 0.1
    np.testing.assert_allclose(speed, omega[0] + w * math.sin(d - alpha), atol=1e-5)


@both
def test_identical_units_with_a_lag_turn_slower_together(Model):
    """N identical units in phase: omega - K sin alpha."""
    n, K, alpha = 10, 0.4, 0.8
    end = coupled_run(Model(omega=0.3, alpha=alpha), np.full((n, n), K / n), 600, 0.1, theta=np.linspace(0.0, 1.0, n))
    more = coupled_run(Model(omega=0.3, alpha=alpha), np.full((n, n), K / n), 1, 0.1, **end._asdict())
    np.testing.assert_allclose(turned(end.theta - end.theta[0]), 0.0, atol=1e-5)
    np.testing.assert_allclose(turned(more.theta - end.theta) / 0.1, 0.3 - K * math.sin(alpha), atol=5e-5)


@both
def test_phases_are_right_to_second_order(Model):
    rng = np.random.default_rng(1)
    n, length = 12, 6.0
    omega, start, w = rng.normal(0.8, 0.6, n), rng.uniform(0.0, TURN, n), rng.uniform(0.0, 0.2, (n, n))

    def change(t, theta):
        return omega + (w * np.sin(theta[None, :] - theta[:, None] - 0.3)).sum(1)

    true = solve_ivp(change, (0.0, length), start, method="DOP853", rtol=1e-11, atol=1e-12).y[:, -1]
    errors = errors_at(lambda steps, dt: coupled_run(Model(omega=omega, alpha=0.3), w, steps, dt, theta=start).theta,
                       true, length, (0.1, 0.05, 0.025))
    assert errors[0] < 0.05
    np.testing.assert_allclose(errors[:-1] / errors[1:], 4.0, rtol=0.15)


def test_an_external_pacemaker_holds_a_slower_unit():
    """A unit of frequency Omega that feels nobody pins others with F: sin(lag) = (Omega - omega) / F."""
    model, w = Kuramoto(omega=np.array([0.30, 0.22, 0.12])), [[0.0, 0.0, 0.0], [0.1, 0.0, 0.0], [0.1, 0.0, 0.0]]
    end = coupled_run(model, w, 800, 0.2)
    later = coupled_run(model, w, 100, 0.2, **end._asdict())
    assert turned(end.theta[0] - end.theta[1]) == pytest.approx(math.asin(0.8), abs=2e-3)
    slip = turned((later.theta[0] - later.theta) - (end.theta[0] - end.theta))
    assert abs(slip[1]) < 1e-3 and abs(slip[2]) > 0.3


def test_noise_spreads_phases_with_sigma_squared():
    normal = np.random.default_rng(2).normal(size=(101, 4000))
    _, _, end = run(Kuramoto(omega=0.0, sigma=0.1), 101, 0.8, {"normal": normal}, n=4000, record="theta")
    assert float(end.theta.var()) == pytest.approx(0.01 * 80.0, rel=0.06)


def test_noise_in_a_field_is_right_to_second_order():
    """In a constant field A a noisy unit is von Mises distributed: mean cos = I_1(A / D) / I_0(A / D).

    With long steps (A dt = 0.3) a scheme of first order, which adds the noise after the step, is off by 0.02."""
    n, dt, A, sigma = 3000, 0.3, 1.0, 1.0
    kappa, rng = 2.0 * A / sigma**2, np.random.default_rng(3)
    field = {"cos": np.full((300, n), A), "normal": rng.normal(size=(300, n))}
    theta, _, _ = run(Kuramoto(omega=0.0, sigma=sigma), 300, dt, field, n=n, record="theta")
    assert np.cos(theta[50:]).mean() == pytest.approx(ive(1, kappa) / ive(0, kappa), abs=0.006)


def test_refuses_noise_below_0():
    with pytest.raises(ModelError, match="Kuramoto.sigma: is -1"):
        Kuramoto(sigma=-1.0)
