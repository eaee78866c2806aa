"""The multitasking Hebbian network: diluted patterns, several of which one state of the network recalls at once."""
import itertools

import numpy as np

from snn.circuits.checks import array, generator, number, whole
from snn.circuits.hopfield import HopfieldNetwork
from snn.errors import DataError, RunError


class MultitaskNetwork(HopfieldNetwork):
    """A :class:`~snn.circuits.HopfieldNetwork` whose patterns leave some units out: entries 0 and +-1.

    What it is
        A unit that a pattern leaves out is free to serve another one. With the fraction d of zeros (the dilution) below
        :func:`hierarchical_limit`, the state at pattern 1 also overlaps with pattern 2 on the units that 1 leaves free,
        with pattern 3 on those that both do, and so on (hierarchical regime); at strong dilution all overlaps are about
        equal (parallel regime).

    Formula
        As HopfieldNetwork. The patterns may also be learned from M damaged examples ``eta`` of each, of quality r
        (:func:`noisy_examples`), with ``R = r^2 + (1 - r^2) / M``:
        ``learn_supervised``: ``J = (1 / (n R)) sum over patterns of a a^T``, a the mean of the examples of the pattern;
        ``learn_unsupervised``: ``J = (1 / (n R M)) sum over all examples of eta eta^T``: none is told what it shows.

    Errors: as HopfieldNetwork; DataError for examples of another shape, RunError for a quality outside (0, 1].

    Sources: E. Agliari et al. (2012), "Multitasking associative networks", Physical Review Letters 109:268101; E.
    Agliari et al. (2023), "Parallel learning by multitasking neural networks", Journal of Statistical Mechanics 113401.

    Example::

        patterns = diluted_patterns(3, 1000, dilution=0.4, seed=1)
        net = MultitaskNetwork(1000).store(patterns)
        start = np.where(patterns[0] == 0, 1, patterns[0])
        print(overlap(net.recall(start), patterns))          # about 0.60, 0.24, 0.10, up to signs and order
    """

    _values = (-1, 0, 1)

    def learn_supervised(self, examples, *, quality):
        """Add patterns known from ``examples`` [K, M, n], M of each pattern; returns the network."""
        examples, scale = self._examples("learn_supervised", examples, quality)
        self._add(examples.mean(axis=1), scale)
        return self

    def learn_unsupervised(self, examples, *, quality):
        """Add the examples [K, M, n], every one for itself; returns the network."""
        examples, scale = self._examples("learn_unsupervised", examples, quality)
        self._add(examples.reshape(-1, self.n), scale / examples.shape[1])
        return self

    def _examples(self, name, examples, quality):
        examples = self._checked(f"{name}.examples", examples, self._values, (3,))
        if 0 in examples.shape:
            raise DataError(f"{type(self).__name__}.{name}.examples: has shape {examples.shape}. One pattern and one "
                            "example or more are expected, [K, M, n].")
        quality = _quality(f"{type(self).__name__}.{name}.quality", quality)
        self.stored += len(examples)
        return examples, 1.0 / (quality**2 + (1.0 - quality**2) / examples.shape[1])


def diluted_patterns(patterns, n, *, dilution, seed=0):
    """Random patterns, int64 [patterns, n]: 0 with probability ``dilution`` in [0, 1), else +1 or -1 alike."""
    shape = whole("diluted_patterns.patterns", patterns, RunError), whole("diluted_patterns.n", n, RunError)
    dilution, draw = _dilution("diluted_patterns", dilution), generator("diluted_patterns.seed", seed)
    return np.where(draw.random(shape) < dilution, 0, draw.choice([-1, 1], shape))


def noisy_examples(patterns, examples, *, quality, seed=0):
    """Damaged copies of patterns [K, n], int64 [K, examples, n]: an entry is kept with probability (1 + quality) / 2.

    Else its sign is flipped; 0 stays 0. ``quality`` r in (0, 1] is the correlation of an example with its pattern.
    """
    patterns = array("noisy_examples.patterns", patterns)
    if patterns.ndim != 2:
        raise DataError(f"noisy_examples.patterns: has shape {patterns.shape}. [K, n] is expected.")
    shape = len(patterns), whole("noisy_examples.examples", examples, RunError), patterns.shape[1]
    quality, draw = _quality("noisy_examples.quality", quality), generator("noisy_examples.seed", seed)
    return np.where(draw.random(shape) < 0.5 * (1.0 + quality), 1, -1) * patterns[:, None].astype(np.int64)


