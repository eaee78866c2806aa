"""The Sudoku benchmark: networks of equal size, votes by energy, rows, options."""
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from benchmarks import __main__ as benchmarks
from benchmarks.akorn import command, sudoku


def test_networks_are_of_equal_size_and_see_the_same_boards():
    problem = sudoku.PROBLEMS["4x4"]
    sizes = [sum(p.numel() for p in problem.build(name, 0).parameters()) for name in sudoku.NETWORKS]
    assert max(sizes) - min(sizes) <= 2 * problem.channels
    boards, digits = problem.draw(5, 3)
    assert boards.shape == (5, 4, 4) and digits.min() == 0 and digits.max() == 3
    assert torch.equal(problem.draw(5, 3)[0], boards) and not torch.equal(problem.draw(5, 4)[0], boards)
    few = problem.draw(50, 3, fewer=True)[0]
    assert (few > 0).sum(dim=(1, 2)).max() <= problem.fewer[1] < problem.givens[0]


class Guesses:
    """Answers of the first, second, ... start are digit 0, 1, ...; energies are given per start and board."""

    def __init__(self, energies):
        self.energies, self.calls = energies, []

    def __call__(self, boards, *, steps, generator, energy):
        k = len(self.calls)
        self.calls.append((steps, energy))
        scores = torch.zeros(len(boards), 4, 2, 2)
        scores[:, k] = 1.0
        return scores, self.energies[k] if energy else None


def test_the_lowest_energy_wins_board_by_board():
    model = Guesses(torch.tensor([[1.0, -2.0, 5.0], [0.0, 3.0, 4.0], [2.0, -1.0, -9.0]]))
    found = sudoku.answers(model, torch.zeros(3, 2, 2, dtype=torch.int64), steps=7, votes=3)
    assert found[:, 0, 0].tolist() == [1, 0, 2] and model.calls == [(7, True)] * 3
    alone = Guesses(None)
    assert (sudoku.answers(alone, torch.zeros(3, 2, 2, dtype=torch.int64), steps=2, votes=1) == 0).all()
    assert alone.calls == [(2, False)]


def test_training_lowers_the_loss_and_is_repeatable():
    problem = replace(sudoku.PROBLEMS["4x4"], **{**sudoku.TINY, "updates": 30})
    for network in sudoku.NETWORKS:
        first = sudoku.train(replace(problem, updates=5), network, 0)[1]
        (one, loss), (two, again) = (sudoku.train(problem, network, 0) for _ in range(2))
        assert loss == again < first
        assert all(torch.equal(p, q) for p, q in zip(one.parameters(), two.parameters(), strict=True))


def test_rows_and_table(tmp_path, capsys):
    file = tmp_path / "rows.jsonl"
    assert benchmarks.main(["akorn", "--part", "sudoku", "--quick", "--json", "--out", str(file)]) == 0
    rows = [json.loads(line) for line in file.read_text().splitlines()][1:]
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == rows
    tests = len(sudoku.TINY["tests"])
    assert {row["part"] for row in rows} == {"sudoku"} and all(row["preliminary"] for row in rows)
    alone = sum(votes == 1 for _, votes in sudoku.TINY["tests"])
    assert [row["network"] for row in rows] == (["oscillators"] * 2 * tests + ["attention"] * 2 * alone) * 2
    assert all(0 <= row[name] <= 1 for row in rows for name in ("accuracy", "cells"))
    assert "accuracy" in sudoku.table(rows)


def options(**given):
    usual = {"parts": "sudoku", "seeds": 1, "updates": None, "threads": 1, "boards": "4x4"}
    return SimpleNamespace(**{**usual, "quick": True, "json": True, "out": None, **given})


@pytest.mark.parametrize(("given", "message"), [
    ({"parts": "chess"}, "akorn.part: there is no part 'chess'"), ({"updates": 0}, "akorn.updates: is 0"),
    ({"seeds": 0}, "akorn.seeds: is 0"), ({"boards": "5x5"}, "akorn.boards: there is no board '5x5'")])
def test_bad_options(given, message):
    with pytest.raises(ValueError, match=message):
        command.main(options(**given))
