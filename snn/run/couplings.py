"""The compiled sums of couplings and means of populations; their definition is in ``snn.run.shown``.

What it is
    What a population shows is written by its update kernel into a ring of rows, each twice, ``depth`` rows apart: the
    row of d steps ago then lies d rows before the upper one of this step, wherever the ring stands, so that a source
    and its delay are one fixed offset. The sources of eight targets lie side by side (padded to the longest), so that
    one vector gathers for eight targets at once while each of them adds its sources in order.
"""
import functools

import numpy as np
from llvmlite import ir

from snn.run import native
from snn.run.block import BOOL, I32, I64, POINTER, Block
from snn.run.memory import Words
from snn.run.vectors import Vectors

GROUP = 8
"""Targets whose sources lie side by side."""


class CoupleWords:
    """Words of a coupling kernel; from CHANNELS on four per value: rows of the sources, of the targets, ring, its
    depth."""

    (BOUNDS, FIRST, LAST, POINTERS, SOURCES, OFFSETS, WEIGHT, TOTAL, SHOWN, PITCH, OWN_SHOWN, OWN_PITCH, STRIDE, DELAY,
     PRE_FIRST, N_PRE, CHANNELS) = range(17)

    @classmethod
    def channel(cls, c):
        return cls.CHANNELS + 4 * c


def rows_of_step(k, base, depth, pitch, size, back):
    """Address of the row shown ``back`` steps before this one, in its upper copy."""
    row = k.b.sub(k.b.add(k.b.srem(k.step, depth), depth), back)
    return k.offset(base, k.b.mul(row, pitch), size)


def lane_sum(k, v, base, n):
    """``snn.run.shown.lane_sum`` of ``n`` numbers at ``base``; may read 31 numbers more."""
    b = k.b
    with b.goto_entry_block():
        lanes = [b.alloca(v.real) for _ in range(4)]
    for lane in lanes:
        b.store(v.number(0.0), lane)
    whole = b.and_(n, k.i64(-32))

    def add(j, rest=None):
        for q, lane in enumerate(lanes):
            at = b.add(j, k.i64(8 * q))
            y = v.load(base, at)
            if rest is not None:
                y = b.select(b.icmp_signed("<", lane_numbers(k, v, at), v.splat(b.trunc(n, I32), v.integers)), y,
                             v.number(0.0))
            b.store(b.fadd(b.load(lane, typ=v.real), y), lane)

    k.loop(k.i64(0), whole, 32, lambda j, _: add(j))
    add(whole, rest=True)
    a, c, d, e = (b.load(lane, typ=v.real) for lane in lanes)
    total = b.fadd(b.fadd(a, c), b.fadd(d, e))
    parts = [b.extract_element(total, ir.Constant(I32, j)) for j in range(8)]
    while len(parts) > 1:
        half = len(parts) // 2
        parts = [b.fadd(x, y) for x, y in zip(parts[:half], parts[half:], strict=True)]
    return parts[0]


def lane_numbers(k, v, i):
    """Numbers i to i + 7 as int32."""
    return k.b.add(v.splat(k.b.trunc(i, I32), v.integers), ir.Constant(v.integers, list(range(v.lanes))))


def gather(k, v, base, offsets, active):
    """Numbers at ``base`` + ``offsets`` (int32) where ``active``, 0 elsewhere."""
    b, wide = k.b, ir.VectorType(I64, v.lanes)
    places = b.add(v.splat(base, wide), b.mul(b.sext(offsets, wide), v.number(v.size, wide)))
    pointers = ir.VectorType(POINTER, v.lanes)
    name = f"llvm.masked.gather.v{v.lanes}f{8 * v.size}.v{v.lanes}p0"
    kind = ir.FunctionType(v.real, [pointers, I32, ir.VectorType(BOOL, v.lanes), v.real])
    f = k.module.globals.get(name) or ir.Function(k.module, kind, name)
    return b.call(f, [b.inttoptr(places, pointers), ir.Constant(I32, v.size), active, v.number(0.0)])


