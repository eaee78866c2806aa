"""What is recorded between blocks of steps: weights and the other values of plastic projections."""
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from snn.contract import steps_of
from snn.errors import NetworkError, RunError
from snn.record import RecordPlasticity, RecordWeights, TraceChannel, WeightChannel


@dataclass(frozen=True, eq=False)
class Sample:
    """Values to be taken every so many steps (None: at the end, when ``stop`` steps are done): ``take(session)`` gives
    them as [runs, k] for a channel."""

    channel: object
    take: Callable
    every: int | None
    stop: int

    def due(self, step):
        """Whether they are taken when ``step`` steps are done."""
        return step == self.stop if self.every is None else step % self.every == 0

    def next(self, step):
        """The next number of steps above ``step`` at which they are taken, or the end."""
        return self.stop if self.every is None else min((step // self.every + 1) * self.every, self.stop)

    def give(self, session, sinks, step):
        """Hand the values as they are after ``step`` to the sinks, one per run."""
        values = np.atleast_2d(self.take(session))
        for b, sink in enumerate(sinks):
            row = values[min(b, len(values) - 1)]
            if isinstance(self.channel, WeightChannel):
                sink.weights(self.channel, step, row)
            else:
                sink.samples(self.channel, np.array([(step + 1) * self.channel.dt]), row[None])


def samples(asked, channels, plan, first, steps):
    """A :class:`Sample` for every request whose values are taken between blocks."""
    found = []
    for r, c in zip(asked, channels, strict=True):
        if isinstance(r, RecordWeights | RecordPlasticity):
            if isinstance(r, RecordWeights):
                chosen = slice(None) if r.synapses is None else r.synapses

                def take(session, r=r, chosen=chosen):
                    return np.atleast_2d(session.weights(r.projection))[:, chosen]
            else:
                value, chosen = value_of(r, plan), slice(None) if r.ids is None else r.ids

                def take(session, r=r, value=value, chosen=chosen):
                    return value.now(session.learning(r.projection), session.step)[:, chosen]
            found.append(Sample(c, take, _every(r, plan.dt), first + steps))
    return found


def _every(r, dt):
    """Steps between two samples of a request; None where there is one only, at the end."""
    if r.every is None:
        return None
    try:
        return max(1, int(steps_of(r.every, dt, f"{type(r).__name__}.every of {r.projection!r}")))
    except NetworkError as err:
        raise RunError(str(err)) from None


@dataclass(frozen=True)
class PlasticValue:
    """A value of a plastic projection: field ``name`` of its rule number ``rule``; ``side`` is a NamedTuple of the
    rule: "Synapse", "Pre" or "Post". The modulator has no rule."""

    side: str
    rule: int | None
    name: str

    def now(self, p, step):
        """The values at the end of step ``step - 1``, [runs, k]; nothing changes by looking."""
        with p.exact(), torch.no_grad():
            if self.side == "Synapse":
                found = p._whole(lambda g: g.synapses_at(step)[f"synapse/{self.rule}/{self.name}"])
            elif self.side == "Pre":
                found = getattr(p.groups[0].pre_traces(self.rule, step - 1), self.name)
            else:
                found = p.groups[0].mod if self.rule is None else getattr(p.groups[0].y[self.rule], self.name)
            return found.cpu().numpy().copy()


def value_of(r, plan):
    """The :class:`PlasticValue` of a request; RunError where the projection has none of that name."""
    q = plan.projection(r.projection)
    if q.plastic is None:
        raise RunError(f"RecordPlasticity.projection: {r.projection!r} is not plastic. Record its weights.")
    known = _values(q.plastic)
    text, several = r.variable, [k for k in known if k.split(".", 1)[-1] == r.variable]
    if text not in known and len(several) == 1:
        text = several[0]
    if text not in known:
        names = sorted({k.split(".", 1)[-1] for k in known} if not several else several)
        raise RunError(f"RecordPlasticity.variable: {r.projection!r} has no {r.variable!r}"
                       f"{' of one rule alone' if several else ''}. It has: {', '.join(names) or 'nothing'}.")
    if known[text].side in ("Pre", "Post") and len(q.parts) > 1 and known[text].rule is not None:
        raise RunError(f"RecordPlasticity.variable: {r.projection!r} has {len(q.parts)} delays and a trace "
                       f"{r.variable!r} for each of them. Record a projection of one delay.")
    return known[text]


def _values(plastic):
    """{"Rule.name": PlasticValue} of all that a plastic projection holds beside its weights."""
    known = {} if plastic.modulator is None else {"mod": PlasticValue("Post", None, "mod")}
    for k, rule in enumerate(plastic.rules):
        own = type(rule).__name__
        known |= {f"{own}.{name}": PlasticValue("Synapse", k, name) for name in rule.Synapse._fields[1:]}
        known |= {f"{own}.pre.{name}": PlasticValue("Pre", k, name) for name in rule.Pre._fields}
        known |= {f"{own}.post.{name}": PlasticValue("Post", k, name) for name in rule.Post._fields}
    return known


def weight_channel(r, plan, first):
    """The channel of a RecordWeights."""
    q = plan.projection(r.projection)
    pre, post = _ends(q, r.synapses, "RecordWeights.synapses")
    model = plan.populations[q.post].model
    unit = model.units(model.Ports)[plan.populations[q.post].ports[q.port]]
    return WeightChannel(q.name, pre, post, plan.dt, unit, np.dtype(plan.dtype).type, first)


def plastic_channel(r, plan, first):
    """The channel of a RecordPlasticity: of synapses, or of the neurons of one side."""
    value, q, kind = value_of(r, plan), plan.projection(r.projection), np.dtype(plan.dtype).type
    unit = "" if value.rule is None else _unit(q.plastic.rules[value.rule], value)
    if value.side == "Synapse":
        pre, post = _ends(q, r.ids, "RecordPlasticity.ids")
        return WeightChannel(q.name, pre, post, plan.dt, unit, kind, first, variable=r.variable)
    offset, n = (q.pre_offset, q.n_pre) if value.side == "Pre" else (q.post_offset, q.n_post)
    ids = _chosen(r.ids, n, "RecordPlasticity.ids", f"a neuron of this side of {q.name!r}") + offset
    return TraceChannel(q.name, r.variable, unit, ids, plan.dt, 1, kind, first, gated=True)


def _unit(rule, value):
    return rule.units(getattr(rule, value.side)).get(value.name, "")


def _ends(q, synapses, where):
    """Neuron numbers ``(pre, post)`` of chosen synapses."""
    chosen = _chosen(synapses, q.csr.n_synapses, where, f"a synapse of {q.name!r}")
    pre = np.searchsorted(q.csr.indptr, chosen, side="right") - 1 + q.pre_offset
    return pre, q.csr.targets[chosen].astype(np.int64) + q.post_offset


def _chosen(ids, n, where, what):
    if ids is not None and len(ids) and ids.max() >= n:
        raise RunError(f"{where}: {ids.max()} is not {what}, which has {n}. Use numbers below {n}.")
    return np.arange(n) if ids is None else np.asarray(ids, np.int64)
