"""Evenly spaced samples: what formats need that keep a begin and a spacing instead of times."""
import numpy as np

from snn.errors import DataError


def even_grid(trace, where):
    """``(begin, spacing)`` in ms of the samples of a :class:`~snn.traces.Trace`; DataError when they are uneven.

    A single sample has the time since the start of the model as its spacing, the only one there is.
    """
    times = trace.times
    if len(times) < 2:
        return (float(times[0]), float(times[0]) or 1.0) if len(times) else (0.0, 1.0)
    step = (times[-1] - times[0]) / (len(times) - 1)
    if not step > 0 or np.abs(times - (times[0] + np.arange(len(times)) * step)).max() > 1e-6 * step:
        raise DataError(f"{where}: the samples of {trace.population}.{trace.variable} are not evenly spaced, which the "
                        "format needs. Use the native archive, NWB, NPZ or CSV.")
    return float(times[0]), float(step)
