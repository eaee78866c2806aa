"""The compiled shift execution against the dense one, in all layouts, and against a ring buffer."""
import itertools

import numpy as np
import pytest
import torch

from snn.train.shift import possible, shift
from snn.train.shift_layout import Layout, pack, unpack
from snn.train.taps import dense

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}


def arguments(steps, batch, n_in, n_out, taps, longest, *, lead=0, own=False, dtype=torch.double):
    g = torch.Generator().manual_seed(5)
    shape = (n_in,) if own else (n_out, n_in)
    x = (torch.rand(steps + lead, batch, n_in, generator=g) < 0.3).to(dtype)
    first = torch.randint(0, longest + 2 - taps, shape, generator=g)
    return x.requires_grad_(), first, torch.randn(*shape, taps, generator=g).to(dtype).requires_grad_(), longest


def compare(x, first, values, longest, lead=0):
    """Values and gradients of both executions, relative to the largest entry."""
    out = [run(x, first, values, longest, lead=lead) for run in (shift, dense)]
    g = torch.randn_like(out[0])
    ours, theirs = ([y.detach(), *torch.autograd.grad(y, (x, values), g)] for y in out)
    for a, b in zip(ours, theirs, strict=True):
        assert (a - b).abs().max() <= TOLERANCE[x.dtype] * b.abs().max().clamp(min=1.0)


# Batches below, at and above a vector, with a rest; more and fewer channels than a vector has lanes.
@pytest.mark.parametrize(("batch", "n_in", "n_out"), [(1, 3, 20), (3, 20, 1), (8, 5, 5), (17, 20, 18), (33, 17, 3)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("taps", "lead"), [(1, 0), (2, 0), (2, 6), (6, 0)])
def test_equals_dense(batch, n_in, n_out, dtype, taps, lead):
    compare(*arguments(31, batch, n_in, n_out, taps, 6, lead=lead, dtype=dtype), lead=lead)


@pytest.mark.parametrize(("steps", "longest"), [(1, 0), (1, 9), (4, 20), (60, 1)])
def test_equals_dense_at_the_ends_of_the_sizes(steps, longest):
    compare(*arguments(steps, 16, 3, 2, 1, longest))


def test_equals_dense_with_many_taps():
    compare(*arguments(20, 16, 4, 3, 19, 24))


@pytest.mark.parametrize("batch", [2, 16])
def test_one_delay_per_neuron_equals_dense(batch):
    compare(*arguments(20, batch, 18, 18, 2, 7, own=True))


def test_passes_gradcheck():
    x, first, values, longest = arguments(4, 2, 3, 2, 2, 3)
    assert torch.autograd.gradcheck(lambda x, v: shift(x, first, v, longest), (x, values))


@pytest.mark.parametrize("batch", [2, 16])
def test_probe_equals_dense(batch):
    x, first, values, longest = arguments(20, batch, 5, 4, 2, 6)
    filtered = torch.randn(26, batch, 5, dtype=torch.double)
    probes = [torch.zeros_like(values, requires_grad=True) for _ in range(2)]
    grads = []
    for run, probe in zip((shift, dense), probes, strict=True):
        out = run(x, first, values, longest, probe=probe, filtered=filtered)
        grads.append(torch.autograd.grad(out.sin().sum(), (x, values, probe)))
    torch.testing.assert_close(grads[0], grads[1], rtol=0, atol=1e-12)
    assert grads[0][2].abs().max() > 0.1


def test_whole_delays_equal_a_ring_buffer_exactly():
    """Spikes in, weights that are multiples of 1/8: every sum is exact, so the results must be identical."""
    rng = np.random.default_rng(0)
    spikes, delay = rng.random((40, 3, 6)) < 0.3, rng.integers(0, 8, (5, 6))
    weight = rng.integers(-16, 17, (5, 6)) / 8
    ring, expected = np.zeros((8, 3, 5)), []
    for t, now in enumerate(spikes):
        for j, i in itertools.product(range(6), range(5)):
            ring[(t + delay[i, j]) % 8, :, i] += weight[i, j] * now[:, j]
        expected.append(ring[t % 8].copy())
        ring[t % 8] = 0
    for run, dtype in itertools.product((shift, dense), (torch.float32, torch.float64)):
        x, values = torch.tensor(spikes, dtype=dtype), torch.tensor(weight[..., None], dtype=dtype)
        out = run(x, torch.tensor(delay), values, 7)
        assert np.array_equal(out.numpy(), np.stack(expected))


def test_threads_do_not_change_the_result():
    x, first, values, longest = arguments(50, 40, 33, 31, 2, 9, dtype=torch.float32)
    results, before = [], torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            out = shift(x, first, values, longest)
            results.append([out.detach(), *torch.autograd.grad(out.square().sum(), (x, values))])
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(other, results[0], strict=True))


def test_inputs_that_are_views_are_read_as_they_are():
    x, first, values, longest = arguments(12, 16, 20, 4, 2, 5)
    swapped = x.detach().transpose(0, 1).contiguous().transpose(0, 1)
    assert not swapped.is_contiguous()
    assert torch.equal(shift(swapped, first, values, longest), shift(x, first, values, longest))
    out = shift(x, first, values, longest)
    one = torch.ones((), dtype=torch.double)
    torch.testing.assert_close(torch.autograd.grad(out, x, one.expand_as(out))[0],
                               torch.autograd.grad(dense(x, first, values, longest), x, one.expand_as(out))[0])


@pytest.mark.parametrize(("batch", "n"), [(1, 3), (5, 40), (16, 3), (16, 16), (35, 37)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_packing_comes_back(batch, n, dtype):
    layout = Layout.of(batch, 11, 2, dtype)
    x = torch.randn(11, batch, n, dtype=getattr(torch, dtype))
    packed = pack(x, layout, front=0, length=layout.length(0, 0))
    assert torch.equal(unpack(packed, layout, 11), x)
    assert packed.abs().sum().item() == pytest.approx(x.abs().sum().item(), rel=1e-5)      # zeros everywhere else


def test_where_it_can_run():
    assert possible(torch.zeros(1)) and possible(torch.zeros(1, dtype=torch.double))
    assert not possible(torch.zeros(1, dtype=torch.bfloat16))
    assert not possible(torch.zeros(1, device="meta"))
