"""Arguments of circuits, checked before anything runs."""
import numpy as np

from snn.errors import DataError, NetworkError, RunError


def whole(where, n, error, least=1):
    """``n`` if it is a whole number of ``least`` or more."""
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < least:
        raise error(f"{where}: is {n!r}. A whole number of {least} or more is expected.")
    return int(n)


def number(where, x, error, low=0.0, high=np.inf, *, open_above=True):
    """``x`` as a float if it is finite and in [low, high), or in [low, high]."""
    good = isinstance(x, int | float | np.number) and not isinstance(x, bool) and np.isfinite(x) and low <= x
    if not good or x > high or (open_above and x == high):
        wanted = f"{low:g} or above" if high == np.inf else f"in [{low:g}, {high:g}{')' if open_above else ']'}"
        raise error(f"{where}: is {x!r}. A number {wanted} is expected.")
    return float(x)


def generator(where, seed):
    """A numpy Generator from a seed, or the Generator that is given."""
    if isinstance(seed, np.random.Generator):
        return seed
    return np.random.default_rng(whole(where, seed, RunError, least=0))


def array(where, x):
    """``x`` as a float64 array."""
    try:
        found = np.asarray(x)
        if found.dtype.kind in "biuf":
            return found.astype(np.float64)
    except (TypeError, ValueError, RuntimeError):
        pass
    raise DataError(f"{where}: is a {type(x).__name__} that cannot be read as numbers. An array, or rows of equal "
                    "length, is expected.")


def square(where, n, dtype):
    """An [n, n] array of 0."""
    try:
        return np.zeros((n, n), dtype=dtype)
    except (MemoryError, ValueError):
        raise NetworkError(f"{where}: is {n}, too many: the connections of {n} units with each other do not fit into "
                           "memory. Fewer are expected.") from None


def checked(where, x, n, values, axes=None):
    """``x`` as a float64 array [..., n] whose entries are among ``values``; ``axes``: how many it may have."""
    x = array(where, x)
    if x.ndim < 1 or x.shape[-1] != n or (axes is not None and x.ndim not in axes):
        raise DataError(f"{where}: has shape {x.shape}. Its last axis must have {n} entries, one per unit"
                        + (f", and it may have {' or '.join(map(str, axes))} axes." if axes else "."))
    wrong = ~np.isin(x, values)
    if wrong.any():
        raise DataError(f"{where}: holds {x[wrong][0]:g}. Its entries must be {' or '.join(map(str, values))}.")
    return x
