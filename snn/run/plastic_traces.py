"""The kernel of postsynaptic traces: they decay, see the states of their neurons, and note what happens."""
from llvmlite import ir

from snn.run.block import I8, I32, POINTER
from snn.run.plastic_layout import Kernel


def trace_kernel(layout):
    """``(IR text, name)``: one step of the postsynaptic side of a group, for the neurons of this part."""
    return _Traces(layout).build()


class _Traces(Kernel):
    """See :class:`snn.rule.SynapticRule` for the order."""

    def __init__(self, layout):
        super().__init__(layout, "traces")

    def build(self):
        k, b, late = self.k, self.b, self.shape.late
        self.lo, self.hi = k.bounds(self.word("BOUNDS"))
        self.heard = b.icmp_signed(">=", self.step, self.word("BACK"))
        self._each(lambda i: self._before(i, decays=not late))
        with b.if_then(self.heard):
            emitted = b.sub(self.step, self.word("BACK"))
            if self.shape.marked:
                self.each_spike("POST", emitted, k.part, self._mark)
                self._each(self._event_if_marked)
                self.each_spike("POST", emitted, k.part, self._spike)
            else:
                self.each_spike("POST", emitted, k.part, self._event_and_spike)
        if late:
            self._each(self._decay)
        return k.done()

    def _each(self, body):
        self.k.loop(self.lo, self.hi, 1, lambda i, _: body(i))

    def _before(self, i, decays):
        if decays:
            self._decay(i)
        for name in self.shape.plastic.reads:
            self._remember(name, i)
        with self.b.if_then(self.heard):
            for r, t in enumerate(self.shape.traced):
                if t.rule.Reads._fields:
                    self._watch(r, t, i)
            if self.shape.marked:
                self._mark_acting(i)

    def _decay(self, i):
        for r, t in enumerate(self.shape.traced):
            if t.changes("decay_post"):
                self.write("Y", r, self.e.outputs(r, "decay_post", self.traces("Y", r, i)), i)

    def _past(self, name, step, i):
        row = self.b.srem(step, self.word("BACK"))
        return self.b.add(self.b.mul(row, self.word("N_POST")), i)

    def _remember(self, name, i):
        """Put the state at the end of the last step behind the others."""
        before = self.b.add(self.step, self.b.sub(self.word("BACK"), self.k.i64(1)))
        self.store(self.load(("READ", name), i), ("PAST", name), self._past(name, before, i))

    def _watch(self, r, t, i):
        read = {("read", n): self.load(("PAST", n), self._past(n, self.step, i)) for n in t.rule.Reads._fields}
        self.write("Y", r, self.e.outputs(r, "watch", self.traces("Y", r, i) | read), i)

    # -- marks: bit 0 a spike, bit r + 1 rule r acts
    def _mark_acting(self, i):
        mark = ir.Constant(I8, 0)
        for r, acting in enumerate(self.shape.acting):
            if acting:
                acts = self.bit(self.e.outputs(r, "acts", self.traces("Y", r, i))["acts"])
                mark = self.b.or_(mark, self.b.shl(self.b.zext(acts, I8), ir.Constant(I8, r + 1)))
        self.b.store(mark, self.k.at(self.word("MASK"), i, 1))

    def _mark(self, i):
        place = self.k.at(self.word("MASK"), i, 1)
        self.b.store(self.b.or_(self.b.load(place, typ=I8), ir.Constant(I8, 1)), place)

    def _event_if_marked(self, i):
        mark = self.b.load(self.k.at(self.word("MASK"), i, 1), typ=I8)
        useful = 0
        for r in self.shape.posts:
            useful |= 1 << (r + 1) if self.shape.acting[r] else 1
        with self.b.if_then(self.b.icmp_unsigned("!=", self.b.and_(mark, ir.Constant(I8, useful)), ir.Constant(I8, 0))):
            self._event(i, mark)

    def _event_and_spike(self, i):
        self._event(i, None)
        self._spike(i)

    def _spike(self, i):
        for r, t in enumerate(self.shape.traced):
            if t.changes("spike_post"):
                self.write("Y", r, self.e.outputs(r, "spike_post", self.traces("Y", r, i)), i)

    def _event(self, i, mark):
        if self.shape.posts:
            with self.b.if_then(self.b.not_(self.frozen)):
                self._add_up(i) if self.shape.sums is not None else self._note(i, mark)

    def _noted(self, entry, i):
        r, name = entry
        return self.load("MOD", i) if r == "mod" else self.load(("Y", r, name), i)

    def _note(self, i, mark):
        k, b, w = self.k, self.b, self.word
        counter = k.at(w("COUNT"), i, 8)
        count = b.load(counter, typ=ir.IntType(64))
        place = b.add(b.mul(i, w("ROOM")), count)
        b.store(b.trunc(self.step, I32), k.at(w("STEPS"), place, 4))
        for j, entry in enumerate(self.shape.noted):
            self.store(self._noted(entry, i), "VALUES", b.add(b.mul(place, k.i64(len(self.shape.noted))), k.i64(j)))
        if mark is not None:
            b.store(mark, k.at(w("MARKS"), place, 1))
        count = b.add(count, k.i64(1))
        b.store(count, counter)
        with b.if_then(b.icmp_signed(">=", count, w("ROOM"))):
            b.atomic_rmw("min", b.inttoptr(w("STOP"), POINTER), self.step, "monotonic")

    def _add_up(self, i):
        """Add what the event is worth to a presynaptic spike at the reference step, per presynaptic trace."""
        row = self.b.sub(self.b.sub(self.step, self.k.i64(self.shape.late)), self.word("BASE"))
        for f, total in enumerate(self.shape.sums):
            leaves = self.traces("Y", total.r, i) | {("mod", ""): self.load("MOD", i)}
            for name in self.shape.traced[total.r].rule.Pre._fields:
                leaves["pre", name] = self.v.number(float(name == total.field))
            worth = self.e.nodes(total.r, {"amount": amount_of(self.shape.traced[total.r])[1]}, leaves)["amount"]
            decayed = self.decayed(total, row)
            self.store(self.b.fadd(self.load(("SUM", f), i), self.b.fmul(worth, decayed)), ("SUM", f), i)

    def decayed(self, total, steps):
        """How much of the presynaptic trace is left after ``steps`` >= 0 steps."""
        k, b = self.k, self.b
        some = b.icmp_signed(">", steps, k.i64(0))
        row = b.select(some, b.sub(steps, k.i64(1)), k.i64(0))
        left = self.load("TABLE", b.add(b.mul(row, k.i64(self.shape.code.table.shape[1])), k.i64(total.column)))
        return b.select(some, left, self.v.number(1.0))


def amount_of(traced):
    """``(sign, amount, sum node)`` of an ``on_post`` of the form clip(w + amount) or clip(w - amount), else None."""
    node = traced.methods["on_post"]["w"]
    while node.op in ("minimum", "maximum"):
        inner = [a for a in node.args if a.value is None]
        if len(inner) != 1:
            return None
        node = inner[0]
    if node.op not in ("add", "sub"):
        return None
    weight = [a.op == "synapse" and a.attr == ("w",) for a in node.args]
    if node.op == "sub" and not weight[0] or not any(weight):
        return None
    amount = node.args[1] if weight[0] else node.args[0]
    return (-1.0 if node.op == "sub" else 1.0), amount, node
