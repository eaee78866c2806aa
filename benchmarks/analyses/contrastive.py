"""Contrastive embeddings of windows of activity: encoder, loss, and the two ways to choose what belongs together."""
import numpy as np
import torch
from torch.nn.functional import normalize

from snn.export.arrays import windows

WIDTH, LENGTH, BATCH = 32, 10, 256


def encoder(units, dimensions):
    """Windows [B, LENGTH, units] to points [B, dimensions]; their directions are the embedding.

    The first layer is a convolution as long as a window, and so one linear map of all of it.
    """
    return torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(LENGTH * units, WIDTH), torch.nn.GELU(),
        torch.nn.Linear(WIDTH, WIDTH), torch.nn.GELU(), torch.nn.Linear(WIDTH, dimensions))


def info_nce(reference, positive, negative, temperature=1.0):
    """-mean(s(ref, pos) / T) + mean(logsumexp over negatives of s(ref, neg) / T); all [B, d] of length 1."""
    alike = (reference * positive).sum(1) / temperature
    unlike = reference @ negative.T / temperature
    return (torch.logsumexp(unlike, 1) - alike).mean()


class ByTime:
    """What comes ``offset`` windows later belongs together."""

    def __init__(self, count, offset=1):
        self.count, self.offset = count, offset

    def pairs(self, rng):
        reference = rng.integers(0, self.count - self.offset, BATCH)
        return reference, reference + self.offset


class ByBehaviour:
    """What has a similar angle belongs together: the angle of the reference moved by a change seen in the data.

    ``angles`` [W] rad, of every window; a change is that over ``offset`` windows, from any time.
    """

    def __init__(self, angles, offset=1):
        self.angles, self.order = angles, np.argsort(angles)
        self.sorted = angles[self.order]
        self.changes = np.angle(np.exp(1j * (angles[offset:] - angles[:-offset])))

    def pairs(self, rng):
        reference = rng.integers(0, len(self.angles), BATCH)
        wanted = (self.angles[reference] + rng.choice(self.changes, BATCH)) % (2 * np.pi)
        place = np.searchsorted(self.sorted, wanted) % len(self.sorted)
        before = place - 1
        gap = [np.abs(np.angle(np.exp(1j * (self.sorted[k] - wanted)))) for k in (before, place)]
        return reference, self.order[np.where(gap[0] < gap[1], before, place)]


def embed(activity, sampler, dimensions, seed, *, iterations, rate=3e-4):
    """Train an encoder on the windows of ``activity`` [T, units]; ``sampler`` None leaves it as it was drawn.

    Returns: a function of activity [T, units] that gives [W, dimensions] of length 1, a row per window.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = encoder(activity.shape[1], dimensions)
    views = windows(activity, LENGTH)
    adam = torch.optim.Adam(net.parameters(), rate)
    for _ in range(iterations if sampler is not None else 0):
        reference, positive = sampler.pairs(rng)
        rows = np.concatenate([reference, positive, rng.integers(0, len(views), BATCH)])
        points = normalize(net(torch.as_tensor(views[rows])), dim=1)
        loss = info_nce(*points.split(BATCH))
        adam.zero_grad()
        loss.backward()
        adam.step()

    def apply(activity):
        with torch.no_grad():
            return normalize(net(torch.as_tensor(windows(activity, LENGTH).copy())), dim=1).numpy()

    return apply
