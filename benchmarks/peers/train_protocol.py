"""What every side of the training benchmarks speaks; numpy, torch and the standard library only.

A script builds a :class:`Trial` from a :class:`~benchmarks.training.problem.Problem` and hands it to :func:`serve`,
which does one of two things:

- with ``--check FILE`` it does forward and backward once and saves the output and the gradients to an ``.npz`` file;
- else it warms up, prints ``{"ready": true}`` and answers every line on stdin with one timed repetition, as JSON.

By hand::

    echo 1 | python -m benchmarks.peers.train_spikingjelly --kind feedforward --batch 128 --steps 100
"""
import argparse
import gc
import json
import math
import sys
import time
from dataclasses import dataclass, field, replace

import numpy as np

from benchmarks.peers.protocol import Stopwatch, private_stdout
from benchmarks.training.problem import KINDS, Problem, Shape

GROUP_S = 0.2
"""A repetition does as many steps as last about this long, at least one."""
FEW = 8
"""Units per layer of the small step that loads libraries before memory is measured."""
RATE_SCALE = 10.0
NORM = ("gamma", "beta")
"""How names of a batch norm's weights begin."""


@dataclass
class Weight:
    """A parameter that holds ``scale * value + offset`` of a weight of the problem, or of the input."""

    parameter: object
    scale: float = 1.0
    offset: float = 0.0

    def put(self, values):
        import torch
        with torch.no_grad():
            new = torch.as_tensor(values * self.scale + self.offset, dtype=self.parameter.dtype)
            self.parameter.copy_(new.reshape(self.parameter.shape))

    def gradient(self, like):
        """The gradient with respect to the weight of the problem, in the shape of ``like``."""
        return self.parameter.grad.detach().double().numpy().reshape(like.shape) * self.scale


@dataclass
class Trial:
    """One side of a task.

    ``run()`` computes the output ``[T, B, ...]`` from the input that the side holds; ``weights`` name ->
    :class:`Weight`; ``parameters`` what Adam moves; ``neurons`` modules whose mean output is the firing rate;
    ``input`` the input as a :class:`Weight` where its gradient is wanted.
    """

    run: object
    weights: dict = field(default_factory=dict)
    parameters: list = field(default_factory=list)
    neurons: list = field(default_factory=list)
    input: Weight | None = None

    def place(self, problem):
        for name, weight in self.weights.items():
            weight.put(problem.weights[name])


def norm_weights(norms, scale=1.0):
    """``gamma0``, ``beta0``, ... of batch norms whose output is taken times ``scale``."""
    return {f"{name}{k}": Weight(parameter, scale) for k, norm in enumerate(norms)
            for name, parameter in zip(NORM, (norm.weight, norm.bias), strict=True)}


def count_loss(output, labels):
    """Cross-entropy of ten times the mean number of spikes per step."""
    import torch
    return torch.nn.functional.cross_entropy(output.mean(0) * RATE_SCALE, labels)


def softmax_loss(output, labels):
    """Cross-entropy of the softmax over classes, summed over time."""
    import torch
    return torch.nn.functional.cross_entropy(output.softmax(-1).sum(0), labels)


LOSSES = {"feedforward": count_loss, "recurrent": count_loss, "convolution": count_loss, "delay-net": softmax_loss}


class Objective:
    """Forward and backward of a trial: from a loss where the task has labels, else from a given output gradient."""

    def __init__(self, trial, problem, dtype):
        import torch
        self.trial = trial
        self.loss = LOSSES.get(problem.shape.kind)
        target = problem.y if self.loss else problem.g
        self.target = torch.as_tensor(target, dtype=None if self.loss else dtype)
        self.adam = torch.optim.Adam(trial.parameters, lr=1e-6) if self.loss else None
        self.leaves = trial.parameters if trial.input is None else [*trial.parameters, trial.input.parameter]

    def gradients(self):
        """Forward and backward; returns the output."""
        for leaf in self.leaves:
            leaf.grad = None
        output = self.trial.run()
        if self.loss:
            self.loss(output, self.target).backward()
        else:
            output.backward(self.target)
        return output

    def step(self):
        """What is timed. Adam moves by 1e-6 per step, so that firing rates stay what they were."""
        self.gradients()
        if self.adam:
            self.adam.step()


