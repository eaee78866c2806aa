"""CubaLIF alone."""
import numpy as np
import torch
from neuron_runs import run

from snn.neurons import CubaLIF
from snn.neurons.cuba_lif import psp


def test_currents_go_on_while_the_neuron_is_held():
    once = 20000.0 * (np.arange(40) == 0)
    current, fired, _ = run(CubaLIF(t_ref=5.0), 40, 0.1, {"exc": once}, record="i_exc")
    assert fired.sum() == 1
    np.testing.assert_allclose(current[:, 0], 20000.0 * np.exp(-0.1 * np.arange(40) / 5.0), rtol=1e-13)


def test_negative_weights_inhibit():
    v = run(CubaLIF(), 300, 0.1, {"inh": -100.0 * (np.arange(300) == 0)})[0]
    assert v[1:].max() < -60.0


def test_psp_is_smooth_where_the_time_constants_meet():
    tau = torch.tensor([20.0, 20.0 + 1e-10, 20.0 + 1e-7, 20.0 + 1e-4], dtype=torch.float64, requires_grad=True)
    value = psp(0.5, torch.tensor(20.0, dtype=torch.float64), tau, 200.0)
    np.testing.assert_allclose(value.detach(), 0.5 / 200.0 * np.exp(-0.5 / 20.0), rtol=1e-7)
    gradient, = torch.autograd.grad(value.sum(), tau)
    np.testing.assert_allclose(gradient, value.detach() * 0.5 * 0.5 / 20.0**2, rtol=1e-4)


def test_it_claims_no_silence():
    assert CubaLIF.exact and CubaLIF().quiet() is None
