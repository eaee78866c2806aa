"""What delays are worth on spoken digits: none, fixed random ones, learned ones, and recurrence in their place.

Hammouamri, Khalfaoui-Hassani, Masquelier 2024 ("Learning Delays in Spiking Neural Networks using Dilated Convolutions
with Learnable Spacings"), with fewer neurons, two taps per delay, and recordings moved at random. Every network has
about 71,700 parameters (a delay is one). The paper's membrane forgets at once (tau = 1.005 steps of 10 ms); the last
rows show a slower one. The epoch is chosen by a tenth of the recordings of the training speakers. The test has 200
recordings of these four and 150 of a speaker whom training never hears. Floor: ridge regression gets 0.80 and 0.22.

Run: python examples/08_delays_on_spoken_digits.py        (needs fsdd-shd/ in SNN_DATA; about 20 minutes on two cores)
"""
import os
from itertools import product
from math import log

import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

import snn.train as st
from snn.datasets import Frames, Loader, ShiftFrame, fsdd, split
from snn.errors import MissingFile
from snn.neurons import LIF, LeakyReadout
from snn.train.delay import parameter_groups

tiny = os.environ.get("SNN_TINY") == "1"
epochs, seeds, most = (1, (0,), 40) if tiny else (50, (0, 1, 2), None)
HIDDEN = {"no delays": 201, "fixed random delays": 128, "learned delays": 128, "recurrent": 131}
DT, FAST, SLOW = 10.0, 1.005, 3.0            # ms; tau in steps, as in v <- v - v / tau
frames, moved = Frames(dt=DT, steps=100, group=5), ShiftFrame(steps=5, channels=4)

try:
    train, test = (part.take(slice(0, most)) for part in fsdd.full())
except MissingFile as missing:
    raise SystemExit(print(missing) if tiny else f"{missing}") from None


def synapses(arm, n_in, n_out):
    layer = (st.Linear(n_in, n_out, bias=False) if arm in ("no delays", "recurrent") else
             st.Delay(n_in, n_out, longest=240.0, dt=DT, kernel=st.SmoothedGradient()))
    nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
    if arm == "fixed random delays":
        layer.steps.requires_grad_(False).round_()        # whole steps in training, as in the test
    return layer


def network(arm, steps, seed):
    """``steps``: tau of the hidden neurons. The readout always forgets at once; a slow one did worse in validation."""
    torch.manual_seed(seed)
    n, (tau, fast), parts = HIDDEN[arm], (-DT / log(1.0 - 1.0 / k) for k in (steps, FAST)), []
    for n_in in (140, n):
        lif = LIF(E_L=0.0, V_th=1.0, V_reset=0.0, t_ref=0.0, tau_m=tau)
        cells = st.Layer(lif, n, dt=DT, fire=st.ATan(5.0), detach_reset=True)
        parts += [synapses(arm, n_in, n), st.Folded(nn.BatchNorm1d(n)),
                  st.Recurrent(cells) if arm == "recurrent" else cells, st.Dropout(0.25)]
    return nn.Sequential(*parts, synapses(arm, n, 10), st.Layer(LeakyReadout(tau=fast), 10, dt=DT), st.SumOfSoftmax())


def trained(net, seed):
    """Share right in validation, after the epoch in which it is best, and in the two parts of the test."""
    rows, held_out = split(train.labels, train.speakers, share=0.1, seed=seed)
    data = Loader(x[rows], train.labels[rows], batch=32, seed=seed, transform=moved)
    validation = Loader(x[held_out], train.labels[held_out], batch=100, seed=0, shuffle=False)
    optimiser = torch.optim.Adam(parameter_groups(net, lr=5e-3, ratio=20.0, weight_decay=1e-5))
    cycle = OneCycleLR(optimiser, [group["lr"] for group in optimiser.param_groups], total_steps=epochs * len(data))
    history = st.fit(net, data, loss, optimiser, epochs=epochs, validation=validation, score=loss.accuracy,
                     options=st.Options(schedulers=[st.PerBatch(cycle)], seed=seed))
    net.load_state_dict(history.best_weights)
    return [history.best["validation_score"], *(st.evaluate(net, part, score=loss.accuracy)["score"] for part in tests)]


x, loss, new = frames(train), st.CrossEntropy(), test.speakers == fsdd.UNSEEN
tests = [Loader(frames(test.take(part)), test.labels[part], batch=100, seed=0, shuffle=False) for part in (~new, new)]
print("share right, mean +- sd of the seeds\nnetwork              tau/step  hidden  parameters       validation   "
      "known speakers   unseen speaker", flush=True)
for steps, arm in product((FAST, SLOW), HIDDEN):
    found = [trained(net := network(arm, steps, seed), seed) for seed in seeds]
    shares = zip(np.mean(found, axis=0), np.std(found, axis=0, ddof=not tiny), strict=True)
    print(f"{arm:<20} {steps:>8} {HIDDEN[arm]:>7} {sum(p.numel() for p in net.parameters()):>11,}",
          *(f" {mean:.3f} +- {sd:.3f}" for mean, sd in shares), flush=True)
