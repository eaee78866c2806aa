"""Compiled kernels of the shift execution of delays (see :mod:`snn.train.shift`).

What it is
    Signals lie as ``[chunk, channel, position]``: a position is one time step of the ``lanes`` samples of a chunk,
    or, for batches smaller than a vector, one element of (time, batch) flattened. A delay is an offset along
    positions, so

    ``gather``    dst[i, p] = sum over j, q of value[i, j, q] * src[j, p + offset[i, j] + q * pitch]
    ``correlate`` out[i, j, q] = sum over p of dst[i, p] * src[j, p + offset[i, j] + q * pitch]

    are all that forward and backward need. The registers hold ``vectors`` neighbouring vectors of dst while the loop
    runs over j; where pitch is one vector, the taps q share their loads. The sources j are taken in groups whose rows
    fit into the first-level cache and serve all i of a part. Work and memory do not depend on the longest delay.

    Parts (threads) own ranges of i. The order of additions does not depend on the number of parts.
"""
import functools

import llvmlite.binding as llvm
from llvmlite import ir

from snn.run import native
from snn.run.block import FLOATS, I32, I64, POINTER, Block

SIZE = {"float32": 4, "float64": 8}
SUMS = 8
"""Taps of a synapse that are correlated at once: their sums must stay in registers."""


class Words:
    """Words of both kernels. Lengths and PITCH in elements, BASE: elements from the begin of a channel of SRC to its
    position 0; OWN: 1 where output i reads channel i alone (N_SRC is 1 then); GROUP: sources taken at once."""

    (SRC, DST, OFFSET, VALUE, N_SRC, N_DST, L_SRC, L_DST, CHUNKS, BLOCKS, PITCH, BASE, OWN, GROUP, BOUNDS) = range(15)


@functools.cache
def registers():
    """``(bytes of a vector, number of vector registers)`` of this processor."""
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        return 64, 32
    if features.get("avx"):
        return 32, 16
    return 16, 16 if native.is_x86() else 32


def most_vectors(taps):
    """How many vectors of dst fit into the registers beside a row of the source and the values of the taps, which are
    read from memory where they are many."""
    return registers()[1] - (taps + 1 if taps <= 8 else 7)


@functools.cache
def kernel(kind, dtype, *, taps, vectors, lanes, shared):
    """Address of the kernel ``kind`` (:class:`Gather` or :class:`Correlate`).

    Parameters: ``taps`` per synapse; ``vectors`` of dst held in registers; ``lanes`` elements of a vector; ``shared``:
    pitch equals lanes, so neighbouring taps read the same vectors.
    """
    text, name = kind(dtype, taps, vectors, lanes, shared).build()
    return native.address(text, name)


class Kernel:
    """A kernel under construction, with vectors of ``lanes`` elements."""

    def __init__(self, name, dtype, lanes):
        self.k = Block(name)
        self.b, self.scalar, self.size, self.lanes = self.k.b, FLOATS[dtype], SIZE[dtype], lanes
        self.vector = ir.VectorType(self.scalar, lanes)
        self.zero = ir.Constant(self.vector, [ir.Constant(self.scalar, 0.0)] * lanes)

    def load(self, address, index=0):
        """The vector ``index`` vectors behind ``address``."""
        at = self.b.inttoptr(self.b.add(address, self.k.i64(index * self.lanes * self.size)), POINTER)
        return self.b.load(at, typ=self.vector, align=self.size)

    def store(self, x, address, index):
        at = self.b.inttoptr(self.b.add(address, self.k.i64(index * self.lanes * self.size)), POINTER)
        self.b.store(x, at, align=self.size)

    def splat(self, x):
        undefined = ir.Constant(self.vector, ir.Undefined)
        one = self.b.insert_element(undefined, x, ir.Constant(I32, 0))
        return self.b.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(I32, self.lanes), [0] * self.lanes))

    def multiply_add(self, x, y, total):
        flags = ("contract", "nsz")
        return self.b.fadd(total, self.b.fmul(x, y, flags=flags), flags=flags)


