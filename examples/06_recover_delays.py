"""Hidden delays, found by gradient descent: a teacher's 32 synapses, each with a weight and a delay of 0 to 24 steps.

The learner sees random spikes and what the teacher makes of them, and begins with random delays and weights of 0. With
the Gaussian kernel, whose bell shrinks from sigma = 12.3 to 0.5 steps, every delay is found. With two taps per synapse
and their own gradient (Linear) a delay feels one step to either side, and stays about where it begins. With the
gradient taken over a shrinking bell two taps (SmoothedGradient) or one (Rounded) find all or most, given delays that
move three times as fast. Rates, first weights and the pace of shrinking were chosen on teachers 0 to 7, not these.

Run: python examples/06_recover_delays.py
"""
import os
import time

import torch

from snn.datasets.synthetic_delays import DelayTeacher
from snn.train.delay import Delay, parameter_groups
from snn.train.kernels_of_delay import Gaussian, Linear, Rounded, SmoothedGradient

tiny = os.environ.get("SNN_TINY") == "1"
torch.set_num_threads(1)                                  # 32 synapses: a second thread would only wait
updates, seeds = (60, 1) if tiny else (1500, 3)
settings = [(Gaussian(share=0.9), 0.1), (SmoothedGradient(share=0.9), 0.3), (Rounded(share=0.9), 0.3), (Linear(), 0.1)]


def tensors(x, y):
    return torch.from_numpy(x).float().transpose(0, 1).contiguous(), torch.from_numpy(y).transpose(0, 1).contiguous()


def learn(task, kernel, rate, seed):
    """The layer after training with ``rate`` as learning rate of the delays."""
    x, y = tensors(*task.draw(64 if tiny else 1024, seed=seed))
    torch.manual_seed(seed)
    layer = Delay(8, 4, longest=24.0, dt=1.0, kernel=kernel)
    torch.nn.init.zeros_(layer.weight)                    # the sign of a weight is found while the bell is wide
    optimiser = torch.optim.Adam(parameter_groups(layer, lr=0.03, ratio=rate / 0.03))
    for update in range(updates):
        layer.reset()
        layer.anneal(update / updates)
        batch = torch.randint(x.shape[1], (16,))
        loss = (layer(x[:, batch]) - y[:, batch]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        layer.constrain()
    return layer


print(f"{'kernel':<18}{'seed':>5}{'delays found':>15}{'error':>12}{'variance':>10}{'seconds':>9}")
for kernel, rate in settings:
    for seed in range(100, 100 + seeds):
        start = time.perf_counter()
        task = DelayTeacher(inputs=8, outputs=4, steps=200, longest=24, rate=0.05, teacher=seed)
        layer = learn(task, kernel, rate, seed).eval()    # every delay is a whole step now
        x, y = tensors(*task.draw(64, seed=seed + 1000))  # samples not seen before
        layer.reset()
        error = (layer(x) - y).square().mean().item()
        found, size, seconds = (layer.whole_steps() == task.delays).sum(), task.delays.size, time.perf_counter() - start
        print(f"{type(kernel).__name__:<18}{seed:>5}{found:>9} of {size}{error:>12.2e}{y.var():>10.3f}{seconds:>9.1f}")
        assert tiny or found == size or not isinstance(kernel, Gaussian), "a delay was not found"
