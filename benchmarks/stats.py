"""Statistics of spike trains, and the test whether two simulators agree. numpy only: the peers import this file."""
from dataclasses import dataclass

import numpy as np

MIN_SPIKES = 4
LAST_MS = 20.0


def cv_isi(ids, times):
    """Mean over neurons of std(ISI) / mean(ISI), over neurons with at least four spikes; None where there is none.

    ``ids`` integers, ``times`` ms, both of shape (n_spikes,), in any order.
    """
    ids, times = np.asarray(ids), np.asarray(times, np.float64)
    order = np.lexsort((times, ids))
    ids, times = ids[order], times[order]
    trains = np.split(times, np.flatnonzero(np.diff(ids)) + 1)
    intervals = [np.diff(train) for train in trains if len(train) >= MIN_SPIKES]
    return float(np.mean([d.std() / d.mean() for d in intervals])) if intervals else None


def observed(ids, times, duration):
    """What a sample of neurons tells about one run: ``cv_isi``, and whether the network was ``alive`` until the end.

    ``times`` ms since the timed part began. Alive: at least one spike of the sample in the last 20 ms.
    """
    times = np.asarray(times, np.float64)
    return {"cv_isi": cv_isi(ids, times), "alive": bool((times > duration - LAST_MS).any())}


@dataclass(frozen=True)
class Agreement:
    """Whether two samples of one quantity, a value per seed on either side, have the same mean.

    The difference of the means is red above ``limit`` (5 %) of the first mean; and it is red above ``sigmas`` (4)
    standard errors of the seed-to-seed spread, unless it is below ``floor`` (1 %), where integration schemes differ.
    """

    ours: float
    theirs: float
    standard_error: float
    sigmas: float = 4.0
    floor: float = 0.01
    limit: float = 0.05

    @classmethod
    def of(cls, ours, theirs, **limits):
        a, b = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
        error = np.sqrt(_variance(a) / len(a) + _variance(b) / len(b))
        return cls(float(a.mean()), float(b.mean()), float(error), **limits)

    @property
    def difference(self):
        return abs(self.ours - self.theirs)

    @property
    def green(self):
        scale = abs(self.ours)
        allowed = min(max(self.sigmas * self.standard_error, self.floor * scale), self.limit * scale)
        return bool(self.difference <= allowed)

    def __str__(self):
        share = self.difference / abs(self.ours) if self.ours else float("inf")
        return f"ours {self.ours:.4g}, theirs {self.theirs:.4g} ({share:.1%}, standard error {self.standard_error:.2g})"


def _variance(x):
    """Unbiased variance; one value has no spread to speak of."""
    return x.var(ddof=1) if len(x) > 1 else 0.0