class _Loops(Kernel):
    """The loops around: chunk, block of positions, group of sources, output, source."""

    def __init__(self, dtype, taps, vectors, lanes, shared):
        super().__init__(type(self).__name__.lower(), dtype, lanes)
        self.taps, self.vectors, self.shared = taps, vectors, shared

    def build(self):
        k, W = self.k, Words
        self.word = {name: k.word(getattr(W, name)) for name in vars(W) if name.isupper()}
        self.lo, self.hi = k.bounds(self.word["BOUNDS"])
        k.loop(k.i64(0), self.word["CHUNKS"], 1, self._chunk)
        return k.done()

    def _chunk(self, chunk, _):
        self.chunk = chunk
        self.k.loop(self.k.i64(0), self.word["BLOCKS"], 1, self._block)

    def _block(self, block, _):
        k = self.k
        self.position = self.b.mul(block, k.i64(self.vectors * self.lanes))
        sources, group = self.word["N_SRC"], self.word["GROUP"]
        groups = self.b.sdiv(self.b.add(sources, self.b.sub(group, k.i64(1))), group)
        k.loop(k.i64(0), groups, 1, self._group)

    def _group(self, group, _):
        b = self.b
        self.first = b.mul(group, self.word["GROUP"])
        last = b.add(self.first, self.word["GROUP"])
        self.last = b.select(b.icmp_signed("<", last, self.word["N_SRC"]), last, self.word["N_SRC"])
        self.k.loop(self.lo, self.hi, 1, self._output)

    def _output(self, i, _):
        """One output and block: ``self.dst`` and ``self.src`` are the addresses of its position and of source 0."""
        b, k, w = self.b, self.k, self.word
        row = b.add(b.mul(self.chunk, w["N_DST"]), i)
        self.dst = k.offset(w["DST"], b.add(b.mul(row, w["L_DST"]), self.position), self.size)
        channels = b.select(b.icmp_signed("==", w["OWN"], k.i64(1)), w["N_DST"], w["N_SRC"])
        row = b.add(b.mul(self.chunk, channels), b.mul(w["OWN"], i))
        start = b.add(b.add(b.mul(row, w["L_SRC"]), w["BASE"]), self.position)
        self.src = k.offset(w["SRC"], start, self.size)
        self.synapse = b.mul(i, w["N_SRC"])
        self.inner()

    def over_sources(self, carried, body):
        """``for (j = first; j < last; ++j) carried = body(j, carried)`` with a list of vectors carried."""
        b = self.b
        before = b.block
        head, inside, after = (b.append_basic_block(n) for n in ("source", "synapse", "sources"))
        b.branch(head)
        b.position_at_end(head)
        j = b.phi(I64)
        j.add_incoming(self.first, before)
        phis = [b.phi(self.vector) for _ in carried]
        for phi, x in zip(phis, carried, strict=True):
            phi.add_incoming(x, before)
        b.cbranch(b.icmp_signed("<", j, self.last), inside, after)
        b.position_at_end(inside)
        results = body(j, phis)
        for phi, x in zip(phis, results, strict=True):
            phi.add_incoming(x, b.block)
        j.add_incoming(b.add(j, self.k.i64(1)), b.block)
        b.branch(head)
        b.position_at_end(after)
        return phis

    def rows_of(self, j, taps, use):
        """Call ``use(q, a, vector)`` for every tap q of the range ``taps`` and every register a of synapse (i, j)."""
        b, k = self.b, self.k
        self.index = b.add(self.synapse, j)
        offset = b.sext(b.load(k.at(self.word["OFFSET"], self.index, 4), typ=I32), I64)
        base = k.offset(self.src, b.add(b.mul(j, self.word["L_SRC"]), offset), self.size)
        if self.shared:
            for r in range(taps[0], taps[-1] + self.vectors):
                row = self.load(base, r)
                for q in range(max(taps[0], r - self.vectors + 1), min(taps[-1], r) + 1):
                    use(q, r - q, row)
            return
        step = b.mul(self.word["PITCH"], k.i64(self.size))
        for q in taps:
            start = b.add(base, b.mul(step, k.i64(q)))
            for a in range(self.vectors):
                use(q, a, self.load(start, a))


class Gather(_Loops):
    """dst[i, p] = sum over j, q of value[i, j, q] * src[j, p + offset[i, j] + q * pitch]."""

    def inner(self):
        b = self.b
        before = b.block
        go_on, start = (b.append_basic_block(n) for n in ("go_on", "start"))
        b.cbranch(b.icmp_signed("==", self.first, self.k.i64(0)), start, go_on)
        b.position_at_end(go_on)
        held = [self.load(self.dst, a) for a in range(self.vectors)]
        b.branch(start)
        b.position_at_end(start)
        totals = [b.phi(self.vector) for _ in held]
        for total, x in zip(totals, held, strict=True):
            total.add_incoming(self.zero, before)
            total.add_incoming(x, go_on)
        for a, x in enumerate(self.over_sources(totals, self._synapse)):
            self.store(x, self.dst, a)

    def _synapse(self, j, totals):
        totals = list(totals)
        at = self.b.mul(self.b.add(self.synapse, j), self.k.i64(self.taps))
        values = [self.splat(self.b.load(self.k.at(self.word["VALUE"], self.b.add(at, self.k.i64(q)), self.size),
                                         typ=self.scalar)) for q in range(self.taps)]

        def use(q, a, row):
            totals[a] = self.multiply_add(row, values[q], totals[a])
        self.rows_of(j, range(self.taps), use)
        return totals


class Correlate(_Loops):
    """value[i, j, q] += sum over p of dst[i, p] * src[j, p + offset[i, j] + q * pitch]."""

    def inner(self):
        self.held = [self.load(self.dst, a) for a in range(self.vectors)]
        self.over_sources([], self._synapse)

    def _synapse(self, j, _):
        for q in range(0, self.taps, SUMS):
            self._taps(j, range(q, min(q + SUMS, self.taps)))
        return []

    def _taps(self, j, taps):
        # Several sums per tap, because an addition must wait for the one before in the same register.
        chains = max(1, 4 // len(taps))
        sums = {q: [self.zero] * chains for q in taps}

        def use(q, a, row):
            sums[q][a % chains] = self.multiply_add(row, self.held[a], sums[q][a % chains])
        self.rows_of(j, taps, use)
        at = self.b.mul(self.index, self.k.i64(self.taps))
        for q, parts in sums.items():
            total = functools.reduce(lambda x, y: self.b.fadd(x, y), parts)
            pointer = self.k.at(self.word["VALUE"], self.b.add(at, self.k.i64(q)), self.size)
            self.b.store(self.b.fadd(self.b.load(pointer, typ=self.scalar), self._sum(total)), pointer)

    def _sum(self, x):
        """Sum of the elements of a vector, halves added to halves."""
        b, lanes = self.b, self.lanes
        while lanes > 1:
            lanes //= 2
            undefined = ir.Constant(x.type, ir.Undefined)
            low, high = (b.shuffle_vector(x, undefined, ir.Constant(ir.VectorType(I32, lanes), list(which)))
                         for which in (range(lanes), range(lanes, 2 * lanes)))
            x = b.fadd(low, high)
        return b.extract_element(x, ir.Constant(I32, 0))
