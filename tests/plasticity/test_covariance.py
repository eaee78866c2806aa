"""Covariance rule: sign and size of what it learns, under Poisson spikes."""
import numpy as np
import pytest
from rate_runs import drift

from snn.errors import ModelError
from snn.plasticity import Covariance

RULE = Covariance(eta=1e-9, tau_x=10.0, tau_y=10.0, tau_mean=1000.0)


def low_pass(omega, tau):
    """Part of a modulation that is still in phase behind a filter; omega in 1/ms."""
    return 1.0 / (1.0 + (omega * tau) ** 2)


@pytest.mark.slow
@pytest.mark.parametrize("phase", [0.0, np.pi])
def test_drift_is_the_covariance(phase):
    """Rates 40 (1 + 0.9 sin) Hz, together and in turn, 2 Hz: covariance +-(40 * 0.9)^2 / 2."""
    t, omega = np.arange(8000.0), 2 * np.pi * 2.0 / 1000.0
    x, y = (40.0 * (1.0 + 0.9 * np.sin(omega * t + p)) for p in (0.0, phase))
    mean, error = drift(RULE, x, y, steps=len(t), settle=4000, n=200)
    expected = 1e-9 * np.cos(phase) * 36.0**2 / 2 * (low_pass(omega, 10.0) - low_pass(omega, 1000.0))
    # The mean rates have reached 1 - exp(-4) and more of their values.
    assert abs(mean - expected) < 4.0 * error + 0.03 * abs(expected) and error < 0.05 * abs(expected)


@pytest.mark.slow
def test_independent_activity_leaves_the_weight():
    mean, error = drift(RULE, 40.0, 20.0, steps=8000, settle=5000, n=200)
    # Of a product of the rates it would be this much.
    assert abs(mean) < 4.0 * error + 0.01 * 1e-9 * 800.0 and error < 0.01 * 1e-9 * 800.0


@pytest.mark.parametrize("name", ["tau_x", "tau_y"])
def test_the_mean_must_be_slower(name):
    with pytest.raises(ModelError, match=rf"Covariance\.{name}: is 500 ms, not below tau_mean \(400 ms\)"):
        Covariance(**{name: 500.0}, tau_mean=400.0)
