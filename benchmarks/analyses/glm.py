"""Switching brain states from spikes (A37): HMM-GLMs with three priors on a network whose couplings switch.

The network: 8 Poisson units of :class:`snn.neurons.PoissonNeuron` with an exponential rate, coupled through a filter of
one bin; one connectome, two states with strengths of their own. The state is a Markov chain drawn beforehand; every
piece in one state is a run of the simulator with the couplings of that state, which goes on where the last one ended.
"""
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

import snn
from benchmarks.analyses.couplings import Free, OneHot, Shared
from benchmarks.analyses.hmm import STAY, Fit, em
from benchmarks.analyses.rows import row
from snn.export.arrays import binned, calcium
from snn.neurons import PoissonNeuron

UNITS, STATES, BIN, TRIAL = 8, 2, 5.0, 1000
RATE_HZ = 50.0
EPOCHS = {"one-hot": 60}
"""All others have converged after 20: their gradient has no noise."""
MODELS = {
    "one state": [partial(Free, states=1)],
    "naive": [partial(Free, states=STATES)],
    "Gaussian": [partial(Shared, states=STATES, variance=v) for v in (1.0, 0.3, 0.1)],
    "one-hot": [partial(OneHot, states=STATES, pull=p) for p in (10.0, 30.0)],
}
SCORE, STATE = "log-likelihood per bin, test", "states right, test"
SIGN, CHOICE = "signs of connections right", "choices of all pairs right"
EXPECTED = {
    **{(model, STATE): ((">", 0.9) if model == "one-hot" else None)
       for model in ("true parameters", "naive", "Gaussian", "one-hot")},
    **{(model, SCORE): None for model in ("true parameters", *MODELS)},
    ("naive", f"{SCORE} above one state"): (">", 0.0),
    ("Gaussian", f"{SCORE} above naive"): (">", 0.0),
    ("one-hot", f"{SCORE} above Gaussian"): (">=", 0.0),
    **{(model, quantity): None for quantity in (SIGN, CHOICE) for model in ("naive", "Gaussian", "one-hot")},
    ("one-hot", f"{SIGN}, above naive"): (">", 0.0),
    ("one-hot", f"{CHOICE}, above naive"): (">", 0.0),
}


@dataclass(frozen=True)
class Recording:
    """Spikes ``x`` and histories ``h`` [trials, T, n], states [trials, T], and the couplings [states, n, n]."""

    x: torch.Tensor
    h: torch.Tensor
    states: np.ndarray
    couplings: np.ndarray

    def trials(self, first, last):
        part = slice(first, last)
        return Recording(self.x[part], self.h[part], self.states[part], self.couplings)


