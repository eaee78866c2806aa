"""Blocks of oscillators: a layer, the readout of its lengths, and a feed-forward part; and chains of blocks."""
from typing import NamedTuple

import torch
from torch import nn

from snn.errors import NetworkError
from snn.train.akorn.layer import KuramotoLayer
from snn.train.akorn.sphere import fits, odd_kernel, squares, whole


class AKOrNRun(NamedTuple):
    """What blocks give: the readout [B, C', ...], the oscillators x, and the energies [T + 1, B], one per block."""

    readout: torch.Tensor
    x: torch.Tensor
    energy: tuple | None = None


class Pointwise(nn.Linear):
    """A linear map of the channels [B, C, ...], the same at each position."""

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


def linear_map(where, inputs, outputs, kernel, *, stride=1, bias=True):
    """A map of channels: at each position alone (``kernel=()``), or a convolution with zeros beyond the borders."""
    stride = whole(f"{where}.stride", stride)
    if kernel == ():
        if stride > 1:
            raise NetworkError(f"{where}.stride: is {stride} without a kernel. Give kernel=(1, 1) for two axes.")
        return Pointwise(inputs, outputs, bias=bias)
    kernel = odd_kernel(f"{where}.kernel", kernel)
    kind = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[len(kernel) - 1]
    return kind(inputs, outputs, kernel, stride=stride, padding=tuple(k // 2 for k in kernel), bias=bias)


class NormReadout(nn.Module):
    """The lengths of mixtures of oscillators: what does not change when all of them turn together.

    Formula: ``y_k = |sum_i U_ki x_i| + b_k`` with each ``sum_i U_ki x_i`` a vector of n numbers.

    Parameters
        channels, out   channels of the oscillators, and of the result
        n               numbers per mixture; it need not be that of the oscillators
        kernel          one odd number per axis of positions, or () for each position alone
        stride          of the convolution

    Shapes: [B, channels, ...] to [B, out, ...]. Errors: NetworkError for sizes, RunError for shapes.

    Example: ``NormReadout(64, 10, n=4)(run.x)``
    """

    def __init__(self, channels, out, *, n=4, kernel=(), stride=1):
        super().__init__()
        self.channels, self.out, self.n = (whole(f"NormReadout.{name}", value) for name, value in
                                           (("channels", channels), ("out", out), ("n", n)))
        self.axes = len(kernel) if isinstance(kernel, tuple | list) and len(kernel) else None
        self.mix = linear_map("NormReadout", channels, out * n, kernel, stride=stride, bias=False)
        self.bias = nn.Parameter(torch.zeros(out))

    def forward(self, x):
        fits("NormReadout.x", x, self.channels, self.axes)
        length = squares(self.mix(x).unflatten(1, (self.out, self.n))).squeeze(2).sqrt()
        return length + self.bias.view(-1, *[1] * (length.ndim - 2))

    def extra_repr(self):
        return f"channels={self.channels}, out={self.out}, n={self.n}"


class FeedForward(nn.Module):
    """A residual branch and an output map, both behind a normalisation and ReLU.

    Formula: ``r = y + A relu(norm(B relu(norm(y))))``, result ``C relu(norm(r))``. norm: over all channels and
    positions of a sample, with learned scale and offset per channel.

    Parameters: ``channels``; ``out``, channels of the result; ``hidden``, those of the branch (None: channels);
    ``kernel`` of A and B, one odd number per axis of positions, or () for each position alone. C has no kernel.

    Shapes: [B, channels, ...] to [B, out, ...]. Errors: NetworkError for sizes, RunError for shapes.

    Example: ``FeedForward(64, 10, kernel=(3, 3))(readout)``
    """

    def __init__(self, channels, out, *, hidden=None, kernel=()):
        super().__init__()
        self.channels, self.out = whole("FeedForward.channels", channels), whole("FeedForward.out", out)
        hidden = channels if hidden is None else whole("FeedForward.hidden", hidden)
        self.axes = len(kernel) if isinstance(kernel, tuple | list) and len(kernel) else None
        self.branch = nn.Sequential(
            nn.GroupNorm(1, channels), nn.ReLU(), linear_map("FeedForward", channels, hidden, kernel),
            nn.GroupNorm(1, hidden), nn.ReLU(), linear_map("FeedForward", hidden, channels, kernel))
        self.head = nn.Sequential(nn.GroupNorm(1, channels), nn.ReLU(), Pointwise(channels, out))

    def forward(self, y):
        fits("FeedForward.y", y, self.channels, self.axes)
        return self.head(y + self.branch(y))


class AKOrNBlock(nn.Module):
    """A layer of oscillators, its readout, and a feed-forward part.

    Parameters
        layer        a :class:`KuramotoLayer`
        readout      a :class:`NormReadout`, or any module from [B, layer.channels, ...] to [B, out, ...]
        feedforward  a :class:`FeedForward`, or any module behind the readout; None: none
        carry        a module that maps x for the next block, where its channels or positions are others; None: x itself

    ``block(c, x=None, *, steps=None, energy=False, generator=None)``, as for the layer, gives an :class:`AKOrNRun` with
    one energy.

    Errors: NetworkError where a part is missing, and as those of the parts.

    Example: ``AKOrNBlock(KuramotoLayer(64, 4, coupling, steps=8), NormReadout(64, 64), FeedForward(64, 10))``
    """

    layer_model = True

    def __init__(self, layer, readout, feedforward=None, *, carry=None):
        super().__init__()
        if not isinstance(layer, KuramotoLayer):
            raise NetworkError(f"AKOrNBlock.layer: is a {type(layer).__name__}. A KuramotoLayer is expected.")
        for name, part in (("readout", readout), ("feedforward", feedforward), ("carry", carry)):
            if not isinstance(part, nn.Module) and (name == "readout" or part is not None):
                raise NetworkError(f"AKOrNBlock.{name}: is a {type(part).__name__}. A module is expected.")
        if getattr(readout, "channels", layer.channels) != layer.channels:
            raise NetworkError(f"AKOrNBlock.readout: reads {readout.channels} channels, while the layer has "
                               f"{layer.channels}. Both must be the same.")
        if getattr(feedforward, "channels", None) not in (None, out := getattr(readout, "out", None)) and out:
            raise NetworkError(f"AKOrNBlock.feedforward: reads {feedforward.channels} channels, while the readout "
                               f"gives {out}. Both must be the same.")
        self.layer, self.readout, self.feedforward, self.carry = layer, readout, feedforward, carry

    @property
    def out(self):
        """Channels of the readout; None where a foreign module does not say."""
        return getattr(self.readout if self.feedforward is None else self.feedforward, "out", None)

    def forward(self, c, x=None, *, steps=None, energy=False, generator=None):
        run = self.layer(c, x, steps=steps, energy=energy, generator=generator)
        y = self.readout(run.x)
        y = y if self.feedforward is None else self.feedforward(y)
        return AKOrNRun(y, run.x if self.carry is None else self.carry(run.x), (run.energy,) if energy else None)


class AKOrN(nn.Module):
    """Blocks of oscillators in a row: x seeds the oscillators of the next block, the readout is its stimulus.

    Parameters: ``blocks``, each an :class:`AKOrNBlock`.

    ``net(c, x=None, *, steps=None, energy=False, generator=None)`` gives an :class:`AKOrNRun`. ``steps`` is a
    number for all blocks, or one per block (None: those of the layers).

    Errors: NetworkError where the channels of two blocks do not fit, and as those of the blocks.

    Source: T. Miyato et al. (2025), "Artificial Kuramoto oscillatory neurons", ICLR.

    Example: ``AKOrN(block(64, 64), block(64, 10))(c).readout``
    """

    layer_model = True

    def __init__(self, *blocks):
        super().__init__()
        if not blocks or not all(isinstance(block, AKOrNBlock) for block in blocks):
            raise NetworkError(f"AKOrN.blocks: are {[type(block).__name__ for block in blocks]}. One AKOrNBlock or "
                               "more is expected.")
        for k, (one, two) in enumerate(zip(blocks, blocks[1:], strict=False)):
            if one.out not in (None, two.layer.channels):
                raise NetworkError(f"AKOrN.blocks: number {k} gives {one.out} channels, while number {k + 1} has "
                                   f"{two.layer.channels}. Both must be the same.")
        self.blocks = nn.ModuleList(blocks)

    def forward(self, c, x=None, *, steps=None, energy=False, generator=None):
        each = list(steps) if isinstance(steps, tuple | list) else [steps] * len(self.blocks)
        if len(each) != len(self.blocks):
            raise NetworkError(f"AKOrN.steps: are {len(each)} for {len(self.blocks)} blocks. One number for all, or "
                               "one per block, is expected.")
        energies = []
        for block, count in zip(self.blocks, each, strict=True):
            c, x, spent = block(c, x, steps=count, energy=energy, generator=generator)
            energies += spent or ()
        return AKOrNRun(c, x, tuple(energies) if energy else None)
