"""Oscillators solve Sudoku: 4x4 boards, trained with 4 to 12 steps, tested with more steps and on harder boards.

Every cell is 16 oscillators of 4 numbers. Given cells begin with the embedding of their digit, blank ones at random;
attention couples all. The answer is read from the lengths of mixtures of oscillators. Training takes about a minute.

Run: python examples/22_sudoku.py [FOLDER]     The picture goes into FOLDER (default: a temporary folder).
"""
import os
import sys
import tempfile
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import nn

from snn.datasets import Sudoku
from snn.train import AttentionCoupling, FeedForward, KuramotoLayer, NormReadout, PairBias, oscillators

tiny = os.environ.get("SNN_TINY") == "1"
folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
updates, batch, channels = (10, 20, 16) if tiny else (700, 50, 64)
torch.manual_seed(0)
draw = torch.Generator().manual_seed(0)


class Solver(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(5, channels)             # blank, 1, 2, 3, 4
        coupling = AttentionCoupling(channels, heads=4, positions=PairBias(4, 4, heads=4))
        self.layer = KuramotoLayer(channels, 4, coupling, steps=8)
        self.readout = nn.Sequential(NormReadout(channels, channels, n=4), FeedForward(channels, 4))

    def forward(self, boards, steps=None, energy=False):
        c = self.embedding(boards).movedim(-1, 1)              # [B, channels, 4, 4]
        blank = (boards == 0)[:, None]
        start = torch.where(blank, oscillators(c.shape, 4, generator=draw, like=c), c)
        run = self.layer(c, start, steps=steps, energy=energy)
        return self.readout(run.x), run.energy


def boards_of(n, seed, givens):
    puzzles, solutions = Sudoku(box=(2, 2), givens=givens).draw(n, seed=seed)
    return torch.from_numpy(puzzles).long(), torch.from_numpy(solutions).long() - 1


solver = Solver()
optimiser = torch.optim.Adam(solver.parameters(), lr=2e-3)
rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=updates, pct_start=0.05)
puzzles, solutions = boards_of(updates * batch, 0, (8, 10))
for k in range(updates):
    here = slice(k * batch, (k + 1) * batch)
    steps = int(torch.randint(4, 13, (), generator=draw))   # with a fixed number the answer is right at that step alone
    loss = nn.functional.cross_entropy(solver(puzzles[here], steps)[0], solutions[here])
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(solver.parameters(), 1.0)
    optimiser.step()
    rate.step()
    if (k + 1) % 100 == 0:
        print(f"{k + 1} updates, loss {float(loss.detach()):.3f}", flush=True)

steps, figure = [1, 2, 4] if tiny else [1, 2, 4, 8, 16, 32, 64], Figure(figsize=(7, 3), layout="constrained")
left, right = figure.subplots(1, 2)
with torch.no_grad():
    for name, givens, seed in (("8 to 10 givens", (8, 10), 1), ("4 to 6 givens", (4, 6), 2)):
        puzzles, solutions = boards_of(20 if tiny else 300, seed, givens)
        solved = [float((solver(puzzles, t)[0].argmax(1) == solutions).all(dim=(1, 2)).float().mean()) for t in steps]
        print(f"{name}, boards solved with T steps:", *(f"{s:.3f} ({t})" for t, s in zip(steps, solved, strict=True)))
        left.plot(steps, solved, "o-", label=name)
    energy = solver(puzzles[:20], steps=16, energy=True)[1]
left.axvspan(4, 12, color="#eeeeee", lw=0)
left.set(xlabel="steps", xscale="log", ylabel="boards solved", ylim=(0, 1.02), title="trained with 4 to 12 steps")
left.legend(frameon=False)
right.plot(energy, color="#0072b2", lw=0.6)
right.set(xlabel="step", ylabel="energy", title="20 boards")
folder.mkdir(parents=True, exist_ok=True)
figure.savefig(folder / "sudoku.png", dpi=120)
print(f"picture: {folder / 'sudoku.png'}")
