"""A plastic group of the event-driven engine: memory, words and kernels."""
import ctypes

import numpy as np
import torch

from snn.exact import exact_math
from snn.run import native
from snn.run.memory import Words
from snn.run.plastic import Group
from snn.run.plastic_arrivals import arrival_kernel
from snn.run.plastic_layout import Layout, Sum
from snn.run.plastic_rows import renew_kernel, settle_kernel
from snn.run.plastic_traces import amount_of, trace_kernel
from snn.run.reference import denormals_flushed
from snn.run.rule_code import RuleCode
from snn.run.synapses import split_rows

FADED = np.exp(-8.0)
"""What is left of a presynaptic trace since the reference step when sums begin anew; less would be lost to rounding."""
SHORTEST = 16
"""Steps in which a presynaptic trace must not fade; for faster ones notes are as good."""
ROOM = (16, 1024)
"""Notes that a neuron has room for: at least and at most."""
ROOM_BYTES = 2 << 20
"""Memory for the notes of all neurons, so that they stay near the processor."""


class CompiledGroup(Group):
    """A group as arrays that compiled code works on; see ``snn.run.plastic_layout`` for what is put off."""

    def __init__(self, q, whole, cells, parts, step):
        self.pre, self.post, self.parts = cells[q.pre], cells[q.post], parts
        self.words = None
        super().__init__(q, whole.dt, 1, step, dtype=getattr(torch, whole.dtype), device="cpu")
        self.layout = Layout(self.p, whole.dtype, str(q.csr.targets.dtype), self.post.skips, self._sums(whole.dtype))
        self.copies = [[v.expand(parts, -1).clone() for v in x] for x in self.x]
        self.copies_at = self.x_at.expand(parts, -1).clone()
        self.seen = torch.full((parts, q.n_pre), step - 1)
        self._make_notes(whole.dtype)
        self._make_sums(step)
        self.words = Words(len(self.layout.words))
        self._functions = {}
        self._write_words()

    def _first_weights(self, n):
        # The array of the plan itself: at many synapses a second one would count.
        return torch.from_numpy(self.q.weight)[None] if np.ndim(self.q.weight) else super()._first_weights(n)

    def place(self, csr):
        super().place(csr)
        if self.words is not None:
            self._connect()

    # -- what is put off
    def _sums(self, dtype):
        """The running sums where they can stand for a history, else None."""
        posts = [t for t in self.p.traced if t.changes("on_post")]
        if dtype != "float32" or len(posts) != 1 or not posts[0].rule.additive or self.p.flows:
            return None
        traced = posts[0]
        r = self.p.traced.index(traced)
        if amount_of(traced) is None or traced.uses("on_post", "synapse") != {"w"}:
            return None
        code, sums = RuleCode(self.p.traced, dtype), []
        for name in sorted(traced.uses("on_post", "pre")):
            node = traced.methods["decay_pre"][name]
            factors = [a for a in node.args if a.value is not None and a.value.ndim] if node.op == "mul" else []
            own = [a for a in node.args if a.op == "pre" and a.attr == (name,)]
            if len(factors) != 1 or len(own) != 1:
                return None
            sums.append(Sum(r, name, code.column(r, factors[0])))
            if code.table[SHORTEST, sums[-1].column] < FADED:
                return None
        return tuple(sums) or None

    def _make_notes(self, dtype):
        n, noted = self.q.n_post, max(1, len(self.layout.noted))
        room = ROOM_BYTES // max(1, n * (4 + noted * np.dtype(dtype).itemsize))
        self.room = int(np.clip(room, *ROOM)) if self.layout.posts and self.layout.sums is None else 1
        self.count = np.zeros(n, np.int64)
        self.steps, self.marks = np.zeros((n, self.room), np.int32), np.zeros((n, self.room), np.uint8)
        self.values, self.mask = np.zeros((n, self.room, noted), dtype), np.zeros(n, np.uint8)

    def _make_sums(self, step):
        sums = self.layout.sums or ()
        self.totals = [torch.zeros(self.q.n_post, **self.options) for _ in sums]
        self.old_totals = [torch.zeros(self.q.n_post, **self.options) for _ in sums]
        self.seen_totals = [torch.zeros(self.q.csr.n_synapses, **self.options) for _ in sums]
        self.period = None
        if sums:
            left = np.stack([self.layout.code.table[:, s.column] for s in sums], 1)
            self.period = max(1, int((left.min(1) > FADED).sum()))
            with np.errstate(divide="ignore"):
                kept = np.concatenate([np.ones((1, len(sums)), left.dtype), left[: self.period + 1]])
                self.inverse = np.ascontiguousarray(np.where(kept > 0, 1.0 / kept, 0.0).astype(left.dtype))
            self.base = step // self.period * self.period - 1

    def next_due(self, step):
        """The step count at which the sums begin anew, or None."""
        return None if self.period is None else (step // self.period + 1) * self.period

    def act(self, step):
        """Begin the sums anew where it is time."""
        if self.period is not None and step % self.period == 0:
            self._run("renew", renew_kernel, step)
            self.collect(step)
            for old, total in zip(self.old_totals, self.totals, strict=True):
                old[:] = total
                total.zero_()
            self._set_base(step - 1)

    def _set_base(self, base):
        self.base = base
        self.words[self.layout.words["BASE"]] = base

    def _forget_sums(self):
        """Nothing is put off: bring all presynaptic traces to the reference step, with empty sums."""
        late = self.x_at < self.base
        with exact_math():
            now = [self.pre_traces(r, torch.clamp(self.x_at, min=self.base)) for r in range(len(self.x))]
        for old, new in zip((v for x in self.x for v in x), (v for x in now for v in x), strict=True):
            old[late] = new[late]
        self.x_at[late] = self.base
        for total in (*self.totals, *self.old_totals, *self.seen_totals):
            total.zero_()

    def settle(self, step):
        """Apply what was put off, as of the end of step ``step - 1``."""
        self._run("settle", settle_kernel, step)
        self.count[:] = 0

    def _run(self, name, kernel, step):
        """Run a kernel on all parts, as of the end of step ``step - 1``."""
        if name not in self._functions:
            kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
            self._functions[name] = kind(native.address(*kernel(self.layout)))
        with denormals_flushed():
            for part in range(self.parts):
                self._functions[name](self.words.address, step - 1, part)

    def applied(self, step):
        if self.layout.sums is None:
            # Applied one by one, each at its own time: it makes no difference when.
            self.settle(step)
            return self.w
        kept = [t.clone() for t in (self.w, self.seen, *self.seen_totals)]
        self._run("settle", settle_kernel, step)
        now = self.w.clone()
        for mine, before in zip((self.w, self.seen, *self.seen_totals), kept, strict=True):
            mine[...] = before
        return now

    def moved(self):
        """What a synapse has seen of the sums is that of its new target."""
        post, recent = self.post_of, (self.x_at[0] > (self.base if self.period else 0))[self.pre_of]
        for f, (total, old, seen) in enumerate(zip(self.totals, self.old_totals, self.seen_totals, strict=True)):
            before = old + total / float(self.inverse[self.period, f])
            seen[:] = torch.where(recent, total[post], before[post])

    def hold(self, frozen):
        super().hold(frozen)
        self.words[self.layout.words["FROZEN"]] = int(frozen)

    # -- words and kernels
    def _write_words(self):
        w = self.layout.words
        one = self.layout.code
        for name, value in {
            "CONSTANTS": one.constants, "TABLE": one.table, "PARTS": self.parts, "OFFSET": self.q.post_offset,
            "N_POST": self.q.n_post, "N_PRE": self.q.n_pre, "FIRST": self.q.pre_offset, "DELAY": self.q.delay,
            "BACK": self.p.back, "BOUNDS": np.clip(self.post.bounds - self.q.post_offset, 0, self.q.n_post),
            "PRE_IDS": self.pre.spikes, "PRE_DEPTH": self.pre.plan.depth, "PRE_COUNTS": self.pre.counts,
            "PRE_BOUNDS": self.pre.bounds, "PRE_STRIDE": self.pre.stride, "POST_IDS": self.post.spikes,
            "POST_DEPTH": self.post.plan.depth, "POST_COUNTS": self.post.counts, "POST_BOUNDS": self.post.bounds,
            "POST_STRIDE": self.post.stride, "RING": self.post.rings[self.q.port],
            "DEPTH": len(self.post.rings[self.q.port]), "STRIDE": self.post.stride, "TOUCHED": self.post.touched,
            "COUNT": self.count, "STEPS": self.steps, "VALUES": self.values, "MARKS": self.marks, "ROOM": self.room,
            "MASK": self.mask, "WEIGHT": self.w, "MOD": self.mod, "X_AT": self.copies_at, "SEEN": self.seen,
        }.items():
            self._put(w[name], value)
        if self.at is not None:
            self._put(w["AT"], self.at)
        if self.period is not None:
            self._put(w["INVERSE"], self.inverse)
            self._put(w["BASE"], self.base)
            self._put(w["PERIOD"], self.period)
        for name, arrays in (("SUM", self.totals), ("OLD_SUM", self.old_totals), ("SEEN_SUM", self.seen_totals)):
            for f, array in enumerate(arrays):
                self._put(w[name, f], array)
        for r, rule in enumerate(self.p.rules):
            for name, x in zip(rule.Pre._fields, self.copies[r], strict=True):
                self._put(w["X", r, name], x)
            for name, y in zip(rule.Post._fields, self.y[r], strict=True):
                self._put(w["Y", r, name], y)
            for name, field in self.fields[r].items():
                self._put(w["S", r, name], field)
        for name in self.p.reads:
            row = self.post.rows[self.post.row(name)]
            self._put(w["READ", name], row[self.q.post_offset :])
            self._put(w["PAST", name], self.past[name])
        self._connect()

    def _put(self, at, value):
        self.words[at] = value.numpy() if isinstance(value, torch.Tensor) else value

    def _connect(self):
        w, csr = self.layout.words, self.q.csr
        self._put(w["SPLIT"], split_rows(self.q, self.post.bounds, self.parts))
        self._put(w["TARGETS"], np.ascontiguousarray(csr.targets))

    def kernels(self, stop_cell):
        """``[(address, Words)]``: the kernels of a step, in order."""
        self._put(self.layout.words["STOP"], stop_cell)
        traces = [trace_kernel(self.layout)] if self._has_post_side() else []
        return [(native.address(*code), self.words) for code in (*traces, arrival_kernel(self.layout))]

    def _has_post_side(self):
        return any(t.changes("decay_post") or t.changes("spike_post") or t.rule.Reads._fields or t.methods["acts"]
                   or t.changes("on_post") for t in self.p.traced)

    # -- between blocks
    def collect(self, step):
        """After a block: Python sees the first part's copy of the presynaptic traces; full notes are applied."""
        for r in range(len(self.x)):
            for mine, copy in zip(self.x[r], self.copies[r], strict=True):
                mine[0] = copy[0]
        self.x_at[0] = self.copies_at[0]
        if self.count.max(initial=0) >= self.room:
            self.settle(step)

    def _share(self):
        for r in range(len(self.x)):
            for mine, copy in zip(self.x[r], self.copies[r], strict=True):
                copy[...] = mine
        self.copies_at[...] = self.x_at

    # -- checkpoints
    def _latest_first(self, step):
        return torch.tensor([(step - 2 - j) % self.p.back for j in range(self.p.back)])

    def _put_off(self):
        kinds = (("sum", self.totals), ("old", self.old_totals), ("seen", self.seen_totals))
        return {f"raw/{kind}/{f}": array for kind, arrays in kinds for f, array in enumerate(arrays)}

    def snapshot(self, step):
        raw = {}
        if self.layout.sums is not None:
            raw = {"raw/weight": self.w} | {name: array[None] for name, array in self._put_off().items()}
        now = self.applied(step)
        past = {f"past/{k}": v[self._latest_first(step)].movedim(1, 0) for k, v in self.past.items()}
        return {**self.arrays(), **past, "weight": now, **raw}

    def restore(self, saved, step):
        super().restore(saved, step)
        for past in self.past.values():
            past[self._latest_first(step)] = past.clone()
        if self.layout.sums is not None:
            if "raw/weight" in saved:
                self.w[0] = torch.as_tensor(saved["raw/weight"])
                for name, array in self._put_off().items():
                    array[:] = torch.as_tensor(saved[name])
            else:
                self._forget_sums()
        self._share()
