"""What a synaptic rule means, as a plain loop over steps without any engine (the order that ``snn.rule`` states)."""
from typing import NamedTuple

import numpy as np
import torch

from snn.rule import SynapticRule, rules_of


class Course(NamedTuple):
    """``step`` [K] that were looked at (all, where a rule needs all); ``w``, ``sent`` [K, synapses] at their ends.

    ``sent``: what the presynaptic spikes of the step carried; NaN where none arrived.
    """

    step: np.ndarray
    w: np.ndarray
    sent: np.ndarray


def run_rule(rules, pre, post, w, *, dt, ends=None, axonal=0, dendritic=0, mod=0.0, reads=None):
    """Drive synapses by given spikes in float64; every synapse keeps its own traces, nothing is shared.

    Parameters
        rules            one rule, or several that act in this order
        pre, post        bool [steps, neurons]: spikes of the two sides
        w                first weights: [n_post, n_pre] all to all, or [synapses] from ``ends`` (default: one to one)
        ends             ``(pre, post)`` neuron numbers [synapses]
        axonal, dendritic  steps of the delay before and behind the synapse
        mod              modulator: a number, or [steps]
        reads            {state: [steps, n_post]} of the postsynaptic neurons, for rules that read them
    Rules that act in time (``on_time``, ``rewire``) are not driven in time.
    """
    rules, w = rules_of(rules, "run_rule"), np.asarray(w, np.float64)
    if w.ndim == 2:
        ends, w = [x.ravel() for x in np.meshgrid(np.arange(w.shape[1]), np.arange(w.shape[0]))], w.ravel()
    ends = (np.arange(len(w)),) * 2 if ends is None else ends
    pre, post = (torch.as_tensor(np.asarray(z)[:, end]) for z, end in zip((pre, post), ends, strict=True))
    pre, post = late(pre, axonal), late(post, dendritic)
    reads = {k: torch.as_tensor(np.asarray(u, np.float64)[:, ends[1]]) for k, u in (reads or {}).items()}
    mod = torch.as_tensor(np.broadcast_to(np.asarray(mod, np.float64), len(pre)).copy())
    looked = np.arange(len(pre))
    if not any(differs(r, name) for r in rules for name in ("watch", "acts")) and (mod == mod[0]).all():
        looked = np.flatnonzero((pre | post).any(1).numpy())
    sides = [One(r.bind(len(w), torch.float64), len(w)) for r in rules]
    w, before, course = torch.as_tensor(w), -1, []
    for t in looked:
        u = {k: x[t - dendritic] for k, x in reads.items()} if t >= dendritic else {}
        for one in sides:
            w = one.pass_time(w, mod[t], float(t - before) * dt)
        sent = w
        for event in (arrive, back) if dendritic == 0 else (back, arrive):
            w, sent = event(sides, w, sent, pre[t], post[t], mod[t], u, dt)
        course.append((w, torch.where(pre[t], sent, torch.nan)))
        before = t
    return Course(looked, *(torch.stack(x).numpy() for x in zip(*course, strict=True)))


class One:
    """One rule with the traces ``x``, ``y`` and the other fields of its synapses."""

    def __init__(self, rule, n):
        self.rule = rule
        self.x, self.y = (filled(trace, n) for trace in rule.rest())
        self.s = rule.Synapse(*(torch.zeros(n, dtype=torch.float64) for _ in rule.Synapse._fields))

    def pass_time(self, w, mod, dt):
        self.x, self.y = self.rule.decay(self.x, self.y, dt)
        self.s = self.rule.flow(self.s._replace(w=w), mod, dt)
        return self.s.w

    def watch(self, u, dt):
        if u and self.rule.Reads._fields:
            self.y = self.rule.watch(self.y, self.rule.Reads(*(u[k] for k in self.rule.Reads._fields)), dt)

    def act(self, where, method, w, mod):
        self.s = self.s._replace(w=w)
        if where.any():
            self.s = where_(where, method(self.s, self.x, self.y, mod), self.s)
        return self.s.w


def back(sides, w, sent, pre, post, mod, u, dt):
    """What the postsynaptic neuron did is back at the synapse."""
    for one in sides:
        one.watch(u, dt)
        acts = one.rule.acts(one.y)
        w = one.act(post if acts is None else acts, one.rule.on_post, w, mod)
        if post.any():
            one.y = where_(post, one.rule.spike(one.x, one.y)[1], one.y)
    return w, sent


def arrive(sides, w, sent, pre, post, mod, u, dt):
    """A presynaptic spike is at the synapse."""
    if not pre.any():
        return w, sent
    for one in sides:
        w = one.act(pre, one.rule.on_pre, w, mod)
    sent = w
    for one in sides:
        sent = one.rule.transmit(sent, one.x)
        one.x = where_(pre, one.rule.spike(one.x, one.y)[0], one.x)
    return w, sent


def late(z, steps):
    """Spikes [steps, synapses] moved by ``steps``."""
    return torch.cat([torch.zeros_like(z[:steps]), z])[:len(z)]


def filled(trace, n):
    return type(trace)(*(torch.as_tensor(v, dtype=torch.float64).expand(n) for v in trace))


def where_(condition, new, old):
    return type(old)(*(torch.where(condition, a, b) for a, b in zip(new, old, strict=True)))


def differs(rule, name):
    return getattr(type(rule), name) is not getattr(SynapticRule, name)
