"""The compiled sums of couplings and means of populations; their definition is in ``snn.run.shown``.

What it is
    What a population shows is written by its update kernel into a ring of rows, each twice, ``depth`` rows apart: the
    row of d steps ago then lies d rows before the upper one of this step, wherever the ring stands, so that a source
    and its delay are one fixed offset. All values of a unit lie side by side (a tuple, padded to a power of two) and
    are loaded at once. The sources of eight targets lie side by side too, padded to the longest, so that eight sums
    grow at once while each of them adds its sources in order.
"""
import functools
from dataclasses import dataclass

import numpy as np
from llvmlite import ir

from snn.run import native
from snn.run.block import I32, I64, Block
from snn.run.memory import Words
from snn.run.vectors import Vectors

GROUP = 8
"""Targets whose sources lie side by side."""


class CoupleWords:
    """Words of a coupling kernel; from CHANNELS on two per value: its ring and the depth of that."""

    (BOUNDS, FIRST, LAST, POINTERS, OFFSETS, WEIGHT, TOTAL, SHOWN, DEPTH, PITCH, OWN_SHOWN, OWN_DEPTH, OWN_PITCH,
     STRIDE, DELAY, PRE_FIRST, N_PRE, CHANNELS) = range(18)

    @classmethod
    def channel(cls, c):
        return cls.CHANNELS + 2 * c


@dataclass(frozen=True)
class Row:
    """A row of shown values in compiled code: its address, and the numbers in a tuple."""

    base: object
    tuple: int

    @classmethod
    def of_step(cls, k, v, words, size, back):
        """The row shown ``back`` steps before this one, in its upper copy; ``words``: address, depth, pitch."""
        base, depth, pitch = words
        row = k.b.sub(k.b.add(k.b.srem(k.step, depth), depth), back)
        return cls(k.offset(base, k.b.mul(row, pitch), size * v.size), size)

    def moved(self, k, v, units):
        return Row(k.offset(self.base, units, self.tuple * v.size), self.tuple)

    def load(self, k, v, i, c):
        """Value ``c`` of the units i to i + 7."""
        wide = ir.VectorType(v.scalar, v.lanes * self.tuple)
        x = k.b.load(k.at(self.base, i, self.tuple * v.size), typ=wide, align=v.size)
        lanes = ir.Constant(v.integers, [self.tuple * lane + c for lane in range(v.lanes)])
        return x if self.tuple == 1 else k.b.shuffle_vector(x, ir.Constant(wide, ir.Undefined), lanes)


def lane_sum(k, v, row, c, n):
    """``snn.run.shown.lane_sum`` of value ``c`` of the first ``n`` units of ``row``; may read 31 units more."""
    b = k.b
    with b.goto_entry_block():
        lanes = [b.alloca(v.real) for _ in range(4)]
    for lane in lanes:
        b.store(v.number(0.0), lane)
    whole = b.and_(n, k.i64(-32))

    def add(j, rest=None):
        for q, lane in enumerate(lanes):
            at = b.add(j, k.i64(8 * q))
            y = row.load(k, v, at, c)
            if rest is not None:
                y = b.select(b.icmp_signed("<", lane_numbers(k, v, at), v.splat(b.trunc(n, I32), v.integers)), y,
                             v.number(0.0))
            b.store(b.fadd(b.load(lane, typ=v.real), y), lane)

    k.loop(k.i64(0), whole, 32, lambda j, _: add(j))
    add(whole, rest=True)
    one, two, three, four = (b.load(lane, typ=v.real) for lane in lanes)
    total = b.fadd(b.fadd(one, two), b.fadd(three, four))
    parts = [b.extract_element(total, ir.Constant(I32, j)) for j in range(8)]
    while len(parts) > 1:
        half = len(parts) // 2
        parts = [b.fadd(x, y) for x, y in zip(parts[:half], parts[half:], strict=True)]
    return parts[0]


def lane_numbers(k, v, i):
    """Numbers i to i + 7 as int32."""
    return k.b.add(v.splat(k.b.trunc(i, I32), v.integers), ir.Constant(v.integers, list(range(v.lanes))))


@functools.cache
def couple(dtype, channels, sizes, *, uniform, own, weights, difference):
    """Kernel that adds the sums of a coupling to the inputs of its targets: ``(IR text, name)``.

    ``channels``: places of the values in the tuples of sources and of targets, ((source, target), ...); ``sizes`` of
    the tuples; ``uniform``: all to all, then ``own``: with a unit's own value; ``weights``: one per synapse;
    ``difference``: less the unit's own value times the sum of its weights.
    """
    return _Couple(dtype, channels, sizes, uniform, own, weights, difference).build()


