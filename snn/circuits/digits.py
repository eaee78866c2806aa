"""Learning of images without labels: competing neurons that fire for what they have seen before.

What it is
    Pixels fire as Poisson processes. Their synapses onto excitatory neurons learn by STDP; every excitatory neuron has
    an inhibitory partner that silences all others, so that few neurons win an image and move towards it. A threshold
    that rises with every spike gives all of them a share, and the weights of a neuron have a fixed sum.

Source: P. U. Diehl, M. Cook (2015), "Unsupervised learning of digit recognition using spike-timing-dependent
plasticity", Front. Comput. Neurosci. 9:99; constants that the text leaves out are those of its authors' program.
"""
import math
import os

import numpy as np

import snn
from snn.circuits.checks import generator, number, whole
from snn.errors import DataError, MissingFile, NetworkError, RunError
from snn.neurons import CobaLIF, DiehlCook, PoissonSource
from snn.plasticity import NearestSTDP, WeightNormalisation
from snn.random import stream

DT, SHOWN, PAUSE = 0.5, 350.0, 150.0
"""ms: the step, and how long an image is shown and the network then rests."""
FULL, BRIGHTER, ENOUGH = 63.75, 32.0, 5
"""Hz of a white pixel, what is added to it while an image gets too few spikes, and how many are enough."""
INHIBITORY = CobaLIF(C_m=10.0, g_L=1.0, E_L=-60.0, V_th=-40.0, V_reset=-45.0, t_ref=2.0, E_exc=0.0, E_inh=-85.0,
                     tau_exc=1.0, tau_inh=2.0)


class DigitNet:
    """A winner-take-all network that learns images without labels, by STDP; labels only name its neurons afterwards.

    Procedure for an image
        1. Pixels fire at 63.75 Hz times their brightness for 350 ms, then all is dark for 150 ms.
        2. With fewer than 5 excitatory spikes the image is shown again, 32 Hz brighter, at most ``retries`` times.
        3. Every 500 ms the weights of each neuron are scaled to the sum ``total`` (78 for 784 pixels).
        A neuron is named after the class for which it fired most; of the classes, the one whose neurons fire most on
        the average is the answer. To answer, weights and thresholds are kept as they are.

    Parameters: ``n`` excitatory neurons; ``seed`` of weights and noise; ``rule`` the STDP of the pixels' synapses;
    ``total`` nS; ``inhibition`` nS, weight of an inhibitory neuron onto the others.

    Attributes: ``weights`` [pixels, n] nS and ``theta`` [n] mV (None before the first image), ``names`` int [n], the
    class of each neuron (-1: it never fired; None before :meth:`assign`), ``shown`` images learnt so far.

    Differences from the source: one delay of 0.5 ms instead of random ones up to 10 ms.

    Errors: NetworkError for parameters; DataError for images or labels; RunError for answers before names.

    Example::

        net = DigitNet(100, seed=1)
        net.fit(train.images)
        net.assign(train.images, train.labels)
        print((net.predict(test.images) == test.labels).mean())
    """

    def __init__(self, n=100, *, seed, rule=None, total=0.1, inhibition=17.0, retries=8):
        self.n = whole("DigitNet.n", n, NetworkError, least=2)
        self.seed = whole("DigitNet.seed", seed, NetworkError, least=0)
        self.rule = NearestSTDP(A_plus=0.01, A_minus=1e-4) if rule is None else rule
        self.inhibition = inhibition
        self.retries = retries
        self.weights = self.theta = self.names = None
        self.shown = 0

    def fit(self, images):
        x = images.reshape(len(images), -1)/255.
        if self.weights is None:
            w = np.random.default_rng(self.seed).uniform(0.0, 0.3, (x.shape[1], self.n))
            self.total = x.shape[1]*0.1
            self.weights, self.theta = w*(self.total/w.sum(0)), np.zeros(self.n)
        net, light = self._network(True)
        with self._start(net, "learn", self.shown) as run:
            counts = self._show(run, light, x)
            self.weights = run.weights("learning").reshape(self.weights.shape)
            self.theta = run.states("excitatory", "theta")
        self.shown += len(x)
        return counts

    def _start(self, net, what, position):
        engine = snn.EventDriven(threads=1, dtype="float32")
        return snn.start(net, dt=DT, seed=int(stream(self.seed, "digits", what, position)), engine=engine,
                         record=[snn.RecordSpikes("excitatory")])

    def _network(self, learns):
        net, light = snn.Network("digits"), snn.ControlledInput()
        pixels = net.add("pixels", PoissonSource(rate=0.0), len(self.weights))
        model = DiehlCook() if learns else DiehlCook(theta_plus=0.0, tau_theta=1e30)
        cells = net.add("excitatory", model, self.n, init={"theta": self.theta})
        partners = net.add("inhibitory", INHIBITORY, self.n)
        net.drive(pixels, light, port="rate")
        normalise = WeightNormalisation(target=self.total, every=SHOWN + PAUSE)
        net.connect(pixels, cells, snn.AllToAll(), port="exc", weight=self.weights.ravel(), delay=DT, name="learning",
                    plasticity=[self.rule, normalise] if learns else None)
        net.connect(cells, partners, snn.OneToOne(), port="exc", weight=10.4, delay=DT)
        net.connect(partners, cells, snn.AllToAll(self_connections=False), port="inh", weight=self.inhibition, delay=DT)
        return net, light

    def _show(self, run, light, x):
        counts = np.zeros((len(x), self.n), np.int64)
        self.again=0
        for k, image in enumerate(x):
            for attempt in range(self.retries + 1):
                run.set_input(light, (FULL + attempt*BRIGHTER)*image)
                counts[k] = run.run(SHOWN).spikes["excitatory"].count()
                run.set_input(light, 0.0)
                run.run(PAUSE)
                if counts[k].sum() >= ENOUGH: break
                self.again+=1
        return counts

    def responses(self, images):
        net, light = self._network(False)
        with self._start(net, "answer", self.shown) as run:
            return self._show(run, light, images.reshape(len(images), -1)/255.)

    def assign(self, images, labels):
        self.assign_counts(self.responses(images), labels)

    def assign_counts(self, c, labels):
        mean = np.array([c[labels==d].mean(0) if (labels==d).any() else np.zeros(self.n) for d in range(10)])
        self.names = np.where(mean.max(0)>0, mean.argmax(0), -1)

    def votes(self, c):
        return np.array([c[:, self.names==d].mean(1) if (self.names==d).any() else np.full(len(c), -1.0) for d in range(10)]).T
