"""Modules of a trained network, read one after the other into stages: what arrives at a layer, and the layer."""
import math
from dataclasses import dataclass, replace

import numpy as np
from spikingjelly.activation_based import layer as theirs
from spikingjelly.activation_based.base import MemoryModule, StepModule
from torch import nn

from snn.contract import numbers
from snn.errors import RunError
from snn.train.children import check_states, children_of
from snn.train.delay import AxonalDelay, Delay
from snn.train.deploy_linear import READINGS, expected
from snn.train.deploy_pool import AnySpike, max_pool
from snn.train.deploy_synapses import Synapses
from snn.train.folded import Dropout, Folded
from snn.train.layer import Layer
from snn.train.readout import EveryStep, Last, Max, Mean, SumOfSoftmax
from snn.train.recurrent import Recurrent

READOUTS = (Last, Max, Mean, SumOfSoftmax, EveryStep, theirs.VotingLayer)
CONTAINERS = (nn.Sequential, Folded)
NOTHING = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, Dropout, theirs.Dropout)
UNKNOWN = "the shape of its input is not known. Give shape"
MAXIMA = (nn.MaxPool1d, nn.MaxPool2d)
KNOWN = ("Sequential, Folded, Linear, Conv1d, Conv2d, AvgPool, AdaptiveAvgPool, MaxPool behind a layer, Flatten, "
         "BatchNorm, Delay, AxonalDelay, Dropout, Layer, Recurrent, a readout at the end")
# What they do depends on where the axes of time and batch are.
PER_STEP = (nn.Conv1d, nn.Conv2d, nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d,
            nn.BatchNorm1d, nn.BatchNorm2d, *MAXIMA)


@dataclass(frozen=True, eq=False)
class Stage:
    """A layer and the synapses that lead to it.

    ``path``: where it stands in the net; ``shape``: of one sample in one step; ``emit``: the state that it gives, None
    for spikes; ``recurrent``: the :class:`~snn.train.deploy_synapses.Synapses` from its own spikes, or None.
    """

    name: str
    path: str
    shape: tuple
    synapses: Synapses
    recurrent: Synapses | None
    model: object
    port: str
    emit: str | None

    @property
    def n(self):
        return self.synapses.n_out

    @property
    def n_in(self):
        return self.synapses.n_in

    def course(self, graded=None):
        """What biases add to the port, and values ``graded`` [T, n_in] from step 0 on, [K, n]; the last row stays on.
        """
        course = self.synapses.course if graded is None else self.synapses.of(graded)
        return course if self.recurrent is None else course + self.recurrent.course


@dataclass(frozen=True, eq=False)
class Read:
    """A net that was read: ``shape`` of one input in one step, its stages, the readout or None, ``dt`` ms."""

    shape: tuple
    stages: list
    readout: object
    dt: float


def read(net, where, *, dt=None, shape=None):
    """The :class:`Read` of an ``nn.Sequential``. Errors: RunError for what cannot be deployed."""
    if not isinstance(net, nn.Module):
        raise RunError(f"{where}.net: is a {type(net).__name__}. Give an nn.Sequential of layers.")
    check_states(net, where)
    reader = _Reader(where, _checked_shape(shape, where))
    # In single steps nothing has an axis of time, as in Folded.
    single = any(isinstance(m, MemoryModule) and m.step_mode == "s" for m in net.modules())
    for path, module, folded in _leaves(net, "", single):
        reader.take(path, module, folded or isinstance(module, StepModule) and module.step_mode == "m")
    return reader.done(dt)


def _checked_shape(shape, where):
    if shape is None:
        return None
    sizes = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
    if not sizes or not all(isinstance(n, int | np.integer) and n > 0 for n in sizes):
        raise RunError(f"{where}.shape: is {shape!r}. The shape of one sample in one step is expected, such as "
                       "(1, 28, 28).")
    return tuple(map(int, sizes))


def _leaves(net, path, folded):
    """``(path, module, whether it is called without the axis of time)`` in the order of calls, containers opened."""
    if isinstance(net, CONTAINERS):
        for name, child in children_of(net):
            yield from _leaves(child, f"{path}.{name}" if path else name, folded or isinstance(net, Folded))
    else:
        yield path or "net", net, folded


