"""The kernel of presynaptic spikes: they act on the synapses of their row, and what these transmit is delivered."""
from llvmlite import ir

from snn.run.block import I8
from snn.run.plastic_rows import Rows

AHEAD = 1
"""Spikes ahead whose synapses are asked for."""


def arrival_kernel(layout):
    """``(IR text, name)``: the presynaptic spikes that arrive in a step, at the synapses of this part's neurons."""
    return _Arrivals(layout, "arrivals").build()


class _Arrivals(Rows):
    """The rows of the spikes that arrive."""

    forgets_old = True

    def build(self):
        k, b = self.k, self.b
        self.row_of_ring = k.offset(
            self.word("RING"),
            b.add(b.mul(b.srem(self.step, self.word("DEPTH")), self.word("STRIDE")), self.word("OFFSET")),
            self.v.size,
        )
        emitted = b.sub(self.step, self.word("DELAY"))
        with b.if_then(b.icmp_signed(">=", emitted, k.i64(0))):
            k.loop(
                k.i64(0), self.word("PARTS"), 1,
                lambda q, _: self.each_spike("PRE", emitted, q, self._row, ahead=AHEAD, look=self._fetch),
            )
        return k.done()

    def _fetch(self, j):
        """Ask for the cache lines of the synapses of row ``j``."""
        k = self.k
        first, last = self._range(j)
        arrays = [("TARGETS", self.target_type.width // 8), ("WEIGHT", self.v.size)]
        arrays += [(("SEEN_SUM", f), self.v.size) for f in range(len(self.shape.sums or ()))]
        for name, size in arrays:
            k.loop(first, last, 64 // size, lambda s, _, name=name, size=size: k.fetch(
                k.at(self.word(name), s, size)))

    def _before(self, own):
        elapsed = self.b.sub(self.step, self.x_at)
        self.now = [self._decayed(r, elapsed) for r in range(len(self.shape.traced))]

    def _behind(self, own):
        for r in range(len(self.shape.traced)):
            self.write("X", r, self.e.outputs(r, "spike_pre", self._leaves("pre", self.now[r])), own)
        self.b.store(self.step, self.k.at(self.word("X_AT"), own, 8))

    def _finish(self, s, target, state):
        changed = self._changed(target, state)
        self._write(s, changed)
        self._send(target, changed["w"])

    def _send(self, target, amount):
        b, k = self.b, self.k
        for r, t in enumerate(self.shape.traced):
            if t.changes("transmit"):
                leaves = {("synapse", "w"): amount, **self._leaves("pre", self.now[r])}
                amount = self.e.outputs(r, "transmit", leaves)["w"]
        self.v.store(b.fadd(self.v.load(self.row_of_ring, target), amount), self.row_of_ring, target)
        if self.shape.touches:
            chunk = b.lshr(b.add(target, self.word("OFFSET")), k.i64(8))
            b.store(ir.Constant(I8, 1), k.at(self.word("TOUCHED"), chunk, 1))

    def _changed(self, target, before):
        """The synapse after the presynaptic spike of this step; as it was where learning is frozen."""
        if not self.shape.flows and not any(t.changes("on_pre") for t in self.shape.traced):
            return before
        return self._unless_frozen(before, lambda: self._on_pre(self._flown(before, self.step, target), target))

    def _on_pre(self, state, target):
        for r, t in enumerate(self.shape.traced):
            if t.changes("on_pre"):
                leaves = {**self._seen_by(r, state), **self._leaves("pre", self.now[r]), **self._needed(r, target)}
                state = self._after(r, state, self.e.outputs(r, "on_pre", leaves))
        return state

    def _needed(self, r, target):
        """Postsynaptic traces and modulator that ``on_pre`` of rule ``r`` reads."""
        t = self.shape.traced[r]
        leaves = {("post", n): self.load(("Y", r, n), target) for n in t.uses("on_pre", "post")}
        return leaves | ({("mod", ""): self.load("MOD", target)} if t.uses("on_pre", "mod") else {})

    def _unless_frozen(self, before, make):
        b = self.b
        learn, after = b.append_basic_block("learn"), b.append_basic_block("learned")
        left = b.block
        b.cbranch(self.frozen, after, learn)
        b.position_at_end(learn)
        made = make()
        came = b.block
        b.branch(after)
        b.position_at_end(after)
        state = {}
        for name, x in before.items():
            state[name] = b.phi(x.type)
            state[name].add_incoming(x, left)
            state[name].add_incoming(made[name], came)
        return state
