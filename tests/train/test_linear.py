"""Linear against torch.nn.Linear: results, gradients, and being a module like any other."""
import copy
import io

import pytest
import torch
from spikingjelly.activation_based import functional, neuron
from torch import nn

from snn.errors import NetworkError, RunError
from snn.train import products
from snn.train.linear import Linear

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}


@pytest.fixture(autouse=True)
def small_is_sparse(monkeypatch):
    """Take the sparse way at any size."""
    monkeypatch.setattr(products, "LEAST", 0)


@pytest.fixture
def taken(monkeypatch):
    """Which products were computed from lists."""
    calls = []

    def watch(name):
        real = getattr(products, name)
        monkeypatch.setattr(products, name, lambda *args: calls.append(name) or real(*args))

    for name in ("forward", "weight_grad", "combine"):
        watch(name)
    return calls


def spikes(*shape, density=0.1, dtype=torch.float32):
    return (torch.rand(shape, generator=torch.Generator().manual_seed(0)) < density).to(dtype)


def pair(n_in, n_out, dtype=torch.float32, **options):
    """Ours and torch's with the same weights."""
    torch.manual_seed(0)
    ours, theirs = Linear(n_in, n_out, dtype=dtype, **options), nn.Linear(n_in, n_out, dtype=dtype)
    theirs.load_state_dict(ours.state_dict(), strict=False)
    return ours, theirs


def results(module, x, g):
    x = x.clone().requires_grad_()
    out = module(x)
    out.backward(g)
    return [out.detach(), x.grad, *(p.grad for p in module.parameters())]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("density", [0.0, 0.01, 0.1, 1.0])
def test_equals_torch(density, dtype, taken):
    for shape, n_out in (((7, 3, 70), 33), ((40, 64), 16), ((20,), 64), ((3, 1, 1), 16)):
        x = spikes(*shape, density=density, dtype=dtype)
        g = torch.randn(*shape[:-1], n_out, dtype=dtype)
        ours, theirs = pair(shape[-1], n_out, dtype)
        for a, b in zip(results(ours, x, g), results(theirs, x, g), strict=True):
            assert a.shape == b.shape
            assert (a - b).abs().max() <= TOLERANCE[dtype] * max(1.0, float(b.abs().max()))
    assert ("weight_grad" in taken) == (density < 1)


def test_gradcheck():
    layer = Linear(6, 16, dtype=torch.float64)
    x = (spikes(5, 2, 6, density=0.15, dtype=torch.float64) * 1.5).requires_grad_()
    pattern = x.detach() != 0

    def masked(x, weight, bias):
        # A difference quotient must not make nonzeros of the zeros, or it would leave the sparse way.
        return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (x * pattern,))

    assert torch.autograd.gradcheck(masked, (x, layer.weight, layer.bias))


def test_the_lists_are_kept_in_place_of_x():
    def kept(layer, x):
        tensors = {}
        with torch.autograd.graph.saved_tensors_hooks(lambda t: tensors.setdefault(t.data_ptr(), t), lambda t: t):
            out = layer(x)
        return sum(t.numel() * t.element_size() for t in tensors.values()) - layer.weight.numel() * 4, out

    x = spikes(500, 100).requires_grad_()
    (mine, _), (other, _) = (kept(layer, x) for layer in pair(100, 32))
    assert other == 500 * 100 * 4 and mine < 0.1 * other


def test_gradient_of_x_where_it_is_zero():
    ours, theirs = pair(50, 20)
    x, g = torch.zeros(4, 30, 50), torch.randn(4, 30, 20)
    mine, other = results(ours, x, g)[1], results(theirs, x, g)[1]
    assert other.abs().min() > 0 and torch.allclose(mine, other, rtol=1e-5, atol=1e-6)


def test_sparse_gradients_are_used_too(taken):
    ours, theirs = pair(60, 40)
    x, g = spikes(30, 60), spikes(30, 40, density=0.05) * torch.randn(30, 40)
    for a, b in zip(results(ours, x, g), results(theirs, x, g), strict=True):
        assert torch.allclose(a, b, rtol=1e-5, atol=1e-6)
    assert taken.count("combine") == 2  # forward is one, the gradient of x the other


def test_without_bias_and_with_frozen_weights(taken):
    ours = Linear(40, 32, bias=False)
    assert list(ours.state_dict()) == ["weight"]
    ours.weight.requires_grad_(False)
    x = spikes(9, 40).requires_grad_()
    g = torch.randn(9, 32)
    ours(x).backward(g)
    assert torch.allclose(x.grad, g @ ours.weight) and ours.weight.grad is None
    assert taken == ["forward", "combine"]


def test_no_grad():
    ours, theirs = pair(40, 32)
    x = spikes(5, 9, 40)
    with torch.no_grad():
        out = ours(x)
    assert not out.requires_grad and torch.allclose(out, theirs(x), rtol=1e-5, atol=1e-6)
    with torch.inference_mode():
        assert torch.equal(ours(x), out)


