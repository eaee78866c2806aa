"""Vector oscillators: the sphere, the equation against hand-written ones, energy, and what couplings have in common."""
import math

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from snn.train.akorn import (
    AttentionCoupling,
    ConvCoupling,
    DenseCoupling,
    KuramotoLayer,
    LearnedPositions,
    Omega,
    PairBias,
    RotaryPositions,
    oscillators,
    tangent,
    unit,
)


def drawn(seed, *shape, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def lengths(x, n):
    return x.unflatten(1, (-1, n)).norm(dim=2)


def attention(positions=None):
    torch.manual_seed(1)
    return AttentionCoupling(8, heads=2, positions=positions)


COUPLINGS = {
    "none": lambda: None,
    "dense": lambda: DenseCoupling(2),
    "dense blocks": lambda: DenseCoupling(2, block=4),
    "convolution": lambda: ConvCoupling(8, (3, 3)),
    "attention": attention,
    "learned positions": lambda: attention(LearnedPositions(1, 3, channels=8)),
    "rotary positions": lambda: attention(RotaryPositions(1, 3)),
    "pair bias": lambda: attention(PairBias(1, 3, heads=2)),
}


@pytest.mark.parametrize("coupling", COUPLINGS.values(), ids=COUPLINGS)
def test_length_stays_one_and_gradients_are_right(coupling):
    torch.manual_seed(0)
    layer = KuramotoLayer(8, 4, coupling(), steps=2, omega=Omega(init=0.3, per_pair=True)).double()
    c, x = drawn(1, 2, 8, 1, 3).requires_grad_(), drawn(2, 2, 8, 1, 3).requires_grad_()
    run = layer(c, x, energy=True)
    assert torch.allclose(lengths(run.x, 4), torch.ones((), dtype=torch.float64), atol=1e-12)
    assert run.x.shape == c.shape and run.energy.shape == (3, 2)
    c, x = c[:1].detach().requires_grad_(), x[:1].detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda c, x: layer(c, x, energy=True), (c, x))
    layer(c, x, energy=True).energy.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.abs().sum() > 0
               for p in layer.parameters())


def test_gradients_of_parameters():
    torch.manual_seed(0)
    layer, c, x = KuramotoLayer(4, 2, ConvCoupling(4, (3,)), steps=2).double(), drawn(1, 1, 4, 3), drawn(2, 1, 4, 3)
    names, values = zip(*((name, p.detach().requires_grad_()) for name, p in layer.named_parameters()), strict=True)

    def ends(*values):
        return torch.func.functional_call(layer, dict(zip(names, values, strict=True)), (c, x)).x

    assert torch.autograd.gradcheck(ends, values)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_tangent_is_orthogonal_to_the_oscillator_and_keeps_what_is(n):
    x, y = unit(drawn(1, 5, 6 * n, 7), n), drawn(2, 5, 6 * n, 7)
    flat = tangent(x, y, n)
    assert (x * flat).unflatten(1, (-1, n)).sum(2).abs().max() < 1e-14
    assert torch.allclose(tangent(x, flat, n), flat, atol=1e-14)
    assert torch.allclose(y - flat, x * (x * y).unflatten(1, (-1, n)).sum(2).repeat_interleave(n, 1), atol=1e-14)


def test_one_step_by_hand():
    """The formula, oscillator by oscillator in plain numpy, with a matrix per pair of oscillators."""
    torch.manual_seed(3)
    layer = KuramotoLayer(8, 4, DenseCoupling(2, block=4), steps=1, gamma=0.7, omega=Omega(init=0.5)).double()
    with torch.no_grad():
        layer.norm.weight.copy_(drawn(5, 8))
    c, x = drawn(1, 3, 8), unit(drawn(2, 3, 8), 4)
    run, J = layer(c, x, energy=True), layer.coupling.weight.detach().numpy()
    for b in range(3):
        stimulus = c[b].numpy().reshape(2, 4)
        stimulus = (stimulus - stimulus.mean(1, keepdims=True)) / np.sqrt(stimulus.var(1, keepdims=True) + 1e-5)
        stimulus *= layer.norm.weight.detach().numpy().reshape(2, 4)
        old, energy = x[b].numpy().reshape(2, 4), 0.0
        for i in range(2):
            pull = stimulus[i] + sum(J[4 * i:4 * i + 4, 4 * j:4 * j + 4] @ old[j] for j in range(2))
            energy -= old[i] @ pull
            turned = 0.5 * np.array([old[i, 1], -old[i, 0], old[i, 3], -old[i, 2]])
            new = old[i] + 0.7 * (turned + pull - (pull @ old[i]) * old[i])
            assert np.allclose(run.x[b].detach().numpy().reshape(2, 4)[i], new / np.linalg.norm(new), atol=1e-12)
        assert float(run.energy[0, b].detach()) == pytest.approx(energy, abs=1e-12)


