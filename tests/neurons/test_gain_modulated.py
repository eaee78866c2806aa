"""GainModulated alone."""
import numpy as np
import pytest
import torch
from neuron_runs import run

from snn.contract import heaviside, step
from snn.errors import ModelError
from snn.neurons import GainModulated


def test_follows_its_closed_form():
    model, dt = GainModulated(tau=7.0, gain=0.8, leak=1.5), 0.3
    r, fired, _ = run(model, 60, dt, {"input": 2.0, "gain": 0.5}, record="r")
    t = dt * np.arange(1, 61)
    np.testing.assert_allclose(r[:, 0], 1.3 * 2.0 / 1.5 * -np.expm1(-1.5 * t / 7.0), rtol=1e-12)
    assert not fired.any()


def test_without_leak_it_integrates():
    """Also beside units that leak, whose own formula divides by 0 there."""
    model = GainModulated(tau=4.0, gain=2.0, leak=np.array([0.0, 1.0]))
    r = run(model, 50, 0.2, {"input": 3.0}, n=2, record="r")[0]
    np.testing.assert_allclose(r[-1], [2.0 * 3.0 * 10.0 / 4.0, 6.0 * -np.expm1(-2.5)], rtol=1e-12)


def test_the_gain_multiplies_the_input_and_nothing_else():
    pulse = 1.0 * (np.arange(10) == 3)
    runs = [run(GainModulated(), 10, 1.0, {"gain": g, "delta": pulse}, record="r")[0] for g in (0.0, 5.0)]
    np.testing.assert_array_equal(*runs)
    assert runs[0][3, 0] == 1.0 and runs[0][4, 0] == pytest.approx(np.exp(-0.1), rel=1e-12)


def test_what_the_others_show_acts_in_the_same_step():
    r = run(GainModulated(), 3, 1.0, {"input": np.array([1.0, 0.0, 0.0])}, record="r")[0][:, 0]
    np.testing.assert_allclose(r, -np.expm1(-0.1) * np.exp(-0.1 * np.arange(3)), rtol=1e-12)


def test_coupled_units_settle_where_linear_algebra_says():
    """A plain loop: what all show as a step begins is the input of the step."""
    rng, n = np.random.default_rng(1), 6
    w, g, f = rng.normal(0.0, 0.3, (n, n)) / np.sqrt(n), rng.uniform(0.5, 1.5, n), rng.uniform(0.0, 2.0, n)
    model = GainModulated(gain=g).bind(n, torch.float64)
    s = model.State(*(torch.zeros(n, dtype=torch.float64) for _ in range(3)))
    for _ in range(600):
        felt = torch.as_tensor(f) + torch.as_tensor(w) @ model.emit(s).rate
        s, _ = step(model, s, model.Ports(input=felt, gain=torch.zeros(n), delta=torch.zeros(n)), 0.5, heaviside)
    np.testing.assert_allclose(s.r, np.linalg.solve(np.eye(n) - g[:, None] * w, g * f), rtol=1e-9)


def test_refuses_a_negative_leak():
    with pytest.raises(ModelError, match="GainModulated.leak: is -1"):
        GainModulated(leak=-1.0)
