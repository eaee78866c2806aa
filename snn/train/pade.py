"""Activations and neurons that are quotients of polynomials, with learnable coefficients (Pade approximants)."""
import math
from numbers import Real

import torch
from torch import nn

from snn.errors import ModelError, NetworkError, RunError


class Pade(nn.Module):
    """An activation that is a learnable quotient of two polynomials.

    Formula
        ``y = P(u) / Q(u)`` with ``u = x - shift``, ``P(u) = a_0 + a_1 u + ... + a_m u^m`` and
        ``Q(u) = 1 + |b_1 u + ... + b_n u^n|``, which is never below 1. ``smooth`` above 0 rounds the corner of ``|v|``
        off: ``sqrt(v^2 + smooth^2) - smooth``, so that all derivatives exist.

    Parameters
        like      a function of a tensor that the coefficients approximate at the start, by least squares on
                  [-span, span]: ``torch.relu``, ``torch.tanh``, ...
        m, n      orders of numerator and denominator; n = 0 is a polynomial
        span      half the width of that interval
        units     None: one set of coefficients for all; a number: one set per entry of the last axis
        shift     whether there is a learnable shift of the input, 0 at the start
        smooth    0 for ``|v|`` itself

    ``numerator`` [m + 1] (or [units, m + 1]) has the a, ``denominator`` the b.

    Shapes: any to the same; with ``units`` the last axis has that many entries.

    Errors: ModelError for orders, sizes and numbers that are not allowed; RunError for inputs that do not fit.

    Source: A. Molina, P. Schramowski, K. Kersting (2020), "Pade activation units: end-to-end learning of flexible
    activation functions in deep networks", ICLR. See :class:`PadeLinear` for whole neurons.

    Example: ``nn.Sequential(nn.Linear(4, 32), Pade(torch.relu, units=32), nn.Linear(32, 2))``
    """

    layer_model = True

    def __init__(self, like, *, m=5, n=4, span=3.0, units=None, shift=False, smooth=0.0):
        super().__init__()
        self.m, self.n = order("Pade.m", m, 1), order("Pade.n", n, 0)
        self.units = None if units is None else order("Pade.units", units, 1)
        for name, value, positive in (("span", span, True), ("smooth", smooth, False)):
            if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value < math.inf \
                    or positive and value == 0:
                raise ModelError(f"Pade.{name}: is {value!r}. A finite number {'above 0' if positive else 'from 0 on'} "
                                 "is expected.")
        self.smooth = float(smooth)
        a, b = approximation(like, self.m, self.n, float(span), self.smooth)
        a, b = (c.to(torch.get_default_dtype()) for c in (a, b))
        self.numerator, self.denominator = (
            nn.Parameter(c if units is None else c.expand(units, -1).clone()) for c in (a, b))
        self.shift = nn.Parameter(torch.zeros(() if units is None else units)) if shift else None

    def forward(self, x):
        if not isinstance(x, torch.Tensor) or not x.is_floating_point():
            shown = f"{x.dtype}" if isinstance(x, torch.Tensor) else f"a {type(x).__name__}"
            raise RunError(f"Pade.x: is {shown}. A tensor of floating numbers is expected.")
        if self.units is not None and (x.ndim == 0 or x.shape[-1] != self.units):
            raise RunError(f"Pade.x: has shape {list(x.shape)}. Its last axis must have {self.units} entries.")
        u = x if self.shift is None else x - self.shift
        return quotient(u, self.numerator, self.denominator, self.smooth)

    def extra_repr(self):
        return f"m={self.m}, n={self.n}, units={self.units}, shift={self.shift is not None}, smooth={self.smooth:g}"


class PadeLinear(nn.Module):
    """A layer of Pade neurons: every synapse has a polynomial of its own above, and one below.

    Formula
        ``P_K = bias + sum_{k=1..K} A_k x^k``, ``Q_L = 1 + sum_{l=1..L} B_l x^l`` with powers taken entry by entry and
        matrices A_k, B_l. Smoothed, so that the denominator vanishes only where both its parts do,
        ``y = (Q_L P_K + Q_{L-1} P_{K-1}) / (Q_L^2 + Q_{L-1}^2)``, where the lower orders leave their last term out.
        All but A_1 and the bias begin at 0: for m above 1, ``y`` begins as the linear sum ``A_1 x + bias``.

    Parameters: ``n_in``, ``n_out``; ``m`` and ``n``, the orders K and L, at least 1; ``shift``, whether every input has
    a learnable shift, 0 at the start: powers of ``x - shift``.

    Shapes: [..., n_in] to [..., n_out]. ``above`` [m, n_out, n_in], ``below`` [n, n_out, n_in], ``bias`` [n_out].

    Errors: NetworkError for sizes, RunError for inputs that do not fit.

    Source: O. Keles and A. M. Tekalp (2024), "PAON: a new neuron model using Pade approximants", arXiv:2403.11791.

    Example: ``nn.Sequential(PadeLinear(4, 16, m=2, n=2), PadeLinear(16, 2, m=2, n=2))``
    """

    layer_model = True

    def __init__(self, n_in, n_out, *, m=2, n=2, shift=False):
        super().__init__()
        for name, value in (("n_in", n_in), ("n_out", n_out), ("m", m), ("n", n)):
            if type(value) is not int or value < 1:
                raise NetworkError(f"PadeLinear.{name}: is {value!r}. A positive whole number is expected.")
        self.n_in, self.n_out, self.m, self.n = n_in, n_out, m, n
        bound = 1.0 / math.sqrt(n_in)
        self.above = nn.Parameter(torch.zeros(m, n_out, n_in))
        nn.init.uniform_(self.above.data[0], -bound, bound)
        self.below = nn.Parameter(torch.zeros(n, n_out, n_in))
        self.bias = nn.Parameter(torch.empty(n_out).uniform_(-bound, bound))
        self.shift = nn.Parameter(torch.zeros(n_in)) if shift else None

    def forward(self, x):
        if not isinstance(x, torch.Tensor) or x.ndim == 0 or x.shape[-1] != self.n_in or x.dtype != self.above.dtype:
            shown = f"{x.dtype} of shape {list(x.shape)}" if isinstance(x, torch.Tensor) else f"a {type(x).__name__}"
            raise RunError(f"PadeLinear.x: is {shown}. A tensor {self.above.dtype} [..., {self.n_in}] is expected.")
        u = x if self.shift is None else x - self.shift
        powers = [u]
        for _ in range(max(self.m, self.n) - 1):
            powers.append(powers[-1] * u)
        top, top_before = self._sums(powers, self.above, self.bias)
        low, low_before = self._sums(powers, self.below, torch.ones_like(self.bias))
        return (low * top + low_before * top_before) / (low.square() + low_before.square())

    @staticmethod
    def _sums(powers, weights, constant):
        """The polynomial, and the one of the order before."""
        terms = [nn.functional.linear(p, w) for p, w in zip(powers, weights, strict=False)]
        before = sum(terms[:-1], constant)
        return before + terms[-1], before

    def extra_repr(self):
        return f"{self.n_in}, {self.n_out}, m={self.m}, n={self.n}, shift={self.shift is not None}"


