"""Kernels that find the nonzeros of a matrix and list them by row.

What it is
    LLVM code for ``snn.train.products``, one function of this module per kernel; each returns ``(IR text, name)``. All
    are ``void kernel(int64 *words, int64 step, int64 part)`` and are run by ``snn.train.parallel``. The words come in
    the order in which the docstrings name them; addresses are those of C-contiguous arrays.
"""
import functools

import numpy as np
from llvmlite import ir

from snn.run.block import BOOL, FLOATS, I8, I16, I32, I64, POINTER, Block

WORD = 64
"""Entries of a row whose nonzeros are marked in one word of bits."""
REPORT = 3
"""Numbers (float64) that one part reports: how many nonzeros, whether their values differ, one of them."""
INDICES = {"uint8": I8, "uint16": I16, "int32": I32}

POSITIONS = np.zeros((256, 8), np.uint8)
"""Positions of the bits that are set in each byte."""
for _byte in range(256):
    _set = [j for j in range(8) if _byte >> j & 1]
    POSITIONS[_byte, :len(_set)] = _set


class Kernel(Block):
    """A block whose vectors have ``lanes`` lanes of ``dtype`` and whose parts divide ranges evenly."""

    def __init__(self, name, dtype, lanes):
        super().__init__(name)
        self.one, self.size, self.lanes = FLOATS[dtype], np.dtype(dtype).itemsize, lanes
        self.real = ir.VectorType(self.one, lanes)
        self.suffix = f"v{lanes}f{8 * self.size}"
        self.flags = ("contract", "nsz")

    def share(self, n, parts):
        """First and last + 1 of the n items that belong to this part."""
        b = self.b
        return b.sdiv(b.mul(n, self.part), parts), b.sdiv(b.mul(n, b.add(self.part, self.i64(1))), parts)

    def intrinsic(self, name, result, arguments):
        known = self.module.globals.get(name)
        return known or ir.Function(self.module, ir.FunctionType(result, arguments), name)

    def zero(self):
        return ir.Constant(self.real, [ir.Constant(self.one, 0.0)] * self.lanes)

    def splat(self, x, lanes=None):
        kind = ir.VectorType(x.type, lanes or self.lanes)
        nothing = ir.Constant(kind, ir.Undefined)
        first = self.b.insert_element(nothing, x, ir.Constant(I32, 0))
        return self.b.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(I32, kind.count), [0] * kind.count))

    def first_lanes(self, n):
        """Mask of the lanes below ``n``, an int64 value."""
        kind = ir.VectorType(I64, self.lanes)
        return self.b.icmp_signed("<", ir.Constant(kind, list(range(self.lanes))), self.splat(n))

    def vector(self, pointer, mask=None):
        """Load a vector; lanes outside of the mask are 0 and not read."""
        if mask is None:
            return self.b.load(pointer, typ=self.real, align=self.size)
        f = self.intrinsic(f"llvm.masked.load.{self.suffix}.p0", self.real, [POINTER, I32, mask.type, self.real])
        return self.b.call(f, [pointer, ir.Constant(I32, self.size), mask, self.zero()])

    def put(self, x, pointer, mask=None):
        """Store a vector; lanes outside of the mask are not written."""
        if mask is None:
            self.b.store(x, pointer, align=self.size)
            return
        f = self.intrinsic(f"llvm.masked.store.{self.suffix}.p0", ir.VoidType(), [self.real, POINTER, I32, mask.type])
        self.b.call(f, [x, pointer, ir.Constant(I32, self.size), mask])

    def number(self, address, index):
        """Element ``index`` of int64 numbers at ``address``."""
        return self.b.load(self.at(address, index, 8), typ=I64)

    def ones(self, bits):
        return self.b.call(self.intrinsic("llvm.ctpop.i64", I64, [I64]), [bits])

    def fold(self, start, stop, stride, body, carried):
        """``for (i = start; i < stop; i += stride) carried = body(i, carried)`` with a list of carried values; returns
        ``(i, carried)``."""
        b, before = self.b, self.b.block
        head, inside, after = (b.append_basic_block(n) for n in ("head", "body", "after"))
        b.branch(head)
        b.position_at_end(head)
        i, held = b.phi(I64), [b.phi(c.type) for c in carried]
        for phi, value in zip([i, *held], [start, *carried], strict=True):
            phi.add_incoming(value, before)
        b.cbranch(b.icmp_signed("<", i, stop), inside, after)
        b.position_at_end(inside)
        new = body(i, held)
        for phi, value in zip([i, *held], [b.add(i, self.i64(stride)), *new], strict=True):
            phi.add_incoming(value, b.block)
        b.branch(head)
        b.position_at_end(after)
        return i, held


