"""Adaptive whitening: interneurons of fixed synapses adapt their gains until the population is white.

What it is
    N principal neurons y drive K interneurons through a fixed frame W, and these inhibit them through its transpose.
    The only thing that changes with the statistics of the input is one gain per interneuron, which rises while the
    variance of its input is above 1 and falls while it is below. With K = N (N + 1) / 2 columns in general position the
    covariance of y becomes the identity; synapses, which may serve something else, stay as they are.

Source: L. R. Duong, D. Lipshutz, D. J. Heeger, D. B. Chklovskii, E. P. Simoncelli (2023), "Adaptive whitening in neural
populations with gain-modulating interneurons", ICML, arXiv:2301.11955.
"""
import numpy as np

from snn.circuits.checks import array, generator, number, whole
from snn.errors import DataError, NetworkError, RunError


def random_frame(n, k=None, *, seed=0):
    """A frame W, float64 [n, k]: k random directions of unit length; None: n (n + 1) / 2, enough to whiten exactly.

    Errors: NetworkError for sizes, RunError for the seed. Example: ``random_frame(3, seed=1)``
    """
    n = whole("random_frame.n", n, NetworkError)
    k = n * (n + 1) // 2 if k is None else whole("random_frame.k", k, NetworkError)
    w = generator("random_frame.seed", seed).standard_normal((n, k))
    return w / np.linalg.norm(w, axis=0)


def regular_frame(k=3):
    """A frame W [2, k] in the plane: k directions at equal angles around the circle; three whiten exactly.

    Errors: NetworkError for k < 2. Example: ``regular_frame()``
    """
    angles = 2.0 * np.pi * np.arange(whole("regular_frame.k", k, NetworkError, least=2)) / k
    return np.array([np.cos(angles), np.sin(angles)])


def whitening_gains(covariance, frame, *, alpha=1.0):
    """The gains that whiten an input of known covariance, float64 [K].

    Formula
        ``g = ((W^T W)^(o2))^-1 diag(W^T (C^(1/2) - alpha I) W)``, (o2) the square of each entry: the least squares
        solution of ``W diag(g) W^T = C^(1/2) - alpha I``, which is exact for N (N + 1) / 2 columns in general position.
        With more columns, that of least norm; with fewer, whitening is partial.

    Shapes: ``covariance`` [N, N], positive semi-definite; ``frame`` [N, K].

    Errors: DataError for matrices of another shape or kind; NetworkError for alpha.

    Example: ``whitening_gains(np.array([[2, 0.8], [0.8, 1]]), regular_frame(), alpha=0.0)`` gives 1.058, 0.225, 1.025.
    """
    w = _frame("whitening_gains.frame", frame)
    root = _root(_covariance("whitening_gains.covariance", covariance, len(w)))
    alpha = number("whitening_gains.alpha", alpha, NetworkError)
    # The normal equations of this are the formula; without them half of the digits are not lost.
    outer = (w[:, None] * w[None]).reshape(-1, w.shape[1])
    return np.linalg.lstsq(outer, (root - alpha * np.eye(len(w))).ravel(), rcond=None)[0]


