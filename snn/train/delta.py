"""Layers that send changes only: a quantised activation goes out where it moved, and the next layer adds up.

What it is
    :class:`DeltaActivation` rounds to whole numbers of a learnable step and sends differences in time.
    :class:`Accumulated` puts a linear layer behind it, which keeps the sum of what its weights made of the differences:
    its output is that of the dense quantised layer, while the work grows with the number of messages.
    :func:`count_messages` counts them, :class:`Messages` is the penalty that makes them few.

Source: the Delta Activation Layer of "Training for temporal sparsity in deep neural networks, application in video
processing" (Yousefzadeh and Sifalakis, 2021, arXiv:2107.07305).

Example::

    net = nn.Sequential(DeltaActivation(0.1), Accumulated(nn.Linear(256, 128)), nn.ReLU(),
                        DeltaActivation(0.1), Accumulated(nn.Linear(128, 4)), Mean())
    with scope(net), count_messages(net) as counted:
        net(x)                                     # x [T, B, 256]
    print(counted["0"].temporal, counted["1"].macs, counted["1"].dense_macs)
"""
import math
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Real
from typing import Any

import torch
from torch import nn

from snn.errors import NetworkError, RunError
from snn.train.regularise import Regulariser
from snn.train.stateful import Stateful

LINEAR = nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d


class DeltaActivation(Stateful):
    """Rounds an activation to whole steps and sends what changed.

    Formula
        ``q_t = round(a_t / step)``, ``D_t = q_t - q_{t-1}`` with 0 before the first entry; the output is ``step D_t``.
        Gradients pass the rounding as if it were not there (straight through), also to the step. The parameter is
        ``log_step``, so that the step stays positive.

    Parameters: ``step``, a positive number in the unit of the activation; ``learn``, whether it is trained;
    ``step_mode`` "m" or "s".

    Shapes: [T, B, ...] to the same (in step mode "s": [B, ...]). State: ``q``, whole numbers, held between calls as in
    other layers (``snn.train.reset``).

    Errors: NetworkError for a step that is not positive; RunError for inputs that are no floating numbers [T, B, ...].
    """

    layer_model = True

    _emitted, _where = "out", "DeltaActivation"

    def __init__(self, step, *, learn=True, step_mode="m"):
        super().__init__()
        if isinstance(step, bool) or not isinstance(step, Real) or not 0 < step < math.inf:
            raise NetworkError(f"DeltaActivation.step: is {step!r}. A positive number is expected.")
        self.log_step = nn.Parameter(torch.tensor(math.log(step)), requires_grad=bool(learn))
        self.declare(("q",), step_mode)

    @property
    def step(self):
        """The step as it is now, a tensor without axes."""
        return self.log_step.exp()

    def _inputs(self, x, many):
        return checked(x, many, self._where)

    def _begin(self, inputs, values):
        like = inputs["x"][0]
        return (torch.zeros_like(like) if values[0] is None else values[0],)

    def _advance(self, inputs, state, names):
        step = self.step.to(inputs["x"].dtype)
        scaled = inputs["x"] / step
        q = scaled + (torch.round(scaled) - scaled).detach()
        changes = torch.diff(q, dim=0, prepend=state[0][None])
        return {"out": step * changes}, (q[-1],)

    def extra_repr(self):
        return f"step={float(self.step.detach()):.4g}, step_mode={self.step_mode!r}"


