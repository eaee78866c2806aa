"""Learnable delays by the package DCLS: version ``v1`` (linear interpolation), or ``gauss`` where the problem has a
width.

A delay of d steps is its position ``P = K - 1 - K // 2 - d``; its width is ``|SIG| + 0.27``. Neurons of the delay net
are SpikingJelly's. Widths are not trained, as in the paper.
"""
from importlib.metadata import version

import torch
from DCLS.construct.modules import Dcls1d
from torch import nn
from torch.nn import functional as F

from benchmarks.peers.train_protocol import Trial, Weight, norm_weights, serve

SMALLEST_SIGMA = 0.27


def synapses(shape, n_in, n_out):
    made = Dcls1d(n_in, n_out, kernel_count=1, dilated_kernel_size=shape.taps, bias=False,
                  version="gauss" if shape.sigma else "v1")
    if made.SIG is not None:
        nn.init.constant_(made.SIG, shape.sigma - SMALLEST_SIGMA).requires_grad_(False)
    return made


def weights_of(shape, layers):
    offset = shape.taps - 1 - shape.taps // 2
    found = {f"w{k}": Weight(layer.weight) for k, layer in enumerate(layers)}
    return found | {f"d{k}": Weight(layer.P, -1.0, offset) for k, layer in enumerate(layers)}


def trained(modules):
    return [p for module in modules for p in module.parameters() if p.requires_grad]


def convolved(layer, x, taps):
    """``[T, B, n_in]`` to ``[T, B, n_out]``, padded on the left alone, so that nothing depends on the future."""
    return layer(F.pad(x.permute(1, 2, 0), (taps - 1, 0))).permute(2, 0, 1)


def delay(problem, dtype, variant):
    shape = problem.shape
    layer = synapses(shape, *shape.sizes).to(dtype)
    x = torch.as_tensor(problem.x, dtype=dtype).requires_grad_()
    return Trial(lambda: convolved(layer, x, shape.taps), weights_of(shape, [layer]), trained([layer]),
                 input=Weight(x))


def delay_net(problem, dtype, variant):
    from spikingjelly.activation_based import functional, neuron, surrogate
    shape, x = problem.shape, torch.as_tensor(problem.x, dtype=dtype)
    layers = [synapses(shape, a, b).to(dtype) for a, b in zip(shape.sizes, shape.sizes[1:], strict=False)]
    norms = [nn.BatchNorm1d(n).to(dtype) for n in shape.sizes[1:-1]]
    cells = [neuron.LIFNode(tau=2.0, detach_reset=True, surrogate_function=surrogate.ATan(), step_mode="m")
             for _ in norms]

    def run():
        now = x
        for layer, norm, cell in zip(layers, norms, cells, strict=False):
            functional.reset_net(cell)
            now = layer(F.pad(now.permute(1, 2, 0), (shape.taps - 1, 0)))
            now = cell(norm(now).permute(2, 0, 1))
        return convolved(layers[-1], now, shape.taps)

    weights = weights_of(shape, layers) | norm_weights(norms)
    return Trial(run, weights, trained([*layers, *norms]))


BUILDERS = {"delay": delay, "delay-net": delay_net}

if __name__ == "__main__":
    serve(BUILDERS, version("dcls"))
