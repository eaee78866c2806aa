"""The functions of ``snn.exact`` as vector instructions: their text evaluated on values that emit what they do."""

from llvmlite import ir

from snn import exact
from snn.run.block import I32, I64

FLOATS = (ir.FloatType(), ir.DoubleType())


class Arithmetic:
    """The arithmetic that the functions of ``snn.exact`` are written over, for one :class:`snn.run.vectors.Vectors`."""

    def __init__(self, vectors):
        self.v, self.b = vectors, vectors.b
        self.precision = exact.SINGLE if vectors.single else exact.DOUBLE
        self.integers = ir.VectorType(I32 if vectors.single else I64, vectors.lanes)

    def call(self, function, *a):
        """``function`` of ``snn.exact`` of the vectors ``a``."""
        return self.raw(function(*(Value(self, x) for x in a), self))

    def power(self, a, b):
        """``snn.exact.power``; the exponent counts as a literal where it is a constant vector."""
        literal = isinstance(b, ir.Constant)
        return self.raw(exact.power(Value(self, a), b.constant[0].constant if literal else Value(self, b), self))

    def raw(self, x, kind=None):
        """The vector in ``x``, or a number in all lanes of a vector of type ``kind``."""
        return x.x if isinstance(x, Value) else self.v.number(x, kind)

    def where(self, condition, a, b):
        return Value(self, self.b.select(condition.x, self.raw(a), self.raw(b)))

    def abs(self, x):
        return Value(self, self.v.intrinsic("fabs", x.x))

    def sqrt(self, x):
        return Value(self, self.v.intrinsic("sqrt", x.x))

    def bits(self, x):
        return Value(self, self.b.bitcast(x.x, self.integers))

    def number(self, bits):
        return Value(self, self.b.bitcast(bits.x, self.v.real))

    def constant(self, x, like):
        return Value(self, self.v.number(x))


class Value:
    """A vector of numbers, integers or truth values; operators emit instructions."""

    def __init__(self, arithmetic, x):
        self.m, self.x = arithmetic, x

    def _apply(self, real, integer, a, b):
        b_ = self.m.b
        a, b = (self.m.raw(y, self.x.type) for y in (a, b))
        if self.x.type.element in FLOATS:
            return Value(self.m, getattr(b_, real)(a, b, flags=self.m.v.flags))
        return Value(self.m, getattr(b_, integer)(a, b))

    def _compare(self, sign, other):
        a, b = self.x, self.m.raw(other, self.x.type)
        compare = self.m.b.fcmp_ordered if self.x.type.element in FLOATS else self.m.b.icmp_signed
        return Value(self.m, compare(sign, a, b))

    def __add__(self, other):
        return self._apply("fadd", "add", self, other)

    def __sub__(self, other):
        return self._apply("fsub", "sub", self, other)

    def __rsub__(self, other):
        return self._apply("fsub", "sub", other, self)

    def __mul__(self, other):
        return self._apply("fmul", "mul", self, other)

    def __truediv__(self, other):
        return self._apply("fdiv", "sdiv", self, other)

    def __rtruediv__(self, other):
        return self._apply("fdiv", "sdiv", other, self)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self):
        return Value(self.m, self.m.b.fneg(self.x))

    def __and__(self, other):
        return self._apply("", "and_", self, other)

    def __lshift__(self, other):
        return self._apply("", "shl", self, other)

    def __rshift__(self, other):
        return self._apply("", "lshr", self, other)

    def __lt__(self, other):
        return self._compare("<", other)

    def __gt__(self, other):
        return self._compare(">", other)

    def __eq__(self, other):
        return self._compare("==", other)

    __hash__ = None
