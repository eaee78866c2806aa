"""Sudoku boards: rules kept, solutions unique, the solver against boards solved elsewhere and by brute force."""
import itertools

import numpy as np
import pytest

from snn.datasets import Sudoku, sudoku
from snn.datasets.sudoku import solve
from snn.errors import DataError

# A puzzle printed in many newspapers, with its solution.
PUZZLE = "530070000600195000098000060800060003400803001700020006060000280000419005000080079"
SOLUTION = "534678912672195348198342567859761423426853791713924856961537284287419635345286179"


def board(text):
    return np.array(list(text), int).reshape(9, 9)


def keeps_the_rules(full, box):
    """Every row, column and box has each digit once."""
    rows, columns = box
    side = rows * columns
    boxes = full.reshape(-1, side // rows, rows, side // columns, columns).swapaxes(2, 3).reshape(-1, side, side)
    wanted = np.arange(1, side + 1)
    return all((np.sort(lines, axis=2) == wanted).all() for lines in (full, full.swapaxes(1, 2), boxes))


SETS = [Sudoku(box=(2, 2), givens=(4, 10)), Sudoku(box=(2, 3), givens=(10, 20)), Sudoku(box=(3, 2), givens=(12, 12)),
        Sudoku(givens=(26, 42)), Sudoku(box=(1, 3), givens=(3, 9))]


@pytest.mark.parametrize("task", SETS, ids=lambda t: "x".join(map(str, t.box)))
def test_puzzles_have_one_solution_and_it_is_the_one_given(task):
    x, y = task.draw(60, seed=0)
    low, high = task.givens
    assert keeps_the_rules(y, task.box)
    givens = (x > 0).sum(axis=(1, 2))
    assert givens.min() >= low and givens.max() <= high and (low == high or givens.min() < givens.max())
    assert (x[x > 0] == y[x > 0]).all() and x.dtype == y.dtype == np.int8 and x.shape == (60, task.side, task.side)
    found, count = solve(x, box=task.box)
    assert (count == 1).all() and (found == y).all()
    assert len(np.unique(y.reshape(60, -1), axis=0)) > (50 if task.side > 4 else 4)


def test_a_sample_depends_on_parameters_seed_and_number_alone():
    task = Sudoku(box=(2, 3), givens=(14, 20))
    (x, y), (few, _) = task.draw(40, seed=0), task.draw(9, seed=0)
    assert (few == x[:9]).all()
    for other in (task.draw(40, seed=1), Sudoku(box=(2, 3), givens=(14, 21)).draw(40, seed=0)):
        assert not (other[1] == y).all()
    assert y[0, 0].tolist() == [4, 2, 1, 6, 5, 3]    # another machine, and another version, must give the same


def test_solver_on_a_known_board():
    found, count = solve(board(PUZZLE))
    assert (found == board(SOLUTION)).all() and count == 1
    assert solve(board(SOLUTION))[1] == 1
    wrong = board(PUZZLE)
    wrong[0, 2] = 5
    assert solve(wrong)[1] == 0 and (solve(wrong)[0] == 0).all()
    blocked = board(SOLUTION)
    blocked[0, :2] = 0                               # no clash yet, but a digit that nowhere fits
    blocked[0, 2] = 5
    assert solve(blocked)[1] == 0


def test_all_4x4_boards_are_counted():
    assert solve(np.zeros((4, 4), int), box=(2, 2), limit=1000)[1] == 288
    assert solve(np.zeros((4, 4), int), box=(2, 2), limit=100)[1] == 100
    first = np.zeros((4, 4), int)
    first[0] = 1, 2, 3, 4
    assert solve(first, box=(2, 2), limit=1000)[1] == 288 // 24


def test_counts_agree_with_brute_force():
    """4x4 boards of few givens: every filling of the full list of boards that has these givens."""
    lines = list(itertools.permutations((1, 2, 3, 4)))
    full = np.array([rows for rows in itertools.product(lines, repeat=4)
                     if all(len({row[c] for row in rows}) == 4 for c in range(4))])
    full = full[[keeps_the_rules(one[None], (2, 2)) for one in full]]
    assert len(full) == 288
    draw = np.random.default_rng(0)
    puzzles = np.where(draw.random((60, 4, 4)) < 0.25, full[draw.integers(0, 288, 60)], 0)
    counts = solve(puzzles, box=(2, 2), limit=1000)[1]
    expected = [((one == 0) | (one == full)).all(axis=(1, 2)).sum() for one in puzzles]
    assert counts.tolist() == expected and min(expected) < 3 < max(expected)
    # Three givens never suffice on 4x4: tried for one board, all triples.
    triples = np.zeros((560, 16), int)
    for row, cells in zip(triples, itertools.combinations(range(16), 3), strict=True):
        row[list(cells)] = full[17].ravel()[list(cells)]
    assert solve(triples.reshape(-1, 4, 4), box=(2, 2))[1].min() == 2


def test_all_4x4_boards_are_drawn():
    """All 288 come, none much more often than another."""
    _, y = Sudoku(box=(2, 2), givens=(16, 16)).draw(20000, seed=0)
    _, often = np.unique(y.reshape(-1, 16), axis=0, return_counts=True)
    assert len(often) == 288 and often.min() > 20 and often.max() < 3 * 20000 / 288


def test_too_few_givens_are_refused_and_said():
    with pytest.raises(DataError, match=r"Sudoku.givens: are \(18, 18\), but 500 boards led to none that few"):
        Sudoku(givens=(18, 18)).draw(1, seed=0)


def test_names():
    assert sudoku.solve is solve and sudoku.Sudoku is Sudoku


@pytest.mark.parametrize(("message", "action"), [
    (r"Sudoku.givens: are \(3, 9\) .* 4 or more and at most 16", lambda: Sudoku(box=(2, 2), givens=(3, 9))),
    (r"Sudoku.givens: are \(9, 8\)", lambda: Sudoku(box=(2, 2), givens=(9, 8))),
    (r"Sudoku.givens: are \(30, 82\)", lambda: Sudoku(givens=(30, 82))),
    (r"Sudoku.givens: are \(30, 40.0\)", lambda: Sudoku(givens=(30, 40.0))),
    (r"Sudoku.givens: are 30 for", lambda: Sudoku(givens=30)),
    ("Sudoku.box: is 3. Rows and columns", lambda: Sudoku(box=3)),
    (r"Sudoku.box: is \(0, 3\)", lambda: Sudoku(box=(0, 3))),
    (r"solve.box: is \(9, 9\)", lambda: solve(board(PUZZLE), box=(9, 9))),
    ("Sudoku.draw.n: is 0", lambda: Sudoku().draw(0, seed=0)),
    (r"solve.puzzles: are int64 \[9, 9\]. Whole numbers \[..., 4, 4\]", lambda: solve(board(PUZZLE), box=(2, 2))),
    ("solve.puzzles: are float64", lambda: solve(board(PUZZLE) / 2)),
    ("solve.puzzles: hold -1 to", lambda: solve(board(PUZZLE) - 1)),
    ("solve.puzzles: hold 0 to 17", lambda: solve(board(PUZZLE) * 2 - (board(PUZZLE) > 0))),
    ("solve.limit: is 0", lambda: solve(board(PUZZLE), limit=0)),
])
def test_bad_input(message, action):
    with pytest.raises(DataError, match=message):
        action()
