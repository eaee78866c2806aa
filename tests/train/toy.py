"""A small task for the tests of the training loop: which of three groups of inputs is busiest."""
import numpy as np
import torch
from spikingjelly.activation_based import neuron
from torch import nn

from snn.neurons import LIF, LeakyReadout
from snn.train.layer import Layer
from snn.train.readout import Mean, SumOfSoftmax

T, B, N, CLASSES = 8, 6, 12, 3


class Toy:
    """``batches`` batches per epoch, keyed by (seed, epoch, batch)."""

    def __init__(self, batches=5, seed=0):
        self.batches, self.seed = batches, seed

    def __len__(self):
        return self.batches

    def epoch(self, number, start=0):
        for batch in range(start, self.batches):
            yield self.batch(number, batch)

    def batch(self, number, batch):
        rng = np.random.default_rng([self.seed, number, batch])
        y = rng.integers(0, CLASSES, B)
        rate = np.where(np.arange(N)[None] % CLASSES == y[:, None], 0.7, 0.1)
        return torch.from_numpy((rng.random((T, B, N)) < rate).astype(np.float32)), torch.from_numpy(y)


class Bounded(nn.Linear):
    """A layer with a bound and a schedule, which notes how it was called."""

    limit = 0.5

    def __init__(self, *args):
        super().__init__(*args)
        self.register_buffer("width", torch.ones(()))
        self.progress = []

    def constrain(self):
        with torch.no_grad():
            self.weight.clamp_(-self.limit, self.limit)

    def anneal(self, progress):
        self.progress.append(progress)
        self.width.fill_(1.0 - 0.5 * progress)

    def forward(self, x):
        return super().forward(x) * self.width


def make_net(seed=0, dropout=0.2):
    """Bounded, LIF of SpikingJelly, dropout, Linear, Mean."""
    torch.manual_seed(seed)
    return nn.Sequential(Bounded(N, 10), neuron.LIFNode(tau=2.0, step_mode="m"), nn.Dropout(dropout),
                         nn.Linear(10, CLASSES), Mean())


def our_net(seed=0):
    """Layers of this library: LIF, and a leaky readout that is summed over time as shares."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(N, 10), Layer(LIF(E_L=0, V_th=1, V_reset=0, t_ref=0, tau_m=5.0), 10, dt=1.0),
                         nn.Linear(10, CLASSES), Layer(LeakyReadout(tau=10.0), CLASSES, dt=1.0), SumOfSoftmax())


def bits(net):
    """The weights as bytes, to compare runs bit for bit."""
    return {name: value.numpy().tobytes() for name, value in net.state_dict().items()}
