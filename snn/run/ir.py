"""From the graph of a model to machine code: one vector kernel per model.

What it is
    :func:`update_kernel` emits LLVM IR for one step of all neurons of a population: it reads the live states, the
    inputs of this step and the constants, computes the graph in vectors of neurons, writes the states back, clears
    the inputs and appends the neurons that fired to the spike list of the step. Explicit vectors are used because a
    loop compiler could not prove that the arrays are distinct, and left the loop scalar (18 ns instead of below 2 ns
    per conductance neuron). Values of parameters are no part of the code: one kernel serves all parameters of a model.
"""

from dataclasses import dataclass

from llvmlite import ir

from snn.graph import reachable
from snn.run.block import I8, I32, I64, Block
from snn.run.vectors import Vectors
from snn.run.watch import decides, watch, watched

CHUNK = 256
"""Neurons per chunk, the unit in which silence is skipped and in which threads divide a population."""


class Words:
    """Words of an update kernel. Arrays are C-contiguous; rows of neurons are STRIDE long.

    ELAPSED, BUSY (int64) and TOUCHED (uint8) hold one entry per chunk; HOLD: steps after a spike that must be stepped;
    UNIFORM: rows of UNIFORMS constants, one row per number of steps taken at once, at most SKIPS. STOP: the step after
    which the loop ends; NAN: per part, the neuron whose state is no number. SHOWN: rows of what is shown,
    DEPTH_SHOWN of them (twice), PITCH units each.
    """

    (
        BOUNDS,
        STATE,
        STRIDE,
        UNIFORM,
        LANE,
        IDS,
        DEPTH,
        COUNTS,
        PARTS,
        SIZE,
        TOUCHED,
        ELAPSED,
        BUSY,
        HOLD,
        UNIFORMS,
        SKIPS,
        STOP,
        NAN,
        SHOWN,
        DEPTH_SHOWN,
        PITCH,
    ) = range(21)

    @staticmethod
    def port(q):
        """Address of the ring of port ``q``; the next word is its depth in steps."""
        return 21 + 2 * q

    @staticmethod
    def source(n_ports, j):
        """Three words of source ``j``: noise: key; Poisson: key, thresholds; time course: table, steps per row,
        rows."""
        return 21 + 2 * n_ports + 3 * j


@dataclass(frozen=True)
class Kernel:
    """IR of an update kernel; ``uniforms`` and ``lanes`` are the constant nodes in the order of their slots, ``rows``
    the
    names of the state rows in order (live states, then probes)."""

    text: str
    name: str
    uniforms: tuple
    lanes: tuple
    rows: tuple


def update_kernel(traced, dtype, *, n_ports, skips=False, probes=None):
    """Emit the update kernel of a traced model.

    Parameters: ``dtype`` "float32" | "float64"; ``n_ports`` inputs with a ring; ``skips``:
    pass over silent chunks; ``probes`` {name: Node}: values stored in extra rows, for recording what arrives at a port.
    """
    return _Update(traced, dtype, n_ports, skips, probes or {}).build()


