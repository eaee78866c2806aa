"""The classical Hopfield network: binary units, Hebbian couplings, and the theory of its capacity."""
from dataclasses import dataclass

import numpy as np

from snn.circuits.checks import array, checked, generator, number, square, whole
from snn.errors import DataError, NetworkError, RunError


@dataclass(frozen=True)
class Asynchronous:
    """One unit after the other, each once per sweep, in a new random order in every sweep (Glauber dynamics)."""

    def sweep(self, couplings, states, noise, draw):
        """One sweep in place; ``states`` and ``noise`` are [n, cues], ``draw`` is a numpy Generator."""
        for i in draw.permutation(len(states)):
            _align(states[i], couplings[i] @ states, noise[i])


@dataclass(frozen=True)
class Synchronous:
    """All units at once. Pairs of states may alternate for ever (period 2)."""

    def sweep(self, couplings, states, noise, draw):
        """One sweep in place, as :meth:`Asynchronous.sweep`; nothing is drawn."""
        _align(states, couplings @ states, noise)


def _align(states, fields, noise):
    """A unit whose field equals the noise exactly keeps its state."""
    states[fields > noise] = 1.0
    states[fields < noise] = -1.0


class HopfieldNetwork:
    """A fully connected network of ``n`` units ``s_i`` = +-1 that falls into the stored pattern nearest to its start.

    Formula
        ``store``: ``J_ij = (1/n) sum over patterns of xi_i xi_j``, ``J_ii = 0`` (Hebb).
        ``recall``: the field is ``h_i = sum_j J_ij s_j``. At temperature 0 ``s_i`` becomes ``sign(h_i)`` and keeps its
        value where ``h_i = 0``; at temperature T it becomes +1 with probability ``1 / (1 + exp(-2 h_i / T))``.
        ``energy``: ``-(1/2) sum_ij J_ij s_i s_j``, which no asynchronous update at temperature 0 raises.

    Shapes: patterns [n] or [P, n] and states [..., n] of +-1; states come back as int64. Temperature has no unit.

    Errors: NetworkError for a size that is no positive whole number; DataError for patterns or cues of another size or
    with other values; RunError for sweeps, temperature or update that do not fit.

    Sources: J. J. Hopfield (1982), "Neural networks and physical systems with emergent collective computational
    abilities", PNAS 79:2554; R. J. Glauber (1963), "Time-dependent statistics of the Ising model".

    Example::

        net = HopfieldNetwork(500)
        net.store(patterns)                     # [20, 500] of +-1
        states = net.recall(damaged, seed=1)
        print(overlap(states, patterns))
    """

    _values = (-1, 1)

    def __init__(self, n):
        self.n = whole(f"{type(self).__name__}.n", n, NetworkError)
        self.stored = 0
        # n times J: sums of products of patterns are whole numbers, so that a field of 0 is found to be exactly 0.
        self._products = square(f"{type(self).__name__}.n", n, np.float64)

    @property
    def couplings(self):
        """J, float64 [n, n]."""
        return self._products / self.n

    def store(self, patterns):
        """Add patterns, [n] or [P, n]; returns the network."""
        patterns = self._checked("store.patterns", patterns, self._values, (1, 2)).reshape(-1, self.n)
        self._add(patterns)
        self.stored += len(patterns)
        return self

    def recall(self, cues, *, sweeps=20, temperature=0.0, update=None, seed=0):
        """The states that ``cues`` [..., n] become, int64 [..., n].

        ``sweeps``: updates per unit at most; at temperature 0 recall ends when a sweep changes nothing.
        ``update``: ``Asynchronous()``, the default, or ``Synchronous()``. All cues see the same order of units; at
        temperature 0 each comes out as it would alone.
        """
        name = f"{type(self).__name__}.recall"
        cues = self._checked("recall.cues", cues, (-1, 1), None)
        whole(f"{name}.sweeps", sweeps, RunError)
        temperature = number(f"{name}.temperature", temperature, RunError)
        update = Asynchronous() if update is None else update
        if not callable(getattr(update, "sweep", None)) or isinstance(update, type):
            raise RunError(f"{name}.update: is {update!r}. Asynchronous() or Synchronous() is expected.")
        draw = generator(f"{name}.seed", seed)
        states = np.ascontiguousarray(cues.reshape(-1, self.n).T)
        noise = np.zeros_like(states)
        for _ in range(sweeps):
            if temperature > 0:
                noise = thermal(temperature * self.n, states.shape, draw)
            before = states.copy()
            update.sweep(self._products, states, noise, draw)
            if temperature == 0 and np.array_equal(before, states):
                break
        return states.T.reshape(cues.shape).astype(np.int64)

    def energy(self, states):
        """``-(1/2) s J s`` of states [..., n], float64 [...]."""
        states = self._checked("energy.states", states, (-1, 1), None)
        return -0.5 * np.einsum("...i,...i", states @ self._products, states) / self.n

    def _add(self, rows, scale=1.0):
        """Hebb with rows [P, n] of any numbers."""
        self._products += scale * (rows.T @ rows)
        np.fill_diagonal(self._products, 0.0)

    def _checked(self, field, x, values, axes):
        return checked(f"{type(self).__name__}.{field}", x, self.n, values, axes)