def hierarchical_overlaps(patterns, dilution):
    """Overlaps of the hierarchical state at temperature 0: ``m_k = (1 - d) d^(k - 1)``, float64 [patterns]."""
    dilution = _dilution("hierarchical_overlaps", dilution)
    return (1.0 - dilution) * dilution ** np.arange(whole("hierarchical_overlaps.patterns", patterns, RunError))


def hierarchical_limit(patterns):
    """The largest dilution at which the hierarchical state is stable at temperature 0.

    Formula
        A unit follows the first pattern that does not leave it out unless all later ones together outvote it, hence
        ``1 = d + d^2 + ... + d^(patterns - 1)``: 1 for two patterns, 0.618 for three, towards 1/2 for many.
    """
    from scipy.optimize import brentq
    powers = np.arange(1, whole("hierarchical_limit.patterns", patterns, RunError, least=2))
    return float(brentq(lambda d: (d**powers).sum() - 1.0, 0.4, 1.0))


def mean_field_overlaps(patterns, dilution, *, temperature=0.0, start=None):
    """Overlaps with few patterns in an infinite network, float64 [patterns].

    Formula
        ``m_k = E[xi_k tanh((sum_l xi_l m_l) / T)]`` over the 3^K values of the entries xi, solved by iteration; at
        temperature 0 tanh is the sign, and 0 where the field is 0.

    ``start``: the overlaps that iteration begins with, [patterns]; None: :func:`hierarchical_overlaps`. RunError where
    K is above 10 or iteration does not settle, as at the critical temperature ``T = 1 - dilution``.
    """
    name = "mean_field_overlaps"
    if whole(f"{name}.patterns", patterns, RunError) > 10:
        raise RunError(f"{name}.patterns: is {patterns}. It must be at most 10: all 3^K combinations are summed.")
    dilution, temperature = _dilution(name, dilution), number(f"{name}.temperature", temperature, RunError)
    m = hierarchical_overlaps(patterns, dilution) if start is None else array(f"{name}.start", start)
    if m.shape != (patterns,):
        raise RunError(f"{name}.start: has shape {m.shape}. One overlap per pattern, ({patterns},), is expected.")
    entries = np.array(list(itertools.product((-1.0, 0.0, 1.0), repeat=patterns)))
    chance = np.where(entries == 0, dilution, 0.5 * (1.0 - dilution)).prod(axis=1)
    for _ in range(10_000):
        field = entries @ m
        field[np.abs(field) < 1e-9] = 0.0
        mean = np.tanh(field / temperature) if temperature > 0 else np.sign(field)
        new = (chance * mean) @ entries
        if np.abs(new - m).max() < 1e-10:
            return new
        m = 0.5 * (m + new)
    raise RunError(f"{name}.start: iteration from here does not settle. Choose another start or, where it is "
                   "critical (1 - dilution), another temperature.")


def dataset_entropy(quality, examples):
    """``rho = (1 - r^2) / (M r^2)``: how little M examples of quality r say about their pattern; 0 is everything."""
    quality = _quality("dataset_entropy.quality", quality)
    return (1.0 - quality**2) / (whole("dataset_entropy.examples", examples, RunError) * quality**2)


def example_overlap(entropy):
    """Overlap with a pattern learned from examples, at temperature 0 and without dilution: ``erf(1 / sqrt(2 rho))``.

    Each unit follows the mean of what its examples say, Gaussian of mean r and variance (1 - r^2) / M for many examples
    in a large network with few patterns. The same holds for both ways to learn.
    """
    from scipy.special import erf
    entropy = array("example_overlap.entropy", entropy)
    if not (entropy >= 0).all():
        raise DataError("example_overlap.entropy: is negative or not a number. 0 or above is expected.")
    with np.errstate(divide="ignore"):
        return erf(1.0 / np.sqrt(2.0 * entropy))


def _dilution(name, dilution):
    return number(f"{name}.dilution", dilution, RunError, 0.0, 1.0)


def _quality(where, quality):
    if number(where, quality, RunError, 0.0, 1.0, open_above=False) == 0:
        raise RunError(f"{where}: is 0. A number above 0 and at most 1 is expected.")
    return float(quality)
