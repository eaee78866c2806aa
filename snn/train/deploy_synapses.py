"""What lies between two layers of a trained network, folded into one matrix, one delay per synapse and one bias.

What it is
    Linear layers, batch norms in evaluation and delays are all linear and the same in every step. :class:`Synapses`
    takes them one after the other and stays of the form::

        x[t, j] = sum_i weight[j, i] s[t - delay[j, i], i] + course[t, j]

    ``course`` is what biases add in step ``t``. A bias that passes through a delay begins later, so it is a table whose
    last row stays on.

Shapes and units
    ``weight`` float64 [n_out, n_in], None for one synapse of weight 1 per neuron; ``delay`` whole steps, [n_out, n_in]
    ([n] where ``weight`` is None); ``course`` float64 [K, n_out], in the unit of the port.

Errors: RunError where two matrices follow each other with delays between them: the pair of neurons would need several
delays.
"""
from dataclasses import dataclass, replace

import numpy as np

from snn.errors import RunError


@dataclass(frozen=True, eq=False)
class Synapses:
    """See the module. Example: ``Synapses.identity(140).matrix(w).affine(gain, shift)``."""

    weight: np.ndarray | None
    delay: np.ndarray
    course: np.ndarray

    @classmethod
    def identity(cls, n):
        """Every neuron is passed on as it is."""
        return cls(None, np.zeros(n, np.int64), np.zeros((1, n)))

    @property
    def n_in(self):
        return self.course.shape[1] if self.weight is None else self.weight.shape[1]

    @property
    def n_out(self):
        return self.course.shape[1]

    def matrix(self, weight, *, delay=None, bias=None, where="from_torch"):
        """A matrix [n_out, n] after what is there, with a delay per synapse [n_out, n] and a bias [n_out]."""
        delay = np.zeros(weight.shape, np.int64) if delay is None else delay
        course = _arriving(self.course, weight, delay)
        if bias is not None:
            course = course + bias
        if self.weight is None:
            return Synapses(weight, delay + self.delay, course)
        if np.ptp(self.delay) or np.ptp(delay):
            raise RunError(f"{where}: a second matrix after one with delays, so that a pair of neurons would need "
                           "several delays. Put a spiking Layer between them.")
        merged = weight @ self.weight
        return Synapses(merged, np.full(merged.shape, self.delay.flat[0] + delay.flat[0]), course)

    def later(self, steps):
        """A delay of whole ``steps`` [n_out] after what is there."""
        course = _arriving(self.course, np.eye(self.n_out), np.broadcast_to(steps[:, None], 2 * (self.n_out,)))
        extra = steps if self.weight is None else steps[:, None]
        return replace(self, delay=self.delay + extra, course=course)

    def affine(self, gain, shift):
        """``x * gain + shift``, both [n_out]."""
        course = self.course * gain + shift
        if self.weight is None:
            n = self.n_out
            return Synapses(np.diag(gain), np.broadcast_to(self.delay, (n, n)), course)
        return replace(self, weight=self.weight * gain[:, None], course=course)

    def edges(self):
        """``(pre, post, weight, delay)`` of all synapses whose weight is not zero, sorted by (pre, post)."""
        if self.weight is None:
            every = np.arange(self.n_out)
            return every, every, np.ones(self.n_out), self.delay
        pre, post = np.nonzero(self.weight.T)
        return pre, post, self.weight[post, pre], np.broadcast_to(self.delay, self.weight.shape)[post, pre]


def _arriving(course, weight, delay):
    """The course of a bias behind a matrix with delays: ``y[t] = weight @ course[t - delay]``, nothing before 0."""
    if not course.any():
        return np.zeros((1, len(weight)))
    lags = np.unique(delay)
    y = np.zeros((len(course) + int(lags[-1]), len(weight)))
    for lag in lags:
        rows = np.minimum(np.arange(len(y) - lag), len(course) - 1)
        y[lag:] += course[rows] @ np.where(delay == lag, weight, 0.0).T
    return y
