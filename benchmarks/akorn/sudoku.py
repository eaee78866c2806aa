"""Sudoku by oscillators beside equally large iterated attention: more steps, fewer givens, votes by energy.

Both networks see the same boards in the same order, in the same number of updates of the same optimiser. ``trained``
says with how many steps: 4-12 is a random number for each update, 8 a fixed one (4x4 and seed 0 alone, to see what that
changes); 4x4-half has half the step size ``gamma``, for the oscillators alone. Test boards have as many givens as in
training, or fewer. ``accuracy`` counts a board where all its cells are right, ``cells`` counts blanks. ``steps`` are
those of the test; with ``votes`` K each board is begun K times at random and the answer of lowest final energy counts
(oscillators alone have an energy). ``cpu_min`` is the processor time of training.
"""
import math
import time
from dataclasses import dataclass, replace

import torch
from torch.nn import functional

from benchmarks import output
from benchmarks.akorn.solvers import IteratedAttention, Oscillators
from snn.datasets.sudoku import Sudoku

NETWORKS = {"oscillators": Oscillators, "attention": IteratedAttention}
COLUMNS = ("network", "board", "seed", "parameters", "updates", "trained", "gamma", "test", "givens", "steps",
           "votes", "boards", "accuracy", "cells", "loss", "cpu_min", "note")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Boards and sizes of one experiment."""

    box: tuple = (2, 2)
    givens: tuple = (8, 10)
    fewer: tuple = (4, 6)
    channels: int = 64
    steps: tuple = (4, 12)
    gamma: float = 1.0
    networks: tuple = tuple(NETWORKS)
    batch: int = 50
    updates: int = 1000
    rate: float = 2e-3
    boards: int = 400
    tests: tuple = ((4, 1), (8, 1), (16, 1), (32, 1), (64, 1), (128, 1), (8, 16), (32, 16))

    @property
    def name(self):
        side = self.box[0] * self.box[1]
        return f"{side}x{side}"

    def build(self, network, seed):
        torch.manual_seed(seed)
        how = {"gamma": self.gamma} if network == "oscillators" else {}
        return NETWORKS[network](self.box[0] * self.box[1], self.channels, **how)

    def learning_rate(self, k):
        """Learning rate of update k: risen within the first twentieth, then half a cosine down to 0."""
        return self.rate * min(1.0, 20 * (k + 1) / self.updates) * 0.5 * (1 + math.cos(math.pi * k / self.updates))

    def draw(self, n, seed, *, fewer=False):
        """Boards and solutions, the latter with digits from 0."""
        puzzles, solutions = Sudoku(box=self.box, givens=self.fewer if fewer else self.givens).draw(n, seed=seed)
        return torch.from_numpy(puzzles).long(), torch.from_numpy(solutions).long() - 1


PROBLEMS = {"4x4": Problem(), "4x4-half": Problem(gamma=0.5, networks=("oscillators",)),
            "6x6": Problem(box=(2, 3), givens=(18, 24), fewer=(11, 15), boards=200),
            "9x9": Problem(box=(3, 3), givens=(31, 42), fewer=(26, 30), updates=3000, boards=200)}
TINY = {"updates": 20, "boards": 20, "channels": 16, "batch": 20, "tests": ((8, 1), (16, 1), (8, 2))}


def train(problem, network, seed, *, say=lambda text: None):
    """``(model, loss)``: the trained network, and the mean loss of the last tenth of the updates."""
    model = problem.build(network, seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=problem.rate)
    draw, losses, chunk = torch.Generator().manual_seed(seed), [], 100
    for k in range(problem.updates):
        if k % chunk == 0:
            boards, digits = problem.draw(chunk * problem.batch, 10**6 * (seed + 1) + k // chunk)
        here = slice(k % chunk * problem.batch, (k % chunk + 1) * problem.batch)
        steps = int(torch.randint(problem.steps[0], problem.steps[1] + 1, (), generator=draw))
        loss = functional.cross_entropy(model(boards[here], steps=steps, generator=draw)[0], digits[here])
        optimiser.param_groups[0]["lr"] = problem.learning_rate(k)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        losses.append(float(loss.detach()))
        if (k + 1) % chunk == 0:
            say(f"{network}, seed {seed}: {k + 1} updates, loss {sum(losses[-chunk:]) / chunk:.4f}")
    last = losses[-max(1, problem.updates // 10):]
    return model.eval(), sum(last) / len(last)


@torch.no_grad()
def answers(model, boards, *, steps, votes, seed=0):
    """Digits [B, s, s], those of the lowest final energy among ``votes`` random starts."""
    draw = torch.Generator().manual_seed(seed)
    parts = []
    for part in boards.split(100):
        best, lowest = None, None
        for _ in range(votes):
            scores, energy = model(part, steps=steps, generator=draw, energy=votes > 1)
            digits = scores.argmax(1)
            if best is None:
                best, lowest = digits, energy
            else:
                better = energy < lowest
                best = torch.where(better[:, None, None], digits, best)
                lowest = torch.where(better, energy, lowest)
        parts.append(best)
    return torch.cat(parts)


def judge(problem, network, model):
    """Figures of one trained model, one dict per test."""
    for fewer in (False, True):
        boards, digits = problem.draw(problem.boards, -1, fewer=fewer)
        for steps, votes in problem.tests:
            if votes > 1 and network != "oscillators":
                continue
            right = answers(model, boards, steps=steps, votes=votes) == digits
            blank = boards == 0
            yield {"test": "fewer givens" if fewer else "as trained",
                   "givens": "-".join(map(str, problem.fewer if fewer else problem.givens)), "steps": steps,
                   "votes": votes, "boards": len(boards),
                   "accuracy": round(float((right | ~blank).all(dim=(1, 2)).float().mean()), 4),
                   "cells": round(float(right[blank].float().mean()), 4)}


def measure(*, seeds=3, updates=None, boards="4x4", quick=False, say=lambda text: None):
    """Rows as they are found: one per board, seed, network and test."""
    for name in filter(None, boards.split(",")):
        if name not in PROBLEMS:
            raise ValueError(f"akorn.boards: there is no board {name!r}. There are: {', '.join(PROBLEMS)}.")
    for name in filter(None, boards.split(",")):
        problem = PROBLEMS[name] if updates is None else replace(PROBLEMS[name], updates=updates)
        problem = replace(problem, **TINY) if quick else problem
        for seed in range(1 if quick else seeds):
            for steps in [problem.steps] + [(8, 8)] * (name.startswith("4x4") and seed == 0):
                for network in problem.networks:
                    yield from rows_of(replace(problem, steps=steps), network, seed, say=say)


def rows_of(problem, network, seed, *, say=lambda text: None):
    begin = time.process_time()
    model, loss = train(problem, network, seed, say=say)
    minutes = (time.process_time() - begin) / 60
    head = {"network": network, "board": problem.name, "seed": seed,
            "parameters": sum(p.numel() for p in model.parameters()), "updates": problem.updates,
            "trained": "-".join(map(str, sorted(set(problem.steps))))}
    head |= {"gamma": problem.gamma} if network == "oscillators" else {}
    for figures in judge(problem, network, model):
        yield {**head, **figures, "loss": round(loss, 5), "cpu_min": round(minutes, 2)}


def table(rows):
    return output.table(rows, COLUMNS)