def quotient(u, a, b, smooth=0.0):
    """``P(u) / (1 + |sum_k b_k u^k|)``, coefficients along the last axis of a (from order 0) and b (from order 1)."""
    top = horner(u, a)
    if b.shape[-1] == 0:
        return top
    v = u * horner(u, b)
    size = torch.abs(v) if smooth == 0 else torch.sqrt(v * v + smooth * smooth) - smooth
    return top / (1.0 + size)


def horner(u, c):
    y = c[..., -1] + torch.zeros_like(u)
    for k in range(c.shape[-1] - 2, -1, -1):
        y = y * u + c[..., k]
    return y


def approximation(like, m, n, span, smooth=0.0):
    """Coefficients (a, b) in float64 with the least squared error to ``like`` on [-span, span].

    A linear fit of ``P - y Q = 0``, repeated with its equations divided by the Q before (Sanathanan and Koerner), gives
    the start of Gauss-Newton steps on the error itself; a step that does not lower it is shortened.
    """
    x = torch.linspace(-span, span, 601, dtype=torch.float64)
    y = _values(like, x)
    above, below = (x[:, None] ** torch.arange(k, top + 1) for k, top in ((0, m), (1, n)))
    best, found = math.inf, None
    q = torch.ones_like(x)
    for _ in range(20):
        for sign in (1.0, -1.0):
            rows = torch.cat([above, -sign * y[:, None] * below], dim=1) / q[:, None]
            c = torch.linalg.lstsq(rows, (y / q)[:, None], driver="gelsd").solution[:, 0]
            error = _error(c, x, y, m, smooth)
            if error < best:
                best, found = error, c
        q = 1.0 + (below @ found[m + 1:]).abs()
    return _refined(found, x, y, m, smooth)


def _refined(c, x, y, m, smooth, steps=100):
    damping, error = 1e-3, _error(c, x, y, m, smooth)
    for _ in range(steps):
        jacobian = _slopes(c, x, m, smooth)
        left = y - quotient(x, c[:m + 1], c[m + 1:], smooth)
        normal = jacobian.T @ jacobian
        scaled = normal + damping * torch.diag(normal.diagonal() + 1e-12)
        new = c + torch.linalg.solve(scaled, jacobian.T @ left)
        after = _error(new, x, y, m, smooth)
        if after < error:
            c, error, damping = new, after, max(damping / 3.0, 1e-12)
        else:
            damping *= 4.0
    return c[:m + 1], c[m + 1:]


def _slopes(c, x, m, smooth):
    """Derivatives of the quotient at x by its coefficients: [points, m + 1 + n]."""
    above, below = (x[:, None] ** torch.arange(first, last) for first, last in ((0, m + 1), (1, len(c) - m)))
    v = below @ c[m + 1:]
    root = torch.sqrt(v * v + smooth * smooth)
    q = 1.0 + root - smooth
    corner = torch.sign(v) if smooth == 0 else v / root
    return torch.cat([above / q[:, None], below * (-(above @ c[:m + 1]) / q.square() * corner)[:, None]], dim=1)


def _error(c, x, y, m, smooth):
    return float((quotient(x, c[:m + 1], c[m + 1:], smooth) - y).square().mean())


def _values(like, x):
    try:
        y = like(x)
    except (TypeError, RuntimeError, AttributeError) as error:
        raise ModelError(f"Pade.like: {like!r} does not take a tensor ({error}). A function such as torch.relu is "
                         "expected.") from None
    if not isinstance(y, torch.Tensor) or y.shape != x.shape or not torch.isfinite(y).all():
        raise ModelError(f"Pade.like: {like!r} does not give one finite number per entry on the interval. A function "
                         "such as torch.relu is expected.")
    return y.detach().to(torch.float64)


def order(where, value, least):
    """``value`` where it is a whole number of at least ``least``."""
    if type(value) is not int or value < least:
        raise ModelError(f"{where}: is {value!r}. A whole number, {least} or more, is expected.")
    return value
