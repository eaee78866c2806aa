"""Modules of a trained network, read one after the other into stages: what arrives at a layer, and the layer."""
from dataclasses import dataclass, replace

import numpy as np
from torch import nn

from snn.contract import numbers
from snn.errors import RunError
from snn.train.delay import AxonalDelay, Delay
from snn.train.deploy_synapses import Synapses
from snn.train.folded import Dropout, Folded
from snn.train.layer import Layer
from snn.train.readout import EveryStep, Last, Max, Mean, SumOfSoftmax
from snn.train.recurrent import Recurrent

READOUTS = (Last, Max, Mean, SumOfSoftmax, EveryStep)
CONTAINERS = (nn.Sequential, Folded)
NOTHING = (nn.Identity, nn.Dropout, Dropout)
KNOWN = "Sequential, Folded, Linear, Delay, AxonalDelay, BatchNorm1d, Dropout, Layer, Recurrent, a readout at the end"


@dataclass(frozen=True, eq=False)
class Stage:
    """A layer and the synapses that lead to it.

    ``path``: where it stands in the net; ``emit``: the state that it gives, None for spikes; ``recurrent``: the
    :class:`~snn.train.deploy_synapses.Synapses` from its own spikes, or None.
    """

    name: str
    path: str
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

    @property
    def course(self):
        """What biases add to the port, [K, n]; the last row stays on."""
        if self.recurrent is None:
            return self.synapses.course
        return self.synapses.course + self.recurrent.course


def read(net, where, dt):
    """``([Stage], readout or None, dt)`` of an ``nn.Sequential``. Errors: RunError for what cannot be deployed."""
    if not isinstance(net, nn.Module):
        raise RunError(f"{where}.net: is a {type(net).__name__}. Give an nn.Sequential of layers.")
    reader = _Reader(where)
    for path, module in _leaves(net, ""):
        reader.take(path, module)
    return reader.done(dt)


def _leaves(net, path):
    """``(path, module)`` in the order in which they are called, containers opened."""
    if isinstance(net, CONTAINERS):
        for name, child in net.named_children():
            yield from _leaves(child, f"{path}.{name}" if path else name)
    else:
        yield path or "net", net


class _Reader:
    """Takes modules in order. ``synapses``: what has come since the last layer."""

    def __init__(self, where):
        self.where, self.stages, self.synapses, self.readout = where, [], None, None
        self.times = {}   # {place: dt} of the modules that have one

    def take(self, path, module):
        place = f"{self.where}.{path}"
        if self.readout is not None:
            raise RunError(f"{place}: a {type(module).__name__} after the readout. A readout must be the last module.")
        if isinstance(module, READOUTS):
            self.readout = module
        elif isinstance(module, Layer | Recurrent):
            self._layer(path, place, module)
        elif not isinstance(module, NOTHING):
            reading = next((f for kind, f in _LINEAR.items() if isinstance(module, kind)), None)
            if reading is None:
                raise RunError(f"{place}: a {type(module).__name__} cannot be deployed. Deployable are: {KNOWN}.")
            if isinstance(module, Delay | AxonalDelay):
                self.times[path] = module.dt
            self.synapses = reading(self._incoming(place, _width(module)), module, place)

    def _incoming(self, place, n):
        """The synapses so far, checked to have ``n`` outputs (None: any)."""
        last = self.stages[-1] if self.stages else None
        if self.synapses is None and last is not None and last.emit is not None:
            raise RunError(f"{self.where}.{last.path}: gives its state {last.emit!r} to other modules; graded values "
                           "are no spikes. Only the last layer may give a state.")
        width = self.synapses.n_out if self.synapses is not None else last.n if last is not None else n
        if width is None:
            raise RunError(f"{place}: its number of neurons is not known. Give it, Layer(model, n, ...).")
        if n is not None and n != width:
            raise RunError(f"{place}: takes {n} inputs and gets {width}. The numbers must agree.")
        return self.synapses or Synapses.identity(width)

    def _layer(self, path, place, module):
        layer = module.layer if isinstance(module, Recurrent) else module
        synapses = self._incoming(place, layer.n)
        recurrent = _recurrent(module) if isinstance(module, Recurrent) else None
        emit = None if layer.emit == "z" else layer.emit
        if emit == "margin":
            raise RunError(f"{place}: gives its margin, which is no state. Give a state variable, emit='v'.")
        name, model = f"layer{len(self.stages) + 1}", layer.model
        # A model that is changed for training only (snn.train.rectifier) runs as what it is in evaluation.
        model = model.in_evaluation() if hasattr(model, "in_evaluation") else model
        self.stages.append(Stage(name, path, synapses, recurrent, model, layer.port, emit))
        self.times[path] = layer.dt
        self.synapses = None

    def done(self, dt):
        if not self.stages:
            raise RunError(f"{self.where}.net: has no Layer. Deployable are: {KNOWN}.")
        if self.synapses is not None:
            raise RunError(f"{self.where}.net: ends with a linear part. End with a Layer, for instance "
                           "Layer(LeakyReadout(), n, dt=...), whose state can be read.")
        last = self.stages[-1]
        if last.emit is not None:
            self.stages[-1] = replace(last, name="readout")
        return self.stages, self.readout, self._one_dt(dt)

    def _one_dt(self, given):
        times = self.times if given is None else {**self.times, "dt": float(given)}
        (first, dt), *others = times.items()
        for place, other in others:
            if not np.isclose(other, dt, rtol=1e-9, atol=0.0):
                raise RunError(f"{self.where}.{place}: has steps of {other:g} ms and {first} of {dt:g} ms. "
                               "All must have one dt.")
        return dt


def _width(module):
    """Number of inputs of a linear module."""
    if isinstance(module, AxonalDelay):
        return len(module.steps)
    return module.num_features if isinstance(module, nn.BatchNorm1d) else module.weight.shape[1]


def _linear(before, module, place):
    bias = None if module.bias is None else numbers(module.bias)
    return before.matrix(numbers(module.weight), bias=bias, where=place)


def _norm(before, module, place):
    if module.running_mean is None:
        raise RunError(f"{place}: keeps no running statistics. Use BatchNorm1d(n, track_running_stats=True).")
    gain = 1.0 / np.sqrt(numbers(module.running_var) + module.eps)
    gain = gain if module.weight is None else gain * numbers(module.weight)
    shift = 0.0 if module.bias is None else numbers(module.bias)
    return before.affine(gain, shift - numbers(module.running_mean) * gain)


def _delay(before, module, place):
    bias = None if module.bias is None else numbers(module.bias)
    return before.matrix(numbers(module.weight), delay=module.whole_steps(), bias=bias, where=place)


def _axonal(before, module, place):
    return before.later(module.whole_steps())


def _recurrent(module):
    n = module.weight.shape[0]
    bias = None if module.bias is None else numbers(module.bias)
    lag = np.full((n, n), module.delay, np.int64)
    return Synapses.identity(n).matrix(numbers(module.weight), delay=lag, bias=bias)


_LINEAR = {nn.Linear: _linear, nn.BatchNorm1d: _norm, Delay: _delay, AxonalDelay: _axonal}
