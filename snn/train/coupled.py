"""A layer whose units feel, at all times, what the others show: oscillators that learn their coupling."""
import torch
from torch import nn
from torch.nn.functional import linear

from snn.contract import step
from snn.errors import ModelError, RunError
from snn.train.checks import one_of
from snn.train.eager_loop import filled, stacked
from snn.train.layer import Layer, Run
from snn.train.stateful import Stateful


class Coupled(Stateful):
    """``layer`` with a dense matrix of graded connections among its units.

    Formula: in step t the coupled ports receive ``x_t + W y_t``, y_t being what the units show as the step begins; with
        ``difference`` it is ``x_t + sum_j W_ij (y_j - y_i)``. Then comes ``snn.contract.step``. These are the numbers
        of ``Network.couple`` with the weights W and no delay.

    Parameters
        layer       a :class:`Layer` with ``n`` given, of a model with coupled ports; its ``learn``, ``port``, ``emit``,
                    ``fire`` and ``detach_reset`` hold. ``emit`` should name a state, as ``theta``
        values      {coupled port: output or state of the model}; None: the outputs by the names of coupled ports
        mask        bool (n, n): which connections there are, one row per target; None: all
        difference  feel differences to one's own value

    Shapes: ``weight`` (n, n), one row per target, in the unit of the ports; begins at 0. It is one matrix for all
    values, as the sine and the cosine of a phase need. ``x``: [T, B, n], or {port: [T, B, n]}; zeros where nothing
    arrives from outside.

    ``run(x, state, traces)`` is as that of :class:`Layer`; its state may also be a dict, {"theta": [B, n]}, of states
    that do not start at rest, and ``traces`` may name outputs (``sin``). ``step_mode`` and held state are as in
    :class:`Layer`. It runs eagerly, on any device.

    Errors: ModelError for another kind of layer, unknown values, or a mask of another shape; RunError for inputs and
    states that do not fit.

    Example::

        net = Coupled(Layer(Kuramoto(), 20, dt=0.5, learn="omega", port="drive", emit="theta"))
        theta = net(torch.zeros(200, 1, 20))
    """

    def __init__(self, layer, *, values=None, mask=None, difference=False):
        super().__init__()
        if not isinstance(layer, Layer):
            raise ModelError(f"Coupled.layer: is a {type(layer).__name__}. A Layer is expected.")
        self._where = f"Coupled({layer._where})"
        self.layer, self.n, self.difference = layer, layer.n, bool(difference)
        if layer.n is None:
            raise ModelError(f"{self._where}.layer: has no number of neurons. A layer with n given is expected.")
        self.values = _checked_values(layer._given, values, self._where)
        self._names = tuple(dict.fromkeys((*layer._names, *layer._given.Outputs._fields)))
        self.weight = nn.Parameter(torch.zeros(self.n, self.n))
        self.register_buffer("mask", _checked_mask(mask, self.n, self._where))
        self._emitted = layer.emit
        self.declare(layer._given.State._fields, layer.step_mode)

    def run(self, x, state=None, traces=()):
        """Run from ``state`` (a ``State``, or a dict of some of its variables; None: rest) and hold nothing."""
        traces = (traces,) if isinstance(traces, str) else tuple(traces)
        for name in traces:
            one_of(name, self._names, f"{self._where}.traces", RunError)
        inputs = self._inputs(x, many=True)
        state = self._begin(inputs, self._values_of(state))
        out, state = self._advance(inputs, state, tuple(dict.fromkeys((self._emitted, *traces))))
        return Run(out[self._emitted], state, {name: out[name] for name in traces})

    def extra_repr(self):
        return f"values={self.values}, difference={self.difference}, step_mode={self.step_mode!r}"

    def _values_of(self, state):
        names = self.layer._given.State._fields
        if isinstance(state, dict):
            for name in state:
                one_of(name, names, f"{self._where}.state", RunError)
            return tuple(state.get(name) for name in names)
        if state is not None and len(state) != len(names):
            raise RunError(f"{self._where}.state: has {len(state)} variables. {names} are expected.")
        return (None,) * len(names) if state is None else tuple(state)

    def _inputs(self, x, many):
        inputs = self.layer._inputs(x, many)
        first = next(iter(inputs.values()))
        if self.weight.device != first.device:
            raise RunError(f"{self._where}.x: is on {first.device} while the layer is on {self.weight.device}. "
                           f"Move one of them, for instance net.to({str(first.device)!r}).")
        return inputs

    def _begin(self, inputs, values):
        return self.layer._begin(inputs, values)

    def _advance(self, inputs, state, names):
        layer, first = self.layer, next(iter(inputs.values()))[0]
        model, weight = layer._bound(first), self.weight.to(first.dtype)
        weight = weight if self.mask is None else weight * self.mask
        total = weight.sum(1) if self.difference else None
        zero, dt = first.new_zeros(()), first.new_tensor(layer.dt)
        state, out, seen = type(model.rest())(*state), {name: [] for name in names}, {}

        def remember(margin):
            seen["margin"] = margin
            seen["z"] = layer.fire(margin)
            return seen["z"]

        for arriving in zip(*(x.unbind(0) for x in inputs.values()), strict=True):
            now = {**dict.fromkeys(model.Ports._fields, zero), **dict(zip(inputs, arriving, strict=True))}
            shown = {**state._asdict(), **model.emit(state)._asdict()}
            for port, name in self.values.items():
                y = filled(shown[name], first)
                felt = linear(y, weight)
                now[port] = now[port] + (felt - total * y if self.difference else felt)
            state, _ = step(model, state, model.Ports(**now), dt, remember,
                            torch.Tensor.detach if layer.detach_reset else None)
            shown = {**state._asdict(), **model.emit(state)._asdict(), **seen}
            for name in names:
                out[name].append(filled(shown[name], first))
        return {k: stacked(v) for k, v in out.items()}, type(state)(*(filled(value, first) for value in state))


def _checked_values(model, values, where):
    """``values`` as {port: name}, by default the outputs that are coupled ports."""
    if values is None:
        values = {port: port for port in model.coupled if port in model.Outputs._fields}
    if not isinstance(values, dict) or not values:
        raise ModelError(f"{where}.values: {type(model).__name__} shows nothing by the name of a coupled port. Give "
                         f"values={{port: name}} with ports {', '.join(model.coupled) or 'none (it has none)'}.")
    for port, name in values.items():
        one_of(port, model.coupled, f"{where}.values")
        one_of(name, (*model.Outputs._fields, *model.State._fields), f"{where}.values[{port!r}]")
    return dict(values)


def _checked_mask(mask, n, where):
    if mask is None:
        return None
    mask = torch.as_tensor(mask)
    if mask.shape != (n, n) or mask.dtype is not torch.bool:
        raise ModelError(f"{where}.mask: is {str(mask.dtype)[6:]} of shape {list(mask.shape)}. bool of shape "
                         f"[{n}, {n}] is expected, one row per target.")
    return mask
