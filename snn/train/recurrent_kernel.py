"""The forward pass of a recurrent layer as one compiled call.

What it is
    Samples of a batch do not meet, so a thread takes one sample through all its steps: it lists the neurons that fired
    ``delay`` steps ago, adds their rows of the transposed weight to the input of this step, and advances the neurons.
    The work of the product is proportional to the number of spikes. The rest is as in ``snn.train.kernel``.

Words behind those of a layer: X (address and stride of the input [T, rows, width]), SPIKES (the same for z with
``delay`` steps before the first), WEIGHT (address of the transposed matrix [width, width]), LIST (int32 [parts,
width]).
"""

from llvmlite import ir

from snn.run.block import I32, I64
from snn.train.kernel import Steps, leaf

BLOCK = 8
"""Vectors of neurons whose sums stay in registers while the list of spikes is read."""


def recurrent_kernel(found, outputs, kept, dtype):
    """As ``kernel.forward_kernel``, for a layer with one port that also hears its own spikes."""
    (port,) = found.ports
    loads = {("port", port): leaf(found, "port", port)}
    stores = {("out", name): found.node(name) for name in outputs} | {("kept", n.index): n for n in kept}
    held = {("state", k): (leaf(found, "state", k), found.after[k]) for k in found.moving}
    return _Recurrent("recurrent", dtype, loads, stores, held, backwards=False).build()


class _Recurrent(Steps):
    def _strips_per_row(self):
        return self.k.i64(1)

    def _further_words(self, at):
        k = self.k
        self.x, self.x_step, self.spikes, self.spike_step, self.weight, self.list = (k.word(at + j) for j in range(6))
        self.list = k.offset(self.list, self.b.mul(k.part, self.width), 4)

    def _before_neurons(self, t):
        b, k, v = self.b, self.k, self.v
        fired = self._list_spikes(b.add(self.spikes, b.mul(t, self.spike_step)))
        (key,) = (key for key in self.at if key[0] == "load")
        given, total = b.add(self.x, b.mul(t, self.x_step)), self.at[key]
        wide = b.sub(self.width, b.srem(self.width, k.i64(BLOCK * v.lanes)))
        whole = b.sub(self.width, b.srem(self.width, k.i64(v.lanes)))
        k.loop(k.i64(0), wide, BLOCK * v.lanes, lambda i, _: self._sum(i, BLOCK, fired, given, total, None))
        k.loop(wide, whole, v.lanes, lambda i, _: self._sum(i, 1, fired, given, total, None))
        with b.if_then(b.icmp_signed("<", whole, self.width)):
            self._sum(whole, 1, fired, given, total, self._mask(b.sub(self.width, whole)))

    def _list_spikes(self, base):
        """Write the numbers of the neurons that fired; returns how many."""
        b, k, v = self.b, self.k, self.v
        whole = b.sub(self.width, b.srem(self.width, k.i64(v.lanes)))

        def vector(i, count):
            z = self._load(base, b.add(self.row_start, i), None, False)
            return v.append_lanes(b.fcmp_unordered("!=", z, v.number(0.0)), i, self.list, count)

        def single(i, count):
            z = v.scalar_at(base, b.add(self.row_start, i))
            b.store(b.trunc(i, I32), k.at(self.list, count, 4))
            return b.add(count, b.zext(b.fcmp_unordered("!=", z, ir.Constant(v.scalar, 0.0)), I64))

        count = k.loop(k.i64(0), whole, v.lanes, vector, k.i64(0))
        return k.loop(whole, self.width, 1, single, count)

    def _sum(self, i, vectors, fired, given, total, mask):
        """``total[i:] = given[i:] + sum of weight[j, i:]`` over the neurons j that fired, for ``vectors`` vectors."""
        b, k, v = self.b, self.k, self.v
        columns = [b.add(i, k.i64(n * v.lanes)) for n in range(vectors)]
        start = [self._load(given, b.add(self.row_start, c), mask, False) for c in columns]
        before = b.block
        head, inside, after = (b.append_basic_block(n) for n in ("rows", "row", "summed"))
        b.branch(head)
        b.position_at_end(head)
        at, sums = b.phi(I64), [b.phi(v.real) for _ in columns]
        at.add_incoming(k.i64(0), before)
        for s, x in zip(sums, start, strict=True):
            s.add_incoming(x, before)
        b.cbranch(b.icmp_signed("<", at, fired), inside, after)
        b.position_at_end(inside)
        neuron = b.zext(b.load(k.at(self.list, at, 4), typ=I32), I64)
        row = k.offset(self.weight, b.mul(neuron, self.width), v.size)
        for s, c in zip(sums, columns, strict=True):
            s.add_incoming(b.fadd(s, self._load(row, c, mask, False)), b.block)
        at.add_incoming(b.add(at, k.i64(1)), b.block)
        b.branch(head)
        b.position_at_end(after)
        for s, c in zip(sums, columns, strict=True):
            self._store(s, total, b.add(self.row_start, c), mask, False)
