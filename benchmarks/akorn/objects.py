"""Object binding: do the states of pixels tell which object a pixel belongs to? Oscillators beside ordinary units.

Grey shapes that hide parts of each other, under noise so strong that a pixel alone tells little. Both networks have the
same recurrent convolution, the same number of parameters (within 2 percent) and of steps, see the same pictures in the
same order, and learn to remove the noise; nobody tells them about objects. Then the states of the pixels of test
pictures are grouped by k-means, k being the number of objects and one for the background, and the groups are compared
with the true masks: ``fg_ari`` among the pixels of objects, ``ari`` among all. ``features`` says what is grouped: the
state after the last step, or the readout that the decoder is given; ``unit`` means that every pixel's vector is brought
to length 1 first (the oscillators' states have equal lengths anyway). ``steps`` are those of the test; in training they
are 8. Controls: networks before any training, and the noisy pixels themselves, as they are and averaged over 3 x 3.
``cpu_min`` is the processor time of training.
"""
import time
from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.nn import functional

from benchmarks import output
from benchmarks.akorn.clusters import kmeans
from benchmarks.akorn.object_nets import Oscillating, Rectifying, parameters
from snn.datasets import OverlappingShapes
from snn.train import adjusted_rand_index, foreground_ari

NETWORKS = {"oscillators": Oscillating, "ordinary": Rectifying}
COLUMNS = ("network", "trained", "seed", "parameters", "updates", "features", "steps", "pictures", "fg_ari", "ari",
           "loss", "cpu_min", "note")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Pictures and sizes of the experiment."""

    shapes: OverlappingShapes = OverlappingShapes(fill=(0.3, 1.0), outline=None)
    noise: float = 0.2
    channels: int = 16
    kernel: int = 7
    steps: int = 8
    batch: int = 16
    updates: int = 600
    rate: float = 1e-3
    pictures: int = 150
    tests: tuple = (4, 8, 16, 32)

    def build(self, network, seed):
        """The network, and the decoder that makes pictures of its readout."""
        torch.manual_seed(seed)
        net = NETWORKS[network](self.channels, self.kernel, self.steps)
        return net, nn.Sequential(nn.Conv2d(self.channels, 2 * self.channels, 1), nn.ReLU(),
                                  nn.Conv2d(2 * self.channels, 1, 1))

    def draw(self, n, seed):
        """Clean pictures [n, 1, H, W] and masks int64 [n, H W]."""
        x, mask = self.shapes.draw(n, seed=seed)
        return torch.from_numpy(x)[:, None], torch.from_numpy(mask).flatten(1).long()

    def noisy(self, x, generator):
        return x + self.noise * torch.randn(x.shape, generator=generator)


TINY = {"shapes": OverlappingShapes(size=16, radius=(3.0, 5.0), most=3, fill=(0.3, 1.0), outline=None), "channels": 8,
        "kernel": 3, "updates": 4, "batch": 4, "pictures": 6, "tests": (2, 8)}


def train(problem, network, seed, *, say=lambda text: None):
    """``(net, loss, processor time in minutes)``; the loss is the mean squared error of the last tenth."""
    (net, decode), begun = problem.build(network, seed), time.process_time()
    optimiser = torch.optim.Adam([*net.parameters(), *decode.parameters()], problem.rate)
    draw, losses, chunk = torch.Generator().manual_seed(seed), [], 100
    for k in range(problem.updates):
        if k % chunk == 0:
            pictures = problem.draw(chunk * problem.batch, 10**6 * (seed + 1) + k // chunk)[0].split(problem.batch)
        clean = pictures[k % chunk]
        loss = functional.mse_loss(decode(net(problem.noisy(clean, draw), generator=draw)[0]), clean)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        losses.append(float(loss.detach()))
        if (k + 1) % chunk == 0:
            say(f"{network}, seed {seed}: {k + 1} updates, loss {sum(losses[-chunk:]) / chunk:.5f}")
    last = losses[-max(1, problem.updates // 10):]
    return net.eval(), sum(last) / len(last), (time.process_time() - begun) / 60.0


def judge(problem, network, net, seed, tests):
    """Figures of one network, one dict per kind of features and number of steps out of ``tests``."""
    x, mask = problem.draw(problem.pictures, -1)
    draw = torch.Generator().manual_seed(seed)
    x = problem.noisy(x, torch.Generator().manual_seed(10**6))
    for steps in tests:
        for name, values in features(net, x, steps, draw).items():
            if (network, name) != ("oscillators", "unit state"):
                yield {"features": name, "steps": steps, **scores(values, mask)}


@torch.no_grad()
def features(net, x, steps, generator):
    """{what is grouped: one vector per pixel [B, H W, C]}."""
    found = [net(part, steps=steps, generator=generator) for part in x.split(50)]
    given = {}
    for name, parts in zip(("readout", "state"), zip(*found, strict=True), strict=True):
        given[name] = torch.cat(parts).flatten(2).mT
        given[f"unit {name}"] = functional.normalize(given[name], dim=2)
    return given


def scores(values, mask):
    """Means over pictures of the agreement between groups of ``values`` [B, P, D] and masks [B, P]."""
    found = kmeans(values, mask.amax(dim=1) + 1)
    return {"pictures": len(mask), "fg_ari": round(float(foreground_ari(found, mask).mean()), 4),
            "ari": round(float(adjusted_rand_index(found, mask).mean()), 4)}


def pixels(problem):
    """Rows of the control that sees noisy pixels alone."""
    x, mask = problem.draw(problem.pictures, -1)
    x = problem.noisy(x, torch.Generator().manual_seed(10**6))
    for name, values in (("noisy pixels", x), ("3 x 3 means", functional.avg_pool2d(x, 3, 1, 1))):
        yield {"network": "none", "features": name, **scores(values.flatten(2).mT, mask)}


def measure(*, seeds=3, updates=None, boards=None, quick=False, say=lambda text: None):
    """Rows: the pixels, every network before training, and after."""
    problem = replace(Problem(), **TINY) if quick else Problem()
    problem = problem if updates is None else replace(problem, updates=updates)
    yield from pixels(problem)
    for seed in range(seeds):
        for network in NETWORKS:
            net = problem.build(network, seed)[0].eval()
            head = {"network": network, "seed": seed, "parameters": parameters(net)}
            for row in judge(problem, network, net, seed, (problem.steps,)):
                yield {**head, "trained": "no", **row}
            net, loss, cpu = train(problem, network, seed, say=say)
            head = {**head, "trained": "yes", "updates": problem.updates, "loss": round(loss, 5)}
            for row in judge(problem, network, net, seed, problem.tests):
                yield {**head, **row, "cpu_min": round(cpu, 2)}


def table(rows):
    return output.table(rows, COLUMNS)