class _Reader:
    """Takes modules in order. ``shape``: of a sample where the reader is; ``synapses``: since the last layer."""

    def __init__(self, where, shape):
        self.where, self.stages, self.synapses, self.readout = where, [], None, None
        self.first = self.shape = shape
        self.times = {}   # {place: dt} of the modules that have one

    def take(self, path, module, folded):
        place = f"{self.where}.{path}"
        if self.readout is not None:
            raise RunError(f"{place}: a {type(module).__name__} after the readout. A readout must be the last module.")
        _check_axes(place, module, folded)
        if isinstance(module, READOUTS):
            self.readout = module
        elif isinstance(module, Layer | Recurrent):
            self._layer(path, place, module)
        elif isinstance(module, nn.Flatten):
            self._flatten(place, module, folded)
        elif isinstance(module, MAXIMA):
            self._pool(path, place, module)
        elif not isinstance(module, NOTHING):
            self._linear(path, place, module)

    def _linear(self, path, place, module):
        reading = next((f for kind, f in READINGS.items() if isinstance(module, kind)), None)
        if reading is None:
            raise RunError(f"{place}: a {type(module).__name__} cannot be deployed. Deployable are: {KNOWN}.")
        if isinstance(module, Delay | AxonalDelay):
            self.times[path] = module.dt
        self._expect(place, module)
        self.synapses, self.shape = reading(self._incoming(), self.shape, module, place)
        self._check_size(place, module)

    def _pool(self, path, place, module):
        self._expect(place, module)
        synapses, self.shape = max_pool(self._incoming(), self.shape, module, place)
        self._check_size(place, module)
        name = f"pool{1 + sum(isinstance(s.model, AnySpike) for s in self.stages)}"
        self.stages.append(Stage(name, path, self.shape, synapses, None, AnySpike(), "delta", None))
        self.synapses = None

    def _flatten(self, place, module, folded):
        self._know(None, place, UNKNOWN)
        before = 1 if folded else 2
        first, last = (a + (len(self.shape) + before if a < 0 else 0) - before
                       for a in (module.start_dim, module.end_dim))
        if first < 0:
            raise RunError(f"{place}: flattens the axes of time or batch too. Use Folded(nn.Flatten()).")
        merged = math.prod(self.shape[first:last + 1])
        self.shape = (*self.shape[:first], merged, *self.shape[last + 1:])

    def _layer(self, path, place, module):
        layer = module.layer if isinstance(module, Recurrent) else module
        self._know((layer.n,) if layer.n is not None else None, place,
                   "its number of neurons is not known. Give it, Layer(model, n, ...), or shape")
        if layer.n is not None and self.shape != (layer.n,):
            self._disagree(place, layer.n)
        synapses = self._incoming()
        recurrent = _recurrent(module) if isinstance(module, Recurrent) else None
        emit = None if layer.emit == "z" else layer.emit
        if emit == "margin":
            raise RunError(f"{place}: gives its margin, which is no state. Give a state variable, emit='v'.")
        name, model = f"layer{1 + sum(not isinstance(s.model, AnySpike) for s in self.stages)}", layer.model
        # A model that is changed for training only (snn.train.rectifier) runs as what it is in evaluation.
        model = model.in_evaluation() if hasattr(model, "in_evaluation") else model
        self.stages.append(Stage(name, path, self.shape, synapses, recurrent, model, layer.port, emit))
        self.times[path] = layer.dt
        self.synapses = None

    def _know(self, shape, place, unknown):
        """Take ``shape`` as that of the input where none is known yet."""
        if self.shape is None:
            if shape is None:
                raise RunError(f"{place}: {unknown}, the shape of one sample, for instance shape=(1, 28, 28).")
            self.first = self.shape = shape

    def _expect(self, place, module):
        """Check that the shape is one that the module takes."""
        axis, size, axes = expected(module)
        flat = axes is None or 1 in axes
        self._know((size,) if flat and size is not None else None, place, UNKNOWN)
        if axes is not None and len(self.shape) not in axes:
            wanted = " or ".join(str(a) for a in axes)
            raise RunError(f"{place}: gets samples of shape {self.shape}. A {type(module).__name__} takes {wanted} "
                           f"{'axis' if axes == (1,) else 'axes'}.")
        if size is not None and self.shape[axis] != size:
            self._disagree(place, size)

    def _disagree(self, place, n):
        got = self.shape[0] if len(self.shape) == 1 else f"a shape of {self.shape}"
        raise RunError(f"{place}: takes {n} inputs and gets {got}. The numbers must agree.")

    def _check_size(self, place, module):
        if 0 in self.shape:
            raise RunError(f"{place}: the window of the {type(module).__name__} is larger than its input, so that "
                           "nothing is left. Use a smaller kernel, or padding.")

    def _incoming(self):
        """The synapses so far; every neuron itself where there are none."""
        last = self.stages[-1] if self.stages else None
        if self.synapses is None and last is not None and last.emit is not None:
            raise RunError(f"{self.where}.{last.path}: gives its state {last.emit!r} to other modules; graded values "
                           "are no spikes. Only the last layer may give a state.")
        return self.synapses or Synapses.identity(math.prod(self.shape))

    def done(self, dt):
        if not self.stages:
            raise RunError(f"{self.where}.net: has no Layer. Deployable are: {KNOWN}.")
        if self.synapses is not None:
            raise RunError(f"{self.where}.net: ends with a linear part. End with a Layer, for instance "
                           "Layer(LeakyReadout(), n, dt=...), whose state can be read.")
        last = self.stages[-1]
        if last.emit is not None:
            self.stages[-1] = replace(last, name="readout")
        if self.shape != last.shape:
            # Behind it nothing but Flatten came.
            self.stages[-1] = replace(self.stages[-1], shape=self.shape)
        return Read(self.first, self.stages, self.readout, self._one_dt(dt))

    def _one_dt(self, given):
        times = self.times if given is None else {**self.times, "dt": float(given)}
        (first, dt), *others = times.items()
        for place, other in others:
            if not np.isclose(other, dt, rtol=1e-9, atol=0.0):
                raise RunError(f"{self.where}.{place}: has steps of {other:g} ms and {first} of {dt:g} ms. "
                               "All must have one dt.")
        return dt


def _check_axes(place, module, folded):
    """Raise where a module would take the axis of time for another one, or the other way round."""
    kind = type(module).__name__
    if isinstance(module, PER_STEP) and not folded:
        raise RunError(f"{place}: the {kind} would take time for another axis. Put it into Folded(...).")
    if isinstance(module, theirs.VotingLayer) and module.step_mode == "s":
        raise RunError(f"{place}: the {kind} takes single steps (step_mode='s'). Set step_mode='m'.")


def _recurrent(module):
    n = module.weight.shape[0]
    bias = None if module.bias is None else numbers(module.bias)
    return Synapses.identity(n).matrix(numbers(module.weight), delay=module.delay, bias=bias)
