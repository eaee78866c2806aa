"""The classical Hopfield network against a plain loop, its energy, and the published theory of its capacity."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from snn.circuits import (
    Asynchronous,
    HopfieldNetwork,
    Synchronous,
    critical_load,
    mean_field_overlap,
    one_step_error,
    overlap,
    softmax_recall,
)
from snn.errors import DataError, NetworkError, RunError, SnnError


def patterns_of(count, n, seed):
    return np.random.default_rng(seed).choice([-1, 1], (count, n))


def test_hebb_is_the_sum_of_products_without_own_coupling():
    net, x = HopfieldNetwork(12), patterns_of(3, 12, 0)
    net.store(x[0]).store(x[1:])
    by_hand = np.array([[0.0 if i == j else sum(p[i] * p[j] for p in x) / 12 for j in range(12)] for i in range(12)])
    assert np.allclose(net.couplings, by_hand, atol=1e-15)
    assert net.stored == 3


@given(some.integers(0, 10_000), some.integers(1, 8))
def test_recall_equals_a_plain_loop(seed, count):
    n, x = 24, patterns_of(count, 24, seed)
    net, start = HopfieldNetwork(n).store(x), patterns_of(1, 24, seed + 1)[0]
    couplings = x.T @ x * (1 - np.eye(n, dtype=int))

    def aligned(field, old):
        return old if field == 0 else int(np.sign(field))

    once, draw = start.copy(), np.random.default_rng(5)
    for i in draw.permutation(n):
        once[i] = aligned(couplings[i] @ once, once[i])
    assert np.array_equal(net.recall(start, sweeps=1, seed=5), once)
    together = [aligned(field, old) for field, old in zip(couplings @ start, start, strict=True)]
    assert np.array_equal(net.recall(start, sweeps=1, update=Synchronous()), together)


@given(some.integers(0, 10_000))
def test_energy_never_rises_and_recall_ends_in_a_fixed_point(seed):
    net, state = HopfieldNetwork(40).store(patterns_of(6, 40, seed)), patterns_of(1, 40, seed + 1)[0]
    energies = [net.energy(state)]
    for sweep in range(6):
        state = net.recall(state, sweeps=1, seed=sweep)
        energies.append(net.energy(state))
    assert (np.diff(energies) <= 1e-12).all() and energies[-1] < energies[0]
    end = net.recall(state, sweeps=100)
    assert np.array_equal(net.recall(end, update=Synchronous(), sweeps=1), end)


def test_damaged_patterns_come_back_and_a_batch_is_its_rows():
    x = patterns_of(10, 300, 1)
    net, damaged = HopfieldNetwork(300).store(x), np.where(np.random.default_rng(2).random(x.shape) < 0.2, -x, x)
    states = net.recall(damaged, seed=3)
    assert np.array_equal(states, x)
    assert np.array_equal(net.recall(damaged[4], seed=3), states[4])
    assert np.array_equal(net.recall(damaged.reshape(2, 5, 300), seed=3), states.reshape(2, 5, 300))
    assert overlap(states, x).shape == (10, 10) and overlap(states[0], x[0]) == 1.0


def test_one_pattern_at_a_temperature_follows_its_mean_field():
    """m = tanh(m / T): 0.8286 at T = 0.7, nothing above T = 1."""
    x = patterns_of(1, 1000, 3)
    net, many = HopfieldNetwork(1000).store(x), np.repeat(x, 20, axis=0)
    for update in (Asynchronous(), Synchronous()):
        warm, hot = (overlap(net.recall(many, temperature=t, sweeps=15, update=update, seed=1), x[0]).mean()
                     for t in (0.7, 1.6))
        assert abs(warm - 0.8286) < 0.015 and abs(hot) < 0.03
    again = net.recall(many, temperature=0.7, sweeps=2, seed=1)
    assert np.array_equal(again, net.recall(many, temperature=0.7, sweeps=2, seed=1))
    assert not np.array_equal(again, net.recall(many, temperature=0.7, sweeps=2, seed=2))


def test_published_values_of_the_theory():
    # J. Hertz, A. Krogh, R. G. Palmer (1991), table 2.1, and D. J. Amit et al. (1985): 0.138 and an overlap of 0.967.
    assert np.allclose(one_step_error([0.105, 0.138, 0.185, 0.37, 0.61]), [0.001, 0.0036, 0.01, 0.05, 0.1], rtol=0.02)
    assert critical_load() == pytest.approx(0.1379, abs=5e-5)
    assert mean_field_overlap(critical_load() - 1e-9) == pytest.approx(0.967, abs=5e-4)
    assert mean_field_overlap(0.139) == 0.0 and mean_field_overlap(0.01) == 1.0
    m = mean_field_overlap(0.1)
    spread = np.sqrt(2 * 0.1) / (1 - np.sqrt(2 / np.pi) / _root(m, 0.1) * np.exp(-(m / _root(m, 0.1)) ** 2 / 2))
    assert _root(m, 0.1) == pytest.approx(spread / np.sqrt(2), rel=1e-9)


def _root(m, load):
    """sqrt(load r) of the three equations of the saddle point, from its overlap: m = erf(m / sqrt(2 load r))."""
    from scipy.special import erfinv
    return m / (np.sqrt(2) * erfinv(m))


def test_first_step_errs_as_often_as_the_theory_says():
    """In a finite network the crosstalk is a sum of (P - 1) (n - 1) independent signs, against n - 1."""
    from scipy.stats import binom
    n = 400
    for load in (0.15, 0.25, 0.4):
        count, wrong = round(load * n), []
        for seed in range(12):
            x = patterns_of(count, n, seed)
            wrong.append((HopfieldNetwork(n).store(x).recall(x, sweeps=1, update=Synchronous()) != x).mean())
        signs = (count - 1) * (n - 1)
        exact = binom.cdf((signs - (n - 1) - 1) // 2, signs, 0.5)
        assert abs(np.mean(wrong) - exact) < 4 * np.std(wrong, ddof=1) / np.sqrt(12)
        assert np.mean(wrong) == pytest.approx(exact, rel=0.1)
        assert exact == pytest.approx(one_step_error((count - 1) / (n - 1)), rel=0.02)


def test_capacity():
    """Overlap after recall from the pattern: the mean field below the critical load, collapse well above it."""
    found = {}
    for load in (0.05, 0.1, 0.13, 0.25):
        x = patterns_of(round(load * 1000), 1000, 7)
        ends = HopfieldNetwork(1000).store(x).recall(x[:20], sweeps=30)
        found[load] = np.diag(overlap(ends, x[:20])).mean()
    for load in (0.05, 0.1, 0.13):
        assert found[load] == pytest.approx(mean_field_overlap(load), abs=0.01)
    assert found[0.25] < 0.45


def test_softmax_recall_has_its_limits():
    assert softmax_recall(64, 1, beta=1.0, flips=0.1) == pytest.approx(1.0, abs=1e-6)
    assert softmax_recall(64, 1000, beta=1e-3, flips=0.1) < 1e-3
    nearest = [softmax_recall(32, 5000, beta=beta, flips=0.1) for beta in (2.0, 20.0, 300.0)]
    assert nearest[2] == pytest.approx(nearest[1], abs=1e-3) and nearest[2] == pytest.approx(0.8818, abs=1e-3)


GOOD = np.ones((2, 10), dtype=int)


@pytest.mark.parametrize(("error", "message", "action"), [
    (NetworkError, "HopfieldNetwork.n: is 0", lambda net: HopfieldNetwork(0)),
    (NetworkError, "HopfieldNetwork.n: is 2.5", lambda net: HopfieldNetwork(2.5)),
    (DataError, r"store.patterns: has shape \(2, 9\). .* 10 entries", lambda net: net.store(GOOD[:, :9])),
    (DataError, "store.patterns: has shape", lambda net: net.store(GOOD[None])),
    (DataError, "store.patterns: holds 0. .* -1 or 1", lambda net: net.store(0 * GOOD)),
    (DataError, "store.patterns: holds nan", lambda net: net.store(np.full(10, np.nan))),
    (DataError, "store.patterns: is a str that cannot be read as numbers", lambda net: net.store("abc")),
    (DataError, "store.patterns: is a list .* rows of equal", lambda net: net.store([[1] * 10, [1] * 9])),
    (DataError, "store.patterns: is a ndarray", lambda net: net.store(GOOD * 1j)),
    (NetworkError, "HopfieldNetwork.n: is 10000000, too many", lambda net: HopfieldNetwork(10_000_000)),
    (DataError, "recall.cues: holds 2", lambda net: net.recall(2 * GOOD)),
    (RunError, "recall.sweeps: is 0", lambda net: net.recall(GOOD, sweeps=0)),
    (RunError, "recall.temperature: is -1.0. A number 0 or above", lambda net: net.recall(GOOD, temperature=-1.0)),
    (RunError, "recall.temperature: is inf", lambda net: net.recall(GOOD, temperature=np.inf)),
    (RunError, "recall.update: is 'all'", lambda net: net.recall(GOOD, update="all")),
    (RunError, "recall.update: is <class", lambda net: net.recall(GOOD, update=Synchronous)),
    (RunError, "recall.seed: is -1", lambda net: net.recall(GOOD, seed=-1)),
    (DataError, "energy.states: has shape", lambda net: net.energy(GOOD[:, 1:])),
    (DataError, "overlap.patterns: has shape", lambda net: overlap(GOOD, GOOD[:, 1:])),
    (DataError, "one_step_error.load: is 0", lambda net: one_step_error([0.1, 0.0])),
    (DataError, "mean_field_overlap.load: is -1", lambda net: mean_field_overlap(-1.0)),
    (RunError, r"softmax_recall.flips: is 0.5. A number in \[0, 0.5\) is",
     lambda net: softmax_recall(9, 9, beta=1, flips=0.5)),
])
def test_bad_input(error, message, action):
    with pytest.raises(error, match=message) as caught:
        action(HopfieldNetwork(10))
    assert isinstance(caught.value, SnnError)
