"""Part ``order``: order parameters against closed forms of infinitely many oscillators, and how the error falls with N.

Frequencies are Lorentzian of half-width 0.5 (K_c = 1), as quantiles or drawn per seed; all-to-all coupling, dt 0.05 ms,
mean over 40 ms after 80 ms. Above K_c it starts from equal phases, because from random ones the order of many units
takes long to grow (at K = 1.25 from 1 / sqrt(N) by a factor of e in 8 ms); else from random phases. ``error``: largest
|r - theory| over K = 1.25, 1.5, 2 and 3, its mean and deviation over seeds.
"""
import numpy as np

from snn.circuits.oscillators import lorentzian, lorentzian_order, noisy_order, order_curve
from snn.neurons import Kuramoto

COLUMNS = ("what", "n", "frequencies", "K", "r", "sd", "theory", "error")
ABOVE = (1.25, 1.5, 2.0, 3.0)
TIMES = {"dt": 0.05, "settle": 80.0, "measure": 40.0}


def measure(*, seeds, runs, quick):
    n = 500 if quick else 10_000
    yield from curve(n)
    for size in (200, 500) if quick else (1000, 10_000, 100_000):
        yield errors(size, "quantiles", [orders(Kuramoto(omega=lorentzian(size, 0.5)), size, ABOVE)])
        yield errors(size, "drawn", [orders(Kuramoto(omega=lorentzian(size, 0.5, seed=seed)), size, ABOVE)
                                     for seed in range(1, seeds + 1)])
    yield from compared("noise", Kuramoto(omega=0.0, sigma=1.0), n, (0.5, 1.25, 1.5, 2.0, 3.0),
                        lambda K: noisy_order(K, 0.5))
    yield from compared("lag 0.6", Kuramoto(omega=lorentzian(n, 0.5), alpha=0.6), n, (1.6, 2.0, 3.0),
                        lambda K: lorentzian_order(K, 0.5, alpha=0.6))


def orders(model, n, couplings):
    """r of every coupling; K_c = 1."""
    return np.concatenate([order_curve(model, n, [K], seed=1, start={"theta": 0.0} if K > 1.0 else None, **TIMES)
                           for K in couplings])


def compared(what, model, n, couplings, theory):
    for K, r, limit in zip(couplings, orders(model, n, couplings), theory(couplings), strict=True):
        yield {"what": what, "n": n, "K": K, "r": float(r), "theory": float(limit), "error": float(abs(r - limit))}


def errors(n, frequencies, found):
    """A row of the largest error over K, its mean and deviation over the populations in ``found``."""
    off = np.abs(np.array(found) - lorentzian_order(ABOVE, 0.5)).max(1)
    return {"what": "error", "n": n, "frequencies": frequencies, "error": float(off.mean()), "sd": float(off.std())}


def curve(n):
    """r(K) of quantile frequencies, also below and at the critical coupling."""
    K = (0.5, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0)
    yield from compared("r(K)", Kuramoto(omega=lorentzian(n, 0.5)), n, K, lambda K: lorentzian_order(K, 0.5))