def arguments(argv=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--kind", choices=sorted(KINDS), required=True)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--sizes", type=lambda text: tuple(map(int, text.split(","))), default=(140, 256, 256, 20))
    parser.add_argument("--taps", type=int, default=0)
    parser.add_argument("--sigma", type=float, default=0.0)
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=("float32", "float64"), default="float32")
    parser.add_argument("--variant", default="")
    parser.add_argument("--check", metavar="FILE", help="save output and gradients instead of timing")
    return parser.parse_args(argv)


def serve(builders, version, argv=None):
    """The main function of every side. ``builders``: kind -> ``build(problem, dtype, variant)``, which returns a
    Trial.
    """
    stdout = private_stdout()
    options = arguments(argv)
    import torch
    torch.set_num_threads(options.threads)
    dtype = getattr(torch, options.precision)
    shape = Shape(options.kind, options.batch, options.steps, options.sizes, options.taps, options.sigma, options.rate)
    problem, build = Problem(shape), builders[options.kind]
    objective = built(build, problem, dtype, options.variant)
    if options.check:
        np.savez(options.check, **results(objective, problem))
        return
    tiny = Problem(replace(shape, batch=1, steps=2, sizes=tuple(min(n, FEW) for n in shape.sizes)))
    answer(objective.step, {"version": version, "torch": torch.__version__}, stdout,
           load=lambda: built(build, tiny, dtype, options.variant).step())


def built(build, problem, dtype, variant=""):
    """The :class:`Objective` of a side that holds the problem's weights."""
    trial = build(problem, dtype, variant)
    trial.place(problem)
    return Objective(trial, problem, dtype)


def results(objective, problem):
    """Arrays ``out``, ``rates`` and one ``grad_NAME`` per weight, as the problem defines them."""
    rates = []
    for module in objective.trial.neurons:
        module.register_forward_hook(lambda module, args, output: rates.append(float(output.detach().mean())))
    output = objective.gradients()
    trial = objective.trial
    found = {f"grad_{name}": weight.gradient(problem.weights[name]) for name, weight in trial.weights.items()}
    if trial.input is not None:
        found["grad_x"] = trial.input.gradient(problem.x)
    return {"out": output.detach().double().numpy(), "rates": np.array(rates), **found}


def answer(step, facts, stdout, load=lambda: None):
    """Time groups of steps on request.

    ``load`` is a small step that loads and compiles what a first step does; it and the first step are apart.
    ``peak_mb`` is over what is resident after ``load``, ``peak_all_mb`` over what was before.
    """
    before_all = memory_mb("VmRSS")
    loading = _seconds(load)
    gc.collect()
    before, peak_of_loading = memory_mb("VmRSS"), memory_mb("VmHWM")
    reset_peak()
    first = _seconds(step)
    group = max(1, math.ceil(GROUP_S / min(_seconds(step) for _ in range(2))))
    print(json.dumps({"ready": True}), file=stdout, flush=True)
    for _ in sys.stdin:
        gc.collect()
        with Stopwatch() as watch:
            for _ in range(group):
                step()
        peak = memory_mb("VmHWM")
        row = {"ms": watch.seconds / group * 1e3, "other_cpu": watch.other_cpu, "group": group,
               "load_ms": round(loading * 1e3, 1), "first_ms": round(first * 1e3, 1),
               "peak_mb": _difference(peak, before),
               "peak_all_mb": _difference(peak and max(peak, peak_of_loading), before_all), **facts}
        print(json.dumps(row), file=stdout, flush=True)


def _seconds(step):
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def _difference(peak, before):
    return None if peak is None else round(peak - before, 1)


def memory_mb(field):
    """``VmRSS`` or ``VmHWM`` of this process in MB; None outside Linux."""
    try:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) / 1024 for line in file if line.startswith(field))
    except (OSError, StopIteration):
        return None


def reset_peak():
    """Let ``VmHWM`` begin anew from what is resident now."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass
