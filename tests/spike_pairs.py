"""Weights of single synapses under given spikes, from the plain loop of :mod:`rule_loop`, and sums over pairs."""
import numpy as np
from rule_loop import run_rule

DT = 0.1


def change(rule, pre, post, *, w=0.5, dt=DT):
    """Change of the weight of each synapse; ``pre``, ``post``: per synapse the times (ms) of its spikes *there*.

    One step of the delay is dendritic, so that spikes of equal times meet at the synapse.
    """
    pre, post = ([np.rint(np.asarray(t) / dt).astype(int) for t in side] for side in (pre, post))
    last = max(t.max(initial=0) for t in (*pre, *post))
    spikes = np.zeros((2, last + 2, len(pre)), bool)
    for k, (a, b) in enumerate(zip(pre, post, strict=True)):
        assert a.min(initial=1) > 0 and b.min(initial=1) > 0
        spikes[0, a, k] = spikes[1, b - 1, k] = True
    first = np.zeros(len(pre)) + w
    return run_rule(rule, *spikes, first, dt=dt, dendritic=1).w[-1] - first


def window(rule, lags, *, w=0.5):
    """Change by one pair, over the time from the presynaptic to the postsynaptic spike."""
    return change(rule, [[300.0]] * len(lags), [[300.0 + lag] for lag in lags], w=w)


def pairings(rate, lag, count=60):
    """Times of ``count`` pairs at ``rate`` Hz, the postsynaptic spike ``lag`` ms behind the presynaptic one."""
    start = 300.0 + np.arange(count) * 1000.0 / rate
    return start, start + lag


def all_pairs(pre, post, plus, minus, at_zero):
    """Sum over all pairs: ``plus(D)`` where the postsynaptic spike is D > 0 later, ``minus(-D)``, or ``at_zero``."""
    lags = np.subtract.outer(np.asarray(post, float), np.asarray(pre, float))
    zero = np.abs(lags) < DT / 2
    return plus(lags[(lags > 0) & ~zero]).sum() + minus(-lags[(lags < 0) & ~zero]).sum() + at_zero * zero.sum()


def random_trains(seed, count=12, duration=120.0):
    """Two trains of distinct times on a coarse grid, so that some spikes meet."""
    grid = np.arange(1, int(duration))
    rng = np.random.default_rng(seed)
    return (np.sort(rng.choice(grid, count, replace=False)).astype(float) for _ in range(2))


def poisson(rng, rate, steps, n, dt=1.0):
    """Independent spikes [steps, n] with probability ``rate`` dt in each step (``rate`` in Hz, dt in ms)."""
    return rng.random((steps, n)) < rate * dt * 1e-3
