"""Losses: how far the answer of a net is from what it should be, as a scalar that can be differentiated.

What it is
    Frozen objects called with ``(output, y)``. Each checks its labels before it computes anything. Those that classify
    also have ``logits(output)`` (``[..., C]``, the class with the largest is the answer) and ``accuracy(output, y)``,
    the hits and misses as a tensor of 0 and 1, which is what ``fit(score=loss.accuracy)`` wants.

| loss | output | y |
|---|---|---|
| :class:`CrossEntropy` | ``[B, C]``, from a readout | classes ``[B]`` |
| :class:`StepCrossEntropy` | ``[T, B, C]`` | classes ``[T, B]``, -1 where there is none |
| :class:`RateLoss` | spikes ``[T, B, C]`` | classes ``[B]`` |
| :class:`FirstSpikeLoss` | spikes ``[T, B, C]`` | classes ``[B]`` |
| :class:`VanRossum` | spikes ``[T, B, C]`` | spikes ``[T, B, C]`` |

Classes are whole numbers from 0 on (any integer dtype).

Errors: :class:`~snn.errors.DataError` for labels out of range, of another dtype or shape, and outputs of another shape;
:class:`~snn.errors.RunError` for wrong parameters.
"""
import math
from dataclasses import dataclass
from numbers import Real

import torch
from torch.nn.functional import cross_entropy, one_hot

from snn.errors import DataError, RunError


def accuracy(output, y):
    """Hits (1) and misses (0): is the largest of the last axis of ``output`` the label? Labels below 0 are left out."""
    y = _classes("accuracy", output, y, output.shape[:-1], missing=-1)
    known = y >= 0
    return (output.argmax(dim=-1) == y)[known].float()


class _Classifies:
    """Losses whose output has one value per class; ``axes`` names those of the output."""

    axes = "[B, C]"

    def logits(self, output):
        """Values per class, the largest is the answer: ``[B, C]``."""
        return output

    def accuracy(self, output, y):
        """Hits (1) and misses (0), one per sample."""
        return accuracy(self.logits(self._output(output)), y)

    def _output(self, output):
        return _output(type(self).__name__, output, self.axes)

    def _labels(self, output, y):
        return _classes(type(self).__name__, output, y, output.shape[-2:-1])


@dataclass(frozen=True)
class CrossEntropy(_Classifies):
    """Cross-entropy of ``output`` [B, C] and classes ``y`` [B]: ``-mean_b log softmax(output_b)[y_b]``.

    Example: ``fit(net, data, CrossEntropy(), optimiser, epochs=20)`` with a net that ends in ``SumOfSoftmax()``.
    """

    def __call__(self, output, y):
        output = self._output(output)
        return cross_entropy(output, self._labels(output, y))


@dataclass(frozen=True)
class StepCrossEntropy(_Classifies):
    """Cross-entropy of every step: ``output`` [T, B, C] against classes ``y`` [T, B], mean over the steps that have a
    class.

    A label -1 says that the step has none (padding, for instance). ``y`` may also be a pair ``(classes, mask)`` with a
    boolean mask ``[T, B]`` that is true where the label counts. ``accuracy`` has one entry per step that counts.

    Errors: DataError also where no step of a batch has a class.
    """

    axes = "[T, B, C]"

    def __call__(self, output, y):
        output = self._output(output)
        y = self._labels(output, self._merged(y))
        if not (y >= 0).any():
            raise DataError("StepCrossEntropy.y: no step of the batch has a class. One or more must be 0 or above.")
        return cross_entropy(output.flatten(0, 1), y.flatten(), ignore_index=-1)

    def accuracy(self, output, y):
        return accuracy(self._output(output), self._merged(y))

    def _labels(self, output, y):
        return _classes("StepCrossEntropy", output, y, output.shape[:2], missing=-1)

    @staticmethod
    def _merged(y):
        if isinstance(y, torch.Tensor):
            return y
        if not isinstance(y, tuple | list) or len(y) != 2 or not all(isinstance(part, torch.Tensor) for part in y):
            raise DataError(f"StepCrossEntropy.y: is a {type(y).__name__}. Give classes [T, B], or (classes, mask).")
        y, mask = y
        if mask.dtype != torch.bool or mask.shape != y.shape:
            raise DataError(f"StepCrossEntropy.y: the mask is {mask.dtype} of shape {tuple(mask.shape)}. "
                            f"It must be boolean of shape {tuple(y.shape)}, as the classes.")
        return torch.where(mask, y, -1)


