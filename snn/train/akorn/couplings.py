"""What the others do to each oscillator, ``sum_j J_ij x_j``: as a matrix, and as a convolution."""
import math

import torch
from torch import nn
from torch.nn import functional

from snn.errors import NetworkError
from snn.train.akorn.sphere import fits, odd_kernel, same_channels, whole


class DenseCoupling(nn.Module):
    """A matrix between all oscillators of a position.

    Formula
        ``y_i = sum_j J_ij x_j`` with one number J_ij per pair (``block=1``), or an n by n matrix (``block=n``).

    Parameters
        units      oscillators
        block      1, or the n of the layer
        symmetric  use ``(J + J^T) / 2``

    ``weight`` [units * block, units * block] is drawn from N(0, 1 / (units * block)).

    Shapes: [B, units * n, ...] to the same. Errors: NetworkError for sizes, RunError for shapes.

    Example: ``KuramotoLayer(160, 4, DenseCoupling(40, symmetric=True), steps=100, gamma=0.1)``
    """

    def __init__(self, units, *, block=1, symmetric=False):
        super().__init__()
        self.units, self.block = whole("DenseCoupling.units", units), whole("DenseCoupling.block", block)
        self.symmetric = symmetric
        size = self.units * self.block
        self.weight = nn.Parameter(torch.randn(size, size) / math.sqrt(size))

    def check(self, channels, n):
        """Raise where these are not the sizes of the layer."""
        if self.units * n != channels:
            raise NetworkError(f"DenseCoupling.units: are {self.units}, while {channels} channels with n = {n} are "
                               f"{channels // n} oscillators.")
        if self.block not in (1, n):
            raise NetworkError(f"DenseCoupling.block: is {self.block}. 1, or n = {n}, is expected.")

    def forward(self, x):
        rows = self.units * self.block
        whole_units = isinstance(x, torch.Tensor) and x.ndim > 1 and x.shape[1] % rows == 0
        fits("DenseCoupling.x", x, x.shape[1] if whole_units else rows)
        w = (self.weight + self.weight.T) / 2 if self.symmetric else self.weight
        y = torch.einsum("ij,bj...->bi...", w, x.reshape(x.shape[0], rows, -1))
        return y.reshape(x.shape)

    def extra_repr(self):
        return f"units={self.units}, block={self.block}, symmetric={self.symmetric}"


class ConvCoupling(nn.Module):
    """A convolution: the same coupling at every place, within the kernel; beyond the borders there are zeros.

    Parameters
        channels   channels of the oscillators; every channel couples to every other
        kernel     one odd number per axis of positions, such as ``(9, 9)``
        symmetric  couple both ways alike: the kernel is averaged with its mirror image and swapped channels

    ``weight`` [channels, channels, *kernel] begins as in ``torch.nn.Conv2d``; there is no bias.

    Shapes: [B, channels, *positions] to the same. Errors: NetworkError for sizes, RunError for shapes.

    Example: ``KuramotoLayer(64, 4, ConvCoupling(64, (7, 7)), steps=8)``
    """

    def __init__(self, channels, kernel, *, symmetric=False):
        super().__init__()
        self.channels, self.kernel = whole("ConvCoupling.channels", channels), odd_kernel("ConvCoupling.kernel", kernel)
        self.symmetric = symmetric
        self.weight = nn.Parameter(torch.empty(self.channels, self.channels, *self.kernel))
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))

    def check(self, channels, n):
        """Raise where these are not the sizes of the layer."""
        same_channels("ConvCoupling", self.channels, channels)

    def forward(self, x):
        axes = len(self.kernel)
        fits("ConvCoupling.x", x, self.channels, axes)
        w = self.weight
        if self.symmetric:
            w = (w + w.transpose(0, 1).flip(tuple(range(2, 2 + axes)))) / 2
        convolve = (functional.conv1d, functional.conv2d, functional.conv3d)[axes - 1]
        return convolve(x, w, padding=tuple(k // 2 for k in self.kernel))

    def extra_repr(self):
        return f"channels={self.channels}, kernel={self.kernel}, symmetric={self.symmetric}"
