"""Local learning rules as a torch module: a dense matrix of plastic weights.

Example::

    synapses = Plastic(PairSTDP(), 784, 400, dt=1.0, weight=torch.rand(400, 784))
    with scope(net):
        spikes = cells(synapses(x))                          # x [T, B, 784]
        synapses.learn(x, spikes)
"""
from numbers import Real

import numpy as np
import torch
from spikingjelly.activation_based.base import MemoryModule
from torch.nn.functional import linear

from snn.errors import ModelError, NetworkError, RunError
from snn.rule import SynapticRule, rules_of
from snn.train.checks import checked_inputs, one_of
from snn.train.plastic_events import Events, chosen, scaled
from snn.train.plastic_input import Given
from snn.train.plastic_state import Facts, names, reads
from snn.train.plastic_window import forms_of, window
from snn.train.stateful import plain_mode


class Plastic(MemoryModule):
    """A dense matrix of weights that synaptic rules change: the rules of simulations, broadcast over [post, pre].

    Formula
        ``forward``: out_o = sum over i of w_oi x_i, times what the rules transmit (short-term plasticity).
        ``learn``: in every step the order of :mod:`snn.rule`. Postsynaptic spikes of ``dendritic`` steps before act,
        then presynaptic ones; with ``dendritic=0`` the presynaptic ones, then the postsynaptic ones of the same step.
        Every sample of a batch has its own traces and goes through the step from the same weights; then
        ``w += reduce(changes of the samples, 0)``, kept within the bounds of the rules. Rules with ``every`` act
        behind the steps whose number (since the last reset) is a multiple of it, sample by sample as well.

    Parameters
        rules        one :class:`snn.rule.SynapticRule`, or several that act in this order
        n_pre, n_post  neurons of the two sides
        dt           ms of a step
        weight       first weights: a number, or [n_post, n_pre] as in ``torch.nn.Linear``, whose type is kept
        dendritic    whole steps after which a postsynaptic spike is back at the synapse; nothing delays ``forward``
        reduce       ``torch.mean``, ``torch.sum``, or any ``f(changes [B, n_post, n_pre], 0)``. A sum is as many runs
                     at once, and multiplies what rules that act in time (normalisation) do.
        graded       False: activities are 0 or 1. True: any number z, and an event changes what it changes by z times
                     as much, ``w += z (on_post(w) - w)``, likewise on_pre and the traces. For a rate r in Hz,
                     z = 0.001 r dt. Exact for rules that are linear in spikes and traces (the rate-based ones).
        step_mode    "m": tensors have an axis of time, "s": one step

    Shapes: x, pre [T, B, n_pre], post [T, B, n_post]; without T in mode "s". ``weight`` is a buffer [n_post, n_pre]
    without gradient; ``forward`` hands a gradient on to x, ``learn`` keeps no graph. Traces are the memories of a
    ``MemoryModule`` of SpikingJelly; ``snn.train.reset`` brings them to rest and leaves the weights. ``forward`` and
    ``learn`` keep the traces they need each on their own, so either may be called without the other.
    A spike is sent with the weights as the last ``learn`` left them.

    Errors: ModelError for a rule that moves synapses, or none; NetworkError for sizes, weights, a reduction and an
    ``every`` that is no whole number of steps; RunError for dt and for activities that do not fit.
    """

    def __init__(self, rules, n_pre, n_post, *, dt, weight, dendritic=0, reduce=torch.mean, graded=False,
                 step_mode="m"):
        super().__init__()
        self.rules = rules_of(rules, "Plastic.rules")
        for rule in self.rules:
            if type(rule).rewire is not SynapticRule.rewire:
                raise ModelError(f"Plastic.rules: {type(rule).__name__} moves synapses. A dense matrix has all of them "
                                 "already; use the rule in a simulation.")
        for name, n, least in (("n_pre", n_pre, 1), ("n_post", n_post, 1), ("dendritic", dendritic, 0)):
            if type(n) is not int or n < least:
                raise NetworkError(f"Plastic.{name}: is {n!r}. A whole number of at least {least} is expected.")
        if isinstance(dt, bool) or not isinstance(dt, Real) or not 0 < dt < float("inf"):
            raise RunError(f"Plastic.dt: is {dt!r}. A positive number of ms is expected.")
        self.n_pre, self.n_post, self.dt, self.dendritic, self.graded = n_pre, n_post, float(dt), dendritic, graded
        self.facts = tuple(Facts.of(rule, dt) for rule in self.rules)
        self.reduce = _checked_reduce(reduce)
        self.register_buffer("weight", self._checked_weight(weight))
        self._sends = [r for r, facts in enumerate(self.facts) if facts.transmit]
        for r in self._sends:
            for k in self.rules[r].Pre._fields:
                self.register_memory(f"sent_{r}_{k}", None)
        self._sent = list(self._memories)
        for name in names(self.rules, dendritic):
            self.register_memory(name, None)
        self.register_memory("steps", 0)
        self.step_mode, self._bound = one_of(step_mode, ("m", "s"), "Plastic.step_mode"), None

    def extra_repr(self):
        rules = ", ".join(type(rule).__name__ for rule in self.rules)
        return f"{rules}, n_pre={self.n_pre}, n_post={self.n_post}, dt={self.dt:g}, step_mode={self.step_mode}"

    # -- transmission
    def materialize_states(self, inputs, states, step_mode):
        """SpikingJelly's protocol; states that are None are at rest."""
        return states

    def single_step_functional_forward(self, inputs, states):
        """SpikingJelly's protocol: ``((x [B, n_pre],), states)`` to ``((out [B, n_post],), new states)``."""
        out, states = self._send(self._checked_x(inputs[0], many=False), states)
        return (out[0],), states

    def multi_step_functional_forward(self, inputs, states):
        """SpikingJelly's protocol: ``((x [T, B, n_pre],), states)`` to ``((out,), new states)``."""
        out, states = self._send(self._checked_x(inputs[0], many=True), states)
        return (out,), states

    def _checked_x(self, x, many):
        x = checked_inputs(x, ("x",), "x", self.n_pre, many, "Plastic")["x"]
        if (x.dtype, x.device) != (self.weight.dtype, self.weight.device):
            raise RunError(f"Plastic.x: is {x.dtype} on {x.device} while the weights are {self.weight.dtype} on "
                           f"{self.weight.device}. Use net.to(x.device, x.dtype).")
        return x

    def _send(self, x, states):
        """What arrives at the targets, and the states with the traces of transmission moved on."""
        if not self._sends:
            return linear(x, self.weight), states
        events, n = self._events(), len(self._sent)
        held = states[0]
        if held is not None and held.shape[0] != x.shape[1]:
            raise RunError(_OTHER_BATCH.format("x", x.shape[1], held.shape[0]))
        rest, traces = iter(states), {}
        for r in self._sends:
            begin, _ = events.rest(r, x.shape[1])
            traces[r] = type(begin)(*(b if (s := next(rest)) is None else s for b in begin))
        out = torch.stack([events.transmitted(traces, now, self.weight) for now in x])
        return out, (*(t for trace in traces.values() for t in trace), *states[n:])

    def detach(self):
        """Nothing to do: traces have no graph."""

    # -- learning
    def learn(self, pre, post, mod=None, read=None):
        """Let spikes of the two sides change the weights, step by step.

        ``pre`` [T, B, n_pre], ``post`` [T, B, n_post] (without T in mode "s"), 0 or 1, of any type. ``mod``: the
        modulator, where a rule uses one: a number, [B], [n_post], [B, n_post] or, in mode "m", [T, B, n_post]; an axis
        may have length 1. ``read`` {state: as post}: what rules read of the postsynaptic neurons (``Reads``).
        Returns None. The memory it takes does not grow with T.
        """
        with plain_mode():
            given, events = self._given(pre, post, mod, read), self._events()
            state, w = self._state(events, given.batch), self.weight
            for t in range(given.steps):
                w = events.step(state, w, *given.at(t))
            self._keep(state, w)

    def learn_window(self, pre, post, mod=None, read=None):
        """:meth:`learn` with the weights held constant in the window: a few matrix products, not a loop over synapses.

        For rules whose changes do not depend on the weight and are affine in the presynaptic traces (additive STDP,
        triplets, rate-based rules without decay of the weight), and linear reductions. Bounds act once, at the end; as
        long as no weight is near them the result is that of :meth:`learn`. Memory grows with T. Returns the change
        [n_post, n_pre] before the bounds. Errors: RunError where a rule needs :meth:`learn`.
        """
        forms = self._forms()
        with plain_mode():
            given, events = self._given(pre, post, mod, read), self._events()
            share, state = events.shares(given.batch), self._state(events, given.batch)
            if share is None:
                raise RunError("Plastic.learn_window: reduce is not linear. Use torch.sum or torch.mean, or learn.")
            change = window(events, state, forms, *given.whole(), share)
            # Also one sample may leave the bounds in a whole window.
            self._keep(state, events.within(self.weight, self.weight + change, None))
        return change

    def _forms(self):
        """The rules' sums over windows; RunError where one has none."""
        found = []
        for rule, facts in zip(self.rules, self.facts, strict=True):
            forms, why = forms_of(rule, facts, dtype=self.weight.dtype, device=self.weight.device)
            if forms is None:
                name = type(rule).__name__
                raise RunError(f"Plastic.learn_window: {name} {why}. Use learn, which goes step by step.")
            found.append(forms)
        return found

    def _given(self, pre, post, mod, read):
        modulated = [type(r).__name__ for r, f in zip(self.rules, self.facts, strict=True) if f.modulated]
        return Given.checked(pre, post, mod, read, self.weight, many=self.step_mode == "m", graded=self.graded,
                             modulated=modulated, takes_mod=any(f.modulated or f.every for f in self.facts),
                             reads=reads(self.rules))

    def _state(self, events, batch):
        held = [value for name, value in self._memories.items() if name not in self._sent and name != "steps"]
        if not self.steps:
            return events.begin(batch)
        if held and held[0].shape[0] != batch:
            raise RunError(_OTHER_BATCH.format("pre", batch, held[0].shape[0]))
        return events.go_on(held, self.steps)

    def _keep(self, state, w):
        # A new tensor: a graph of forward that is still to be gone through keeps the weights it was made with.
        self.weight = w
        for name, value in zip(names(self.rules, self.dendritic), state.tensors(), strict=True):
            self._memories[name] = value
        self._memories["steps"] = state.steps

    def _events(self):
        options = {"dtype": self.weight.dtype, "device": self.weight.device}
        if self._bound is None or self._bound.options != options:
            self._bound = Events(self.rules, self.facts, self.weight.shape, dt=self.dt, dendritic=self.dendritic,
                                 put=scaled if self.graded else chosen, reduce=self.reduce, **options)
        return self._bound

    def _checked_weight(self, weight):
        w = weight if isinstance(weight, torch.Tensor) else torch.as_tensor(
            weight, dtype=None if isinstance(weight, np.ndarray) else torch.get_default_dtype())
        shape = (self.n_post, self.n_pre)
        if not w.is_floating_point() or (w.ndim and w.shape != shape):
            hint = " They are transposed: give weight.T." if w.shape == shape[::-1] else ""
            raise NetworkError(f"Plastic.weight: is {w.dtype} with shape {list(w.shape)}. Floating numbers "
                               f"[n_post, n_pre] = {list(shape)}, or one number, are expected.{hint}")
        if not torch.isfinite(w).all():
            raise NetworkError("Plastic.weight: is not finite. Every weight must be finite.")
        for rule in self.rules:
            for bound, bad, word in zip(rule.bounds(), (w.min(), w.max()), ("below w_min", "above w_max"), strict=True):
                if bound is not None and (bad < bound if word[0] == "b" else bad > bound):
                    raise NetworkError(f"Plastic.weight: is {float(bad):g}, {word} of {type(rule).__name__} "
                                       f"({bound:g}). Start within the bounds, or widen them.")
        return w.detach().expand(shape).clone()


_OTHER_BATCH = ("Plastic.{0}: has B = {1} while traces are held for {2}. Call snn.train.reset(net) before other data; "
                "the axes are [T, B, N].")


def _checked_reduce(reduce):
    try:
        fits = reduce(torch.zeros(3, 2, 1), 0).shape == (2, 1)
    except Exception:
        fits = False
    if not fits:
        raise NetworkError(f"Plastic.reduce: is {reduce!r}. torch.mean, torch.sum, or a function f(changes, 0) from "
                           "[B, n_post, n_pre] to [n_post, n_pre] is expected.")
    return reduce