@functools.cache
def couple(dtype, channels, *, uniform, own, weights, difference):
    """Kernel that adds the sums of a coupling to the inputs of its targets: ``(IR text, name)``.

    ``channels``: number of values; ``uniform``: all to all, then ``own``: with a unit's own value; ``weights``: one per
    synapse; ``difference``: less the unit's own value times the sum of its weights.
    """
    return _Couple(dtype, channels, uniform, own, weights, difference).build()


class _Couple:
    def __init__(self, dtype, channels, uniform, own, weights, difference):
        self.k = Block("couple")
        self.v, self.channels, self.uniform, self.own = Vectors(self.k, dtype), channels, uniform, own
        self.weights, self.difference = weights, difference

    def build(self):
        k, b, v = self.k, self.k.b, self.v
        self.w = w = {name: k.word(at) for name, at in vars(CoupleWords).items() if name.isupper()}
        at = [CoupleWords.channel(c) for c in range(self.channels)]
        self.sums = [self._alloca() for _ in at]
        back = w["DELAY"] if self.uniform else k.i64(0)
        self.sources = [rows_of_step(k, k.word(a), w["SHOWN"], w["PITCH"], v.size, back) for a in at]
        self.own_rows = [rows_of_step(k, k.word(a + 1), w["OWN_SHOWN"], w["OWN_PITCH"], v.size, k.i64(1)) for a in at]
        self.rings = [
            k.offset(k.word(a + 2), b.mul(b.srem(k.step, k.word(a + 3)), w["STRIDE"]), v.size) for a in at
        ]
        if not self.weights:
            self.weight = v.splat(v.scalar_at(w["WEIGHT"], k.i64(0)))
        if self.uniform:
            self.sources = [k.offset(s, w["PRE_FIRST"], v.size) for s in self.sources]
            self.totals = [v.splat(lane_sum(k, v, s, w["N_PRE"])) for s in self.sources]
        lo, hi = k.bounds(w["BOUNDS"])
        first = b.and_(w["FIRST"], k.i64(-GROUP))
        start = b.select(b.icmp_signed(">", lo, first), lo, first)
        stop = b.select(b.icmp_signed("<", hi, w["LAST"]), hi, w["LAST"])
        k.loop(start, stop, GROUP, self._uniform if self.uniform else self._sparse)
        return k.done()

    def _alloca(self):
        with self.k.b.goto_entry_block():
            return self.k.b.alloca(self.v.real)

    def _uniform(self, i, _):
        k, b, v, w = self.k, self.k.b, self.v, self.w
        number = lane_numbers(k, v, i)
        first, last = (v.splat(b.trunc(w[name], I32), v.integers) for name in ("FIRST", "LAST"))
        inside = b.and_(b.icmp_signed(">=", number, first), b.icmp_signed("<", number, last))
        for c, total in enumerate(self.totals):
            if not self.own:
                total = b.fsub(total, v.load(self.sources[c], b.sub(i, w["FIRST"])), flags=v.flags)
            self._give(c, i, b.fmul(self.weight, total, flags=v.flags), inside)

    def _sparse(self, i, _):
        k, b, v, w = self.k, self.k.b, self.v, self.w
        group = b.sub(b.lshr(i, k.i64(3)), b.lshr(w["FIRST"], k.i64(3)))
        begin = b.load(k.at(w["POINTERS"], group, 8), typ=I64)
        end = b.load(k.at(w["POINTERS"], b.add(group, k.i64(1)), 8), typ=I64)
        counts = b.load(k.at(w["SOURCES"], group, 4 * GROUP), typ=v.integers, align=4)
        for total in self.sums:
            b.store(v.number(0.0), total)

        def one(s, _):
            offsets = b.load(k.at(w["OFFSETS"], s, 4 * GROUP), typ=v.integers, align=4)
            active = b.icmp_signed("<", v.splat(b.trunc(b.sub(s, begin), I32), v.integers), counts)
            weight = v.load(w["WEIGHT"], b.mul(s, k.i64(GROUP))) if self.weights else None
            for source, total in zip(self.sources, self.sums, strict=True):
                y = gather(k, v, source, offsets, active)
                y = b.fmul(weight, y, flags=v.flags) if self.weights else y
                b.store(b.fadd(b.load(total, typ=v.real), y, flags=v.flags), total)

        k.loop(begin, end, 1, one)
        for c, total in enumerate(self.sums):
            amount = b.load(total, typ=v.real)
            self._give(c, i, amount if self.weights else b.fmul(self.weight, amount, flags=v.flags))

    def _give(self, c, i, amount, inside=None):
        b, v, w = self.k.b, self.v, self.w
        if self.difference:
            sum_of_weights = v.splat(v.scalar_at(w["TOTAL"], self.k.i64(0))) if self.uniform else v.load(w["TOTAL"], i)
            amount = b.fsub(amount, b.fmul(sum_of_weights, v.load(self.own_rows[c], i), flags=v.flags), flags=v.flags)
        if inside is not None:
            amount = b.select(inside, amount, v.number(0.0))
        v.store(b.fadd(v.load(self.rings[c], i), amount, flags=v.flags), self.rings[c], i)


