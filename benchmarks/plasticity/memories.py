"""Associative memories beside their theory: capacity, exact recall, retrieval errors, overlaps.

``python -m benchmarks.plasticity.memories [--quick] [--json]``. Nothing here is a time; every figure is a mean over
seeds and depends on the seeds alone.
"""
import argparse
import json
import statistics

import numpy as np

from benchmarks import output
from snn.circuits import (
    ClusteredMemory,
    HopfieldNetwork,
    MultitaskNetwork,
    Synchronous,
    WillshawMemory,
    clique_recall,
    clique_recall_by_use,
    critical_load,
    dataset_entropy,
    diluted_patterns,
    example_overlap,
    mean_field_overlap,
    mean_field_overlaps,
    noisy_examples,
    one_step_error,
    overlap,
    softmax_recall,
    willshaw_recall,
)

COLUMNS = ("memory", "setting", "quantity", "measured", "sd", "theory", "other", "seeds")


def measure(*, seeds=3, quick=False):
    """Rows: ``measured`` (mean), ``sd`` over seeds, ``theory``, sometimes ``other`` (a second theory); JSON-able."""
    seeds = 1 if quick else seeds
    parts = (hopfield, softmax, clusters, noisy_clusters, willshaw, multitask, warm_multitask, examples)
    return [row for part in parts for row in part(seeds, quick)]


def hopfield(seeds, quick):
    """Capacity curve: the share of wrong bits after one step, and the overlap where recall from a pattern ends."""
    n = 200 if quick else 1000
    for load in (0.1, 0.25) if quick else (0.02, 0.05, 0.08, 0.1, 0.12, 0.13, 0.14, 0.15, 0.17, 0.2, 0.25):
        wrong, ends = [], []
        for seed in range(seeds):
            x = np.random.default_rng(seed).choice([-1, 1], (round(load * n), n))
            net, few = HopfieldNetwork(n).store(x), x[:20]
            wrong.append((net.recall(x, sweeps=1, update=Synchronous()) != x).mean())
            ends.append(np.diag(overlap(net.recall(few, sweeps=50, seed=seed), few)).mean())
        head = {"memory": "Hopfield", "setting": f"n={n} load={load:g}"}
        yield row(head, "wrong bits after one step", wrong, one_step_error(load))
        yield row(head, "overlap at the end", ends, mean_field_overlap(load) if load < critical_load() else None)


def softmax(seeds, quick):
    """Exact recall of one softmax step and the sign, 10 % of the bits flipped."""
    import torch

    from snn.train import retrieve
    cases = [(64, 1000, 1.0), (64, 5000, 1.0), (64, 1000, 0.125), (64, 5000, 0.125), (64, 20000, 0.2), (32, 5000, 1.0),
             (32, 5000, 0.35), (16, 1000, 1.0), (16, 100, 1.0)]
    for n, patterns, beta in cases[2::5] if quick else cases:
        found = []
        for seed in range(seeds):
            draw = np.random.default_rng(seed)
            x = draw.choice(np.float32([-1, 1]), (patterns, n))
            few = x[:1000]
            cues = np.where(draw.random(few.shape) < 0.1, -few, few)
            answers = retrieve(torch.from_numpy(cues), torch.from_numpy(x), beta=beta).sign().numpy()
            found.append((answers == few).all(axis=1).mean())
        yield row({"memory": "softmax", "setting": f"n={n} patterns={patterns} beta={beta:g}"}, "exact recall", found,
                  softmax_recall(n, patterns, beta=beta, flips=0.1))


def clusters(seeds, quick):
    """Retrieval error of the clustered memory, 8 clusters of 64 units; ``other`` is the published, simpler formula."""
    for count in (1000,) if quick else (1000, 2000, 3000, 4000):
        tests = {(erased, passes): [] for erased, passes in ((1, 1), (2, 1), (4, 1), (4, 4))}
        density = []
        for seed in range(seeds):
            draw = np.random.default_rng(seed)
            messages = draw.integers(0, 64, (count, 8))
            memory, few = ClusteredMemory(8, 64).store(messages), messages[:1000]
            density.append(memory.density)
            for (erased, passes), found in tests.items():
                cues = np.where(draw.random(few.shape).argsort(axis=1) < erased, -1, few)
                found.append((memory.recall(cues, iterations=passes) != few).any(axis=1).mean())
        for (erased, passes), found in tests.items():
            theory = None if passes > 1 else 1 - clique_recall_by_use(count, 8, 64, erased=erased)
            simple = None if passes > 1 else 1 - clique_recall(statistics.mean(density), 8, 64, erased=erased)
            yield row({"memory": "clustered", "setting": f"messages={count} erased={erased} iterations={passes}"},
                      "retrieval error", found, theory, simple)