def connectome(rng):
    """Couplings [states, n, n]: half of the pairs, from units that excite or inhibit.

    A coupling is strong (1 to 2) in one of the states, and weak (0.1 to 0.3) in the other.
    """
    sign = np.where(np.arange(UNITS) < UNITS // 2, 1.0, -1.0)
    there = rng.random((UNITS, UNITS)) < 0.5
    np.fill_diagonal(there, False)
    strong = rng.integers(0, STATES, (UNITS, UNITS)) == np.arange(STATES)[:, None, None]
    strength = np.where(strong, rng.uniform(1.0, 2.0, strong.shape), rng.uniform(0.1, 0.3, strong.shape))
    return there * sign * strength


def chain(rng, bins):
    """A Markov chain [bins] that stays with probability 0.98 per bin."""
    return np.cumsum(rng.random(bins) >= STAY) % STATES


def record(seed, trials):
    """A recording of ``trials`` times 1000 bins."""
    rng = np.random.default_rng(seed)
    couplings, states = connectome(rng), chain(rng, trials * TRIAL)
    edges = [0, *(np.flatnonzero(np.diff(states)) + 1), len(states)]
    pieces, state = [], None
    for begin, end in pairwise(edges):
        piece = snn.simulate(_network(couplings[states[begin]]), (end - begin) * BIN, dt=BIN, seed=seed, state=state,
                             progress=False)
        state = piece.state
        pieces.append(piece.spikes["cells"])
    spikes = snn.Spikes.concat(pieces)
    h = calcium(spikes, BIN, BIN)
    h = np.concatenate([np.zeros((1, UNITS)), h[:-1]])
    x, h = (torch.as_tensor(a.astype(float)).reshape(trials, TRIAL, UNITS) for a in (binned(spikes, BIN), h))
    return Recording(x, h, states.reshape(trials, TRIAL), couplings)


def _network(couplings):
    net = snn.Network("switching")
    unit = PoissonNeuron(tau_m=BIN, c_1=0.0, c_2=RATE_HZ, c_3=1.0, dead_time=0.0, with_reset=0.0)
    cells = net.add("cells", unit, UNITS)
    net.connect(cells, cells, snn.Matrix(couplings), port="delta", delay=BIN)
    return net


def rows(seeds, quick):
    """Figures of all models, for many trials of training and for few."""
    trials = {2: (2, 1, 1)} if quick else {10: (10, 4, 6), 2: (2, 4, 6)}
    recordings = [record(seed, sum(max(trials.values()))) for seed in seeds]
    for count, (train, check, test) in trials.items():
        found = [_figures(recording, train, check, test, seed, quick)
                 for seed, recording in zip(seeds, recordings, strict=True)]
        for (model, quantity), expected in EXPECTED.items():
            values = [one[model, quantity] for one in found]
            yield row(f"{model}, {count} trials of training", quantity, values, expected)


def _figures(recording, train, check, test, seed, quick):
    """{(model, quantity): value} of one network; hyperparameters are those that are best in the trials of ``check``."""
    parts = [recording.trials(0, train), recording.trials(-test - check, -test), recording.trials(-test, None)]
    fits = {"true parameters": truth(recording)}
    for model, candidates in MODELS.items():
        tried, epochs = [], 3 if quick else EPOCHS.get(model, 20)
        for make in candidates:
            generator = torch.Generator().manual_seed(seed)
            tried.append(em(parts[0].x, parts[0].h, make(UNITS, generator=generator), epochs=epochs))
        fits[model] = max(tried, key=lambda fit: fit.score(parts[1].x, parts[1].h))
    found = {}
    for model, fit in fits.items():
        gamma, evidence = fit.posterior(parts[2].x, parts[2].h)
        found[model, SCORE] = evidence.sum() / parts[2].states.size
        if len(fit.weights) == STATES:
            order = matching(parts[2].states, gamma.argmax(-1))
            found[model, STATE] = (order[gamma.argmax(-1)] == parts[2].states).mean()
            weights = fit.weights.numpy()[np.argsort(order)]
            found[model, SIGN], found[model, CHOICE] = signs(weights, recording.couplings)
    for better, worse in (("one-hot", "Gaussian"), ("Gaussian", "naive"), ("naive", "one state")):
        found[better, f"{SCORE} above {worse}"] = found[better, SCORE] - found[worse, SCORE]
    for quantity in (SIGN, CHOICE):
        found["one-hot", f"{quantity}, above naive"] = found["one-hot", quantity] - found["naive", quantity]
    return found


def truth(recording):
    """The couplings, rates and chain of the simulation."""
    move = np.full((STATES, STATES), 1 - STAY)
    np.fill_diagonal(move, STAY)
    bias = torch.full((UNITS,), np.log(RATE_HZ * BIN / 1000), dtype=torch.float64)
    return Fit(bias, torch.as_tensor(recording.couplings), np.full(STATES, 1 / STATES), move)


def matching(states, found):
    """The true state that each found state stands for: the assignment of most bins."""
    confusion = np.zeros((STATES, STATES), int)
    np.add.at(confusion, (found.ravel(), states.ravel()), 1)
    return linear_sum_assignment(confusion, maximize=True)[1]


def signs(weights, couplings):
    """Shares of right signs among the connections, and of right choices (inhibit, none, excite) among all pairs.

    Where couplings are never exactly 0, those below a threshold count as none: the threshold that is best, given the
    truth, which no other analysis could know.
    """
    pairs = ~np.eye(UNITS, dtype=bool)
    w, true = weights[:, pairs], np.sign(couplings[:, pairs])
    thresholds = [0.0] if (w == 0).any() else [0.0, *np.sort(np.abs(w).ravel())]
    choice = max((np.sign(w) * (np.abs(w) > threshold) == true).mean() for threshold in thresholds)
    return (np.sign(w) == true)[true != 0].mean(), choice
