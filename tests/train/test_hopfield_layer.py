"""Retrieval by softmax: energy, fixed points, capacity, equality with attention, gradients; and the three layers."""
import pytest
import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

import snn.train as st
from snn.circuits import softmax_recall
from snn.errors import DataError, NetworkError, RunError
from snn.train.hopfield import Hopfield, HopfieldLookup, HopfieldPooling, hopfield_energy, retrieve


def patterns_of(count, d, seed):
    draw = torch.Generator().manual_seed(seed)
    return (torch.randint(0, 2, (count, d), generator=draw) * 2 - 1).float()


def flipped(patterns, share, seed):
    """Every bit flipped with a probability."""
    wrong = torch.rand(patterns.shape, generator=torch.Generator().manual_seed(seed)) < share
    return torch.where(wrong, -patterns, patterns)


def recall_rate(d, count, beta, seeds=5, tested=600):
    """Share of the patterns that one step and the sign recall exactly from 10 % wrong bits."""
    rates = []
    for seed in range(seeds):
        x = patterns_of(count, d, 1000 + seed)
        few = x[:tested]
        rates.append((retrieve(flipped(few, 0.1, seed), x, beta=beta).sign() == few).all(dim=1).float().mean())
    return float(torch.stack(rates).mean())


def test_names():
    assert st.Hopfield is Hopfield and st.retrieve is retrieve


def test_5000_patterns_of_64_bits_with_10_percent_flipped_all_come_back():
    """Six of the 64 bits, for all 5,000 patterns: one step, the sign, no error."""
    x = patterns_of(5000, 64, 0)
    order = torch.rand(x.shape, generator=torch.Generator().manual_seed(1)).argsort(dim=1)
    damaged = torch.where(order < 6, -x, x)
    assert (damaged != x).sum() == 6 * 5000
    assert torch.equal(retrieve(damaged, x, beta=1.0).sign(), x)


@pytest.mark.parametrize(("d", "count", "beta", "rate"), [
    (64, 1000, 1.0, 1.0), (64, 5000, 1.0, 1.0), (64, 1000, None, 0.835), (64, 5000, None, 0.11),
    (32, 5000, 1.0, 0.905)])
def test_capacity(d, count, beta, rate):
    """The rates of other code, and the formula."""
    found = recall_rate(d, count, beta)
    assert found == pytest.approx(rate, abs=0.002 if rate == 1.0 else 0.03)
    assert found == pytest.approx(softmax_recall(d, count, beta=beta or d**-0.5, flips=0.1), abs=0.03)


@pytest.mark.parametrize(("d", "count", "beta"), [(16, 1000, 1.0), (16, 1000, 0.5), (32, 2000, 0.35), (24, 300, 0.2)])
def test_formula_of_the_capacity(d, count, beta):
    found = recall_rate(d, count, beta)
    assert found == pytest.approx(softmax_recall(d, count, beta=beta, flips=0.1), abs=0.04) and 0.1 < found < 0.95


@pytest.mark.parametrize("beta", [0.05, 0.5, 4.0])
def test_energy_never_increases(beta):
    stored = torch.randn(30, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    state = 3.0 * torch.randn(50, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    energies = [hopfield_energy(state, stored, beta=beta)]
    for _ in range(40):
        state = retrieve(state, stored, beta=beta)
        energies.append(hopfield_energy(state, stored, beta=beta))
    energies = torch.stack(energies)
    assert (energies.diff(dim=0) <= 1e-12).all() and (energies[-1] < energies[0]).all() and (energies >= 0).all()
    # The update is the state less the gradient of the energy.
    state = torch.randn(5, 8, dtype=torch.float64, requires_grad=True)
    slope, = torch.autograd.grad(hopfield_energy(state, stored, beta=beta).sum(), state)
    assert torch.allclose(state - slope, retrieve(state, stored, beta=beta), atol=1e-12)


def test_three_regimes_of_beta():
    """Large: a fixed point at each pattern. Small: all states end near the mean of all. Between: a mean of some."""
    draw = torch.Generator().manual_seed(3)
    centres = 4.0 * torch.eye(3, 8, dtype=torch.float64)
    stored = (centres[:, None] + 0.3 * torch.randn(3, 5, 8, dtype=torch.float64, generator=draw)).flatten(0, 1)
    stored = 4.0 * nn.functional.normalize(stored, dim=1)
    near = stored + 0.05 * torch.randn(15, 8, dtype=torch.float64, generator=draw)
    sharp, blunt, middle = (retrieve(near, stored, beta=beta, steps=500, tolerance=1e-9) for beta in (100.0, 1e-3, 0.5))
    assert torch.allclose(sharp, stored, atol=0.01)
    assert torch.allclose(retrieve(sharp, stored, beta=100.0), sharp, atol=1e-8)
    assert torch.allclose(blunt, stored.mean(dim=0).expand(15, 8), atol=0.05)
    groups = stored.view(3, 5, 8).mean(dim=1).repeat_interleave(5, dim=0)
    assert torch.allclose(middle, groups, atol=0.3) and (middle - stored).norm(dim=1).min() > 0.3


def test_one_step_is_attention_and_many_are_its_repetition():
    draw = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 3, n, e, generator=draw) for n, e in ((5, 8), (9, 8), (9, 4)))
    mask = torch.rand(2, 3, 5, 9, generator=draw) < 0.7
    assert torch.allclose(retrieve(q, k, v), scaled_dot_product_attention(q, k, v), atol=1e-6)
    masked = scaled_dot_product_attention(q, k, v, attn_mask=mask)
    assert torch.allclose(retrieve(q, k, v, mask=mask), masked, atol=1e-6)
    by_hand = torch.softmax(0.7 * q @ k.mT, dim=-1) @ k
    assert torch.allclose(retrieve(q, k, beta=0.7), by_hand, atol=1e-6)
    twice = torch.softmax(0.7 * by_hand @ k.mT, dim=-1) @ v
    assert torch.allclose(retrieve(q, k, v, beta=0.7, steps=2, tolerance=0.0), twice, atol=1e-6)
    assert retrieve(q[0, 0], k, v).shape == (2, 3, 5, 4) and retrieve(q, k[:, :1]).shape == q.shape


