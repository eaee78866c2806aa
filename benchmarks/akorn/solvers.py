"""Two networks of equal size that fill in Sudoku boards: one of oscillators, one of plain iterated self-attention."""
import torch
from torch import nn

from snn.train.akorn import (
    AttentionCoupling,
    FeedForward,
    KuramotoLayer,
    NormReadout,
    PairBias,
    oscillators,
)

HEADS, N, STEPS = 4, 4, 8


class Solver(nn.Module):
    """Embedded digits, one block that is iterated, and scores of the digits: boards [B, s, s] to [B, s, s(digits), s].

    The two below differ in what one iteration is; embedding, attention, readout and feed-forward part are the same.
    """

    def __init__(self, side, channels):
        super().__init__()
        self.embedding = nn.Embedding(side + 1, channels)
        self.readout = NormReadout(channels, channels, n=N)
        self.feedforward = FeedForward(channels, side)

    @staticmethod
    def attention(side, channels):
        return AttentionCoupling(channels, heads=HEADS, positions=PairBias(side, side, heads=HEADS))

    def forward(self, boards, *, steps=None, generator=None, energy=False):
        """Scores [B, digits, s, s], and the final energy [B] or None."""
        c = self.embedding(boards).movedim(-1, 1)
        blank = (boards == 0)[:, None]
        start = torch.where(blank, oscillators(c.shape, N, generator=generator, like=c), c)
        x, spent = self.iterate(c, start, steps, energy)
        return self.feedforward(self.readout(x)), spent


class Oscillators(Solver):
    """AKOrN: the block is a :class:`KuramotoLayer`."""

    def __init__(self, side, channels, *, gamma=1.0):
        super().__init__(side, channels)
        self.layer = KuramotoLayer(channels, N, self.attention(side, channels), steps=STEPS, gamma=gamma)

    def iterate(self, c, start, steps, energy):
        run = self.layer(c, start, steps=steps, energy=energy)
        return run.x, run.energy[-1] if energy else None


class IteratedAttention(Solver):
    """The same without a sphere: ``h <- norm(h + c + attention(h))``, with a layer norm over the channels."""

    def __init__(self, side, channels):
        super().__init__(side, channels)
        self.coupling = self.attention(side, channels)
        self.stimulus, self.norm = nn.GroupNorm(channels // N, channels), nn.LayerNorm(channels)

    def iterate(self, c, start, steps, energy):
        c, h = self.stimulus(c), start
        for _ in range(STEPS if steps is None else steps):
            h = self.norm((h + c + self.coupling(h)).movedim(1, -1)).movedim(-1, 1)
        return h, None
