"""The numbers of the training benchmarks: one text, read by our side and by every peer (numpy only).

The neuron of all networks is written as ``h = v + (x - v) / 2; s = [h >= 1]; v = h (1 - s)``: a leaky integrator with a
time constant of two steps whose input is scaled by 1/2, hard reset to 0, the reset detached, and the surrogate
derivative ``1 / (1 + (pi (h - 1))^2)``. Weights are those of that form; a side whose neuron adds its input unscaled
takes half of them.

A delay ``d`` in steps belongs to every synapse of a delay layer: with linear interpolation the output is
``sum_i w (1 - f) x_i(t - k) + w f x_i(t - k - 1)``, ``k = floor(d)``, ``f = d - k``; with a Gaussian of width sigma the
taps are normalised over the kernel.

Gradients are compared, and output is, with the values that these arrays have in single precision.
"""
from dataclasses import dataclass

import numpy as np

CLASSES, CHANNELS, IMAGE = 10, 32, 28


@dataclass(frozen=True)
class Shape:
    """What a worker needs to know of a task.

    ``kind`` a key of :data:`KINDS`; ``sizes`` units from layer to layer; ``taps`` steps of the delay kernel;
    ``sigma`` its Gaussian width in steps (0: linear interpolation); ``rate`` probability of an input spike per step.
    """

    kind: str
    batch: int
    steps: int
    sizes: tuple = (140, 256, 256, 20)
    taps: int = 0
    sigma: float = 0.0
    rate: float = 0.1

    @property
    def spiking(self):
        """Whether the output is spikes."""
        return self.kind not in ("delay", "delay-net")


class Problem:
    """Arrays of a shape. ``x`` input ``[T, B, ...]``, ``y`` labels or None, ``g`` gradient of the output or None,
    ``weights`` name -> array.

    Names: ``w0``, ``w1``, ... ``(n_out, n_in)``; ``r0``, ``r1`` recurrent; ``d0``, ... delays in steps, shaped like
    the weights; ``c0``, ``c1`` convolutions; ``gamma0``, ``beta0``, ... batch norms.
    """

    def __init__(self, shape, seed=0):
        self.shape, self.random = shape, np.random.default_rng(seed)
        self.y = self.g = None
        self.weights = {}
        KINDS[shape.kind](self)
        self.weights = {name: w.astype(np.float32).astype(np.float64) for name, w in self.weights.items()}

    def labels(self, classes):
        self.y = self.random.integers(0, classes, self.shape.batch)

    def spikes(self, n):
        return (self.random.random((self.shape.steps, self.shape.batch, n)) < self.shape.rate).astype(np.float64)

    def normal(self, *shape, gain):
        """Normal values whose standard deviation is ``gain`` over the square root of the last length."""
        return self.random.standard_normal(shape) * gain / np.sqrt(shape[-1])

    def delays(self, *shape):
        """Delays all over the kernel, none at a whole step, where linear interpolation has no derivative."""
        return self.random.integers(0, self.shape.taps - 1, shape) + self.random.uniform(0.02, 0.98, shape)

    def norm(self, k, n):
        """A batch norm over n channels at its initial values."""
        self.weights[f"gamma{k}"], self.weights[f"beta{k}"] = np.ones(n), np.zeros(n)

    def single(self, values):
        return np.asarray(values, np.float32).astype(np.float64)


def feedforward(p, gain=6.0):
    """Dense layers of spiking neurons."""
    sizes = p.shape.sizes
    p.x = p.spikes(sizes[0])
    p.labels(sizes[-1])
    for k, (n_in, n_out) in enumerate(zip(sizes, sizes[1:], strict=False)):
        p.weights[f"w{k}"] = p.normal(n_out, n_in, gain=gain)


def recurrent(p):
    """Dense layers, all but the last with a dense matrix from their own spikes of the step before."""
    feedforward(p, gain=4.5)
    for k, n in enumerate(p.shape.sizes[1:-1]):
        p.weights[f"r{k}"] = p.normal(n, n, gain=3.0)


def layer(p):
    """Neurons alone, driven by currents: forward and backward, no weights."""
    size = p.shape.steps, p.shape.batch, p.shape.sizes[0]
    p.x = p.single(p.random.standard_normal(size) * 1.5 + 0.3)
    p.g = p.single(p.random.standard_normal(size))


def convolution(p):
    """conv 3x3 - norm - neurons - pool, twice, then two dense layers of neurons; the same image in every step."""
    image = p.single(p.random.random((p.shape.batch, 1, IMAGE, IMAGE)))
    p.x = np.repeat(image[None], p.shape.steps, axis=0)
    p.labels(CLASSES)
    hidden = p.shape.sizes[0]
    p.weights["c0"] = p.normal(CHANNELS, 1, 3, 3, gain=1.0)
    p.weights["c1"] = p.normal(CHANNELS, CHANNELS, 3, 3, gain=0.5)
    for k in range(2):
        p.norm(k, CHANNELS)
    p.weights["w0"] = p.normal(hidden, CHANNELS * (IMAGE // 4) ** 2, gain=6.0)
    p.weights["w1"] = p.normal(CLASSES, hidden, gain=6.0)


def delay(p):
    """One layer of synapses with a weight and a delay each: forward and backward."""
    n_in, n_out = p.shape.sizes
    p.x = p.spikes(n_in)
    p.g = p.single(p.random.standard_normal((p.shape.steps, p.shape.batch, n_out)))
    p.weights["w0"], p.weights["d0"] = p.normal(n_out, n_in, gain=1.0), p.delays(n_out, n_in)


def delay_net(p):
    """Delay layer - norm - neurons, twice, then a delay layer whose output is the readout."""
    sizes = p.shape.sizes
    p.x = p.spikes(sizes[0])
    p.labels(sizes[-1])
    for k, (n_in, n_out) in enumerate(zip(sizes, sizes[1:], strict=False)):
        p.weights[f"w{k}"], p.weights[f"d{k}"] = p.normal(n_out, n_in, gain=1.0), p.delays(n_out, n_in)
    for k, n in enumerate(sizes[1:-1]):
        p.norm(k, n)


KINDS = {"feedforward": feedforward, "recurrent": recurrent, "layer": layer, "convolution": convolution, "delay": delay,
         "delay-net": delay_net}