class AdaptiveWhitening:
    """A recurrent circuit that whitens its input by adapting the gains g of its interneurons.

    Formula
        ``dy/dt = x - W (g * z) - alpha y``, ``z = W^T y``; at rest ``y = (alpha I + W diag(g) W^T)^-1 x``;
        adaptation, with every input x: ``g += eta (z^2 - 1)``.

    Parameters
        frame   W [N, K], see :func:`random_frame`, :func:`regular_frame`, :func:`whitening_gains`
        alpha   leak of the principal neurons, at least 0
        gains   g at the beginning, [K] or a number

    Attributes: ``frame``, ``alpha``, ``gains`` [K]. Everything is float64 and without unit.

    Errors: NetworkError for the frame and alpha; DataError for samples; RunError where ``alpha I + W diag(g) W^T`` is
    not positive definite, so that the circuit does not come to rest.

    Example::

        circuit = AdaptiveWhitening(random_frame(3, seed=1))
        y = circuit.adapt(x, eta=2e-3)                  # x [samples, 3]
        print(circuit.error(np.cov(x.T)))
    """

    def __init__(self, frame, *, alpha=1.0, gains=0.0):
        self.frame = _frame("AdaptiveWhitening.frame", frame)
        self.n, self.k = self.frame.shape
        self.alpha = number("AdaptiveWhitening.alpha", alpha, NetworkError)
        given = array("AdaptiveWhitening.gains", gains)
        if given.shape not in ((), (self.k,)) or not np.isfinite(given).all():
            raise DataError(f"AdaptiveWhitening.gains: has shape {given.shape}. A number, or one per interneuron "
                            f"[{self.k}], is expected, all finite.")
        self.gains = np.broadcast_to(given, self.k).astype(np.float64)
        self._factor("gains")

    def respond(self, x):
        """Where the circuit comes to rest for inputs x [..., N]: y [..., N]."""
        x = self._samples("respond", x)
        return np.linalg.solve(self._matrix(), x[..., None])[..., 0]

    def adapt(self, x, *, eta=2e-3, non_negative=False):
        """Adapt to inputs x [samples, N], one after the other; returns what the circuit said to each, [samples, N].

        ``non_negative``: gains below 0 become 0, so that interneurons only inhibit: robust, but whitening is partial.
        """
        from scipy.linalg import cho_solve
        x = self._samples("adapt", np.atleast_2d(array("AdaptiveWhitening.adapt.x", x)))
        eta, y = number("AdaptiveWhitening.adapt.eta", eta, RunError), np.empty_like(x)
        for k, sample in enumerate(x):
            y[k] = cho_solve((self._factor("adapt.eta", k), True), sample)
            self.gains += eta * ((self.frame.T @ y[k]) ** 2 - 1.0)
            if non_negative:
                np.maximum(self.gains, 0.0, out=self.gains)
        return y

    def simulate(self, x, duration, *, dt):
        """The way to rest from y = 0 under a constant input x [N], by Euler steps: y [steps, N] after each.

        Errors: RunError for a dt with which the steps do not settle (above 2 / the largest eigenvalue).
        """
        x = self._samples("simulate", x)
        duration, dt = (number(f"AdaptiveWhitening.simulate.{name}", value, RunError)
                        for name, value in (("duration", duration), ("dt", dt)))
        longest = 2.0 / np.linalg.eigvalsh(self._matrix())[-1]
        if not 0.0 < dt < longest:
            raise RunError(f"AdaptiveWhitening.simulate.dt: is {dt:g}. With these gains it must be above 0 and below "
                           f"{longest:g}.")
        y, path = np.zeros_like(x), np.empty((round(duration / dt), *x.shape))
        for k in range(len(path)):
            z = y @ self.frame
            y = y + dt * (x - (self.gains * z) @ self.frame.T - self.alpha * y)
            path[k] = y
        return path

    def covariance(self, covariance):
        """Covariance of y [N, N] for an input of covariance [N, N]."""
        c = _covariance("AdaptiveWhitening.covariance", covariance, self.n)
        inverse = np.linalg.inv(self._matrix())
        return inverse @ c @ inverse

    def error(self, covariance):
        """How far from white the answer is: the largest absolute eigenvalue of C_yy - I."""
        return float(np.abs(np.linalg.eigvalsh(self.covariance(covariance) - np.eye(self.n))).max())

    def network(self, x, *, tau=1.0, eta=0.0, hold=20.0):
        """The circuit as a :class:`snn.Network` of populations ``principal`` and ``interneurons``, coupled by ``rate``.

        Parameters: ``x`` [N], a constant input, or [samples, N], each for ``hold`` ms; ``tau`` ms, the time constant of
        both populations; ``eta`` per ms, at which gains adapt: 0 makes the interneurons
        :class:`~snn.neurons.GainModulated`, else they are :class:`~snn.neurons.AdaptiveGain`.

        The state ``r`` of the principal units comes to rest at ``respond(x)``. Where ``tau`` is short beside ``hold``,
        the state ``g`` of the interneurons goes as with ``adapt(x, eta=eta * hold)``.
        """
        import snn
        from snn.neurons import AdaptiveGain, GainModulated
        x, where = self._samples("network", x), "AdaptiveWhitening.network"
        tau, eta, hold = (number(f"{where}.{name}", value, RunError)
                          for name, value in (("tau", tau), ("eta", eta), ("hold", hold)))
        if x.ndim > 2:
            raise DataError(f"{where}.x: has shape {x.shape}. [{self.n}] or [samples, {self.n}] is expected.")
        net, cell = snn.Network("whitening"), GainModulated(tau=tau, gain=self.gains)
        principal = net.add("principal", GainModulated(tau=tau, leak=self.alpha), self.n)
        inter = net.add("interneurons", AdaptiveGain(tau=tau, gain=self.gains, eta=eta) if eta else cell, self.k)
        net.couple(principal, inter, snn.AllToAll(), weight=self.frame.ravel(), values={"input": "rate"})
        net.couple(inter, principal, snn.AllToAll(), weight=-self.frame.T.ravel(), values={"input": "rate"})
        net.drive(principal, snn.CurrentInput(x, interval=None if x.ndim == 1 else hold), port="input")
        return net

    def _matrix(self):
        return self.alpha * np.eye(self.n) + (self.frame * self.gains) @ self.frame.T

    def _factor(self, field, sample=None):
        try:
            return np.linalg.cholesky(self._matrix())
        except np.linalg.LinAlgError:
            after = "" if sample is None else f" after {sample} samples"
            raise RunError(f"AdaptiveWhitening.{field}: alpha I + W diag(g) W^T is not positive definite{after}, so "
                           "that the circuit does not come to rest. A larger alpha, larger gains, a smaller eta or "
                           "non_negative=True may help.") from None

    def _samples(self, where, x):
        x = array(f"AdaptiveWhitening.{where}.x", x)
        if x.ndim < 1 or x.shape[-1] != self.n or not np.isfinite(x).all():
            raise DataError(f"AdaptiveWhitening.{where}.x: has shape {x.shape}. Finite numbers [..., {self.n}] are "
                            "expected.")
        return x


def _frame(where, w):
    w = array(where, w)
    if w.ndim != 2 or 0 in w.shape or not np.allclose(np.linalg.norm(w, axis=0), 1.0, atol=1e-6):
        raise NetworkError(f"{where}: has shape {w.shape}, or columns that are not of length 1. Directions of unit "
                           "length, [N, K], are expected.")
    return w


def _covariance(where, c, n):
    c = array(where, c)
    if c.shape != (n, n) or not np.isfinite(c).all() or not np.allclose(c, c.T):
        raise DataError(f"{where}: has shape {c.shape}. A symmetric matrix of finite numbers, [{n}, {n}], is expected.")
    if np.linalg.eigvalsh(c)[0] < -1e-9 * np.abs(c).max():
        raise DataError(f"{where}: has a negative eigenvalue, {np.linalg.eigvalsh(c)[0]:g}. A covariance has none.")
    return c


def _root(c):
    """The symmetric square root."""
    values, vectors = np.linalg.eigh(c)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
