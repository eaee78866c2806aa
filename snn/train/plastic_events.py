"""One step of synaptic rules over a dense matrix and a batch: the order of :mod:`snn.rule`, broadcast.

Traces of the presynaptic side are [B, n_pre], of the postsynaptic side [B, n_post], what a rule keeps per synapse beside
its weight [B, n_post, n_pre]. A rule sees them as [B, 1, n_pre], [B, n_post, 1] and [B, n_post, n_pre].
"""
from dataclasses import dataclass

import torch

from snn.contract import steps_of
from snn.rule_graph import trace_rule
from snn.wiring import Wiring


@dataclass(frozen=True)
class Facts:
    """What the text of a rule says: which methods change anything, ``every`` in steps."""

    on_pre: bool
    on_post: bool
    flow: bool
    transmit: bool
    modulated: bool
    every: int | None

    @classmethod
    def of(cls, rule, dt):
        traced = trace_rule(rule, dt)
        changed = (traced.changes(method) for method in ("on_pre", "on_post", "flow", "transmit"))
        every = None if rule.every is None else int(steps_of(rule.every, dt, f"{type(rule).__name__}.every"))
        return cls(*changed, traced.uses_modulator, every)


@dataclass
class State:
    """``x`` a ``Pre`` of [B, n_pre] per rule, ``y`` a ``Post`` of [B, n_post], ``fields`` tuples of [B, n_post, n_pre];
    ``past`` {name: [B, dendritic, n_post]}: what is on its way back from the soma, latest first; ``steps`` done."""

    x: list
    y: list
    fields: list
    past: dict
    steps: int = 0

    def tensors(self):
        """All of them in the order of :func:`names`."""
        return [*(t for part in (*self.x, *self.y, *self.fields) for t in part), *self.past.values()]


def names(rules, dendritic):
    """Names of what a :class:`State` holds."""
    parts = (("pre", "Pre", 0), ("post", "Post", 0), ("synapse", "Synapse", 1))
    held = [f"{name}_{r}_{k}" for name, kind, first in parts for r, rule in enumerate(rules)
            for k in getattr(rule, kind)._fields[first:]]
    return held + [f"past_{k}" for k in carried(rules, dendritic)]


def carried(rules, dendritic):
    """What travels back from the soma."""
    return ("spikes", *reads(rules)) if dendritic else ()


def reads(rules):
    """States of the postsynaptic neurons that the rules read."""
    return tuple(dict.fromkeys(k for rule in rules for k in rule.Reads._fields))


def at_synapses(x, y):
    """Traces of the two sides so that they broadcast to [B, n_post, n_pre]."""
    return type(x)(*(t[:, None] for t in x)), type(y)(*(t[..., None] for t in y))


def chosen(z, new, old):
    """``new`` where ``z`` is not 0."""
    return type(old)(*(torch.where(z != 0, a, b) for a, b in zip(new, old, strict=True)))


def scaled(z, new, old):
    """``old + z (new - old)``: what ``z`` spikes do to first order."""
    return type(old)(*(b + z * (a - b) for a, b in zip(new, old, strict=True)))


