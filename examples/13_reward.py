"""The distal reward problem: which synapse earned a reward that comes seconds later, after many other spikes?

After E. M. Izhikevich (2007), Cereb. Cortex 17:2443, figure 1, in small. Every cell has 100 inputs with random spikes;
one of its synapses is marked. Whenever the cell fires within 10 ms after a spike of the marked input, a reward follows
1 to 3 s later. The pairing leaves an eligibility trace in the synapse, and dopamine turns traces into weights. Other
synapses are paired by chance, before rewards hardly more often than at other times. Beside each cell there is one with
other inputs that gets the rewards of the first (a yoked control): as much dopamine, none of it earned.

Run: python examples/13_reward.py        (about a minute)
"""
import os
from collections import defaultdict

import numpy as np

import snn
from snn.neurons import LIF, PoissonSource
from snn.plasticity import RewardSTDP

tiny = os.environ.get("SNN_TINY") == "1"
inputs, pairs, seconds = (20, 3, 20) if tiny else (100, 20, 1800)
block, window, wait, tau_dopamine, dose = 100.0, 10.0, (1000.0, 3000.0), 200.0, 1.0      # ms; dose without unit

reward = snn.Modulator(np.zeros(pairs))
rule = RewardSTDP(A_plus=0.04, A_minus=0.06, tau_e=1000.0)
net = snn.Network("reward")
source = net.add("inputs", PoissonSource(rate=1.0), 2 * inputs)
cells = net.add("cells", LIF(), 2 * pairs)
net.drive(cells, snn.PoissonInput(rate=1000.0, weight=0.5), port="delta")
for half, name in enumerate(("paired", "yoked")):
    net.connect(source[half * inputs:(half + 1) * inputs], cells[half * pairs:(half + 1) * pairs], snn.AllToAll(),
                port="delta", weight=0.5, delay=1.0, name=name, plasticity=snn.Plastic(rule, modulator=reward))

rng, due, total = np.random.default_rng(0), defaultdict(lambda: np.zeros(pairs)), np.zeros(pairs)
dopamine, heard = np.zeros(pairs), np.full(pairs, -np.inf)
# Dopamine is held constant in a block; a dose is its integral over time.
fall = np.exp(-block / tau_dopamine)
level = dose * (1.0 - fall) / block

record = [snn.RecordSpikes(name, ids=range(pairs)) for name in ("inputs", "cells")]
with snn.start(net, dt=1.0, seed=1, record=record, progress=False) as run:
    print("minute   marked synapse    other synapses   (of the paired cells, mean)")
    for number in range(round(seconds * 1000.0 / block)):
        if number % 3000 == 0:
            w = run.weights("paired").reshape(inputs, pairs)
            print(f"{number * block / 60_000:6.0f} {w.diagonal().mean():16.3f} {w.mean():17.3f}", flush=True)
        rewards = due.pop(number, 0.0)
        dopamine, total = dopamine * fall + rewards, total + rewards
        run.modulate(reward, level * dopamine)
        spikes = run.run(block).spikes
        events = [(t + 1.0, "arrives", k) for t, k in zip(*spikes["inputs"].raster(), strict=True)]
        events += [(t, "fires", k) for t, k in zip(*spikes["cells"].raster(), strict=True)]
        for t, what, k in sorted(events):
            if what == "arrives":
                heard[k] = t
            elif t - heard[k] <= window:
                heard[k] = -np.inf
                due[int((t + rng.uniform(*wait)) // block)][k] += 1.0
    weights = {name: run.weights(name).reshape(inputs, pairs) for name in ("paired", "yoked")}

print(f"{total.mean():.0f} rewards per cell. Weights in mV (at most 1), mean +- sd of {pairs} cells:")
for name, w in weights.items():
    marked, rank = w.diagonal(), 1 + (w > w.diagonal()).sum(axis=0)
    print(f"{name:<7} marked {marked.mean():.2f} +- {marked.std():.2f}, others {w.mean():.2f}, "
          f"strongest of {inputs} in {(rank == 1).sum()} of {pairs} cells")
paired, yoked = (w.diagonal() for w in weights.values())
assert tiny or (paired.mean() > 0.8 and yoked.mean() < 0.6)
