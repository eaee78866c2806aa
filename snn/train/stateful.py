"""What layers with a state share: holding it between calls, forgetting it, and noticing when it cannot be used.

A held state is kept as the *memories* of a ``MemoryModule`` of SpikingJelly, one per state variable, named as in the
model (``layer.v``; ``layer.state_v`` where the layer has an attribute of that name) and None at rest. So its
``functional`` calls (``reset_net``, ``detach_net``, ``set_step_mode``) and monitors work.
"""
from contextlib import contextmanager

import torch
from spikingjelly.activation_based.base import MemoryModule
from torch.autograd.function import FunctionCtx

from snn.errors import RunError


class Stateful(MemoryModule):
    """Base of layers with a state. A subclass calls ``declare`` at the end of its constructor and states

    ``_inputs(x, many)``                {port: [T, B, ...]}, checked
    ``_begin(inputs, values)``          the state (a tuple) from a tuple of values; None stands for rest
    ``_advance(inputs, state, names)``  ``({name: [T, B, ...]}, state)``
    ``_emitted``                        which name is the output
    ``_where``                          the layer in messages
    """

    _emitted = "z"

    def declare(self, variables, step_mode):
        """Name the state variables, in the order of the state; ``step_mode`` "s" (one step) or "m" (many)."""
        for name in variables:
            self.register_memory(f"state_{name}" if hasattr(self, name) else name, None)
        self._nodes = []
        self.step_mode = step_mode

    def forward(self, x):
        """Go on from the held state and hold the new one. ``[T, B, ...]`` to the same, or ``[B, ...]`` in mode "s"."""
        many = self.step_mode == "m"
        inputs = self._inputs(x, many)
        self._check_held(inputs)
        state = self._begin(inputs, tuple(map(_usable, self._memories.values())))
        out, state = self._advance(inputs, state, (self._emitted,))
        out = self._hold(out[self._emitted], state)
        return out if many else out[0]

    def materialize_states(self, inputs, states, step_mode):
        """SpikingJelly's protocol: states as tensors, at rest where they are None."""
        return tuple(self._begin(self._inputs(inputs[0], step_mode == "m"), states))

    def single_step_functional_forward(self, inputs, states):
        """SpikingJelly's protocol: ``((x [B, ...],), states)`` to ``((out,), new states)``; holds nothing."""
        outputs, states = self._functional(inputs, states, many=False)
        return tuple(out[0] for out in outputs), states

    def multi_step_functional_forward(self, inputs, states):
        """SpikingJelly's protocol: ``((x [T, B, ...],), states)`` to ``((out,), new states)``; holds nothing."""
        return self._functional(inputs, states, many=True)

    def _functional(self, inputs, states, many):
        inputs = self._inputs(inputs[0], many)
        out, state = self._advance(inputs, self._begin(inputs, states), (self._emitted,))
        return (out[self._emitted],), tuple(state)

    def reset(self):
        """Forget the held state."""
        self._memories.update(dict.fromkeys(self._memories))
        self._nodes.clear()

    def detach(self):
        """Keep the held values, cut off from their graph."""
        self._memories.update({k: v.detach() if torch.is_tensor(v) else v for k, v in self._memories.items()})
        self._nodes.clear()

    def __getstate__(self):
        values = {k: v.detach().clone() if torch.is_tensor(v) else v for k, v in self._memories.items()}
        return {**self.__dict__, "_memories": values, "_nodes": []}

    def _hold(self, out, state):
        self._nodes.clear()
        for name, value in zip(self._memories, state, strict=True):
            self._memories[name] = _watched(value, self._nodes)
        return _watched(out, self._nodes)

    def _check_held(self, inputs):
        x, where = next(iter(inputs.values())), self._where
        for name, value in self._memories.items():
            held = value.shape[value.ndim - x.ndim + 1:] if torch.is_tensor(value) and value.ndim else x.shape[1:]
            if held != x.shape[1:]:
                swapped = x.shape[0] == held[0] and x.shape[2:] == held[1:]
                advice = "If axes 0 and 1 of x are swapped, [T, B, N] is right; else call" if swapped else "Call"
                raise RunError(f"{where}.{name}: is held for {list(held)} while x has {list(x.shape[1:])} in a step. "
                               f"{advice} snn.train.reset(net) before other data.")
            if torch.is_tensor(value) and value.device != x.device:
                raise RunError(f"{where}.{name}: is held on {value.device} while x is on {x.device}. Call "
                               "snn.train.reset(net), or move the net too.")
        if any(map(_used_up, self._nodes)):
            raise RunError(f"{where}: holds a state whose graph was used up by backward(). Call snn.train.reset(net) "
                           "before new data, or snn.train.detach(net) to go on from the same state.")


class _Mark(torch.autograd.Function):
    """A copy whose node tells, by a tensor that it saves, whether backward went through and freed the graph."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x.new_empty(0))
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        return grad


def _watched(x, nodes):
    """``x`` with a node in its graph that can be asked by :func:`_used_up`; the node is added to ``nodes``."""
    node = x.grad_fn
    if node is None or any(node is one for one in nodes):
        return x
    if not (isinstance(node, FunctionCtx) and node.saved_tensors):
        if transformed(x):
            return x
        x = _Mark.apply(x)
    nodes.append(x.grad_fn)
    return x


def _used_up(node):
    try:
        return not node.saved_tensors
    except RuntimeError:
        return True


def _usable(value):
    """A held value as a tensor that autograd accepts, also where it was computed in inference mode."""
    return value.clone() if torch.is_tensor(value) and value.is_inference() else value


@contextmanager
def plain_mode():
    """A block for what is kept between calls: without gradient, and no tensors of inference mode."""
    with torch.inference_mode(False), torch.no_grad():
        yield


def transformed(x):
    """Whether ``x`` is inside a transform of ``torch.func``, a trace or a compiler, where only plain torch works."""
    active = getattr(torch._C, "_are_functorch_transforms_active", lambda: False)
    return (type(x) not in (torch.Tensor, torch.nn.Parameter) or active() or torch.jit.is_tracing()
            or torch.compiler.is_compiling())
