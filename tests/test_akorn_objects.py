"""The benchmark of object binding: equal sizes, grouping by k-means, rows."""
from dataclasses import replace

import pytest
import torch

from benchmarks.akorn import objects
from benchmarks.akorn.clusters import kmeans
from snn.train import adjusted_rand_index

SMALL = replace(objects.Problem(), **objects.TINY)


def test_networks_are_of_equal_size_and_see_the_same_pictures():
    sizes = {name: objects.parameters(objects.Problem().build(name, 0)[0]) for name in objects.NETWORKS}
    assert max(sizes.values()) < 1.02 * min(sizes.values())
    x, mask = SMALL.draw(3, 5)
    assert x.shape == (3, 1, 16, 16) and mask.shape == (3, 256) and mask.dtype == torch.int64
    assert torch.equal(SMALL.draw(3, 5)[0], x) and not torch.equal(SMALL.draw(3, 6)[0], x)


def test_kmeans_finds_separate_groups_and_their_number():
    """Groups far apart are found exactly, each picture with its own number of them."""
    draw = torch.Generator().manual_seed(0)
    k = torch.tensor([2, 5, 3])
    truth = (torch.rand(3, 200, generator=draw) * k[:, None]).long()
    centres = 10.0 * torch.eye(5)[None].expand(3, -1, -1)
    points = centres.gather(1, truth[..., None].expand(-1, -1, 5)) + torch.randn(3, 200, 5, generator=draw)
    found = kmeans(points, k)
    assert (adjusted_rand_index(found, truth) == 1.0).all()
    assert (found.amax(dim=1) < k).all() and torch.equal(kmeans(points, k), found)


def test_kmeans_lowers_the_error_of_its_start():
    points = torch.randn(4, 300, 2, generator=torch.Generator().manual_seed(1))
    k = torch.full((4,), 6)

    def error(found):
        member = torch.nn.functional.one_hot(found, 6).float()
        centres = member.mT @ points / member.sum(1)[..., None]
        return (points - member @ centres).square().sum(dim=(1, 2))

    early, late, best = (error(kmeans(points, k, restarts=r, iterations=i)) for r, i in ((1, 1), (1, 50), (8, 50)))
    assert (late < early).all() and (best <= late + 1e-4).all()


def test_same_points_are_one_group():
    found = kmeans(torch.ones(1, 10, 3), torch.tensor([3]))
    assert len(found.unique()) == 1


def test_training_lowers_the_loss():
    problem = replace(SMALL, steps=4, rate=1e-2)
    for name in objects.NETWORKS:
        early, late = (objects.train(replace(problem, updates=k), name, 0)[1] for k in (3, 40))
        assert late < 0.7 * early, name


def test_rows_and_table():
    rows = list(objects.measure(seeds=1, quick=True))
    assert [row["features"] for row in rows[:2]] == ["noisy pixels", "3 x 3 means"]
    told = {(row["network"], row["trained"], row["features"]) for row in rows[2:]}
    assert len(told) == 14 and ("oscillators", "yes", "unit state") not in told
    assert len(rows) == 2 + 7 * (1 + len(SMALL.tests))
    assert all(-1.0 <= row[score] <= 1.0 for row in rows for score in ("fg_ari", "ari"))
    assert "fg_ari" in objects.table(rows)


def test_true_masks_score_one():
    mask = SMALL.draw(4, 0)[1]
    assert objects.scores(torch.eye(5)[mask], mask) == {"pictures": 4, "fg_ari": pytest.approx(1.0), "ari": 1.0}
