"""Times on the grid of a run's step, ``k dt``: they can come back bit for bit from formats that count otherwise."""
import numpy as np


def step_of(result):
    """The step of a run [ms]; None for a result without one."""
    return valid_step(result.meta.get("dt"))


def valid_step(dt):
    """``dt`` [ms] if it is a step, else None."""
    return float(dt) if type(dt) in (int, float) and 0 < dt < float("inf") else None


def on_grid(times, dt):
    """Whether all times are whole multiples of ``dt``, bit for bit."""
    with np.errstate(all="ignore"):
        return dt is not None and np.array_equal(np.rint(times / dt) * dt, times)


def snapped(times, dt):
    """Times that were on the grid of ``dt`` and have been rounded since, moved back; others stay."""
    if dt is None:
        return times
    with np.errstate(all="ignore"):
        exact = np.rint(times / dt) * dt
        return np.where(np.abs(exact - times) < 1e-6 * dt, exact, times)
