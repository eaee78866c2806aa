"""A call of a fused time loop: memory layout, arguments of the kernels, and the autograd function around them."""

import ctypes

import torch
from torch.autograd.function import once_differentiable

from snn.train import parallel, pool
from snn.train.kernel import STRIP

SMALL = 16384
"""Neurons times steps below which a second thread costs more than it gains."""

REMEMBERED = 64
"""Shapes of input whose arguments a layer keeps ready."""


def dense(x, per_neuron):
    """``x`` [T, B, ...] with its steps one behind the other in memory: itself where it is contiguous, or channels-last
    and no constant differs between neurons (``per_neuron``); else a contiguous copy."""
    if x.is_contiguous() or (x.ndim == 5 and not per_neuron and x.permute(0, 1, 3, 4, 2).is_contiguous()):
        return x
    return x.contiguous()


def call(owner, compiled, shape, stride, values):
    """The :class:`Call` for these arguments; without learned constants it is made once and used again."""
    if values:
        return owner.call(owner, compiled, shape, stride, values)
    key = compiled, shape, stride, torch.get_num_threads()
    found = owner.calls.get(key)
    if found is None:
        if len(owner.calls) >= REMEMBERED:
            owner.calls.clear()
        owner.calls[key] = found = owner.call(owner, compiled, shape, stride, ())
    return found


class Call:
    """Arguments of one compiled pass over ``[T, B, ...]`` time courses of a given shape and stride.

    ``owner`` is the Runner, ``compiled`` its kernel, ``values`` the learned constants (tensors () or (n,)).
    """

    def __init__(self, owner, compiled, shape, stride, values):
        self.owner, self.compiled, self.steps = owner, compiled, shape[0]
        self.shape, self.stride = shape, stride
        self.columns = shape[1:].numel()
        self.size = 4 if owner.single else 8
        width = owner.n if owner.n > 1 else self.columns
        self.rows = self.columns // width if width else 0
        strips = self.rows * -(-width // STRIP)
        threads = 1 if self.columns * self.steps < SMALL else torch.get_num_threads()
        self.parts = max(1, min(threads, strips))
        self.tables = self._tables(values)
        self.head = [self.rows, width, self.steps, self.parts, *(t.ctypes.data for t in self.tables)]

    def _tables(self, values):
        """Uniform and lane constants, the learned ones put in."""
        made, position = self.compiled, {n.index: j for j, n in enumerate(self.owner.frontier)}
        tables = []
        for table, nodes in (made.uniforms, made.kernel.uniforms), (made.lanes, made.kernel.lanes):
            learned = [(j, position[n.index]) for j, n in enumerate(nodes) if n.index in position]
            table = table.copy() if learned else table
            for j, at in learned:
                table[j] = values[at].detach().numpy().reshape(-1 if table.ndim > 1 else ())
            tables.append(table)
        return tables

    def words(self, courses, held):
        """The argument array. ``courses`` {key: tensor or (tensor, stride in bytes)}, ``held`` {key: tensor}."""
        made, words = self.compiled.kernel, list(self.head)
        for key in (*made.loads, *made.stores):
            t = courses[key]
            t, step = t if isinstance(t, tuple) else (t, t.stride(0) * t.element_size())
            words += [t.data_ptr(), step]
        words += [held[key].data_ptr() for key in made.held]
        return (ctypes.c_int64 * len(words))(*words)

    def run(self, courses, held):
        if self.columns and self.steps:
            parallel.run(self.compiled.address, self.words(courses, held), parts=self.parts)

    def empty(self):
        """A time course in the layout of the call."""
        return pool.empty(self.shape, self.owner.dtype, self.stride)

    def row(self, value=None):
        """An array [B, ...] in the layout of one step: a copy of ``value``, or zeros."""
        new = pool.empty(self.shape[1:], self.owner.dtype, self.stride[1:])
        return new.zero_() if value is None else new.copy_(value)

    def kept(self, pair):
        """Arrays for what the backward pass reads."""
        size = self.steps, self.columns
        return {("kept", n.index): pool.empty(size, torch.uint8 if n.is_boolean else self.owner.dtype)
                for n in pair.kept}

    def course(self, g):
        """A gradient in the layout of the call; one that is the same at every step, or zero, stays one row."""
        if g is None:
            return self.row(), 0
        if g.dtype is self.owner.dtype and g.stride()[1:] == self.stride[1:] and g.stride(0) in (0, self.stride[0]):
            return g
        if g.stride(0) == 0:
            return self.row(g[0]), 0
        return self.empty().copy_(g)


class Fused(torch.autograd.Function):
    """Inputs: the Runner, whether a backward pass may follow, values of its frontier, states that move, ports.
    Outputs: the outputs, then those states."""

    @staticmethod
    def forward(ctx, owner, grad, *tensors):
        n_values, n_states = len(owner.frontier), len(owner.step.moving)
        values, tensors = tensors[:n_values], tensors[n_values:]
        states, ports = tensors[:n_states], tensors[n_states:]
        asked = zip(owner.ports, ctx.needs_input_grad[2 + n_values + n_states:], strict=True)
        needed = tuple(p for p, need in asked if need) if grad and any(ctx.needs_input_grad) else None
        pair = owner.pair(needed)
        run = call(owner, pair.forward, ports[0].shape, ports[0].stride(), values)
        outputs = {("out", o): run.empty() for o in owner.outputs}
        after = {("state", k): run.row(s) for k, s in zip(owner.step.moving, states, strict=True)}
        kept = run.kept(pair)
        run.run({**{("port", p): x for p, x in zip(owner.ports, ports, strict=True)}, **outputs, **kept}, after)
        if needed is not None:
            ctx.set_materialize_grads(False)
            ctx.owner, ctx.pair, ctx.needed = owner, pair, needed
            ctx.layout = ports[0].shape, ports[0].stride()
            # The empty tensor lets torch notice a second backward also where nothing else is saved.
            ctx.save_for_backward(*values, *kept.values(), ports[0].new_empty(0))
        return *outputs.values(), *after.values()

    @staticmethod
    @once_differentiable
    def backward(ctx, *grads):
        owner, pair, saved = ctx.owner, ctx.pair, ctx.saved_tensors
        n_values, n_outputs = len(owner.frontier), len(owner.outputs)
        states = dict(zip(owner.step.moving, grads[n_outputs:], strict=True))
        compiled = pair.backward(any(g is not None for k, g in states.items() if k not in owner.step.read))
        run = call(owner, compiled, *ctx.layout, saved[:n_values])
        ports = {("port", p): run.empty() for p in ctx.needed}
        courses = {("grad", o): run.course(g) for o, g in zip(owner.outputs, grads, strict=False)}
        courses |= {("kept", n.index): t for n, t in zip(pair.kept, saved[n_values:-1], strict=True)}
        held = {("state", k): run.row(g) for k, g in states.items()}
        sums = {key: run.row() for key in compiled.kernel.held if key[0] == "value"}
        run.run({**courses, **ports}, {**held, **sums})
        values = [total_over_batch(sums.get(("value", n.index)), v)
                  for n, v in zip(owner.frontier, saved[:n_values], strict=True)]
        states = [held["state", k] if k in owner.step.read else None for k in owner.step.moving]
        return None, None, *values, *states, *(ports.get(("port", p)) for p in owner.ports)


def total_over_batch(columns, value):
    """Sum of the gradients of a learned constant over the batch, and over neurons where it is one number."""
    if columns is None:
        return None
    return columns.sum().reshape(value.shape) if value.numel() == 1 else columns.reshape(-1, len(value)).sum(0)
