"""Sudoku boards with exactly one solution, made and solved here, of any box: 4x4, 6x6, 9x9 and beyond.

Example::

    train, harder = Sudoku(givens=(31, 42)), Sudoku(givens=(26, 30))
    puzzles, solutions = train.draw(1000, seed=0)          # int8 [1000, 9, 9] each; 0 is a blank
    again, count = solve(puzzles)                          # the same solutions; count is 1 everywhere
"""
from dataclasses import dataclass

import numpy as np

from snn.errors import DataError
from snn.random import stream

FEWEST = {(2, 2): 4, (2, 3): 8, (3, 2): 8, (3, 3): 17}
"""The fewest givens with which a solution can be unique, where that is known."""
_TRIES = 500


@dataclass(frozen=True, kw_only=True)
class Sudoku:
    """Boards of which some cells are given; the others follow.

    What it is
        Every row, column and box of a board holds each digit 1..N once, N being the cells of a box. A full board is
        filled by a search that takes the cell with the fewest digits left and a random one of them. Then cells are
        blanked in random order, each only if the solution stays unique, until the wanted number is left; where none can
        be blanked any more, it is begun again with another board. The number of givens is uniform in ``givens``.
        Neither full boards nor puzzles are exactly uniform among all there are.
    Known answers
        :func:`solve` finds one solution of every puzzle. There are 288 full 4x4 boards, 28,200,960 of 6x6 and about
        6.67e21 of 9x9, so that a 4x4 solution has been seen in any longer training, a 9x9 one never.

    Parameters
        box     rows and columns of a box: (2, 2) for 4x4, (2, 3) for 6x6, (3, 3) for 9x9
        givens  fewest and most givens. The fewest possible are 4 (4x4), 8 (6x6) and 17 (9x9), but those are too rare to
                be found here: down to 4, 9 and 24 this is fast.

    Shapes: x, y int8 [n, N, N], blanks 0, y the solutions.
    Errors: :class:`~snn.errors.DataError` for boxes and givens that cannot be, and for givens so few that 500
    boards did not lead to them.

    ``draw(n, seed=s)``: sample i depends on (parameters, seed, i) alone. The first call compiles, for some seconds.
    """

    box: tuple = (3, 3)
    givens: tuple = (31, 42)

    def __post_init__(self):
        box, cells = _checked_box(self.box, "Sudoku"), self.side**2
        pair = isinstance(self.givens, tuple) and len(self.givens) == 2
        low, high = self.givens if pair else (None, None)
        least = FEWEST.get(box, 1)
        if not (type(low) is type(high) is int and least <= low <= high <= cells):
            raise DataError(f"Sudoku.givens: are {self.givens} for a box of {self.box}. Two whole numbers are "
                            f"expected, fewest and most, {least} or more and at most {cells}.")

    @property
    def side(self):
        """Rows of a board, its columns, and its digits."""
        return self.box[0] * self.box[1]

    def draw(self, n, *, seed):
        """``(puzzles, solutions)`` of ``n`` samples."""
        if not (isinstance(n, int | np.integer) and n >= 1):
            raise DataError(f"Sudoku.draw.n: is {n}. It must be a whole number, 1 or more.")
        from snn.datasets.sudoku_search import make
        solutions = np.zeros((n, self.side**2), np.int8)
        puzzles = np.zeros_like(solutions)
        failed = make(stream(seed, repr(self)), *self.box, *self.givens, _TRIES, puzzles, solutions)
        if failed >= 0:
            raise DataError(f"Sudoku.givens: are {self.givens}, but {_TRIES} boards led to none that few (sample "
                            f"{failed}). Give more.")
        shape = (n, self.side, self.side)
        return puzzles.reshape(shape), solutions.reshape(shape)


def solve(puzzles, *, box=(3, 3), limit=2):
    """Solutions of boards, and how many each has.

    Parameters: ``puzzles`` whole numbers [..., N, N], blanks 0; ``box``, rows and columns of a box; ``limit``, where
    counting ends: with 2, a count of 1 says that the solution is unique.

    Returns: ``(solutions, counts)``: int8 as puzzles, one solution each (all 0 where there is none); int64 [...].

    Errors: :class:`~snn.errors.DataError` for shapes and digits. A given that contradicts another is no error: such a
    board has no solution.

    Example: ``solve(puzzle)[1] == 1``
    """
    box = _checked_box(box, "solve")
    boards = _checked_boards(puzzles, box, "solve.puzzles")
    if not (isinstance(limit, int | np.integer) and limit >= 1):
        raise DataError(f"solve.limit: is {limit}. It must be a whole number, 1 or more.")
    from snn.datasets.sudoku_search import solve_all
    flat = boards.reshape(-1, boards.shape[-1]**2)
    solutions, counts = np.zeros_like(flat), np.zeros(len(flat), np.int64)
    solve_all(flat, *box, limit, solutions, counts)
    return solutions.reshape(boards.shape), counts.reshape(boards.shape[:-2])


def _checked_box(box, where):
    if not (isinstance(box, tuple) and len(box) == 2 and all(type(k) is int and 1 <= k <= 5 for k in box)
            and 2 <= box[0] * box[1] <= 25):
        raise DataError(f"{where}.box: is {box!r}. Rows and columns of a box are expected, such as (3, 3), each up "
                        "to 5.")
    return box


def _checked_boards(boards, box, where):
    side, boards = box[0] * box[1], np.asarray(boards)
    if boards.dtype.kind not in "iu" or boards.ndim < 2 or boards.shape[-2:] != (side, side):
        raise DataError(f"{where}: are {boards.dtype} {list(boards.shape)}. Whole numbers [..., {side}, {side}] are "
                        "expected.")
    if boards.size and not 0 <= boards.min() <= boards.max() <= side:
        raise DataError(f"{where}: hold {boards.min()} to {boards.max()}. 0 (blank) to {side} is expected.")
    return np.ascontiguousarray(boards, np.int8)
