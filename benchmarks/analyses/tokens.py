"""Couplings from a transformer of spike tokens (A39): hubs of a simulated network found by hiding neurons.

The network: 12 Poisson units (:class:`snn.neurons.PoissonNeuron`), 4 of which are hubs that excite all the others with
weights of 0.5 to 2.5 mV (1 mV is a factor e of the rate); there are no other connections. Windows of 50 ms in
intervals of 10 ms, with 150 ms before them.
"""
import numpy as np
from scipy.stats import spearmanr

import snn
from benchmarks.analyses.rows import row
from benchmarks.analyses.transformer import Sequences, influence, train
from snn.export.arrays import binned, tokens
from snn.neurons import PoissonNeuron

UNITS, HUBS = 12, 4
WINDOW, RESOLUTION = 50.0, 10.0
TESTED = 0.3
ALL, STRENGTH = "rank correlation with the weights, all pairs", "rank correlation with the weights, connections only"


def record(seed, seconds):
    """``(spikes, weights [post, pre])``."""
    rng = np.random.default_rng(seed)
    weights = np.zeros((UNITS, UNITS))
    hubs, others = np.split(rng.permutation(UNITS), [HUBS])
    weights[np.ix_(others, hubs)] = rng.uniform(0.5, 2.5, (UNITS - HUBS, HUBS))
    net = snn.Network("hubs")
    cells = net.add("cells", PoissonNeuron(tau_m=10.0, c_2=6.0, c_3=1.0), UNITS)
    net.connect(cells, cells, snn.Matrix(weights), port="delta", delay=5.0)
    return snn.simulate(net, 1000.0 * seconds, dt=1.0, seed=seed, progress=False).spikes["cells"], weights


def correlogram(spikes, *, bin_ms=5.0, lags=range(1, 7)):
    """[post, pre]: the sum of the correlation coefficients of counts, pre 5 to 30 ms before post."""
    counts = binned(spikes, bin_ms, dtype=np.float64)
    z = (counts - counts.mean(0)) / counts.std(0)
    return sum(z[lag:].T @ z[:-lag] for lag in lags) / len(z)


def agreement(found, weights):
    """How well a matrix [post, pre] agrees with the weights: Spearman's rank correlations, hubs among the strongest.

    Three quarters of the weights are 0 and equal, so that even the best matrix has less than 1 over all pairs.
    """
    pairs, hub = ~np.eye(len(weights), dtype=bool), weights.any(0)
    strongest = np.argsort(np.where(pairs, found, 0.0).sum(0))[-HUBS:]
    return {ALL: spearmanr(found[pairs], weights[pairs])[0],
            STRENGTH: spearmanr(found[weights > 0], weights[weights > 0])[0], "hubs found": hub[strongest].mean()}


def rows(seeds, quick):
    """Agreement of what hiding costs with the weights, beside the correlogram and an untrained transformer."""
    found = {}
    for seed in seeds:
        spikes, weights = record(seed, 10 if quick else 600)
        cut = WINDOW * round((1 - TESTED) * spikes.duration / WINDOW)
        learnt, tested = (Sequences(tokens(part, WINDOW, RESOLUTION))
                          for part in (spikes.between(0.0, cut), spikes.between(cut, spikes.duration)))
        cost, loss = influence(train(learnt, seed, epochs=4 if quick else 20), tested)
        untrained, loss_before = influence(train(learnt, seed, epochs=0), tested)
        for name, matrix in (("hiding a neuron", cost), ("control: hiding, untrained", untrained),
                             ("correlogram", correlogram(spikes))):
            for quantity, value in agreement(matrix, weights).items():
                found.setdefault((name, quantity), []).append(value)
        found.setdefault(("transformer", "loss per token, test, nats"), []).append(loss)
        found.setdefault(("control: untrained transformer", "loss per token, test, nats"), []).append(loss_before)
    for (name, quantity), values in found.items():
        yield row(name, quantity, values, (">", 0.5) if (name, quantity) == ("hiding a neuron", ALL) else None)
