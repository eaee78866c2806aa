"""Kernels that add rows of a dense table as lists of nonzeros say, and the lists by column and transposes they need.

What it is
    LLVM code for ``snn.train.products``; see ``snn.train.product_lists`` for the form of a kernel.

    Vectors have 16 (float32) or 8 (float64) lanes and four are summed at once, which fits the registers of AVX2 and of
    AVX-512; the compiler splits them where the processor's are shorter. Every sum is added in the order of its list by
    one part, so the number of parts changes no result.
"""
import functools

from llvmlite import ir

from snn.run.block import I8, I32, I64
from snn.train.product_lists import INDICES, Kernel

TILE = 256
"""Rows that are listed by column together: the number of a row within its tile fits a byte."""
SUMS = 4
"""Vectors of sums that are held in registers."""
CHUNK = 16
"""Rows that a part takes at once; it takes every PARTS-th chunk, so that a burst of spikes is shared."""
LANES = {"float32": 16, "float64": 8}


@functools.cache
def columns(dtype, index, valued):
    """Turn lists by row into lists by column, one set per tile of ``TILE`` rows. Words: INDPTR, INDICES, VALUES, ROWS,
    N, PARTS, STARTS, NUMBERS, TURNED.

    STARTS has N + 1 int64 per tile: where the list of each column begins. NUMBERS (uint8) are rows within the tile;
    TURNED are their values, written if ``valued``. ``index`` is the type of INDICES.
    """
    return _Columns("columns", dtype, 8).build(INDICES[index], valued)


class _Columns(Kernel):
    def build(self, index, valued):
        b, self.index, self.width, self.valued = self.b, index, index.width // 8, valued
        (self.indptr, self.indices, self.values, self.rows, self.n, parts,
         self.starts, self.numbers, self.turned) = (self.word(j) for j in range(9))
        low, high = self.share(b.sdiv(b.add(self.rows, self.i64(TILE - 1)), self.i64(TILE)), parts)
        self.loop(low, high, 1, self._tile)
        return self.done()

    def _tile(self, t, _):
        b, one = self.b, self.i64(1)
        first = b.mul(t, self.i64(TILE))
        last = b.add(first, self.i64(TILE))
        last = b.select(b.icmp_signed("<", last, self.rows), last, self.rows)
        starts = self.offset(self.starts, b.mul(t, b.add(self.n, one)), 8)
        # Entry i + 1 first counts column i, then is where column i begins, and once all are listed where i + 1 begins.
        following = self.offset(starts, one, 8)
        begin, end = self.number(self.indptr, first), self.number(self.indptr, last)
        self.loop(self.i64(0), self.n, 1, lambda i, _: self._write(self.i64(0), following, i))
        self.loop(begin, end, 1, lambda s, _: self._next(following, self._column(s)))
        b.store(begin, self.at(starts, self.i64(0), 8))

        def begins(i, at):
            found = self.number(following, i)
            self._write(at, following, i)
            return b.add(at, found)

        self.loop(self.i64(0), self.n, 1, begins, begin)
        self.loop(first, last, 1, lambda r, _: self._row(r, b.trunc(b.sub(r, first), I8), following))

    def _write(self, x, base, i):
        self.b.store(x, self.at(base, i, 8))

    def _column(self, s):
        return self.b.zext(self.b.load(self.at(self.indices, s, self.width), typ=self.index), I64)

    def _next(self, base, i):
        """Number i at ``base``, which is raised by one."""
        x = self.number(base, i)
        self._write(self.b.add(x, self.i64(1)), base, i)
        return x

    def _row(self, r, within, following):
        def entry(s, _):
            at = self._next(following, self._column(s))
            self.b.store(within, self.at(self.numbers, at, 1))
            if self.valued:
                value = self.b.load(self.at(self.values, s, self.size), typ=self.one)
                self.b.store(value, self.at(self.turned, at, self.size))

        self.loop(self.number(self.indptr, r), self.number(self.indptr, self.b.add(r, self.i64(1))), 1, entry)


