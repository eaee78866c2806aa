"""Part ``speed``: ns per coupling (sparse, in-degree 100) and per oscillator and step (all to all), one thread.

All sides compute the same split step (``peers.py``), in this process, in turns; figures are medians. First every side
is compared with the reference at a small size: phases after 100 steps, as points on the circle, within ``TOLERANCE``.
``times``: the side's time over ours in the same precision.
"""
import statistics
import time

import numpy as np

import snn
from benchmarks.oscillators.peers import DT, Numba, Numpy, Scipy, Snn, Torch, problem

COLUMNS = ("network", "n", "side", "precision", "ns", "per", "times", "spread", "steps", "runs", "error", "note")
IN_DEGREE = 100
TOLERANCE = {"float64": 1e-10, "float32": 1e-3}
SIZES = (1000, 10_000, 100_000)
PIECE_S = 0.15
"""Seconds of a timed piece, about."""


def measure(*, seeds, runs, quick, device=None):
    import torch
    torch.set_num_threads(1)
    sizes = (500,) if quick else (*SIZES, *((1_000_000,) if device else ()))
    for network, k in (("sparse", IN_DEGREE), ("all to all", None)):
        off = check(sides(k, device), problem(400, k and 50))
        for n in sizes:
            yield from rows(network, problem(n, k), sides(k, device), runs, off)


def sides(k, device):
    """{(name, precision): function of a problem}."""
    found = {}
    for dtype in ("float64", "float32"):
        found["snn", dtype] = lambda p, d=dtype: Snn(p, snn.EventDriven(threads=1, dtype=d))
        for Side in (Numpy, *((Scipy,) if k else ()), Torch, Numba):
            found[Side.__name__.lower(), dtype] = lambda p, d=dtype, S=Side: S(p, d)
        if device:
            found[f"snn clocked {device}", dtype] = lambda p, d=dtype: Snn(p, snn.Clocked(device=device, dtype=d))
            found[f"torch {device}", dtype] = lambda p, d=dtype: Torch(p, d, device)
    return found


def check(makers, small):
    """Largest distance of each side's phases from the reference; RuntimeError where one is too far."""
    truth, off = Snn(small, snn.Reference()), {}
    truth.run(100)
    for side, make in makers.items():
        mine = make(small)
        mine.run(100)
        off[side] = float(np.abs(np.exp(1j * mine.theta.astype(float)) - np.exp(1j * truth.theta)).max())
        if not off[side] <= TOLERANCE[side[1]]:
            raise RuntimeError(f"speed: {' '.join(side)} is off by {off[side]:.2g} after 100 steps of {DT} ms")
    return off


def rows(network, given, makers, runs, off):
    """A row per side, of runs in turns."""
    made = {side: make(given) for side, make in makers.items()}
    steps = {side: _steps(one) for side, one in made.items()}
    taken = {side: [] for side in made}
    for _ in range(runs):
        for side, one in made.items():
            taken[side].append(_seconds(one, steps[side]) / steps[side])
    units = given.n if given.sources is None else given.sources.size
    middle = {side: statistics.median(times) / units * 1e9 for side, times in taken.items()}
    for (name, precision), ns in middle.items():
        times = taken[name, precision]
        yield {"network": network, "n": given.n, "side": name, "precision": precision, "ns": ns,
               "per": "coupling" if given.sources is not None else "oscillator and step",
               "times": ns / middle["snn", precision], "spread": (max(times) - min(times)) / statistics.median(times),
               "steps": steps[name, precision], "runs": runs, "error": off[name, precision]}


def _seconds(one, steps):
    began = time.perf_counter()
    one.run(steps)
    return time.perf_counter() - began


def _steps(one):
    """Steps of a piece, from two short runs of which the first also compiles."""
    _seconds(one, 2)
    return max(2, min(5000, round(PIECE_S / (_seconds(one, 4) / 4))))
