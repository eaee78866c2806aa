"""Part ``hysteresis``: oscillators with inertia while K is raised, and while it is lowered.

Lorentzian frequencies of half-width 1 (quantiles), damping 1, inertia m = 0.95, 2 and 6 as in Tanaka, Lichtenberg and
Oishi (1997). ``up`` and ``down``: one sweep up and back; ``coherent``: every K from equal phases and speed 0, which
is their case of a falling K that comes from complete order. Theory: ``snn.circuits.inertial_order``; incoherence loses
its stability at K = 2 (1 + m) (Acebron, Bonilla and Spigler 2000). ``width``: K at which r passes 0.3, up minus
coherent, by linear interpolation. ``by size``: K_up of m = 2 for several N; small populations leave incoherence early,
because its basin shrinks below their fluctuations (Olmi, Navas, Boccaletti and Torcini 2014, Phys. Rev. E 90:042905).
"""
import numpy as np

from snn.circuits.oscillators import hysteresis, inertial_order, lorentzian, order_curve
from snn.neurons import SecondOrderKuramoto

COLUMNS = ("what", "m", "n", "K", "up", "up_theory", "down", "coherent", "coherent_theory", "K_up", "K_down", "width",
           "width_theory")
TIMES = {"dt": 0.1, "settle": 100.0, "measure": 50.0}
LEVEL = 0.3


def measure(*, seeds, runs, quick):
    n = 300 if quick else 5000
    for m, highest in ((0.95, 8.0),) if quick else ((0.95, 8.0), (2.0, 10.0), (6.0, 18.0)):
        yield from sweep(n, m, np.arange(1.0, highest + 0.1, 1.0 if quick else 0.5))


    for size in (300, 600) if quick else (500, 2000, 20_000):
        yield by_size(size, 2.0, np.arange(3.0, 7.1, 1.0 if quick else 0.25))


def by_size(n, m, K):
    up = order_curve(SecondOrderKuramoto(omega=lorentzian(n, 1.0), m=m), n, K, seed=1, carry=True, **TIMES)
    return {"what": "by size", "m": m, "n": n, "K_up": passes(K, up)}


def sweep(n, m, K):
    model = SecondOrderKuramoto(omega=lorentzian(n, 1.0), m=m)
    up, down = hysteresis(model, n, K, seed=1, **TIMES)
    coherent = order_curve(model, n, K, seed=1, start={"theta": 0.0, "v": 0.0}, **TIMES)
    rising, falling = (inertial_order(K, m, 1.0, rising=rising) for rising in (True, False))
    for row in zip(K, up, rising, down, coherent, falling, strict=True):
        names = ("K", "up", "up_theory", "down", "coherent", "coherent_theory")
        yield {"what": "r(K)", "m": m, "n": n, **dict(zip(names, map(float, row), strict=True))}
    edges = [passes(K, r) for r in (up, coherent, rising, falling)]
    yield {"what": "edges", "m": m, "n": n, "K_up": edges[0], "K_down": edges[1], "width": edges[0] - edges[1],
           "width_theory": edges[2] - edges[3]}


def passes(K, r):
    """K at which r first passes ``LEVEL``, on straight lines between the values."""
    above = np.flatnonzero(r >= LEVEL)
    if not len(above) or above[0] == 0:
        return float("nan")
    k = above[0]
    return float(K[k - 1] + (LEVEL - r[k - 1]) / (r[k] - r[k - 1]) * (K[k] - K[k - 1]))
