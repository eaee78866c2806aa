"""Embeddings of a population that is driven by an angle (A38), judged by how well the angle is decoded from them.

The network: 50 Poisson units (:class:`snn.neurons.PoissonSource`) with place fields on a ring; the angle wanders. Bins
of 20 ms; an embedding sees windows of 10 of them. Decoding: nearest neighbours in the embedding of the first 70 % of
the time, tested on the last 20 %; their number is that which is best on the 10 % between.
"""
import numpy as np
from scipy.signal import lfilter
from scipy.spatial import cKDTree

import snn
from benchmarks.analyses.contrastive import LENGTH, ByBehaviour, ByTime, embed
from benchmarks.analyses.rows import row
from snn.export.arrays import binned, windows
from snn.neurons import PoissonSource

UNITS, BIN, DIMENSIONS = 50, 20.0, 3
NEIGHBOURS = (1, 3, 10, 30, 100, 300)
CHANCE = 90.0
"""Mean error in degrees of a guess that has nothing to do with the angle."""


def ornstein_uhlenbeck(rng, shape, tau, sd):
    """Noise [bins, ...] of standard deviation ``sd`` that forgets in ``tau`` s."""
    decay = np.exp(-BIN / 1000 / tau)
    noise = rng.normal(0.0, sd, shape)
    noise[1:] *= np.sqrt(1 - decay**2)
    return lfilter([1.0], [1.0, -decay], noise, axis=0)


def wander(rng, bins):
    """Angles [bins] in rad; the velocity has a standard deviation of 1.5 rad/s and forgets in 0.5 s."""
    velocity = ornstein_uhlenbeck(rng, bins, 0.5, 1.5)
    return (rng.uniform(0, 2 * np.pi) + np.cumsum(velocity) * BIN / 1000) % (2 * np.pi)


def record(seed, bins, *, others=0):
    """``(counts [bins, 50] float32, angles [bins])``; fields have a width of 25 degrees and peaks of 5 to 20 Hz.

    ``others``: so many other variables, which forget in 2 s, change the gains of the units; log gains have a standard
    deviation of 1.
    """
    rng = np.random.default_rng(seed)
    angles = wander(rng, bins)
    centres, peak = 2 * np.pi * np.arange(UNITS) / UNITS, rng.uniform(5.0, 20.0, UNITS)
    rates = 0.5 + peak * np.exp((np.cos(angles[:, None] - centres) - 1) / np.radians(25.0) ** 2)
    if others:
        load = rng.normal(size=(others, UNITS))
        load /= np.linalg.norm(load, axis=0)
        rates *= np.exp(ornstein_uhlenbeck(rng, (bins, others), 2.0, 1.0) @ load)
    net = snn.Network("ring")
    cells = net.add("cells", PoissonSource(rate=0.0), UNITS)
    net.drive(cells, snn.CurrentInput(rates, interval=BIN), port="rate")
    spikes = snn.simulate(net, bins * BIN, dt=1.0, seed=seed, progress=False).spikes["cells"]
    return binned(spikes, BIN, dtype=np.float32), angles


def error(points, angles):
    """Mean error of the decoded angle in degrees; ``points`` [W, d] with ``angles`` [W], in order of time."""
    first, second = int(0.7 * len(points)), int(0.8 * len(points))
    tree, target = cKDTree(points[:first]), np.exp(1j * angles[:first])
    pieces = slice(first, second), slice(second, None)

    def errors(piece):
        near = target[tree.query(points[piece], k=NEIGHBOURS[-1])[1]]
        found = np.stack([near[:, :count].mean(1) for count in NEIGHBOURS])
        return np.degrees(np.abs(np.angle(found * np.exp(-1j * angles[piece])))).mean(1)

    return errors(pieces[1])[errors(pieces[0]).argmin()]


def principal(activity, learnt):
    """The first principal components of windows, those of the first ``learnt`` windows."""
    flat = windows(activity, LENGTH).reshape(-1, LENGTH * activity.shape[1])
    mean = flat[:learnt].mean(0)
    _, axes = np.linalg.eigh(np.cov(flat[:learnt].T))
    return (flat - mean) @ axes[:, :-DIMENSIONS - 1:-1]


def rows(seeds, quick):
    """Error of the decoded angle for every embedding, and the order that is expected."""
    bins, iterations = (2000, 30) if quick else (20_000, 2000)
    for others in (0, 3):
        found = [_errors(seed, bins, iterations, others) for seed in seeds]
        setting = f"{bins} bins, angle" + (f" and {others} other variables" if others else "")
        for name in found[0]:
            chance = (">", 0.9 * CHANCE) if "shuffled" in name else None
            yield row(setting, f"error of the angle, degrees: {name}", [one[name] for one in found], chance)
        for worse, better in (("principal components", "time"), ("time", "behaviour")):
            yield row(setting, f"error, {worse} less {better}", [one[worse] - one[better] for one in found],
                      (">", 0.0))


def _errors(seed, bins, iterations, others):
    counts, angles = record(seed, bins, others=others)
    middle = angles[LENGTH // 2:len(angles) - LENGTH + 1 + LENGTH // 2]
    learnt = int(0.7 * len(middle))
    known, shuffled = middle[:learnt], np.random.default_rng(seed).permutation(middle)
    samplers = {"untrained encoder": None, "time": ByTime(learnt), "behaviour": ByBehaviour(known),
                "behaviour, trained on shuffled angles": ByBehaviour(shuffled[:learnt])}
    found = {"principal components": error(principal(counts, learnt), middle)}
    for name, sampler in samplers.items():
        points = embed(counts[:learnt + LENGTH - 1], sampler, DIMENSIONS, seed, iterations=iterations)(counts)
        found[name] = error(points, middle)
        if name == "behaviour":
            found["behaviour, decoded with shuffled angles"] = error(points, shuffled)
    return found
