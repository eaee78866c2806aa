"""LeakyReadout alone."""
import numpy as np
import torch
from neuron_runs import run

from snn.neurons import LeakyReadout


def test_is_the_sum_of_decaying_inputs_and_never_fires():
    x = np.random.default_rng(4).normal(0.0, 1.0, 80)
    v, fired, _ = run(LeakyReadout(tau=5.0), 80, 0.5, {"delta": x})
    lag = np.subtract.outer(np.arange(80), np.arange(80))
    kernel = np.where(lag >= 0, np.exp(-0.5 * np.maximum(lag, 0) / 5.0), 0.0)
    np.testing.assert_allclose(v[:, 0], kernel @ x, atol=1e-12)
    assert not fired.any()
    assert LeakyReadout().bind(1, torch.float64).margin(LeakyReadout.State(v=torch.zeros(1))) is None


def test_one_time_constant_per_unit():
    v = run(LeakyReadout(tau=np.array([5.0, 50.0])), 20, 1.0, {"delta": 1.0 * (np.arange(20) == 0)}, n=2)[0]
    np.testing.assert_allclose(v[-1], np.exp(-19.0 / np.array([5.0, 50.0])), rtol=1e-13)