def noisy_clusters(seeds, quick):
    """Learning under noise: connections that differ from clean storage, and what is still recalled."""
    for insertion in (0.0, 0.01) if quick else (0.0, 0.001, 0.003, 0.01, 0.03):
        wrong, error = [], []
        for seed in range(seeds):
            messages = np.random.default_rng(seed).integers(0, 64, (200, 8))
            clean = ClusteredMemory(8, 64).store(messages)
            noisy = ClusteredMemory(8, 64, threshold=8)
            noisy.observe(messages, presentations=30, erasure=0.1, insertion=insertion, seed=seed)
            wrong.append((clean.connections != noisy.connections).sum() / clean.connections.sum())
            cues = np.where(np.arange(8) == 0, -1, messages)
            error.append((noisy.recall(cues) != messages).any(axis=1).mean())
        head = {"memory": "clustered", "setting": f"erasure=0.1 insertion={insertion:g} 30 presentations"}
        yield row(head, "wrong connections", wrong)
        yield row(head, "retrieval error", error)


def willshaw(seeds, quick):
    """Recall of 8 active units among 256 from half of them."""
    for count in (206,) if quick else (100, 206, 300, 506):
        found = []
        for seed in range(seeds):
            patterns = np.random.default_rng(seed).random((count, 256)).argsort(axis=1) < 8
            halves = patterns & (patterns.cumsum(axis=1) <= 4)
            answers = WillshawMemory(256, 8).store(patterns).recall(halves, seed=seed)
            found.append((answers != patterns).any(axis=1).mean())
        yield row({"memory": "Willshaw", "setting": f"patterns={count} half cue"}, "retrieval error", found,
                  1 - willshaw_recall(count, 256, 8, known=4))


def multitask(seeds, quick):
    """Overlaps with three diluted patterns at temperature 0, largest first."""
    n = 300 if quick else 1000
    for dilution in (0.0, 0.4) if quick else (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        found = []
        for seed in range(seeds):
            x = diluted_patterns(3, n, dilution=dilution, seed=seed)
            start = np.where(x[0] == 0, np.random.default_rng(seed).choice([-1, 1], n), x[0])
            ends = MultitaskNetwork(n).store(x).recall(start, seed=seed)
            found.append(np.sort(np.abs(overlap(ends, x)))[::-1])
        theory = mean_field_overlaps(3, dilution)
        for k, values in enumerate(np.transpose(found)):
            yield row({"memory": "multitask", "setting": f"n={n} dilution={dilution:g}"}, f"overlap {k + 1}", values,
                      theory[k])


def warm_multitask(seeds, quick):
    """Overlaps with two patterns at a temperature, the first by sign of the start."""
    n = 300 if quick else 1000
    cases = ((0.0, 0.3), (0.0, 0.5), (0.0, 0.7), (0.3, 0.1), (0.3, 0.3))
    for dilution, temperature in cases[1:2] if quick else cases:
        found = []
        for seed in range(seeds):
            x = diluted_patterns(2, n, dilution=dilution, seed=seed)
            start = np.where(x[0] != 0, x[0], np.where(x[1] != 0, x[1], 1))
            ends = MultitaskNetwork(n).store(x).recall(np.tile(start, (10, 1)), temperature=temperature, seed=seed)
            found.append(np.abs(overlap(ends, x)).mean(axis=0))
        theory = mean_field_overlaps(2, dilution, temperature=temperature)
        for k, values in enumerate(np.transpose(found)):
            yield row({"memory": "multitask", "setting": f"n={n} dilution={dilution:g} temperature={temperature:g}"},
                      f"overlap {k + 1}", values, theory[k])


def examples(seeds, quick):
    """Overlap with patterns learned from damaged examples, each of quality 0.4, in both ways."""
    n = 300 if quick else 1000
    for count in (20,) if quick else (5, 10, 20, 50, 200):
        ways = {"supervised": [], "unsupervised": []}
        for seed in range(seeds):
            x = diluted_patterns(3, n, dilution=0.0, seed=seed)
            eta = noisy_examples(x, count, quality=0.4, seed=seed)
            for way, found in ways.items():
                net = MultitaskNetwork(n)
                (net.learn_supervised if way == "supervised" else net.learn_unsupervised)(eta, quality=0.4)
                found.append(np.diag(overlap(net.recall(x, seed=seed), x)).mean())
        rho = dataset_entropy(0.4, count)
        for way, found in ways.items():
            yield row({"memory": "multitask", "setting": f"n={n} examples={count} rho={rho:.3g} {way}"}, "overlap",
                      found, example_overlap(rho))


def row(head, quantity, values, theory=None, other=None):
    """One row of figures over seeds; without a theory the place is None."""
    values = [float(v) for v in values]
    sd = statistics.stdev(values) if len(values) > 1 else None
    rounded = {name: None if x is None else round(float(x), 5)
               for name, x in (("measured", statistics.mean(values)), ("sd", sd), ("theory", theory), ("other", other))}
    return {**head, "quantity": quantity, **rounded, "seeds": len(values)}


def table(rows):
    """The rows as a table of text."""
    return output.table(rows, COLUMNS)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few cases, small networks, one seed")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one row of JSON per line")
    given = parser.parse_args()
    rows = measure(seeds=given.seeds, quick=given.quick)
    print("\n".join(map(json.dumps, rows)) if given.json else table(rows))


if __name__ == "__main__":
    main()
