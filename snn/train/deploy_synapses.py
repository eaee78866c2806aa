"""What lies between two layers of a trained network, folded into one list of synapses and one bias.

What it is
    Linear layers, convolutions, means over windows, batch norms in evaluation and delays are all linear and the same in
    every step. :class:`Synapses` takes them one after the other and stays of the form::

        x[t, post] += weight s[t - delay, pre] for every synapse;   x[t] += course[t]

    Only pairs that are connected are held, so a convolution costs as many synapses as it has products. ``course`` is
    what biases add in step ``t``. A bias that passes through a delay begins later, so it is a table whose last row
    stays on.

Shapes and units
    ``pre``, ``post``, ``weight`` (float64), ``delay`` (whole steps): one entry per synapse, pairs only once;
    ``n_in``, ``n_out``: numbers of neurons; ``course`` float64 [K, n_out], in the unit of the port. ``plain``: whether
    every neuron is passed on as it is, with weight 1, to the neuron of its own number.

Errors: RunError where two matrices follow each other with delays between them: the pair of neurons would need several
delays.
"""
import functools
from dataclasses import dataclass, replace

import numpy as np

from snn.errors import RunError


@dataclass(frozen=True, eq=False)
class Synapses:
    """See the module. Example: ``Synapses.identity(140).matrix(w).affine(gain, shift)``."""

    n_in: int
    pre: np.ndarray
    post: np.ndarray
    weight: np.ndarray
    delay: np.ndarray
    course: np.ndarray
    plain: bool = False

    @classmethod
    def identity(cls, n):
        """Every neuron is passed on as it is."""
        every = np.arange(n)
        return cls(n, every, every, np.ones(n), np.zeros(n, np.int64), np.zeros((1, n)), plain=True)

    @property
    def n_out(self):
        return self.course.shape[1]

    def matrix(self, weight, *, delay=None, bias=None, where="from_torch"):
        """A matrix [n_out, n] after what is there, dense or scipy.sparse, with a bias [n_out].

        ``delay``: whole steps, one number or [n_out, n]; an array needs a dense ``weight``.
        """
        import scipy.sparse
        weight = scipy.sparse.coo_array(weight)
        delay = np.asarray(0 if delay is None else delay)
        delay = np.broadcast_to(delay[weight.row, weight.col] if delay.ndim else delay, weight.row.shape)
        course = _arriving(self.course, weight, delay)
        if bias is not None:
            course = course + bias
        if self.plain:
            return Synapses(self.n_in, weight.col, weight.row, weight.data, delay + self.delay[weight.col], course)
        late = [int(d[0]) if len(d) and not np.ptp(d) else 0 for d in (self.delay, delay)]
        if any(len(d) and np.ptp(d) for d in (self.delay, delay)):
            raise RunError(f"{where}: a second matrix after one with delays, so that a pair of neurons would need "
                           "several delays. Put a spiking Layer between them.")
        before = scipy.sparse.coo_array((self.weight, (self.post, self.pre)), shape=(self.n_out, self.n_in))
        merged = (weight.tocsr() @ before.tocsr()).tocoo()
        return Synapses(self.n_in, merged.col, merged.row, merged.data, np.full(merged.nnz, sum(late)), course)

    def later(self, steps):
        """A delay of whole ``steps`` [n_out] after what is there."""
        import scipy.sparse
        course = _arriving(self.course, scipy.sparse.eye_array(self.n_out, format="coo"), steps)
        return replace(self, delay=self.delay + steps[self.post], course=course)

    def affine(self, gain, shift):
        """``x * gain + shift``, both [n_out]."""
        return replace(self, weight=self.weight * gain[self.post], course=self.course * gain + shift, plain=False)

    def of(self, values):
        """What arrives of ``values`` [T, n_in], with the biases, [K, n_out]; the last row, of biases alone, stays on.
        """
        import scipy.sparse
        steps = max(len(self.course), len(values) + int(self.delay.max(initial=0)) + 1)
        y = self.course[np.minimum(np.arange(steps), len(self.course) - 1)]
        for lag in np.unique(self.delay):
            at = np.flatnonzero(self.delay == lag)
            part = scipy.sparse.csr_array((self.weight[at], (self.post[at], self.pre[at])),
                                          shape=(self.n_out, self.n_in))
            y[lag:lag + len(values)] += (part @ values.T).T
        return y

    def edges(self):
        """``(pre, post, weight, delay)`` of all synapses whose weight is not zero, sorted by (pre, post)."""
        return self._edges

    @functools.cached_property
    def _edges(self):
        # The network is made anew for every input, its synapses are not.
        order = np.lexsort((self.post, self.pre))
        order = order[self.weight[order] != 0.0]
        return self.pre[order], self.post[order], self.weight[order], self.delay[order]


def _arriving(course, weight, delay):
    """The course of a bias behind a matrix with delays: ``y[t] = weight @ course[t - delay]``, nothing before 0."""
    import scipy.sparse
    if not course.any() or not weight.nnz:
        return np.zeros((1, weight.shape[0]))
    lags = np.unique(delay)
    y = np.zeros((len(course) + int(lags[-1]), weight.shape[0]))
    for lag in lags:
        rows, here = np.minimum(np.arange(len(y) - lag), len(course) - 1), delay == lag
        part = scipy.sparse.csr_array((weight.data[here], (weight.row[here], weight.col[here])), shape=weight.shape)
        y[lag:] += (part @ course[rows].T).T
    return y
