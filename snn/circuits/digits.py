"""Learning of images without labels: competing neurons that fire for what they have seen before.

What it is
    Pixels fire as Poisson processes. Their synapses onto excitatory neurons learn by STDP; every excitatory neuron has
    an inhibitory partner that silences all others, so that few neurons win an image and move towards it. A threshold
    that rises with every spike gives all of them a share, and the weights of a neuron have a fixed sum.

Source: P. U. Diehl, M. Cook (2015), "Unsupervised learning of digit recognition using spike-timing-dependent
plasticity", Front. Comput. Neurosci. 9:99; constants that the text leaves out are those of its authors' program.
"""
import zipfile

import numpy as np

import snn
from snn.circuits.checks import array, number, whole
from snn.errors import DataError, MissingFile, NetworkError, OutputError, RunError
from snn.neurons import CobaLIF, DiehlCook, PoissonSource
from snn.plasticity import NearestSTDP, WeightNormalisation
from snn.random import stream, uniform
from snn.rule import rules_of

DT, SHOWN, DARK = 0.5, 350.0, 150.0
"""ms: the step, how long an image is shown, and how long it is dark behind it."""
WHITE, BRIGHTER, ENOUGH = 63.75, 32.0, 5
"""Hz of a white pixel, what is added to it while an image gets too few spikes, and how many are enough."""
RETRIES = 8
"""How often an image is shown again, at most."""
CHUNK = 2000
"""Images per simulation; what was learnt is kept after each."""
INHIBITORY = CobaLIF(C_m=10.0, g_L=1.0, E_L=-60.0, V_th=-40.0, V_reset=-45.0, t_ref=2.0, E_exc=0.0, E_inh=-85.0,
                     tau_exc=1.0, tau_inh=2.0)
KEPT = ("n", "seed", "total", "inhibition", "seen", "shape", "weights", "theta", "names")


