"""Linear nodes of NIR as modules of torch, and ways of such nodes as one matrix with delays."""
import copy
import math
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from snn.contract import steps_of
from snn.errors import DataError, NetworkError
from snn.exchange.nir_file import array_of
from snn.train.delay import AxonalDelay, Delay
from snn.train.linear import Linear

MOST_UNITS = 1 << 24
"""A file that declares more units in one place than this is not believed."""


def check_units(n, place):
    if not 0 < n <= MOST_UNITS:
        raise DataError(f"{place}: has {n} units. 1 to {MOST_UNITS} are read.")


def check_square(n, place):
    """Whether a matrix [n, n] may be made that stands in no file."""
    if n > 8192:
        raise DataError(f"{place}: needs a matrix of {n} x {n} of its own. At most 8192 units are read there: put the "
                        "factors into the weights.")


@dataclass
class Signal:
    """What has been read so far: ``modules``, the ``shape`` of what they give, and which of them has weights.

    ``waiting``: whole steps [n] by which everything comes later, of a Delay that no matrix has followed yet.
    """

    shape: tuple
    dtype: object
    where: str
    modules: list = field(default_factory=list)
    waiting: object = None
    weighted: object = None

    @property
    def n(self):
        return math.prod(self.shape)

    def add(self, module):
        """A module without time; the shape that it gives is found by trying."""
        module = module.to(self.dtype)
        try:
            # On the device "meta" nothing is computed: a file may ask for a window of any size.
            probe = copy.deepcopy(module).to("meta")
            self.shape = tuple(probe(torch.zeros(1, *self.shape, dtype=self.dtype, device="meta")).shape[1:])
        except (RuntimeError, ValueError, IndexError, TypeError) as err:
            reason = str(err).splitlines()[0][:200]
            raise DataError(f"{self.where}: a {type(module).__name__} gets {self.shape} and cannot take it "
                            f"({reason}).") \
                from None
        check_units(self.n, f"{self.where}: a {type(module).__name__}")
        self.modules.append(module)

    def matrix(self, weight, bias, place):
        """A matrix [n_out, n_in]; behind a delay that is the same for all it becomes a layer of delays."""
        if weight.ndim != 2 or self.shape != (weight.shape[1],):
            raise DataError(f"{place}: has a matrix of shape {weight.shape} and gets {self.shape}. A matrix "
                            "[out, in] for "
                            "one axis of inputs is needed: put a Flatten before it.")
        if bias is not None and bias.shape != weight.shape[:1]:
            raise DataError(f"{place}: has a bias of shape {bias.shape} for {len(weight)} outputs. Give one for each.")
        if self.waiting is not None and not np.ptp(self.waiting):
            self._delay(weight, np.full(weight.shape, self.waiting[0]), bias)
            return
        self._wait()
        module = Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
        _fill(module.to(self.dtype), weight, bias)
        self.modules.append(module)
        self.weighted, self.shape = module, (len(weight),)

    def later(self, name, steps):
        """A Delay: kept until it is known what follows."""
        if len(self.shape) != 1:
            raise DataError(f"{self.where}.{name}: a Delay of a signal of shape {self.shape}. Delays of one "
                            "axis are read.")
        self._wait()
        self.waiting, self.weighted = steps, None

    def synapses(self, parts, names):
        """Several ways ``(weight, lags, bias)``, summed: every synapse may be in one of them."""
        shapes = {weight.shape for weight, _, _ in parts}
        if len(shapes) > 1:
            raise DataError(f"{self.where}: the ways to {names[0]!r} give {sorted(s[0] for s in shapes)} values. They "
                            "are summed and must give as many.")
        lags, total = np.zeros(parts[0][0].shape, np.int64), sum(weight for weight, _, _ in parts)
        taken = np.zeros(lags.shape, bool)
        for weight, lag, _ in parts:
            clash = taken & (weight != 0) & (lags != lag)
            if clash.any():
                raise DataError(f"{self.where}: a pair of neurons has synapses of several delays on the ways to "
                                f"{names[0]!r}. A layer has one delay per pair: give one.")
            lags, taken = np.where(weight != 0, lag, lags), taken | (weight != 0)
        biases = [bias for _, _, bias in parts if bias is not None]
        self._wait()
        if not lags.any():
            self.matrix(total, sum(biases) if biases else None, f"{self.where}.{names[0]}")
            return
        self._delay(total, lags, sum(biases) if biases else None)

    def _delay(self, weight, steps, bias):
        self.waiting = None
        self.modules.append((weight, steps, bias))
        self.weighted, self.shape = len(self.modules) - 1, (len(weight),)

    def _wait(self):
        """Let a delay that still waits be a layer of its own."""
        if self.waiting is not None:
            self.modules.append((None, self.waiting, None))
            self.waiting = None

    def gain(self, gain, place):
        """Multiply the signal by a number, or by one per channel or value."""
        gain = gain[:1] if gain.size and (gain == gain[0]).all() else gain
        if (gain == 1.0).all():
            return
        self._wait()
        found = self.weighted
        rows = None if found is None else len(found.weight if isinstance(found, nn.Module) else self.modules[found][0])
        if rows is not None and len(gain) not in (1, rows) and len(gain) % rows == 0:
            table = gain.reshape(rows, -1)
            gain = table[:, 0] if (table == table[:, :1]).all() else gain
        if rows is not None and len(gain) in (1, rows):
            self._scale(found, np.broadcast_to(gain, (rows,)))
        elif len(self.shape) == 1:
            check_square(self.n, place)
            self.matrix(np.diag(np.broadcast_to(gain, (self.n,))), None, place)
        else:
            raise DataError(f"{place}: multiplies a signal of shape {self.shape} by values that differ within a "
                            "channel. "
                            "Put a Flatten before it.")

    def _scale(self, found, gain):
        if not isinstance(found, nn.Module):
            weight, steps, bias = self.modules[found]
            self.modules[found] = weight * gain[:, None], steps, None if bias is None else bias * gain
            return
        for p in (found.weight, found.bias):
            if p is not None:
                rows = torch.tensor(gain).reshape(-1, *[1] * (p.ndim - 1))
                p.data = (p.detach().double() * rows).to(p.dtype)

    def layer(self, module):
        self._wait()
        self.modules.append(module)
        self.weighted = None

    def finished(self, dt, longest):
        """All modules; delays are layers whose ``longest`` is in ms, or the longest that is there."""
        self._wait()
        return [_delay_layer(*m, dt, longest, self.dtype) if isinstance(m, tuple) else m for m in self.modules]