class Accumulated(Stateful):
    """A linear layer that is given changes and answers with the sum of all so far.

    Formula: ``z_t = z_{t-1} + W D_t`` with ``z_0`` the bias: ``W q_t + bias`` where the changes are those of q.

    Parameters: ``linear``, a ``torch.nn.Linear`` or a convolution of torch; ``step_mode`` "m" or "s".
    :class:`snn.train.Linear` adds the rows of the messages where they are few.

    Shapes: [T, B, ...] to [T, B, ...] of the layer. State: ``z``, the sum without bias.

    Errors: NetworkError for another module; RunError for inputs that are no floating numbers, or do not fit the layer.
    """

    _emitted, _where = "out", "Accumulated"

    def __init__(self, linear, *, step_mode="m"):
        super().__init__()
        if not isinstance(linear, LINEAR):
            raise NetworkError(f"Accumulated.linear: is a {type(linear).__name__}. A torch.nn.Linear or a convolution "
                               "is expected.")
        self.linear = linear
        self.declare(("z",), step_mode)

    def fan_out(self, changes):
        """How many weights each entry of one step of ``changes`` [B, ...] meets, in the same shape but for B = 1."""
        if isinstance(self.linear, nn.Linear):
            return torch.full((1,) * changes.ndim, float(self.linear.out_features), device=changes.device)
        one = torch.zeros_like(changes[:1]).requires_grad_()
        with torch.enable_grad():
            # The gradient of the sum with all weights 1 counts the products of an entry.
            reached = self.linear._conv_forward(one, torch.ones_like(self.linear.weight), None).sum()
        return torch.autograd.grad(reached, one)[0]

    def _weighted(self, x):
        """``W x`` without the bias, for x [T, B, ...]; a step without changes adds exactly 0."""
        flat = x.flatten(0, 1)
        try:
            y = self.linear(flat)
        except RuntimeError as error:
            raise RunError(f"Accumulated.x: {list(x.shape)} does not fit {self.linear} ({error}). "
                           "[T, B, ...] of its size and type is expected.") from None
        return (y if self.linear.bias is None else y - self._bias()).unflatten(0, x.shape[:2])

    def _bias(self):
        places = 0 if isinstance(self.linear, nn.Linear) else len(self.linear.kernel_size)
        return self.linear.bias.view(-1, *[1] * places)

    def _inputs(self, x, many):
        return checked(x, many, self._where)

    def _begin(self, inputs, values):
        return values

    def _advance(self, inputs, state, names):
        z, held = self._weighted(inputs["x"]).cumsum(dim=0), state[0]
        if held is not None and (held.shape, held.device) != (z.shape[1:], z.device):
            raise RunError(f"Accumulated.z: is held for {list(held.shape)} on {held.device} while x makes "
                           f"{list(z.shape[1:])} on {z.device}. Call snn.train.reset(net) before other data.")
        z = z if held is None else z + held
        return {"out": z if self.linear.bias is None else z + self._bias()}, (z[-1],)

    def _check_held(self, inputs):
        # The held sum has the shape of the output, which is compared where that is known.
        super()._check_held(inputs if self.z is None else {"x": self.z[None]})


def checked(x, many, where):
    """{"x": [T, B, ...]} from a tensor in either step mode."""
    least = 3 if many else 2
    if not isinstance(x, torch.Tensor) or not x.is_floating_point() or x.ndim < least or 0 in x.shape:
        shown = f"{x.dtype} of shape {list(x.shape)}" if isinstance(x, torch.Tensor) else f"a {type(x).__name__}"
        axes = "[T, B, ...]" if many else "[B, ...]"
        raise RunError(f"{where}.x: is {shown}. A tensor of floating numbers {axes} is expected.")
    return {"x": x if many else x[None]}


@dataclass(frozen=True)
class Messages(Regulariser):
    """The penalty on messages: ``weight * mean |D_t|`` of the named :class:`DeltaActivation` layers, summed over them.

    Example: ``Options(regularisers=[Messages(["0", "3"], weight=1e-2)])``
    """

    layers: Any
    weight: float = 1.0

    def __post_init__(self):
        self._check()

    def _find(self, net, layer):
        found = super()._find(net, layer)
        if not isinstance(found, DeltaActivation):
            raise RunError(f"Messages.layers: {layer!r} is a {type(found).__name__}. It must be a DeltaActivation.")
        return found

    def look(self, module, args, output):
        return (output / module.step).abs().mean()

    def cost(self, seen):
        return torch.stack(seen).mean()


@dataclass
class Count:
    """What one layer sent or computed: numbers, summed over all calls while counting.

    ``values`` and ``messages`` (nonzero changes); ``zeros``, the zeros of what is quantised, of a DeltaActivation;
    ``macs``, one per message and weight it meets, and ``dense_macs``, of an Accumulated.
    """

    values: int = 0
    messages: int = 0
    zeros: int = 0
    macs: int = 0
    dense_macs: int = 0

    @property
    def temporal(self):
        """Fraction of values that did not change."""
        return 1.0 - self.messages / self.values if self.values else math.nan

    @property
    def spatial(self):
        """Fraction of values that were zero."""
        return self.zeros / self.values if self.values else math.nan


@contextmanager
def count_messages(net):
    """A block in which messages are counted: ``{qualified name of a layer: Count}`` of all layers of this module."""
    counted, handles = {}, []
    for name, module in net.named_modules():
        if isinstance(module, DeltaActivation | Accumulated):
            counted[name] = Count()
            handles.append(module.register_forward_hook(_counter(counted[name])))
    try:
        yield counted
    finally:
        for handle in handles:
            handle.remove()


def _counter(count):
    @torch.no_grad()
    def look(module, args, output):
        changes = output if isinstance(module, DeltaActivation) else args[0]
        sent = changes if module.step_mode == "m" else changes[None]
        count.values += sent.numel()
        count.messages += int((sent != 0).sum())
        if isinstance(module, DeltaActivation):
            # What was sent before the call is what is held now, less what the call sent.
            sums = torch.round(sent / module.step).cumsum(dim=0)
            count.zeros += int((torch.round(module.q - sums[-1]) + sums == 0).sum())
        else:
            fan_out = module.fan_out(sent[0])
            count.macs += int(((sent != 0) * fan_out).sum())
            count.dense_macs += int(fan_out.expand(sent.shape[1:]).sum()) * len(sent)
    return look
