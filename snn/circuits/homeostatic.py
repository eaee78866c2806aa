"""A network whose own answers regulate its learning rate, and labels that change their meaning while it learns.

What it is
    A homeostat lives in the world that it acts upon. Here the body is the learning rate of a classifier, and what the
    network perceives moves it: half of the classes warm, half of them cool. Before a step the network tries, with one
    sample, the learning rate that its perception asks for; it is taken only if it serves the recent past better. Where
    labels change their meaning (concept shift), such a network could learn faster when it needs to.

    The neuron that regulates its own firing rate is :class:`snn.neurons.HomeostaticLIF`, scaling of synapses is
    :class:`snn.plasticity.SynapticScaling`; here it is the rate of learning that is regulated.

Source: K. Man, A. Damasio, H. Neven (2022), "Need is all you need: homeostatic neural networks adapt to concept shift",
arXiv:2205.08645.
"""
from collections import deque
from dataclasses import dataclass

import numpy as np

from snn.circuits.checks import array, generator, number, whole
from snn.errors import DataError, NetworkError, RunError

STEP, FLOOR = 0.1, 1e-8
"""How far the learning rate moves, as a part of its first value, and its least value."""
RECENT = 20
"""Samples that a trial is judged by."""


@dataclass(frozen=True)
class Constant:
    """The learning rate stays: the plain network."""

    tries = False

    def takes(self, better, draw):
        """Whether the rate moves; ``better``: a function that says what a trial says; ``draw``: numpy Generator."""
        return False


@dataclass(frozen=True)
class RandomTake:
    """Control: the rate moves with probability ``p``, whatever the trial says."""

    p: float = 0.5
    tries = True

    def __post_init__(self):
        number("RandomTake.p", self.p, NetworkError, 0.0, 1.0, open_above=False)

    def takes(self, better, draw):
        """As :meth:`Constant.takes`."""
        return draw.random() < self.p


@dataclass(frozen=True)
class Homeostatic:
    """The rate moves where the moved one served the recent samples better."""

    tries = True

    def takes(self, better, draw):
        """As :meth:`Constant.takes`."""
        return better()


class HomeostaticNet:
    """A classifier (ELU layers, softmax) learnt by plain gradient descent with a learning rate of its own.

    Procedure for a batch, once 20 samples were seen (``eta_0`` the first rate, d = eta_0 / 10)
        1. The gradient of the first sample of the batch is taken. Two updates are tried: with eta, and with eta + d
           where the network takes the sample for a class of the upper half, else eta - d.
        2. ``regulator`` decides: ``Homeostatic()`` moves where the second update classifies more of the last 20 samples
           rightly; ``RandomTake(0.5)`` and ``Constant()`` are the controls.
        3. The rate then moves by d, up where the *label* of the sample is of the upper half, else down, not below 1e-8.
        4. All weights follow the mean gradient of the batch with the new rate.

    Parameters: ``sizes`` from inputs to classes; ``seed``; ``eta`` the first learning rate; ``regulator``. Weights and
    biases begin uniform in +-1 / sqrt(inputs of the layer).

    Attributes: ``eta``, the rate now; ``weights``, ``biases``, lists of float32 arrays; ``seen`` samples.

    Errors: NetworkError for parameters, DataError for samples or labels, RunError for a batch that is no positive whole
    number or weights that are no longer finite.

    Example::

        net = HomeostaticNet((784, 80, 60, 10), seed=1, eta=0.01)
        shift = LabelShift(swaps=4, classes=10, seed=1)
        right = [net.fit(images, shift(labels)).mean() for _ in range(20)]
    """

    def __init__(self, sizes=(784, 80, 60, 10), *, seed, eta=1e-3, regulator=None):
        if isinstance(sizes, str) or not hasattr(sizes, "__len__") or len(sizes) < 2:
            raise NetworkError(f"HomeostaticNet.sizes: is {sizes!r}. Inputs, hidden layers and classes are expected.")
        self.sizes = tuple(whole("HomeostaticNet.sizes", n, NetworkError) for n in sizes)
        whole("HomeostaticNet.sizes[-1]", self.sizes[-1], NetworkError, least=2)
        self._draw = generator("HomeostaticNet.seed", seed)
        self.eta = number("HomeostaticNet.eta", eta, NetworkError)
        self.step = STEP * self.eta
        self.regulator = Homeostatic() if regulator is None else regulator
        if not callable(getattr(self.regulator, "takes", None)) or isinstance(self.regulator, type):
            raise NetworkError(f"HomeostaticNet.regulator: is {regulator!r}. Homeostatic(), RandomTake() or Constant() "
                               "is expected.")
        self.weights, self.biases, self.seen = [], [], 0
        for m, n in zip(self.sizes, self.sizes[1:], strict=False):
            bound = 1.0 / np.sqrt(m)
            self.weights.append(self._draw.uniform(-bound, bound, (m, n)).astype(np.float32))
            self.biases.append(self._draw.uniform(-bound, bound, n).astype(np.float32))
        self._recent = deque(maxlen=RECENT)

    def predict(self, x):
        """Classes int64 [batch] of samples [batch, inputs]."""
        return self._layers(self._samples("predict", x))[-1].argmax(1)

    def fit(self, x, labels, *, batch=10):
        """Learn each sample once, in the order given; returns bool [samples]: right before it was learnt."""
        x = self._samples("fit", x)
        labels = self._labels(labels, len(x))
        batch = whole("HomeostaticNet.fit.batch", batch, RunError)
        right = np.zeros(len(x), bool)
        with np.errstate(over="ignore", invalid="ignore"):      # what overflows is found below
            for begin in range(0, len(x), batch):
                part = slice(begin, begin + batch)
                right[part] = self._learn(x[part], labels[part])
        if not all(np.isfinite(w).all() for w in self.weights):
            raise RunError(f"HomeostaticNet.fit: the weights are not finite, with eta {self.eta:g}. A smaller eta "
                           "keeps them finite.")
        return right

    def _learn(self, x, labels):
        layers = self._layers(x)
        answers = layers[-1].argmax(1)
        if self.regulator.tries and len(self._recent) == RECENT:
            self._regulate(layers, answers[0], labels)
        self._move(*self._gradient(layers, labels), self.eta)
        self._recent.extend(zip(x, labels, strict=True))
        self.seen += len(x)
        return answers == labels

    def _regulate(self, layers, answer, labels):
        half = self.sizes[-1] / 2
        asked = max(self.eta + (self.step if answer >= half else -self.step), FLOOR)

        def better():
            weights, biases = self._gradient([a[:1] for a in layers], labels[:1])
            return self._trial(weights, biases, asked) > self._trial(weights, biases, self.eta)

        if self.regulator.takes(better, self._draw):
            self.eta = max(self.eta + (self.step if labels[0] >= half else -self.step), FLOOR)

    def _trial(self, weights, biases, eta):
        """How many of the last samples are classified rightly after an update."""
        x, labels = (np.array(a) for a in zip(*self._recent, strict=True))
        moved = [[p - np.float32(eta) * g for p, g in zip(old, change, strict=True)]
                 for old, change in ((self.weights, weights), (self.biases, biases))]
        return int((_forward(x, *moved)[-1].argmax(1) == labels).sum())

    def _layers(self, x):
        return _forward(x, self.weights, self.biases)

    def _gradient(self, layers, labels):
        """Of the mean cross-entropy: lists for weights and biases."""
        odds = np.exp(layers[-1] - layers[-1].max(1, keepdims=True))
        error = odds / odds.sum(1, keepdims=True)
        error[np.arange(len(labels)), labels] -= 1.0
        error /= np.float32(len(labels))
        weights, biases = [], []
        for k in reversed(range(len(self.weights))):
            weights.append(layers[k].T @ error)
            biases.append(error.sum(0))
            if k:
                # ELU: its slope is 1 above 0, and its value + 1 below.
                error = (error @ self.weights[k].T) * np.minimum(layers[k] + 1.0, 1.0)
        return weights[::-1], biases[::-1]

    def _move(self, weights, biases, eta):
        for old, change in ((self.weights, weights), (self.biases, biases)):
            for p, g in zip(old, change, strict=True):
                p -= np.float32(eta) * g

    def _samples(self, where, x):
        if not (isinstance(x, np.ndarray) and x.dtype == np.float32):     # a large one is not copied twice
            x = array(f"HomeostaticNet.{where}.x", x)
        if x.ndim != 2 or x.shape[1] != self.sizes[0] or not len(x) or not np.isfinite(x).all():
            raise DataError(f"HomeostaticNet.{where}.x: has shape {x.shape}. Finite numbers [samples, {self.sizes[0]}] "
                            "are expected, one sample or more.")
        return x.astype(np.float32, copy=False)

    def _labels(self, labels, n):
        return checked_labels("HomeostaticNet.fit.labels", labels, self.sizes[-1], n)


