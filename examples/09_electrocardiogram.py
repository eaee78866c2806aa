"""Label every step of an electrocardiogram with a recurrent network of adaptive neurons (QT database as spikes).

Two leads, coded as level crossings, go into adaptive neurons that hear each other; a leaky readout says at every step
which of six parts of the beat it is. Time constants are learned, one per neuron. Settings and epoch are chosen by a
tenth of the training recordings, never by the test set.

Published for an adaptive recurrent network on these files: 0.84 to 0.86 of the steps. That figure leaves out the first
ten steps and counts the tenth of the steps that has no label as class 0; here it stands beside that of labelled steps.

Run: python examples/09_electrocardiogram.py        (needs ecg-qtdb-spikes/ in SNN_DATA; about ten minutes on two cores)
"""
import os

import numpy as np
import torch
from torch import nn

import snn.train as st
from snn.datasets import Loader, qtdb
from snn.errors import MissingFile
from snn.neurons import ALIF, LeakyReadout

tiny = os.environ.get("SNN_TINY") == "1"
epochs, seeds, cells = (1, (0,), 16) if tiny else (60, (0, 1, 2), 128)
RATE, FIRST = 2e-2, 10

try:
    train, test = qtdb.load()
except MissingFile as missing:
    raise SystemExit(print(missing) if tiny else f"{missing}") from None
if tiny:
    train, test = (qtdb.QTDB(part.x[:20, :200], part.y[:20, :200]) for part in (train, test))
held_out = np.arange(len(train)) % 10 == 0


def network(seed):
    torch.manual_seed(seed)
    draw = np.random.default_rng(seed)
    tau_m, tau_a = (np.exp(draw.uniform(*np.log(ends), cells)) for ends in ((8.0, 80.0), (200.0, 800.0)))
    adaptive = ALIF(E_L=0.0, V_th=1.0, V_reset=0.0, t_ref=0.0, beta=0.2, tau_m=tau_m, tau_a=tau_a)
    hidden = st.Layer(adaptive, cells, dt=qtdb.DT, fire=st.MultiGaussian(gamma=0.3), learn=("tau_m", "tau_a"))
    readout = st.Layer(LeakyReadout(tau=np.full(6, 40.0)), 6, dt=qtdb.DT, learn=("tau",))
    net = nn.Sequential(nn.Linear(4, cells), st.Recurrent(hidden), st.Linear(cells, 6), readout)
    with torch.no_grad():
        net[0].weight.mul_(3.0)
        net[0].bias.mul_(0.2)
        net[1].weight.mul_(0.3)
    return net


def loader(x, y, seed=None):
    return Loader(x, y, batch=64, seed=seed or 0, shuffle=seed is not None)


def right(output, y):
    return loss.accuracy(output[FIRST:], y[FIRST:])


loss, found = st.StepCrossEntropy(), []
validation = loader(train.x[held_out], train.y_published[held_out])
print("share of steps labelled rightly\nseed  validation    test  test, labelled steps only", flush=True)
for seed in seeds:
    net, data = network(seed), loader(train.x[~held_out], train.y_published[~held_out], seed)
    optimiser = torch.optim.Adam(net.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=epochs * len(data), pct_start=0.2)
    history = st.fit(net, data, loss, optimiser, epochs=epochs, score=right, validation=validation,
                     options=st.Options(schedulers=[st.PerBatch(schedule)], clip=1.0, seed=seed))
    net.load_state_dict(history.best_weights)
    tests = [st.evaluate(net, loader(test.x, y), score=right)["score"] for y in (test.y_published, test.y)]
    found.append((history.best["validation_score"], *tests))
    print(f"{seed:>4}  {found[-1][0]:>10.4f}  {tests[0]:>6.4f}  {tests[1]:>25.4f}", flush=True)
mean, sd = np.mean(found, axis=0), np.std(found, axis=0, ddof=not tiny)
print(f"mean  {mean[0]:>10.4f}  {mean[1]:>6.4f}  {mean[2]:>25.4f}\n  sd  {sd[0]:>10.4f}  {sd[1]:>6.4f}  {sd[2]:>25.4f}")
