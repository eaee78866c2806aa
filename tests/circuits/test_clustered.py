"""Binary memories: against plain loops, the density and retrieval formulas, and learning from noisy presentations."""
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from snn.circuits import (
    ClusteredMemory,
    WillshawMemory,
    clique_density,
    clique_recall,
    clique_recall_by_use,
    willshaw_recall,
    winner_probability,
)
from snn.errors import DataError, NetworkError, RunError

# c = 8, l = 64: density; recall with one cluster erased, one pass; with four erased, four iterations. Other code.
MEASURED = {1000: (0.217, 0.995, 0.983), 2000: (0.386, 0.895, 0.517), 3000: (0.519, 0.460, 0.0),
            4000: (0.623, 0.090, 0.0)}


def messages_of(count, clusters=8, units=64, seed=0):
    return np.random.default_rng(seed).integers(0, units, (count, clusters))


def erased(messages, count, seed=1):
    """A copy in which ``count`` clusters of each message, drawn at random, are -1."""
    order = np.random.default_rng(seed).random(messages.shape).argsort(axis=1)
    return np.where(order < count, -1, messages)


def sparse(count, n=256, active=8, seed=0):
    order = np.random.default_rng(seed).random((count, n)).argsort(axis=1)
    return (order < active).astype(int)


def exact(memory, messages, count, iterations):
    return (memory.recall(erased(messages, count), iterations=iterations) == messages).all(axis=1).mean()


@given(some.integers(0, 10_000), some.integers(1, 30), some.integers(1, 3), some.integers(1, 3))
def test_recall_equals_plain_sets(seed, stored, lost, iterations):
    clusters, units = 4, 6
    messages = messages_of(stored, clusters, units, seed)
    memory, cues = ClusteredMemory(clusters, units).store(messages), erased(messages, lost, seed)
    pairs = {(a, m[a], b, m[b]) for m in messages for a in range(clusters) for b in range(clusters) if a != b}
    for cue, answer in zip(cues, memory.recall(cues, iterations=iterations), strict=True):
        alive = [{int(x)} if x >= 0 else set(range(units)) for x in cue]
        heard = [alive[k] if cue[k] >= 0 else set() for k in range(clusters)]
        for _ in range(iterations):
            support = [{j: sum(any((b, i, a, j) in pairs for i in heard[b]) for b in range(clusters) if b != a)
                        for j in alive[a]} for a in range(clusters)]
            alive = [alive[a] if cue[a] >= 0 else {j for j in alive[a] if support[a][j] == max(support[a].values())}
                     for a in range(clusters)]
            heard = alive
        assert answer.tolist() == [next(iter(s)) if len(s) == 1 else -1 for s in alive]


def test_stored_pairs_are_the_connections():
    messages = messages_of(5, 3, 4)
    memory = ClusteredMemory(3, 4).store(messages[0]).store(messages[1:])
    expected = np.zeros((12, 12), dtype=bool)
    for m in messages:
        for a, b in itertools.permutations(range(3), 2):
            expected[4 * a + m[a], 4 * b + m[b]] = True
    assert np.array_equal(memory.connections, expected)
    assert memory.density == expected.sum() / (3 * 2 * 16)
    assert np.array_equal(memory.recall(messages[2]), messages[2])


@pytest.mark.parametrize("count", MEASURED)
def test_density_and_recall(count):
    messages = messages_of(count)
    memory = ClusteredMemory(8, 64).store(messages)
    density, one, four = MEASURED[count]
    assert memory.density == pytest.approx(density, abs=0.003)
    assert memory.density == pytest.approx(clique_density(count, 64), abs=0.003)
    found, four_found = exact(memory, messages, 1, 1), exact(memory, messages[:1000], 4, 4)
    assert found == pytest.approx(one, abs=0.035) and four_found == pytest.approx(four, abs=0.05)
    assert found == pytest.approx(clique_recall_by_use(count, 8, 64, erased=1), abs=0.025)
    assert found - 0.01 < clique_recall(memory.density, 8, 64, erased=1) < found + 0.1


