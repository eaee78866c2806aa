"""Distributions for parameters, weights, delays and initial values.

A distribution is a frozen description. It draws nothing by itself: ``sample(key, index)`` computes the value of every
element from the stream key and the element's number, so that the values depend neither on the order of calls, nor on
how the elements are split, nor on threads. All of them work by inversion (L. Devroye 1986, "Non-uniform random variate
generation", chapter 2): one uniform number u in [0, 1) makes one value. Phi is the normal distribution function.

Units are those of the quantity described (ms, mV, pA, nS, Hz). Wrong parameters raise :class:`snn.errors.NetworkError`.
"""
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from numbers import Real

import numpy as np

from snn.errors import NetworkError
from snn.random import uniform

_TINY = 2.0 ** -54
_CHUNK = 1 << 16


def _refuse(where, problem, right):
    raise NetworkError(f"{where}: {problem}. {right}")


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, bool)


def _check_finite(owner, *names):
    for name in names:
        value = getattr(owner, name)
        if not _is_number(value) or not np.isfinite(value):
            _refuse(f"{type(owner).__name__}.{name}", f"not a finite number ({value!r})", "Give one finite number.")


def _check_not_negative(owner, name):
    if getattr(owner, name) < 0:
        _refuse(f"{type(owner).__name__}.{name}", f"negative ({getattr(owner, name)})", "Give 0 or more.")


def _open_uniform(key, index):
    """Uniform numbers in the open interval (0, 1): the inverse of the normal distribution then stays finite."""
    return np.maximum(uniform(key, index), _TINY)


class Distribution(ABC):
    """Base of all distributions.

    ``sample(key, index)``: ``key`` a ``numpy.uint64`` from :func:`snn.random.stream`, ``index`` an int array of element
    numbers; returns one float64 per element. ``grid(step)``: the same distribution on whole multiples of a step.
    """

    @abstractmethod
    def sample(self, key, index):
        """Values of the elements ``index`` (int array) in stream ``key``; float64, same length."""

    def grid(self, step):
        """This distribution rounded to the nearest whole multiple of ``step``; made for delays on the time grid.

        A value may leave a bound by up to half a step: ``Uniform(0.04, 1.).grid(0.1)`` can give 0.0.
        Example: ``Uniform(1., 5.).grid(0.1)``.
        """
        return Grid(self, step)


@dataclass(frozen=True)
class Grid(Distribution):
    """Values of ``base`` rounded to the nearest whole multiple of ``step``.

    Formula: ``step * round(x / step)``. ``step`` has the unit of the values and is above 0.
    Usually written ``base.grid(step)``.
    """

    base: Distribution
    step: float

    def __post_init__(self):
        if not isinstance(self.base, Distribution):
            _refuse("Grid.base", f"not a distribution ({self.base!r})", "Give one of snn.distributions.")
        _check_finite(self, "step")
        if self.step <= 0:
            _refuse("Grid.step", f"not positive ({self.step})", "Give a step above 0, usually dt in ms.")

    def sample(self, key, index):
        return np.rint(self.base.sample(key, index) / self.step) * self.step


@dataclass(frozen=True)
class Uniform(Distribution):
    """Uniform on [low, high).

    Formula: ``low + (high - low) u``. Errors: ``low`` above ``high``.
    Example: ``Uniform(-60., -50.)`` for membrane potentials in mV.
    """

    low: float
    high: float

    def __post_init__(self):
        _check_finite(self, "low", "high")
        if self.low > self.high:
            _refuse("Uniform.high", f"below low ({self.low}, {self.high})", "Give low <= high.")

    def sample(self, key, index):
        return self.low + (self.high - self.low) * uniform(key, index)


@dataclass(frozen=True)
class Normal(Distribution):
    """Normal, optionally truncated to [low, high].

    Formula: ``mean + std * Phi^-1(Phi(a) + u (Phi(b) - Phi(a)))``, ``a = (low - mean) / std``, ``b`` so with ``high``:
    the truncated normal itself, neither redrawn nor heaped at the bounds. ``mean`` and ``std`` are before truncation.
    Errors: ``std`` below 0; ``low`` not below ``high``; no probability left between the bounds.
    Example: ``Normal(1.5, 0.5, low=0.1)`` for delays in ms.
    """

    mean: float
    std: float
    low: float | None = field(default=None, kw_only=True)
    high: float | None = field(default=None, kw_only=True)

    def __post_init__(self):
        _check_finite(self, "mean", "std", *(name for name in ("low", "high") if getattr(self, name) is not None))
        _check_not_negative(self, "std")
        low, high = self._bounds()
        if low >= high:
            _refuse("Normal.high", f"not above low ({low}, {high})", "Give low < high.")
        if self.std == 0 and not low <= self.mean <= high:
            _refuse("Normal.mean", f"outside the bounds with std 0 ({self.mean})", "Give a mean within [low, high].")
        if self.std > 0 and np.diff(self._tails()[:2])[0] <= 0:
            _refuse("Normal.low", f"no probability between the bounds ({low}, {high})", "Give bounds nearer the mean.")

    def _bounds(self):
        return -np.inf if self.low is None else self.low, np.inf if self.high is None else self.high

    def _tails(self):
        """Phi at both bounds and the sign of the axis: right of the mean, where Phi rounds to 1, it is mirrored."""
        from scipy.special import ndtr
        a, b = ((bound - self.mean) / self.std for bound in self._bounds())
        sign = -1.0 if a > 0 else 1.0
        lower, upper = (-b, -a) if a > 0 else (a, b)
        return ndtr(lower), ndtr(upper), sign

    def sample(self, key, index):
        from scipy.special import ndtri
        if self.std == 0:
            return np.full(np.size(index), float(self.mean))
        lower, upper, sign = self._tails()
        x = self.mean + sign * self.std * ndtri(lower + _open_uniform(key, index) * (upper - lower))
        return np.clip(x, *self._bounds())