@functools.cache
def marks(dtype):
    """Mark the nonzeros of X in bits. Words: X, PITCH (entries from row to row), ROWS, N, PARTS, BITS, REPORTS.

    BITS has ``ceil(N / 64)`` words per row. REPORTS has ``REPORT`` float64 per part.
    """
    return _Marks("marks", dtype, WORD).build()


class _Marks(Kernel):
    def build(self):
        b = self.b
        self.x, self.pitch, rows, n, parts, self.bits, reports = (self.word(j) for j in range(7))
        self.whole, rest = b.sdiv(n, self.i64(WORD)), b.srem(n, self.i64(WORD))
        self.words = b.sdiv(b.add(n, self.i64(WORD - 1)), self.i64(WORD))
        self.tail = self.first_lanes(rest)
        self.has_tail = b.icmp_signed(">", rest, self.i64(0))
        low, high = self.share(rows, parts)
        _, (count, differ, known) = self.fold(low, high, 1, self._row, [self.i64(0), self.i64(0), self.zero()])
        differ, value = self._compare(known, differ)
        double = ir.DoubleType()
        value = b.fpext(value, double) if self.size == 4 else value
        at = b.mul(self.part, self.i64(REPORT))
        for j, x in enumerate((b.sitofp(count, double), b.uitofp(differ, double), value)):
            b.store(x, self.at(reports, b.add(at, self.i64(j)), 8))
        return self.done()

    def _row(self, r, carried):
        b = self.b
        base, to = self.offset(self.x, b.mul(r, self.pitch), self.size), self.offset(self.bits, b.mul(r, self.words), 8)

        def word(w, carried, mask=None):
            x = self.vector(self.at(base, b.mul(w, self.i64(WORD)), self.size), mask)
            return self._word(x, self.at(to, w, 8), carried)

        _, carried = self.fold(self.i64(0), self.whole, 1, word, carried)
        before, last, after = b.block, b.append_basic_block("last"), b.append_basic_block("end")
        b.cbranch(self.has_tail, last, after)
        b.position_at_end(last)
        more, last = word(self.whole, carried, self.tail), b.block
        b.branch(after)
        b.position_at_end(after)
        both = [b.phi(c.type) for c in carried]
        for phi, x, y in zip(both, carried, more, strict=True):
            phi.add_incoming(x, before)
            phi.add_incoming(y, last)
        return both

    def _word(self, x, to, carried):
        """64 entries: their bits; each lane knows the first nonzero value it met, and all are compared with it."""
        b, (count, differ, known) = self.b, carried
        bits = b.bitcast(b.fcmp_unordered("!=", x, self.zero()), I64)
        known = b.select(b.fcmp_ordered("==", known, self.zero()), x, known)
        other = b.bitcast(b.fcmp_unordered("!=", x, known), I64)
        b.store(bits, to)
        return [b.add(count, self.ones(bits)), b.or_(differ, b.and_(other, bits)), known]

    def _compare(self, known, differ):
        """Whether the lanes know different values, and one of them (0 where there is none)."""
        b, zero, value = self.b, ir.Constant(self.one, 0.0), ir.Constant(self.one, 0.0)
        for lane in range(WORD):
            y = b.extract_element(known, ir.Constant(I32, lane))
            unlike = b.and_(b.fcmp_unordered("!=", y, zero), b.fcmp_unordered("!=", y, value))
            unlike = b.and_(unlike, b.fcmp_unordered("!=", value, zero))
            differ = b.or_(differ, b.zext(unlike, I64))
            value = b.select(b.fcmp_ordered("==", value, zero), y, value)
        return differ, value


