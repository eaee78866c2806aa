"""Stateless modules in a net over time: applied to all steps at once."""
from numbers import Real

import torch
from spikingjelly.activation_based.base import MemoryModule
from torch import nn

from snn.errors import ModelError, RunError


class Folded(nn.Sequential):
    """Modules without time (convolution, pooling, batch norm, flatten) applied to all steps of ``[T, B, ...]`` at once.

    Formula: the first two axes are folded into one, ``[T * B, ...]``, the modules are applied one after the other, and
    the axes are unfolded. Statistics of a batch norm are therefore taken over time and batch. Where the memory order
    allows (contiguous and channels-last signals) folding is a view, no copy.

    Errors: ModelError for a module that holds a state (it needs the axis of time); RunError for inputs of fewer than
    three axes.

    Example: ``Folded(nn.Conv2d(2, 16, 3, padding=1), nn.BatchNorm2d(16))``
    """

    def __init__(self, *modules):
        super().__init__(*modules)
        for name, module in self.named_modules():
            if isinstance(module, MemoryModule):
                raise ModelError(f"Folded[{name}]: a {type(module).__name__} holds a state and needs the axis of time. "
                                 "Put it behind Folded(...), not into it.")

    def forward(self, x):
        if x.ndim < 3:
            raise RunError(f"Folded.x: has shape {list(x.shape)}. [T, B, ...] is expected.")
        return super().forward(x.flatten(0, 1)).unflatten(0, x.shape[:2])


class Dropout(nn.Module):
    """Dropout over ``[T, B, ...]`` with one mask for all steps of a call: what is dropped is silent all the time.

    ``p``: probability that an element of ``[B, ...]`` is dropped; what is kept is divided by ``1 - p``. In evaluation
    the input passes as it is.

    Errors: ModelError for p outside [0, 1]; RunError for inputs of fewer than three axes.

    Source: the fixed mask over time is that of Gal and Ghahramani (2016), Advances in Neural Information Processing
    Systems 29. Example: ``Dropout(0.4)``
    """

    def __init__(self, p=0.5):
        super().__init__()
        if not isinstance(p, Real) or not 0 <= p <= 1:
            raise ModelError(f"Dropout.p: is {p!r}. A probability from 0 to 1 is expected.")
        self.p = float(p)

    def forward(self, x):
        if x.ndim < 3:
            raise RunError(f"Dropout.x: has shape {list(x.shape)}. [T, B, ...] is expected.")
        if not self.training or self.p == 0:
            return x
        return x * nn.functional.dropout(torch.ones_like(x[:1]), self.p)

    def extra_repr(self):
        return f"p={self.p:g}"
