"""When delays help and when a slow membrane does their work: classes that only the lags between spikes tell apart.

Four pairs of channels fire once per channel; the class is which pair has which of the lags -12, -5, 5 and 12 steps.
Neither rates nor coincidences carry it. A net 8-32-4 learns it with learned delays, with random delays that stay as
they are, and with none; with a membrane that forgets within a step (tau = 1.005 steps, as in the paper of the delay
layer) and with tau = 2 steps. Reported is the last epoch on samples not seen in training, nothing is selected: with the
kernel as it was trained, and with whole steps of delay, as in deployment. The Gaussian of the paper keeps sigma = 0.5;
rounding takes its breadth away, and much accuracy with it on these jittered spikes. Rounded trains what is deployed.

Run: python examples/07_lag_classes.py
"""
import math
import os
import time

import numpy as np
import torch
from torch import nn

from snn.datasets import Loader
from snn.datasets.synthetic_delays import DelayLags
from snn.neurons import LIF, LeakyReadout
from snn.train.delay import Delay, parameter_groups
from snn.train.fitting import fit
from snn.train.held import reset
from snn.train.kernels_of_delay import Gaussian, Rounded
from snn.train.layer import Layer
from snn.train.losses import CrossEntropy
from snn.train.options import Options
from snn.train.readout import SumOfSoftmax
from snn.train.surrogate import ATan

tiny = os.environ.get("SNN_TINY") == "1"
torch.set_num_threads(1)                                  # nets this small only wait for a second thread
samples, epochs, seeds = (200, 2, 1) if tiny else (1600, 80, 3)
task, loss = DelayLags(), CrossEntropy()


def net_of(tau, longest, kernel):
    tau_m = -1.0 / math.log(1.0 - 1.0 / tau)              # v <- v - v / tau + I, in steps of 1 ms
    lif = LIF(tau_m=tau_m, E_L=0.0, V_th=1.0, V_reset=0.0, t_ref=0.0)
    return nn.Sequential(
        Delay(8, 32, longest=longest, dt=1.0, kernel=kernel), Layer(lif, 32, dt=1.0, fire=ATan(5.0), detach_reset=True),
        Delay(32, 4, longest=longest, dt=1.0, kernel=kernel), Layer(LeakyReadout(tau=tau_m), 4, dt=1.0), SumOfSoftmax())


def run(tau, delays, kernel, seed):
    """Accuracy on 1000 new samples, as trained and with whole steps; ``delays``: "learned", "fixed" or "none"."""
    torch.manual_seed(seed)
    net = net_of(tau, 0.0 if delays == "none" else 30.0, kernel)
    for layer in (net[0], net[2]):
        layer.steps.requires_grad_(delays == "learned")
    groups = parameter_groups(net, lr=5e-3, ratio=20.0)
    optimiser = torch.optim.Adam(groups)
    cosine = torch.optim.lr_scheduler.LambdaLR(optimiser, [
        (lambda e: 0.5 + 0.5 * math.cos(math.pi * e / epochs)) if g["name"] == "delays" else (lambda e: 1.0)
        for g in groups])
    train = Loader(*task.draw(samples, seed=seed), batch=100, seed=seed)
    x, y = task.draw(1000, seed=seed + 1000)
    fit(net, train, loss, optimiser, epochs=epochs, options=Options(schedulers=[cosine]))
    x, y = torch.from_numpy(x).float().transpose(0, 1).contiguous(), torch.from_numpy(y)
    with torch.no_grad():
        return [loss.accuracy(reset(net.train(mode))(x), y).float().mean().item() for mode in (True, False)]


start = time.perf_counter()
print(f"accuracy, mean and sd of {seeds} seeds; chance {1 / task.classes:.2f}")
print(f"{'tau/step':>8}  {'delays':<8}{'kernel':<10}{'as trained':>15}{'whole steps':>15}   seeds, whole steps")
for tau in (1.005, 2.0):
    for delays, kernel in (("learned", Gaussian()), ("fixed", Gaussian()), ("learned", Rounded()),
                           ("fixed", Rounded()), ("none", Rounded())):
        scores = np.array([run(tau, delays, kernel, seed) for seed in range(seeds)])
        (a, b), (c, d) = scores.mean(0), scores.std(0)
        name = "" if delays == "none" else type(kernel).__name__
        print(f"{tau:>8}  {delays:<8}{name:<10}{a:>7.3f} +-{c:>5.3f}{b:>7.3f} +-{d:>5.3f}   "
              + " ".join(f"{s:.3f}" for s in scores[:, 1]), flush=True)
print(f"{time.perf_counter() - start:.0f} s")
