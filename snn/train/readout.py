"""Readouts: what a net said over time, as one answer per sample.

What it is
    Modules from ``[T, B, C]`` (time, batch, class) to ``[B, C]``. The trace that is read is usually the membrane of a
    leaky readout, ``Layer(LeakyReadout(...))``, or the spikes of the last layer. :class:`EveryStep` keeps ``[T, B,
    C]``, for labels per step.

Padded sequences
    Every readout takes ``mask``, a boolean tensor ``[T, B]`` that is true at the steps which belong to a sample. Other
    steps are as good as absent.

Errors: :class:`~snn.errors.DataError` for another number of axes, no steps, a mask of another shape or kind, a sample
without any step.

Example::

    net = nn.Sequential(Linear(140, 20), Layer(LeakyReadout(tau=20.0), 20, dt=1.0), SumOfSoftmax())
"""
import torch
from torch import nn

from snn.errors import DataError


class _Readout(nn.Module):
    """Checks what comes in and hands it to ``read(x)`` or, where there is a mask, ``read_masked(x, mask)``."""

    def forward(self, x, mask=None):
        where = type(self).__name__
        if x.ndim != 3 or not len(x):
            raise DataError(f"{where}.x: has shape {tuple(x.shape)}. It must be [T, B, C] with one step or more.")
        if mask is None:
            return self.read(x)
        if mask.dtype != torch.bool or mask.shape != x.shape[:2]:
            raise DataError(f"{where}.mask: is {mask.dtype} of shape {tuple(mask.shape)}. "
                            f"It must be boolean of shape {tuple(x.shape[:2])}, [T, B].")
        empty = ~mask.any(dim=0)
        if empty.any():
            raise DataError(f"{where}.mask: sample {int(empty.nonzero()[0])} of the batch has no step. "
                            "Every sample needs one or more.")
        return self.read_masked(x, mask[..., None])


class Last(_Readout):
    """The last step: ``y = x[T - 1]``; with a mask the last true step of each sample. ``[T, B, C]`` to ``[B, C]``."""

    def read(self, x):
        return x[-1]

    def read_masked(self, x, mask):
        steps = torch.arange(1, len(x) + 1, device=x.device)[:, None, None]
        last = (steps * mask).argmax(dim=0, keepdim=True)
        return x.gather(0, last.expand(1, *x.shape[1:]))[0]


class Max(_Readout):
    """The largest value of each class over time: ``y_c = max_t x_c(t)``. ``[T, B, C]`` to ``[B, C]``."""

    def read(self, x):
        return x.amax(dim=0)

    def read_masked(self, x, mask):
        return x.masked_fill(~mask, -torch.inf).amax(dim=0)


class Mean(_Readout):
    """The mean over time, ``y_c = sum_t x_c(t) / T``; of spikes, the spikes per step. ``[T, B, C]`` to ``[B, C]``."""

    def read(self, x):
        return x.mean(dim=0)

    def read_masked(self, x, mask):
        return torch.where(mask, x, 0).sum(dim=0) / mask.sum(dim=0)


class SumOfSoftmax(_Readout):
    """Every step gives its shares to the classes: ``y_c = sum_t softmax_c(x(t))``. ``[T, B, C]`` to ``[B, C]``.

    The sums go into a cross-entropy as logits. They lie between 0 and T, so the loss has a floor above 0.

    Source: I. Hammouamri, I. Khalfaoui-Hassani, T. Masquelier (2024), "Learning delays in spiking neural networks using
    dilated convolutions with learnable spacings", ICLR.
    """

    def read(self, x):
        return x.softmax(dim=2).sum(dim=0)

    def read_masked(self, x, mask):
        # Padding may hold anything; it must not reach the softmax, whose gradient would be nan.
        return (x.masked_fill(~mask, 0).softmax(dim=2) * mask).sum(dim=0)


class EveryStep(_Readout):
    """All steps, for labels per step: ``[T, B, C]`` stays ``[T, B, C]``; steps outside of the mask become 0."""

    def read(self, x):
        return x

    def read_masked(self, x, mask):
        return torch.where(mask, x, 0)
