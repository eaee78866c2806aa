"""SecondOrderKuramoto alone and in small networks."""
import math

import numpy as np
import pytest
from neuron_runs import run
from oscillators import coupled_run, errors_at, turned
from scipy.integrate import solve_ivp

from snn.errors import ModelError
from snn.neurons import Kuramoto, SecondOrderKuramoto


def test_alone_it_approaches_its_frequency_exponentially():
    v, _, _ = run(SecondOrderKuramoto(omega=0.0, m=3.0, gamma=1.5), 100, 0.2, {"drive": 0.6}, record="v")
    # The first step only takes the drive in.
    np.testing.assert_allclose(v[1:, 0], 0.4 * -np.expm1(-0.5 * 0.2 * np.arange(1, 100)), rtol=1e-12)
    theta, fired, _ = run(SecondOrderKuramoto(omega=0.9, gamma=1.5), 100, 0.2, record="theta")
    np.testing.assert_allclose(turned(theta[:, 0] - 0.6 * 0.2 * np.arange(1, 101)), 0.0, atol=1e-12)
    assert fired.sum() == 1


def test_phases_are_right_to_second_order():
    rng = np.random.default_rng(1)
    n, length, m, gamma, alpha = 8, 5.0, 1.5, 0.7, 0.2
    omega, start, w = rng.normal(0.3, 0.5, n), rng.uniform(0.0, 6.0, n), rng.uniform(0.0, 0.3, (n, n))

    def change(t, y):
        theta, v = y[:n], y[n:]
        pull = (w * np.sin(theta[None, :] - theta[:, None] - alpha)).sum(1)
        return np.concatenate([v, (omega + pull - gamma * v) / m])

    true = solve_ivp(change, (0.0, length), np.concatenate([start, omega / gamma]), method="DOP853", rtol=1e-11,
                     atol=1e-12).y[:n, -1]
    model = SecondOrderKuramoto(omega=omega, m=m, gamma=gamma, alpha=alpha)
    errors = errors_at(lambda steps, dt: coupled_run(model, w, steps, dt, theta=start).theta, true, length,
                       (0.1, 0.05, 0.025))
    assert errors[0] < 0.02
    np.testing.assert_allclose(errors[:-1] / errors[1:], 4.0, rtol=0.2)


def test_without_inertia_it_is_the_first_order_model():
    rng = np.random.default_rng(2)
    omega, start, w = rng.normal(0.0, 0.3, 6), rng.uniform(0.0, 6.0, 6), rng.uniform(0.0, 0.3, (6, 6))
    light = coupled_run(Kuramoto(omega=omega), w, 400, 0.01, theta=start).theta
    apart = [np.abs(turned(coupled_run(SecondOrderKuramoto(omega=omega, m=m), w, 400, 0.01, theta=start).theta
                           - light)).max() for m in (0.1, 0.01)]
    assert np.abs(turned(light - start)).max() > 1.0
    assert 0.02 < apart[0] < 0.2 and apart[1] < 0.2 * apart[0]


def test_a_pendulum_is_bistable_between_its_two_thresholds():
    """m v' = P - v - K sin theta: at rest it stays for P < K; one that whirls goes on above (4 / pi) sqrt(K / m), to
    first order in 1 / sqrt(m K)."""
    m, K = 20.0, 1.0
    P = 4.0 / math.pi * math.sqrt(K / m) * np.array([0.9, 0.9, 1.1, 1.1])
    end = coupled_run(SecondOrderKuramoto(omega=P, m=m), np.zeros((4, 4)), 1500, 0.2, v=[0.0, 2.0, 0.0, 2.0],
                      inputs={"cos": np.full((1500, 4), K)})
    np.testing.assert_allclose(end.v[:3], 0.0, atol=2e-3)
    assert end.v[3] > 0.1


def test_noise_gives_the_speed_its_stationary_variance():
    """Of an Ornstein-Uhlenbeck process: sigma^2 / (2 gamma m), whatever the step."""
    model, rng = SecondOrderKuramoto(omega=0.0, m=2.0, gamma=0.5, sigma=0.3), np.random.default_rng(3)
    for dt in (0.2, 4.0):
        v, _, _ = run(model, 100, dt, {"normal": rng.normal(size=(100, 2000))}, n=2000, record="v")
        assert v[60:].var() == pytest.approx(0.09 / 2.0, rel=0.05)


@pytest.mark.parametrize(("name", "value"), [("m", 0.0), ("gamma", 0.0), ("sigma", -0.1)])
def test_refuses_parameters_outside_their_domain(name, value):
    with pytest.raises(ModelError, match=rf"SecondOrderKuramoto\.{name}: is"):
        SecondOrderKuramoto(**{name: value})
