"""ParametricLIF alone, and beside the node of SpikingJelly."""
import numpy as np
import pytest
import torch
from neuron_runs import run

from snn.errors import ModelError
from snn.neurons import ParametricLIF
from snn.train import Layer
from snn.train.surrogate import ATan


@pytest.mark.parametrize("detach", [False, True])
@pytest.mark.parametrize("tau", [1.5, 2.0, 20.0])
def test_equals_spikingjelly(tau, detach):
    """Spikes and the gradients of input and w, through hard resets, with the arctangent as surrogate."""
    neuron = pytest.importorskip("spikingjelly.activation_based.neuron")
    fire = pytest.importorskip("spikingjelly.activation_based.surrogate").ATan(2.0)
    theirs = neuron.ParametricLIFNode(init_tau=tau, detach_reset=detach, surrogate_function=fire, step_mode="m")
    theirs = theirs.double()
    mine = Layer(ParametricLIF.of_tau(tau), dt=1.0, learn=("w",), fire=ATan(2.0), detach_reset=detach).double()
    x = 1.0 + tau * torch.randn(30, 4, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    weight = torch.randn(x.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = []
    for out, parameter in ((theirs, theirs.w), (lambda v: mine.run(v).out, next(mine.parameters()))):
        given = x.clone().requires_grad_()
        spikes = out(given)
        (spikes * weight).sum().backward()
        found.append((spikes.detach(), given.grad, parameter.grad))
    assert 0.1 < found[0][0].mean() < 0.9
    assert torch.equal(found[0][0], found[1][0])
    torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(found[0][2].reshape(()), found[1][2].reshape(()), rtol=1e-9, atol=1e-12)


def test_one_step_is_one_unit_whatever_dt_is():
    x = np.random.default_rng(0).normal(1.0, 2.0, 100)
    (a, fired, _), (b, same, _) = (run(ParametricLIF(), 100, dt, {"delta": x}) for dt in (0.1, 7.0))
    assert fired.any() and (fired == same).all() and (a == b).all()


def test_impulse_falls_with_the_time_constant():
    v = run(ParametricLIF.of_tau(4.0), 20, 1.0, {"delta": 2.0 * (np.arange(20) == 0)})[0][:, 0]
    np.testing.assert_allclose(v, 2.0 / 4.0 * (1.0 - 1.0 / 4.0) ** np.arange(20), rtol=1e-12)


def test_time_constants_of_one_step_or_less_are_refused():
    with pytest.raises(ModelError, match=r"ParametricLIF\.of_tau: tau is 1 steps. It must be above 1"):
        ParametricLIF.of_tau(1.0)
