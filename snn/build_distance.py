"""Builds :class:`snn.distance.DistanceDependent`: candidate pairs from a grid of cells, then one draw per candidate.

Cells are at least as wide as the profile's reach, so that the partners of a neuron lie in its own and the neighbouring
cells (R. W. Hockney, J. W. Eastwood 1988, "Computer simulation using particles", chain cells). Without a reach there is
one cell, which holds everybody. The profile is called on at most some ten thousand distances at a time.
"""
import math

import numpy as np
from numba import njit

from snn.build import CELLS, bits64_kernel, indptr_of, kernel, target_dtype, uniform_kernel
from snn.csr import refuse

_GRID_AXES = 3  # more than three axes of cells would cost more cells to visit than they save


@njit(error_model="numpy", nogil=True)
def _cell(home, code, cells, period):
    """Number of the neighbouring cell ``code`` (base 3 digits: -1, 0, +1 per axis), or -1 where there is none."""
    cell = 0
    for axis in range(len(home)):
        i = home[axis] + code % 3 - 1
        code //= 3
        if cells[axis] == 1:
            if i != home[axis]:
                return -1
            i = 0
        elif period[axis] > 0:
            i = (i + cells[axis]) % cells[axis]
        elif i < 0 or i >= cells[axis]:
            return -1
        cell = cell * cells[axis] + i
    return cell


@njit(error_model="numpy", nogil=True)
def _squared_distances(point, post, a, b, period, square):
    """``square[:b - a]``: from ``point`` [d] to ``post[:, a:b]``; a loop per axis, which the compiler can vectorise."""
    square[:b - a] = 0.0
    for axis in range(len(point)):
        x = point[axis]
        others = post[axis, a:b]
        length = period[axis]
        if length > 0:
            for i in range(b - a):
                d = x - others[i]
                d -= length * np.rint(d / length)
                square[i] += d * d
        else:
            for i in range(b - a):
                d = x - others[i]
                square[i] += d * d


@kernel
def _find_near(first, pre, home, post, ids, starts, cells, period, reach, square, rows, targets, distance):
    """Pairs within reach, of rows from ``first`` on, as many whole rows as there is room for: (next row, number)."""
    total = 0
    for r in range(first, len(pre)):
        begun = total
        for code in range(3 ** home.shape[1]):
            cell = _cell(home[r], code, cells, period)
            if cell < 0:
                continue
            a, b = starts[cell], starts[cell + 1]
            if total + b - a > len(rows):
                return r, begun
            _squared_distances(pre[r], post, a, b, period, square)
            for i in range(b - a):
                rows[total] = r
                targets[total] = ids[a + i]
                distance[total] = math.sqrt(square[i])
                total += square[i] <= reach * reach
    return len(pre), total


@kernel
def _keep_drawn(key, pre_offset, post_offset, exclude_self, n_post, rows, targets, probability, codes):
    """``row * n_post + target`` of the pairs whose draw, keyed by both neurons, falls below their probability."""
    kept = 0
    for i in range(len(probability)):
        s, t = rows[i] + pre_offset, targets[i] + post_offset
        if exclude_self and s == t:
            continue
        if uniform_kernel(bits64_kernel(key, np.uint64(s)), t) < probability[i]:
            codes[kept] = np.int64(rows[i]) * n_post + targets[i]
            kept += 1
    return kept


def _grid(pre, post, period, reach):
    """Cells per axis, the cell coordinates of ``pre``, and ``post`` sorted by cell: (cells, home, ids, starts)."""
    axes = min(_GRID_AXES, post.shape[1])
    largest = int(np.ceil(len(post) ** (1 / axes)))
    cells, home, place = np.ones(axes, np.int64), np.zeros((len(pre), axes), np.int64), np.zeros(len(post), np.int64)
    for axis in range(axes):
        x, y, low, extent = pre[:, axis], post[:, axis], post[:, axis].min(), np.ptp(post[:, axis])
        if period[axis] > 0:
            x, y, low, extent = np.mod(x, period[axis]), np.mod(y, period[axis]), 0.0, period[axis]
        # A little wider than the reach, so that rounding never carries a partner two cells away.
        n = int(min(extent / (reach * 1.000001), largest))
        if n < (3 if period[axis] > 0 else 2):
            continue
        cells[axis] = n
        home[:, axis] = np.clip(np.floor((x - low) * (n / extent)), -2, n + 1)
        place = place * n + np.clip(np.floor((y - low) * (n / extent)), 0, n - 1).astype(np.int64)
    return cells, home, np.argsort(place, kind="stable"), indptr_of(np.bincount(place, minlength=cells.prod()))


def _probability(profile, distance):
    p = np.asarray(profile(distance))
    if p.shape != distance.shape:
        refuse("DistanceDependent.profile", f"gives shape {p.shape} for {distance.shape}", "Return one per distance.")
    wrong = ~((p >= 0) & (p <= 1))
    if wrong.any():
        refuse("DistanceDependent.profile", f"not a probability ({p[wrong][0]})", "Return numbers in [0, 1].")
    return p.astype(np.float64, copy=False)


def _candidates(pre, post, period, reach):
    """Groups of whole rows: row numbers, targets and distances of all pairs within reach."""
    cells, home, ids, starts = _grid(pre, post, period, reach)
    # Room for every partner of a row and for one cell more, whose entries are written before they are judged.
    room = max(CELLS, len(post) + int(np.diff(starts).max()))
    rows, targets, distance, square = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room), np.empty(room)
    post, first = np.ascontiguousarray(post[ids].T), 0
    while first < len(pre):
        first, n = _find_near(first, pre, home, post, ids, starts, cells, period, reach * (1 + 1e-12),
                              square, rows, targets, distance)
        yield rows[:n], targets[:n], distance[:n]


def by_distance(key, block, profile, pre, post, box, *, self_connections):
    """indptr and targets, drawn by distance; ``pre``, ``post`` float64 [n, d], ``box`` [d] or None."""
    counts = np.zeros(block.n_pre, np.int64)
    targets, total = np.empty(CELLS, target_dtype(block.n_post)), 0
    if not block.n_post:
        return indptr_of(counts), targets[:0]
    period = np.zeros(pre.shape[1]) if box is None else np.ascontiguousarray(box)
    codes = np.empty(max(CELLS, block.n_post), np.int64)
    reach = float(getattr(profile, "reach", math.inf))
    exclude = block.same and not self_connections
    for rows, candidates, distance in _candidates(pre, post, period, reach):
        kept = _keep_drawn(key, block.pre_offset, block.post_offset, exclude, block.n_post, rows, candidates,
                           _probability(profile, distance), codes)
        found = np.sort(codes[:kept])
        row = found // block.n_post
        np.add.at(counts, row, 1)
        if total + kept > len(targets):
            # Growing in place moves no data: the system moves pages.
            targets.resize(max(total + kept, len(targets) * 5 // 4), refcheck=False)
        targets[total:total + kept] = found - row * block.n_post
        total += kept
    targets.resize(total, refcheck=False)
    return indptr_of(counts), targets