class LabelShift:
    """Labels that swap meanings: ``swaps`` times per epoch two random classes exchange their labels for good.

    Parameters: ``swaps`` per call, evenly spread; ``classes``; ``seed``. ``shift(labels)`` gives the labels, int64
    [samples], as they are meant while an epoch passes in that order, and remembers what was swapped.

    Errors: NetworkError for parameters; DataError for labels.

    Example: ``LabelShift(swaps=2, classes=10, seed=1)(labels)``
    """

    def __init__(self, swaps, *, classes, seed):
        self.swaps = whole("LabelShift.swaps", swaps, NetworkError, least=0)
        self.meaning = np.arange(whole("LabelShift.classes", classes, NetworkError, least=2))
        self._draw = generator("LabelShift.seed", seed)

    def __call__(self, labels):
        labels = checked_labels("LabelShift.labels", labels, len(self.meaning))
        # The first swap comes after half of what lies between two.
        cuts = np.round((np.arange(self.swaps) + 0.5) * len(labels) / max(self.swaps, 1)).astype(int)
        shown = np.empty_like(labels)
        for k, (begin, end) in enumerate(zip([0, *cuts], [*cuts, len(labels)], strict=True)):
            if k:
                pair = self._draw.choice(len(self.meaning), 2, replace=False)
                self.meaning[pair] = self.meaning[pair[::-1]]
            shown[begin:end] = self.meaning[labels[begin:end]]
        return shown


def checked_labels(where, labels, classes, n=None):
    """Labels as int64 [n] within ``classes``."""
    labels = array(where, labels)
    if labels.ndim != 1 or (n is not None and len(labels) != n):
        raise DataError(f"{where}: has shape {labels.shape}. One label per sample{f', [{n}],' if n else ''} is "
                        "expected.")
    if not np.isin(labels, np.arange(classes)).all():
        raise DataError(f"{where}: holds {labels[~np.isin(labels, np.arange(classes))][0]:g}. Whole numbers from 0 to "
                        f"{classes - 1} are expected.")
    return labels.astype(np.int64)


def _forward(x, weights, biases):
    """Values of all layers, the input first; the last one is linear."""
    layers = [x]
    for k, (w, b) in enumerate(zip(weights, biases, strict=True)):
        x = x @ w + b
        if k + 1 < len(weights):
            x = np.maximum(x, 0.0) + np.expm1(np.minimum(x, 0.0))
        layers.append(x)
    return layers
