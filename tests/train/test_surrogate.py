"""Surrogates: spikes forward, the stated derivative backward."""
import math

import pytest
import torch
from spikingjelly.activation_based import surrogate as theirs

from snn.errors import ModelError
from snn.graph import Graph
from snn.train.surrogate import (
    ATan,
    Erf,
    MultiGaussian,
    PiecewiseExp,
    Rectangle,
    Sigmoid,
    SoftSign,
    SuperSpike,
    Surrogate,
    Triangle,
    known,
)

OURS = [ATan(3.0), Sigmoid(3.0), Triangle(0.7), PiecewiseExp(1.5), SoftSign(3.0), SuperSpike(2.0), Erf(1.5)]
THEIRS = [theirs.ATan(3.0), theirs.Sigmoid(3.0), theirs.PiecewiseQuadratic(0.7), theirs.PiecewiseExp(1.5),
          theirs.SoftSign(3.0), theirs.SuperSpike(2.0), theirs.Erf(1.5)]
EVERY = [*OURS, Rectangle(0.5), MultiGaussian()]
MARGINS = torch.cat([torch.linspace(-3.0, 3.0, 301, dtype=torch.float64), torch.tensor([0.0, -0.0, 1e-300, -1e-300])])

pairs = pytest.mark.parametrize(("ours", "other"), list(zip(OURS, THEIRS, strict=True)), ids=lambda s: type(s).__name__)
every = pytest.mark.parametrize("surrogate", EVERY, ids=lambda s: type(s).__name__)


def value_and_gradient(fire, margin):
    margin = margin.clone().requires_grad_()
    z = fire(margin)
    weights = torch.linspace(0.5, 2.0, len(margin), dtype=margin.dtype)
    return z.detach(), torch.autograd.grad((z * weights).sum(), margin)[0]


@pairs
def test_equal_to_those_of_spikingjelly(ours, other):
    (z, grad), (z_other, grad_other) = (value_and_gradient(fire, MARGINS) for fire in (ours, other))
    assert torch.equal(z, z_other)
    torch.testing.assert_close(grad, grad_other, rtol=1e-12, atol=1e-15)


@pairs
def test_theirs_are_known_by_their_alpha(ours, other):
    assert known(other) == ours


def test_what_is_not_known():
    class Steeper(theirs.ATan):
        pass

    for fire in (Steeper(), theirs.ATan(spiking=False), theirs.S2NN(), torch.sigmoid, lambda m: m):
        assert known(fire) is None
    assert known(Rectangle(2.0)) == Rectangle(2.0)


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_spikes_are_0_and_1_with_the_derivative_as_gradient(surrogate, dtype):
    margin = MARGINS.to(dtype)
    z, grad = value_and_gradient(surrogate, margin)
    assert z.dtype == grad.dtype == dtype
    assert torch.equal(z, (margin >= 0).to(dtype))
    derivative = surrogate.derivative(margin)
    assert derivative.dtype == dtype
    torch.testing.assert_close(grad, derivative * torch.linspace(0.5, 2.0, len(margin), dtype=dtype))


AREAS = {"SuperSpike": 4.0, "MultiGaussian": 0.5 * 0.85}


@every
def test_area_under_the_derivative(surrogate):
    """A smooth spike rises by 1; SuperSpike's by 2 alpha, and the three Gaussians add up to gamma (1 - h)."""
    x = torch.sinh(torch.linspace(-16.0, 16.0, 400_001, dtype=torch.float64))
    area = torch.trapezoid(surrogate.derivative(x), x)
    assert area.item() == pytest.approx(AREAS.get(type(surrogate).__name__, 1.0), rel=1e-4)


def test_values_by_hand():
    at = torch.tensor([0.0, 0.25, 1.0], dtype=torch.float64)
    assert ATan(2.0).derivative(at).tolist() == pytest.approx(
        [1.0, 1 / (1 + (math.pi / 4) ** 2), 1 / (1 + math.pi ** 2)], rel=1e-14)
    assert Rectangle(0.5).derivative(at).tolist() == [2.0, 0.0, 0.0]
    normal = lambda x, s: math.exp(-x * x / (2 * s * s)) / (s * math.sqrt(2 * math.pi))  # noqa: E731
    by_hand = [0.5 * (1.15 * normal(x, 0.5) - 0.15 * normal(x - 0.5, 3.0) - 0.15 * normal(x + 0.5, 3.0))
               for x in at.tolist()]
    assert MultiGaussian().derivative(at).tolist() == pytest.approx(by_hand, rel=1e-13)


@every
def test_derivative_is_made_of_operations_that_engines_compile(surrogate):
    graph = Graph("surrogate")
    node = surrogate.derivative(graph.leaf("state", ("margin",)))
    assert node.kind == "varying" and not node.is_boolean


def test_under_vmap_and_in_functional_gradients():
    margin = MARGINS[::7].reshape(-1, 1)
    each = torch.func.vmap(torch.func.grad(lambda m: ATan()(m).sum()))(margin)
    torch.testing.assert_close(each, ATan().derivative(margin))


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf"), "2", None])
def test_parameters_are_positive_numbers(bad):
    with pytest.raises(ModelError, match=r"ATan\.alpha: is .* A positive number is expected"):
        ATan(bad)
    with pytest.raises(ModelError, match=r"MultiGaussian\.h: "):
        MultiGaussian(h=bad)


def test_a_surrogate_without_derivative_says_so():
    with pytest.raises(NotImplementedError):
        Surrogate().derivative(MARGINS)