@dataclass(frozen=True)
class LogNormal(Distribution):
    """Log-normal.

    Formula: ``exp(mean_log + std_log * Phi^-1(u))``; ``mean_log`` and ``std_log`` are mean and standard deviation of
    the natural logarithm. Errors: ``std_log`` below 0. Example: ``LogNormal(-0.64, 0.51)`` for weights in mV.
    """

    mean_log: float
    std_log: float

    def __post_init__(self):
        _check_finite(self, "mean_log", "std_log")
        _check_not_negative(self, "std_log")

    def sample(self, key, index):
        from scipy.special import ndtri
        return np.exp(self.mean_log + self.std_log * ndtri(_open_uniform(key, index)))


@dataclass(frozen=True)
class Exponential(Distribution):
    """Exponential on [0, inf).

    Formula: ``-mean * ln(1 - u)``. Errors: ``mean`` below 0. Example: ``Exponential(2.0)``.
    """

    mean: float

    def __post_init__(self):
        _check_finite(self, "mean")
        _check_not_negative(self, "mean")

    def sample(self, key, index):
        return -self.mean * np.log1p(-uniform(key, index))


@dataclass(frozen=True)
class Choice(Distribution):
    """One of ``values``, with ``probabilities`` (default: all equal).

    Formula: the first value whose cumulated probability exceeds u. Errors: no values, a value that is not finite,
    a negative probability, another number of probabilities than values, a sum other than 1.
    Example: ``Choice((1.0, 5.0), (0.8, 0.2))``.
    """

    values: tuple
    probabilities: tuple | None = None

    def __post_init__(self):
        for name in ("values", "probabilities"):
            if getattr(self, name) is not None:
                where = f"Choice.{name}"
                array = _as_floats(getattr(self, name), where)
                if array.ndim != 1 or not np.isfinite(array).all():
                    _refuse(where, f"not a flat list of finite numbers (shape {array.shape})", "Give such a list.")
                object.__setattr__(self, name, tuple(array.tolist()))
        if not self.values:
            _refuse("Choice.values", "empty", "Give at least one value.")
        if self.probabilities is None:
            return
        where, share = "Choice.probabilities", self.probabilities
        if len(share) != len(self.values):
            _refuse(where, f"{len(share)} for {len(self.values)} values", "Give one per value.")
        if min(share) < 0 or not np.isclose(sum(share), 1.0, rtol=0, atol=1e-9):
            _refuse(where, f"negative, or a sum other than 1 ({sum(share)})", "Give shares that sum to 1.")

    def sample(self, key, index):
        share = np.full(len(self.values), 1.0) if self.probabilities is None else np.asarray(self.probabilities)
        cumulated = np.cumsum(share)
        place = np.searchsorted(cumulated, uniform(key, index) * cumulated[-1], side="right")
        # Rounding may carry u * total up to the total itself; the last value that has a share is then meant.
        return np.asarray(self.values)[np.minimum(place, np.flatnonzero(share)[-1])]


def _as_floats(spec, name):
    """``spec`` as a float array; float32 stays float32 (no copy of a large array), everything else becomes float64."""
    if hasattr(spec, "detach"):
        spec = spec.detach().cpu().numpy()
    try:
        array = np.asarray(spec)
    except ValueError:
        raise NetworkError(f"{name}: not an array ({type(spec).__name__}). Give rows of equal length.") from None
    if array.dtype.kind not in "fiu":
        _refuse(name, f"not numbers ({type(spec).__name__} of dtype {array.dtype})", "Give numbers or a Distribution.")
    return array if array.dtype == np.float32 else array.astype(np.float64, copy=False)


def values(spec, n, key, *, name, dtype=np.float64):
    """Values of ``n`` elements from a number, an array or a distribution.

    Parameters: ``spec`` a number, an array, list or tensor of shape (n,), or a :class:`Distribution`; ``n`` int;
    ``key`` the stream that a distribution draws from; ``name`` what the values are, for messages; ``dtype`` of the
    result, so that many values need not pass through a float64 array of full length.
    Returns: a scalar of ``dtype`` for a single number, else an array (n,); the caller's array itself where it fits.
    Errors: NetworkError when the values are not numbers, not finite (after conversion to ``dtype``), or not n of them.
    Example: ``values(Uniform(1., 2.), 1000, stream(1, "in", "delay"), name="delay")``.
    """
    dtype = np.dtype(dtype)
    if isinstance(spec, Distribution):
        out = np.empty(n, dtype)
        for a in range(0, n, _CHUNK):
            with np.errstate(over="ignore"):
                out[a:a + _CHUNK] = spec.sample(key, np.arange(a, min(a + _CHUNK, n)))
    else:
        with np.errstate(over="ignore"):
            out = _as_floats(spec, name).astype(dtype, copy=False)
    if out.ndim and out.shape != (n,):
        _refuse(name, f"wrong shape {out.shape}", f"Give one number, shape ({n},), or a Distribution.")
    flat = out.reshape(-1)
    for a in range(0, flat.size, _CHUNK):
        finite = np.isfinite(flat[a:a + _CHUNK])
        if not finite.all():
            bad = a + int(np.argmin(finite))
            _refuse(name, f"not finite ({flat[bad]} at element {bad})", f"Give finite numbers that fit {dtype}.")
    return out if out.ndim else out[()]
