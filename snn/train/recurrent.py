"""A layer whose neurons also receive their own spikes."""
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.functional import linear

from snn.errors import ModelError, RunError
from snn.train.checks import one_of
from snn.train.eager_loop import run_eager
from snn.train.layer import Layer, Run
from snn.train.stateful import Stateful


class RecurrentState(NamedTuple):
    """``cells``: the ``State`` of the neurons; ``z``: their last spikes [delay, B, N], the oldest first."""

    cells: tuple
    z: torch.Tensor


class Recurrent(Stateful):
    """``layer`` with a dense matrix from its own spikes.

    Formula: the port of the layer receives ``x_t + W z_{t - delay} (+ b)`` in step t; z is 0 before the first step.

    Parameters
        layer  a :class:`Layer` of a model that fires, with ``n`` given
        bias   whether there is a b, of one value per neuron
        delay  steps from a spike to its arrival, at least 1

    Shapes: ``weight`` (n, n), one row per target, begins as a random orthogonal matrix (of torch's generator), so that
    what goes round neither grows nor fades. ``bias`` (n,) begins at 0.

    ``step_mode`` and held state are as in :class:`Layer`; the held spikes are ``recurrent.z``. The state of ``run`` is
    a :class:`RecurrentState`.

    Errors: ModelError for another kind of layer, or a delay that is no positive whole number.

    Example: ``Recurrent(Layer(LIF(E_L=0, V_th=1, V_reset=0, t_ref=0), 256, dt=1.0))``
    """

    def __init__(self, layer, *, bias=False, delay=1):
        super().__init__()
        if not isinstance(layer, Layer):
            raise ModelError(f"Recurrent.layer: is a {type(layer).__name__}. A Layer is expected.")
        self._where = f"Recurrent({layer._where})"
        if layer.n is None or "z" not in layer._names:
            what = "has no number of neurons" if layer.n is None else "never fires"
            raise ModelError(f"{self._where}.layer: {what}. A layer of spiking neurons with n given is expected.")
        if not isinstance(delay, int) or delay < 1:
            raise ModelError(f"{self._where}.delay: is {delay!r}. A whole number of steps from 1 on is expected.")
        self.layer, self.delay, self.n = layer, delay, layer.n
        self.weight = nn.Parameter(torch.empty(self.n, self.n))
        self.bias = nn.Parameter(torch.zeros(self.n)) if bias else None
        self._emitted = layer.emit
        self.reset_parameters()
        self.declare((*layer._given.State._fields, "z"), layer.step_mode)

    def reset_parameters(self):
        """Draw the matrix anew."""
        nn.init.orthogonal_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def run(self, x, state=None, traces=()):
        """Run from ``state`` (a :class:`RecurrentState`; None: rest) and hold nothing; as ``Layer.run``."""
        traces = (traces,) if isinstance(traces, str) else tuple(traces)
        for name in traces:
            one_of(name, self.layer._names, f"{self._where}.traces", RunError)
        if state is not None and not isinstance(state, RecurrentState):
            raise RunError(f"{self._where}.state: is a {type(state).__name__}. A RecurrentState is expected.")
        inputs = self._inputs(x, many=True)
        values = (None,) * len(self._memories) if state is None else (*state.cells, state.z)
        out, state = self._advance(inputs, self._begin(inputs, values),
                                   tuple(dict.fromkeys((self._emitted, *traces))))
        return Run(out[self._emitted], RecurrentState(self.layer._given.State(*state[:-1]), state[-1]),
                   {name: out[name] for name in traces})

    def extra_repr(self):
        return f"delay={self.delay}, bias={self.bias is not None}, step_mode={self.step_mode!r}"

    def _inputs(self, x, many):
        inputs, port = self.layer._inputs(x, many), self.layer.port
        first = next(iter(inputs.values()))
        if self.weight.device != first.device:
            raise RunError(f"{self._where}.x: is on {first.device} while the layer is on {self.weight.device}. "
                           f"Move one of them, for instance net.to({str(first.device)!r}).")
        # The port of the recurrent input comes first, and is there even where nothing else arrives.
        return {port: inputs.pop(port) if port in inputs else torch.zeros_like(first), **inputs}

    def _begin(self, inputs, values):
        *cells, z = values
        first = next(iter(inputs.values()))[0]
        if z is None:
            z = first.new_zeros(self.delay, *first.shape)
        elif z.shape != (self.delay, *first.shape):
            raise RunError(f"{self._where}.z: has shape {list(z.shape)}. {[self.delay, *first.shape]} is expected.")
        return (*self.layer._begin(inputs, tuple(cells)), z)

    def _advance(self, inputs, state, names):
        *cells, z = state
        weight, bias = (None if p is None else p.to(z.dtype) for p in (self.weight, self.bias))
        runner = self.layer._runner(z, tuple(inputs), tuple(dict.fromkeys(("z", *names))))
        if runner is not None:
            from snn.train import fused, fused_recurrent
            (port, x), *others = inputs.items()
            try:
                if others:
                    raise fused.NotFused("it receives through several ports")
                x = x if bias is None else x + bias
                cells = self.layer._given.State(*cells)
                out, cells, z = fused_recurrent.run(runner, x, cells, z, weight, self.layer._fields(z))
                return out, (*cells, z)
            except fused.NotFused as reason:
                self.layer._runs_eagerly(str(reason))
        return self._eagerly(inputs, cells, z, weight, bias, names)

    def _eagerly(self, inputs, cells, z, weight, bias, names):
        layer, before = self.layer, list(z.unbind(0))

        def feed(spikes):
            k = len(spikes)
            return linear(before[k] if k < self.delay else spikes[k - self.delay], weight, bias)

        bound = layer._bound(z)
        out, cells = run_eager(bound, inputs, bound.State(*cells), layer.dt, layer.fire, layer.detach_reset,
                               tuple(name for name in names if name != "z"), feed=feed)
        z = torch.cat([z, out["z"]])[-self.delay:]
        return out, (*cells, z)
