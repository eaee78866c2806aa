"""SoftLIF alone."""
import numpy as np
import pytest
import torch
from neuron_runs import filled, run

from snn.neurons import LIF, SoftLIF

LEAKLESS = {"tau_m": 1e12, "E_L": 0.0, "V_th": 0.5, "V_reset": 0.0, "t_ref": 0.0}


def test_charge_is_conserved():
    """Without leak, spikes times threshold plus what is left is the sum of all inputs; a hard reset loses charge."""
    total = np.random.default_rng(0).uniform(0.0, 0.9, (200, 50))
    v, fired, _ = run(SoftLIF(**LEAKLESS), 200, 1.0, {"delta": total}, n=50)
    kept = 0.5 * fired.sum(0) + v[-1]
    assert np.abs(kept - total.sum(0)).max() < 1e-6
    hard_v, hard, _ = run(LIF(**LEAKLESS), 200, 1.0, {"delta": total}, n=50)
    lost = 1.0 - (0.5 * hard.sum(0) + hard_v[-1]) / total.sum(0)
    assert 0.3 < lost.mean() < 0.42
    correlation = [np.corrcoef(f.sum(0), total.sum(0))[0, 1] for f in (fired, hard)]
    assert correlation[0] > 0.95 > correlation[1]


def test_count_of_a_constant_input():
    """n = floor(sum / threshold) once the neuron has caught up: 0.3 per step, threshold 0.5."""
    _, fired, _ = run(SoftLIF(**LEAKLESS), 1001, 1.0, {"delta": 0.3 + 1e-9})
    assert fired.sum() == 600
    assert np.flatnonzero(fired[:, 0])[:4].tolist() == [1, 3, 4, 6]


def test_a_large_input_gives_several_spikes():
    v, fired, _ = run(SoftLIF(**LEAKLESS), 8, 1.0, {"delta": 1.8 * (np.arange(8) == 1)})
    assert np.flatnonzero(fired[:, 0]).tolist() == [1, 2, 3]
    np.testing.assert_allclose(v[:, 0], [0.0, 1.3, 0.8, 0.3, 0.3, 0.3, 0.3, 0.3], atol=1e-9)
    assert SoftLIF().quiet() is None


def test_refractory_time_holds_what_is_left():
    model = SoftLIF(**{**LEAKLESS, "t_ref": 3.0})
    v, fired, _ = run(model, 12, 1.0, {"delta": 1.3 * (np.arange(12) == 1)})
    assert np.flatnonzero(fired[:, 0]).tolist() == [1, 5]
    np.testing.assert_allclose(v[1:5, 0], 0.8, atol=1e-9)
    assert v[5, 0] == pytest.approx(0.3)


def test_gradient_of_the_reset_is_the_threshold_step():
    model = SoftLIF(E_L=0.0, V_th=2.0, V_reset=-1.0).bind(1, torch.float64)
    z = torch.ones(1, dtype=torch.float64, requires_grad=True)
    s = filled(model.rest(), 1)._replace(v=torch.full((1,), 2.5, dtype=torch.float64))
    after = model.reset(s, z)
    after.v.sum().backward()
    assert after.v.item() == -0.5 and z.grad.item() == -3.0
