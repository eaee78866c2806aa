"""One step of synaptic rules over a dense matrix and a batch: the order of :mod:`snn.rule`, broadcast.

Traces of the presynaptic side are [B, n_pre], of the postsynaptic side [B, n_post], what a rule keeps per
synapse beside its weight [B, n_post, n_pre]. A rule sees them as [B, 1, n_pre], [B, n_post, 1] and [B, n_post, n_pre].
"""
from dataclasses import dataclass

import torch
from torch.nn.functional import linear

from snn.train.plastic_state import State, carried, reads
from snn.wiring import Wiring

ORDER = {False: ("on_pre", "on_post"), True: ("on_post", "on_pre")}
"""Which event is first in a step, by whether there is a dendritic delay."""


@dataclass(frozen=True)
class Moment:
    """An event of rule ``r`` in a step of a batch: ``z`` [B, N], and the traces as it finds them."""

    r: int
    event: str
    z: torch.Tensor
    x: tuple
    y: tuple


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
        # What a method of both sides is given for the one that is not asked for.
        self.no_y = [rule.Post(*(torch.zeros((), **options) for _ in rule.Post._fields)) for rule in rules]
        self.dt, self.dendritic = torch.tensor(dt, dtype=torch.float64).to(**options), dendritic
        self.n_post, self.n_pre = shape
        self.reads, self.carried = reads(rules), carried(rules, dendritic)
        self._shares = {}
        bounds = [rule.bounds() for rule in rules]
        self.low = min((low for low, _ in bounds if low is not None), default=None)
        self.high = max((high for _, high in bounds if high is not None), default=None)

    def rest(self, r, batch):
        """The ``(Pre, Post)`` of rule ``r`` before any spike."""
        return (type(trace)(*(torch.as_tensor(v, **self.options).expand(batch, n) for v in trace))
                for trace, n in zip(self.rules[r].rest(), (self.n_pre, self.n_post), strict=True))

    def begin(self, batch):
        """The :class:`State` at rest."""
        x, y = zip(*(self.rest(r, batch) for r in range(len(self.rules))), strict=True)
        fields = [tuple(torch.zeros(batch, self.n_post, self.n_pre, **self.options) for _ in rule.Synapse._fields[1:])
                  for rule in self.rules]
        past = {k: torch.zeros(batch, self.dendritic, self.n_post, **self.options) for k in self.carried}
        return State(list(x), list(y), fields, past)

    def go_on(self, tensors, steps):
        """The :class:`State` of tensors in the order of :func:`snn.train.plastic_state.names`."""
        rest = iter(tensors)
        x, y = ([kind(*(next(rest) for _ in kind._fields)) for kind in kinds]
                for kinds in ([r.Pre for r in self.rules], [r.Post for r in self.rules]))
        # What is kept per synapse is written into.
        fields = [tuple(next(rest).clone() for _ in r.Synapse._fields[1:]) for r in self.rules]
        return State(x, y, fields, dict(zip(self.carried, rest, strict=True)), steps)

    def step(self, h, w, pre, post, mod, read):
        """Do a step on the state ``h``; gives the weights behind it. ``pre`` [B, n_pre]; ``post``, ``mod`` and the
        values of ``read`` [B, n_post]."""
        moments, batch = self._moments(h, pre, post, read), len(pre)
        flows = [r for r, facts in enumerate(self.facts) if facts.flow]
        due = [r for r, facts in enumerate(self.facts) if facts.every and h.steps % facts.every == 0]
        if not (moments or flows or due):
            return w
        share, changes = self.shares(batch), []
        total = torch.zeros_like(w)
        size = self.at_once(batch)
        for b in (slice(first, first + size) for first in range(0, batch, size)):
            v = w.expand(size, *w.shape).clone()
            fields = [tuple(t[b] for t in held) for held in h.fields]
            for r in flows:
                self._write(v, fields[r], self.rules[r].flow(self.rules[r].Synapse(v, *fields[r]), mod[b, :, None],
                                                             self.dt))
            for moment in moments:
                self._event(v, fields[moment.r], moment, b, mod[b])
            for r in due:
                self._in_time(h, r, v, fields[r], b, mod[b])
            v -= w
            if share is None:
                changes.append(v)
            else:
                total += v[0] * share[b] if size == 1 else torch.einsum("bij,b->ij", v, share[b])
        if share is None:
            total = self.reduce(torch.cat(changes), 0)
        return self.within(w, w + total, share)

    def at_once(self, batch):
        """How many samples are taken together; 1 (on a CPU) or all."""
        # With one only the rows and columns of neurons that fired in this very sample are looked at.
        return 1 if torch.device(self.options["device"]).type == "cpu" else batch

    def shares(self, batch):
        """How much every sample counts in a linear reduction, [B]; None where it is not linear."""
        if batch not in self._shares:
            share = self.reduce(torch.eye(batch, **self.options), 0)
            probe = torch.linspace(-1.0, 2.0, batch, **self.options)
            linear = torch.allclose(self.reduce(probe[:, None], 0), share @ probe)
            self._shares[batch] = share if linear else None
        return self._shares[batch]

    def within(self, old, new, share):
        """``new`` within the bounds of the rules, where it is not an average of weights that are."""
        if share is not None and bool((share >= 0).all() and share.sum() < 1.001):
            return new
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
        post, read = self.late(h, post[None], {k: v[None] for k, v in read.items()})
        return post[0], {k: v[0] for k, v in read.items()} if h.steps > self.dendritic else {}

    def late(self, h, post, read):
        """Spikes and states [T, B, n_post] as they come back to the synapse."""
        if not self.dendritic:
            return post, read
        whole = {k: torch.cat([h.past[k].movedim(1, 0), v]) for k, v in {"spikes": post, **read}.items()}
        h.past = {k: v[len(post):].movedim(0, 1) for k, v in whole.items()}
        back = {k: v[:len(post)] for k, v in whole.items()}
        return back.pop("spikes"), back

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

    def _moments(self, h, pre, post, read):
        """Move all traces on by a step; gives the events that act on synapses, in their order."""
        h.steps += 1
        self.decay(h)
        post, read = self.delayed(h, post, read)
        moments = []

        def note(r, event, z):
            if getattr(self.facts[r], event) and z.any():
                moments.append(Moment(r, event, z, h.x[r], h.y[r]))

        # Without dendritic delay a postsynaptic spike is at the synapse behind the input of its own step.
        for event in ORDER[bool(self.dendritic)]:
            for r in range(len(self.rules)):
                if event == "on_post":
                    note(r, event, self.watch(h, r, post, read))
                    self.fired_post(h, r, post)
                else:
                    note(r, event, pre)
                    self.fired_pre(h, r, pre)
        return moments

    def _event(self, v, fields, moment, b, mod):
        """Let spikes act on the rows or columns of the neurons that fired in one of the samples ``b``."""
        axis, rule = 1 if moment.event == "on_post" else 2, self.rules[moment.r]
        at = torch.nonzero(moment.z[b].any(0)).flatten()
        if not len(at):
            return
        x, y = (type(t)(*(k[b] for k in t)) for t in (moment.x, moment.y))
        if axis == 1:
            y, mod = type(y)(*(t[:, at] for t in y)), mod[:, at]
        else:
            x = type(x)(*(t[:, at] for t in x))
        s = rule.Synapse(*(t.index_select(axis, at) for t in (v, *fields)))
        new = getattr(rule, moment.event)(s, *at_synapses(x, y), mod[..., None])
        for whole, one in zip((v, *fields), self.put(moment.z[b][:, at].unsqueeze(3 - axis), new, s), strict=True):
            whole.index_copy_(axis, at, one)

    def _write(self, v, fields, s):
        for whole, one in zip((v, *fields), s, strict=True):
            whole.copy_(one)

    def _in_time(self, h, r, v, fields, b, mod):
        """A rule that acts in time, sample by sample: it may sum over synapses."""
        rule = self.rules[r]
        x, y = at_synapses(*(type(t)(*(k[b] for k in t)) for t in (h.x[r], h.y[r])))
        s, x, y, (m,) = (self._rows(part, len(v)) for part in ((v, *fields), x, y, (mod[..., None],)))
        wiring = self._wiring(float(rule.every))
        done = [rule.on_time(rule.Synapse(*(t[b] for t in s)), rule.Pre(*(t[b] for t in x)),
                             rule.Post(*(t[b] for t in y)), m[b], wiring) for b in range(len(v))]
        self._write(v, fields, [torch.stack(t).view(-1, self.n_pre, self.n_post).mT for t in zip(*done, strict=True)])

    def _rows(self, tensors, batch):
        """[B, n_post, n_pre] as [B, synapses] in the order of :class:`snn.wiring.Wiring`."""
        return [t.expand(batch, self.n_post, self.n_pre).mT.reshape(batch, -1) for t in tensors]

    def transmitted(self, traces, x, w):
        """What the spikes ``x`` [B, n_pre] send, [B, n_post]; ``traces`` {rule: Pre of [B, n_pre]} move on."""
        scales = all(facts.scales for facts in self.facts)
        sent = torch.ones_like(x)[:, None] if scales else w.expand(len(x), *w.shape)
        with torch.no_grad():
            for r in traces:
                rule, now = self.rules[r], self.rules[r].decay(traces[r], self.no_y[r], self.dt)[0]
                sent = rule.transmit(sent, type(now)(*(t[:, None] for t in now)))
                traces[r] = self.put(x, rule.spike(now, self.no_y[r])[0], now)
        return linear(x * sent[:, 0], w) if scales else torch.einsum("bi,boi->bo", x, sent)

    def _wiring(self, every):
        pre, post = (torch.arange(n, device=self.options["device"]) for n in (self.n_pre, self.n_post))
        return Wiring(pre.repeat_interleave(self.n_post), post.repeat(self.n_pre), self.n_pre, self.n_post, every)
