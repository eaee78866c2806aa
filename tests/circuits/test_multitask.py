"""The multitasking network: overlaps at zero and finite temperature, its regimes, and learning from examples."""
import numpy as np
import pytest

from snn.circuits import (
    MultitaskNetwork,
    Synchronous,
    dataset_entropy,
    diluted_patterns,
    example_overlap,
    hierarchical_limit,
    hierarchical_overlaps,
    mean_field_overlaps,
    noisy_examples,
    overlap,
)
from snn.errors import DataError, RunError

N = 1000
# Overlaps with three patterns, 1,000 units, recall from the first one, means of 5 seeds of a simulation by other code.
MEASURED = {0.0: (1.0, 0.02, 0.01), 0.2: (0.804, 0.164, 0.036), 0.4: (0.605, 0.238, 0.102), 0.5: (0.509, 0.239, 0.129),
            0.7: (0.296, 0.227, 0.152), 0.9: (0.108, 0.091, 0.079)}


def at(patterns, seed):
    """The first pattern as a start; the units it leaves out at random."""
    return np.where(patterns[0] == 0, np.random.default_rng(seed).choice([-1, 1], patterns.shape[1]), patterns[0])


def simulated(dilution, seeds=5):
    found = []
    for seed in range(seeds):
        x = diluted_patterns(3, N, dilution=dilution, seed=seed)
        ends = MultitaskNetwork(N).store(x).recall(at(x, 100 + seed), seed=seed)
        found.append(np.sort(np.abs(overlap(ends, x)))[::-1])
    return np.mean(found, axis=0)


@pytest.mark.parametrize("dilution", MEASURED)
def test_overlaps(dilution):
    found = simulated(dilution)
    assert np.allclose(found, MEASURED[dilution], atol=0.03)
    assert np.allclose(found, mean_field_overlaps(3, dilution), atol=0.03)
    if dilution <= 0.5:
        assert np.allclose(found, hierarchical_overlaps(3, dilution), atol=0.03)


def test_regimes():
    golden = (np.sqrt(5) - 1) / 2
    assert hierarchical_limit(2) == 1.0 and hierarchical_limit(3) == pytest.approx(golden, abs=1e-12)
    assert hierarchical_limit(30) == pytest.approx(0.5, abs=1e-6)
    for dilution, stable in ((golden - 0.01, True), (golden + 0.01, False)):
        hierarchical, found = hierarchical_overlaps(3, dilution), mean_field_overlaps(3, dilution)
        assert np.allclose(found, hierarchical, atol=1e-9) == stable
    assert np.ptp(mean_field_overlaps(3, 0.9)) < 0.02


@pytest.mark.parametrize(("temperature", "dilution"), [(0.3, 0.0), (0.5, 0.0), (0.7, 0.0), (0.3, 0.3), (0.1, 0.3),
                                                       (0.7, 0.6)])
def test_overlaps_at_a_temperature(temperature, dilution):
    """10 copies of one state, all units at once, which has the mean field of one after the other."""
    x = diluted_patterns(2, 2000, dilution=dilution, seed=1)
    start = np.where(x[0] != 0, x[0], np.where(x[1] != 0, x[1], 1))
    net, many = MultitaskNetwork(2000).store(x), np.tile(start, (10, 1))
    ends = net.recall(many, temperature=temperature, update=Synchronous(), seed=2)
    expected = mean_field_overlaps(2, dilution, temperature=temperature)
    assert np.allclose(np.abs(overlap(ends, x)).mean(axis=0), expected, atol=0.045)


def test_mean_field_solves_its_equation():
    assert mean_field_overlaps(1, 0.0, temperature=0.7)[0] == pytest.approx(0.8286348, abs=1e-6)
    assert np.allclose(mean_field_overlaps(3, 0.6, temperature=0.5), 0.0, atol=1e-8)
    m = mean_field_overlaps(2, 0.4, temperature=0.2)
    draw = diluted_patterns(2, 400_000, dilution=0.4, seed=1)
    assert np.allclose(draw @ np.tanh(m @ draw / 0.2) / 400_000, m, atol=0.003)
    parallel = mean_field_overlaps(3, 0.8, temperature=0.05, start=[0.1, 0.1, 0.1])
    assert np.ptp(parallel) < 1e-9 and parallel[0] > 0.1


def test_draws():
    x = diluted_patterns(4, 50_000, dilution=0.3, seed=1)
    assert np.abs((x == 0).mean(axis=1) - 0.3).max() < 0.01 and np.abs(x.mean(axis=1)).max() < 0.02
    examples = noisy_examples(x, 3, quality=0.4, seed=2)
    assert examples.shape == (4, 3, 50_000) and ((examples == 0) == (x == 0)[:, None]).all()
    kept = (examples == x[:, None])[np.broadcast_to((x != 0)[:, None], examples.shape)].mean()
    assert kept == pytest.approx(0.7, abs=0.005)
    assert np.array_equal(noisy_examples(x, 2, quality=1.0), np.repeat(x[:, None], 2, axis=1))


