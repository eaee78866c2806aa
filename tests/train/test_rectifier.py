"""The membrane potential rectifier."""
import copy
import pickle

import numpy as np
import pytest
import torch

from snn.contract import heaviside, step
from snn.errors import ModelError
from snn.graph import trace
from snn.neurons import ALIF, IF, LIF, CobaLIF, CubaLIF, Izhikevich, LeakyReadout, SoftLIF
from snn.train.held import eager
from snn.train.layer import Layer
from snn.train.rectifier import bent, quantisation_error, rectified

UNIT = {"E_L": 0.0, "V_th": 1.0, "V_reset": 0.0, "t_ref": 0.0}


def published(u):
    """The three pieces in the units of the paper: threshold 1/2, reset 0."""
    with np.errstate(invalid="ignore"):
        inside = 0.5 + np.tanh(3.0 * (u - 0.5)) / (2.0 * np.tanh(1.5))
        return np.where(u > 1, np.cbrt(u), np.where(u < 0, 1.0 - np.cbrt(1.0 - u), inside))


def test_equals_the_pieces_in_the_units_of_the_source():
    u = np.linspace(-4.0, 5.0, 2001)
    np.testing.assert_allclose(0.5 + 0.5 * bent(torch.tensor(2.0 * u - 1.0)), published(u), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_monotone_odd_and_true_to_threshold_and_reset(dtype):
    eps = torch.finfo(dtype).eps
    m = torch.cat([torch.linspace(-5, 5, 4001, dtype=dtype), torch.tensor([-eps, -eps**2, 0.0, eps**2, eps]).to(dtype)])
    m = m.sort().values
    out = bent(m)
    # The root comes from exp and log: neighbours may change places by a rounding error.
    assert (out.diff() >= -4 * eps).all() and torch.equal(bent(-m), -out)
    assert torch.equal(out >= 0, m >= 0)
    at = bent(torch.tensor([-1.0, 0.0, 1.0], dtype=dtype))
    torch.testing.assert_close(at, torch.tensor([-1.0, 0.0, 1.0], dtype=dtype), rtol=2 * eps, atol=0)


@pytest.mark.parametrize("model", [LIF(**UNIT), SoftLIF(**UNIT), IF(**UNIT), LIF(), CubaLIF(), CobaLIF(),
                                   LIF(V_th=np.array([-55.0, -50.0, -45.0, -54.0]))], ids=lambda m: type(m).__name__)
def test_the_same_potential_gives_the_same_spike(model):
    torch.manual_seed(0)
    kind = rectified(model)
    plain, bound = model.bind(4, torch.float64), kind.bind(4, torch.float64)
    gap = plain.V_th - plain.V_reset
    rest = plain.rest()._asdict()
    s = plain.State(**{**{k: torch.zeros(5000, 4).double() + v for k, v in rest.items()},
                       "v": plain.V_th + gap * torch.randn(5000, 4).double()})
    x = plain.Ports(*(torch.zeros(5000, 4).double() for _ in plain.Ports._fields))
    (_, z), (_, bent_z) = (step(m, s, x, 1.0, heaviside) for m in (plain, bound))
    assert torch.equal(z, bent_z) and 0 < z.double().mean() < 1
    assert type(kind).__name__ == f"Rectified{type(model).__name__}"


def test_quantisation_error_falls_by_more_than_60_percent():
    """Potentials as in the source's check: u normal with mean 0.3 and deviation 0.6. Closed form by a fine sum."""
    u = torch.distributions.Normal(0.3, 0.6).icdf((torch.arange(200_000).double() + 0.5) / 200_000)
    before, after = (quantisation_error(m).item() for m in (2 * u - 1, bent(2 * u - 1)))
    assert before == pytest.approx(0.145, abs=0.002)
    assert after == pytest.approx(0.042, abs=0.002)
    assert after < 0.4 * before
    x = torch.distributions.Normal(0.6, 1.2).sample((1, 1, 20_000))
    margins = [Layer(m, dt=1.0).run(x, traces="margin").traces["margin"]
               for m in (LIF(**UNIT), rectified(LIF(**UNIT)))]
    assert quantisation_error(margins[1]) < 0.4 * quantisation_error(margins[0])


def test_a_layer_uses_it_in_training_only():
    torch.manual_seed(0)
    x = 2.0 * torch.randn(40, 3, 20)
    layer, plain = Layer(rectified(LIF(**UNIT)), 20, dt=1.0, learn=("tau_m",)), Layer(LIF(**UNIT), 20, dt=1.0)
    bent_run, plain_run = (one.run(x, traces="v") for one in (layer, plain))
    assert not torch.allclose(bent_run.traces["v"], plain_run.traces["v"])
    evaluated = layer.eval().run(x, traces="v")
    assert torch.equal(evaluated.out, plain_run.out)
    torch.testing.assert_close(evaluated.traces["v"], plain_run.traces["v"])
    assert type(layer.model) is LIF and layer.why_eager is None


def test_compiled_equals_eager():
    torch.manual_seed(0)
    x = torch.randn(30, 3, 20, dtype=torch.float64).requires_grad_()
    layer = Layer(rectified(SoftLIF(**UNIT)), 20, dt=1.0)
    out = layer.run(x).out
    grad = torch.autograd.grad((out * torch.arange(20)).sum(), x)[0]
    assert layer.why_eager is None
    with eager():
        slow = layer.run(x).out
    assert torch.equal(out, slow)
    torch.testing.assert_close(grad, torch.autograd.grad((slow * torch.arange(20)).sum(), x)[0], rtol=1e-9, atol=1e-12)


def test_traces_copies_and_is_equal_by_value():
    model = rectified(LIF(tau_m=7.0))
    assert trace(model, 1, 0.1).margin is not None
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), rectified(LIF(tau_m=7.0))):
        assert other == model and type(other) is type(model)
    assert model.in_evaluation() == LIF(tau_m=7.0)


@pytest.mark.parametrize(("model", "message"), [
    (ALIF(), "the threshold of ALIF moves"), (LeakyReadout(), "LeakyReadout lacks V_th, V_reset or v"),
    (Izhikevich(), "Izhikevich lacks V_th"), (LIF, "is a type. A neuron model is expected")])
def test_models_that_have_no_fixed_threshold(model, message):
    with pytest.raises(ModelError, match=f"rectified.model: {message}"):
        rectified(model)
