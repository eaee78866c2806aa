"""Compiled search behind :mod:`snn.datasets.sudoku`: boards as flat int8 arrays, digits left as bits."""
import numpy as np
from numba import njit

from snn import random

_bits64 = njit(random.bits64, error_model="numpy")
_kernel = njit(cache=True, error_model="numpy", nogil=True)


@njit(error_model="numpy")
def _below(key, draw, n):
    """A whole number below n."""
    return int(_bits64(key, np.uint64(draw)) >> np.uint64(33)) % n


@njit(error_model="numpy")
def _bits(mask):
    count = 0
    while mask:
        mask &= mask - 1
        count += 1
    return count


@njit(error_model="numpy")
def _nth_bit(mask, n):
    """The n-th lowest bit that is set."""
    for _ in range(n):
        mask &= mask - 1
    return mask & -mask


@njit(error_model="numpy")
def _number(bit):
    digit = 0
    while bit:
        bit >>= 1
        digit += 1
    return digit


@njit(error_model="numpy")
def _toggle(used, cell, bit, rows, columns):
    """Use the digit in the row, column and box of a cell, or free it."""
    r, c = cell // (rows * columns), cell % (rows * columns)
    used[0, r] ^= bit
    used[1, c] ^= bit
    used[2, r // rows * rows + c // columns] ^= bit


@njit(error_model="numpy")
def _free(used, cell, rows, columns):
    """The digits that a cell may still have."""
    side = rows * columns
    r, c = cell // side, cell % side
    return ~(used[0, r] | used[1, c] | used[2, r // rows * rows + c // columns]) & ((1 << side) - 1)


@njit(error_model="numpy")
def _load(grid, used, blanks, rows, columns):
    """Set down the givens in ``used`` and the others in ``blanks``; how many blanks, or -1 where givens clash."""
    n = 0
    for cell in range(len(grid)):
        if grid[cell] == 0:
            blanks[n] = cell
            n += 1
            continue
        bit = 1 << (grid[cell] - 1)
        if not _free(used, cell, rows, columns) & bit:
            return -1
        _toggle(used, cell, bit, rows, columns)
    return n


@njit(error_model="numpy")
def _choose(used, blanks, depth, n, rows, columns, barred, bar):
    """Bring the blank with the fewest digits left to ``blanks[depth]``; these digits."""
    fewest, best, chosen = 64, depth, 0
    for k in range(depth, n):
        free = _free(used, blanks[k], rows, columns)
        if blanks[k] == barred:
            free &= ~bar
        count = _bits(free)
        if count < fewest:
            fewest, best, chosen = count, k, free
            if count <= 1:
                break
    blanks[depth], blanks[best] = blanks[best], blanks[depth]
    return chosen


@njit(error_model="numpy")
def _search(board, rows, columns, limit, solution, key=0, barred=-1):
    """How many solutions ``board`` has, up to ``limit``; ``solution`` gets the first.

    Depth first, at the blank with the fewest digits left; ``key`` 0 tries digits upward, others in random order. With a
    cell ``barred``, ``solution`` is kept, and solutions that have its digit there do not count.
    """
    grid, used = board.copy(), np.zeros((3, rows * columns), np.int64)
    blanks, untried = np.empty(len(board), np.int64), np.zeros(len(board) + 1, np.int64)
    n = _load(grid, used, blanks, rows, columns)
    bar = 0 if barred < 0 else 1 << (solution[barred] - 1)
    found, draws, depth, down = 0, 0, 0 if n >= 0 else -1, True
    while depth >= 0:
        if depth == n:
            found += 1
            if found == 1 and barred < 0:
                solution[:] = grid
            if found >= limit:
                break
            depth, down = depth - 1, False
            continue
        if down:
            untried[depth] = _choose(used, blanks, depth, n, rows, columns, barred, bar)
        cell = blanks[depth]
        if grid[cell]:
            _toggle(used, cell, 1 << (grid[cell] - 1), rows, columns)
            grid[cell] = 0
        down = untried[depth] != 0
        if not down:
            depth -= 1
            continue
        which = 0 if key == 0 else _below(key, draws, _bits(untried[depth]))
        draws += 1
        bit = _nth_bit(untried[depth], which)
        untried[depth] ^= bit
        _toggle(used, cell, bit, rows, columns)
        grid[cell] = _number(bit)
        depth += 1
    return found


@njit(error_model="numpy")
def _dig(puzzle, solution, rows, columns, givens, key):
    """Blank cells in random order while the solution stays unique, down to ``givens``; how many are left."""
    cells = len(puzzle)
    order = np.arange(cells)
    for k in range(cells - 1, 0, -1):
        other = _below(key, k, k + 1)
        order[k], order[other] = order[other], order[k]
    left = cells
    for cell in order:
        if left == givens:
            break
        puzzle[cell] = 0
        if _search(puzzle, rows, columns, 1, solution, 0, cell):
            puzzle[cell] = solution[cell]
        else:
            left -= 1
    return left


@_kernel
def make(key, rows, columns, fewest, most, tries, puzzles, solutions):
    """Fill puzzles and solutions, sample by sample; the first sample without success, or -1."""
    for i in range(len(puzzles)):
        own = _bits64(key, np.uint64(i))
        givens, left = fewest + _below(own, 0, most - fewest + 1), -1
        for k in range(tries):
            puzzles[i] = 0
            filling, digging = _bits64(own, np.uint64(2 * k + 1)), _bits64(own, np.uint64(2 * k + 2))
            _search(puzzles[i], rows, columns, 1, solutions[i], filling | np.uint64(1))
            puzzles[i] = solutions[i]
            left = _dig(puzzles[i], solutions[i], rows, columns, givens, digging)
            if left == givens:
                break
        if left != givens:
            return i
    return -1


@_kernel
def solve_all(boards, rows, columns, limit, solutions, counts):
    """Count the solutions of every board, and set one of them down."""
    for i in range(len(boards)):
        counts[i] = _search(boards[i], rows, columns, limit, solutions[i])