def coupling(c, pre, post):
    """``(address, Words)`` of the kernel of coupling plan ``c`` from cells ``pre`` to cells ``post``."""
    W = CoupleWords
    words = Words(W.channel(len(c.values)))
    given = {W.BOUNDS: post.bounds, W.FIRST: c.post_offset, W.LAST: c.post_offset + c.n_post, W.SHOWN: pre.plan.shown,
             W.PITCH: pre.pitch, W.OWN_SHOWN: post.plan.shown, W.OWN_PITCH: post.pitch, W.STRIDE: post.stride,
             W.PRE_FIRST: c.pre_offset, W.N_PRE: c.n_pre}
    given |= _everybody(c, post) if c.csr is None else _side_by_side(c, pre, post)
    for j, (port, name) in enumerate(c.values):
        at, ring = W.channel(j), post.rings[port]
        own = post.shown[name] if c.total is not None else pre.shown[name]
        given |= {at: pre.shown[name], at + 1: own, at + 2: ring, at + 3: len(ring)}
    for at, value in given.items():
        words[at] = value
    text = couple(str(post.dtype), len(c.values), uniform=c.csr is None, own=c.own, weights=np.ndim(c.weight) == 1,
                  difference=c.total is not None)
    return native.address(*text), words


def _everybody(c, post):
    return {CoupleWords.DELAY: c.delay, CoupleWords.WEIGHT: np.array([c.weight], post.dtype),
            CoupleWords.TOTAL: np.array([0.0 if c.total is None else c.total], post.dtype)}


def _side_by_side(c, pre, post):
    """The connections by target: offsets and weights in groups of eight targets, padded to the longest of a group."""
    W, first = CoupleWords, c.post_offset // GROUP * GROUP
    n_groups = -(-(c.post_offset + c.n_post - first) // GROUP)
    source = np.repeat(np.arange(c.n_pre), np.diff(c.csr.indptr))
    target = c.csr.targets.astype(np.int64) + c.post_offset - first
    order = np.argsort(target, kind="stable")
    counts = np.bincount(target, minlength=n_groups * GROUP)
    widths = counts.reshape(n_groups, GROUP).max(1)
    pointers = np.concatenate([[0], np.cumsum(widths)]).astype(np.int64)
    rank = np.arange(len(target)) - np.repeat(np.cumsum(counts) - counts, counts)
    t = target[order]
    place = (pointers[t // GROUP] + rank) * GROUP + t % GROUP
    offsets = np.zeros(pointers[-1] * GROUP + GROUP, np.int32)
    delay = np.broadcast_to(c.delay, len(t))[order].astype(np.int64)
    offsets[place] = source[order] + c.pre_offset - delay * pre.pitch
    weight = np.atleast_1d(np.asarray(c.weight, post.dtype))
    if np.ndim(c.weight):
        weight = np.zeros(len(offsets), post.dtype)
        weight[place] = c.weight[order]
    total = np.zeros(post.stride + GROUP, post.dtype)
    if c.total is not None:
        total[c.post_offset:c.post_offset + c.n_post] = c.total
    return {W.POINTERS: pointers, W.SOURCES: counts.astype(np.int32), W.OFFSETS: offsets, W.WEIGHT: weight,
            W.TOTAL: total}