def input_shape(graph, name, where):
    """The shape of an Input. Errors: DataError for one that is none."""
    shape = array_of(graph.nodes[name].input_type["input"]).ravel()
    if shape.dtype.kind not in "iu" or not 0 < len(shape) < 8 or not ((shape > 0) & (shape <= MOST_UNITS)).all():
        raise DataError(f"{where}.{name}.shape: is {shape[:8]}. Positive whole numbers are needed, one per axis.")
    shape = tuple(int(k) for k in shape)
    check_units(math.prod(shape), f"{where}.{name}")
    return shape


def _delay_layer(weight, steps, bias, dt, longest, dtype):
    longest = float(steps.max() * dt) if longest is None else max(float(longest), float(steps.max() * dt))
    if weight is None:
        layer = AxonalDelay(len(steps), longest=longest, dt=dt)
    else:
        layer = Delay(weight.shape[1], weight.shape[0], longest=longest, dt=dt, bias=bias is not None)
    layer.to(dtype)
    if weight is not None:
        _fill(layer, weight, bias)
    with torch.no_grad():
        layer.steps.copy_(torch.tensor(steps))
    return layer


def _fill(module, weight, bias):
    with torch.no_grad():
        module.weight.copy_(torch.as_tensor(np.ascontiguousarray(weight)))
        if bias is not None:
            module.bias.copy_(torch.as_tensor(np.ascontiguousarray(bias)))


def delays_of(node, convention, n, place):
    """Whole steps [n] of a Delay node. Errors: DataError off the grid of dt."""
    seconds = array_of(node.delay).astype(np.float64).ravel()
    if seconds.size not in (1, n) or not np.isfinite(seconds).all() or (seconds < 0).any():
        raise DataError(f"{place}.delay: has {seconds.size} values for {n} channels, or not finite or negative "
                        "ones. Give "
                        "one delay per channel, s.")
    # Delays in single precision are off by 6e-8 of their length.
    ms = seconds * 1000.0
    whole = np.rint(ms / convention.dt)
    ms = np.where(np.abs(ms / convention.dt - whole) <= 1e-6 * np.maximum(whole, 1.0), whole * convention.dt, ms)
    try:
        return np.broadcast_to(steps_of(ms, convention.dt, f"{place}.delay"), (n,))
    except NetworkError as err:
        raise DataError(str(err)) from None


def way_of(graph, names, convention, n, where):
    """``(weight [n_out, n], lags [n_out, n], bias or None)`` of a way of Linear, Affine, Scale and Delay nodes."""
    weight, lags, bias = None, np.zeros(n, np.int64), None   # without a matrix: one lag per input
    for name in names:
        node, kind, place = graph.nodes[name], type(graph.nodes[name]).__name__, f"{where}.{name}"
        rows = n if weight is None else len(weight)
        if kind == "Delay" and bias is None:
            steps = delays_of(node, convention, rows, place)
            lags = lags + (steps if weight is None else steps[:, None])
        elif kind == "Scale" and array_of(node.scale).size == rows:
            scale = array_of(node.scale).astype(np.float64).ravel()
            check_square(rows, place)
            weight, lags = _behind(np.diag(scale), weight, lags, place)
            bias = None if bias is None else bias * scale
        elif kind in ("Linear", "Affine") and array_of(node.weight).shape[1:] == (rows,):
            matrix = array_of(node.weight)
            weight, lags = _behind(matrix, weight, lags, place)
            bias = None if bias is None else matrix @ bias
            bias = array_of(node.bias) + (0.0 if bias is None else bias) if kind == "Affine" else bias
        else:
            raise DataError(f"{place}: a {kind} of such sizes, or behind a bias, on one of several ways or in a loop. "
                            "Linear, Affine, Scale and Delay of one axis can be read there, Delay first.")
    if weight is None:
        check_square(n, where)
        weight = np.eye(n)
    return weight, np.broadcast_to(lags, weight.shape), bias


def _behind(matrix, weight, lags, place):
    """A matrix behind what was there: ``(weight, lags [n_out, n])``."""
    if weight is None:
        return matrix, np.broadcast_to(lags, (len(matrix), len(lags)))
    if (lags != lags[0]).any():
        raise DataError(f"{place}: a second matrix after one with delays, so that a pair of neurons would need "
                        "several. "
                        "Put a neuron between them.")
    return matrix @ weight, np.broadcast_to(lags[0], (len(matrix), len(lags[0])))
