"""The same mathematics written out in torch: a loop over time per layer, dense products, a convolution per delay layer.

It is the check that every reader can follow, and with ``--variant compiled`` the loop given to ``torch.compile``, which
compiles for minutes.
"""
import math

import torch
from torch.nn import functional as F

from benchmarks.peers.train_protocol import NORM, Trial, Weight, norm_weights, serve


class Spike(torch.autograd.Function):
    """Heaviside function of ``h - 1`` whose derivative is ``1 / (1 + (pi (h - 1))^2)``."""

    @staticmethod
    def forward(ctx, margin):
        ctx.save_for_backward(margin)
        return (margin >= 0).to(margin.dtype)

    @staticmethod
    def backward(ctx, g):
        (margin,) = ctx.saved_tensors
        return g / (1 + (math.pi * margin).square())


def neurons(x, recurrent=None):
    """Spikes ``[T, ...]`` of the currents ``x``; ``recurrent`` a matrix from the spikes of the step before."""
    v = spikes = torch.zeros_like(x[0])
    found = []
    for now in x.unbind(0):
        if recurrent is not None:
            now = now + spikes @ recurrent.t()
        h = v + (now - v) * 0.5
        spikes = Spike.apply(h - 1.0)
        v = h * (1 - spikes.detach())
        found.append(spikes)
    return torch.stack(found)


class Neurons(torch.nn.Module):
    def __init__(self, variant=""):
        super().__init__()
        self.run = torch.compile(neurons) if variant == "compiled" else neurons

    def forward(self, x, recurrent=None):
        return self.run(x, recurrent)


def parameters(problem, dtype):
    """A parameter for every weight of the problem but those of norms."""
    return {name: torch.nn.Parameter(torch.zeros(value.shape, dtype=dtype)) for name, value in problem.weights.items()
            if not name.startswith(NORM)}


def trial(run, held, layers, *, norms=(), leaf=None):
    weights = {name: Weight(value) for name, value in held.items()}
    weights |= norm_weights(norms)
    parameters = [weight.parameter for weight in weights.values()]
    return Trial(run, weights, parameters, layers, None if leaf is None else Weight(leaf))


def dense(problem, dtype, variant):
    """Feedforward and recurrent nets."""
    x, held = torch.as_tensor(problem.x, dtype=dtype), parameters(problem, dtype)
    layers = [Neurons(variant) for _ in problem.shape.sizes[1:]]

    def run():
        spikes = x
        for k, layer in enumerate(layers):
            spikes = layer(F.linear(spikes, held[f"w{k}"]), held.get(f"r{k}"))
        return spikes

    return trial(run, held, layers)


def single_layer(problem, dtype, variant):
    x, layer = torch.as_tensor(problem.x, dtype=dtype).requires_grad_(), Neurons(variant)
    return trial(lambda: layer(x), {}, [layer], leaf=x)


def normed(x, norm):
    """Batch norm over channels, time counted as batch."""
    return norm(x.flatten(0, 1)).unflatten(0, x.shape[:2])


def convolution(problem, dtype, variant):
    x, held = torch.as_tensor(problem.x, dtype=dtype), parameters(problem, dtype)
    layers = [Neurons(variant) for _ in range(4)]
    norms = [torch.nn.BatchNorm2d(len(held[name])).to(dtype) for name in ("c0", "c1")]

    def run():
        now = x
        for k in range(2):
            now = F.conv2d(now.flatten(0, 1), held[f"c{k}"], padding=1)
            now = layers[k](norms[k](now).unflatten(0, x.shape[:2]))
            now = F.max_pool2d(now.flatten(0, 1), 2).unflatten(0, x.shape[:2])
        now = layers[2](F.linear(now.flatten(2), held["w0"]))
        return layers[3](F.linear(now, held["w1"]))

    return trial(run, held, layers, norms=norms)


def delayed(x, weight, delay, taps, sigma):
    """The delay layer as a causal convolution over ``taps`` steps; tap j is a delay of j steps."""
    distance = torch.arange(taps, dtype=x.dtype) - delay.unsqueeze(-1)
    if sigma:
        shares = torch.exp(-0.5 * (distance / sigma).square())
        shares = shares / (shares.sum(-1, keepdim=True) + 1e-7)
    else:
        shares = (1 - distance.abs()).clamp(min=0)
    kernel = (weight.unsqueeze(-1) * shares).flip(-1)
    return F.conv1d(F.pad(x.permute(1, 2, 0), (taps - 1, 0)), kernel).permute(2, 0, 1)


def delay(problem, dtype, variant):
    shape, held = problem.shape, parameters(problem, dtype)
    x = torch.as_tensor(problem.x, dtype=dtype).requires_grad_()
    return trial(lambda: delayed(x, held["w0"], held["d0"], shape.taps, shape.sigma), held, [], leaf=x)


def delay_net(problem, dtype, variant):
    shape, held = problem.shape, parameters(problem, dtype)
    x = torch.as_tensor(problem.x, dtype=dtype)
    layers = [Neurons(variant) for _ in shape.sizes[1:-1]]
    norms = [torch.nn.BatchNorm1d(n).to(dtype) for n in shape.sizes[1:-1]]

    def run():
        now = x
        for k in range(len(layers) + 1):
            now = delayed(now, held[f"w{k}"], held[f"d{k}"], shape.taps, shape.sigma)
            if k < len(layers):
                now = layers[k](normed(now, norms[k]))
        return now

    return trial(run, held, layers, norms=norms)


BUILDERS = {"feedforward": dense, "recurrent": dense, "layer": single_layer, "convolution": convolution, "delay": delay,
            "delay-net": delay_net}

if __name__ == "__main__":
    serve(BUILDERS, torch.__version__)
