"""Networks of excitatory-inhibitory pairs that learn classes from dis-inhibition.

What it is
    Hidden units are pairs (:mod:`snn.circuits.ei_pairs`); feedback from the output acts on their inhibitory neurons
    alone and thereby sets the sign of plasticity.

Source: Rossbroich and Zenke (2023), "Dis-inhibitory neuronal circuits can control the sign of synaptic plasticity",
Advances in Neural Information Processing Systems 36, arXiv:2310.19614.
"""
import math
from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import one_hot, softplus

from snn.circuits.ei_pairs import ExactInverse, LinearInverse, MicroCircuit, error, is_number
from snn.errors import DataError, ModelError, RunError

__all__ = ["DisInhibitoryNet", "ExactInverse", "LinearInverse", "MicroCircuit", "Settled", "error"]

LOOK = 10
"""Steps between two looks at whether the circuit has settled."""


class Settled(NamedTuple):
    """State of a network: lists of ``u``, ``u_I`` [batch, units] per hidden layer, ``o``, ``z`` [batch, classes]."""

    u: list
    u_I: list
    o: torch.Tensor
    z: torch.Tensor


class DisInhibitoryNet:
    """Layers of excitatory-inhibitory pairs that learn classes by dis-inhibition.

    Procedure for a batch
        1. The circuit settles without feedback; its answer is the largest output.
        2. B_l, the sensitivity of the output to layer l at this state, times phi'(u_I), scaled to norm 1 per sample,
           turns the control signal c of the output into the feedback fb = c B_l (:class:`MicroCircuit`).
        3. The circuit settles with feedback. Each weight W_ij onto u_i then moves along
           ``error(u_i, u_I_i) h_j``, each output weight along ``(o - W h)_i h_j = c_i h_j``, both by Adam.

    Parameters: ``sizes`` of the input, one or more hidden layers and the classes; ``circuit``; ``rule``, what a synapse
    knows of inhibition (:class:`ExactInverse`, :class:`LinearInverse`); ``average_feedback`` uses the mean of B_l over
    the batch; ``dtype``, ``device`` of torch. ``seed`` decides weights (normal, variance 1 / fan-in; biases 0) and the
    order of samples.

    Attributes: ``weights`` [units, inputs] and ``biases`` per hidden layer, then ``weights[-1]`` of the output.

    Errors: ModelError for sizes; DataError for samples or labels that do not fit; RunError, with layer and step, where
    a state is no longer finite.

    Example::

        net = DisInhibitoryNet((64, 16, 10), seed=1)
        net.fit(images, labels, epochs=25, rate=3e-3)
        print((net.predict(test_images) == test_labels).double().mean())
    """

    def __init__(self, sizes, *, seed, circuit=None, rule=None, average_feedback=False, dtype=torch.float32,
                 device="cpu"):
        self.sizes = _checked_sizes(sizes)
        if not isinstance(seed, int):
            raise ModelError(f"DisInhibitoryNet.seed: is {seed!r}. A whole number is right.")
        self.circuit, self.rule = circuit or MicroCircuit(), rule or ExactInverse()
        self.average_feedback = average_feedback
        self._draw = torch.Generator().manual_seed(int(seed))
        self.weights = [(torch.randn(n, m, generator=self._draw, dtype=torch.float64) / math.sqrt(m)).to(device, dtype)
                        for m, n in zip(self.sizes, self.sizes[1:], strict=False)]
        self.biases = [w.new_zeros(len(w)) for w in self.weights[:-1]]
        self._optimisers = {}

    def settle(self, x):
        """The :class:`Settled` state without feedback for samples ``x`` [batch, inputs]."""
        return self._settle_open(self._samples("settle", x))

    def predict(self, x):
        """Classes int64 [batch] that the circuit answers without feedback."""
        return self.settle(x).o.argmax(1)

    def control(self, x, labels):
        """``(open, closed)``: the states without and with feedback towards ``labels`` int [batch]."""
        x = self._samples("control", x)
        return self._control(x, self._classes("control", labels, len(x)))

    def descent(self, x, labels):
        """``(weights, biases, open)``: the directions to be subtracted, mean over the batch, and the open state."""
        x = self._samples("descent", x)
        opened, s = self._control(x, self._classes("descent", labels, len(x)))
        h = [x, *map(softplus, s.u)]
        errors = [-error(u, u_I, self.rule, softplus(usual).mean(0))
                  for u, u_I, usual in zip(s.u, s.u_I, opened.u_I, strict=True)]
        errors.append(h[-1] @ self.weights[-1].T - s.o)
        return [e.T @ b / len(x) for e, b in zip(errors, h, strict=True)], [e.mean(0) for e in errors[:-1]], opened

    def fit(self, x, labels, *, epochs, batch=100, rate=1e-3, hidden=True):
        """Learn; with ``hidden=False`` the output weights alone.

        Returns the part of the samples [epochs] that was right before each batch was learnt.
        """
        x = self._samples("fit", x)
        labels = self._classes("fit", labels, len(x))
        if not all(is_number(v) and v > 0 for v in (epochs, batch, rate)) or epochs % 1 or batch % 1:
            raise RunError(f"DisInhibitoryNet.fit: epochs, batch and rate are {epochs}, {batch} and {rate}. "
                           "Right would be whole numbers of epochs and samples, and a rate, all positive.")
        parts, history = math.ceil(len(x) / batch), []
        with _bar(epochs * parts) as bar:
            for _ in range(epochs):
                right = 0
                for part in torch.randperm(len(x), generator=self._draw).to(x.device).split(batch):
                    right += self._learn(x[part], labels[part], rate, hidden)
                    bar.update()
                history.append(right / len(x))
        return history

    def _learn(self, x, labels, rate, hidden):
        moved, biases, opened = self.descent(x, labels)
        parameters, gradients = ((self.weights + self.biases, moved + biases) if hidden
                                 else (self.weights[-1:], moved[-1:]))
        if hidden not in self._optimisers:
            self._optimisers[hidden] = torch.optim.Adam(parameters, lr=rate)
        optimiser = self._optimisers[hidden]
        optimiser.param_groups[0]["lr"] = rate
        for p, g in zip(parameters, gradients, strict=True):
            p.grad = g
        optimiser.step()
        return int((opened.o.argmax(1) == labels).sum())

    def _settle_open(self, x):
        rows = self.weights[0].new_zeros(len(x), 1)
        u = [rows.expand(-1, n) for n in self.sizes[1:-1]]
        zero = rows.expand(-1, self.sizes[-1])
        return self._settle(Settled(u, u, zero, zero), x, None, None, self.circuit.open_time)

    def _control(self, x, labels):
        opened, classes = self._settle_open(x), self.sizes[-1]
        low = (1 - self.circuit.target) / (classes - 1)
        target = low + (self.circuit.target - low) * one_hot(labels, classes).to(x.dtype)
        return opened, self._settle(opened, x, target, self.feedback(opened), self.circuit.closed_time)

    def feedback(self, s):
        """The matrices B_l [batch, classes, units] at the state ``s``, one per hidden layer."""
        found, back = [], self.weights[-1].expand(len(s.o), -1, -1)
        for k in reversed(range(len(s.u))):
            back = back * torch.sigmoid(s.u[k])[:, None]
            found.append(back * torch.sigmoid(s.u_I[k])[:, None])
            back = back @ self.weights[k]
        if self.average_feedback:
            found = [b.mean(0, keepdim=True).expand_as(b) for b in found]
        tiny = torch.finfo(s.o.dtype).tiny     # a layer that is silent altogether gets no feedback
        return [b / torch.linalg.matrix_norm(b, keepdim=True).clamp_min(tiny) for b in reversed(found)]

    def _settle(self, s, x, target, feedback, time):
        c, first = self.circuit, torch.addmm(self.biases[0], x, self.weights[0].T)
        for start in range(0, round(time / c.dt), LOOK):
            begin = s
            for _ in range(LOOK):
                before, s = s, self._step(s, first, target, feedback)
            moved = [(a - b).abs().max() for a, b in zip(_flat(s), _flat(before), strict=True)]
            change = float(torch.stack(moved).max())      # unlike Python's, this maximum keeps a NaN
            if not math.isfinite(change):
                self._complain(begin, first, target, feedback, start)
            if change < c.tolerance * c.dt:
                break
        return s

    def _step(self, s, first, target, feedback):
        c, u, u_I, a = self.circuit, [], [], first
        signal, z = None, s.z
        if target is not None:
            wrong = target - torch.softmax(s.o, 1)
            signal = torch.add(c.k_p * wrong, s.z, alpha=c.k_i)
            z = torch.lerp(s.z, wrong, c.dt / c.tau_z)
        for k in range(len(s.u)):
            fb = 0.0 if signal is None else torch.bmm(signal[:, None], feedback[k])[:, 0]
            h = softplus(s.u[k])
            moved = c.change(s.u[k], s.u_I[k], h, a, fb)
            u.append(moved[0])
            u_I.append(moved[1])
            following = self.weights[k + 1].T
            a = h @ following if k + 1 == len(s.u) else torch.addmm(self.biases[k + 1], h, following)
        return Settled(u, u_I, torch.lerp(s.o, a if signal is None else a + signal, c.dt / c.tau_E), z)

    def _complain(self, s, first, target, feedback, step):
        """Find and raise where the state ``s`` of ``step`` leads to a number that is not finite."""
        while True:
            broken = [k for k, pair in enumerate(zip(s.u, s.u_I, strict=True))
                      if not all(torch.isfinite(t).all() for t in pair)]
            if broken or not torch.isfinite(s.o).all():
                layer = f"hidden layer {broken[0]}" if broken else "output"
                loop = "without" if target is None else "with"
                raise RunError(f"DisInhibitoryNet.settle: {layer} is not finite after step {step} {loop} feedback. "
                               "The weights are too large; a smaller learning rate keeps them small.")
            s, step = self._step(s, first, target, feedback), step + 1

    def _samples(self, where, x):
        x = _tensor(f"DisInhibitoryNet.{where}", "x", x).to(self.weights[0])
        if x.ndim != 2 or x.shape[1] != self.sizes[0] or not len(x):
            raise DataError(f"DisInhibitoryNet.{where}: x has shape {tuple(x.shape)}. "
                            f"Right would be [samples, {self.sizes[0]}] with at least one sample.")
        if not torch.isfinite(x).all():
            raise DataError(f"DisInhibitoryNet.{where}: x has values that are not finite. All must be finite.")
        return x

    def _classes(self, where, labels, n):
        labels, classes = _tensor(f"DisInhibitoryNet.{where}", "labels", labels), self.sizes[-1]
        if labels.shape != (n,) or labels.is_floating_point() or labels.dtype == torch.bool:
            raise DataError(f"DisInhibitoryNet.{where}: labels are {labels.dtype} of shape {tuple(labels.shape)}. "
                            f"Right would be one whole number per sample, shape ({n},).")
        if not 0 <= int(labels.min()) <= int(labels.max()) < classes:
            raise DataError(f"DisInhibitoryNet.{where}: labels are in {int(labels.min())}..{int(labels.max())}. "
                            f"Right would be 0..{classes - 1}.")
        return labels.to(self.weights[0].device, torch.int64)


def _checked_sizes(sizes):
    if len(sizes) < 3 or not all(is_number(n) and n >= 1 and n % 1 == 0 for n in sizes) or sizes[-1] < 2:
        raise ModelError(f"DisInhibitoryNet.sizes: is {tuple(sizes)}. Right would be positive sizes of the input, "
                         "one or more hidden layers and at least two classes, such as (64, 16, 10).")
    return tuple(map(int, sizes))


def _tensor(where, name, values):
    try:
        return values.detach() if isinstance(values, torch.Tensor) else torch.as_tensor(np.array(values))
    except (TypeError, ValueError):
        raise DataError(f"{where}: {name} is no array of numbers. A numpy array or a tensor is.") from None


def _flat(s):
    return (*s.u, *s.u_I, s.o, s.z)


def _bar(total):
    from tqdm import tqdm

    return tqdm(total=total, desc="fit", unit="batch", delay=2.0, disable=None, leave=False)
