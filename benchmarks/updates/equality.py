"""Whether two sides computed the same: spikes of the timed part, and states at its end."""

import math

import numpy as np

SPIKES = {"float64": 1e-4, "float32": 1e-2}
"""Largest relative difference of the number of spikes: rounding moves a spike by a step now and then."""
STATES = {"float64": (1e-6, 0.99), "float32": (1e-2, 0.5)}
"""Largest difference of a state, relative to its range in the population, and the share of neurons within it."""
RANGE = {"float64": 1e-3, "float32": 1e-1}
"""Smallest range that is assumed, relative to the largest value of the state."""
ROUNDING = {"float64": 1e-12, "float32": 1e-5}
"""Differences below this part of the largest value of all states are rounding (a state may hold nothing else)."""


def difference(ours, theirs, precision, *, random):
    """What differs between two answers, as a text; None where they agree.

    ``random``: the model draws numbers, which differ between simulators, so that only the number of spikes is compared,
    within five standard deviations of a count and half a percent.
    """
    a, b = ours["spikes"], theirs["spikes"]
    allowed = 5.0 * math.sqrt(a + b) + 0.005 * a if random else max(2.0, SPIKES[precision] * a)
    if abs(a - b) > allowed:
        return f"{b} spikes, ours has {a}"
    if random:
        return None
    size, share = STATES[precision]
    rounding = ROUNDING[precision] * max(np.abs(x).max() for x in ours["states"].values())
    for name, mine in ours["states"].items():
        if name not in theirs["states"]:
            continue
        x, y = np.asarray(mine), np.asarray(theirs["states"][name])
        if not np.isfinite(y).all():
            return f"state {name} is not finite"
        scale = max(np.ptp(x), RANGE[precision] * np.abs(x).max())
        within = np.mean(np.abs(x - y) <= max(size * scale, rounding))
        if within < share:
            return f"state {name} differs in {1 - within:.1%} of the neurons"
    return None
