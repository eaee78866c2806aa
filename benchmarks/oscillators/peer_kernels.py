"""The loops of the numba side: one thread, fast math."""
import numpy as np
from numba import njit


@njit(fastmath=True)
def _advance(theta, S, C, last_S, last_C, omega, dt):
    half = np.float32(0.5)
    S, C = S + half * (S - last_S), C + half * (C - last_C)
    turned = half * dt * omega
    middle = theta + turned
    sin, cos = np.sin(middle), np.cos(middle)
    change = dt * (S * cos - C * sin)
    return middle + change - half * dt * (S * sin + C * cos) * change + turned


@njit(fastmath=True)
def mean_field(theta, last, begun, steps, omega, weight, dt):
    n = len(theta)
    for _ in range(steps):
        S = theta.dtype.type(0.0)
        C = theta.dtype.type(0.0)
        for i in range(n):
            S += np.sin(theta[i])
            C += np.cos(theta[i])
        S *= weight
        C *= weight
        last_S, last_C = (last[0, 0], last[1, 0]) if begun else (S, C)
        for i in range(n):
            theta[i] = _advance(theta[i], S, C, last_S, last_C, omega[i], dt)
        last[0, 0], last[1, 0], begun = S, C, 1
    return begun


@njit(fastmath=True)
def sparse(theta, last, begun, steps, omega, sources, weight, dt):
    n, k = sources.shape
    shown = np.empty((n, 2), theta.dtype)
    for _ in range(steps):
        for i in range(n):
            shown[i, 0] = np.sin(theta[i])
            shown[i, 1] = np.cos(theta[i])
        for i in range(n):
            S = theta.dtype.type(0.0)
            C = theta.dtype.type(0.0)
            for q in range(k):
                j = sources[i, q]
                S += shown[j, 0]
                C += shown[j, 1]
            S *= weight
            C *= weight
            last_S, last_C = (last[0, i], last[1, i]) if begun else (S, C)
            theta[i] = _advance(theta[i], S, C, last_S, last_C, omega[i], dt)
            last[0, i] = S
            last[1, i] = C
        begun = 1
    return begun
