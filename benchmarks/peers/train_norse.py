"""Norse. ``LIFBox`` has our equations and another surrogate (it offers no arctangent), so that only spikes are
compared; ``--variant lif`` is its ``LIF``, with a synaptic current.
"""
import norse.torch as norse
import torch
from torch import nn

from benchmarks.peers.train_protocol import Trial, Weight, serve

DT_S, HALF = 0.001, 0.5


def neuron(variant, dtype):
    alpha = torch.tensor(100.0, dtype=dtype)
    if variant == "lif":
        return norse.LIF(norse.LIFParameters(method="super", alpha=alpha))
    rate, one, zero = (torch.tensor(value, dtype=dtype) for value in (HALF / DT_S, 1.0, 0.0))
    parameters = norse.LIFBoxParameters(tau_mem_inv=rate, v_leak=zero, v_th=one, v_reset=zero, alpha=alpha)
    return norse.Lift(norse.LIFBoxCell(parameters, dt=DT_S))


def dense(problem, dtype, variant):
    sizes, x = problem.shape.sizes, torch.as_tensor(problem.x, dtype=dtype)
    lins = [nn.Linear(a, b, bias=False) for a, b in zip(sizes, sizes[1:], strict=False)]
    neurons = [neuron(variant, dtype) for _ in lins]
    nn.ModuleList([*lins, *neurons]).to(dtype)
    weights = {f"w{k}": Weight(lin.weight) for k, lin in enumerate(lins)}

    def run():
        spikes = x
        for lin, layer in zip(lins, neurons, strict=True):
            spikes, _ = layer(lin(spikes))
        return spikes

    return Trial(run, weights, [lin.weight for lin in lins])


BUILDERS = {"feedforward": dense}

if __name__ == "__main__":
    serve(BUILDERS, "1.1.0")
