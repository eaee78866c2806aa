"""A neuron model as a trainable layer."""
import dataclasses
import warnings
from typing import NamedTuple

import torch
from torch import nn

from snn.contract import numbers
from snn.errors import ModelError, RunError
from snn.train.checks import checked_inputs, checked_learn, checked_model, one_of
from snn.train.eager_loop import filled, rest_state, run_eager
from snn.train.held import eager_is_asked_for
from snn.train.stateful import Stateful, plain_mode, transformed
from snn.train.surrogate import ATan

_DEFAULT = ATan()


class Run(NamedTuple):
    """Result of ``run``: ``out`` [T, B, ...], ``state`` (a ``State`` of [B, ...]), ``traces`` {name: [T, B, ...]}."""

    out: torch.Tensor
    state: tuple
    traces: dict


class Layer(Stateful):
    """A layer of neurons of one model, trained through time with a surrogate gradient.

    Formula: ``snn.contract.step`` for every entry of the first axis; the module has no equations of its own.

    Parameters
        model         a Neuron with its parameters; arrays give one value per neuron
        n             number of neurons; None: any (taken from the arrays in ``model``, if there are any)
        dt            ms per step
        fire          surrogate: called with the margin, gives spikes (``snn.train.surrogate``, SpikingJelly's, or any
                      function; a function that is not known runs eagerly)
        learn         names of fields to learn, or ``{name: Bounded(low, high)}``. Bounds are the domain of the field
                      unless given. One value per neuron where the model has an array, else one for all
        port          where a bare tensor goes; None: the first port of the model
        emit          what comes out: None: spikes, or the first state variable of a model that never fires; else the
                      name of a state variable, taken at the end of the step
        detach_reset  whether the reset sees spikes without their gradient
        step_mode     "m": [T, B, N] in and out; "s": one step, [B, N]

    Shapes and units: ``x`` is a tensor or ``{port: tensor}``, in the unit of the port. Trailing axes may be more than
    one where all parameters are single numbers. Spikes are 0.0 and 1.0. Half precision is computed in float32.

    ``layer(x)`` goes on from the state that the layer holds (``layer.v``; None at rest) and holds the new one.
    ``layer.run(x, state)`` holds nothing. ``layer.model`` is the model with the values learned so far. ``state_dict``
    has the free parameters (``raw.tau_m``) and nothing else. ``layer.why_eager`` says why no compiled loop ran, or is
    None.

    Errors: ModelError for arguments that do not fit the model; RunError for inputs of a wrong shape or dtype, and for a
    held state that does not fit them or whose graph was used up (the message names the call to make).

    Example::

        net = nn.Sequential(nn.Linear(140, 256), Layer(LIF(E_L=0, V_th=1, V_reset=0, t_ref=0), 256, dt=1.0))
        spikes = net(x)                   # [T, B, 140] to [T, B, 256]
    """

    def __init__(self, model, n=None, *, dt, fire=_DEFAULT, learn=(), port=None, emit=None, detach_reset=False,
                 step_mode="m"):
        super().__init__()
        where = f"{type(self).__name__}({type(model).__name__})"
        self.n, self.dt = checked_model(model, n, dt, where), float(dt)
        if not callable(fire):
            raise ModelError(f"{where}.fire: is {fire!r}. A surrogate such as ATan() is expected.")
        self.fire, self.detach_reset = fire, bool(detach_reset)
        # A rectified model is for training only; in evaluation its layer is that of the model it was made from.
        self._given, self._evaluated, self._where = model, getattr(model, "in_evaluation", lambda: model)(), where
        self._bounds = checked_learn(model, learn, where)
        self.raw = nn.ParameterDict({
            name: nn.Parameter(b.raw(getattr(model, name)).to(torch.get_default_dtype()))
            for name, b in self._bounds.items()})
        ports, variables = model.Ports._fields, model.State._fields
        self.port = ports[0] if port is None and ports else one_of(port, ports, f"{where}.port")
        bound = model.bind(self.n, torch.float64)
        for name in self._bounds:
            vars(bound)[name] = getattr(bound, name).clone().requires_grad_()
        rest = rest_state(bound, torch.zeros(self.n or 1, dtype=torch.float64))
        self._rest_is_learned = any(value.requires_grad for value in rest)
        self._names = ("z", "margin", *variables) if bound.margin(rest) is not None else variables
        self._emitted = self._names[0] if emit is None else one_of(emit, self._names, f"{where}.emit")
        self.why_eager = None
        self._constants, self._rests, self._runners, self._warned = {}, {}, {}, False
        self.declare(variables, one_of(step_mode, ("m", "s"), f"{where}.step_mode"))

    @property
    def emit(self):
        """Name of what comes out: ``"z"`` for spikes, or a state variable."""
        return self._emitted

    @property
    def model(self):
        """The Neuron with the values that the layer has now, for simulation: floats, or arrays of shape (n,)."""
        values = {name: b.value(self.raw[name].detach()).cpu() for name, b in self._bounds.items()}
        values = {k: float(v) if v.ndim == 0 else numbers(v) for k, v in values.items()}
        return dataclasses.replace(self._evaluated, **values)

    def run(self, x, state=None, traces=()):
        """Run from ``state`` (a ``State``; None: rest) and hold nothing.

        ``x``: [T, B, ...] or {port: [T, B, ...]} in both step modes. ``traces``: names of state variables to give after
        every step, or ``"z"`` and ``"margin"``. Returns a :class:`Run`.
        """
        traces = (traces,) if isinstance(traces, str) else tuple(traces)
        for name in traces:
            one_of(name, self._names, f"{self._where}.traces", RunError)
        inputs = self._inputs(x, many=True)
        names = self._given.State._fields
        if state is not None and len(state) != len(names):
            raise RunError(f"{self._where}.state: has {len(state)} variables. {names} are expected.")
        state = self._begin(inputs, (None,) * len(names) if state is None else tuple(state))
        out, state = self._advance(inputs, state, tuple(dict.fromkeys((self._emitted, *traces))))
        return Run(out[self._emitted], state, {name: out[name] for name in traces})

    def extra_repr(self):
        learned = f", learn={tuple(self._bounds)}" if self._bounds else ""
        return (f"{type(self._given).__name__}, n={self.n}, dt={self.dt:g}, fire={self.fire!r}{learned}, "
                f"emit={self.emit!r}, step_mode={self.step_mode!r}")

    def __getstate__(self):
        return {**super().__getstate__(), "_constants": {}, "_rests": {}, "_runners": {}}

    def _inputs(self, x, many):
        inputs = checked_inputs(x, self._given.Ports._fields, self.port, self.n, many, self._where)
        first = next(iter(inputs.values()))
        for name in self._bounds:
            raw = self.raw[name]
            if raw.device != first.device:
                raise RunError(f"{self._where}.x: is on {first.device} while the layer is on {raw.device}. "
                               f"Move one of them, for instance net.to({str(first.device)!r}).")
        return inputs

    def _begin(self, inputs, values):
        like = next(iter(inputs.values()))[0]
        rest = self._rest(like)
        if all(v is None for v in values):
            return rest
        try:
            return type(rest)(*(filled(r if v is None else v, like) for r, v in zip(rest, values, strict=True)))
        except RuntimeError:
            shapes = [list(getattr(v, "shape", ())) for v in values]
            raise RunError(f"{self._where}.state: has the shapes {shapes}. {list(like.shape)} is expected.") from None

    def _rest(self, like):
        """The state at rest, shaped like ``like``; made anew only where it has changed."""
        if self._rest_is_learned:
            return rest_state(self._bound(like), like)
        key = like.dtype, like.device, like.shape
        if key not in self._rests:
            self._rests.clear()
            with plain_mode():
                self._rests[key] = rest_state(self._bound(like), like)
        return self._rests[key]

    @property
    def _text(self):
        """The model whose methods run now; its values are those at the start."""
        return self._given if self.training else self._evaluated

    def _fields(self, like):
        return {name: b.value(self.raw[name]).to(like.dtype) for name, b in self._bounds.items()}

    def _bound(self, like):
        """The model with tensors for fields, in the dtype and on the device of ``like``."""
        key = like.dtype, like.device
        if key not in self._constants:
            with plain_mode():
                self._constants[key] = vars(self._given.bind(self.n, *key))
        bound = object.__new__(type(self._text))
        vars(bound).update(self._constants[key], **self._fields(like))
        return bound

    def _advance(self, inputs, state, names):
        like = next(iter(inputs.values()))
        runner = self._runner(like, tuple(inputs), names)
        if runner is not None:
            from snn.train.fused import NotFused
            try:
                return runner(inputs, state, self._fields(like))
            except NotFused as reason:
                self._runs_eagerly(str(reason))
        return run_eager(self._bound(like), inputs, state, self.dt, self.fire, self.detach_reset,
                         tuple(name for name in names if name != "z"))

    def _runner(self, like, ports, names):
        """The compiled loop, or None; then ``why_eager`` says why."""
        reason = self._plainly_eager(like)
        if reason is not None:
            self._note(reason)
            return None
        key = like.dtype, like.device, ports, names, self._text is self._given
        if key not in self._runners:
            self._runners[key] = self._compiled(like, ports, names)
        found = self._runners[key]
        if isinstance(found, str):
            self._runs_eagerly(found)
            return None
        self._note(None)
        return found

    def _note(self, reason):
        # Assigning an attribute of a module is slow.
        if self.why_eager != reason:
            self.why_eager = reason

    def _plainly_eager(self, like):
        """Why a compiled loop is out of the question, where nobody would expect one."""
        if eager_is_asked_for():
            return "eager() was asked for"
        if like.device.type not in ("cpu", "cuda"):
            return f"the input is on {like.device}, and compiled loops run on the CPU and on CUDA devices"
        if transformed(like):
            return "a transform of torch is active"
        return "the input is empty" if like.numel() == 0 else None

    def _compiled(self, like, ports, names):
        from snn.train import fused, triton_runner
        description = (self._text, self.dt, self.fire, self.detach_reset, tuple(self._bounds), ports, names[0],
                       names[1:], like.dtype)
        try:
            with plain_mode():
                if like.device.type == "cuda":
                    return triton_runner.runner(*description, like.device)
                return fused.runner(*description)
        except fused.NotFused as reason:
            return str(reason)

    def _runs_eagerly(self, reason):
        if not self._warned:
            warnings.warn(f"{self._where} runs eagerly, many times slower: {reason}", stacklevel=2)
            self._warned = True
        self._note(reason)
