"""Compiled and array code that turns connection rules into compressed rows (CSR).

There are no temporary edge lists. A rule whose draws belong to sources fills its rows one after the other. A rule whose
draws belong to targets runs twice over the same draws, which are a pure function of (key, element, draw number): the
first pass counts, the second puts every target into its row; rows come out sorted because targets are visited in order.
Peak memory is therefore about that of the result.

Numbers of elements in the keys are those of the whole population, not of the slice, so that the rows (or columns) of a
slice do not depend on where the slice was cut. :mod:`snn.connect` holds the rules and their documentation.
"""
import math

import numpy as np
from numba import njit

from snn import random

_NOWHERE = 1 << 40
CELLS = 1 << 16  # pairs of neurons that array code handles at a time: what fits into a core's cache
kernel = njit(cache=True, error_model="numpy", nogil=True)
bits64_kernel = njit(random.bits64, error_model="numpy", nogil=True)
unit_kernel = njit(random.unit, error_model="numpy", nogil=True)


@njit(error_model="numpy", nogil=True)
def uniform_kernel(key, index):
    return unit_kernel(bits64_kernel(key, np.uint64(index)))


@njit(error_model="numpy", nogil=True)
def _hole(element, shift, n):
    """The partner that an element must not have, or n for none."""
    hole = element + shift
    return hole if 0 <= hole < n else n


@njit(error_model="numpy", nogil=True)
def _draw(key, tag, k, hole, multi, stamp, drawn):
    """``drawn[:k]``: k of 0..n-1 without ``hole``; ``stamp``, of length n, marks what is taken.

    Few are drawn again until free; many are selected in one walk through all (Knuth, TAOCP 2, algorithm 3.4.2S).
    """
    n = len(stamp)
    m = n - 1 if hole < n else n
    if not multi and 2 * k > m:
        found = 0
        for v in range(m):
            if uniform_kernel(key, v) * (m - v) < k - found:
                drawn[found] = v if v < hole else v + 1
                found += 1
        return
    found, j = 0, 0
    while found < k:
        v = int(uniform_kernel(key, j) * m)
        v = v if v < hole else v + 1
        j += 1
        if multi or stamp[v] != tag:
            stamp[v] = tag
            drawn[found] = v
            found += 1


@njit(error_model="numpy", nogil=True)
def _sort_into(drawn, k, n, place, row):
    """Sort ``drawn[:k]`` (uniform on 0..n-1) into ``row``: into k bins, then by insertion; linear time on average."""
    place[:k + 1] = 0
    scale = k / n
    for i in range(k):
        place[int(drawn[i] * scale) + 1] += 1
    for i in range(k):
        place[i + 1] += place[i]
    for i in range(k):
        b = int(drawn[i] * scale)
        row[place[b]] = drawn[i]
        place[b] += 1
    for i in range(1, k):
        v = row[i]
        j = i
        while j > 0 and row[j - 1] > v:
            row[j] = row[j - 1]
            j -= 1
        row[j] = v


@kernel
def _fill_rows(key, offset, shift, multi, indptr, stamp, drawn, place, targets):
    for r in range(len(indptr) - 1):
        a = indptr[r]
        k = indptr[r + 1] - a
        _draw(bits64_kernel(key, np.uint64(offset + r)), r + 1, k, _hole(r, shift, len(stamp)), multi, stamp, drawn)
        _sort_into(drawn, k, len(stamp), place, targets[a:a + k])


@kernel
def _fill_columns(key, offset, shift, multi, n_post, stamp, drawn, cursor, targets):
    """Every target draws len(drawn) sources; counts them in ``cursor``, or puts targets there when there is room."""
    k = len(drawn)
    scatter = len(targets) > 0
    for t in range(n_post):
        _draw(bits64_kernel(key, np.uint64(offset + t)), t + 1, k, _hole(t, shift, len(stamp)), multi, stamp, drawn)
        for i in range(k):
            s = drawn[i]
            if scatter:
                targets[cursor[s]] = t
            cursor[s] += 1