def test_each_query_ends_alone():
    stored = patterns_of(20, 16, 0)
    cues = torch.cat([stored[:2], flipped(stored[2:6], 0.3, 1)])
    together = retrieve(cues, stored, beta=0.3, steps=50)
    for cue, answer in zip(cues, together, strict=True):
        assert torch.allclose(retrieve(cue[None], stored, beta=0.3, steps=50)[0], answer, atol=1e-6)
    calls = []
    retrieve(torch.zeros(1, 16), _Counted(stored, calls), steps=1000)
    assert 2 < len(calls) < 1000


class _Counted(torch.Tensor):
    """A tensor that notes every use in attention."""

    @staticmethod
    def __new__(cls, x, calls):
        self = x.as_subclass(cls)
        self.calls = calls
        return self

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if function is scaled_dot_product_attention:
            next(a for a in args if isinstance(a, cls) and hasattr(a, "calls")).calls.append(1)
        return super().__torch_function__(function, types, args, kwargs or {})


@pytest.mark.parametrize("steps", [1, 3])
def test_gradients(steps):
    draw = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, n, e, dtype=torch.float64, generator=draw, requires_grad=True)
               for n, e in ((3, 4), (5, 4), (5, 2)))
    assert torch.autograd.gradcheck(lambda *x: retrieve(*x, beta=0.8, steps=steps, tolerance=0.0), (q, k, v))
    assert torch.autograd.gradcheck(lambda a, b: hopfield_energy(a, b, beta=0.8), (q, k))


def test_layer_is_multi_head_attention():
    torch.manual_seed(0)
    layer, other = Hopfield(12, 10, heads=3), nn.MultiheadAttention(12, 3, kdim=10, vdim=10, batch_first=True)
    with torch.no_grad():
        for theirs, ours in ((other.q_proj_weight, layer.query), (other.k_proj_weight, layer.key),
                             (other.v_proj_weight, layer.value), (other.out_proj.weight, layer.out)):
            theirs.copy_(ours.weight)
        other.in_proj_bias.copy_(torch.cat([layer.query.bias, layer.key.bias, layer.value.bias]))
        other.out_proj.bias.copy_(layer.out.bias)
    queries, stored = torch.randn(4, 5, 12), torch.randn(4, 7, 10)
    mask = torch.rand(5, 7) < 0.7
    mask[:, 0] = True
    for own, theirs in ((None, None), (mask, ~mask)):
        expected, _ = other(queries, stored, stored, attn_mask=theirs)
        assert torch.allclose(layer(queries, stored, own), expected, atol=1e-5)
    assert torch.allclose(layer(queries[1], stored[1]), layer(queries, stored)[1], atol=1e-6)


def test_pooling_reads_sets_of_any_size_and_order():
    torch.manual_seed(0)
    layer, points = HopfieldPooling(6, queries=2, heads=2, n_out=3), torch.randn(4, 9, 6)
    out = layer(points)
    assert out.shape == (4, 2, 3) and torch.allclose(layer(points[:, torch.randperm(9)]), out, atol=1e-6)
    there = torch.arange(9) < torch.tensor([9, 5, 3, 1])[:, None]
    assert torch.allclose(layer(points, mask=there)[2], layer(points[2, :3]), atol=1e-6)
    assert layer(points[0], mask=there[1]).shape == (2, 3)


def test_layers_learn():
    """A lookup finds one prototype per class in few steps; all parameters have a gradient."""
    torch.manual_seed(0)
    centres = torch.randn(4, 10)
    net = nn.Sequential(HopfieldLookup(10, stored=16, heads=2, beta=2.0, steps=2), nn.Linear(10, 4))
    optimiser = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(60):
        y = torch.randint(4, (64,))
        loss = nn.functional.cross_entropy(net(centres[y][:, None] + 0.3 * torch.randn(64, 1, 10))[:, 0], y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.2
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())
    again = HopfieldLookup(10, stored=16, heads=2, beta=2.0, steps=2)
    again.load_state_dict(net[0].state_dict())
    assert torch.equal(again(centres), net[0](centres)) and "beta=2, steps=2" in repr(again)


