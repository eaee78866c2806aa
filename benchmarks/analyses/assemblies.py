"""Assemblies from affinities that change in time (A40): three planted ones, each active in a third of the run.

The network: 40 Poisson units (:class:`snn.neurons.PoissonNeuron`) that fire at 5 Hz by themselves; three sources of
common events, each of which excites the members of one assembly at once. A source fires at 8 Hz in its third of the run
and is silent otherwise. The analysis sees low-passed spikes.
"""
from itertools import permutations

import numpy as np

import snn
from benchmarks.analyses.factors import affinities, factorise, mutual_information
from benchmarks.analyses.rows import row
from snn.export.arrays import calcium, windows
from snn.neurons import PoissonNeuron, PoissonSource

UNITS, ASSEMBLIES = 40, 3
BIN, TAU = 50.0, 100.0
LENGTH, STEP = 50, 25
SOURCE_HZ = 8.0
WEIGHTS = {"strong": 5.0, "weak": 3.0}
"""mV of a common event: a unit answers 85 % of the strong ones, and 34 % of the weak ones.

The expected number of spikes is rate * tau_m * (Ei(w) - ln w - 0.577...), and the first of them resets the unit.
"""


def record(seed, seconds, weight):
    """``(traces [T, 40], assembly of every unit [40])`` of a run of three times ``seconds`` s."""
    member = np.random.default_rng(seed).permutation(np.arange(UNITS) % ASSEMBLIES)
    net = snn.Network("assemblies")
    sources = net.add("sources", PoissonSource(rate=0.0), ASSEMBLIES)
    net.drive(sources, snn.CurrentInput(SOURCE_HZ * np.eye(ASSEMBLIES), interval=1000.0 * seconds), port="rate")
    cells = net.add("cells", PoissonNeuron(tau_m=10.0, c_2=5.0, c_3=1.0), UNITS)
    net.connect(sources, cells, snn.Edges(member, np.arange(UNITS)), port="delta", weight=weight, delay=1.0)
    spikes = snn.simulate(net, 3000.0 * seconds, dt=1.0, seed=seed, progress=False).spikes["cells"]
    return calcium(spikes, TAU, BIN), member


def shuffled(traces, seed):
    """Every trace moved in time by an amount of its own, round the end: nobody fires together any more."""
    rng = np.random.default_rng(seed)
    return np.stack([np.roll(x, rng.integers(len(traces))) for x in traces.T], axis=1)


def recovered(traces, member, seed):
    """``(correlation with the schedule, normalised mutual information with the membership)`` of the factors.

    Factors are matched to assemblies by the order that gives the largest mean correlation; a unit belongs to the factor
    in which it weighs most.
    """
    a, b, c = factorise(affinities(windows(traces, LENGTH, STEP)), ASSEMBLIES, seed)
    middle = STEP * np.arange(len(c)) + LENGTH / 2
    schedule = np.eye(ASSEMBLIES)[np.minimum((middle * ASSEMBLIES / len(traces)).astype(int), ASSEMBLIES - 1)]
    both = np.corrcoef(schedule.T, c.T)[:ASSEMBLIES, ASSEMBLIES:]
    order = max(permutations(range(ASSEMBLIES)), key=lambda p: both[range(ASSEMBLIES), p].sum())
    return both[range(ASSEMBLIES), order].min(), mutual_information((a + b).argmax(1), member)


def rows(seeds, quick):
    """Recovery of schedule and membership, beside traces that were moved against one another."""
    found = {}
    for seed in seeds:
        for name, weight in list(WEIGHTS.items())[:1 if quick else 2]:
            traces, member = record(seed, 20 if quick else 100, weight)
            found.setdefault(f"{name} events", []).append(recovered(traces, member, seed))
            if name == "strong":
                moved = recovered(shuffled(traces, seed), member, seed)
                found.setdefault("control: strong events, traces moved in time", []).append(moved)
    for name, values in found.items():
        expected = (">", 0.9) if name == "strong events" else None
        times, groups = zip(*values, strict=True)
        yield row(name, "correlation of time factors with the schedule, the lowest of 3", times, expected)
        yield row(name, "mutual information of neuron factors with the assemblies, normalised", groups, expected)