@kernel
def _fill_bernoulli(key, offset, shift, scale, n_post, indptr, targets):
    """Jump from target to target by geometric gaps; returns how many there are, also when ``targets`` is too short."""
    total = 0
    for r in range(len(indptr) - 1):
        row_key = bits64_kernel(key, np.uint64(offset + r))
        hole = _hole(r, shift, n_post)
        last = n_post - 2 if hole < n_post else n_post - 1
        v, j = -1, 0
        while True:
            gap = math.log(1.0 - uniform_kernel(row_key, j)) * scale
            j += 1
            if gap >= last - v:
                break
            v += int(gap) + 1
            if total < len(targets):
                targets[total] = v if v < hole else v + 1
            total += 1
        indptr[r + 1] = total
    return total


@kernel
def _throw(key, n, shift, multi, n_post, counts):
    """Throw n balls at random cells of n_pre rows of n_post cells and count per row.

    Without multiple edges a cell takes one ball. Which cells of a row are taken does not matter for the counts, so the
    first ``counts[row]`` stand for them, and no cell needs to be remembered.
    """
    thrown, j = 0, 0
    while thrown < n:
        x = uniform_kernel(key, j) * len(counts)
        j += 1
        row = int(x)
        cell = (x - row) * n_post
        cells = n_post - 1 if _hole(row, shift, n_post) < n_post else n_post
        if cell < cells and (multi or cell >= counts[row]):
            counts[row] += 1
            thrown += 1


@kernel
def _counting_order(values, order, cursor):
    """Stable order of ``values`` by counting; equal ones keep the previous ``order`` (empty: as given)."""
    out = np.empty(len(values), np.int64)
    for i in range(len(values)):
        k = order[i] if len(order) > 0 else i
        out[cursor[values[k]]] = k
        cursor[values[k]] += 1
    return out


def target_dtype(n_post):
    """The smallest index type that engines know: uint16 up to 65,536 targets, else uint32."""
    return np.uint16 if n_post <= 65536 else np.uint32


def indptr_of(counts):
    """Start of every row, from the number of entries per row."""
    indptr = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=indptr[1:])
    return indptr


def _shift(own_offset, other_offset, block, self_connections):
    """Local number among the others minus local number among the own of one and the same neuron."""
    return _NOWHERE if self_connections or not block.same else own_offset - other_offset


def fixed_out_degree(key, block, degrees, *, self_connections, multi_edges):
    """Rows of ``degrees[r]`` targets each."""
    indptr = indptr_of(degrees)
    shift = _shift(block.pre_offset, block.post_offset, block, self_connections)
    stamp = np.zeros(block.n_post, np.int32)
    drawn = np.empty(int(degrees.max(initial=0)), np.int64)
    place = np.empty(len(drawn) + 1, np.int64)
    targets = np.empty(indptr[-1], target_dtype(block.n_post))
    _fill_rows(key, block.pre_offset, shift, multi_edges, indptr, stamp, drawn, place, targets)
    return indptr, targets


def fixed_in_degree(key, block, k, *, self_connections, multi_edges):
    """Columns of k sources each, stored as rows."""
    shift = _shift(block.post_offset, block.pre_offset, block, self_connections)
    drawn = np.empty(k, np.int64)

    def visit(cursor, targets):
        stamp = np.zeros(block.n_pre, np.int32)
        _fill_columns(key, block.post_offset, shift, multi_edges, block.n_post, stamp, drawn, cursor, targets)

    counts = np.zeros(block.n_pre, np.int64)
    visit(counts, np.empty(0, target_dtype(block.n_post)))
    indptr = indptr_of(counts)
    targets = np.empty(indptr[-1], target_dtype(block.n_post))
    visit(indptr[:-1].copy(), targets)
    return indptr, targets


