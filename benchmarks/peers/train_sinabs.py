"""Sinabs with a single spike per step, reset to 0 and our surrogate, all of them options of its ``LIF``.

Its spikes are float32 whatever the potential is, so it is compared in single precision only. Batch comes before time.
"""
import math

import sinabs
import sinabs.layers
import torch
from sinabs.activation import MembraneReset, SingleSpike
from torch import nn

from benchmarks.peers.train_protocol import Trial, Weight, serve


def derivative(v, threshold):
    return 1 / (1 + (math.pi * (v - threshold)).square())


def neuron():
    made = sinabs.layers.LIF(tau_mem=1.0, spike_fn=SingleSpike, reset_fn=MembraneReset(), surrogate_grad_fn=derivative,
                             train_alphas=True)
    nn.init.constant_(made.alpha_mem, 0.5).requires_grad_(False)
    return made


def dense(problem, dtype, variant):
    sizes = problem.shape.sizes
    x = torch.as_tensor(problem.x, dtype=dtype).transpose(0, 1).contiguous()
    lins = [nn.Linear(a, b, bias=False) for a, b in zip(sizes, sizes[1:], strict=False)]
    neurons = [neuron() for _ in lins]
    net = nn.Sequential(*(m for pair in zip(lins, neurons, strict=True) for m in pair)).to(dtype)
    weights = {f"w{k}": Weight(lin.weight) for k, lin in enumerate(lins)}

    def run():
        for layer in neurons:
            layer.reset_states()
        return net(x).transpose(0, 1)

    return Trial(run, weights, [lin.weight for lin in lins])


BUILDERS = {"feedforward": dense}

if __name__ == "__main__":
    serve(BUILDERS, sinabs.__version__)
