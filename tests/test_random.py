"""Random numbers keyed by (seed, what draws, element, step): uniform, uncorrelated, with the right distributions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import DT, Case, run
from scipy import stats

import snn
from snn import random
from snn.neurons import LeakyReadout, PoissonSource
from snn.run.vectors import poisson_table

N, STEPS = 256, 400


def noise(seed=1, name="a", n=N, steps=STEPS):
    """The uniform numbers that a compiled run hands to each neuron in each step, [steps, n]."""
    net = snn.Network()
    net.add(name, PoissonSource(rate=100.0), n)
    recorded = Case(net, (snn.RecordState(name, "x.noise"),), duration=steps * DT)
    return run(recorded, snn.EventDriven(threads=1), seed=seed).traces[name, "x.noise"].data


def poisson(rate, *, n=N, steps=STEPS, weight=1.0, dtype="float64"):
    """Poisson counts times the weight, [steps, n]."""
    net = snn.Network()
    net.drive(net.add("a", LeakyReadout(), n), snn.PoissonInput(rate=rate, weight=weight), port="delta")
    recorded = Case(net, (snn.RecordState("a", "x.delta"),), duration=steps * DT)
    return run(recorded, snn.EventDriven(threads=1, dtype=dtype)).traces["a", "x.delta"].data


def test_streams_are_fixed_for_ever():
    """Archived results stay reproducible: these numbers must never change."""
    assert random.stream(1, "exc", "v") == np.uint64(6810808952115716054)
    # The first output of SplitMix64 with seed 0, as published.
    assert random.bits64(np.uint64(0), np.zeros(1, np.uint64))[0] == 0xE220A8397B1DCDAF


@given(seed=st.integers(-(2**40), 2**40), scope=st.text(max_size=5))
def test_streams_differ_by_seed_and_scope(seed, scope):
    assert random.stream(seed, scope) == random.stream(seed, scope)
    assert random.stream(seed, scope) != random.stream(seed + 1, scope)
    assert random.stream(seed, scope) != random.stream(seed, scope, "x")


@given(st.lists(st.integers(0, 2**63), min_size=1, max_size=20, unique=True))
def test_a_draw_depends_on_its_element_only(elements):
    key = random.stream(0, "any")
    together = random.uniform(key, np.array(elements, np.uint64))
    alone = [random.uniform(key, np.uint64(e))[0] for e in elements]
    assert together.tolist() == alone and ((together >= 0) & (together < 1)).all()


def test_mix32_is_a_bijection_on_a_sample():
    x = random.mix32(np.arange(1 << 20, dtype=np.uint32))
    assert len(np.unique(x)) == 1 << 20


def test_normal_numbers():
    x = random.normal(random.stream(3, "n"), np.arange(100_000))
    assert stats.kstest(x, "norm").pvalue > 1e-3 and np.isfinite(x).all()


def test_compiled_noise_is_the_definition():
    k0, k1 = random.step_keys(random.stream(1, "a", "noise"), 7)
    expected = (random.bits32(k0, k1, np.arange(N)) + 1.0) * 2.0**-32
    np.testing.assert_array_equal(noise()[7], expected)


def test_noise_is_uniform():
    u = noise()
    assert ((u > 0) & (u <= 1)).all()
    assert stats.kstest(u.ravel(), "uniform").pvalue > 1e-3
    counts = np.bincount((u.ravel() * 64).astype(int).clip(0, 63), minlength=64)
    assert stats.chisquare(counts).pvalue > 1e-3
    # Every neuron and every step by itself: means within 5 standard errors.
    for axis, m in ((0, STEPS), (1, N)):
        assert np.abs(u.mean(axis) - 0.5).max() < 5 / np.sqrt(12 * m)


@pytest.mark.parametrize(
    "name, x, y",
    [
        ("neighbours", lambda u: u[:, 1:], lambda u: u[:, :-1]),
        ("neurons a vector apart", lambda u: u[:, 8:], lambda u: u[:, :-8]),
        ("successive steps", lambda u: u[1:], lambda u: u[:-1]),
        ("a chunk of steps apart", lambda u: u[16:], lambda u: u[:-16]),
    ],
)
def test_noise_is_uncorrelated(name, x, y):
    a, b = (f(noise()).ravel() for f in (x, y))
    assert abs(np.corrcoef(a, b)[0, 1]) < 4 / np.sqrt(len(a)), name
    assert abs(np.corrcoef((a - 0.5) ** 2, (b - 0.5) ** 2)[0, 1]) < 4 / np.sqrt(len(a)), name


def test_streams_of_seeds_and_populations_are_uncorrelated():
    u = noise()
    for other in (noise(seed=2), noise(name="b")):
        assert abs(np.corrcoef(u.ravel(), other.ravel())[0, 1]) < 4 / np.sqrt(u.size)


def test_two_drives_of_a_population_are_independent():
    net = snn.Network()
    a = net.add("a", LeakyReadout(), N)
    for weight in (1.0, 1000.0):
        net.drive(a, snn.PoissonInput(rate=5000.0, weight=weight), port="delta")
    recorded = Case(net, (snn.RecordState("a", "x.delta"),), duration=STEPS * DT)
    both = run(recorded, snn.EventDriven()).traces["a", "x.delta"].data.ravel()
    thousands = np.floor(both / 1000.0)
    assert abs(np.corrcoef(thousands, both - 1000.0 * thousands)[0, 1]) < 4 / np.sqrt(len(both))


@pytest.mark.parametrize("rate", [0.0, 3.0, 1000.0, 25_000.0, 400_000.0])
def test_poisson_counts(rate):
    counts, mean = poisson(rate).ravel(), rate * DT * 1e-3
    assert counts.mean() == pytest.approx(mean, abs=4.5 * np.sqrt(mean / len(counts)))
    if rate == 0:
        assert not counts.any()
        return
    spread = np.sqrt((mean + 2 * mean**2) / len(counts))
    assert counts.var() == pytest.approx(mean, abs=4.5 * spread)
    k = np.arange(counts.max() + 2)
    expected = stats.poisson.pmf(k, mean) * len(counts)
    expected[-1] = stats.poisson.sf(k[-1] - 1, mean) * len(counts)
    seen = np.bincount(counts.astype(int), minlength=len(k))
    rare = expected < 8
    groups = [np.append(x[~rare], x[rare].sum()) for x in (seen, expected)]
    if len(groups[0]) > 2:
        assert stats.chisquare(groups[0], groups[1] * groups[0].sum() / groups[1].sum()).pvalue > 1e-3


def test_poisson_weights_scale_the_counts():
    plain, weighted = poisson(9000.0), poisson(9000.0, weight=np.linspace(-1.0, 2.0, N))
    np.testing.assert_array_equal(weighted, plain * np.linspace(-1.0, 2.0, N))
    np.testing.assert_array_equal(poisson(9000.0, dtype="float32"), plain)


@pytest.mark.parametrize("mean", [0.0, 1e-6, 0.3, 7.0, 150.0])
def test_the_table_of_thresholds_gives_the_distribution(mean):
    lowest, limits = poisson_table(mean)
    # P(count > lowest + j) is the share of 32-bit numbers above threshold j.
    tail = (2.0**32 - 1 - limits.astype(float)) / 2.0**32
    np.testing.assert_allclose(tail, stats.poisson.sf(lowest + np.arange(len(limits)), mean), atol=2.0**-31)
    assert stats.poisson.cdf(lowest - 1, mean) < 2.0**-31


def test_spike_source_rates():
    rates = np.array([0.0, 10.0, 100.0, 1000.0])
    net = snn.Network()
    net.add("a", PoissonSource(rate=np.repeat(rates, 100)), 400)
    spikes = run(Case(net), snn.EventDriven(), 1000.0).spikes["a"]
    seen = spikes.rate().reshape(4, 100).mean(1)
    expected = (1 - np.exp(-rates * DT / 1000.0)) * 1000.0 / DT
    np.testing.assert_allclose(seen, expected, atol=4.5 * np.sqrt(expected.max() / 100))
    assert seen[0] == 0
    assert np.nanmean(spikes.cv()[300:]) == pytest.approx(np.sqrt(np.exp(-0.1)), abs=0.02)
