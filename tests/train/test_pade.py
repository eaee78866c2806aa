"""Quotients of polynomials as activations and as neurons."""
import numpy as np
import pytest
import torch
from torch import nn

from snn.errors import ModelError, NetworkError, RunError
from snn.train.pade import Pade, PadeLinear, quotient

X = torch.linspace(-3.0, 3.0, 601, dtype=torch.float64)
# Coefficients that Molina et al. (2020) give for the leaky ReLU.
PUBLISHED = ([0.02979246, 0.61837738, 2.32335207, 3.05202660, 1.48548002, 0.25103717],
             [1.14201226, 4.39322834, 0.87154450, 0.34720652])


def rms(e):
    return float(e.detach().square().mean().sqrt())


@pytest.mark.parametrize(("like", "most"), [(torch.relu, 0.0057), (nn.functional.leaky_relu, 0.0056),
                                            (torch.tanh, 1e-6), (torch.sigmoid, 1e-8), (nn.functional.gelu, 4e-4)])
def test_begins_as_a_known_activation(like, most):
    layer = Pade(like).double()
    assert rms(layer(X) - like(X)) < most + 1e-7               # its parameters begin in single precision


def test_closer_than_the_published_coefficients():
    leaky = nn.functional.leaky_relu
    theirs = quotient(X, *(torch.tensor(c).double() for c in PUBLISHED))
    assert rms(theirs - leaky(X)) == pytest.approx(0.0174, abs=1e-4)
    assert rms(Pade(leaky).double()(X) - leaky(X)) < 0.4 * rms(theirs - leaky(X))


@pytest.mark.parametrize("m", [1, 3, 5])
def test_without_denominator_it_is_the_least_squares_polynomial(m):
    layer = Pade(torch.relu, m=m, n=0)
    expected = np.polynomial.polynomial.polyfit(X.numpy(), torch.relu(X).numpy(), m)
    np.testing.assert_allclose(layer.numerator.detach(), expected, atol=1e-6)
    assert layer.denominator.shape == (0,)


def test_a_quotient_is_found_again():
    """1 + 2 x over 1 + x^2 is itself of orders 1 and 2; its value at 2 is 1."""
    layer = Pade(lambda x: (1 + 2 * x) / (1 + x * x), m=1, n=2).double()
    np.testing.assert_allclose(layer.numerator.detach(), [1.0, 2.0], atol=1e-6)
    np.testing.assert_allclose(layer.denominator.detach().abs(), [0.0, 1.0], atol=1e-6)
    assert layer(torch.tensor([2.0]).double()).item() == pytest.approx(1.0)


@pytest.mark.parametrize(("units", "shift", "smooth"), [(None, False, 0.0), (3, True, 0.0), (3, False, 0.1)])
def test_gradients(units, shift, smooth):
    layer = Pade(torch.tanh, m=3, n=2, units=units, shift=shift, smooth=smooth).double()
    names, values = zip(*layer.named_parameters(), strict=True)
    x = torch.linspace(-1.7, 1.9, 12, dtype=torch.float64).view(4, 3).requires_grad_()

    def call(x, *values):
        return torch.func.functional_call(layer, dict(zip(names, values, strict=True)), (x,))

    assert torch.autograd.gradcheck(call, (x, *values))
    if smooth:
        assert torch.autograd.gradgradcheck(call, (x, *values))


def test_denominator_stays_away_from_zero():
    torch.manual_seed(0)
    layer = Pade(torch.relu, units=50)
    nn.init.normal_(layer.denominator, 0.0, 10.0)
    x = 100.0 * torch.randn(1000, 50)
    assert torch.isfinite(layer(x)).all()
    top = sum(layer.numerator[:, k].double() * x.double() ** k for k in range(6))
    assert (layer.double()(x.double()).abs() <= top.abs() * (1 + 1e-9) + 1e-9).all()


def test_units_are_separate_and_shifts_move():
    layer = Pade(torch.relu, units=2, shift=True)
    x = torch.tensor([[0.5, 0.5], [-1.0, -1.0]])
    before = layer(x)
    with torch.no_grad():
        layer.shift[1] = 0.25
        layer.numerator[0] *= 2.0
    after = layer(x)
    torch.testing.assert_close(after[:, 0], 2 * before[:, 0])
    torch.testing.assert_close(after[:, 1], Pade(torch.relu)(x[:, 1] - 0.25))


def test_neurons_begin_as_linear_sums():
    """With nothing below and only first powers, (P_1 + P_0) / 2 of orders 1, and P_1 itself from order 2 on."""
    torch.manual_seed(0)
    x = torch.randn(7, 4, dtype=torch.float64)
    for m in (1, 2, 3):
        layer = PadeLinear(4, 5, m=m, n=2).double()
        linear = x @ layer.above[0].T
        torch.testing.assert_close(layer(x), layer.bias + (0.5 * linear if m == 1 else linear))


def test_neurons_follow_their_formula_and_gradients():
    torch.manual_seed(1)
    layer = PadeLinear(3, 4, m=3, n=2, shift=True).double()
    for p in layer.parameters():
        nn.init.normal_(p)
    x = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    u = [(x - layer.shift) ** k for k in range(4)]
    top = [layer.bias + sum(u[k] @ layer.above[k - 1].T for k in range(1, order + 1)) for order in (3, 2)]
    low = [1 + sum(u[k] @ layer.below[k - 1].T for k in range(1, order + 1)) for order in (2, 1)]
    expected = (low[0] * top[0] + low[1] * top[1]) / (low[0] ** 2 + low[1] ** 2)
    torch.testing.assert_close(layer(x), expected)
    names, values = zip(*layer.named_parameters(), strict=True)
    assert torch.autograd.gradcheck(
        lambda x, *values: torch.func.functional_call(layer, dict(zip(names, values, strict=True)), (x,)), (x, *values))


def test_neurons_learn_a_product():
    """The product of two inputs, of which a linear sum explains nothing."""
    torch.manual_seed(2)
    x = torch.rand(400, 2) * 2 - 1
    y = x.prod(dim=1, keepdim=True)
    errors = []
    for net in (nn.Linear(2, 1), nn.Sequential(PadeLinear(2, 4), PadeLinear(4, 1))):
        optimiser = torch.optim.Adam(net.parameters(), 0.02)
        for _ in range(250):
            loss = (net(x) - y).square().mean() / y.var()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        errors.append(loss.item())
    assert errors[0] > 0.9 and errors[1] < 0.05


@pytest.mark.parametrize("arguments", [{"m": 0}, {"n": -1}, {"m": 2.0}, {"units": 0}, {"span": 0.0}, {"smooth": -1.0},
                                       {"like": "relu"}, {"like": lambda x: x.sum()}, {"like": torch.log}])
def test_bad_arguments(arguments):
    with pytest.raises(ModelError, match=r"Pade\.\w+: .* is expected"):
        Pade(**{"like": torch.relu, **arguments})


def test_bad_inputs():
    with pytest.raises(RunError, match=r"Pade.x: has shape \[4\]. Its last axis must have 3"):
        Pade(torch.relu, m=2, n=1, units=3)(torch.zeros(4))
    with pytest.raises(RunError, match="Pade.x: is torch.int64"):
        Pade(torch.relu, m=2, n=1)(torch.arange(3))
    with pytest.raises(NetworkError, match="PadeLinear.n: is 0"):
        PadeLinear(3, 2, n=0)
    with pytest.raises(RunError, match=r"PadeLinear.x: is torch.float32 of shape \[4\]"):
        PadeLinear(3, 2)(torch.zeros(4))
