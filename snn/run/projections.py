"""What concerns all synapses of a plastic projection, between blocks of steps; one definition for all engines."""
import contextlib
import math
from dataclasses import replace

import numpy as np
import torch

from snn import random
from snn.contract import steps_of
from snn.csr import CSR
from snn.errors import RunError
from snn.plastic import PopulationModulator, check_modulation
from snn.rule import SynapticRule
from snn.wiring import Wiring


class PlasticProjection:
    """The groups of one projection: rules that act in time, modulator, freezing, weights, checkpoints.

    ``count(population)`` gives the spikes of a population up to now, [runs]; ``exact`` makes the context in which
    elementary functions are evaluated.
    """

    def __init__(self, q, groups, plan, count, exact=contextlib.nullcontext):
        self.q, self.groups, self.plan, self.count, self.exact = q, groups, plan, count, exact
        self.runs, self.frozen = groups[0].runs, False
        moving = [type(r).__name__ for r in q.plastic.rules if type(r).rewire is not SynapticRule.rewire]
        if moving and self.runs > 1:
            raise RunError(f"{moving[0]} of {q.name!r}: moves synapses, which a batch of runs has in common. "
                           "Run the seeds one by one.")
        self.every = {
            r: int(steps_of(rule.every, plan.dt, f"{type(rule).__name__}.every"))
            for r, rule in enumerate(q.plastic.rules) if rule.every is not None
        }
        m = q.plastic.modulator
        self.source = None
        if isinstance(m, PopulationModulator):
            self.source = plan.index[m.population.whole.population.name]
            self.every["modulator"] = int(steps_of(m.every, plan.dt, "PopulationModulator.every"))
            self.activity, self.counted = np.zeros(self.runs), np.zeros(self.runs, np.int64)

    @property
    def pre_of(self):
        return torch.from_numpy(np.repeat(np.arange(self.q.n_pre), np.diff(self.q.csr.indptr)))

    @property
    def post_of(self):
        return torch.from_numpy(self.q.csr.targets.astype(np.int64))

    def members(self, g):
        return slice(None) if g.q.plastic.members is None else torch.from_numpy(g.q.plastic.members)

    def _whole(self, of):
        """One tensor [runs, synapses] in the order of the projection from ``of(group)``."""
        parts = [of(g) for g in self.groups]
        if self.groups[0].q.plastic.members is None:
            return parts[0]
        whole = parts[0].new_empty(self.runs, self.q.csr.n_synapses)
        for g, part in zip(self.groups, parts, strict=True):
            whole[:, self.members(g).to(whole.device)] = part
        return whole

    # -- time
    def next_due(self, step):
        """The next step count above ``step`` at which something acts in time, or None."""
        due = [(step // n + 1) * n for n in self.every.values()] + [g.next_due(step) for g in self.groups]
        return min((d for d in due if d is not None), default=None)

    def act(self, step):
        """Everything that is due when ``step`` steps are done: rules in their order, then the modulator."""
        for g in self.groups:
            g.act(step)
        due = [what for what, n in self.every.items() if step % n == 0]
        if due:
            with self.exact(), torch.no_grad():
                self._settle(step)
                for what in due:
                    self._modulate_by_population(step) if what == "modulator" else self._act(what, step)

    def _settle(self, step):
        for g in self.groups:
            g.settle(step)
            g.flow(step - 1)

    def _act(self, r, step):
        if self.frozen:
            return
        rule, plan_rule = self.groups[0].rules[r], self.q.plastic.rules[r]
        fields = [self._whole(lambda g, k=k: g.synapse(r)[k]) for k in range(len(plan_rule.Synapse._fields))]
        x = [self._whole(lambda g, k=k: g.pre_traces(r, step - 1)[k][:, g.pre_of])
             for k in range(len(plan_rule.Pre._fields))]
        y = [self._whole(lambda g, k=k: g.y[r][k][:, g.post_of]) for k in range(len(plan_rule.Post._fields))]
        one = self.q.plastic.modulator is None          # the same number everywhere
        mod = fields[0].new_zeros(self.runs, 1) if one else self._whole(lambda g: g.modulation())
        device = fields[0].device
        wiring = Wiring(self.pre_of.to(device), self.post_of.to(device), self.q.n_pre, self.q.n_post, float(rule.every))
        moved = None
        for b in range(self.runs):
            s = plan_rule.Synapse(*(f[b] for f in fields))
            s = rule.on_time(s, plan_rule.Pre(*(v[b] for v in x)), plan_rule.Post(*(v[b] for v in y)), mod[b], wiring)
            rewired = rule.rewire(s, wiring, lambda k: self._draw(step, k))
            s, moved = (s, None) if rewired is None else rewired
            for f, value in zip(fields, s, strict=True):
                f[b] = value
        for g in self.groups:
            g.put(r, [f[:, self.members(g)] for f in fields])
        if moved is not None and not torch.equal(moved.cpu(), self.post_of):
            self._begin_anew(r, moved.cpu() != self.post_of)
            self._move(moved.cpu())

    def _begin_anew(self, by, moved):
        """What other rules than ``by`` hold at the synapses that moved is that of new synapses."""
        for g in self.groups:
            mine = moved[self.members(g)].to(g.w.device)
            for r, fields in enumerate(g.fields):
                for value in fields.values() if r != by else ():
                    value[:, mine] = 0.0

    def _draw(self, step, k):
        """Uniform numbers [k] of this moment."""
        key = random.bits64(self.q.plastic.key, np.array([step], np.uint64))[0]
        return torch.from_numpy(random.uniform(key, np.arange(k)))

    def _move(self, post):
        """Take new targets: rows are sorted again, and every synapse keeps its group."""
        group = torch.empty(len(post), dtype=torch.int64)
        for j, g in enumerate(self.groups):
            group[self.members(g)] = j
        order = torch.from_numpy(np.lexsort((post.numpy(), self.pre_of.numpy())))
        arrays = {name: self._whole(lambda g, name=name: g.per_synapse()[name])[:, order]
                  for name in self.groups[0].per_synapse()}
        targets = post[order].numpy()
        if targets.min() < 0 or targets.max() >= self.q.n_post:
            raise RunError(f"{self.q.name}: a rule moved a synapse to neuron {targets.max()} of {self.q.n_post}.")
        csr = CSR(self.q.csr.indptr, targets.astype(self.q.csr.targets.dtype))
        self._take(csr, group[order].numpy(), arrays)

    def _take(self, csr, group, arrays):
        self.q = replace(self.q, csr=csr)
        for j, g in enumerate(self.groups):
            members = None if g.q.plastic.members is None else np.flatnonzero(group == j)
            own = csr if members is None else CSR(
                np.searchsorted(members, csr.indptr).astype(np.int64), csr.targets[members]
            )
            g.q = replace(g.q, csr=own, plastic=replace(g.q.plastic, members=members))
            g.place(own)
            for name, value in arrays.items():
                g.per_synapse()[name][...] = value[:, self.members(g)]
            g.moved()

    # -- modulation
    def check_modulation(self, value):
        """``value`` as an array that fits the postsynaptic side; NetworkError where it does not."""
        return check_modulation(value, f"Simulation.modulate: value for {self.q.name!r}", self.q.n_post)

    def modulate(self, value, step):
        """Set the modulator from now on."""
        self._set_modulator(torch.from_numpy(self.check_modulation(value)), step)

    def _set_modulator(self, value, step):
        with self.exact(), torch.no_grad():
            self._settle(step)
            for g in self.groups:
                g.mod[...] = value.to(**g.options)

    def _modulate_by_population(self, step):
        m, total = self.q.plastic.modulator, np.asarray(self.count(self.source))
        fired, self.counted = total - self.counted, total
        n = self.plan.populations[self.source].n
        self.activity = self.activity * math.exp(-m.every / m.tau) + m.gain * fired / n
        self._set_modulator(torch.from_numpy(self.activity - m.baseline)[:, None], step)

    def freeze(self, frozen, step):
        """Stop or resume learning; traces go on."""
        with self.exact(), torch.no_grad():
            self._settle(step)
            self.frozen = frozen
            for g in self.groups:
                g.freeze(frozen, step)

    # -- weights and checkpoints
    def weights(self, step):
        """Weights [runs, synapses] in the order of the projection, as a spike that arrives next would find them."""
        with self.exact(), torch.no_grad():
            return self._whole(lambda g: g.weights(step)).cpu().numpy()

    def set_weights(self, weight, step):
        self._settle(step)
        for g in self.groups:
            g.w[...] = torch.as_tensor(weight).to(**g.options)[self.members(g)]

    def snapshot(self, step, run=0):
        """{name: array} of one run; groups are told apart by a number in front."""
        named = {f"{j}/{name}": v[run].cpu().numpy().copy() for j, g in enumerate(self.groups)
                 for name, v in g.snapshot(step).items()}
        named |= {"targets": self.q.csr.targets.copy(), "group": self._groups(), "frozen": np.array(self.frozen)}
        if self.source is not None:
            pending = np.asarray(self.count(self.source)) - self.counted
            named |= {"activity": self.activity[run : run + 1], "pending": pending[run : run + 1]}
        return named

    def _groups(self):
        group = np.zeros(self.q.csr.n_synapses, np.int16)
        for j, g in enumerate(self.groups):
            group[self.members(g)] = j
        return group

    def restore(self, saved, step):
        if "targets" in saved and not np.array_equal(saved["targets"], self.q.csr.targets):
            self._take(CSR(self.q.csr.indptr, saved["targets"]), saved["group"], {})
        for j, g in enumerate(self.groups):
            g.restore({name.split("/", 1)[1]: v for name, v in saved.items() if name.startswith(f"{j}/")}, step)
        self.frozen = bool(saved.get("frozen", False))
        for g in self.groups:
            g.hold(self.frozen)
        if self.source is not None and "activity" in saved:
            self.activity = saved["activity"].copy()
            self.counted = np.asarray(self.count(self.source)) - saved["pending"]
