"""snnTorch, in the form of its tutorials: a loop over steps, and in it one over layers.

``reset_mechanism="zero"`` is the hard reset: a spike's potential is set to 0, detached, before the next step decays it.
Its default, to subtract the threshold, is another equation at the same cost. The products taken out of the time loop
and indexed by step are slower (243 against 166 ms in an earlier sitting), because the backward pass of ``h[t]`` fills a
whole tensor with zeros. The recurrent matrix is written out, since the hard reset of ``RLeaky`` also drops the input of
the step. Spikes are float32 whatever the potential is, so it is compared in single precision only.
"""
import snntorch
import torch
from snntorch import surrogate
from torch import nn

from benchmarks.peers.train_protocol import Trial, Weight, serve

BETA, INPUT = 0.5, 0.5
"""Decay per step, and what the input is scaled by: folded into the weights."""


def dense(problem, dtype, variant):
    """Feedforward and recurrent nets."""
    sizes, x = problem.shape.sizes, torch.as_tensor(problem.x, dtype=dtype)
    lins = [nn.Linear(a, b, bias=False) for a, b in zip(sizes, sizes[1:], strict=False)]
    recs = {k: nn.Linear(n, n, bias=False) for k, n in enumerate(sizes[1:]) if f"r{k}" in problem.weights}
    cells = [snntorch.Leaky(beta=BETA, reset_mechanism="zero", spike_grad=surrogate.atan(alpha=2.0)) for _ in lins]
    net = nn.ModuleList([*lins, *recs.values(), *cells]).to(dtype)
    weights = {f"w{k}": Weight(lin.weight, INPUT) for k, lin in enumerate(lins)}
    weights |= {f"r{k}": Weight(rec.weight, INPUT) for k, rec in recs.items()}

    def run():
        potentials = [cell.reset_mem() for cell in cells]
        last, found = {}, []
        for spikes in x.unbind(0):
            for k, (lin, cell) in enumerate(zip(lins, cells, strict=True)):
                current = lin(spikes) + recs[k](last[k]) if k in last else lin(spikes)
                spikes, potentials[k] = cell(current, potentials[k])
                if k in recs:
                    last[k] = spikes
            found.append(spikes)
        return torch.stack(found)

    return Trial(run, weights, list(net.parameters()))


BUILDERS = {"feedforward": dense, "recurrent": dense}

if __name__ == "__main__":
    serve(BUILDERS, snntorch.__version__)