class DigitNet:
    """A winner-take-all network that learns images without labels, by STDP; labels only name its neurons afterwards.

    Procedure for an image
        1. A white pixel fires at 63.75 Hz, a grey one at its share of that, for 350 ms; then all is dark for 150 ms.
        2. With fewer than 5 excitatory spikes the image is shown again, 32 Hz brighter, at most 8 times.
        3. After each showing the weights of every neuron are scaled to the sum ``total``.
        A neuron is named after the class for which it fired most. The answer is the class whose neurons fire most, on
        the average; weights and thresholds do not change by answering.

    Parameters: ``n`` excitatory neurons; ``seed`` (int) of weights and spikes; ``rule``, the STDP of the synapses of
    the pixels, default ``NearestSTDP(A_plus=0.01, A_minus=0.0001)``; ``total`` nS; ``inhibition`` nS, from an
    inhibitory neuron to each of the others.

    Attributes: ``weights`` [pixels, n] nS and ``theta`` [n] mV (None before the first image); ``names`` int64 [n], the
    class of each neuron (-1: it did not fire; None before :meth:`assign`); ``seen`` images learnt so far.

    Images: [images, ...], uint8 or numbers from 0 to 1, all of one shape, at least twice ``total`` pixels.

    Differences from the source: delays of 0.5 ms instead of random ones up to 10 ms; at most 8 repetitions.

    Errors: NetworkError for parameters, DataError for images or labels, RunError for what needs learning or names
    first, MissingFile, OutputError.

    Example::

        net = DigitNet(100, seed=1)
        net.fit(train.images)
        net.assign(train.images, train.labels)
        print((net.predict(test.images) == test.labels).mean())
    """

    def __init__(self, n=100, *, seed, rule=None, total=78.0, inhibition=17.0):
        self.n = whole("DigitNet.n", n, NetworkError, least=2)
        self.seed = whole("DigitNet.seed", seed, NetworkError, least=0)
        self.rule, = rules_of(NearestSTDP(A_plus=0.01, A_minus=1e-4) if rule is None else rule, "DigitNet.rule")
        self.total = number("DigitNet.total", total, NetworkError)
        self.inhibition = number("DigitNet.inhibition", inhibition, NetworkError)
        self.weights = self.theta = self.names = self.shape = None
        self.seen = 0

    def fit(self, images):
        """Learn each image once, in the order given; may be called again. Returns spike counts int64 [images, n]."""
        images = self._images("fit", images)
        if self.weights is None:
            self._begin(images.shape[1:])
        with _bar("fit", len(images)) as bar:
            counts = [self._learn(images[k:k + CHUNK], bar) for k in range(0, len(images), CHUNK)]
        return np.concatenate(counts)

    def responses(self, images):
        """Spike counts int64 [images, n] of the network as it is; nothing is learnt."""
        images = self._images("responses", images, learnt=True)
        with _bar("responses", len(images)) as bar:
            return np.concatenate([self._answer(images[k:k + CHUNK], k, bar) for k in range(0, len(images), CHUNK)])

    def assign(self, images, labels):
        """Name every neuron after the class to which it responds most. Returns the responses."""
        labels = _labels("assign", labels, len(images))
        counts = self.responses(images)
        mean = np.array([counts[labels == c].mean(0) if (labels == c).any() else np.zeros(self.n)
                         for c in range(labels.max() + 1)])
        self.names = np.where(mean.max(0) > 0, mean.argmax(0), -1)
        return counts

    def predict(self, images):
        """Classes int64 [images]; 0 where no neuron fired."""
        if self.names is None:
            raise RunError("DigitNet.predict: the neurons have no names yet. Call assign(images, labels) first.")
        counts = self.responses(images)
        votes = [counts[:, self.names == c].mean(1) if (self.names == c).any() else np.full(len(counts), -1.0)
                 for c in range(self.names.max() + 1)]
        return np.argmax(votes, 0) if votes else np.zeros(len(counts), np.int64)

    def confusion(self, images, labels):
        """int64 [classes, classes]: how many images of the class of the row got the answer of the column."""
        labels, answers = _labels("confusion", labels, len(images)), self.predict(images)
        table = np.zeros((max(labels.max(), self.names.max()) + 1,) * 2, np.int64)
        np.add.at(table, (labels, answers), 1)
        return table

    @property
    def fields(self):
        """Receptive fields [n, *shape of an image] nS."""
        self._learnt("fields")
        return self.weights.T.reshape(self.n, *self.shape)

    def save(self, path):
        """Write all but the rule to an npz file."""
        self._learnt("save")
        values = {name: getattr(self, name) for name in KEPT}
        try:
            with open(path, "wb") as file:
                np.savez_compressed(file, **{name: value for name, value in values.items() if value is not None})
        except OSError as error:
            raise OutputError(f"DigitNet.save: {path} cannot be written ({error}). Give a file in an existing "
                              "folder.") from error

    @classmethod
    def load(cls, path, *, rule=None):
        """The network of a file that :meth:`save` wrote; give its ``rule`` if that was not the default."""
        try:
            with np.load(path, allow_pickle=False) as file:
                saved = {name: file[name] for name in KEPT if name in file}
            net = cls(int(saved["n"]), seed=int(saved["seed"]), rule=rule, total=float(saved["total"]),
                      inhibition=float(saved["inhibition"]))
            net.weights, net.theta, net.names = saved["weights"], saved["theta"], saved.get("names")
            net.seen, net.shape = int(saved["seen"]), tuple(map(int, saved["shape"]))
        except FileNotFoundError:
            raise MissingFile(f"DigitNet.load: no such file ({path}). Give one that save wrote.") from None
        except (KeyError, ValueError, TypeError, EOFError, OSError, zipfile.BadZipFile) as error:
            raise DataError(f"DigitNet.load: {path} is no file of a DigitNet ({error}). "
                            "Give one that save wrote.") from None
        return net

    def _begin(self, shape):
        pixels = int(np.prod(shape))
        if pixels < 2 * self.total:
            raise DataError(f"DigitNet.fit: images have {pixels} pixels. At least twice the sum of weights is needed, "
                            f"{2 * self.total:g}.")
        w = 0.03 + uniform(stream(self.seed, "digits", "weights"), np.arange(pixels * self.n)).reshape(pixels, self.n)
        self.weights, self.theta, self.shape = w * (self.total / w.sum(0)), np.zeros(self.n), tuple(shape)

    def _learn(self, images, bar):
        high = self.rule.bounds()[1]
        if high is not None:
            # Scaling to the sum may have left a weight above the bound of the rule.
            self.weights = np.minimum(self.weights, high)
        normalise = WeightNormalisation(target=self.total, every=SHOWN + DARK)
        net, light = self._network(DiehlCook(), [self.rule, normalise], len(images))
        with self._start(net, "learn", self.seen) as run:
            counts = self._show(run, light, images, bar)
            self.weights = run.weights("learning").reshape(self.weights.shape)
            self.theta = run.states("excitatory", "theta")
        self.seen += len(images)
        return counts

    def _answer(self, images, position, bar):
        net, light = self._network(DiehlCook(theta_plus=0.0, tau_theta=1e30), None, len(images))
        with self._start(net, "answer", position) as run:
            return self._show(run, light, images, bar)

    def _network(self, model, rules, images):
        """``(net, light)``: ``light`` is the rate of every pixel in Hz while there is light."""
        net, light = snn.Network("digits"), snn.ControlledInput()
        pixels = net.add("pixels", PoissonSource(rate=0.0), len(self.weights))
        cells = net.add("excitatory", model, self.n, init={"theta": self.theta})
        partners = net.add("inhibitory", INHIBITORY, self.n)
        net.drive(pixels, light, port="rate")
        # A shutter: rates below 0 are none. With it an image and the dark behind it are one piece of the run.
        open_and_shut = np.repeat([0.0, -1e4], [round(SHOWN / 50.0), round(DARK / 50.0)])
        net.drive(pixels, snn.CurrentInput(np.tile(open_and_shut, images * (RETRIES + 1)), interval=50.0), port="rate")
        net.connect(pixels, cells, snn.AllToAll(), port="exc", weight=self.weights.ravel(), delay=DT, name="learning",
                    plasticity=rules)
        net.connect(cells, partners, snn.OneToOne(), port="exc", weight=10.4, delay=DT)
        net.connect(partners, cells, snn.AllToAll(self_connections=False), port="inh", weight=self.inhibition, delay=DT)
        return net, light

    def _start(self, net, what, position):
        return snn.start(net, dt=DT, seed=int(stream(self.seed, "digits", what, position)), progress=False,
                         engine=snn.EventDriven(threads=1, dtype="float32"), record=[snn.RecordSpikes("excitatory")])

    def _show(self, run, light, images, bar):
        counts = np.zeros((len(images), self.n), np.int64)
        for k, image in enumerate(images.reshape(len(images), -1)):
            bright = image / 255.0 if images.dtype == np.uint8 else image
            for again in range(RETRIES + 1):
                run.set_input(light, (WHITE + again * BRIGHTER) * bright)
                counts[k] = run.run(SHOWN + DARK).spikes["excitatory"].count()
                if counts[k].sum() >= ENOUGH:
                    break
            bar.update()
        return counts

    def _images(self, where, images, *, learnt=False):
        if learnt:
            self._learnt(where)
        images = images if getattr(images, "dtype", None) == np.uint8 else array(f"DigitNet.{where}.images", images)
        if images.ndim < 2 or not len(images) or (self.shape is not None and images.shape[1:] != self.shape):
            wanted = "..." if self.shape is None else ", ".join(map(str, self.shape))
            raise DataError(f"DigitNet.{where}: images have shape {images.shape}. [images, {wanted}] is expected.")
        if images.dtype != np.uint8 and not ((images >= 0) & (images <= 1)).all():
            raise DataError(f"DigitNet.{where}: images have values from {images.min():g} to {images.max():g}. Bytes "
                            "(uint8), or numbers from 0 to 1, are expected.")
        return images

    def _learnt(self, where):
        if self.weights is None:
            raise RunError(f"DigitNet.{where}: nothing was learnt yet. Call fit(images) first.")


def _labels(where, labels, n):
    labels = np.asarray(labels)
    if labels.shape != (n,) or labels.dtype.kind not in "iu" or not n or labels.min() < 0:
        raise DataError(f"DigitNet.{where}: labels are {labels.dtype} of shape {labels.shape} for {n} images. One "
                        "whole number of 0 or more per image is expected.")
    return labels.astype(np.int64)


def _bar(what, total):
    from tqdm import tqdm

    return tqdm(total=total, desc=what, unit="image", delay=2.0, disable=None, leave=False)