def test_alone_an_oscillator_turns():
    """No coupling, no stimulus: each pair turns clockwise by arctan(gamma w) per step, whatever the number of pairs."""
    x = unit(drawn(1, 2, 8, 3), 2)
    with torch.no_grad():
        run = KuramotoLayer(8, 2, None, steps=5, gamma=0.5, omega=Omega(init=0.8)).double()(x=x)
    turned = torch.complex(x[:, ::2], x[:, 1::2]) * np.exp(-5j * math.atan(0.5 * 0.8))
    assert torch.allclose(run.x[:, ::2], turned.real, atol=1e-7)
    assert torch.allclose(run.x[:, 1::2], turned.imag, atol=1e-7)
    still = KuramotoLayer(8, 2, None, steps=5, omega=None).double()(x=x)
    assert torch.allclose(still.x, x, atol=1e-15)
    per_pair = KuramotoLayer(8, 4, None, steps=1, omega=Omega(per_pair=True))
    assert per_pair.rotation.omega.shape == (4, 2) and per_pair.rotation.omega.norm(dim=1).allclose(torch.tensor(0.1))
    assert not KuramotoLayer(8, 4, None, steps=1, omega=Omega(learn=False)).rotation.omega.requires_grad


def phases_of(theta, J, step, count):
    """``d theta_i = sum_j J_ij sin(theta_j - theta_i)`` with phases, by the classical Runge-Kutta method."""
    def slope(theta):
        return (J * np.sin(theta[None, :] - theta[:, None])).sum(1)

    for _ in range(count):
        a = slope(theta)
        b = slope(theta + 0.5 * step * a)
        c = slope(theta + 0.5 * step * b)
        theta = theta + step / 6.0 * (a + 2 * b + 2 * c + slope(theta + step * c))
    return theta


def test_on_the_circle_it_is_the_kuramoto_model():
    """n = 2 and no stimulus: phases; the error against an integration of phases falls with the step, to first order."""
    units, draw = 12, np.random.default_rng(0)
    J, theta = draw.normal(0.3, 0.5, (units, units)), draw.uniform(-np.pi, np.pi, units)
    truth, errors = phases_of(theta, J, 1e-3, 1000), []
    start = torch.from_numpy(np.stack([np.cos(theta), np.sin(theta)], 1).reshape(1, -1))
    for gamma in (0.01, 0.005, 0.0025):
        layer = KuramotoLayer(24, 2, DenseCoupling(12), steps=round(1 / gamma), gamma=gamma, omega=None).double()
        with torch.no_grad():
            layer.coupling.weight.copy_(torch.from_numpy(J))
            x = layer(x=start).x[0].numpy().reshape(-1, 2)
        away = np.angle(np.exp(1j * (np.arctan2(x[:, 1], x[:, 0]) - truth)))
        errors.append(np.abs(away).max())
    assert errors[2] < 0.02 and np.allclose(np.divide(errors[:-1], errors[1:]), 2.0, atol=0.3)
    assert np.abs(np.angle(np.exp(1j * (truth - theta)))).max() > 1.0


def test_energy_falls_with_small_steps_and_not_with_large_ones():
    """40 oscillators of 4 numbers, symmetric coupling, no rotation, 100 steps."""
    torch.manual_seed(0)
    coupling, x = DenseCoupling(40, symmetric=True).double(), drawn(0, 20, 160)
    rises = {}
    for gamma in (0.1, 1.0):
        with torch.no_grad():
            energy = KuramotoLayer(160, 4, coupling, steps=100, gamma=gamma, omega=None)(x=x, energy=True).energy
        assert (energy[-1] < energy[0]).all()
        rises[gamma] = (energy.diff(dim=0) > 1e-12).sum(dim=0)
    assert (rises[0.1] == 0).all() and (rises[1.0] > 10).all()


