"""Delays by dense taps: the execution of a delay layer as a convolution, a matrix per whole step of delay.

What it is
    The taps of every synapse are written into a dense kernel ``[n_out, n_in, longest + 1]``. :func:`dense` unfolds
    time and makes one matrix product per block of time steps, so its memory does not grow with the number of steps;
    :func:`plain` is torch's own convolution, the definition. Both take work in proportion to ``longest + 1`` and run
    on any device.

Formula
    out[t, b, i] = sum over j, k of kernel[i, j, k] * x[t + lead - k, b, j], zero before the first row of x

The arguments of all executions are those of :func:`snn.train.shift.shift`.
"""
import torch
from torch.nn import functional

BLOCK, CUDA_BLOCK = 1 << 21, 1 << 26
"""Elements of unfolded input at a time. On the CPU 8 MiB of float32, which stay in the third-level cache."""


def dense_kernel(first, values, longest):
    """Dense taps [..., longest + 1] from ``first`` [...] and ``values`` [..., taps], differentiable in ``values``."""
    if values.shape[-1] == longest + 1:
        return values
    index = first[..., None] + torch.arange(values.shape[-1], device=first.device)
    return values.new_zeros(*first.shape, longest + 1).scatter(-1, index, values)


def plain(x, first, values, longest, *, lead=0, probe=None, filtered=None):
    """As :func:`snn.train.shift.shift`, by ``torch.nn.functional.conv1d``; works under every transform of torch."""
    out = _convolve(x, dense_kernel(first, values, longest), longest - lead)
    if probe is not None:
        out = out + _convolve(filtered, dense_kernel(first, probe, longest), 0)
    return out


def _convolve(x, kernel, before):
    """Causal convolution over the first axis after ``before`` rows of zeros; a 2-D kernel is one per channel."""
    x = functional.pad(x.permute(1, 2, 0), (before, 0))
    groups = x.shape[1] if kernel.ndim == 2 else 1
    kernel = kernel[:, None] if kernel.ndim == 2 else kernel
    return functional.conv1d(x, kernel.flip(-1), groups=groups).permute(2, 0, 1)


def dense(x, first, values, longest, *, lead=0, probe=None, filtered=None):
    """As :func:`snn.train.shift.shift`, by matrix products over unfolded time."""
    if first.ndim == 1:
        return plain(x, first, values, longest, lead=lead, probe=probe, filtered=filtered).contiguous()
    kernel = dense_kernel(first, values, longest)
    probe = None if probe is None else dense_kernel(first, probe, longest)
    return _Dense.apply(x, kernel, lead, probe, filtered)


class _Dense(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, kernel, lead, probe, filtered):
        ctx.lead = lead
        ctx.save_for_backward(x, kernel, filtered)
        return _product(_padded(x, kernel.shape[-1] - 1 - lead, 0), kernel.flip(-1).permute(2, 1, 0))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        x, kernel, filtered = ctx.saved_tensors
        longest = kernel.shape[-1] - 1
        gx = gk = gp = None
        if ctx.needs_input_grad[0]:
            gx = _product(_padded(grad, ctx.lead, longest), kernel.permute(2, 0, 1))
        if ctx.needs_input_grad[1]:
            gk = _correlation(_padded(x, longest - ctx.lead, 0), grad).permute(2, 1, 0).flip(-1)
        if ctx.needs_input_grad[3]:
            gp = _correlation(filtered, grad).permute(2, 1, 0).flip(-1)
        return gx, gk, None, gp, None


def _padded(x, before, behind):
    return functional.pad(x, (0, 0, 0, 0, before, behind)) if before or behind else x.contiguous()


def _windows(x, taps):
    """The inputs of a block of steps side by side, ``[steps * B, taps * n]``, block by block, with its first step."""
    rows, batch, n = x.shape
    steps = rows - taps + 1
    block = max(1, (BLOCK if x.device.type == "cpu" else CUDA_BLOCK) // max(1, batch * taps * n))
    view = x.as_strided((steps, batch, taps, n), (batch * n, n, batch * n, 1))
    for t in range(0, steps, block):
        yield t, view[t:t + block].reshape(-1, taps * n)


def _product(x, kernel):
    """out[t] = sum over k of x[t + k] @ kernel[k]; ``x`` [T + taps - 1, B, n], ``kernel`` [taps, n, m]."""
    taps, n, m = kernel.shape
    batch = x.shape[1]
    matrix, out = kernel.reshape(taps * n, m), x.new_empty(x.shape[0] - taps + 1, batch, m)
    for t, window in _windows(x, taps):
        torch.mm(window, matrix, out=out[t:t + len(window) // batch].view(-1, m))
    return out


def _correlation(x, grad):
    """The gradient of :func:`_product` for its kernel: [taps, n, m]."""
    steps, batch, m = grad.shape
    taps, grad = x.shape[0] - steps + 1, grad.reshape(steps * batch, m)
    total = x.new_zeros(taps * x.shape[2], m)
    for t, window in _windows(x, taps):
        total.addmm_(window.t(), grad[t * batch:t * batch + len(window)])
    return total.view(taps, -1, m)
