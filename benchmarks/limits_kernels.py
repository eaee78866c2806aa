"""Compiled loops that show what the machine can do at best: scattered adds and streamed updates, in single precision.
"""
import time

import numpy as np
from numba import njit

INDICES = 1 << 25
PASSES = 5
PASS_S = 0.02


@njit(cache=True, error_model="numpy")
def add_at(target, indices, weight):
    for k in range(indices.shape[0]):
        target[indices[k]] += weight


@njit(cache=True, error_model="numpy")
def add_weights_at(target, indices, weights):
    for k in range(indices.shape[0]):
        target[indices[k]] += weights[k]


@njit(cache=True, error_model="numpy")
def update(state, factor, term, passes):
    for _ in range(passes):
        for row in range(state.shape[0]):
            line = state[row]
            for i in range(line.shape[0]):
                line[i] = line[i] * factor + term


def best(action, count):
    """Least ns per item of several passes over ``count`` items, after one that is not timed."""
    action()
    times = []
    for _ in range(PASSES):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times) / count * 1e9


def ns_per_add(n, *, row=None, own_weight=False, count=INDICES):
    """ns to add 4 bytes at a random place of an array of ``n`` float32, the 16-bit (above 65,536: 32-bit) places
    streamed.

    ``row``: places ascend within rows of this many, as in a sparse matrix; ``own_weight``: a float32 is streamed per
    place.
    """
    random = np.random.default_rng(1)
    indices = random.integers(0, n, count, dtype=np.uint16 if n <= 1 << 16 else np.uint32)
    if row:
        indices = np.sort(indices[:count // row * row].reshape(-1, row), axis=1).ravel()
    target = np.zeros(n, np.float32)
    if own_weight:
        weights = np.ones(len(indices), np.float32)
        return best(lambda: add_weights_at(target, indices, weights), len(indices))
    return best(lambda: add_at(target, indices, np.float32(1.5)), len(indices))


def ns_per_update(n, rows):
    """ns per neuron to read, change and write ``rows`` float32 values of each of ``n`` neurons, once after the other.
    """
    state = np.ones((rows, n), np.float32)
    factor, term = np.float32(0.99), np.float32(0.01)
    once = best(lambda: update(state, factor, term, 1), 1)
    passes = max(1, round(PASS_S * 1e9 / once))
    return best(lambda: update(state, factor, term, passes), passes * n)
