"""Delays by shifting: the execution of a delay layer whose work and memory do not grow with the longest delay.

What it is
    Where a kernel has few taps per synapse (two for linear interpolation, one at evaluation), the drive of output i
    is a sum of shifted input trains. :func:`shift` computes it and its gradients with compiled loops over time
    (``snn.train.shift_kernels``); it is the same sum as the dense execution (``snn.train.taps``).

Formula
    out[t, b, i] = sum over j, m of values[i, j, m] * x[t + lead - first[i, j] - m, b, j], zero before the first row
    of x

Cost
    Forward, gradient of x and gradient of the values take ``n_in * n_out * T * B * taps`` multiply-adds each, at the
    rate of a matrix product of the same processor (measured on 2 cores, 256 x 256, T = 100, B = 128, two taps: 97
    GFLOP/s of one core against 97 of a matrix product). See :func:`snn.train.delay.cheaper` for the choice.
"""
import torch

from snn.train.parallel import run, words
from snn.train.pool import empty
from snn.train.shift_kernels import Correlate, Gather, kernel
from snn.train.shift_layout import Layout, pack, parts_of, unpack

FLOATS = {torch.float32: "float32", torch.float64: "float64"}
CACHE = 24576
"""Bytes of the first-level cache that the rows of a group of sources may take."""


def possible(x):
    """Whether :func:`shift` can run on this tensor: on the CPU, in float32 or float64."""
    return x.device.type == "cpu" and x.dtype in FLOATS


def shift(x, first, values, longest, *, lead=0, probe=None, filtered=None):
    """The delayed and weighted sum of input trains, differentiable in ``x`` and ``values``.

    Parameters: ``x`` [R, B, n_in], its first ``lead`` rows lie before the first output; ``first`` whole steps, int
    [n_out, n_in] (or [n]: one delay per neuron, output j reads input j alone); ``values`` [n_out, n_in, taps] (or
    [n, taps]); ``longest`` delay in steps, at least ``first + taps - 1`` everywhere, and at least ``lead``;
    ``probe``, ``filtered``: a tensor like ``values`` that receives as gradient the correlation of the output's gradient
    with ``filtered`` [T + longest, B, n_in] in place of ``x``, whose first ``longest`` rows lie before the first
    output.
    Returns: [R - lead, B, n_out].
    """
    return _Shift.apply(x, first, values, longest, lead, probe, filtered)


class _Shift(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, first, values, longest, lead, probe, filtered):
        ctx.longest, ctx.lead = longest, lead
        ctx.save_for_backward(x, first, values, filtered)
        steps, taps = x.shape[0] - lead, values.shape[-1]
        layout = Layout.of(x.shape[1], steps, taps, FLOATS[x.dtype])
        source = pack(x, layout, front=longest - lead, length=layout.length(longest, 0))
        target = empty((layout.chunks, first.shape[0], layout.length(0, 0)), x.dtype)
        offsets = -(first + (taps - 1)) * layout.pitch
        _gather(layout, source, target, offsets, values.flip(-1), longest * layout.pitch)
        return unpack(target, layout, steps)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        x, first, values, filtered = ctx.saved_tensors
        for_x, _, for_values, _, _, for_probe, _ = ctx.needs_input_grad
        gx = _gradient_of_x(ctx, grad, x, first, values) if for_x else None
        gv = _gradient_of_values(ctx, grad, x, ctx.lead, first, values) if for_values else None
        gp = _gradient_of_values(ctx, grad, filtered, ctx.longest, first, values) if for_probe else None
        return gx, None, gv, None, None, gp, None


def _gradient_of_x(ctx, grad, x, first, values):
    """The same sum with the roles of input and output exchanged and time reversed."""
    rows, batch, n_in = x.shape
    layout = Layout.of(batch, rows, values.shape[-1], FLOATS[x.dtype])
    source = pack(grad, layout, front=ctx.lead, length=layout.length(0, ctx.longest))
    target = empty((layout.chunks, n_in, layout.length(0, 0)), x.dtype)
    if first.ndim == 2:
        first, values = first.t(), values.transpose(0, 1)
    _gather(layout, source, target, first * layout.pitch, values, 0)
    return unpack(target, layout, rows)


def _gradient_of_values(ctx, grad, x, lead, first, values):
    """Correlations of the output's gradient with the inputs, at every tap of every synapse."""
    steps, batch, taps = grad.shape[0], grad.shape[1], values.shape[-1]
    layout = Layout.of(batch, steps, taps, FLOATS[x.dtype])
    source = pack(x, layout, front=ctx.longest - lead, length=layout.length(ctx.longest, 0))
    target = pack(grad, layout, front=0, length=layout.length(0, 0))
    out = torch.zeros_like(values, memory_format=torch.contiguous_format)
    offsets = -(first + (taps - 1)) * layout.pitch
    _run(Correlate, layout, source, target, offsets, out, ctx.longest * layout.pitch)
    return out.flip(-1)


def _gather(layout, source, target, offsets, values, base):
    _run(Gather, layout, source, target, offsets, values.contiguous(), base)


def _run(kind, layout, source, target, offsets, values, base):
    """One compiled call; parts own ranges of the channels of ``target``."""
    own, taps = offsets.ndim == 1, values.shape[-1]
    n_src, n_dst = 1 if own else source.shape[1], target.shape[1]
    offsets = offsets.to(torch.int32).contiguous()
    window = (layout.vectors * layout.lanes + base + layout.pitch) * source.element_size()
    group = min(64, max(8, CACHE // window))
    bounds = parts_of(n_dst, n_src * n_dst * layout.positions * layout.chunks // 100000)
    address = kernel(kind, FLOATS[source.dtype], taps=taps, vectors=layout.vectors, lanes=layout.lanes,
                     shared=layout.shared)
    run(address, words(source, target, offsets, values, n_src, n_dst, source.shape[2], target.shape[2], layout.chunks,
                       layout.blocks, layout.pitch, base, own, group, bounds), parts=len(bounds) - 1)
