"""Fused time loop of a recurrent layer: forward one compiled call, backward one matrix product and one call per step.

What it is
    :func:`run` is what ``Recurrent`` calls for a layer that could be compiled (a ``snn.train.fused.Runner`` with one
    port). Forward, the product with the spikes of ``delay`` steps ago costs as much as there are spikes
    (``snn.train.recurrent_kernel``). Backward, the gradient is not sparse: torch multiplies. The gradient of
    the matrix is one product over all steps.
"""
import ctypes

import torch
from torch.autograd.function import once_differentiable

from snn.train import parallel, pool, products
from snn.train.calls import SMALL, Call, total_over_batch


def run(owner, x, state, z0, weight, fields):
    """Run ``x`` [T, B, N] from ``state`` and the last spikes ``z0`` [delay, B, N].

    ``weight`` [N, N], one row per target; ``fields``: learned fields of the model. Returns ``({output: [T, B, N]},
    State, last spikes)``.
    """
    values, before = owner.prepare(state, fields)
    cast = (t.to(owner.dtype).contiguous() for t in (weight, z0, x))
    out = FusedRecurrent.apply(owner, torch.is_grad_enabled(), *cast, *values, *before)
    k = len(owner.outputs)
    after = dict(zip(owner.step.moving, out[k:-1], strict=True))
    return dict(zip(owner.outputs, out, strict=False)), state._replace(**after), out[-1]


class FusedRecurrent(torch.autograd.Function):
    """Inputs: Runner, whether a backward pass may follow, weight, last spikes, x, values of the frontier, states.
    Outputs: outputs, states, last spikes."""

    @staticmethod
    def forward(ctx, owner, grad, weight, z0, x, *tensors):
        n_values = len(owner.frontier)
        values, states = tensors[:n_values], tensors[n_values:]
        needed = owner.ports if grad and any(ctx.needs_input_grad) else None
        pair = owner.recurrent(needed)
        call, delay = Call(owner, pair.forward, x.shape, x.stride(), values), len(z0)
        spikes = pool.empty((delay + call.steps, *x.shape[1:]), owner.dtype)
        spikes[:delay] = z0
        outputs = {("out", o): call.empty() for o in owner.outputs if o != "z"} | {("out", "z"): spikes[delay:]}
        after = {("state", k): call.row(s) for k, s in zip(owner.step.moving, states, strict=True)}
        kept = call.kept(pair)
        call.parts = call.head[3] = max(1, min(torch.get_num_threads() if call.columns > 512 else 1, x.shape[1]))
        call.head[:2] = x.shape[1:]
        drive, listed = call.row(), torch.empty(call.parts, x.shape[2], dtype=torch.int32)
        transposed = weight.t().contiguous()
        words = call.words({("port", owner.ports[0]): (drive, 0), **outputs, **kept}, after)
        step = x.stride(0) * x.element_size()
        further = [x.data_ptr(), step, spikes.data_ptr(), step, transposed.data_ptr(), listed.data_ptr()]
        if call.columns and call.steps:
            parallel.run(pair.forward.address, (ctypes.c_int64 * (len(words) + 6))(*words, *further), parts=call.parts)
        last = spikes[call.steps:].clone()
        if needed is not None:
            ctx.set_materialize_grads(False)
            ctx.owner, ctx.pair, ctx.shape = owner, pair, x.shape
            ctx.save_for_backward(weight, spikes, *values, *kept.values())
        return *(outputs["out", o] for o in owner.outputs), *after.values(), last

    @staticmethod
    @once_differentiable
    def backward(ctx, *grads):
        owner, pair, (weight, spikes, *saved) = ctx.owner, ctx.pair, ctx.saved_tensors
        n_values, delay = len(owner.frontier), len(spikes) - ctx.shape[0]
        values, kept = saved[:n_values], saved[n_values:]
        found = dict(zip(owner.outputs, grads, strict=False))
        states = dict(zip(owner.step.moving, grads[len(owner.outputs):-1], strict=True))
        compiled = pair.backward(any(g is not None for k, g in states.items() if k not in owner.step.read))
        call = Call(owner, compiled, ctx.shape, spikes.stride(), values)
        g_x, g_z = call.empty(), call.row()
        courses = {("grad", o): call.course(g) for o, g in found.items() if o != "z"}
        courses |= {("kept", n.index): t for n, t in zip(pair.kept, kept, strict=True)}
        courses |= {("grad", "z"): (g_z, 0), ("port", owner.ports[0]): g_x}
        held = {("state", k): call.row(g) for k, g in states.items()}
        sums = {key: call.row() for key in compiled.kernel.held if key[0] == "value"}
        call.head[2] = 1
        call.parts = call.head[3] = 1 if call.columns < SMALL else call.parts
        words = call.words(courses, {**held, **sums})
        for t in reversed(range(call.steps)):
            _spike_gradient(g_z, t, found["z"], grads[-1], g_x, weight, delay)
            parallel.run(compiled.address, words, parts=call.parts, step=t)
        return None, None, *_weights(ctx, weight, spikes, g_x, grads[-1]), g_x, *(
            total_over_batch(sums.get(("value", n.index)), v) for n, v in zip(owner.frontier, values, strict=True)), *(
            held["state", k] if k in owner.step.read else None for k in owner.step.moving)


def _spike_gradient(out, t, given, last, g_x, weight, delay):
    """Gradient of the spikes of step ``t``: what came from outside, and what they did ``delay`` steps later."""
    steps = len(g_x)
    if t + delay < steps:
        if given is None:
            torch.mm(g_x[t + delay], weight, out=out)
        else:
            torch.addmm(given[t], g_x[t + delay], weight, out=out)
        return
    out.zero_() if given is None else out.copy_(given[t])
    if last is not None:
        out += last[t + delay - steps]


def _weights(ctx, weight, spikes, g_x, last):
    """Gradients of the matrix and of the spikes before the first step."""
    steps, n, delay = len(g_x), g_x.shape[-1], len(spikes) - len(g_x)
    g_weight = _outer(g_x.view(-1, n), spikes[:steps].view(-1, n)) if ctx.needs_input_grad[2] else None
    g_before = None
    if ctx.needs_input_grad[3]:
        g_before = torch.zeros_like(spikes[:delay])
        g_before[:steps] = torch.matmul(g_x[:delay], weight)
        if last is not None and delay > steps:
            g_before[steps:] += last[:delay - steps]
    return g_weight, g_before


def _outer(g, spikes):
    """Sum over rows of ``g`` times ``spikes``, by the spikes alone where they are few."""
    n = g.shape[1]
    packed = products.pack(spikes, at_most=products.most(n)) if g.numel() * n >= products.LEAST else None
    return torch.mm(g.t(), spikes) if packed is None else products.weight_grad(packed, g)
