"""Dense taps against torch's own convolution and against sums written out."""
import pytest
import torch

from snn.train.taps import dense, dense_kernel, plain


def arguments(n_in=3, n_out=4, taps=2, longest=5, *, steps=9, batch=2, lead=0, own=False):
    g = torch.Generator().manual_seed(3)
    shape = (n_in,) if own else (n_out, n_in)
    x = torch.randn(steps + lead, batch, n_in, dtype=torch.double, generator=g)
    first = torch.randint(0, longest + 2 - taps, shape, generator=g)
    return x, first, torch.randn(*shape, taps, dtype=torch.double, generator=g), longest


def written_out(x, first, values, longest, lead):
    """The sum of the definition, entry by entry."""
    n_out, n_in, taps = values.shape
    out = x.new_zeros(x.shape[0] - lead, x.shape[1], n_out)
    for t in range(out.shape[0]):
        for i in range(n_out):
            for j in range(n_in):
                for m in range(taps):
                    at = t + lead - int(first[i, j]) - m
                    if at >= 0:
                        out[t, :, i] += values[i, j, m] * x[at, :, j]
    return out


def test_dense_kernel_has_the_values_at_their_steps():
    kernel = dense_kernel(torch.tensor([[0, 3]]), torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]), 4)
    assert kernel.tolist() == [[[1, 2, 0, 0, 0], [0, 0, 0, 3, 4]]]


@pytest.mark.parametrize("run", [plain, dense])
@pytest.mark.parametrize("lead", [0, 5])
def test_equals_the_sum_written_out(run, lead):
    x, first, values, longest = arguments(lead=lead)
    torch.testing.assert_close(run(x, first, values, longest, lead=lead), written_out(x, first, values, longest, lead),
                               rtol=0, atol=1e-12)


@pytest.mark.parametrize("lead", [0, 5])
def test_dense_equals_convolution_with_gradients(lead, monkeypatch):
    monkeypatch.setattr("snn.train.taps.BLOCK", 2 * 6 * 3 * 4)      # four time steps at a time: several blocks
    x, first, values, longest = arguments(lead=lead)
    x.requires_grad_()
    values.requires_grad_()
    out = [run(x, first, values, longest, lead=lead) for run in (plain, dense)]
    g = torch.randn_like(out[0])
    grads = [torch.autograd.grad(y, (x, values), g) for y in out]
    torch.testing.assert_close(out[1], out[0], rtol=0, atol=1e-12)
    torch.testing.assert_close(grads[1], grads[0], rtol=0, atol=1e-12)


def test_dense_passes_gradcheck():
    x, first, values, longest = arguments(steps=4)
    assert torch.autograd.gradcheck(lambda x, v: dense(x, first, v, longest), (x.requires_grad_(),
                                                                               values.requires_grad_()))


def test_probe_gets_the_correlation_with_the_filtered_input():
    x, first, values, longest = arguments()
    filtered = torch.randn(x.shape[0] + longest, *x.shape[1:], dtype=torch.double)
    g = torch.randn(x.shape[0], 2, 4, dtype=torch.double)
    found = []
    for run in (plain, dense):
        probe = torch.zeros_like(values, requires_grad=True)
        out = run(x, first, values, longest, probe=probe, filtered=filtered)
        torch.testing.assert_close(out, run(x, first, values, longest))
        found += torch.autograd.grad(out, probe, g)
    expected = torch.zeros_like(values)
    for t in range(x.shape[0]):
        for m in range(2):
            rows = filtered[longest + t - first - m, :, torch.arange(3)]         # [n_out, n_in, B]
            expected[..., m] += (g[t].t()[:, None] * rows).sum(-1)
    torch.testing.assert_close(found, [expected, expected], rtol=0, atol=1e-12)


def test_one_delay_per_neuron_is_a_diagonal_of_synapses():
    x, first, values, longest = arguments(own=True)
    matrix = torch.diag_embed(values.t()).permute(1, 2, 0)
    torch.testing.assert_close(dense(x, first, values, longest), dense(x, torch.diag(first), matrix, longest))


def test_an_ordinary_convolution_is_the_case_of_all_taps():
    x, _, values, longest = arguments(taps=6)
    expected = torch.nn.functional.conv1d(torch.nn.functional.pad(x.permute(1, 2, 0), (longest, 0)), values.flip(-1))
    out = dense(x, torch.zeros(4, 3, dtype=torch.long), values, longest)
    torch.testing.assert_close(out, expected.permute(2, 0, 1))


@pytest.mark.cuda
def test_cuda_equals_the_cpu():
    x, first, values, longest = arguments(steps=40, batch=6)
    filtered = torch.randn(45, 6, 3, dtype=torch.double)
    g, results = torch.randn(40, 6, 4, dtype=torch.double), []
    for device in ("cpu", "cuda"):
        a, v = (t.detach().to(device).requires_grad_() for t in (x, values))
        probe = torch.zeros_like(v, requires_grad=True)
        out = dense(a, first.to(device), v, longest, probe=probe, filtered=filtered.to(device))
        grads = torch.autograd.grad(out, (a, v, probe), g.to(device))
        results.append([t.detach().cpu() for t in (out, *grads)])
    torch.testing.assert_close(results[1], results[0], rtol=0, atol=1e-12)
