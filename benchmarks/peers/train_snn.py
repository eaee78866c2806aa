"""This library. ``--variant dense``: the products are torch's own, the zeros of spike trains are not used;
``--variant contiguous``: images are not stored with their channels last.

Our neuron adds its input unscaled, so that its weights (or the scale of the norm before it) are half of the problem's.
"""
import math

import torch
from torch import nn

import snn
from benchmarks.peers.train_protocol import Trial, Weight, norm_weights, serve
from snn.neurons import LIF
from snn.train import ATan, Delay, Folded, Gaussian, Layer, Linear, Recurrent, reset
from snn.train.kernels_of_delay import Linear as Interpolated

DT_MS, INPUT = 1.0, 0.5


def neurons(n=None):
    """A time constant of two steps in the sense of ``h = v - v / 2``: a decay of 1/2 per step."""
    model = LIF(tau_m=DT_MS / math.log(2.0), E_L=0.0, V_th=1.0, V_reset=0.0, t_ref=0.0)
    return Layer(model, n, dt=DT_MS, fire=ATan(alpha=2.0), detach_reset=True)


def trial(net, weights, x, needs_input=0.0):
    """A Trial of a net that is reset before every sequence; ``needs_input``: the scale of an input with a gradient."""
    net = net.to(x.dtype)

    def run():
        reset(net)
        return net(x)

    layers = [m for m in net.modules() if isinstance(m, Layer)]
    return Trial(run, weights, list(net.parameters()), layers, Weight(x, needs_input) if needs_input else None)


def dense(problem, dtype, variant):
    """Feedforward and recurrent nets."""
    sizes = problem.shape.sizes
    kind = nn.Linear if variant == "dense" else Linear
    lins = [kind(a, b, bias=False) for a, b in zip(sizes, sizes[1:], strict=False)]
    layers = [Recurrent(neurons(n)) if f"r{k}" in problem.weights else neurons(n) for k, n in enumerate(sizes[1:])]
    weights = {f"w{k}": Weight(lin.weight, INPUT) for k, lin in enumerate(lins)}
    weights |= {f"r{k}": Weight(layer.weight, INPUT) for k, layer in enumerate(layers) if isinstance(layer, Recurrent)}
    net = nn.Sequential(*(module for pair in zip(lins, layers, strict=True) for module in pair))
    return trial(net, weights, torch.as_tensor(problem.x, dtype=dtype))


def single_layer(problem, dtype, variant):
    x = torch.as_tensor(problem.x * INPUT, dtype=dtype).requires_grad_()
    return trial(neurons(problem.shape.sizes[0]), {}, x, needs_input=INPUT)


def convolution(problem, dtype, variant):
    c0, c1, w0, w1 = (problem.weights[name].shape for name in ("c0", "c1", "w0", "w1"))
    convolutions = [nn.Conv2d(c[1], c[0], 3, padding=1, bias=False) for c in (c0, c1)]
    norms = [nn.BatchNorm2d(c[0]) for c in (c0, c1)]
    lins = [Linear(w[1], w[0], bias=False) for w in (w0, w1)]
    net = nn.Sequential(
        Folded(convolutions[0], norms[0]), neurons(), Folded(nn.MaxPool2d(2), convolutions[1], norms[1]), neurons(),
        Folded(nn.MaxPool2d(2), nn.Flatten()), lins[0], neurons(), lins[1], neurons())
    weights = {f"c{k}": Weight(c.weight) for k, c in enumerate(convolutions)} | norm_weights(norms, INPUT)
    weights |= {f"w{k}": Weight(lin.weight, INPUT) for k, lin in enumerate(lins)}
    image, steps = torch.as_tensor(problem.x[0], dtype=dtype), problem.shape.steps
    layout = torch.contiguous_format if variant == "contiguous" else torch.channels_last
    made = trial(net.to(memory_format=layout), weights, image)

    def run():
        reset(net)
        return net(image.unsqueeze(0).expand(steps, *image.shape))

    made.run = run
    return made


def synapses(shape, n_in, n_out):
    """A delay layer and its weights, ``w`` and ``d``."""
    kernel = Gaussian() if shape.sigma else Interpolated()
    layer = Delay(n_in, n_out, longest=(shape.taps - 1) * DT_MS, dt=DT_MS, kernel=kernel)
    if shape.sigma:
        layer.width = shape.sigma - kernel.floor
    return layer, {"w": Weight(layer.weight), "d": Weight(layer.steps)}


def delay(problem, dtype, variant):
    layer, weights = synapses(problem.shape, *problem.shape.sizes)
    x = torch.as_tensor(problem.x, dtype=dtype).requires_grad_()
    return trial(layer, {f"{name}0": weight for name, weight in weights.items()}, x, needs_input=1.0)


def delay_net(problem, dtype, variant):
    sizes = problem.shape.sizes
    norms = [nn.BatchNorm1d(n) for n in sizes[1:-1]]
    weights, modules = norm_weights(norms, INPUT), []
    for k, (n_in, n_out) in enumerate(zip(sizes, sizes[1:], strict=False)):
        layer, found = synapses(problem.shape, n_in, n_out)
        weights |= {f"{name}{k}": weight for name, weight in found.items()}
        modules += [layer] if k == len(norms) else [layer, Folded(norms[k]), neurons(n_out)]
    return trial(nn.Sequential(*modules), weights, torch.as_tensor(problem.x, dtype=dtype))


BUILDERS = {"feedforward": dense, "recurrent": dense, "layer": single_layer, "convolution": convolution, "delay": delay,
            "delay-net": delay_net}

if __name__ == "__main__":
    serve(BUILDERS, snn.__version__)
