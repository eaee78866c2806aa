"""The two sides of the comparison of binding: oscillators, and ordinary units with the same number of parameters."""
import torch
from torch import nn

from snn.train.akorn import ConvCoupling, KuramotoLayer, NormReadout

N = 4
"""Numbers per oscillator; as many channels form a group of the normalisations of the ordinary units."""


class Oscillating(nn.Module):
    """Oscillators with convolutional coupling at every pixel, and the lengths of their mixtures.

    ``net(pictures [B, 1, H, W], steps=, generator=)`` gives ``(readout, state)``, both [B, C, H, W].
    """

    def __init__(self, channels, kernel, steps):
        super().__init__()
        self.stem = nn.Conv2d(1, channels, 3, padding=1)
        self.layer = KuramotoLayer(channels, N, ConvCoupling(channels, (kernel, kernel)), steps=steps)
        self.readout = NormReadout(channels, channels, n=N)

    def forward(self, pictures, *, steps=None, generator=None):
        x = self.layer(self.stem(pictures), steps=steps, generator=generator).x
        return self.readout(x), x


class Rectifying(nn.Module):
    """The same recurrent convolution, with a normalisation and ReLU in place of the sphere.

    Formula: ``h <- relu(norm(c + h + J h))`` from 0, c normalised as for the oscillators. The readout is a layer of
    ReLU in place of lengths.
    """

    def __init__(self, channels, kernel, steps):
        super().__init__()
        self.steps, self.stem = steps, nn.Conv2d(1, channels, 3, padding=1)
        self.condition, self.norm = (nn.GroupNorm(channels // N, channels) for _ in range(2))
        self.coupling = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, bias=False)
        self.readout = nn.Sequential(nn.Conv2d(channels, 2 * channels, 1), nn.ReLU(),
                                     nn.Conv2d(2 * channels, channels, 1))

    def forward(self, pictures, *, steps=None, generator=None):
        c = self.condition(self.stem(pictures))
        h = torch.zeros_like(c)
        for _ in range(steps or self.steps):
            h = torch.relu(self.norm(c + h + self.coupling(h)))
        return self.readout(h), h


def parameters(net):
    return sum(p.numel() for p in net.parameters())