def shape_of(n, dtype):
    """What of the number of columns the code of :func:`sums` depends on: whether there are whole blocks of ``SUMS``
    vectors, and the columns behind them."""
    block = SUMS * LANES[dtype]
    return n >= block, n % block


@functools.cache
def sums(dtype, index, valued, onto, whole, rest):
    """OUT[r] = START + the sum of VALUES[s] TABLE[INDICES[s]] over the list of r. Words: STARTS, LISTS, ROWS, PARTS,
    INDICES, VALUES, TABLE, PITCH, TILES, STEP, OUT, OUTPITCH, BEGIN.

    There are TILES sets of lists, LISTS numbers apart in STARTS; set t reads the table STEP entries behind that of set
    t - 1. Rows of TABLE and OUT are PITCH and OUTPITCH entries apart. VALUES is one number for all unless ``valued``.
    The sum begins with row BEGIN, or is added onto OUT if ``onto``; then OUT has whole vectors and is written as
    such. ``whole`` and ``rest`` are ``shape_of`` the columns; the number of columns is the last word.
    """
    return _Sums("sums", dtype, LANES[dtype]).build(INDICES[index], valued, onto, whole, rest)


class _Sums(Kernel):
    def build(self, index, valued, onto, whole, rest):
        b, self.index, self.width, self.valued, self.onto = self.b, index, index.width // 8, valued, onto
        (self.starts, self.lists, self.rows, self.parts, self.indices, self.values, self.table, pitch, tiles, self.step,
         self.out, outpitch, self.begin, n) = (self.word(j) for j in range(14))
        self.pitch, self.outpitch = (b.mul(p, self.i64(self.size)) for p in (pitch, outpitch))
        if not valued:
            self.scale = self.splat(b.load(self.at(self.values, self.i64(0), self.size), typ=self.one))
        block = SUMS * self.lanes

        def tile(t, _):
            self.list_starts = self.offset(self.starts, b.mul(t, self.lists), 8)
            self.tile_table = self.offset(self.table, b.mul(t, self.step), self.size)
            if whole:
                self.loop(self.i64(0), b.sub(n, self.i64(rest)), block, lambda c, _: self._block(c, SUMS, None))
            if rest:
                self._block(b.sub(n, self.i64(rest)), -(-rest // self.lanes), rest % self.lanes or None)

        self.loop(self.i64(0), tiles, 1, tile)
        return self.done()

    def _block(self, column, vectors, tail):
        """All rows of ``vectors`` vectors of columns; the last has ``tail`` lanes (None: all)."""
        b, self.masks = self.b, [None] * vectors
        if tail:
            self.masks[-1] = self.first_lanes(self.i64(tail))
        # So many lists entries at once keep all sums busy; each has sums of its own, added at the end.
        self.ahead, self.vectors = SUMS // vectors, vectors
        source, target = (self.offset(base, column, self.size) for base in (self.tile_table, self.out))
        begin = self.offset(self.begin, column, self.size)
        chunks = b.sdiv(b.add(self.rows, self.i64(CHUNK - 1)), self.i64(CHUNK))
        turns = b.sdiv(b.add(chunks, b.sub(self.parts, self.i64(1))), self.parts)

        def chunk(turn, _):
            first = b.mul(b.add(b.mul(turn, self.parts), self.part), self.i64(CHUNK))
            last = b.add(first, self.i64(CHUNK))
            last = b.select(b.icmp_signed("<", last, self.rows), last, self.rows)
            self.loop(first, last, 1, lambda r, _: self._row(r, source, target, begin))

        self.loop(self.i64(0), turns, 1, chunk)

    def _row(self, r, source, target, begin):
        b, vectors = self.b, self.vectors
        first, last = self.number(self.list_starts, r), self.number(self.list_starts, b.add(r, self.i64(1)))

        def entries(s, sums):
            return [x for j in range(len(sums) // vectors)
                    for x in self._entry(b.add(s, self.i64(j)), source, sums[j * vectors:(j + 1) * vectors])]

        sums = [self.zero()] * vectors
        if self.ahead > 1:
            whole = b.sub(last, self.i64(self.ahead - 1))
            first, more = self.fold(first, whole, self.ahead, entries, sums * self.ahead)
            sums = [functools.reduce(self._add, more[j::vectors]) for j in range(vectors)]
        _, sums = self.fold(first, last, 1, entries, sums)
        to = b.add(target, b.mul(r, self.outpitch))
        for j, x in enumerate(sums):
            at, mask = self.i64(j * self.lanes), None if self.onto else self.masks[j]
            before = self.vector(self.at(to if self.onto else begin, at, self.size), mask)
            x = x if self.valued else b.fmul(x, self.scale, flags=self.flags)
            self.put(self._add(x, before), self.at(to, at, self.size), mask)

    def _add(self, x, y):
        return self.b.fadd(x, y, flags=self.flags)

    def _entry(self, s, source, sums):
        """``sums`` plus the row of the table that entry ``s`` names."""
        b = self.b
        i = b.zext(b.load(self.at(self.indices, s, self.width), typ=self.index), I64)
        row = b.add(source, b.mul(i, self.pitch))
        if self.valued:
            value = self.splat(b.load(self.at(self.values, s, self.size), typ=self.one))
        new = []
        for j, x in enumerate(sums):
            y = self.vector(self.at(row, self.i64(j * self.lanes), self.size), self.masks[j])
            new.append(self._add(x, b.fmul(value, y, flags=self.flags) if self.valued else y))
        return new


@functools.cache
def transpose(dtype):
    """OUT[c, r] = X[r, c]. Words: X, PITCH, ROWS, COLUMNS, PARTS, OUT, OUTPITCH (entries from row to row)."""
    return _Transpose("transpose", dtype, LANES[dtype]).build()


class _Transpose(Kernel):
    def build(self):
        b = self.b
        self.x, self.pitch, self.rows, self.columns, parts, self.out, self.outpitch = (self.word(j) for j in range(7))
        low, high = self.share(b.sdiv(b.add(self.columns, self.i64(self.lanes - 1)), self.i64(self.lanes)), parts)
        self.loop(b.mul(low, self.i64(self.lanes)), b.mul(high, self.i64(self.lanes)), self.lanes, self._columns)
        return self.done()

    def _columns(self, c, _):
        """A square of ``lanes`` rows after the other; rows behind the last are read again and not written."""
        wide = self.first_lanes(self.b.sub(self.columns, c))
        self.loop(self.i64(0), self.rows, self.lanes, lambda r, _: self._square(r, c, wide))

    def _square(self, r, c, wide):
        b, lanes, last = self.b, self.lanes, self.b.sub(self.rows, self.i64(1))
        square = []
        for j in range(lanes):
            row = b.add(r, self.i64(j))
            row = b.select(b.icmp_signed("<", row, last), row, last)
            square.append(self.vector(self.at(self.x, b.add(b.mul(row, self.pitch), c), self.size), wide))
        distance = lanes // 2
        while distance:
            square = self._exchange(square, distance)
            distance //= 2
        high = self.first_lanes(b.sub(self.rows, r))
        for j in range(lanes):
            column = b.add(c, self.i64(j))
            with b.if_then(b.icmp_signed("<", column, self.columns)):
                self.put(square[j], self.at(self.out, b.add(b.mul(column, self.outpitch), r), self.size), high)

    def _exchange(self, square, distance):
        """Exchange the off-diagonal halves of all squares of ``2 distance`` rows."""
        kind, lanes, square = ir.VectorType(I32, self.lanes), range(self.lanes), list(square)
        above = [j + self.lanes - distance if j & distance else j for j in lanes]
        below = [j + self.lanes if j & distance else j + distance for j in lanes]
        for j in lanes:
            if not j & distance:
                x, y = square[j], square[j + distance]
                square[j] = self.b.shuffle_vector(x, y, ir.Constant(kind, above))
                square[j + distance] = self.b.shuffle_vector(x, y, ir.Constant(kind, below))
        return square