class _Couple:
    def __init__(self, dtype, channels, sizes, uniform, own, weights, difference):
        self.k = Block("couple")
        self.v, self.channels, self.sizes, self.uniform = Vectors(self.k, dtype), channels, sizes, uniform
        self.own, self.weights, self.difference = own, weights, difference

    def build(self):
        k, b, v = self.k, self.k.b, self.v
        self.w = w = {name: k.word(at) for name, at in vars(CoupleWords).items() if name.isupper()}
        shown, own = ([w[f"{p}{name}"] for name in ("SHOWN", "DEPTH", "PITCH")] for p in ("", "OWN_"))
        self.source = Row.of_step(k, v, shown, self.sizes[0], w["DELAY"] if self.uniform else k.i64(0))
        self.mine = Row.of_step(k, v, own, self.sizes[1], k.i64(1))
        self.rings = []
        for c in range(len(self.channels)):
            ring, depth = (k.word(CoupleWords.channel(c) + j) for j in (0, 1))
            self.rings.append(k.offset(ring, b.mul(b.srem(k.step, depth), w["STRIDE"]), v.size))
        if not self.weights:
            self.weight = v.splat(v.scalar_at(w["WEIGHT"], k.i64(0)))
        if self.uniform:
            self.source = self.source.moved(k, v, w["PRE_FIRST"])
            self.totals = [v.splat(lane_sum(k, v, self.source, c, w["N_PRE"])) for c, _ in self.channels]
        else:
            self.tuples = v.scalar if self.sizes[0] == 1 else ir.VectorType(v.scalar, self.sizes[0])
            with b.goto_entry_block():
                self.sums = [b.alloca(self.tuples) for _ in range(GROUP)]
        lo, hi = k.bounds(w["BOUNDS"])
        first = b.and_(w["FIRST"], k.i64(-GROUP))
        start = b.select(b.icmp_signed(">", lo, first), lo, first)
        stop = b.select(b.icmp_signed("<", hi, w["LAST"]), hi, w["LAST"])
        k.loop(start, stop, GROUP, self._uniform if self.uniform else self._sparse)
        return k.done()

    def _uniform(self, i, _):
        k, b, v, w = self.k, self.k.b, self.v, self.w
        number = lane_numbers(k, v, i)
        first, last = (v.splat(b.trunc(w[name], I32), v.integers) for name in ("FIRST", "LAST"))
        inside = b.and_(b.icmp_signed(">=", number, first), b.icmp_signed("<", number, last))
        for c, total in enumerate(self.totals):
            if not self.own:
                total = b.fsub(total, self.source.load(k, v, b.sub(i, w["FIRST"]), self.channels[c][0]), flags=v.flags)
            self._give(c, i, b.fmul(self.weight, total, flags=v.flags), inside)

    def _sparse(self, i, _):
        k, b, v, w = self.k, self.k.b, self.v, self.w
        group = b.sub(b.lshr(i, k.i64(3)), b.lshr(w["FIRST"], k.i64(3)))
        begin = b.load(k.at(w["POINTERS"], group, 8), typ=I64)
        end = b.load(k.at(w["POINTERS"], b.add(group, k.i64(1)), 8), typ=I64)
        for total in self.sums:
            b.store(ir.Constant(self.tuples, None if self.sizes[0] > 1 else 0.0), total)
        k.loop(begin, end, GROUP, self._sources)
        sums = [b.load(total, typ=self.tuples) for total in self.sums]
        for c, (place, _) in enumerate(self.channels):
            amount = ir.Constant(v.real, ir.Undefined)
            for lane, total in enumerate(sums):
                one = total if self.sizes[0] == 1 else b.extract_element(total, ir.Constant(I32, place))
                amount = b.insert_element(amount, one, ir.Constant(I32, lane))
            self._give(c, i, amount if self.weights else b.fmul(self.weight, amount, flags=v.flags))

    def _sources(self, s, _):
        """The next source of each of eight targets."""
        k, b, v, w = self.k, self.k.b, self.v, self.w
        for lane, total in enumerate(self.sums):
            at = b.add(s, k.i64(lane))
            offset = b.sext(b.load(k.at(w["OFFSETS"], at, 4), typ=I32), I64)
            y = b.load(k.at(self.source.base, offset, v.size), typ=self.tuples, align=v.size)
            if self.weights:
                weight = v.scalar_at(w["WEIGHT"], at)
                y = b.fmul(self._spread(weight), y, flags=v.flags)
            b.store(b.fadd(b.load(total, typ=self.tuples), y, flags=v.flags), total)

    def _spread(self, x):
        """A number in all places of a tuple."""
        b, size = self.k.b, self.sizes[0]
        if size == 1:
            return x
        nothing = ir.Constant(self.tuples, ir.Undefined)
        one = b.insert_element(nothing, x, ir.Constant(I32, 0))
        return b.shuffle_vector(one, nothing, ir.Constant(ir.VectorType(I32, size), [0] * size))

    def _give(self, c, i, amount, inside=None):
        b, v, w = self.k.b, self.v, self.w
        if self.difference:
            own = self.mine.load(self.k, v, i, self.channels[c][1])
            sum_of_weights = v.splat(v.scalar_at(w["TOTAL"], self.k.i64(0))) if self.uniform else v.load(w["TOTAL"], i)
            amount = b.fsub(amount, b.fmul(sum_of_weights, own, flags=v.flags), flags=v.flags)
        if inside is not None:
            amount = b.select(inside, amount, v.number(0.0))
        v.store(b.fadd(v.load(self.rings[c], i), amount, flags=v.flags), self.rings[c], i)