def test_formulas_of_recall():
    # The published formula at the densities of 1,000 to 4,000 messages.
    for count, one, four in ((1000, 0.999, 0.574), (2000, 0.922, 0.003), (3000, 0.525, 0.0), (4000, 0.095, 0.0)):
        density = clique_density(count, 64)
        assert clique_recall(density, 8, 64, erased=1) == pytest.approx(one, abs=0.001)
        assert clique_recall(density, 8, 64, erased=4) == pytest.approx(four, abs=0.002)
        assert clique_recall_by_use(count, 8, 64, erased=1) < clique_recall(density, 8, 64, erased=1)
    assert clique_recall_by_use(1, 8, 64, erased=3) == 1.0
    # Two clusters: connections to one known unit are independent of each other, and both formulas are exact.
    assert clique_recall_by_use(50, 2, 20, erased=1) == pytest.approx((1 - 1 / 400) ** (49 * 19), abs=0.01)


def test_iterations_help_and_settle():
    messages = messages_of(1000)
    memory = ClusteredMemory(8, 64).store(messages)
    shares = [exact(memory, messages, 4, k) for k in (1, 2, 4, 20, 200)]
    assert shares[0] < 0.62 and shares[1] > 0.9
    assert shares[3] == shares[4] >= shares[2] >= shares[1]


@pytest.mark.parametrize(("count", "load", "recalled"), [(206, 0.162, 0.79), (506, 0.352, 0.03)])
def test_willshaw_from_half_of_a_pattern(count, load, recalled):
    found = []
    for seed in range(8):
        patterns = sparse(count, seed=seed)
        memory = WillshawMemory(256, 8).store(patterns)
        halves = patterns * (patterns.cumsum(axis=1) <= 4)
        answers = memory.recall(halves, seed=seed)
        assert (answers.sum(axis=1) == 8).all()
        # A whole pattern stays unless another unit is connected to all of it too.
        rival = ((patterns @ memory.connections == 8) & (patterns == 0)).any(axis=1)
        assert np.array_equal(memory.recall(patterns, seed=1)[~rival], patterns[~rival] > 0) and rival.mean() < 0.15
        assert memory.density == pytest.approx(1 - (1 - 56 / (256 * 255)) ** count, abs=0.005)
        found.append((answers == patterns).all(axis=1).mean())
    assert memory.density == pytest.approx(load, abs=0.005)
    assert np.mean(found) == pytest.approx(recalled, abs=0.04)
    assert np.mean(found) == pytest.approx(willshaw_recall(count, 256, 8, known=4), abs=0.04)
    assert willshaw_recall(1, 256, 8, known=4) == 1.0


def test_noisy_learning_ends_in_the_clean_matrix():
    """Threshold 8, 10 % erasures, 0.1 % insertions: in the end the same connections, and never fewer on the way."""
    for make, messages, insertion in ((lambda: ClusteredMemory(8, 64, threshold=8), messages_of(200), 0.001),
                                      (lambda: WillshawMemory(256, 8, threshold=8), sparse(60), 0.001)):
        clean, noisy, missing = make().store(messages).connections, make(), []
        for call in range(5):
            before = noisy.connections.copy()
            noisy.observe(messages, presentations=6, erasure=0.1, insertion=insertion, seed=call)
            assert not (before & ~noisy.connections).any()
            missing.append((clean & ~noisy.connections).sum() / clean.sum())
        assert missing[0] > 0.9 and missing[-1] == 0
        assert np.array_equal(noisy.connections, clean)


