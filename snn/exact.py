"""Elementary functions with one result on every engine.

What it is
    IEEE arithmetic (+ - * /) gives the same bits everywhere; ``exp``, ``log`` and ``sin`` do not (torch, libm and
    compilers each have their own), and torch's ``sqrt`` of arrays is not always the IEEE one. The functions here are
    made of IEEE operations and of integer operations on the bits of a number only, each written once over an
    *arithmetic*: :data:`ARRAYS` evaluates the text on float64 arrays, ``snn.run.elementary`` emits it as vector
    instructions, in double and in single precision. Inside :func:`exact_math` the functions of torch are replaced by
    these for float64 tensors; that is what makes the float64 engines equal bit for bit.

Formula
    exp(x) = 2^k exp(r), k = round(x / ln 2), r = x - k ln 2 (ln 2 in two parts), exp(r) by its Taylor polynomial
    of degree 13 (|r| <= 0.347, truncation below 4e-18). x is limited to [-708, 709]: smaller ones give 3e-308.
    expm1(x) = 2^k (exp(r) - 1) + (2^k - 1).
    log(x) = k ln 2 + log(1 + f), x = 2^k (1 + f), 1 + f in [1/sqrt 2, sqrt 2); with s = f / (2 + f) the last term is
    f - f^2/2 + s (f^2/2 + s^2 L(s^2)), L a polynomial. log(0) = -inf, subnormal numbers count as 0 as they do in
    runs; log(x) is NaN where x < 0. log1p(x) = log(u) + (x - (u - 1)) / u, u = 1 + x.
    sin, cos: r = x - k pi/2 with pi/2 in three parts, polynomials in r^2 for |r| <= pi/4, selected by k mod 4.
    sigmoid(x) = 1 / (1 + exp(-x)); tanh(x) = sign(x) (1 - e) / (1 + e), e = exp(-2 |x|).
    a^b = a a ... a for a literal whole b from -16 to 16, sqrt(a) for 0.5, else exp(b log a), NaN where a < 0.
    The polynomials of log, sin and cos, and those of single precision, are Chebyshev fits of these very ratios (to
    2e-17 and 3e-8 of the result).

Accuracy
    float64: 1.5 ulp, expm1 2; sin and cos up to |x| = 1e6, beyond it an error of the spacing of numbers at x; a^b has
    |b log a| ulp. float32: 2 ulp; sin and cos up to |x| = 1e4, and 2e-11 near their zeros. tanh has an absolute error
    of this size, not a relative one. NaN stays NaN, sin and cos of an infinite number are NaN.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

LOG2_E = 1.4426950408889634
TWO_OVER_PI = float.fromhex("0x1.45f306dc9c883p-1")
NAN = float("nan")
MOST = 16
"""Whole exponents up to this one are products."""


@dataclass(frozen=True)
class Precision:
    """Constants of a floating-point format: ``shift`` bits of mantissa and exponents ``bias`` higher than they mean;
    adding ``magic`` rounds to a whole number; ``lowest``, ``highest``: bounds of exp; ``ln2``, ``half_pi``: parts whose
    multiples are exact. Polynomials begin with the highest power."""

    shift: int
    bias: int
    magic: float
    magic_bits: int
    lowest: float
    highest: float
    smallest: float
    ln2: tuple
    half_pi: tuple
    exp: tuple
    log: tuple
    sin: tuple
    cos: tuple


DOUBLE = Precision(
    shift=52, bias=1023, magic=6755399441055744.0, magic_bits=0x4338000000000000,
    lowest=-708.0, highest=709.0, smallest=2.0**-1022,
    ln2=(float.fromhex("0x1.62e42feep-1"), float.fromhex("0x1.a39ef35793c76p-33")),
    half_pi=(float.fromhex("0x1.921fb544p+0"), float.fromhex("0x1.0b4611a6p-34"),
             float.fromhex("0x1.3198a2e037073p-69")),
    exp=tuple(1.0 / math.factorial(k) for k in range(13, -1, -1)),
    log=(0.14616585424888623, 0.15331710618210773, 0.18182889455674947, 0.22222211130259878, 0.2857142862600327,
         0.39999999999899444, 0.666666666666667),
    sin=(1.591810123027412e-10, -2.5051131455427946e-08, 2.755731610068303e-06, -0.0001984126983675497,
         0.008333333333330946, -0.16666666666666666),
    cos=(-1.1382614868556325e-11, 2.0876146024689747e-09, -2.7557317270560326e-07, 2.4801587298763433e-05,
         -0.0013888888888887395, 0.041666666666666664),
)  # fmt: skip
SINGLE = Precision(
    shift=23, bias=127, magic=12582912.0, magic_bits=0x4B400000,
    lowest=-87.0, highest=88.0, smallest=2.0**-126,
    ln2=(0.693359375, -2.12194440e-4),
    half_pi=(float.fromhex("0x1.92p+0"), float.fromhex("0x1.fb4p-12"), float.fromhex("0x1.4442d2p-24")),
    exp=(0.0013926250394433737, 0.00836323294788599, 0.04166655242443085, 0.16666576266288757, 0.5, 1.0, 1.0),
    log=(0.2958005368709564, 0.3998877704143524, 0.6666668653488159),
    sin=(-0.000195878412341699, 0.008332747966051102, -0.166666641831398),
    cos=(2.454789137118496e-05, -0.001388830249197781, 0.0416666641831398),
)  # fmt: skip


class ARRAYS:
    """The arithmetic of float64 arrays: what the functions below need beside the operators of a value. (Of numpy: an
    operation on a small tensor of torch takes several times as long.)"""

    precision = DOUBLE
    where, abs, sqrt = staticmethod(np.where), staticmethod(np.abs), staticmethod(np.sqrt)
    constant = staticmethod(lambda x, like: np.full_like(like, x))

    @staticmethod
    def bits(x):
        """The bits of a number as an integer of its size."""
        return x.view(np.int64)

    @staticmethod
    def number(bits):
        return bits.view(np.float64)


def exp(x, m=ARRAYS):
    r, power = _halved(x, m)
    return _polynomial(m.precision.exp, r) * power


def expm1(x, m=ARRAYS):
    r, power = _halved(x, m)
    less = _polynomial(m.precision.exp[:-2], r) * (r * r) + r
    return less * power + (power - 1.0)


def _halved(x, m):
    """``(r, 2^k)`` with x = k ln 2 + r."""
    p = m.precision
    x = m.where(x > p.highest, p.highest, x)
    x = m.where(x < p.lowest, p.lowest, x)
    shifted = x * LOG2_E + p.magic
    k = shifted - p.magic
    r = (x - k * p.ln2[0]) - k * p.ln2[1]
    return r, m.number((m.bits(shifted) + p.bias) << p.shift)


def _polynomial(coefficients, x):
    total = coefficients[0]
    for c in coefficients[1:]:
        total = total * x + c
    return total


def log(x, m=ARRAYS):
    p = m.precision
    half = (p.bias << p.shift) - _SQRT_HALF[p.shift]
    k = (m.bits(x) + half) >> p.shift
    f = m.number(m.bits(x) - ((k - p.bias) << p.shift)) - 1.0
    k = m.number(k + p.magic_bits) - (p.magic + p.bias)
    s, square = f / (f + 2.0), f * f * 0.5
    z = s * s
    rest = s * (square + z * _polynomial(p.log, z)) + k * p.ln2[1]
    y = k * p.ln2[0] - ((square - rest) - f)
    y = m.where(x < math.inf, y, x)
    y = m.where(x < p.smallest, -math.inf, y)
    return m.where(x < 0.0, NAN, y)


_SQRT_HALF = {
    52: int(np.float64(math.sqrt(0.5)).view(np.int64)),
    23: int(np.float32(math.sqrt(0.5)).view(np.int32)),
}
"""Bits of the square root of 1/2, by the size of the mantissa."""


def log1p(x, m=ARRAYS):
    u = x + 1.0
    lost = (x - (u - 1.0)) / u
    return log(u, m) + m.where(m.abs(lost) < 1.0, lost, 0.0)


def sin(x, m=ARRAYS):
    return _circular(x, m, 0)


def cos(x, m=ARRAYS):
    return _circular(x, m, 1)


def _circular(x, m, quarters):
    """sin(x + quarters pi/2)."""
    p = m.precision
    shifted = x * TWO_OVER_PI + p.magic
    k = shifted - p.magic
    near = x - k * p.half_pi[0]
    middle = k * p.half_pi[1]
    r = near - middle
    r = r + (((near - r) - middle) - k * p.half_pi[2])
    # Where k is not exact any more, the polynomials must stay bounded; NaN stays.
    r = m.where(r > 1.0, 1.0, m.where(r < -1.0, -1.0, r))
    z = r * r
    sine = r + r * (z * _polynomial(p.sin, z))
    half = z * 0.5
    whole = 1.0 - half
    cosine = whole + (((1.0 - whole) - half) + z * (z * _polynomial(p.cos, z)))
    quarter = m.bits(shifted) + quarters
    y = m.where((quarter & 1) == 0, sine, cosine)
    return m.where((quarter & 2) == 0, y, -y)


def sqrt(x, m=ARRAYS):
    return m.sqrt(x)


def sigmoid(x, m=ARRAYS):
    return 1.0 / (exp(-x, m) + 1.0)


def tanh(x, m=ARRAYS):
    e = exp(m.abs(x) * -2.0, m)
    t = (1.0 - e) / (e + 1.0)
    return m.where(x < 0.0, -t, t)


def power(a, b, m=ARRAYS):
    """``a`` to the power ``b``; a Python number ``b`` that is 1/2, or whole and small, needs no logarithm."""
    if isinstance(b, int | float):
        if float(b).is_integer() and abs(b) <= MOST:
            whole = _product(a, abs(int(b)), m)
            return whole if b >= 0 else 1.0 / whole
        if b == 0.5:
            return m.sqrt(a)
    y = exp(log(a, m) * b, m)
    at_zero = m.where(b > m.constant(0.0, a), 0.0, m.constant(math.inf, a))
    y = m.where(a == 0.0, at_zero, y)
    # 0 and 1 as exact as where the exponent is a parameter, which simplifies the graph.
    y = m.where(m.constant(1.0, a) == b, a, y)
    return m.where(m.constant(0.0, a) == b, 1.0, y)


def _product(a, exponent, m):
    """``a`` times itself by squaring: for 2 and 3 what torch does."""
    total = None
    while exponent:
        if exponent & 1:
            total = a if total is None else a * total
        exponent >>= 1
        a = a * a if exponent else a
    return m.constant(1.0, a) if total is None else total


def _on_tensors(function):
    """``function`` of arrays for float64 tensors on the CPU, or numbers beside them."""

    def evaluate(*args):
        with np.errstate(all="ignore"):
            return torch.as_tensor(np.asarray(function(*map(_array, args))))

    return evaluate


def _array(x):
    return x.detach().numpy() if isinstance(x, torch.Tensor) else x


def _power(a, b):
    """``power`` where either may be a number, or a tensor of another type."""
    b = b if isinstance(b, int | float) else np.asarray(b, dtype=np.float64)
    return power(np.asarray(a, dtype=np.float64), b)


EXACT = {f.__name__: f for f in (exp, expm1, log, log1p, sin, cos, sqrt, sigmoid, tanh)}
"""Operation of ``snn.operations`` -> its definition over an arithmetic."""
ON_TENSORS = {**{name: _on_tensors(f) for name, f in EXACT.items()}, "pow": _on_tensors(_power)}
"""Operation of ``snn.operations`` -> its definition for float64 tensors."""
_REPLACED = {getattr(place, name): ON_TENSORS[name] for name in EXACT for place in (torch, torch.Tensor)}
_REPLACED.update({getattr(torch.special, name): ON_TENSORS[name] for name in ("expm1", "log1p")})
_REPLACED[torch.special.expit] = ON_TENSORS["sigmoid"]
_POWERS = {torch.pow, torch.Tensor.pow, torch.Tensor.__pow__}


class exact_math(TorchFunctionMode):
    """Context in which float64 tensors use the definitions of this module. Not differentiable; for simulation."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        mine = _REPLACED.get(func)
        if mine is not None and isinstance(args[0], torch.Tensor) and args[0].dtype is torch.float64:
            return mine(args[0])
        if func in _POWERS and any(isinstance(a, torch.Tensor) and a.dtype is torch.float64 for a in args):
            return ON_TENSORS["pow"](*args)
        return func(*args, **(kwargs or {}))
