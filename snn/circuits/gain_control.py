"""Adaptation by gain control: a ring of tuned neurons changes gains, never synapses, with the stimuli that it meets.

What it is
    Neurons tuned to orientations on a ring, with fixed recurrent synapses W and a fixed linear readout D. The gains are
    those that serve the present ensemble of stimuli best: the input can be read out, spikes are few, and gains stay
    near 1. Shown one orientation more often than others, the ring lowers the gains around it; and through the recurrent
    synapses that alone moves tuning curves away from it, which no gain can do in a ring without recurrence.

Source: after L. R. Duong, C. Bredenberg, D. J. Heeger, E. P. Simoncelli (2023), "Adaptive coding efficiency in
recurrent cortical circuits via gain control", arXiv:2305.19869; the sizes and constants are our own.
"""
import dataclasses
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from snn.circuits.checks import array, number, whole
from snn.errors import DataError, NetworkError, RunError


@dataclass(frozen=True, kw_only=True)
class GainControl:
    """A ring of ``n`` neurons whose gains adapt to an ensemble of stimuli.

    Formula
        ``tau dr/dt = -r + g * (f(s) + W r)``; at rest ``r = (I - diag(g) W)^-1 diag(g) f(s)``.
        ``f_i(s) = exp(sharpness (cos 2 (s - theta_i) - 1))``, ``theta_i`` and the stimuli s at the angles ``pi k / n``
        ``W_ij = excitation v(theta_i - theta_j) - inhibition / n``; v falls with the angle as f does, with ``reach`` in
        place of sharpness, and its sum is 1.
        ``D`` is the least squares readout of f from r at g = 1, all stimuli alike (ridge 0.001).
        The gains for an ensemble p are the least of
        ``sum_s p_s (|f - D r|^2 + cost |r|^2) + stay |g - 1|^2`` over g >= 0, found by gradient descent (L-BFGS-B).

    Shapes: gains [n]; an ensemble p [n] of sum 1, see :meth:`ensemble`; responses [stimuli, neurons]. Angles in rad.
    Everything else has no unit.

    Errors: NetworkError for parameters, among them a W that settles not even at g = 1; DataError for gains and
    ensembles; RunError where no least was found.

    Example::

        ring = GainControl()
        before, after = (ring.responses(ring.adapt(ring.ensemble(weight=w))) for w in (0.0, 0.5))
        print(ring.peaks(after) - ring.peaks(before))
    """

    n: int = 60
    sharpness: float = 2.0
    reach: float = 2.0
    excitation: float = 1.2
    inhibition: float = 0.8
    cost: float = 2.0
    stay: float = 6.0

    def __post_init__(self):
        whole("GainControl.n", self.n, NetworkError, least=3)
        for f in dataclasses.fields(self)[1:]:
            number(f"GainControl.{f.name}", getattr(self, f.name), NetworkError)
        largest = np.linalg.eigvalsh(self.recurrent)[-1]
        if largest >= 1.0:
            raise NetworkError(f"GainControl.excitation: is {self.excitation:g}; the largest eigenvalue of W is then "
                               f"{largest:.3g}. Below 1 the ring comes to rest.")

    @cached_property
    def angles(self):
        """Preferred angles and stimuli, [n]."""
        return np.pi * np.arange(self.n) / self.n

    @cached_property
    def feedforward(self):
        """f(s), [stimuli, neurons]."""
        return self._bumps(self.sharpness)

    @cached_property
    def recurrent(self):
        """W, [n, n]."""
        bumps = self._bumps(self.reach)
        return self.excitation * bumps / bumps.sum(1, keepdims=True) - self.inhibition / self.n

    @cached_property
    def decoder(self):
        """D, [n, n]."""
        r = self.responses(np.ones(self.n))
        return np.linalg.solve(r.T @ r + 1e-3 * self.n * np.eye(self.n), r.T @ self.feedforward).T

    def ensemble(self, *, adapter=None, weight=0.5):
        """Probabilities [n]: all stimuli alike with 1 - weight, and the one of number ``adapter`` (None: n // 2) with
        ``weight``."""
        weight = number("GainControl.ensemble.weight", weight, RunError, 0.0, 1.0, open_above=False)
        adapter = self.n // 2 if adapter is None else whole("GainControl.ensemble.adapter", adapter, RunError, least=0)
        if adapter >= self.n:
            raise RunError(f"GainControl.ensemble.adapter: is {adapter}. A stimulus, 0 to {self.n - 1}, is expected.")
        p = np.full(self.n, (1.0 - weight) / self.n)
        p[adapter] += weight
        return p

    def responses(self, gains):
        """r at rest for every stimulus, [stimuli, neurons]."""
        g = self._gains(gains)
        return np.linalg.solve(np.eye(self.n) - g[:, None] * self.recurrent, (self.feedforward * g).T).T

    def objective(self, gains, ensemble):
        """``(value, gradient [n])`` of what adaptation makes small."""
        g, p = self._gains(gains), self._ensemble(ensemble)
        f, w, d = self.feedforward, self.recurrent, self.decoder
        inverse = np.linalg.inv(np.eye(self.n) - g[:, None] * w)
        r = (f * g) @ inverse.T
        wrong = f - r @ d.T
        value = p @ (np.square(wrong).sum(1) + self.cost * np.square(r).sum(1)) + self.stay * np.square(g - 1.0).sum()
        back = p[:, None] * (2.0 * self.cost * r - 2.0 * wrong @ d)
        return value, ((back @ inverse) * (f + r @ w.T)).sum(0) + 2.0 * self.stay * (g - 1.0)

    def adapt(self, ensemble):
        """The gains [n] that serve the ensemble [n] best."""
        from scipy.optimize import minimize
        p = self._ensemble(ensemble)
        largest = np.linalg.eigvalsh(self.recurrent)[-1]
        bound = 0.99 / largest if largest > 0 else None
        found = minimize(self.objective, np.ones(self.n), args=(p,), jac=True, method="L-BFGS-B",
                         bounds=[(0.0, bound)] * self.n, options={"maxiter": 5000, "ftol": 1e-14, "gtol": 1e-9})
        if not np.isfinite(found.fun) or found.nit >= 5000:
            raise RunError(f"GainControl.adapt: no least was found in {found.nit} steps. A larger stay may help.")
        return found.x

    def peaks(self, responses):
        """The stimulus that drives each neuron most, [neurons] in rad, between the grid by a parabola."""
        r = self._responses("peaks", responses)
        k, j = r.argmax(0), np.arange(self.n)
        left, top, right = r[k - 1, j], r[k, j], r[(k + 1) % self.n, j]
        return (k + 0.5 * (left - right) / (left - 2.0 * top + right)) * np.pi / self.n

    def correlation(self, responses, ensemble):
        """Correlation coefficients between neurons over the ensemble, [n, n]."""
        r, p = self._responses("correlation", responses), self._ensemble(ensemble)
        x = (r - p @ r) * np.sqrt(p)[:, None]
        covariance = x.T @ x
        sd = np.sqrt(np.diag(covariance))
        return covariance / np.outer(sd, sd)

    def network(self, stimulus, gains, *, tau=10.0):
        """The ring under a stimulus (its number), a :class:`snn.Network` of :class:`~snn.neurons.GainModulated` units.

        Population ``ring``, coupled through its ``rate``; ``tau`` in ms.
        """
        import snn
        from snn.neurons import GainModulated
        if whole("GainControl.network.stimulus", stimulus, RunError, least=0) >= self.n:
            raise RunError(f"GainControl.network.stimulus: is {stimulus}. A number from 0 to {self.n - 1} is expected.")
        net = snn.Network("ring")
        ring = net.add("ring", GainModulated(tau=tau, gain=self._gains(gains)), self.n)
        net.couple(ring, ring, snn.AllToAll(), weight=self.recurrent.T.ravel(), values={"input": "rate"})
        net.drive(ring, snn.CurrentInput(self.feedforward[stimulus]), port="input")
        return net

    def _bumps(self, sharpness):
        return np.exp(sharpness * (np.cos(2.0 * (self.angles[:, None] - self.angles)) - 1.0))

    def _gains(self, g):
        g = array("GainControl.gains", g)
        if g.shape != (self.n,) or not (np.isfinite(g) & (g >= 0)).all():
            raise DataError(f"GainControl.gains: has shape {g.shape}. Numbers of at least 0, [{self.n}], are expected.")
        return g

    def _ensemble(self, p):
        p = array("GainControl.ensemble", p)
        if p.shape != (self.n,) or not (p >= 0).all() or not np.isclose(p.sum(), 1.0):
            raise DataError(f"GainControl.ensemble: has shape {p.shape} and sum {p.sum():g}. Probabilities [{self.n}] "
                            "of sum 1 are expected.")
        return p

    def _responses(self, where, r):
        r = array(f"GainControl.{where}.responses", r)
        if r.shape != (self.n, self.n):
            raise DataError(f"GainControl.{where}.responses: has shape {r.shape}. [{self.n}, {self.n}], stimuli and "
                            "neurons, is expected.")
        return r