def test_backward_twice_says_why():
    layer, x = Linear(40, 32), spikes(9, 40).requires_grad_()
    grad, = torch.autograd.grad(layer(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad.sum().backward()


def test_retained_graph_and_accumulation():
    ours, theirs = pair(40, 32)
    x = spikes(9, 40)
    for layer in (ours, theirs):
        out = layer(x).sum()
        out.backward(retain_graph=True)
        out.backward()
    assert torch.allclose(ours.weight.grad, theirs.weight.grad, rtol=1e-5, atol=1e-6)


def test_weights_changed_before_backward_are_noticed():
    layer, x = Linear(40, 32), spikes(9, 40).requires_grad_()
    out = layer(x).sum()
    with torch.no_grad():
        layer.weight.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.backward()


def test_transforms_and_autocast_are_torch(taken):
    ours, theirs = pair(40, 32)
    x = spikes(6, 5, 40)
    weights = dict(ours.named_parameters())

    def loss(net):
        return lambda p, x: torch.func.functional_call(net, p, (x,)).square().sum()

    mine, other = (torch.func.vmap(torch.func.grad(loss(net)), (None, 0))(weights, x) for net in (ours, theirs))
    assert all(torch.allclose(mine[k], other[k], rtol=1e-5, atol=1e-5) for k in mine)
    with torch.autocast("cpu", torch.bfloat16):
        assert ours(x).dtype == torch.bfloat16
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, torch.ones_like(x))
        tangent = torch.autograd.forward_ad.unpack_dual(ours(dual)).tangent
    assert torch.allclose(tangent, ours.weight.sum(1).expand_as(tangent), atol=1e-5)
    assert taken == []


def test_bfloat16_for_the_gradient_of_x_alone():
    ours, theirs = pair(100, 80, grad_dtype=torch.bfloat16)
    x, g = spikes(50, 100), torch.randn(50, 80)
    mine, other = results(ours, x, g), results(theirs, x, g)
    error = (mine[1] - other[1]).norm() / other[1].norm()
    assert 1e-4 < error < 5e-3 and mine[1].dtype == torch.float32
    for a, b in zip([mine[0], *mine[2:]], [other[0], *other[2:]], strict=True):
        assert torch.allclose(a, b, rtol=1e-5, atol=1e-5)
    assert "bfloat16" in repr(ours) and "bfloat16" not in repr(theirs)


def test_a_module_like_any_other():
    torch.manual_seed(3)
    ours = Linear(40, 32)
    torch.manual_seed(3)
    theirs = nn.Linear(40, 32)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert all(map(torch.equal, ours.state_dict().values(), theirs.state_dict().values()))
    net = nn.Sequential(ours, neuron.LIFNode(step_mode="m"), Linear(32, 16))
    functional.set_step_mode(net, "m")
    out = net(spikes(4, 3, 40))
    functional.reset_net(net)
    buffer = io.BytesIO()
    torch.save(net.state_dict(), buffer)
    buffer.seek(0)
    other = copy.deepcopy(net)
    nn.init.zeros_(other[0].weight)
    other.load_state_dict(torch.load(buffer))
    assert torch.equal(other(spikes(4, 3, 40)), out) and out.requires_grad
    assert ours.double()(spikes(3, 40, dtype=torch.float64)).dtype == torch.float64


@pytest.mark.parametrize("shape", [(0, 3, 40), (4, 0, 40)])
def test_nothing_in_nothing_out(shape):
    layer = Linear(40, 32)
    layer(torch.zeros(shape)).sum().backward()
    assert layer(torch.zeros(shape)).shape == (*shape[:-1], 32) and layer.weight.grad.eq(0).all()


@pytest.mark.parametrize(("x", "message"), [
    ([1.0], r"Linear\.x: is a list\. A tensor \[\.\.\., 40\]"),
    (torch.zeros(3, 41), r"Linear\.x: has shape \[3, 41\]\. Its last axis must have n_in = 40"),
    (torch.tensor(1.0), r"Linear\.x: has shape \[\]"),
    (torch.zeros(3, 40).bool(), r"Linear\.x: is torch.bool while the weights are torch.float32\. Give x\.to"),
    (torch.zeros(3, 40, device="meta"), r"Linear\.x: is on meta"),
])
def test_inputs_that_do_not_fit(x, message):
    with pytest.raises(RunError, match=message):
        Linear(40, 32)(x)


@pytest.mark.parametrize("sizes", [(0, 3), (3, -1), (2.0, 3), (True, 3)])
def test_sizes_that_are_none(sizes):
    with pytest.raises(NetworkError, match=r"Linear\.n_(in|out): is .* A positive whole number is expected"):
        Linear(*sizes)


def test_another_type_for_gradients_is_refused():
    with pytest.raises(NetworkError, match=r"Linear\.grad_dtype: is torch\.float16"):
        Linear(3, 3, grad_dtype=torch.float16)


@pytest.mark.cuda
def test_on_a_gpu():
    ours, theirs = pair(40, 32)
    x, g = spikes(9, 40).cuda(), torch.randn(9, 32, device="cuda")
    for a, b in zip(results(ours.cuda(), x, g), results(theirs.cuda(), x, g), strict=True):
        assert torch.equal(a, b)