def coupling(c, pre, post):
    """``(address, Words)`` of the kernel of coupling plan ``c`` from cells ``pre`` to cells ``post``."""
    W = CoupleWords
    words, own = Words(W.channel(len(c.values))), post if c.total is not None else pre
    given = {W.BOUNDS: post.bounds, W.FIRST: c.post_offset, W.LAST: c.post_offset + c.n_post, W.SHOWN: pre.shown,
             W.DEPTH: pre.plan.shown, W.PITCH: pre.pitch, W.OWN_SHOWN: own.shown, W.OWN_DEPTH: own.plan.shown,
             W.OWN_PITCH: own.pitch, W.STRIDE: post.stride, W.PRE_FIRST: c.pre_offset, W.N_PRE: c.n_pre}
    given |= _everybody(c, post) if c.csr is None else _side_by_side(c, pre, post)
    for j, (port, _) in enumerate(c.values):
        given |= {W.channel(j): post.rings[port], W.channel(j) + 1: len(post.rings[port])}
    for at, value in given.items():
        words[at] = value
    channels = tuple((pre.plan.shows.index(name), own.plan.shows.index(name)) for name in c.names)
    text = couple(str(post.dtype), channels, (pre.shown.shape[2], own.shown.shape[2]), uniform=c.csr is None,
                  own=c.own, weights=np.ndim(c.weight) == 1, difference=c.total is not None)
    return native.address(*text), words


def _everybody(c, post):
    W = CoupleWords
    return {W.DELAY: c.delay, W.WEIGHT: np.array([c.weight], post.dtype),
            W.TOTAL: np.array([0.0 if c.total is None else c.total], post.dtype)}


def _side_by_side(c, pre, post):
    """The connections by target: offsets and weights in groups of eight targets, padded to the longest of a group."""
    W, first, size = CoupleWords, c.post_offset // GROUP * GROUP, pre.shown.shape[2]
    n_groups = -(-(c.post_offset + c.n_post - first) // GROUP)
    source = np.repeat(np.arange(c.n_pre), np.diff(c.csr.indptr))
    target = c.csr.targets.astype(np.int64) + c.post_offset - first
    order = np.argsort(target, kind="stable")
    counts = np.bincount(target, minlength=n_groups * GROUP)
    pointers = np.concatenate([[0], np.cumsum(counts.reshape(n_groups, GROUP).max(1))]).astype(np.int64) * GROUP
    rank = np.arange(len(target)) - np.repeat(np.cumsum(counts) - counts, counts)
    t = target[order]
    place = pointers[t // GROUP] + rank * GROUP + t % GROUP
    # What fills up reads the margin of the row, which is always 0.
    offsets = np.full(max(1, pointers[-1]), pre.stride * size, np.int32)
    delay = np.broadcast_to(c.delay, len(t))[order].astype(np.int64)
    offsets[place] = (source[order] + c.pre_offset - delay * pre.pitch) * size
    weight = np.atleast_1d(np.asarray(c.weight, post.dtype))
    if np.ndim(c.weight):
        weight = np.zeros(len(offsets), post.dtype)
        weight[place] = c.weight[order]
    total = np.zeros(post.stride, post.dtype)
    if c.total is not None:
        total[c.post_offset:c.post_offset + c.n_post] = c.total
    return {W.POINTERS: pointers, W.OFFSETS: offsets, W.WEIGHT: weight, W.TOTAL: total}
