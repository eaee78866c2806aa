"""The rows of a plastic group: how what was put off is applied to them, and the kernels that do just that."""
import contextlib

from llvmlite import ir

from snn.run.block import I8, I16, I32, I64
from snn.run.plastic_layout import Kernel
from snn.run.plastic_traces import amount_of

TARGETS = {"uint16": I16, "uint32": I32}


def settle_kernel(layout):
    """``(IR text, name)``: apply what was put off to all rows of this part; nothing is sent."""
    return _Settle(layout, "settle").build()


def renew_kernel(layout):
    """``(IR text, name)``: bring the rows of this part whose last spike came until BASE to BASE."""
    return _Renew(layout, "renew").build()


class Rows(Kernel):
    """All rows; subclasses say which, and what happens beside applying what was put off."""

    forgets_old = False

    def __init__(self, layout, name):
        super().__init__(layout, name)
        self.target_type = TARGETS[layout.targets]
        self.mine = self.b.mul(self.k.part, self.word("N_PRE"))

    def build(self):
        self.k.loop(self.k.i64(0), self.word("N_PRE"), 1, lambda j, _: self._row(j))
        return self.k.done()

    # -- a row
    def _row(self, j):
        k, b = self.k, self.b
        own = b.add(self.mine, j)
        self.x_at, self.seen = self.whole("X_AT", own, 8, I64), self.whole("SEEN", own, 8, I64)
        self.x = [self.traces("X", r, own) for r in range(len(self.shape.traced))]
        with self._chosen():
            self._before(own)
            if self.shape.sums is None:
                self._synapses(j)
            else:
                with b.if_else(b.icmp_signed(">", self.x_at, self.word("BASE"))) as (recent, old):
                    with recent:
                        self._synapses(j, self.word("BASE"))
                    with old:
                        self._synapses(j, b.sub(self.word("BASE"), self.word("PERIOD")), old=True)
            self._behind(own)
            b.store(self.step, k.at(self.word("SEEN"), own, 8))

    def _chosen(self):
        """A context for the rows that are treated."""
        return contextlib.nullcontext()

    def _before(self, own):
        """What happens before the synapses of a row."""

    def _behind(self, own):
        """What happens behind them."""

    def _synapses(self, j, base=None, old=False):
        k, b = self.k, self.b
        self.old = old
        if base is not None:
            since, width = b.sub(self.x_at, base), k.i64(len(self.shape.sums))
            self.scale = [
                b.fmul(self.x[s.r]["pre", s.field], self.load("INVERSE", b.add(b.mul(since, width), k.i64(f))))
                for f, s in enumerate(self.shape.sums)
            ]
        first, last = self._range(j)
        k.loop(first, last, 1, lambda s, _: self._synapse(s))

    def _range(self, j):
        """First and last + 1 synapse of row ``j`` in this part."""
        at = self.b.add(self.b.mul(j, self.word("PARTS")), self.k.part)
        return self.whole("SPLIT", at, 8, I64), self.whole("SPLIT", self.b.add(at, self.k.i64(1)), 8, I64)

    @staticmethod
    def _leaves(kind, values):
        return {(kind, name): x for name, x in values.items()}

    def _decayed(self, r, elapsed):
        """{field: presynaptic trace of rule ``r``} after ``elapsed`` steps since the last spike."""
        return self.e.elapse(r, "decay_pre", "pre", {name: x for (_, name), x in self.x[r].items()}, elapsed)

    # -- a synapse
    def _synapse(self, s):
        k, b, shape = self.k, self.b, self.shape
        size = self.target_type.width // 8
        target = b.zext(b.load(k.at(self.word("TARGETS"), s, size), typ=self.target_type), I64)
        state = self._held(s)
        if shape.sums is not None:
            state = self._caught_up(s, target, state)
        elif shape.posts:
            state = self._replayed(s, target, state)
        self._finish(s, target, state)

    def _finish(self, s, target, state):
        self._write(s, state)

    def _held(self, s):
        """{name: value} of the synapse: "w", (rule, field), and "at" where time changes it."""
        held = {"w": self.load("WEIGHT", s)}
        for r, t in enumerate(self.shape.traced):
            for name in t.rule.Synapse._fields[1:]:
                held[r, name] = self.load(("S", r, name), s)
        if self.shape.flows:
            held["at"] = self.whole("AT", s, 8, I64)
        return held

    def _write(self, s, state):
        self.store(state["w"], "WEIGHT", s)
        for r, t in enumerate(self.shape.traced):
            for name in t.rule.Synapse._fields[1:]:
                self.store(state[r, name], ("S", r, name), s)
        if self.shape.flows:
            self.b.store(state["at"], self.k.at(self.word("AT"), s, 8))

    def _seen_by(self, r, state):
        """The leaves of rule ``r`` for a synapse."""
        names = self.shape.traced[r].rule.Synapse._fields[1:]
        return {("synapse", "w"): state["w"], **{("synapse", n): state[r, n] for n in names}}

    def _after(self, r, state, outputs):
        return {**state, **{("w" if name == "w" else (r, name)): x for name, x in outputs.items()}}

    def _flown(self, state, now, target):
        """The synapse at the end of step ``now``."""
        if not self.shape.flows:
            return state
        elapsed = self.b.sub(now, state["at"])
        for r, t in enumerate(self.shape.traced):
            if t.changes("flow"):
                mod = {("mod", ""): self.load("MOD", target)} if t.uses("flow", "mod") else {}
                values = {name: x for (_, name), x in self._seen_by(r, state).items()}
                state = self._after(r, state, self.e.elapse(r, "flow", "synapse", values, elapsed, mod))
        return {**state, "at": now}

    # -- what was put off
    def _caught_up(self, s, target, state):
        b, width = self.b, self.k.i64(len(self.shape.sums))
        total = None
        for f in range(len(self.shape.sums)):
            current = now = self.load(("SUM", f), target)
            if self.old:
                over_the_period = self.load("INVERSE", b.add(b.mul(self.word("PERIOD"), width), self.k.i64(f)))
                now = b.fadd(self.load(("OLD_SUM", f), target), b.fdiv(current, over_the_period))
            new = b.fmul(self.scale[f], b.fsub(now, self.load(("SEEN_SUM", f), s)))
            self.store(current if self.forgets_old else now, ("SEEN_SUM", f), s)
            total = new if total is None else b.fadd(total, new)
        r = self.shape.posts[0]
        sign, _, node = amount_of(self.shape.traced[r])
        moved = (b.fadd if sign > 0 else b.fsub)(state["w"], total)
        outputs = self.e.nodes(r, self.shape.traced[r].methods["on_post"], {}, preset={node.index: moved})
        return {**state, "w": outputs["w"]}

    def _replayed(self, s, target, state):
        """Apply the notes of the target that this row has not seen, in order."""
        k, b = self.k, self.b
        first = b.mul(target, self.word("ROOM"))
        end = b.add(first, self.whole("COUNT", target, 8, I64))
        begin = self._first_new(first, end)
        before = b.block
        head, inside, after = (b.append_basic_block(n) for n in ("notes", "note", "noted"))
        b.branch(head)
        b.position_at_end(head)
        place = b.phi(I64)
        place.add_incoming(begin, before)
        now = {}
        for name, x in state.items():
            now[name] = b.phi(x.type)
            now[name].add_incoming(x, before)
        b.cbranch(b.icmp_signed("<", place, end), inside, after)
        b.position_at_end(inside)
        made = self._replay(place, target, now)
        for name, x in now.items():
            x.add_incoming(made[name], b.block)
        place.add_incoming(b.add(place, k.i64(1)), b.block)
        b.branch(head)
        b.position_at_end(after)
        return now

    def _first_new(self, first, end):
        """Place of the oldest note that is newer than what the row has seen."""
        k, b = self.k, self.b
        before = b.block
        head, look, back, found = (b.append_basic_block(n) for n in ("back", "look", "older", "found"))
        b.branch(head)
        b.position_at_end(head)
        place = b.phi(I64)
        place.add_incoming(end, before)
        b.cbranch(b.icmp_signed(">", place, first), look, found)
        b.position_at_end(look)
        earlier = b.sub(place, k.i64(1))
        b.cbranch(b.icmp_signed(">", self.whole("STEPS", earlier, 4, I32), self.seen), back, found)
        b.position_at_end(back)
        place.add_incoming(earlier, back)
        b.branch(head)
        b.position_at_end(found)
        return place

    def _replay(self, place, target, state):
        b, k, shape = self.b, self.k, self.shape
        when = b.sub(self.whole("STEPS", place, 4, I32), k.i64(shape.late))
        state = self._flown(state, when, target)
        noted = {}
        for j, entry in enumerate(shape.noted):
            noted[entry] = self.load("VALUES", b.add(b.mul(place, k.i64(len(shape.noted))), k.i64(j)))
        for r in shape.posts:
            t = shape.traced[r]
            leaves = {("post", n): noted[r, n] for n in t.uses("on_post", "post")}
            if ("mod", "") in noted:
                leaves["mod", ""] = noted["mod", ""]
            if t.uses("on_post", "pre"):
                leaves |= self._leaves("pre", self._decayed(r, b.sub(when, self.x_at)))
            after = self._after(r, state, self.e.outputs(r, "on_post", {**leaves, **self._seen_by(r, state)}))
            state = self._where_marked(r, place, state, after)
        return state

    def _where_marked(self, r, place, before, after):
        """``after`` where the note is one for rule ``r``."""
        if not self.shape.marked:
            return after
        mark = self.b.load(self.k.at(self.word("MARKS"), place, 1), typ=I8)
        bit = ir.Constant(I8, 1 << (r + 1) if self.shape.acting[r] else 1)
        mine = self.b.icmp_unsigned("!=", self.b.and_(mark, bit), ir.Constant(I8, 0))
        return {name: x if x is before[name] else self.b.select(mine, x, before[name]) for name, x in after.items()}


class _Settle(Rows):
    """All rows of the part."""


class _Renew(Rows):
    """The rows whose last spike came until BASE: as if it came in BASE, with the traces that are left by then."""

    forgets_old = True

    def _chosen(self):
        return self.b.if_then(self.b.icmp_signed("<=", self.x_at, self.word("BASE")))

    def _behind(self, own):
        elapsed = self.b.sub(self.word("BASE"), self.x_at)
        for r in range(len(self.shape.traced)):
            self.write("X", r, self._decayed(r, elapsed), own)
        self.b.store(self.word("BASE"), self.k.at(self.word("X_AT"), own, 8))