def test_couplings_learned_from_examples_by_hand():
    eta = noisy_examples(diluted_patterns(2, 7, dilution=0.3, seed=1), 3, quality=0.5, seed=2)
    scale = 1 / (7 * (0.25 + 0.75 / 3))
    means = sum(np.outer(e.mean(axis=0), e.mean(axis=0)) for e in eta) * scale
    every = sum(np.outer(e, e) for k in eta for e in k) * scale / 3
    for net, expected in ((MultitaskNetwork(7).learn_supervised(eta, quality=0.5), means),
                          (MultitaskNetwork(7).learn_unsupervised(eta, quality=0.5), every)):
        np.fill_diagonal(expected, 0.0)
        assert np.allclose(net.couplings, expected, atol=1e-14) and net.stored == 2


def test_both_ways_to_learn_follow_the_entropy_of_the_data():
    """Overlap against rho: one curve for supervised and unsupervised, whatever the quality and the number."""
    for quality, examples in ((0.4, 10), (0.4, 20), (0.4, 50), (0.4, 200), (0.2, 100)):
        found = []
        for seed in range(2):
            x = diluted_patterns(3, N, dilution=0.0, seed=seed)
            eta = noisy_examples(x, examples, quality=quality, seed=seed)
            nets = (MultitaskNetwork(N).learn_supervised(eta, quality=quality),
                    MultitaskNetwork(N).learn_unsupervised(eta, quality=quality))
            found.append([np.diag(overlap(net.recall(x, seed=seed), x)).mean() for net in nets])
        supervised, unsupervised = np.mean(found, axis=0)
        expected = example_overlap(dataset_entropy(quality, examples))
        assert supervised == pytest.approx(unsupervised, abs=0.025)
        assert supervised == pytest.approx(expected, abs=0.04) and unsupervised == pytest.approx(expected, abs=0.04)
    assert example_overlap(0.0) == 1.0 and dataset_entropy(1.0, 1) == 0.0


ETA = np.ones((2, 3, 10))


@pytest.mark.parametrize(("error", "message", "action"), [
    (DataError, "MultitaskNetwork.store.patterns: holds 2. .* -1 or 0 or 1", lambda net: net.store(2 * ETA[0])),
    (DataError, "MultitaskNetwork.recall.cues: holds 0. .* -1 or 1", lambda net: net.recall(0 * ETA[0])),
    (DataError, "learn_supervised.examples: has shape", lambda net: net.learn_supervised(ETA[0], quality=0.5)),
    (DataError, r"examples: has shape \(2, 0, 10\)", lambda net: net.learn_unsupervised(ETA[:, :0], quality=0.5)),
    (RunError, "learn_unsupervised.quality: is 0", lambda net: net.learn_unsupervised(ETA, quality=0.0)),
    (RunError, "learn_unsupervised.quality: is 1.5", lambda net: net.learn_unsupervised(ETA, quality=1.5)),
    (RunError, r"diluted_patterns.dilution: is 1.0. A number in \[0, 1\)",
     lambda net: diluted_patterns(3, 10, dilution=1.0)),
    (RunError, "diluted_patterns.dilution: is -0.1", lambda net: diluted_patterns(3, 10, dilution=-0.1)),
    (RunError, "diluted_patterns.patterns: is 0", lambda net: diluted_patterns(0, 10, dilution=0.1)),
    (DataError, "noisy_examples.patterns: has shape", lambda net: noisy_examples(ETA, 3, quality=0.5)),
    (RunError, "noisy_examples.quality: is -0.5", lambda net: noisy_examples(ETA[0], 3, quality=-0.5)),
    (RunError, "hierarchical_overlaps.dilution: is nan", lambda net: hierarchical_overlaps(3, np.nan)),
    (RunError, "hierarchical_limit.patterns: is 1", lambda net: hierarchical_limit(1)),
    (RunError, "mean_field_overlaps.patterns: is 11", lambda net: mean_field_overlaps(11, 0.2)),
    (RunError, r"mean_field_overlaps.start: has shape \(2,\)", lambda net: mean_field_overlaps(3, 0.2, start=[1, 0])),
    (RunError, "mean_field_overlaps.start: iteration", lambda net: mean_field_overlaps(3, 0.3, temperature=0.7)),
    (RunError, "dataset_entropy.examples: is 0", lambda net: dataset_entropy(0.5, 0)),
    (DataError, "example_overlap.entropy: is negative", lambda net: example_overlap(-1.0)),
])
def test_bad_input(error, message, action):
    with pytest.raises(error, match=message):
        action(MultitaskNetwork(10))