class _Update:
    def __init__(self, traced, dtype, n_ports, skips, probes):
        self.traced, self.dtype, self.n_ports, self.skips = traced, dtype, n_ports, skips
        self.fired = traced.fired
        self.stored = {**{name: traced.state[name] for name in traced.live}, **probes}
        self.watched = watched(traced)
        roots = [*self.stored.values(), *traced.shown.values(), self.fired]
        self.order = reachable([node for node in roots if node is not None])
        self.uniforms = tuple(n for n in self.order if n.kind == "uniform" and n.op != "literal")
        self.lanes = tuple(n for n in self.order if n.kind == "lane")
        self.lane_slots = {n.index: slot for slot, n in enumerate(self.lanes)}

    def build(self):
        self.k = Block("update")
        self.b, self.v = self.k.b, Vectors(self.k, self.dtype)
        self._load_arguments()
        if self.skips:
            count = self.k.loop(self.lo, self.hi, CHUNK, self._chunk, self.k.i64(0))
        else:
            self.table = self._load_uniforms(self.k.word(Words.UNIFORM))
            count = self.k.loop(self.lo, self.hi, self.v.lanes, self._neurons, self.k.i64(0))
        index = self.b.add(self.b.mul(self.slot, self.k.word(Words.PARTS)), self.k.part)
        self.b.store(count, self.k.at(self.k.word(Words.COUNTS), index, 8))
        text, name = self.k.done()
        return Kernel(text, name, self.uniforms, self.lanes, tuple(self.stored))

    def _load_arguments(self):
        k, b, W = self.k, self.b, Words
        self.lo, self.hi = k.bounds(k.word(W.BOUNDS))
        self.state, self.stride, self.n, self.lane_base = (k.word(w) for w in (W.STATE, W.STRIDE, W.SIZE, W.LANE))
        self.slot = b.srem(k.step, k.word(W.DEPTH))
        self.ids = k.offset(k.word(W.IDS), b.add(b.mul(self.slot, self.stride), self.lo), 4)
        self.inputs = [
            k.offset(k.word(W.port(q)), b.mul(b.srem(k.step, k.word(W.port(q) + 1)), self.stride), self.v.size)
            for q in range(self.n_ports)
        ]
        self.shown = []
        if self.traced.shown:
            row, base = b.srem(k.step, k.word(W.DEPTH_SHOWN)), k.word(W.SHOWN)
            for r in (row, b.add(row, k.word(W.DEPTH_SHOWN))):
                self.shown.append(k.offset(base, b.mul(r, k.word(W.PITCH)), self._tuple() * self.v.size))
        self.keys, self.tables = {}, {}
        for node in self.order:
            at = Words.source(self.n_ports, node.attr[0]) if node.op in ("noise", "tail", "poisson", "series") else None
            if node.op in ("noise", "tail", "poisson"):
                self.keys[node.index] = self.v.step_keys(k.word(at))
            if node.op == "poisson":
                self.tables[node.index] = k.word(at + 1)
            if node.op == "series":
                self.tables[node.index] = self._row_of_series(at, node.attr[1])

    def _row_of_series(self, at, per_neuron):
        """Address of row ``min(step / every, rows - 1)`` of a time course, or the value in it, in all lanes."""
        k, b = self.k, self.b
        row, last = b.sdiv(k.step, k.word(at + 1)), b.sub(k.word(at + 2), k.i64(1))
        row = b.select(b.icmp_signed("<", row, last), row, last)
        if per_neuron:
            return k.offset(k.word(at), b.mul(row, self.stride), self.v.size)
        return self.v.splat(self.v.scalar_at(k.word(at), row))

    def _load_uniforms(self, base):
        table = {}
        for j, node in enumerate(self.uniforms):
            x = self.v.scalar_at(base, self.k.i64(j))
            if node.is_boolean:
                table[node.index] = self.v.splat(
                    self.b.fcmp_ordered("!=", x, ir.Constant(self.v.scalar, 0.0)), self.v.booleans
                )
            else:
                table[node.index] = self.v.splat(x)
        return table

    def _chunk(self, i, count):
        """One chunk: passed over while nothing arrives and no neuron is held, else advanced over the elapsed steps at
        once."""
        k, b, W = self.k, self.b, Words
        c = b.udiv(i, k.i64(CHUNK))
        touched, elapsed, busy = (k.at(k.word(w), c, size) for w, size in ((W.TOUCHED, 1), (W.ELAPSED, 8), (W.BUSY, 8)))
        waited = b.load(elapsed, typ=I64)
        silent = b.icmp_unsigned("==", b.load(touched, typ=I8), ir.Constant(I8, 0))
        settled = b.icmp_signed("<", b.load(busy, typ=I64), k.step)
        room = b.icmp_signed("<", b.add(waited, k.i64(1)), k.word(W.SKIPS))
        work, wait, join = (b.append_basic_block(n) for n in ("work", "wait", "join"))
        b.cbranch(b.and_(b.and_(silent, settled), room), wait, work)
        b.position_at_end(wait)
        b.store(b.add(waited, k.i64(1)), elapsed)
        b.branch(join)
        b.position_at_end(work)
        b.store(k.i64(0), elapsed)
        b.store(ir.Constant(I8, 0), touched)
        self.table = self._load_uniforms(k.offset(k.word(W.UNIFORM), b.mul(waited, k.word(W.UNIFORMS)), self.v.size))
        end = b.add(i, k.i64(CHUNK))
        end = b.select(b.icmp_signed("<", end, self.hi), end, self.hi)
        after = k.loop(i, end, self.v.lanes, self._neurons, count)
        with b.if_then(b.icmp_signed(">", after, count)):
            k.raise_to(busy, b.add(k.step, k.word(W.HOLD)))
        worked = b.block
        b.branch(join)
        b.position_at_end(join)
        result = b.phi(I64)
        result.add_incoming(count, wait)
        result.add_incoming(after, worked)
        return result

    def _neurons(self, i, count):
        """One vector of neurons: load, compute, store, clear the inputs, collect the spikes."""
        self.i, self.values = i, dict(self.table)
        for node in self.order:
            if node.index not in self.values:
                self.values[node.index] = self._value(node)
        for r, node in enumerate(self.stored.values()):
            self.v.store(self.values[node.index], self.state, self._row(r))
        if self.shown:
            self._show()
        for base in self.inputs:
            self.v.store(self.v.number(0.0), base, i)
        if self.watched:
            self._watch(self.watched)
        return count if self.fired is None else self._collect(self.values[self.fired.index], count)

    def _tuple(self):
        """Places of a unit's tuple of shown values: the next power of two."""
        return 1 << (len(self.traced.shown) - 1).bit_length()

    def _show(self):
        """Store what is shown, the values of a unit side by side, in both copies of the row."""
        nodes = self.traced.shown.values()
        values = [self.b.uitofp(x, self.v.real) if node.is_boolean else x
                  for node, x in ((node, self.values[node.index]) for node in nodes)]
        values += [self.v.number(0.0)] * (self._tuple() - len(values))
        x = interleaved(self.b, values)
        for row in self.shown:
            self.b.store(x, self.k.at(row, self.i, len(values) * self.v.size), align=self.v.size)

    def _watch(self, nodes):
        k, W, values = self.k, Words, [self.values[node.index] for node in nodes]
        watch(k, self.v, values, self.i, self.n, k.at(k.word(W.NAN), k.part, 8), k.word(W.STOP))

    def _row(self, r):
        return self.b.add(self.b.mul(self.stride, self.k.i64(r)), self.i)

    def _value(self, node):
        v, op = self.v, node.op
        if op == "literal":
            return v.number(int(node.attr[0]), v.booleans) if node.is_boolean else v.number(float(node.attr[0]))
        if node.kind == "lane":
            x = v.load(self.lane_base, self._row(self.lane_slots[node.index]))
            return self.b.fcmp_ordered("!=", x, v.number(0.0)) if node.is_boolean else x
        if op == "state":
            return v.load(self.state, self._row(list(self.stored).index(node.attr[0])))
        if op == "port":
            return v.load(self.inputs[node.attr[0]], self.i)
        if op == "noise":
            return v.noise(v.bits(self.keys[node.index], self.i))
        if node is self.fired and decides(node):
            # NaN passes as a spike, which costs nothing; the run ends there.
            return self.b.fcmp_unordered(">=", *(self.values[a.index] for a in node.args))
        if op == "tail":
            return self._tail(v.bits(self.keys[node.index], self.i))
        if op == "poisson":
            return v.poisson(v.bits(self.keys[node.index], self.i), self.tables[node.index], *node.attr[1:])
        if op == "series":
            return v.load(self.tables[node.index], self.i) if node.attr[1] else self.tables[node.index]
        return v.apply(self.traced.graph.owner, op, [self.values[a.index] for a in node.args])

    def _tail(self, bits):
        """+- (31 bits + 1/2) 2^-32 with the sign of the top bit."""
        b, v = self.b, self.v
        low = b.uitofp(b.and_(bits, v.number(0x7FFFFFFF, v.integers)), v.real)
        x = b.fmul(b.fadd(low, v.number(0.5)), v.number(2.0**-32))
        return b.select(b.icmp_signed("<", bits, v.number(0, v.integers)), b.fneg(x), x)

    def _collect(self, fired, count):
        """Append the neurons whose lane fired; lanes behind the last neuron do not count."""
        if decides(self.fired):
            lanes = ir.IntType(self.v.lanes)
            some = self.b.icmp_unsigned("!=", self.b.bitcast(fired, lanes), ir.Constant(lanes, 0))
            with self.b.if_then(some, likely=False):
                self._watch(self.fired.args[:1])
        return self.v.append_lanes(fired, self.i, self.ids, count, below=self.n)


def interleaved(b, vectors):
    """The vectors a, b, ... (a power of two of them) as a0 b0 ... a1 b1 ..."""
    if len(vectors) == 1:
        return vectors[0]
    even, odd = interleaved(b, vectors[::2]), interleaved(b, vectors[1::2])
    n = even.type.count
    order = [place for lane in range(n) for place in (lane, n + lane)]
    return b.shuffle_vector(even, odd, ir.Constant(ir.VectorType(I32, 2 * n), order))