@dataclass(frozen=True, kw_only=True)
class TargetRates:
    """Rates in spikes per step, 0 to 1: ``right`` for the class of the sample, ``wrong`` for all others."""

    right: float = 0.8
    wrong: float = 0.1

    def __post_init__(self):
        for name in ("right", "wrong"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value <= 1:
                raise RunError(f"TargetRates.{name}: is {value!r}. It must be from 0 to 1 spikes per step.")


@dataclass(frozen=True, kw_only=True)
class RateLoss(_Classifies):
    """Classification by spike counts: the class is the output neuron that fires most.

    Formula
        With counts ``n_c = sum_t s_c(t)``: where ``target`` is None the cross-entropy of the counts as logits; with
        ``target=TargetRates(right=..., wrong=...)`` the mean of ``(n_c / T - a_c)^2`` over samples and classes, where
        ``a_c`` is ``right`` for the class of the sample and ``wrong`` for all others.

    Shapes: ``output`` spikes [T, B, C], ``y`` classes [B].

    Example: ``RateLoss()(spikes, y)``, ``RateLoss(target=TargetRates(right=0.5, wrong=0.02))(spikes, y)``
    """

    target: TargetRates | None = None
    axes = "[T, B, C]"

    def __post_init__(self):
        if not isinstance(self.target, TargetRates | None):
            raise RunError(f"RateLoss.target: is {self.target!r}. Give TargetRates(right=..., wrong=...) or None.")

    def logits(self, output):
        return output.sum(dim=0)

    def __call__(self, output, y):
        output = self._output(output)
        y, counts = self._labels(output, y), self.logits(output)
        if self.target is None:
            return cross_entropy(counts, y)
        aim = torch.where(one_hot(y, counts.shape[1]).bool(), self.target.right, self.target.wrong)
        return (counts / len(output) - aim.to(counts.dtype)).square().mean()


@dataclass(frozen=True, kw_only=True)
class FirstSpikeLoss(_Classifies):
    """Classification by latency: the class is the output neuron that fires first.

    Formula
        A neuron has waited until step t with ``w(t) = prod_{k <= t} (1 - s(k))``, which is 1 before its first spike and
        0 from it on. Its first spike time is ``t_first = dt sum_t w(t)``. The loss is the cross-entropy with logits
        ``-t_first / tau``: a softmin over the times of the classes.

    Silent neurons
        One that never fires has ``t_first = T dt``, as if it fired just after the end. Its gradient does not vanish: a
        spike at step t would change the time by ``-(T - t) dt``, so with a surrogate gradient the neuron of the right
        class is driven to fire, the more the earlier the step.

    Shapes and units: ``output`` spikes 0 or 1 [T, B, C], ``y`` classes [B]; ``dt`` and ``tau`` in ms.

    Source: softmin over first spike times as in H. Mostafa (2017), IEEE TNNLS 29:3227; J. Goeltz et al. (2021), Nature
    Machine Intelligence 3:823. The survival product is ours.

    Example: ``FirstSpikeLoss(dt=1.0, tau=10.0)(spikes, y)``
    """

    dt: float
    tau: float
    axes = "[T, B, C]"

    def __post_init__(self):
        _positive(self, "dt", "tau")

    def times(self, output):
        """First spike times in ms, ``[B, C]``; step t ends the wait at ``t dt``, a silent neuron has ``T dt``."""
        return self.dt * (1 - output).cumprod(dim=0).sum(dim=0)

    def logits(self, output):
        return -self.times(output) / self.tau

    def __call__(self, output, y):
        output = self._output(output)
        return cross_entropy(self.logits(output), self._labels(output, y))


@dataclass(frozen=True, kw_only=True)
class VanRossum:
    """Squared van Rossum distance of spike trains, mean over samples and neurons.

    Formula
        Both trains are filtered with ``exp(-t / tau)``; ``D^2 = (1 / tau) int_0^inf (f - g)^2 dt``, exactly for spikes
        on the grid and with the tail after the last step. One spike too many costs 1/2; two trains of one spike each,
        ``d`` ms apart, have ``1 - exp(-d / tau)``.

    Shapes and units: ``output``, ``y`` spikes [T, B, C]; ``dt`` and ``tau`` in ms. The cost grows with T^2 (one matrix
    product).

    Source: M. C. W. van Rossum (2001), Neural Computation 13:751.

    Example: ``VanRossum(dt=1.0, tau=10.0)(spikes, target)``
    """

    dt: float
    tau: float

    def __post_init__(self):
        _positive(self, "dt", "tau")

    def __call__(self, output, y):
        output = _output("VanRossum", output, "[T, B, C]")
        if not isinstance(y, torch.Tensor) or y.shape != output.shape:
            has = tuple(y.shape) if isinstance(y, torch.Tensor) else type(y).__name__
            raise DataError(f"VanRossum.y: is {has}. It must be spikes of the output's shape, {tuple(output.shape)}.")
        T, decay = len(output), math.exp(-self.dt / self.tau)
        lag = torch.arange(T, device=output.device)
        lag = lag[:, None] - lag
        kernel = torch.where(lag >= 0, decay ** lag.clamp(min=0).double(), 0).to(output.dtype)
        f = kernel @ (output - y.to(output.dtype)).flatten(1)
        return (0.5 * ((1 - decay**2) * f.square().sum(dim=0) + decay**2 * f[-1].square())).mean()


def _positive(loss, *names):
    for name in names:
        value = getattr(loss, name)
        if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value < math.inf:
            raise RunError(f"{type(loss).__name__}.{name}: is {value!r} ms. It must be a finite number above 0.")


def _output(where, output, axes):
    """The output, once its axes are those named; half-precision numbers become float32."""
    if not isinstance(output, torch.Tensor) or output.ndim != len(axes.split(",")) or not output.numel():
        has = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        raise DataError(f"{where}.output: is {has}. It must be {axes}, and not empty.")
    return output.float() if output.dtype in (torch.bfloat16, torch.float16) else output


def _classes(where, output, y, shape, missing=0):
    """The labels as int64 where the output is, once they are whole numbers of this shape from ``missing`` to C - 1."""
    if not isinstance(y, torch.Tensor) or y.dtype.is_floating_point or y.dtype.is_complex or y.dtype == torch.bool:
        has = y.dtype if isinstance(y, torch.Tensor) else type(y).__name__
        raise DataError(f"{where}.y: is {has}. Labels must be a tensor of whole numbers, for instance torch.int64.")
    if y.shape != shape:
        raise DataError(f"{where}.y: has shape {tuple(y.shape)} for an output of shape {tuple(output.shape)}. "
                        f"It must be {tuple(shape)}.")
    low, high = (int(v) for v in y.aminmax())
    if low < missing or high >= output.shape[-1]:
        raise DataError(f"{where}.y: has the label {low if low < missing else high} for {output.shape[-1]} classes. "
                        f"Labels go from {missing} to {output.shape[-1] - 1}.")
    return y.to(output.device, torch.int64)