@functools.cache
def rows(dtype, index, valued):
    """List the marked entries by row. Words: BITS, ROWS, N, PARTS, REPORTS, INDPTR, INDICES, VALUES, X, PITCH,
    POSITIONS.

    ``index``: type of INDICES; ``valued``: write VALUES too. The parts must be those of ``marks``.
    """
    return _Rows("rows", dtype, 8).build(INDICES[index], valued)


class _Rows(Kernel):
    def build(self, index, valued):
        b, self.index, self.width, self.valued = self.b, index, index.width // 8, valued
        (self.bits, count, n, parts, reports, self.indptr, self.indices, self.values, self.x, self.pitch,
         self.positions) = (self.word(j) for j in range(11))
        low, high = self.share(count, parts)
        self.words = b.sdiv(b.add(n, self.i64(WORD - 1)), self.i64(WORD))

        def found(q):
            return b.fptosi(b.load(self.at(reports, b.mul(q, self.i64(REPORT)), 8), typ=ir.DoubleType()), I64)

        start = self.loop(self.i64(0), self.part, 1, lambda q, c: b.add(c, found(q)), self.i64(0))
        self.end = b.add(start, found(self.part))
        with b.if_then(b.icmp_signed("==", self.part, self.i64(0))):
            b.store(self.i64(0), self.at(self.indptr, self.i64(0), 8))
        self.loop(low, high, 1, self._row, start)
        return self.done()

    def _row(self, r, start):
        b = self.b
        stop = self.loop(self.i64(0), self.words, 1, lambda w, at: self._word(r, w, at), start)
        b.store(stop, self.at(self.indptr, b.add(r, self.i64(1)), 8))
        if self.valued:
            base = self.offset(self.x, b.mul(r, self.pitch), self.size)

            def value(s, _):
                i = b.zext(b.load(self.at(self.indices, s, self.width), typ=self.index), I64)
                b.store(b.load(self.at(base, i, self.size), typ=self.one), self.at(self.values, s, self.size))

            self.loop(start, stop, 1, value)
        return stop

    def _word(self, r, w, at):
        """The bits of one word, eight at a time; one by one where eight would overrun the list of this part."""
        b = self.b
        bits, first = self.number(self.bits, b.add(b.mul(r, self.words), w)), b.mul(w, self.i64(WORD))
        many, few, after = (b.append_basic_block(n) for n in ("many", "few", "listed"))
        b.cbranch(b.icmp_signed("<=", b.add(at, self.i64(WORD)), self.end), many, few)
        b.position_at_end(many)
        there = at
        for j in range(8):
            byte = b.and_(b.lshr(bits, self.i64(8 * j)), self.i64(255))
            there = self._byte(byte, b.add(first, self.i64(8 * j)), there)
        b.branch(after)
        b.position_at_end(few)

        def bit(_, carried):
            left, at = carried
            i = b.add(first, b.cttz(left, ir.Constant(BOOL, 0)))
            b.store(b.trunc(i, self.index), self.at(self.indices, at, self.width))
            return [b.and_(left, b.sub(left, self.i64(1))), b.add(at, self.i64(1))]

        _, (_, here) = self.fold(self.i64(0), self.ones(bits), 1, bit, [bits, at])
        few = b.block
        b.branch(after)
        b.position_at_end(after)
        both = b.phi(I64)
        both.add_incoming(there, many)
        both.add_incoming(here, few)
        return both

    def _byte(self, byte, first, at):
        b, kind = self.b, ir.VectorType(I8, 8)
        where = b.zext(b.load(self.at(self.positions, byte, 8), typ=kind, align=1), ir.VectorType(self.index, 8))
        where = b.add(where, self.splat(b.trunc(first, self.index)))
        b.store(where, self.at(self.indices, at, self.width), align=self.width)
        return b.add(at, self.ones(byte))