def thermal(temperature, shape, draw):
    """Logistic noise: a field exceeds it with probability ``1 / (1 + exp(-2 h / T))``."""
    from scipy.special import logit
    return 0.5 * temperature * logit(draw.random(shape))


def overlap(states, patterns):
    """``m = (1/n) sum_i xi_i s_i``: states [..., n] against patterns [n] or [P, n]; [...] or [..., P]."""
    states, patterns = array("overlap.states", states), array("overlap.patterns", patterns)
    if states.ndim < 1 or patterns.ndim not in (1, 2) or states.shape[-1] != patterns.shape[-1]:
        raise DataError(f"overlap.patterns: has shape {patterns.shape} beside states of shape {states.shape}. "
                        "Both must end in the number of units.")
    return states @ patterns.T / states.shape[-1]


def one_step_error(load):
    """Share of the bits of a stored pattern that the first synchronous update flips: ``erfc(1 / sqrt(2 load)) / 2``.

    ``load``: patterns per unit, a number or an array above 0. The field of a unit is its bit plus the crosstalk of the
    other patterns, Gaussian of variance ``load`` in a large network.
    """
    from scipy.special import erfc
    return 0.5 * erfc(1.0 / np.sqrt(2.0 * _loads("one_step_error", load)))


def mean_field_overlap(load):
    """Overlap of the state near a stored pattern with it, at temperature 0, in an infinite network.

    Formula
        ``m = erf(y)`` with the largest root y of ``erf(y) / y - (2 / sqrt(pi)) exp(-y^2) = sqrt(2 load)``, the
        replica-symmetric saddle point; 0 above :func:`critical_load`, where there is no root and no state near a
        pattern. (A network that begins at a pattern still keeps an overlap of about 0.3 there.)

    Source: D. J. Amit, H. Gutfreund, H. Sompolinsky (1985), "Storing infinite numbers of patterns in a spin-glass model
    of neural networks", Physical Review Letters 55:1530.
    """
    from scipy.optimize import brentq
    from scipy.special import erf
    loads, (best, highest) = _loads("mean_field_overlap", load), _saddle()
    # Beyond 1 / sqrt(2 load) the left side, below 1 / y, is too small: the root lies before.
    roots = [brentq(lambda y, a=a: _left(y) - np.sqrt(2.0 * a), highest, 1.0 / np.sqrt(2.0 * a))
             if a < best else 0.0 for a in np.atleast_1d(loads)]
    return erf(np.reshape(roots, np.shape(loads)))[()]


def critical_load():
    """The largest load, in patterns per unit, at which states near the stored patterns exist: 0.1379."""
    return _saddle()[0]


def softmax_recall(n, patterns, *, beta, flips):
    """Probability that one softmax step and the sign recall a damaged pattern exactly (``snn.train.retrieve``).

    Formula
        Of the n bits of a cue h are flipped, h binomial. The pattern itself pulls with ``exp(beta (n - 2 h))``, the
        others, random, with a sum that is taken for Gaussian, of the mean and variance that it has as long as none of
        them is as near to the cue as the pattern; all bits must come out right, and none may be so near.

    Parameters: ``n`` bits; ``patterns`` stored, random +-1; ``beta`` above 0; ``flips`` in [0, 1/2), the probability
    that a bit of the cue is wrong. Small beta fails by the mean of many patterns, large beta by the nearest wrong one.
    Measured up to 0.03 above the formula for n = 16 .. 64.

    Errors: RunError for numbers out of range.
    """
    from scipy.stats import binom, norm
    name = "softmax_recall"
    n, patterns = whole(f"{name}.n", n, RunError), whole(f"{name}.patterns", patterns, RunError)
    beta, flips = number(f"{name}.beta", beta, RunError), number(f"{name}.flips", flips, RunError, 0.0, 0.5)
    distance = np.arange(n + 1)
    similarity, share = n - 2 * distance, binom.pmf(distance, n, 0.5)
    total = 0.0
    for h in range(n // 2):
        # Divided by the pull of the pattern, so that nothing overflows.
        pull = np.exp(np.minimum(beta * (similarity - similarity[h]), 0.0)) * (distance > h)
        mean = (share * pull * similarity).sum() / n
        spread = np.sqrt(max((share * pull**2).sum() - mean**2, 1e-300) * (patterns - 1)) + 1e-300
        right, wrong = (norm.cdf((1.0 + sign * (patterns - 1) * mean) / spread) for sign in (1, -1))
        alone = (1.0 - share[:h + 1].sum()) ** (patterns - 1)
        total += binom.pmf(h, n, flips) * right ** (n - h) * wrong**h * alone
    return float(total)


def _left(y):
    from scipy.special import erf
    return erf(y) / y - 2.0 / np.sqrt(np.pi) * np.exp(-y * y)


def _saddle():
    """The largest load that :func:`mean_field_overlap` solves, and its y."""
    from scipy.optimize import minimize_scalar
    y = minimize_scalar(lambda y: -_left(y), bounds=(0.5, 3.0), method="bounded", options={"xatol": 1e-10}).x
    return 0.5 * _left(y) ** 2, y


def _loads(name, load):
    load = array(f"{name}.load", load)
    if not (np.isfinite(load) & (load > 0)).all():
        raise DataError(f"{name}.load: is {load.min():g}. Patterns per unit, above 0, are expected.")
    return load
