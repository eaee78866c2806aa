"""A convolutional network trained in SpikingJelly, taken over: the same spikes event-driven, and the way back.

Grey images of a bar that lies across, stands or leans are shown for eight steps. The network is written and trained
with SpikingJelly alone. Here it becomes layers of ours, with the same outputs and gradients, and a network of the
event-driven engine, with the same spikes in double precision; a network of ours becomes one of SpikingJelly.

Run: python examples/27_spikingjelly.py
"""
import os

import torch
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import nn

import snn
from snn.exchange.spikingjelly import from_spikingjelly, to_spikingjelly
from snn.neurons import SoftLIF
from snn.train import Layer, Linear, reset

tiny = os.environ.get("SNN_TINY") == "1"
images, tested, epochs, channels = (64, 4, 1, 4) if tiny else (1024, 100, 4, 8)
torch.manual_seed(0)


def bars(count, seed):
    """Grey images [count, 1, 12, 12] and which bar each shows."""
    draw = torch.Generator().manual_seed(seed)
    which, at = torch.randint(3, (count,), generator=draw), torch.randint(2, 10, (count,), generator=draw)
    row, column = torch.meshgrid(torch.arange(12), torch.arange(12), indexing="ij")
    off = torch.stack([row, column, (row - column) % 12])[which] - at[:, None, None]
    return ((off.abs() <= 1) + 0.3 * torch.randn(off.shape, generator=draw))[:, None], which


def node(kind, **options):
    return kind(surrogate_function=surrogate.ATan(), **options)


def shown(x):
    return x.expand(8, *x.shape)


net = nn.Sequential(
    layer.Conv2d(1, channels, 3, padding=1, bias=False), layer.BatchNorm2d(channels), node(neuron.IFNode),
    layer.MaxPool2d(2), layer.Conv2d(channels, channels, 3, bias=False), layer.BatchNorm2d(channels),
    node(neuron.ParametricLIFNode, v_reset=None), layer.AvgPool2d(2), layer.Flatten(), layer.Linear(4 * channels, 30),
    node(neuron.LIFNode, decay_input=False), layer.VotingLayer(10))
functional.set_step_mode(net, "m")
optimiser = torch.optim.Adam(net.parameters(), 5e-3)
x, y = bars(images, seed=1)
for _ in range(epochs):
    for part, labels in zip(x.split(32), y.split(32), strict=True):
        optimiser.zero_grad()
        nn.functional.cross_entropy(5.0 * net(shown(part)).mean(0), labels).backward()
        optimiser.step()
        functional.reset_net(net)

net = net.double().eval()
x, y = bars(tested, seed=2)
x = shown(x.double())
with torch.no_grad():
    theirs = net(x)
    ours = from_spikingjelly(net)
    print("layers of ours give what SpikingJelly gives:", torch.equal(ours(x), theirs))
deployed = snn.Network.from_torch(net, shape=(1, 12, 12))
run = deployed.run(x, graded=True)
print("so does the event-driven engine:            ", torch.equal(run.output, theirs))
print(f"{(theirs.mean(0).argmax(1) == y).double().mean():.2f} of the images are named right")
for name, p in deployed.network.projections.items():
    pre, post = p.pre.population.n, p.post.population.n
    print(f"  {name:15} {pre:5} to {post:4} neurons, {len(p.rule.pre):6} synapses of {pre * post:7} pairs")

mine = nn.Sequential(Linear(144, 20), Layer(SoftLIF(tau_m=5.0, E_L=0.0, V_th=1.0, V_reset=0.0), 20, dt=1.0)).double()
back = to_spikingjelly(mine)
with torch.no_grad():
    flat = x.flatten(2)
    print(f"SoftLIF of ours is a {type(back[1]).__name__} with tau = {back[1].tau:.3f} there; the same spikes:",
          torch.equal(back(flat), reset(mine)(flat)))
