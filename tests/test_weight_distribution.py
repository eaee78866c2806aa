"""What STDP makes of 1,000 Poisson inputs of one neuron, against NEST's recorded distributions and what theory says."""
import functools

import numpy as np
import pytest

from benchmarks.plasticity import weights

RULES = ("additive", "multiplicative", "power_law")


@functools.cache
def run(name, seed):
    return weights.simulate(name, weights.recorded()[0], seed)


@pytest.mark.parametrize("name", RULES)
def test_one_seed_is_as_near_to_those_of_nest_as_they_are_to_each_other(name):
    nest = weights.recorded()[1][name]
    within = [weights.distance(a, b) for k, (a, _) in enumerate(nest) for b, _ in nest[:k]]
    w, rate = run(name, 1)
    # 1.36 sqrt(2 / 1000), the 5 % point of two samples of 1,000, is 0.061.
    assert np.mean([weights.distance(w, other) for other, _ in nest]) < max(0.061, 1.5 * np.mean(within))
    rates = np.array([r for _, r in nest])
    assert abs(rate - rates.mean()) < 5 * rates.std(ddof=1)


def test_additive_rule_drives_weights_to_both_bounds():
    w, top = run("additive", 1)[0], 10.0
    near_0, middle, near_top = np.histogram(w, [0.0, 0.2 * top, 0.4 * top, 0.6 * top, 0.8 * top, top])[0][[0, 2, 4]]
    assert near_0 > 1.5 * middle and near_top > 1.2 * middle
    assert w[0] == 0.0 and w[-1] > 0.99 * top


def test_soft_bounds_leave_one_hump_at_the_balance():
    """Uncorrelated spikes balance at w_max / (1 + alpha); that inputs make the neuron fire moves it up a little."""
    meta = weights.recorded()[0]
    p, w = meta["multiplicative"]["synapse"], run("multiplicative", 1)[0]
    balance = p["Wmax"] / (1.0 + p["alpha"])
    assert balance < w.mean() < 1.04 * balance
    assert w.std() < 0.04 * p["Wmax"] and abs(np.median(w) - w.mean()) < 0.1 * w.std()


def test_power_law_balances_where_its_formula_says():
    meta = weights.recorded()[0]
    p, w = meta["power_law"]["synapse"], run("power_law", 1)[0]
    balance = p["alpha"] ** (-1.0 / (1.0 - p["mu"]))
    assert balance < w.mean() < 1.06 * balance
    assert (w > 0.5 * balance).all()


@pytest.mark.slow     # 20 s: eight runs of 100 s model time per rule
@pytest.mark.parametrize("name", RULES)
def test_statistics_over_seeds_are_those_of_nest(name):
    nest = weights.recorded()[1][name]
    rows = list(weights.compare([run(name, seed) for seed in range(1, 9)], nest))
    assert len(rows) == 11
    assert not [row for row in rows if "red" in row]


def test_distance_is_that_of_the_distribution_functions():
    assert weights.distance([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]) == 0.0
    assert weights.distance([0.0, 1.0], [2.0, 3.0]) == 1.0
    assert weights.distance([1.0, 2.0, 3.0, 4.0], [2.5, 2.5, 2.5, 5.0]) == pytest.approx(0.5)


def test_a_shifted_distribution_is_red():
    rng = np.random.default_rng(0)
    runs = [[(np.sort(rng.normal(mean, 0.5, 1000)), 20.0 + rng.normal()) for _ in range(5)] for mean in (5.0, 5.0, 5.3)]
    assert not [row for row in weights.compare(runs[0], runs[1]) if "red" in row]
    assert {"mean", "quantile 0.5"} <= {row["statistic"] for row in weights.compare(runs[0], runs[2]) if "red" in row}
