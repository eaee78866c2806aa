"""Operations of a model's graph as vector instructions.

Arithmetic
    float64: plain IEEE operations in the order of the text, no contraction, so that results equal the reference's bit
    for bit (elementary functions as defined in ``snn.exact``). float32: contraction of multiply and add is allowed.
"""

import math

import numpy as np
from llvmlite import ir

from snn import exact, random
from snn.errors import ModelError
from snn.run.block import BOOL, I32, I64
from snn.run.elementary import Arithmetic

LANES = {"float32": 8, "float64": 8}
CALLS = {
    "abs": "fabs",
    "floor": "floor",
    "round": "nearbyint",
}


class Vectors:
    """Emits operations on vectors of neurons through the builder of a :class:`snn.run.block.Block`; ``lanes`` of them,
    ``LANES[dtype]`` unless said."""

    def __init__(self, block, dtype, lanes=None):
        self.k, self.b, self.lanes = block, block.b, lanes or LANES[dtype]
        self.single = dtype == "float32"
        self.scalar, self.size = (ir.FloatType(), 4) if self.single else (ir.DoubleType(), 8)
        self.flags = ("contract", "nsz") if self.single else ()
        self.real = ir.VectorType(self.scalar, self.lanes)
        self.integers = ir.VectorType(I32, self.lanes)
        self.booleans = ir.VectorType(BOOL, self.lanes)

    def number(self, x, kind=None):
        kind = kind or self.real
        return ir.Constant(kind, [ir.Constant(kind.element, x)] * self.lanes)

    def splat(self, x, kind=None):
        kind = kind or self.real
        one = self.b.insert_element(ir.Constant(kind, ir.Undefined), x, ir.Constant(I32, 0))
        return self.b.shuffle_vector(one, ir.Constant(kind, ir.Undefined), ir.Constant(self.integers, [0] * self.lanes))

    def load(self, base, index):
        return self.b.load(self.k.at(base, index, self.size), typ=self.real, align=self.size)

    def store(self, x, base, index):
        self.b.store(x, self.k.at(base, index, self.size), align=self.size)

    def scalar_at(self, base, index):
        return self.b.load(self.k.at(base, index, self.size), typ=self.scalar)

    def apply(self, owner, op, a):
        """The operation ``op`` of the graph on the vectors ``a``; ``owner`` is named where it cannot be compiled."""
        b = self.b
        if op in ("add", "sub", "mul", "div"):
            return getattr(b, "f" + op)(*a, flags=self.flags)
        if op in ("lt", "le", "gt", "ge", "eq", "ne"):
            sign = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}[op]
            return (b.fcmp_unordered if op == "ne" else b.fcmp_ordered)(sign, *a)
        if op in ("minimum", "maximum"):
            return self._limit("<" if op == "minimum" else ">", *a)
        simple = {
            "neg": b.fneg,
            "and": b.and_,
            "or": b.or_,
            "not": b.not_,
            "where": b.select,
            "pow": Arithmetic(self).power,
        }
        if op in simple:
            return simple[op](*a)
        if op in CALLS:
            return self.intrinsic(CALLS[op], *a)
        if op in exact.EXACT:
            return Arithmetic(self).call(exact.EXACT[op], *a)
        raise ModelError(f"{owner}: torch.{op} of a state is not compiled; of parameters alone it is allowed.")

    def _limit(self, sign, x, y):
        """Smaller or larger of two; NaN in either gives NaN, as in torch."""
        b = self.b
        chosen = b.select(b.fcmp_ordered(sign, x, y), x, y)
        return b.select(b.fcmp_unordered("!=", x, x), x, chosen)

    def bounded(self, op, x, bound):
        """``minimum`` or ``maximum`` of ``x`` and a bound that is not NaN: one instruction, and NaN stays."""
        beyond = self.b.fcmp_ordered("<" if op == "minimum" else ">", bound, x)
        return self.b.select(beyond, bound, x)

    def intrinsic(self, name, *a):
        full = f"llvm.{name}.v{self.lanes}f{self.size * 8}"
        f = self.k.module.globals.get(full)
        if f is None:
            f = ir.Function(self.k.module, ir.FunctionType(self.real, [self.real] * len(a)), full)
        return self.b.call(f, a)

    def append_lanes(self, chosen, first, ids, count, below=None):
        """Append ``first`` plus the number of every lane that is ``chosen`` to the int32 at ``ids``, behind the
        ``count`` that are there; returns the new count. Numbers that are not ``below`` do not count."""
        b, k = self.b, self.k
        mask = b.zext(b.bitcast(chosen, ir.IntType(self.lanes)), I64)
        before = b.block
        head, inside, after = (b.append_basic_block(n) for n in ("spikes", "spike", "quiet"))
        b.branch(head)
        b.position_at_end(head)
        m, c = b.phi(I64), b.phi(I64)
        m.add_incoming(mask, before)
        c.add_incoming(count, before)
        b.cbranch(b.icmp_unsigned("!=", m, k.i64(0)), inside, after)
        b.position_at_end(inside)
        number = b.add(first, b.cttz(m, ir.Constant(BOOL, 0)))
        b.store(b.trunc(number, I32), k.at(ids, c, 4))
        one = k.i64(1) if below is None else b.zext(b.icmp_signed("<", number, below), I64)
        m.add_incoming(b.and_(m, b.sub(m, k.i64(1))), inside)
        c.add_incoming(b.add(c, one), inside)
        b.branch(head)
        b.position_at_end(after)
        return c

    # -- random numbers: the definitions of snn.random, 32 bits per neuron and step
    def step_keys(self, key):
        """``snn.random.step_keys``: bits64(key, step) cut into two words."""
        b, c = self.b, self.k.i64
        z = b.add(key, b.mul(b.add(self.k.step, c(1)), c(random.GOLDEN)))
        z = b.mul(b.xor(z, b.lshr(z, c(30))), c(random.MULTIPLY_1))
        z = b.mul(b.xor(z, b.lshr(z, c(27))), c(random.MULTIPLY_2))
        z = b.xor(z, b.lshr(z, c(31)))
        return tuple(self.splat(b.trunc(x, I32), self.integers) for x in (z, b.lshr(z, c(32))))

    def bits(self, keys, i):
        """``snn.random.bits32`` of neurons i to i + lanes - 1."""
        b = self.b
        index = b.add(self.splat(b.trunc(i, I32), self.integers), ir.Constant(self.integers, list(range(self.lanes))))
        return self._mix(b.add(self._mix(b.xor(index, keys[0])), keys[1]))

    def _mix(self, x):
        b, c = self.b, lambda v: self.number(v, self.integers)
        x = b.mul(b.xor(x, b.lshr(x, c(16))), c(random.MIX_A))
        x = b.mul(b.xor(x, b.lshr(x, c(15))), c(random.MIX_B))
        return b.xor(x, b.lshr(x, c(16)))

    def noise(self, bits):
        """Uniform number in (0, 1]: (bits + 1) 2^-32."""
        return self.b.fmul(self.b.fadd(self.b.uitofp(bits, self.real), self.number(1.0)), self.number(2.0**-32))

    def poisson(self, bits, limits, lowest, n, usual):
        """Poisson count by inversion: ``lowest`` plus the number of the ``n`` thresholds at ``limits`` that ``bits``
        exceed; those behind the first ``usual`` are looked at only if some neuron is beyond them.

        The thresholds are stored with the top bit flipped (:func:`signed`), since vectors compare signed numbers
        faster.
        """
        b = self.b
        bits = b.xor(bits, self.number(1 << 31, self.integers))
        total = self._exceeded(bits, limits, range(usual), self.number(lowest, self.integers))
        if usual < n:
            last = self._limit_at(limits, usual - 1)
            beyond = b.bitcast(b.icmp_signed(">", bits, last), ir.IntType(self.lanes))
            few = b.block
            with b.if_then(b.icmp_unsigned("!=", beyond, ir.Constant(beyond.type, 0)), likely=False):
                more = self._exceeded(bits, limits, range(usual, n), total)
                many = b.block
            both = b.phi(self.integers)
            both.add_incoming(total, few)
            both.add_incoming(more, many)
            total = both
        return b.sitofp(total, self.real)

    def _limit_at(self, limits, j):
        return self.splat(self.b.load(self.k.at(limits, self.k.i64(j), 4), typ=I32), self.integers)

    def _exceeded(self, bits, limits, which, total):
        b = self.b
        for j in which:
            total = b.sub(total, b.sext(b.icmp_signed(">", bits, self._limit_at(limits, j)), self.integers))
        return total


def usual_counts(limits):
    """How many thresholds one vector of neurons in fifty does not pass: those worth comparing in every step."""
    return max(1, int(np.searchsorted(np.asarray(limits, np.float64), (1 - 0.02 / LANES["float32"]) * 2.0**32)))


def signed(limits):
    """Unsigned thresholds as signed ones of the same order."""
    return (np.asarray(limits, np.uint32) ^ np.uint32(1 << 31)).view(np.int32)


def poisson_table(mean):
    """Thresholds of the inversion method for a Poisson count: ``(lowest, thresholds uint32)``.

    The count is ``lowest`` plus the number of thresholds that 32 random bits exceed; probabilities are exact to 2^-32.
    """
    from scipy.stats import poisson

    k = np.arange(0, int(mean + 12 * math.sqrt(mean) + 30))
    limits = np.floor(poisson.cdf(k, mean) * 2.0**32)
    lowest = int(np.argmax(limits >= 1))
    inside = limits[(limits >= 1) & (limits < 2.0**32)]
    return lowest, (inside - 1).astype(np.uint32)
