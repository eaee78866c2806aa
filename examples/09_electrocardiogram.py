"""Label every step of an electrocardiogram with a recurrent network of adaptive neurons (QT database as spikes).

Two leads, coded as level crossings, go into 64 adaptive neurons that hear each other; a leaky readout says at every step
which of six parts of the beat it is. Time constants are learned, one per neuron. The epoch is chosen on a tenth of the
training recordings, never on the test set. Published for an adaptive recurrent network on these files: 0.84 to 0.86.

Run: python examples/09_electrocardiogram.py        (needs the files in SNN_DATA; about six minutes on two cores)
"""
import os

import numpy as np
import torch
from torch import nn

import snn.train as st
from snn.datasets import qtdb
from snn.datasets.loader import Loader
from snn.neurons import ALIF, LeakyReadout

tiny = os.environ.get("SNN_TINY") == "1"
epochs, seeds, cells = (1, (0,), 16) if tiny else (60, (0, 1, 2), 64)

try:
    train, test = qtdb.load()
except FileNotFoundError as missing:
    raise SystemExit(f"{missing}") from None
if tiny:
    train, test = (qtdb.QTDB(part.x[:20, :200], part.y[:20, :200]) for part in (train, test))
held_out = np.arange(len(train)) % 10 == 0


def network(seed):
    torch.manual_seed(seed)
    draw = np.random.default_rng(seed)
    adaptive = ALIF(E_L=0.0, V_th=1.0, V_reset=0.0, t_ref=0.0, beta=0.5, tau_m=draw.uniform(20.0, 120.0, cells),
                    tau_a=draw.uniform(200.0, 800.0, cells))
    hidden = st.Layer(adaptive, cells, dt=qtdb.DT, fire=st.MultiGaussian(), learn=("tau_m", "tau_a"))
    readout = LeakyReadout(tau=np.full(6, 40.0))
    net = nn.Sequential(nn.Linear(8, cells), st.Recurrent(hidden), st.Linear(cells, 6),
                        st.Layer(readout, 6, dt=qtdb.DT, learn=("tau",)))
    with torch.no_grad():
        net[0].weight.mul_(3.0)
        net[1].weight.mul_(0.3)
    return net


def loader(part, rows, seed, shuffle):
    return Loader(part.unipolar()[rows], part.y_published[rows], batch=64, seed=seed, shuffle=shuffle)


loss, everyone, found = st.StepCrossEntropy(), np.ones(len(test), bool), []
print("seed  validation  test   (share of steps labelled rightly, all 1301 steps of a recording)")
for seed in seeds:
    net = network(seed)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    history = st.fit(net, loader(train, ~held_out, seed, True), loss, optimiser, epochs=epochs, score=loss.accuracy,
                     validation=loader(train, held_out, seed, False),
                     options=st.Options(schedulers=(schedule,), clip=1.0, seed=seed))
    net.load_state_dict(history.best_weights)
    right = st.evaluate(net, loader(test, everyone, seed, False), loss, score=loss.accuracy)["score"]
    best = st.evaluate(net, loader(train, held_out, seed, False), loss, score=loss.accuracy)["score"]
    found.append(right)
    print(f"{seed:>4}  {best:>10.4f}  {right:.4f}")
print(f"mean of {len(found)}: {np.mean(found):.4f} +- {np.std(found):.4f}")
