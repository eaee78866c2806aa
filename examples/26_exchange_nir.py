"""A trained net leaves as a NIR file, runs in snnTorch with the same spikes, and comes back, bit for bit.

    python examples/26_exchange_nir.py

snnTorch is one of several tools that read NIR; the comparison is left out where it is not installed.
"""
import os
import tempfile
from pathlib import Path

import torch
from torch import nn

from snn.exchange.nir_file import write_nir
from snn.exchange.nir_read import from_nir, network_from_nir
from snn.exchange.nir_write import to_nir
from snn.neurons import LIF
from snn.train import Layer, Linear, Recurrent, reset

TINY = os.environ.get("SNN_TINY") == "1"
HIDDEN, STEPS = (16, 20) if TINY else (128, 100)


def net_of_ours():
    torch.manual_seed(0)
    lif = LIF(tau_m=2.0, E_L=0.0, V_th=1.0, V_reset=0.0, t_ref=0.0)
    net = nn.Sequential(Linear(40, HIDDEN), Recurrent(Layer(lif, HIDDEN, dt=0.1)),
                        Linear(HIDDEN, 10), Layer(lif, 10, dt=0.1))
    net[0].weight.data += 0.05
    net[2].weight.data += 0.05
    return net.eval()


def in_snntorch(path, frames):
    """The spikes of the file in snnTorch, or None where it is not installed."""
    try:
        import nir
        from snntorch.import_nir import import_from_nir
    except ImportError:
        return None
    net, state, spikes = import_from_nir(nir.read(path)), None, []
    for frame in frames:
        out, state = net(frame, state)
        spikes.append(out)
    return torch.stack(spikes)


@torch.no_grad()
def main():
    net, frames = net_of_ours(), (torch.rand(STEPS, 4, 40) < 0.1).float()
    ours = net(frames)
    print(f"our net: {int(ours.sum())} spikes of the last layer")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.nir"
        write_nir(to_nir(net), path)
        theirs = in_snntorch(path, frames)
        if theirs is not None:
            print(f"snnTorch, from the file: {int((theirs != ours).sum())} of {ours.numel()} entries differ")
        back = from_nir(path, dt=0.1).eval()
        weights = all(torch.equal(a, b) for a, b in zip(net.parameters(), back.parameters(), strict=True))
        reset(back)
        print(f"read again: weights {'equal' if weights else 'differ'}, {int((back(frames) != ours).sum())} differ")
        run = network_from_nir(path, dt=0.1).run(frames)
        print(f"event-driven engine: {int((run.output != ours).sum())} differ")


if __name__ == "__main__":
    main()
