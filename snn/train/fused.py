"""Fused time loops: all steps of a layer, forward and backward, as one compiled call each.

What it is
    :class:`Runner` belongs to one layer and one dtype. It traces the model's text once (``snn.train.unrolled``),
    derives the gradient, decides what to keep between the passes (``snn.train.cut``), and compiles both passes
    (``snn.train.kernel``); compiled code is kept on disk, and values of parameters are no part of it.
    ``Runner.__call__`` is an ordinary differentiable function of inputs, initial state and learned parameters.

Errors: :class:`NotFused` with a sentence that says why this model cannot be compiled; the layer then runs eagerly.
"""

import dataclasses
import functools
from dataclasses import dataclass

import numpy as np
import torch

from snn.errors import ModelError
from snn.run import native
from snn.train import cut, kernel, unrolled
from snn.train.calls import Call, Fused, dense
from snn.train.recurrent_kernel import recurrent_kernel
from snn.train.surrogate import known


class NotFused(Exception):
    """Why a layer runs eagerly, as one sentence."""


@dataclass(frozen=True, eq=False)
class Compiled:
    """A kernel with its address and the constants that never change: float arrays of its uniform and lane slots."""

    kernel: kernel.Kernel
    address: int
    uniforms: np.ndarray
    lanes: np.ndarray


@dataclass(frozen=True, eq=False)
class Pair:
    """Forward and backward of a layer for one choice of gradients that are needed; ``kept``: nodes kept in between.

    ``backward(full)`` is compiled when it is asked for; ``full``: gradients come in for last states that no step reads.
    """

    forward: Compiled
    backward: object
    kept: tuple


def runner(model, dt, fire, detach_reset, learned, ports, emit, traces, dtype):
    """The :class:`Runner` of a layer. ``emit``: ``"z"`` or a state; ``traces``: further names."""
    outputs = tuple(dict.fromkeys((emit, *traces)))
    return Runner(model, dt, fire, detach_reset, tuple(learned), tuple(ports), outputs, dtype)


class Runner:
    """See the module. Made by :func:`runner`.

    ``runner(inputs, state, fields)``: ``inputs`` {port: [T, B, ...]}, ``state`` State of [B, ...], ``fields`` {learned
    field: tensor () or (n,)}. Returns ``({output: [T, B, ...]}, State)``.
    """

    call, make = Call, kernel.Steps

    def __init__(self, model, dt, fire, detach_reset, learned, ports, outputs, dtype):
        self.model, self.ports, self.outputs, self.dtype = model, ports, outputs, dtype
        self.single, self.calls = dtype is torch.float32, {}
        self.surrogate = known(fire)
        if self.surrogate is None:
            raise NotFused(f"the surrogate {type(fire).__name__} is not one whose derivative is known here")
        sizes = {len(v) for v in map(np.atleast_1d, self._plain(model).values())} - {1}
        self.n = sizes.pop() if sizes else 1
        try:
            self.step = unrolled.forward_graph(model, self.n, dt, ports=ports, learned=learned,
                                               detach_reset=detach_reset)
            unknown = [o for o in outputs if o not in ("z", "margin") and o not in self.step.after]
            if unknown or ("z" in outputs and self.step.spike is None):
                raise NotFused(f"{type(model).__name__} has no output {unknown or 'z'}")
            self.frontier = unrolled.frontier(self.step, outputs)
            self.fixed = self._tensors(model)
            self.pair, self.recurrent = functools.cache(self._pair), functools.cache(self._recurrent)
            self.pair(None)
        except ModelError as error:
            raise NotFused(str(error)) from error

    def _plain(self, model):
        return {k: v.detach().cpu().numpy() if torch.is_tensor(v) else v for k, v in vars(model).items()}

    def _tensors(self, model):
        bound = model.bind(self.n, self.dtype)
        return {f.name: getattr(bound, f.name) for f in dataclasses.fields(model)}

    def _pair(self, needed):
        """Kernels for ``needed``: the ports whose gradient is asked for, or None where no gradient is."""
        if needed is None:
            return Pair(self._forward(()), None, ())
        count = len(self.step.graph.nodes)

        def gradients(states):
            return unrolled.backward_graph(self.step, self.outputs, self.surrogate.derivative, needed, self.frontier,
                                           states)

        values = kernel.needed_values(gradients(self.step.moving), count)
        kept = tuple(cut.minimum_cut(values, 4 if self.single else 8))

        @functools.cache
        def backward(full):
            back = gradients(self.step.moving if full else self.step.read)
            return self._compile(kernel.backward_kernel(self.step, back, self.outputs, kept, self._name, self.make))

        return Pair(self._forward(kept), backward, kept)

    def _forward(self, kept):
        return self._compile(kernel.forward_kernel(self.step, self.outputs, kept, self._name, self.make))

    @property
    def _name(self):
        return "float32" if self.single else "float64"

    def _compile(self, made):
        values = [self._constant(nodes) for nodes in (made.uniforms, made.lanes)]
        uniforms = np.array([float(v) for v in values[0]] or [0.0], self._name)
        lanes = np.stack([v.to(self.dtype).expand(self.n).numpy() for v in values[1]] or [np.zeros(1, self._name)])
        return Compiled(made, native.address(made.text, made.name), uniforms, lanes)

    def _constant(self, nodes):
        with torch.no_grad():
            return unrolled.values_of(nodes, self.fixed, self.dtype)

    def __call__(self, inputs, state, fields):
        values, before = self.prepare(state, fields)
        x = [dense(inputs[p].to(self.dtype), self.n > 1) for p in self.ports]
        if any(one.stride() != x[0].stride() for one in x):
            x = [one.contiguous() for one in x]
        out = Fused.apply(self, torch.is_grad_enabled(), *values, *before, *x)
        k = len(self.outputs)
        after = dict(zip(self.step.moving, out[k:], strict=True))
        return dict(zip(self.outputs, out, strict=False)), state._replace(**after)

    def prepare(self, state, fields):
        """Values of the learned constants and the states that move, as tensors of the dtype."""
        self._check_state(state)
        values = unrolled.values_of(self.frontier, {**self.fixed, **fields}, self.dtype)
        return values, [getattr(state, k).to(self.dtype) for k in self.step.moving]

    def _recurrent(self, needed):
        """As :meth:`pair`, for a layer that hears its own spikes."""
        pair = self.pair(needed)
        return Pair(self._compile(recurrent_kernel(self.step, self.outputs, pair.kept, self._name)), pair.backward,
                    pair.kept)

    def _check_state(self, state):
        """States that no step changes, or whose range the kernel relies on, must be as at rest."""
        for name, value in self.step.constant.items():
            given = getattr(state, name)
            if not torch.is_tensor(given):
                continue
            # One number for all neurons, as at rest, need not be compared more than once.
            one = given if any(given.stride()) or not given.numel() else given[(0,) * given.ndim]
            if not bool((one == value.to(one)).all()):
                raise NotFused(f"the given state {name!r} is not the one at rest, which the compiled loop relies on")
        for name in self.step.moving:
            low, high = self.step.graph.assumed[name]
            given = getattr(state, name).detach()
            bounded = (low > -np.inf or high < np.inf) and given.numel()
            if bounded and not (low <= float(given.min()) and float(given.max()) <= high):
                raise NotFused(f"the given state {name!r} lies outside the range that the compiled loop relies on")
