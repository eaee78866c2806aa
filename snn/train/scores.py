"""Scores of groupings: how well clusters agree with a known partition."""
import torch

from snn.errors import DataError


def adjusted_rand_index(found, truth):
    """Agreement of two partitions, corrected for chance: 1 where they are equal, 0 on average for unrelated ones.

    Formula
        With n_ij the points that are in group i of one and j of the other, a_i and b_j its sums, N points, and
        C(k) = k (k - 1) / 2:  ``(S - E) / ((A + B) / 2 - E)``, ``S = sum C(n_ij)``, ``A = sum C(a_i)``,
        ``B = sum C(b_j)``, ``E = A B / C(N)``. Where both are one single group, or both N groups of one, it is 1.

    Shapes: whole numbers [..., points], one partition per row (their names do not matter), to float64 [...].

    Errors: DataError for shapes that differ, types that are not whole numbers, or no points.

    Source: L. Hubert and P. Arabie (1985), "Comparing partitions", Journal of Classification 2:193-218.

    Example: ``adjusted_rand_index(clusters.flatten(1), masks.flatten(1)).mean()``
    """
    found, truth = _partitions("adjusted_rand_index", found, truth)
    return _index(found, truth, torch.ones_like(found, dtype=torch.bool))


def foreground_ari(found, truth, *, background=0):
    """:func:`adjusted_rand_index` of the points whose true group is not ``background`` (FG-ARI).

    Shapes and errors as there; a row without foreground has the score 1, as there is nothing to tell apart.

    Source: K. Greff et al. (2019), "Multi-object representation learning with iterative variational inference", ICML.

    Example: ``foreground_ari(clusters.flatten(1), masks.flatten(1)).mean()``
    """
    found, truth = _partitions("foreground_ari", found, truth)
    return _index(found, truth, truth != background)


def _index(found, truth, counted):
    rows = found.shape[:-1]
    found, truth, counted = (t.reshape(-1, t.shape[-1]) for t in (found, truth, counted))
    a, b = _renamed(found), _renamed(truth)
    width = int(b.max()) + 1
    table = torch.zeros(len(a), (int(a.max()) + 1) * width, dtype=torch.float64, device=a.device)
    table.scatter_add_(1, a * width + b, counted.to(torch.float64))
    table = table.unflatten(1, (-1, width))
    pairs, in_found, in_truth = (_pairs(t).flatten(1).sum(1) for t in (table, table.sum(2), table.sum(1)))
    chance = in_found * in_truth / _pairs(table.sum((1, 2))).clamp_min(1.0)
    most = 0.5 * (in_found + in_truth)
    score = torch.where(most > chance, (pairs - chance) / (most - chance).clamp_min(1e-300), 1.0)
    return score.reshape(rows)


def _pairs(n):
    return 0.5 * n * (n - 1.0)


def _renamed(groups):
    """The groups with numbers from 0 on."""
    return torch.unique(groups, return_inverse=True)[1]


def _partitions(where, found, truth):
    given = []
    for name, value in (("found", found), ("truth", truth)):
        t = torch.as_tensor(value)
        if t.is_floating_point() or t.is_complex() or t.ndim == 0 or t.shape[-1] == 0:
            raise DataError(f"{where}.{name}: is {t.dtype} of shape {list(t.shape)}. Whole numbers [..., points], one "
                            "or more points, are expected.")
        given.append(t.to(torch.int64))
    if given[0].shape != given[1].shape:
        raise DataError(f"{where}.truth: has shape {list(given[1].shape)} beside found of shape "
                        f"{list(given[0].shape)}. Both must be the same.")
    return given
