"""The hippocampal memory step by step in numpy, written without the library, to check the library's circuit against.

The conventions are those under which the rasters recorded on SpiNNaker (Casanueva-Morato et al. 2024, Neural Networks,
106474) come out without one differing cell: 10 populations in 90, 851 and 140 ms. Each convention can be switched off
(:class:`Conventions`), which breaks a raster.
"""
from dataclasses import dataclass

import numpy as np

W = 6.0
POPULATIONS = ("cue_cue", "cont_cue", "cond", "cond_int", "cue_cont", "cont_cont", "merge_cue", "merge_cont",
               "out_cue", "out_cont")


@dataclass(frozen=True)
class Conventions:
    scaled: bool = True              # synaptic input times tau_syn (1 - exp(-dt / tau_syn))
    amplitude: float = 6.0           # of the plasticity, absolute
    dendritic: int = 1               # steps that a postsynaptic spike needs back to the synapse
    zero_lag: bool = True            # a pre and a post spike that meet at the synapse depress
    lateral: float | None = None     # factor on lateral inhibition; None: the number of content bits
    refractory: int = 1              # steps
    out_threshold: float = -57.5
    nearest: bool = False            # traces forget earlier spikes


ALL = Conventions()


class Cells:
    """Integrate-and-fire neurons with exponential currents, one population."""

    def __init__(self, n, *, principal, threshold=-57.0, how):
        self.c_m, self.tau_m = (0.27, 3.0) if principal else (0.14, 0.5)
        self.threshold, self.how = threshold, how
        self.v, self.left = np.full(n, -60.0), np.zeros(n, int)
        self.exc, self.inh, self.fired = np.zeros(n), np.zeros(n), np.zeros(n, bool)

    def step(self, exc, inh):
        decay = np.exp(-1.0 / 0.3)
        unit = 0.3 * (1.0 - decay) if self.how.scaled else 1.0
        self.exc, self.inh = self.exc * decay + unit * exc, self.inh * decay + unit * inh
        free = self.left == 0
        v_inf = -60.0 + self.tau_m / self.c_m * (self.exc - self.inh)
        self.v = np.where(free, v_inf + (self.v - v_inf) * np.exp(-1.0 / self.tau_m), self.v)
        self.left = np.where(free, 0, self.left - 1)
        self.fired = free & (self.v >= self.threshold)
        self.v[self.fired], self.left[self.fired] = -60.0, self.how.refractory
        return self.fired


class Learning:
    """One plastic projection, all-to-all, delay 1."""

    def __init__(self, pre, post, how):
        self.w, self.x, self.y, self.how = np.zeros((pre, post)), np.zeros(pre), np.zeros(post), how

    def step(self, pre, post):
        """What the presynaptic spikes of this step send; ``post``: those that come back to the synapse in it."""
        self.x, self.y = self.x * np.exp(-1.0 / 3.0), self.y * np.exp(-1.0 / 3.0)
        before = self.y.copy()
        self.w = np.clip(self.w + self.how.amplitude * self.x[:, None] * post, 0.0, W)
        self.y = np.where(post, 1.0 if self.how.nearest else self.y + 1.0, self.y)
        seen = self.y if self.how.zero_lag else before
        self.w = np.clip(self.w - self.how.amplitude * seen * pre[:, None], 0.0, W)
        self.x = np.where(pre, 1.0 if self.how.nearest else self.x + 1.0, self.x)
        return pre @ self.w


def static(n, m, lateral):
    """``(from, to, weights, delay)``; a negative weight inhibits."""
    others, one = 1.0 - np.eye(n), np.ones
    return [("in_cue", "cue_cue", W * np.eye(n), 1), ("in_cont", "cont_cue", W * np.eye(m), 1),
            ("cue_cue", "cue_cont", W * np.eye(n), 2), ("cue_cue", "cue_cont", -W * lateral * others, 3),
            ("cue_cue", "cond", -W * one((n, m)), 2), ("cont_cue", "cond", 9.0 * np.eye(m), 1),
            ("cont_cue", "cond_int", W * one((m, 1)), 1), ("cond_int", "cond", 2.0 * one((1, m)), 1),
            ("cond", "cont_cont", W * np.eye(m), 1), ("cue_cont", "cue_cont", -W * lateral * others, 2),
            ("cue_cue", "merge_cue", W * np.eye(n), 3), ("cont_cue", "merge_cont", W * np.eye(m), 3),
            ("cue_cont", "merge_cue", W * np.eye(n), 1), ("cont_cont", "merge_cont", W * np.eye(m), 1),
            ("merge_cue", "out_cue", W * np.eye(n), 1), ("merge_cont", "out_cont", W * np.eye(m), 1)]


def simulate(n, m, inputs, steps, how=ALL):
    """``{population: bool [steps, neurons]}`` for the same of ``inputs``, "in_cue" and "in_cont"."""
    sizes = dict(zip(POPULATIONS, (n, m, m, 1, n, m, n, m, n, m), strict=True))
    cells = {name: Cells(size, principal=name not in ("cond", "cond_int", "cue_cont"), how=how,
                         threshold=how.out_threshold if name.startswith("out") else -57.0)
             for name, size in sizes.items()}
    projections = static(n, m, m if how.lateral is None else how.lateral)
    plastic = [("cue_cue", "cont_cue", Learning(n, m, how)), ("cont_cont", "cue_cont", Learning(m, n, how))]
    raster = {name: np.zeros((steps, size), bool) for name, size in sizes.items()} | inputs
    exc, inh = ({name: np.zeros((steps + 4, size)) for name, size in sizes.items()} for _ in range(2))
    for t in range(steps):
        for name, population in cells.items():
            raster[name][t] = population.step(exc[name][t], inh[name][t])
        for pre, post, w, delay in projections:
            (exc if w.max() > 0 else inh)[post][t + delay] += np.abs(raster[pre][t] @ w)
        for pre, post, learning in plastic:
            back = t - how.dendritic
            seen = raster[post][back] if back >= 0 else np.zeros(sizes[post], bool)
            exc[post][t + 1] += learning.step(raster[pre][t], seen)
    return raster


def mismatches(a, b):
    """Cells (population, ms) in which two rasters differ."""
    return sum(int((a[name] != b[name]).any(1).sum()) for name in POPULATIONS)