def test_noise_that_the_threshold_does_not_filter_costs_capacity():
    messages, clean = messages_of(400), []
    for insertion in (0.0, 0.01, 0.03):
        memory = ClusteredMemory(8, 64, threshold=3).observe(messages, presentations=20, erasure=0.1,
                                                            insertion=insertion, seed=1)
        wrong = memory.connections & ~ClusteredMemory(8, 64).store(messages).connections
        clean.append((wrong.sum() // 2, exact(memory, messages, 2, 1)))
    (none, best), (some_wrong, _), (many, worst) = clean
    assert none == 0 and 0 < some_wrong < many and best > 0.99 and worst < 0.5


def test_who_fires_in_a_presentation():
    for units, erasure, insertion in ((64, 0.1, 0.02), (16, 0.2, 0.1), (5, 0.0, 1.0)):
        memory = ClusteredMemory(2, units).observe([0, 0], presentations=1, erasure=erasure, insertion=insertion)
        counts = ClusteredMemory(2, units).observe(np.zeros((20_000, 2)), erasure=erasure, insertion=insertion).counts
        q = winner_probability(units, erasure=erasure, insertion=insertion)
        assert counts[0, 0] / 20_000 == pytest.approx(q, abs=0.015)
        assert counts[0, units] / 20_000 == pytest.approx(q * q, abs=0.015)
        assert memory.counts[:units, :units].sum() == np.trace(memory.counts[:units, :units]) <= 1
    assert winner_probability(64, erasure=0.25, insertion=0.0) == 0.75
    missed = WillshawMemory(50, 5).observe(sparse(500, 50, 5), insertion=0.2).counts
    assert np.trace(missed) == 5 * 500


def test_the_count_of_missing_connections_is_binomial():
    from scipy.stats import binom
    messages, noise = np.tile(np.arange(64)[:, None], (1, 8)), {"erasure": 0.2, "insertion": 0.005}
    clean = ClusteredMemory(8, 64).store(messages)
    q = winner_probability(64, **noise)
    noisy = ClusteredMemory(8, 64, threshold=10).observe(messages, presentations=20, seed=3, **noise)
    expected = binom.cdf(9, 20, q * q)
    assert (clean.connections & ~noisy.connections).sum() / clean.connections.sum() == pytest.approx(expected, abs=0.03)


BITS = np.eye(10, dtype=int)[:2] + np.eye(10, dtype=int)[2:4]


@pytest.mark.parametrize(("error", "message", "action"), [
    (NetworkError, "ClusteredMemory.clusters: is 1", lambda m, w: ClusteredMemory(1, 4)),
    (NetworkError, "ClusteredMemory.units: is 0", lambda m, w: ClusteredMemory(3, 0)),
    (NetworkError, "ClusteredMemory.threshold: is 0", lambda m, w: ClusteredMemory(3, 4, threshold=0)),
    (DataError, r"ClusteredMemory.store.messages: has shape \(2,\). \[M, 3\]", lambda m, w: m.store([1, 2])),
    (DataError, r"store.messages: holds 4. Whole numbers in 0 .. 3", lambda m, w: m.store([1, 2, 4])),
    (DataError, "store.messages: holds -1", lambda m, w: m.store([1, 2, -1])),
    (DataError, "store.messages: holds 0.5", lambda m, w: m.store([1, 2, 0.5])),
    (DataError, "recall.messages: holds -2. Whole numbers in -1", lambda m, w: m.recall([1, 2, -2])),
    (DataError, "recall.messages: message 1 has all 3 clusters erased", lambda m, w: m.recall([[1, 2, -1], [-1] * 3])),
    (RunError, "recall.iterations: is 0", lambda m, w: m.recall([1, 2, -1], iterations=0)),
    (RunError, r"observe.erasure: is 1.5. A number in \[0, 1\]", lambda m, w: m.observe([1, 2, 3], erasure=1.5)),
    (RunError, "observe.insertion: is -0.1", lambda m, w: m.observe([1, 2, 3], insertion=-0.1)),
    (RunError, "observe.presentations: is 0", lambda m, w: m.observe([1, 2, 3], presentations=0)),
    (RunError, "observe.seed: is 'a'", lambda m, w: m.observe([1, 2, 3], seed="a")),
    (NetworkError, "WillshawMemory.active: is 11 with 10 units", lambda m, w: WillshawMemory(10, 11)),
    (DataError, "WillshawMemory.store.patterns|messages: holds 2. .* 0 or 1", lambda m, w: w.store(2 * BITS)),
    (DataError, "pattern 1 has 1 active units. Each must have 2",
     lambda m, w: w.store(BITS * (np.arange(10) != 3))),
    (DataError, "WillshawMemory.recall.cues: has shape", lambda m, w: w.recall(BITS[:, :9])),
    (DataError, "WillshawMemory.recall.cues: holds -1", lambda m, w: w.recall(-BITS)),
    (RunError, "clique_recall.erased: is 8 of 8 clusters", lambda m, w: clique_recall(0.1, 8, 64, erased=8)),
    (RunError, "willshaw_recall.known: is 9 of 8 active", lambda m, w: willshaw_recall(10, 64, 8, known=9)),
    (RunError, "clique_recall_by_use.messages: is 0", lambda m, w: clique_recall_by_use(0, 8, 64, erased=1)),
    (RunError, "clique_recall.density: is 1.1", lambda m, w: clique_recall(1.1, 8, 64, erased=1)),
    (RunError, "clique_density.messages: is -1", lambda m, w: clique_density(-1, 64)),
    (RunError, "winner_probability.erasure: is 2", lambda m, w: winner_probability(4, erasure=2, insertion=0)),
])
def test_bad_input(error, message, action):
    with pytest.raises(error, match=message):
        action(ClusteredMemory(3, 4), WillshawMemory(10, 2))
