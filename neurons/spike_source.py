"""Source of given spikes."""
from dataclasses import dataclass

import numpy as np

from snn.errors import ModelError
from snn.spikes import Spikes


@dataclass(frozen=True, eq=False)
class SpikeSource:
    """A population that fires the given spikes; it has no state and no ports.

    Formula
        A spike at time t acts in step k = ceil(t / dt) - 1, the step that ends at or after t (at t = 0 in step 0), and
        is recorded with the time (k + 1) dt. So a time on the grid is kept as it is, and another one is moved to the
        next grid point. A time within 1e-6 steps after a grid point counts as on it (rounding errors of t / dt).

    Shapes and units
        ``spikes``: :class:`snn.spikes.Spikes` in ms. Several spikes of one neuron in one step stay several.

    Errors: ModelError where ``spikes`` is something else or holds a time < 0.

    Source: the convention of clocked simulators (spike times are ends of steps), as in NEST's ``spike_generator``.

    Example: ``SpikeSource(snn.Spikes([1.0, 2.5], [0, 1], n=2, duration=10.0))``
    """

    spikes: Spikes

    def __post_init__(self):
        if not isinstance(self.spikes, Spikes):
            raise ModelError(f"SpikeSource.spikes: is a {type(self.spikes).__name__}. "
                             "Give a snn.Spikes(times, ids, n=..., duration=...).")
        if len(self.spikes) and self.spikes.times[0] < 0:
            raise ModelError(f"SpikeSource.spikes: holds a spike at {self.spikes.times[0]:g} ms. "
                             "Simulated time begins at 0; move the spikes with Spikes.shift.")

    @property
    def n(self):
        """Number of neurons."""
        return self.spikes.n

    def schedule(self, dt):
        """``(steps, ids)``, int64 [N] each, sorted by (step, id): who fires in which step of ``dt`` ms."""
        steps = np.ceil(self.spikes.times / dt - 1e-6).astype(np.int64) - 1
        steps = np.maximum(steps, 0)
        order = np.lexsort((self.spikes.ids, steps))
        return steps[order], self.spikes.ids[order]

    def __eq__(self, other):
        return self.spikes == other.spikes if isinstance(other, SpikeSource) else NotImplemented

    __hash__ = object.__hash__