class Events:
    """The rules, bound to a type and a device, for matrices ``[n_post, n_pre]``; ``put`` is chosen or scaled."""

    def __init__(self, rules, facts, shape, *, dt, dendritic, put, reduce, **options):
        self.given, self.facts, self.put, self.reduce, self.options = rules, facts, put, reduce, options
        self.rules = [rule.bind(1, options["dtype"], options["device"]) for rule in rules]
        self.dt, self.dendritic = torch.tensor(dt, dtype=torch.float64).to(**options), dendritic
        self.n_post, self.n_pre = shape
        self.reads, self.carried = reads(rules), carried(rules, dendritic)
        bounds = [rule.bounds() for rule in rules]
        self.low = min((low for low, _ in bounds if low is not None), default=None)
        self.high = max((high for _, high in bounds if high is not None), default=None)

    def begin(self, batch, tensors=None, steps=0):
        """The :class:`State` of ``tensors`` (in the order of :func:`names`), or at rest."""
        def filled(values, n):
            return [torch.as_tensor(v, **self.options).expand(batch, n) for v in values]

        if tensors is None:
            x, y = ([t for rule in self.rules for t in filled(rule.rest()[side], n)]
                    for side, n in enumerate((self.n_pre, self.n_post)))
            fields = [torch.zeros(batch, self.n_post, self.n_pre, **self.options) for rule in self.rules
                      for _ in rule.Synapse._fields[1:]]
            tensors = [*x, *y, *fields, *(torch.zeros(batch, self.dendritic, self.n_post, **self.options)
                                          for _ in self.carried)]
        rest = iter(tensors)
        x, y = ([kind(*(next(rest) for _ in kind._fields)) for kind in kinds]
                for kinds in ([r.Pre for r in self.rules], [r.Post for r in self.rules]))
        fields = [tuple(next(rest) for _ in r.Synapse._fields[1:]) for r in self.rules]
        return State(x, y, fields, dict(zip(self.carried, rest, strict=True)), steps)

    def step(self, h, w, pre, post, mod, read):
        """Do a step on the state ``h``; gives the weights behind it. ``pre`` [B, n_pre]; ``post``, ``mod`` and the
        values of ``read`` [B, n_post]."""
        h.steps += 1
        self.decay(h)
        v = w.expand(len(pre), *w.shape)
        for r, rule in enumerate(self.rules):
            if self.facts[r].flow:
                v, *h.fields[r] = rule.flow(rule.Synapse(v, *h.fields[r]), mod[..., None], self.dt)
        post, read = self.delayed(h, post, read)
        # Without dendritic delay a postsynaptic spike is at the synapse behind the input of its own step.
        if self.dendritic:
            v = self._arrive(h, self._back(h, v, post, mod, read), pre, mod)
        else:
            v = self._back(h, self._arrive(h, v, pre, mod), post, mod, read)
        v = self._in_time(h, v, mod)
        return self.within(w, w + self.reduce(v - w, 0))

    def within(self, old, new):
        """``new`` within the bounds of the rules, where a sum over samples left them."""
        if self.low is not None:
            new = torch.maximum(new, torch.clamp(old, max=self.low))
        return new if self.high is None else torch.minimum(new, torch.clamp(old, min=self.high))

    def decay(self, h):
        for r, rule in enumerate(self.rules):
            h.x[r], h.y[r] = rule.decay(h.x[r], h.y[r], self.dt)

    def delayed(self, h, post, read):
        """Spikes and states that are back at the synapse in this step."""
        if not self.dendritic:
            return post, read
        new = {"spikes": post, **read}
        back = {k: past[:, -1] for k, past in h.past.items()}
        h.past = {k: torch.cat([new[k][:, None], past[:, :-1]], 1) for k, past in h.past.items()}
        return back.pop("spikes"), back if h.steps > self.dendritic else {}

    def watch(self, h, r, post, read):
        """The traces of rule ``r`` see the states that were read; returns where it acts."""
        rule = self.rules[r]
        if read and rule.Reads._fields:
            h.y[r] = rule.watch(h.y[r], rule.Reads(*(read[k] for k in rule.Reads._fields)), self.dt)
        acts = rule.acts(h.y[r])
        return post if acts is None else acts.expand_as(post).to(post.dtype)

    def fired_post(self, h, r, post):
        h.y[r] = self.put(post, self.rules[r].spike(h.x[r], h.y[r])[1], h.y[r])

    def fired_pre(self, h, r, pre):
        h.x[r] = self.put(pre, self.rules[r].spike(h.x[r], h.y[r])[0], h.x[r])

    def _back(self, h, v, post, mod, read):
        for r, rule in enumerate(self.rules):
            z = self.watch(h, r, post, read)
            if self.facts[r].on_post:
                v = self._event(h, r, v, rule.on_post, z, mod, axis=1)
            self.fired_post(h, r, post)
        return v

    def _arrive(self, h, v, pre, mod):
        for r, rule in enumerate(self.rules):
            if self.facts[r].on_pre:
                v = self._event(h, r, v, rule.on_pre, pre, mod, axis=2)
            self.fired_pre(h, r, pre)
        return v

    def _event(self, h, r, v, method, z, mod, axis):
        """Let ``z`` spikes act on the rows (axis 1) or columns (axis 2) of the neurons that fired in any sample."""
        at = torch.nonzero(z.any(0)).flatten()
        if not len(at):
            return v
        x, y, kind = h.x[r], h.y[r], self.rules[r].Synapse
        x, y = (type(x)(*(t[:, at] for t in x)), y) if axis == 2 else (x, type(y)(*(t[:, at] for t in y)))
        x, y = at_synapses(x, y)
        mod = (mod[:, at] if axis == 1 else mod)[..., None]
        whole = (v, *h.fields[r])
        s = kind(*(t.index_select(axis, at) for t in whole))
        s = self.put(z[:, at].unsqueeze(3 - axis), method(s, x, y, mod), s)
        v, *h.fields[r] = (t.index_copy(axis, at, one) for t, one in zip(whole, s, strict=True))
        return v

    def _in_time(self, h, v, mod):
        """Rules that act in time, sample by sample: they may sum over synapses."""
        for r, rule in enumerate(self.rules):
            every = self.facts[r].every
            if every is None or h.steps % every:
                continue
            x, y = at_synapses(h.x[r], h.y[r])
            s, x, y, (mod,) = (self._rows(part, len(v)) for part in ((v, *h.fields[r]), x, y, (mod[..., None],)))
            wiring = self._wiring(float(rule.every))
            done = [rule.on_time(rule.Synapse(*(t[b] for t in s)), rule.Pre(*(t[b] for t in x)),
                                 rule.Post(*(t[b] for t in y)), mod[b], wiring) for b in range(len(v))]
            v, *h.fields[r] = (torch.stack(t).view(-1, self.n_pre, self.n_post).mT for t in zip(*done, strict=True))
        return v

    def _rows(self, tensors, batch):
        """[B, n_post, n_pre] as [B, synapses] in the order of :class:`snn.wiring.Wiring`."""
        return [t.expand(batch, self.n_post, self.n_pre).mT.reshape(batch, -1) for t in tensors]

    def _wiring(self, every):
        pre, post = (torch.arange(n, device=self.options["device"]) for n in (self.n_pre, self.n_post))
        return Wiring(pre.repeat_interleave(self.n_post), post.repeat(self.n_pre), self.n_pre, self.n_post, every)
