"""Non-negative tensor factorisation, and how well two groupings agree."""
import numpy as np

SMALL = 1e-12


def factorise(tensor, rank, seed, *, iterations=200, restarts=3):
    """Non-negative canonical polyadic factors of a tensor of three axes.

    Formula: tensor[i, j, t] ~ sum_r a[i, r] b[j, r] c[t, r], squared error, by multiplicative updates: with the other
    two factors' products k,  a <- a (tensor k) / (a k'k), and the other factors likewise.
    Returns: ``(a, b, c)`` of the best of ``restarts``; columns of a and b have length 1, the size is in c.
    """
    rng = np.random.default_rng(seed)
    best = min((_updated(tensor, [rng.random((n, rank)) for n in tensor.shape], iterations) for _ in range(restarts)),
               key=lambda factors: np.square(tensor - rebuilt(*factors)).sum())
    sizes = [np.linalg.norm(f, axis=0) + SMALL for f in best[:2]]
    return best[0] / sizes[0], best[1] / sizes[1], best[2] * sizes[0] * sizes[1]


def rebuilt(a, b, c):
    """The tensor of three factors."""
    return np.einsum("ir,jr,tr->ijt", a, b, c, optimize=True)


def _updated(tensor, factors, iterations):
    flat = [np.moveaxis(tensor, axis, 0).reshape(n, -1) for axis, n in enumerate(tensor.shape)]
    for _ in range(iterations):
        for axis in range(3):
            p, q = (factors[k] for k in range(3) if k != axis)
            product = np.einsum("ir,jr->ijr", p, q).reshape(-1, p.shape[1])
            factors[axis] *= flat[axis] @ product / (factors[axis] @ ((p.T @ p) * (q.T @ q)) + SMALL)
    return factors


def affinities(pieces):
    """Positive correlations between units in every window: [n, n, W] of windows [W, length, n].

    Units that do not change in a window are correlated with nobody; nobody with himself.
    """
    centred = pieces - pieces.mean(1, keepdims=True)
    size = np.sqrt(np.square(centred).sum(1))
    unit = np.divide(centred, size[:, None], out=np.zeros_like(centred), where=size[:, None] > 1e-9)
    found = np.maximum(np.einsum("wti,wtj->ijw", unit, unit, optimize=True), 0.0)
    found[np.arange(len(found)), np.arange(len(found))] = 0.0
    return found


def mutual_information(a, b):
    """Normalised mutual information of two labellings, 2 I(a; b) / (H(a) + H(b)); 1 where they are the same groups."""
    table = np.zeros((max(a) + 1, max(b) + 1))
    np.add.at(table, (a, b), 1 / len(a))
    rows, columns = table.sum(1), table.sum(0)
    there = table > 0
    shared = (table[there] * np.log(table[there] / np.outer(rows, columns)[there])).sum()
    entropy = -sum((p[p > 0] * np.log(p[p > 0])).sum() for p in (rows, columns))
    return float(2 * shared / entropy) if entropy > 0 else 1.0
