"""k-means for many pictures at once, each with its own number of clusters, from a fixed seed."""
import torch


def kmeans(points, k, *, seed=0, restarts=3, iterations=20):
    """Clusters of ``points`` [B, P, D]: int64 [B, P], numbers below ``k`` (int64 [B]) per row.

    Starts are drawn with probability proportional to the squared distance to those before (k-means++); the best of
    ``restarts`` by the sum of squared distances is kept. A cluster that loses all its points keeps its centre.
    """
    generator = torch.Generator().manual_seed(seed)
    best = torch.full(points.shape[:1], torch.inf, dtype=points.dtype)
    found = torch.zeros(points.shape[:2], dtype=torch.int64)
    unused = torch.arange(int(k.max())) >= k[:, None]
    for _ in range(restarts):
        centres = _starts(points, int(k.max()), generator)
        for _ in range(iterations):
            near, label = _nearest(points, centres, unused)
            member = torch.nn.functional.one_hot(label, centres.shape[1]).to(points.dtype)
            count = member.sum(dim=1)[..., None]
            centres = torch.where(count > 0, member.mT @ points / count.clamp_min(1.0), centres)
        near, label = _nearest(points, centres, unused)
        error = near.sum(dim=1)
        better = error < best
        best, found = torch.where(better, error, best), torch.where(better[:, None], label, found)
    return found


def _starts(points, k, generator):
    rows = torch.arange(len(points))
    centres = points[rows, torch.randint(points.shape[1], (len(points),), generator=generator)][:, None]
    while centres.shape[1] < k:
        distance = torch.cdist(points, centres).square().amin(dim=2)
        # Where all points are the same, any may be taken.
        chosen = torch.multinomial(distance + 1e-12, 1, generator=generator)[:, 0]
        centres = torch.cat([centres, points[rows, chosen][:, None]], dim=1)
    return centres


def _nearest(points, centres, unused):
    distance = torch.cdist(points, centres).square()
    return distance.masked_fill(unused[:, None], torch.inf).min(dim=2)