def test_energy_rises_with_asymmetric_coupling():
    torch.manual_seed(0)
    layer = KuramotoLayer(160, 4, DenseCoupling(40), steps=100, gamma=0.1, omega=None).double()
    with torch.no_grad():
        assert (layer(x=drawn(0, 5, 160), energy=True).energy.diff(dim=0) > 1e-6).any()


@pytest.mark.parametrize("coupling", [DenseCoupling(3, symmetric=True), DenseCoupling(3, block=4, symmetric=True),
                                      ConvCoupling(12, (3, 5), symmetric=True)], ids=["dense", "blocks", "convolution"])
def test_symmetric_couplings_are(coupling):
    """<y, J x> = <J y, x> for all x and y; and not with the same weights as they are."""
    coupling, x, y = coupling.double(), drawn(1, 1, 12, 4, 6), drawn(2, 1, 12, 4, 6)
    with torch.no_grad():
        assert torch.allclose((y * coupling(x)).sum(), (coupling(y) * x).sum(), atol=1e-12)
        coupling.symmetric = False
        assert not torch.allclose((y * coupling(x)).sum(), (coupling(y) * x).sum(), atol=1e-3)


def test_dense_convolution_and_attention_agree_where_they_can():
    """A matrix of blocks is a 1x1 convolution; with one position attention has nothing to choose and is a matrix."""
    torch.manual_seed(0)
    dense, wide = DenseCoupling(2, block=4).double(), ConvCoupling(8, (1, 1)).double()
    alone = AttentionCoupling(8, heads=2).double()
    with torch.no_grad():
        wide.weight.copy_(dense.weight[..., None, None])
        alone.value.weight.copy_(dense.weight)
        alone.out.weight.copy_(torch.eye(8))
    c, x = drawn(1, 6, 8, 3, 5), drawn(2, 6, 8, 3, 5)
    layers = [KuramotoLayer(8, 4, coupling, steps=4).double() for coupling in (dense, wide)]
    assert torch.allclose(layers[0](c, x).x, layers[1](c, x).x, atol=1e-12)
    one = drawn(3, 6, 8)
    assert torch.allclose(alone(one), dense(one), atol=1e-12)
    assert torch.allclose(alone(one[..., None, None]), wide(one[..., None, None]), atol=1e-12)
    # One number per pair is the matrix of blocks in which each is a multiple of the identity.
    single, block = DenseCoupling(2).double(), DenseCoupling(2, block=4).double()
    with torch.no_grad():
        block.weight.copy_(torch.kron(single.weight, torch.eye(4, dtype=torch.float64)))
    assert torch.allclose(single(x), block(x), atol=1e-12)


def test_rotation_without_the_identity():
    """What the source's code does with its rotation off, adding x to dx, is a smaller step: gamma = g / (1 + g)."""
    layer = KuramotoLayer(8, 4, DenseCoupling(2), steps=1, gamma=0.375, omega=None, normalise_condition=False).double()
    c, x = drawn(1, 2, 8), unit(drawn(2, 2, 8), 4)
    dx = x + tangent(x, c + layer.coupling(x), 4)
    expected = normalize((x + 0.6 * dx).unflatten(1, (-1, 4)), dim=2).flatten(1)
    assert torch.allclose(layer(c, x).x, expected, atol=1e-12)


def test_random_oscillators_are_uniform_and_belong_to_their_generator():
    x = oscillators((2000, 12, 5), 3, generator=torch.Generator().manual_seed(0), like=drawn(0, 1))
    assert x.dtype == torch.float64 and lengths(x, 3).sub(1).abs().max() < 1e-12
    # On a sphere in three dimensions a coordinate is uniform in -1..1 (Archimedes): variance 1/3, fourth moment 1/5.
    assert abs(float(x.square().mean()) - 1 / 3) < 1e-12 and abs(float(x.pow(4).mean()) - 1 / 5) < 0.003
    layer, c = KuramotoLayer(12, 3, None, steps=2, omega=None), torch.randn(4, 12, 5)
    one, two, three = (layer(c, generator=torch.Generator().manual_seed(k)).x for k in (0, 0, 1))
    assert torch.equal(one, two) and not torch.allclose(one, three)