def test_autocast_and_half():
    layer, x = Hopfield(8), torch.randn(2, 3, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16
    assert layer.double()(x.double()).dtype == torch.float64


@pytest.mark.cuda
def test_on_a_device():
    torch.manual_seed(0)
    layer, x = Hopfield(8, heads=2, steps=5), torch.randn(2, 3, 8)
    mask = torch.tensor([True, True, False])
    here = layer(x, mask=mask)
    assert torch.allclose(layer.cuda()(x.cuda(), mask=mask.cuda()).cpu(), here, atol=1e-5)
    bits = patterns_of(5000, 64, 0)
    answers = retrieve(flipped(bits, 0.05, 1).cuda(), bits.cuda(), beta=1.0).sign()
    assert (answers.cpu() == bits).all(dim=1).float().mean() > 0.999
    with pytest.raises(RunError, match="retrieve.stored: is torch.float32 on cpu beside torch.float32 on cuda"):
        retrieve(x.cuda(), x)


X = torch.zeros(2, 5, 8)


@pytest.mark.parametrize(("error", "message", "action"), [
    (RunError, r"retrieve.stored: has shape \[2, 5, 7\]. \[..., patterns, 8\]", lambda: retrieve(X, X[..., 1:])),
    (RunError, "retrieve.stored: has shape .* one pattern or more", lambda: retrieve(X, X[:, :0])),
    (RunError, "retrieve.queries: is a list", lambda: retrieve([1.0], X)),
    (RunError, "retrieve.queries: is torch.int64", lambda: retrieve(X.long(), X)),
    (RunError, "retrieve.queries: has shape", lambda: retrieve(X[0, 0], X)),
    (RunError, "retrieve.stored: is torch.float64", lambda: retrieve(X, X.double())),
    (RunError, "retrieve.stored: has shape .* before the last two", lambda: retrieve(X, torch.zeros(3, 5, 8))),
    (RunError, "retrieve.values: has shape .* One value per stored", lambda: retrieve(X, X, X[:, 1:])),
    (RunError, "retrieve.beta: is 0. A number above 0", lambda: retrieve(X, X, beta=0)),
    (RunError, "retrieve.steps: is 0", lambda: retrieve(X, X, steps=0)),
    (RunError, "retrieve.tolerance: is -1", lambda: retrieve(X, X, tolerance=-1)),
    (RunError, "retrieve.mask: is torch.float32", lambda: retrieve(X, X, mask=torch.ones(5, 5))),
    (RunError, r"retrieve.mask: has shape \[4, 5\]", lambda: retrieve(X, X, mask=torch.ones(4, 5).bool())),
    (DataError, "retrieve.mask: leaves a query no pattern", lambda: retrieve(X, X, mask=torch.zeros(5, 5).bool())),
    (RunError, "hopfield_energy.states: is a list", lambda: hopfield_energy([], X)),
    (RunError, "hopfield_energy.beta: is -1", lambda: hopfield_energy(X, X, beta=-1)),
    (NetworkError, "Hopfield.n_query: is 0", lambda: Hopfield(0)),
    (NetworkError, "Hopfield.heads: is 1.5", lambda: Hopfield(8, heads=1.5)),
    (NetworkError, "Hopfield.width: cannot be n_query / heads = 8 / 3", lambda: Hopfield(8, heads=3)),
    (NetworkError, "Hopfield.beta: is nan", lambda: Hopfield(8, beta=float("nan"))),
    (NetworkError, "Hopfield.steps: is True", lambda: Hopfield(8, steps=True)),
    (RunError, r"Hopfield.stored: has shape .* \[..., patterns, 6\]", lambda: Hopfield(8, 6)(X, X)),
    (RunError, "Hopfield.queries: is torch.float64 while the weights", lambda: Hopfield(8)(X.double())),
    (RunError, "Hopfield.stored: has shape .* before the last two", lambda: Hopfield(8)(X, torch.zeros(3, 5, 8))),
    (RunError, "Hopfield.mask: has shape", lambda: Hopfield(8)(X, mask=torch.ones(3, 5, 5).bool())),
    (NetworkError, "HopfieldPooling.queries: is -1", lambda: HopfieldPooling(8, queries=-1)),
    (RunError, "HopfieldPooling.stored: has shape", lambda: HopfieldPooling(8)(X[..., 1:])),
    (RunError, "HopfieldPooling.mask: is torch.float32", lambda: HopfieldPooling(8)(X, mask=torch.ones(2, 5))),
    (NetworkError, "HopfieldLookup.stored: is 0", lambda: HopfieldLookup(8, stored=0)),
    (RunError, "HopfieldLookup.queries: is a NoneType", lambda: HopfieldLookup(8, stored=3)(None)),
])
def test_bad_input(error, message, action):
    with pytest.raises(error, match=message):
        action()
