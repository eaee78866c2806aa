"""Levels: how a graph without steps is laid out in steps, the same for writing and for reading.

Populations that reach each other stand in one loop and on one level. Within a loop a spike takes one step, between
levels as many as there are levels between; the rest of a delay is a Delay node.
"""
import numpy as np

from snn.errors import DataError


def components(n, edges):
    """The number of the loop that each of ``n`` populations stands in; ``edges`` [(from, to)]."""
    import scipy.sparse
    from scipy.sparse.csgraph import connected_components
    a, b = np.array(edges, np.int64).reshape(-1, 2).T
    matrix = scipy.sparse.coo_array((np.ones(len(a)), (a, b)), shape=(n, n))
    return connected_components(matrix.tocsr(), directed=True, connection="strong")[1]


def nearest(n, edges, loops, starts):
    """Levels by the shortest way from ``starts``, which have level 0."""
    level = _spread(_begun(n, n, loops, starts), edges, loops, np.minimum)
    level[level == n] = 1   # no start leads there
    return level


def farthest(n, edges, loops, starts):
    """Levels by the longest way."""
    return _spread(_begun(n, 1, loops, starts), edges, loops, np.maximum)


def _begun(n, elsewhere, loops, starts):
    level = np.full(n, elsewhere, np.int64)
    for start in starts:
        level[loops == loops[start]] = 0
    return level


def _spread(level, edges, loops, better):
    """Levels along all edges from loop to loop until none changes; ``better`` of the ways to a unit counts."""
    for _ in range(len(level)):
        before = level.copy()
        for a, b in edges:
            if loops[a] != loops[b]:
                inside = loops == loops[b]
                level[inside] = better(level[inside], level[a] + 1)
        if (before == level).all():
            break
    return level


def readable(n, edges, lags, loops, starts, where):
    """Levels with which no connection takes less than a step; ``lags``: the shortest Delay of each edge, in steps.

    Those of :func:`nearest` where they will do, because a graph of ours was written with them.
    Errors: DataError for a connection onto a start.
    """
    for (_, b), _ in zip(edges, lags, strict=True):
        if b in starts:
            raise DataError(f"{where}: something leads to an Input. An Input can only lead to others.")
    level = nearest(n, edges, loops, starts)
    short = any(loops[a] != loops[b] and level[b] - level[a] + lag < 1 for (a, b), lag in zip(edges, lags, strict=True))
    return farthest(n, edges, loops, starts) if short else level
