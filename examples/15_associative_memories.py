"""Four associative memories, each beside its theory: what they hold, and how they fail when there is too much.

1. The classical Hopfield network, if large, loses all patterns at once above 0.138 patterns per unit.
2. One step of softmax retrieval (modern Hopfield) holds thousands of patterns in 64 bits, if beta is large enough.
3. Cliques, learned from noisy presentations, end as the matrix of clean storage, and fill in what a message lacks.
4. Patterns that leave units out are recalled several at a time by the multitasking network.
In the picture points are measured and lines are theory.

Run: python examples/15_associative_memories.py [FOLDER]     The picture goes into FOLDER (default: a temporary folder).
"""
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

import snn.circuits as sc
from snn.train import retrieve

tiny = os.environ.get("SNN_TINY") == "1"
folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
draw = np.random.default_rng(1)
figure = Figure(figsize=(9, 7), layout="constrained")
(classical, modern), (cliques, multitask) = figure.subplots(2, 2)


def panel(ax, title, x, y, found, theory, label="measured"):
    """Points for what was measured, a line for the theory."""
    line, = ax.plot(*theory, linewidth=1)
    ax.plot(*found, "o", color=line.get_color(), label=label)
    ax.set(title=title, xlabel=x, ylabel=y)
    ax.legend(frameon=False)


n, loads, overlaps = (200 if tiny else 1000), np.array([0.03, 0.08, 0.11, 0.13, 0.14, 0.15, 0.17, 0.2]), []
for load in loads:
    x = draw.choice([-1, 1], (round(load * n), n))
    overlaps.append(np.diag(sc.overlap(sc.HopfieldNetwork(n).store(x).recall(x[:10], sweeps=40), x[:10])).mean())
grid = np.linspace(0.02, 0.2, 200)
panel(classical, "Hopfield", "patterns per unit", "overlap", (loads, overlaps), (grid, sc.mean_field_overlap(grid)))
print(f"Hopfield: overlap {overlaps[2]:.3f} at load 0.11, {overlaps[-1]:.3f} at 0.2; limit {sc.critical_load():.3f}")

betas, x = np.geomspace(0.08, 1.0, 4 if tiny else 8), torch.from_numpy(draw.choice(np.float32([-1, 1]), (5000, 64)))
few = x[:100 if tiny else 1000]
cues = torch.where(torch.from_numpy(draw.random(few.shape)) < 0.1, -few, few)
exact = [float((retrieve(cues, x, beta=beta).sign() == few).all(dim=1).float().mean()) for beta in betas]
theory = [sc.softmax_recall(64, 5000, beta=beta, flips=0.1) for beta in betas]
panel(modern, "softmax, 5,000 patterns", "beta", "exact recall", (betas, exact), (betas, theory))
print(f"softmax: {exact[-1]:.1%} of 5,000 patterns of 64 bits back at beta 1")

counts, errors = (300, 1000) if tiny else (500, 1000, 1500, 2000, 2500, 3000, 3500, 4000), []
for count in counts:
    messages = draw.integers(0, 64, (count, 8))
    damaged = np.where(np.arange(8) == 7, -1, messages)
    errors.append((sc.ClusteredMemory(8, 64).store(messages).recall(damaged) != messages).any(axis=1).mean())
theory = [1 - sc.clique_recall_by_use(count, 8, 64, erased=1) for count in counts]
panel(cliques, "cliques, one cluster of 8 erased", "messages", "retrieval error", (counts, errors), (counts, theory))
clean, noisy = sc.ClusteredMemory(8, 64).store(messages[:200]), sc.ClusteredMemory(8, 64, threshold=8)
noisy.observe(messages[:200], presentations=30, erasure=0.1, insertion=0.001, seed=1)
print(f"cliques: {(clean.connections != noisy.connections).sum()} connections differ after learning under noise")

dilutions, found = np.array([0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]), []
for dilution in dilutions:
    x = sc.diluted_patterns(3, n, dilution=dilution, seed=1)
    ends = sc.MultitaskNetwork(n).store(x).recall(np.where(x[0] == 0, draw.choice([-1, 1], n), x[0]))
    found.append(np.sort(np.abs(sc.overlap(ends, x)))[::-1])
expected = np.array([sc.mean_field_overlaps(3, dilution) for dilution in dilutions])
for k, measured in enumerate(np.transpose(found)):
    theory = expected[:, k]
    panel(multitask, "multitasking", "dilution", "overlap", (dilutions, measured), (dilutions, theory), f"m{k + 1}")
print(f"multitasking, dilution 0.4: overlaps {np.round(found[2], 2).tolist()}, theory {expected[2].round(2).tolist()}")

folder.mkdir(parents=True, exist_ok=True)
figure.savefig(folder / "memories.png", dpi=120)
print(f"picture: {folder / 'memories.png'}")
