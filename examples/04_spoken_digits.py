"""Spoken digits through a fixed random network with a delay per synapse, read out by ridge regression.

The recordings (bundled with the package) are laid end to end and drive one run. `snn demo` does the same with a tuned,
larger network and compares it with the input itself.

Run: python examples/04_spoken_digits.py
"""
import os

import numpy as np

import snn
from snn.datasets import excerpt
from snn.datasets.fsdd import UNSEEN
from snn.neurons import LIF, SpikeSource
from snn.readout import choose_penalty, fit

tiny = os.environ.get("SNN_TINY") == "1"
n, slot, windows, width = (100 if tiny else 500), 1000.0, 7, 120.0   # slot and width in ms

# 1. One spike train of all recordings, one per slot, on whole ms.
train, test = excerpt()
chosen = np.arange(160) if not tiny else np.flatnonzero(train.labels < 2)
heard = np.arange(130) if not tiny else np.flatnonzero(test.labels < 2)
samples = [train[i] for i in chosen] + [test[i] for i in heard]
labels = np.array([sample.label for sample in samples])


def laid(spikes):
    times = np.clip(np.round(spikes.times), 1.0, slot)
    keep = spikes.times < windows * width
    return snn.Spikes(times[keep], spikes.ids[keep], n=spikes.n, duration=slot)


stimulus = snn.Spikes.concat([laid(sample.spikes) for sample in samples])

# 2. The network: every cell hears 10 neighbouring channels, is inhibited by 20 of all, and hears some of the cells.
net = snn.Network("digits")
ear = net.add("ear", SpikeSource(stimulus), 700)
cells = net.add("cells", LIF(tau_m=40.0, E_L=0.0, V_reset=0.0, V_th=15.0, t_ref=5.0), n)
first = np.linspace(250, 690, n).astype(int)
near = snn.Edges((first[:, None] + np.arange(10)).ravel(), np.repeat(np.arange(n), 10))
delay = snn.Uniform(1.0, 200.0).grid(1.0)
net.connect(ear, cells, near, port="delta", weight=3.0, delay=delay)                        # mV
net.connect(ear, cells, snn.FixedInDegree(20), port="delta", weight=-0.75, delay=delay)
net.connect(cells[:4 * n // 5], cells, snn.FixedInDegree(8), port="delta", weight=3.0, delay=delay)
net.connect(cells[4 * n // 5:], cells, snn.FixedInDegree(2), port="delta", weight=-12.0, delay=delay)
spikes = snn.simulate(net, stimulus.duration, dt=1.0, seed=1, record=[snn.RecordSpikes("cells")]).spikes["cells"]
print(f"{len(samples)} digits, {len(stimulus)} input spikes, {len(spikes)} spikes of the cells")

# 3. Features: square roots of spike counts per cell and window. The penalty is chosen on training recordings.
step = np.ceil(spikes.times).astype(int) - 1
place, window = step // int(slot), step % int(slot) // int(width)
counts = np.zeros((len(samples), n, windows + 2))
np.add.at(counts, (place, spikes.ids, window), 1)
features = np.sqrt(counts[:, :, :windows].reshape(len(samples), -1))
split = len(chosen)
choice = choose_penalty(features[:split], labels[:split], np.arange(split) % 4)
readout = fit(features[:split], labels[:split], penalty=choice.penalty)
new = test.speakers[heard] == UNSEEN
right = readout.predict(features[split:]) == labels[split:]
print(f"accuracy: known speakers {right[~new].mean():.2f}, unseen speaker {right[new].mean():.2f}")
assert right[~new].mean() > 1.5 / len(np.unique(labels)) if not tiny else len(spikes)
