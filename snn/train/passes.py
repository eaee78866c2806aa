"""Batches and passes: what ``fit`` and ``evaluate`` take from the data and how they send it through a net."""
import contextlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from spikingjelly.activation_based.base import MemoryModule

from snn.errors import DataError, RunError, SnnError
from snn.train.held import reset
from snn.train.history import Meter


class Source:
    """The batches of ``data``, epoch by epoch.

    ``keyed`` says whether ``data`` has ``epoch(number, start)``, so that an epoch can be entered at any batch.
    Everything else that can be iterated more than once (a list of batches, a ``DataLoader``) is entered at its begin
    only.
    """

    def __init__(self, data, where):
        self.data, self.where, self.keyed = data, where, callable(getattr(data, "epoch", None))
        if not self.keyed and (not hasattr(type(data), "__iter__") or hasattr(type(data), "__next__")):
            raise RunError(f"{where}: is a {type(data).__name__}. Give an object with epoch(number, start=0), a "
                           "DataLoader or a list of pairs (x, y); an iterator is used up after one epoch.")

    def __len__(self):
        try:
            return len(self.data)
        except TypeError:
            return 0

    def epoch(self, number, start=0):
        """The checked pairs ``(x, y)`` of an epoch from batch ``start`` on; x is a tuple of what goes into the net."""
        count = start
        for batch in self.data.epoch(number, start=start) if self.keyed else self.data:
            yield self._checked(batch, f"{self.where}: batch {count} of epoch {number}")
            count += 1
        if count == 0:
            raise DataError(f"{self.where}: has no batches. One or more are needed.")

    def _checked(self, batch, where):
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            raise DataError(f"{where} is a {type(batch).__name__}. It must be a pair (x, y).")
        inputs, y = (_as_tensors(part) for part in batch)
        inputs = inputs if isinstance(inputs, tuple) else (inputs,)
        x = inputs[0]
        if not isinstance(x, torch.Tensor) or x.ndim < 2 or not x.numel():
            has = f"shape {tuple(x.shape)}" if isinstance(x, torch.Tensor) else f"a {type(x).__name__}"
            raise DataError(f"{where} has as x {has}. It must be [T, B, ...] with one step and one sample or more.")
        for part in y if isinstance(y, tuple) else (y,):
            if isinstance(part, torch.Tensor) and x.shape[1] not in part.shape[:2]:
                swapped = " The axes of x may be swapped: time comes first." if x.shape[0] == len(part) else ""
                raise DataError(f"{where} has x of shape {tuple(x.shape)} and y of shape {tuple(part.shape)}. "
                                f"With x [T, B, ...] y must be [B, ...] or [T, B, ...].{swapped}")
        return inputs, y


def _as_tensors(part):
    if isinstance(part, tuple | list):
        return tuple(_as_tensors(p) for p in part)
    return torch.from_numpy(part) if isinstance(part, np.ndarray) else part


@dataclass
class Pass:
    """A net and the way batches go through it: device, dtype, precision. Use it in a ``with`` block.

    Under ``torch.bfloat16`` a hook gives every stateful layer its input in float32: what accumulates over time
    (membranes, traces) must not be rounded to 8 bits.
    """

    net: Any
    precision: torch.dtype = torch.float32
    device: torch.device = field(init=False)
    dtype: torch.dtype = field(init=False)

    def __post_init__(self):
        first = next((p for p in self.net.parameters() if p.is_floating_point()), torch.zeros(()))
        self.device, self.dtype, self._hooks = first.device, first.dtype, contextlib.ExitStack()

    def __enter__(self):
        if self.precision != torch.float32:
            for module in self.net.modules():
                if isinstance(module, MemoryModule):
                    self._hooks.callback(module.register_forward_pre_hook(_in_float32).remove)
        return self

    def __exit__(self, *_):
        self._hooks.close()

    def moved(self, inputs, y):
        """A batch on the device of the net. Spikes may come as booleans, bytes or floats of another width."""
        x, *rest = (_to(part, self.device) for part in inputs)
        if x.is_floating_point() or x.dtype in (torch.bool, torch.uint8):
            x = x.to(self.dtype)
        return (x, *rest), _to(y, self.device)

    def __call__(self, inputs):
        """The output of the net, from rest. Errors: RunError where the net fails on inputs of this shape."""
        reset(self.net)
        mixed = self.precision != torch.float32
        try:
            with torch.autocast(self.device.type, self.precision) if mixed else contextlib.nullcontext():
                output = self.net(*inputs)
        except RuntimeError as err:
            if isinstance(err, torch.OutOfMemoryError):
                raise
            raise RunError(f"fit.net: fails on x of shape {tuple(inputs[0].shape)} ({err}). "
                           "x must be [T, B, ...] as the first layer of the net expects it.") from err
        halved = isinstance(output, torch.Tensor) and mixed and output.is_floating_point()
        return output.float() if halved else output


def _in_float32(module, args):
    return tuple(a.float() if isinstance(a, torch.Tensor) and a.is_floating_point() else a for a in args)


def _to(part, device):
    if isinstance(part, tuple):
        return tuple(_to(p, device) for p in part)
    return part.to(device) if isinstance(part, torch.Tensor) else part


def scalar(loss, output, y):
    """The loss of a batch as a 0-D tensor. Errors: RunError where it is none or the loss fails on these shapes."""
    name = getattr(loss, "__name__", type(loss).__name__)
    try:
        value = loss(output, y)
    except (RuntimeError, IndexError, ValueError, TypeError) as err:
        if isinstance(err, SnnError | torch.OutOfMemoryError):
            raise
        shapes = " and ".join(str(tuple(v.shape)) if isinstance(v, torch.Tensor) else type(v).__name__
                              for v in (output, y))
        raise RunError(f"fit.loss: {name} fails on output and y of shapes {shapes} ({err}). "
                       "They must fit together.") from err
    if not isinstance(value, torch.Tensor) or value.ndim:
        has = f"shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else f"a {type(value).__name__}"
        raise RunError(f"fit.loss: {name} gives {has}. It must give a tensor with one number, shape ().")
    return value


def means(forward, source, loss, score):
    """Mean loss and score over all batches of a source, in ``eval`` mode and without gradients; None is left out."""
    meter, was_training = Meter(), forward.net.training
    forward.net.eval()
    try:
        with torch.no_grad():
            for inputs, y in source.epoch(0):
                inputs, y = forward.moved(inputs, y)
                output, samples = forward(inputs), inputs[0].shape[1]
                if loss is not None:
                    meter.add("loss", scalar(loss, output, y), samples)
                if score is not None:
                    meter.add("score", score(output, y), samples)
    finally:
        forward.net.train(was_training)
        reset(forward.net)
    return meter.means()
