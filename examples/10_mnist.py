"""A convolutional spiking network on MNIST, above 0.98 on the test images.

Grey values are a constant input for four steps; the first layer of neurons turns them into spikes. Nothing is chosen by
the test images: the network of the last epoch is tested once.

Run: python examples/10_mnist.py        (needs mnist/ in SNN_DATA; about five minutes on two cores)
"""
import os
import time

import torch
from torch import nn

import snn.train as st
from snn.datasets import mnist
from snn.datasets.encode import Repeat
from snn.datasets.loader import Loader
from snn.errors import MissingFile
from snn.neurons import LIF, LeakyReadout

tiny = os.environ.get("SNN_TINY") == "1"
epochs, steps, channels = (1, 2, 4) if tiny else (2, 4, 32)

try:
    train, test = mnist.load()
except MissingFile as missing:
    raise SystemExit(print(missing) if tiny else f"{missing}") from None
if tiny:
    train, test = train.take(slice(0, 256)), test.take(slice(0, 128))


def spiking(n=None):
    """LIF neurons whose potential halves in a step."""
    return st.Layer(LIF(E_L=0.0, V_th=1.0, V_reset=0.0, t_ref=0.0, tau_m=1.4427), n, dt=1.0, detach_reset=True)


def network():
    convolution = [st.Folded(nn.Conv2d(1, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)), spiking(),
                   st.Folded(nn.MaxPool2d(2), nn.Conv2d(channels, channels, 3, padding=1, bias=False),
                             nn.BatchNorm2d(channels)), spiking(), st.Folded(nn.MaxPool2d(2), nn.Flatten())]
    dense = [st.Linear(49 * channels, 128), spiking(128), st.Linear(128, 10),
             st.Layer(LeakyReadout(tau=20.0), 10, dt=1.0), st.Mean()]
    return nn.Sequential(*convolution, *dense).to(memory_format=torch.channels_last)


def loader(part, shuffle):
    return Loader(part.images[:, None], part.labels, batch=64 if shuffle else 500, seed=0, shuffle=shuffle,
                  encode=Repeat(steps))


torch.manual_seed(0)
net, loss = network(), st.CrossEntropy()
optimiser = torch.optim.Adam(net.parameters(), lr=2e-3)
batches = epochs * len(loader(train, True))
schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=batches)
begin = time.perf_counter()
st.fit(net, loader(train, True), loss, optimiser, epochs=epochs,
       options=st.Options(schedulers=(st.PerBatch(schedule),), seed=0))
seconds = time.perf_counter() - begin
right = st.evaluate(net, loader(test, False), loss, score=loss.accuracy)["score"]
print(f"MNIST, {steps} steps, {epochs} epochs of {len(train)} images: {right:.4f} right of {len(test)} test images")
print(f"training took {seconds:.0f} s")
assert tiny or right > 0.98
