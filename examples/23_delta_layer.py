"""A network that sends changes only, trained to send fewer: films of drifting blobs, told apart by their direction.

Each of the two layers rounds what it is given to whole steps, sends differences in time, and the next layer adds them
up. A penalty on the mean size of the differences makes them rare: the steps grow, and units learn to hold still.
Dense work is one product per weight and frame.

Run: python examples/23_delta_layer.py
"""
import os

import torch
from torch import nn

from snn.datasets import MovingBlobs
from snn.train import Accumulated, CrossEntropy, DeltaActivation, Mean, Messages, Options, count_messages, fit, scope

tiny = os.environ.get("SNN_TINY") == "1"
films, epochs, seeds = (64, 2, 1) if tiny else (512, 30, 3)
task, loss = MovingBlobs(), CrossEntropy()


def batches(seed):
    x, y = task.draw(films, seed=seed)
    x, y = torch.from_numpy(x).flatten(2).movedim(1, 0), torch.from_numpy(y)
    return list(zip(x.split(32, dim=1), y.split(32), strict=True))


def trained(weight, seed):
    """A network after training with this weight of the penalty."""
    torch.manual_seed(seed)
    net = nn.Sequential(DeltaActivation(0.1), Accumulated(nn.Linear(256, 64)), nn.ReLU(),
                        DeltaActivation(0.1), Accumulated(nn.Linear(64, 4)), Mean())
    options = Options(regularisers=[Messages(["0", "3"], weight=weight)] if weight else [])
    fit(net, batches(2 * seed), loss, torch.optim.Adam(net.parameters(), 3e-3), epochs=epochs, options=options)
    return net.eval()


@torch.no_grad()
def tested(net, seed):
    """Accuracy, messages per frame of both layers, and products per frame: with messages, and dense."""
    right = []
    with count_messages(net) as counted:
        for x, y in batches(2 * seed + 1):
            with scope(net):
                right.append((net(x).argmax(1) == y).float().mean())
    frames = films * task.steps
    macs, dense = (sum(getattr(counted[name], what) for name in ("1", "4")) for what in ("macs", "dense_macs"))
    return (torch.stack(right).mean().item(), counted["0"].messages / frames, counted["3"].messages / frames,
            macs / dense, counted["0"].temporal, counted["3"].temporal, counted["3"].spatial)


print("weight  accuracy  messages per frame      products    unchanged          zero")
print("                  input       hidden      of dense    input     hidden   hidden")
for weight in (0.0, 1e-4, 1e-3, 1e-2, 1e-1, 1.0):
    rows = torch.tensor([tested(trained(weight, seed), seed) for seed in range(seeds)])
    accuracy, first, second, work, still, hidden, zero = rows.mean(dim=0).tolist()
    print(f"{weight:6g}  {accuracy:8.3f}  {first:5.1f} of 256  {second:5.2f} of 64  {work:8.3f}    {still:.3f}     "
          f"{hidden:.3f}    {zero:.3f}", flush=True)
