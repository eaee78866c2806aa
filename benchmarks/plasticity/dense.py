"""Pair STDP on a dense matrix in torch: our window and step forms beside ``STDPLearner`` of SpikingJelly.

Spikes of both sides are given: [T, B, 784] and [T, B, 400] at a density. With SpikingJelly a pair of spikes of one step
both potentiates and depresses, here it potentiates; but for that amount the changes of a window must agree. Then the
sides take their turns on the same windows, on torch's threads. Our step form clips and updates the weights in every
step, which theirs does not.
"""
import math
import statistics
import time

import torch

from benchmarks import output

FULL, QUICK = (100, 32, 784, 400), (10, 4, 60, 40)
TAU, A_PLUS, A_MINUS = 20.0, 0.01, 0.0105
"""Time constant in steps of ``trace <- trace - trace / tau + spike``; amounts."""
GOAL, TOLERANCE, ROUNDS = 50.0, 1e-4, 3
COLUMNS = ("density", "side", "threads", "ms", "ms_min", "ms_max", "ratio", "goal", "met", "difference", "note")


def measure(*, seeds=3, quick=False):
    """A row per density and side; ``ratio``: median time of SpikingJelly over ours. ``seeds``: windows of a density."""
    for density in (0.05, 0.2, 1.0):
        times, difference = {}, 0.0
        for seed in range(seeds):
            sides, found = prepared(density, seed, QUICK if quick else FULL)
            difference = max(difference, found)
            for _ in range(2 if quick else ROUNDS):
                for name, once in sides.items():
                    start = time.perf_counter()
                    once()
                    times.setdefault(name, []).append(1e3 * (time.perf_counter() - start))
        theirs = statistics.median(times["SpikingJelly"])
        for name, ms in times.items():
            ratio = theirs / statistics.median(ms)
            goal = {"goal": GOAL, "met": ratio >= GOAL} if name == "window" else {}
            yield {"density": density, "side": name, "threads": torch.get_num_threads(),
                   "ms": figure(statistics.median(ms)), "ms_min": figure(min(ms)), "ms_max": figure(max(ms)),
                   **({} if name == "SpikingJelly" else {"ratio": figure(ratio), "difference": figure(difference)}),
                   **goal, **({"preliminary": True} if quick else {})}


def table(rows):
    return output.table(rows, COLUMNS)


def prepared(density, seed, shape):
    """``({side: function without arguments that does one window}, largest relative difference of the changes)``."""
    T, B, n_pre, n_post = shape
    generator = torch.Generator().manual_seed(seed)
    pre, post = ((torch.rand(T, B, n, generator=generator) < density).float() for n in (n_pre, n_post))
    theirs, ours = learner(pre, post), plastic(n_pre, n_post)
    meeting = A_MINUS * post.flatten(0, 1).T @ pre.flatten(0, 1)
    found, expected = ours.learn_window(pre, post), theirs() + meeting
    difference = float((found - expected).abs().max() / expected.abs().max())
    if not difference < TOLERANCE:
        raise RuntimeError(f"STDP at density {density}: a relative difference of {difference:.3g} to SpikingJelly")
    steps = plastic(n_pre, n_post)
    return {"SpikingJelly": theirs, "window": lambda: ours.learn_window(pre, post),
            "step by step": lambda: steps.learn(pre, post)}, difference


def plastic(n_pre, n_post):
    from snn.plasticity import PairSTDP
    from snn.train import Plastic
    rule = PairSTDP(A_plus=A_PLUS, A_minus=A_MINUS, tau_plus=tau_ms(), tau_minus=tau_ms(), w_min=-1e9, w_max=1e9)
    return Plastic(rule, n_pre, n_post, dt=1.0, weight=0.0, reduce=torch.sum)


def tau_ms():
    """The time constant in ms (steps) of an exponential trace that decays by ``1 / TAU`` in a step."""
    return -1.0 / math.log(1.0 - 1.0 / TAU)


def learner(pre, post):
    """A function that lets SpikingJelly learn from a window once and gives the change."""
    from spikingjelly.activation_based.learning import STDPLearner

    class Given(torch.nn.Module):
        def forward(self, x):
            return post

    synapse, cells = torch.nn.Linear(pre.shape[-1], post.shape[-1], bias=False), Given()
    it = STDPLearner("m", synapse, cells, TAU, TAU, f_pre=lambda w: A_MINUS, f_post=lambda w: A_PLUS)

    def once():
        it.reset()
        with torch.no_grad():
            it.in_spike_monitor.records.append(pre), it.out_spike_monitor.records.append(post)
            return it.step(on_grad=False)

    return once


def figure(value):
    return float(f"{value:.3g}")
