"""Agreement of partitions: against published values and against the definition, pair by pair."""
import itertools

import numpy as np
import pytest
import torch

from snn.errors import DataError
from snn.train.scores import adjusted_rand_index, foreground_ari


def by_pairs(found, truth):
    """From all pairs of points: together in both, in one, in the other."""
    both = one = other = 0
    pairs = list(itertools.combinations(range(len(found)), 2))
    for i, j in pairs:
        a, b = found[i] == found[j], truth[i] == truth[j]
        both, one, other = both + (a and b), one + a, other + b
    chance = one * other / len(pairs)
    return (both - chance) / (0.5 * (one + other) - chance)


def from_table(table):
    """Two partitions with this table of common points."""
    rows, columns = np.indices(np.shape(table))
    return (torch.tensor(np.repeat(part.ravel(), np.ravel(table))) for part in (rows, columns))


@pytest.mark.parametrize(("table", "published"), [
    # The example of Yeung and Ruzzo (2001), "An empirical study on principal component analysis": 0.313.
    ([[1, 1, 0], [1, 2, 1], [0, 0, 4]], 0.313),
    # The 17 points of Manning, Raghavan, Schuetze (2008), chapter 16: Rand index 0.68, TP 20, FP 20, FN 24, TN 72.
    ([[5, 1, 0], [1, 4, 1], [2, 0, 3]], (20 - 40 * 44 / 136) / (42 - 40 * 44 / 136)),
])
def test_published_tables(table, published):
    found, truth = from_table(table)
    assert adjusted_rand_index(found, truth).item() == pytest.approx(published, abs=5e-4)
    assert by_pairs(found.tolist(), truth.tolist()) == pytest.approx(published, abs=5e-4)


def test_against_all_pairs_in_batches():
    draw = np.random.default_rng(0)
    found, truth = draw.integers(0, 4, (3, 5, 30)), draw.integers(-2, 3, (3, 5, 30))
    scores = adjusted_rand_index(found, truth)
    assert scores.shape == (3, 5) and scores.dtype == torch.float64
    for at in np.ndindex(3, 5):
        assert scores[at].item() == pytest.approx(by_pairs(found[at], truth[at]), abs=1e-12)
        kept = truth[at] != 0
        assert (foreground_ari(found, truth)[at].item()
                == pytest.approx(by_pairs(found[at][kept], truth[at][kept]), abs=1e-12))


def test_names_do_not_matter_and_chance_scores_nothing():
    draw = np.random.default_rng(1)
    truth = draw.integers(0, 5, (400, 50))
    assert (adjusted_rand_index(7 - 3 * truth, truth) == 1.0).all()
    assert abs(adjusted_rand_index(draw.permuted(truth, axis=1), truth).mean()) < 0.01


def test_background_does_not_count():
    truth = torch.tensor([0, 0, 0, 1, 1, 2, 2])
    assert foreground_ari(torch.tensor([5, 6, 7, 1, 1, 2, 2]), truth) == 1.0
    assert adjusted_rand_index(torch.tensor([5, 6, 7, 1, 1, 2, 2]), truth) < 1.0
    assert foreground_ari(truth * 0, truth) == 0.0
    assert foreground_ari(truth, truth, background=2) == 1.0


def test_single_groups():
    assert adjusted_rand_index(torch.zeros(4).long(), torch.zeros(4).long()) == 1.0
    assert adjusted_rand_index(torch.arange(4), torch.arange(4)) == 1.0
    assert adjusted_rand_index(torch.arange(4), torch.zeros(4).long()) == 0.0
    assert foreground_ari(torch.arange(4), torch.zeros(4).long()) == 1.0


def test_bad_input():
    with pytest.raises(DataError, match="adjusted_rand_index.found: is torch.float32"):
        adjusted_rand_index(torch.zeros(3), torch.zeros(3).long())
    with pytest.raises(DataError, match=r"foreground_ari.truth: has shape \[3\] beside found of shape \[4\]"):
        foreground_ari(torch.zeros(4).long(), torch.zeros(3).long())
