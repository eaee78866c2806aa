"""Coupling by self-attention between positions, and how it knows where they are."""
import math

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from snn.errors import NetworkError, RunError
from snn.train.akorn.sphere import finite, fits, same_channels, whole


class Positions(nn.Module):
    """How attention knows positions: any of three hooks. This one knows nothing; the others override what they use.

    Parameters: ``shape``, the positions along each axis.
    """

    def __init__(self, *shape):
        super().__init__()
        where = type(self).__name__
        self.shape = tuple(whole(f"{where}.shape", k) for k in shape)
        if not shape:
            raise NetworkError(f"{where}.shape: is empty. The positions along each axis are expected, such as 9, 9.")

    def bind(self, channels, heads):
        """Told once the sizes of the coupling; raises where they do not fit."""

    def inputs(self, x):
        """What queries and keys read, given tokens [B, S, C]."""
        return x

    def turn(self, x):
        """Queries or keys [B, heads, S, width]."""
        return x

    def bias(self):
        """Added to the scores: None, or [heads, S, S]."""

    def extra_repr(self):
        return ", ".join(map(str, self.shape))


class LearnedPositions(Positions):
    """A learned vector per position is added to what queries and keys read; it begins with N(0, 1 / channels).

    Parameters: ``shape``, the positions along each axis; ``channels``, those of the coupling.

    Example: ``AttentionCoupling(64, heads=4, positions=LearnedPositions(9, 9, channels=64))``
    """

    def __init__(self, *shape, channels):
        super().__init__(*shape)
        channels = whole("LearnedPositions.channels", channels)
        self.weight = nn.Parameter(torch.randn(math.prod(self.shape), channels) / math.sqrt(channels))

    def bind(self, channels, heads):
        if self.weight.shape[1] != channels:
            raise NetworkError(f"LearnedPositions.channels: are {self.weight.shape[1]} while the coupling has "
                               f"{channels}. Both must be the same.")

    def inputs(self, x):
        return x + self.weight


class RotaryPositions(Positions):
    """Queries and keys turn with the place, so that scores depend on differences of places.

    Formula
        Each head's numbers are shared out among the axes; pair k of m at place p turns by ``p * base^(-k / m)``.

    Parameters: ``shape``, the positions along each axis; ``base``, above 1 (100, for tens of positions per axis). The
    width of a head must be a multiple of twice the number of axes.

    Source: J. Su et al. (2024), "RoFormer: enhanced transformer with rotary position embedding", Neurocomputing 568.

    Example: ``AttentionCoupling(64, heads=4, positions=RotaryPositions(9, 9))``
    """

    def __init__(self, *shape, base=100.0):
        super().__init__(*shape)
        self.base = finite("RotaryPositions.base", base, 1.0)

    def bind(self, channels, heads):
        width, needed = channels // heads, 2 * len(self.shape)
        if width % needed:
            raise NetworkError(f"RotaryPositions.shape: has {len(self.shape)} axes, while a head is {width} wide. "
                               f"The width must be a multiple of {needed}.")
        m = width // needed
        frequency = self.base ** (-torch.arange(m, dtype=torch.float64) / m)
        places = torch.cartesian_prod(*(torch.arange(k, dtype=torch.float64) for k in self.shape))
        angle = (places.reshape(-1, len(self.shape), 1) * frequency).flatten(1)
        self.register_buffer("cos", angle.cos().to(torch.get_default_dtype()), persistent=False)
        self.register_buffer("sin", angle.sin().to(torch.get_default_dtype()), persistent=False)

    def turn(self, x):
        a, b = x.chunk(2, dim=-1)
        return torch.cat([a * self.cos - b * self.sin, a * self.sin + b * self.cos], dim=-1)


class PairBias(Positions):
    """A learned number per head and pair of positions is added to the scores; all begin at 0.

    Parameters: ``shape``, the positions along each axis; ``heads``, those of the coupling.

    Example: ``AttentionCoupling(64, heads=4, positions=PairBias(9, 9, heads=4))``
    """

    def __init__(self, *shape, heads):
        super().__init__(*shape)
        size = math.prod(self.shape)
        self.weight = nn.Parameter(torch.zeros(whole("PairBias.heads", heads), size, size))

    def bind(self, channels, heads):
        if self.weight.shape[0] != heads:
            raise NetworkError(f"PairBias.heads: are {self.weight.shape[0]} while the coupling has {heads}. "
                               "Both must be the same.")

    def bias(self):
        return self.weight


class AttentionCoupling(nn.Module):
    """Self-attention between positions: each listens to those whose state suits its own, so that J depends on x.

    Formula
        ``y = W_o [softmax(q k^T / sqrt(width) + bias) v of all heads]`` with q, k, v linear in x; no biases.

    Parameters
        channels   channels of the oscillators
        heads      attention heads; they share the channels, which must be a multiple of them
        positions  a :class:`Positions`: :class:`LearnedPositions`, :class:`RotaryPositions` or :class:`PairBias`;
                   None: all positions are alike

    Shapes: [B, channels, *positions] to the same. Errors: NetworkError for sizes, RunError for shapes.

    Example: ``KuramotoLayer(64, 4, AttentionCoupling(64, heads=4, positions=PairBias(9, 9, heads=4)), steps=8)``
    """

    def __init__(self, channels, *, heads, positions=None):
        super().__init__()
        self.channels = whole("AttentionCoupling.channels", channels)
        self.heads = whole("AttentionCoupling.heads", heads)
        if channels % heads:
            raise NetworkError(f"AttentionCoupling.heads: are {heads} for {channels} channels. "
                               "They must divide the channels.")
        if positions is not None and not isinstance(positions, Positions):
            raise NetworkError(f"AttentionCoupling.positions: is a {type(positions).__name__}. "
                               "A Positions, such as PairBias(9, 9, heads=4), or None is expected.")
        if positions is not None:
            positions.bind(channels, heads)
        self.positions = positions
        self.query, self.key, self.value, self.out = (nn.Linear(channels, channels, bias=False) for _ in range(4))

    def check(self, channels, n):
        """Raise where these are not the sizes of the layer."""
        same_channels("AttentionCoupling", self.channels, channels)

    def forward(self, x):
        fits("AttentionCoupling.x", x, self.channels)
        where = self.positions
        if where is not None and tuple(x.shape[2:]) != where.shape:
            raise RunError(f"AttentionCoupling.x: has the positions {list(x.shape[2:])}. {type(where).__name__} was "
                           f"made for {list(where.shape)}.")
        tokens = x.flatten(2).mT if x.ndim > 2 else x[:, None]
        placed = tokens if where is None else where.inputs(tokens)
        q, k, v = self._split(self.query(placed)), self._split(self.key(placed)), self._split(self.value(tokens))
        if where is not None:
            q, k = where.turn(q), where.turn(k)
        bias = None if where is None else where.bias()
        if bias is None:
            y = scaled_dot_product_attention(q, k, v)
        else:       # written out: on the CPU torch looks through a trained bias for masked rows first
            y = torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]) + bias, dim=-1).to(v.dtype) @ v
        return self.out(y.transpose(1, 2).flatten(2)).mT.reshape(x.shape)

    def _split(self, x):
        """[B, S, heads width] to [B, heads, S, width]."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def extra_repr(self):
        return f"channels={self.channels}, heads={self.heads}"