def fixed_total(key, block, n, free, *, self_connections, multi_edges):
    """n pairs at random out of ``free[r]`` allowed ones per row: first how many each row gets, then which."""
    # A stream of its own for the counts; element numbers never reach this index.
    throw_key = random.bits64(key, np.full(1, 1 << 63, np.uint64))[0]
    shift = _shift(block.pre_offset, block.post_offset, block, self_connections)
    counts = np.zeros(block.n_pre, np.int64)
    # Above one half it is the empty cells that are thrown, so that few throws hit a taken cell.
    holes = not multi_edges and 2 * n > int(free.sum())
    _throw(throw_key, int(free.sum()) - n if holes else n, shift, multi_edges, block.n_post, counts)
    degrees = free - counts if holes else counts
    return fixed_out_degree(key, block, degrees, self_connections=self_connections, multi_edges=multi_edges)


def bernoulli(key, block, p, *, self_connections):
    """Every pair with probability p, 0 < p <= 1."""
    with np.errstate(divide="ignore"):
        scale = float(1.0 / np.log1p(-np.float64(p)))
    shift = _shift(block.pre_offset, block.post_offset, block, self_connections)
    indptr = np.zeros(block.n_pre + 1, np.int64)
    expected = block.n_pre * block.n_post * p
    # Ten standard deviations of room; memory that is never written is never occupied.
    room = int(expected + 10.0 * math.sqrt(expected) + 10)
    while True:
        targets = np.empty(room, target_dtype(block.n_post))
        total = _fill_bernoulli(key, block.pre_offset, shift, scale, block.n_post, indptr, targets)
        if total <= room:
            targets.resize(total, refcheck=False)
            return indptr, targets
        room = total


def edges(block, pre, post):
    """Rows from an edge list in any order; returns indptr, targets and the order (stable) that was applied."""
    pre, post = pre.astype(np.int64, copy=False), post.astype(np.int64, copy=False)
    none = np.empty(0, np.int64)
    by_post = _counting_order(post, none, indptr_of(np.bincount(post, minlength=block.n_post))[:-1])
    indptr = indptr_of(np.bincount(pre, minlength=block.n_pre))
    order = _counting_order(pre, by_post, indptr[:-1].copy())
    del by_post
    return indptr, post.astype(target_dtype(block.n_post))[order], order


def first_duplicate(indptr, targets):
    """(source, target) of the first pair that comes twice in sorted rows, or None."""
    equal = targets[1:] == targets[:-1]
    starts = indptr[1:-1]
    equal[starts[(starts > 0) & (starts < len(targets))] - 1] = False
    if not equal.any():
        return None
    place = int(np.argmax(equal))
    return int(np.searchsorted(indptr, place, side="right")) - 1, int(targets[place])


def dense(block, matrix):
    """Rows from the nonzero entries of a dense [post, pre] array, with their values."""
    indptr = indptr_of(np.count_nonzero(matrix, axis=0))
    targets = np.empty(indptr[-1], target_dtype(block.n_post))
    values = None if matrix.dtype == bool else np.empty(indptr[-1], matrix.dtype)
    step = max(1, CELLS // max(1, block.n_post))
    for a in range(0, block.n_pre, step):
        rows = np.ascontiguousarray(matrix[:, a:a + step].T)
        part = slice(indptr[a], indptr[min(a + step, block.n_pre)])
        targets[part] = np.nonzero(rows)[1]
        if values is not None:
            values[part] = rows[rows != 0]
    return indptr, targets, values


def sparse(block, matrix):
    """Rows from a scipy.sparse [post, pre] array; doubly stored entries are summed, stored zeros are no connections."""
    columns = matrix.tocsc(copy=matrix.format == "csc")
    columns.sum_duplicates()
    columns.eliminate_zeros()
    values = None if columns.dtype == bool else columns.data
    return columns.indptr.astype(np.int64), columns.indices.astype(target_dtype(block.n_post)), values
