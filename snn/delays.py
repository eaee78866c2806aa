"""Delays of a projection as whole steps; never clipped, never rounded unless asked for."""
import numpy as np

from snn.contract import steps_of
from snn.distributions import Distribution, values
from snn.errors import NetworkError

MAX_DELAY = 65535
CHUNK = 1 << 20


def delay_steps(spec, csr, dt, key, where, *, rounding=False, least=1):
    """Whole steps of the delays of the synapses ``csr``: an int where all are equal, else the smallest unsigned array.

    Parameters: ``spec`` ms: number, array along the edges, or distribution (drawn from stream ``key``); ``where`` is
    named in messages; ``rounding`` allows delays off the grid of ``dt``; ``least`` steps are allowed. Works through
    chunks, so that no array of float64 of full length is made for a distribution.
    Errors: NetworkError for delays that are negative, below one step, off the grid, not finite, or too long.
    """
    n = csr.n_synapses
    if isinstance(spec, Distribution):
        given = None
    else:
        given = ordered(values(spec, n, key, name=where), csr)
        if given.ndim == 0:
            return int(_steps(given, dt, where, rounding, least))
    steps = np.empty(n, np.uint16)
    for a in range(0, n, CHUNK):
        b = min(a + CHUNK, n)
        part = spec.sample(key, np.arange(a, b)) if given is None else given[a:b]
        steps[a:b] = _steps(part, dt, where, rounding, least)
    if n and steps.min() == steps.max():
        return int(steps[0])
    return steps.astype(np.uint8) if n == 0 or steps.max() < 256 else steps


def ordered(array, csr):
    """Values given along the user's edge list, brought into the order of the rows."""
    return array if np.ndim(array) == 0 or csr.order is None else array[csr.order]


def _steps(delay, dt, where, rounding, least):
    """Checked whole steps of delays in ms."""
    if not np.isfinite(delay).all():
        raise NetworkError(f"{where}: is not finite. Every delay must be a number of ms.")
    low, most = float(np.min(delay)), float(np.max(delay))
    if low < 0:
        right = f"A spike arrives at least one step ({dt:g} ms) later" if least else "The smallest delay is 0 ms"
        raise NetworkError(f"{where}: is negative ({low:g} ms). {right}.")
    steps = steps_of(delay, dt, where, rounding=rounding, allow=", or allow rounding (round_delays=True)")
    if steps.min() < least:
        raise NetworkError(f"{where}: is below one step ({low:g} ms). The smallest delay is dt = {dt:g} ms.")
    if steps.max() > MAX_DELAY:
        raise NetworkError(
            f"{where}: is {most:g} ms, beyond the buffer of {MAX_DELAY} steps ({MAX_DELAY * dt:g} ms at this dt). "
            "Use a shorter delay or a larger dt."
        )
    return steps
