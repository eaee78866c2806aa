"""What must hold before a figure is printed: the same output spikes, and the same gradients, from the same numbers.

Every side does forward and backward once in a process of its own and saves what came out; what it saved is compared
with what ours saved. Double precision shows that both do the same mathematics, single precision is what is timed.
"""
import functools
import os
import subprocess
from dataclasses import dataclass, field, replace

import numpy as np

from benchmarks.environments import python_of
from benchmarks.registry import ROOT
from benchmarks.runner import environment_variables
from benchmarks.training.tasks import OURS, SIDES

SINGLE_LIMIT = 1e-4
FEWER_SAMPLES, FLIPPED_SAMPLES = 16, 0.02
"""Among millions of potentials one may lie so near threshold that the order of a sum decides it in single precision.
Then, and only where double precision is equal in full size, this many samples are compared instead, provided that no
more than this share of all samples came out otherwise."""


@dataclass
class Verdict:
    """How one side compares with ours. ``errors``: precision -> largest relative difference of a gradient (or of an
    output that is no spike); ``red``: why its figures must not be shown; ``checked``: whether anything was compared;
    ``rates``: ours only, mean spikes per neuron and step, layer by layer; ``fewer``: why single precision was compared
    on fewer samples.
    """

    errors: dict = field(default_factory=dict)
    red: str | None = None
    checked: bool = False
    rates: list | None = None
    fewer: str | None = None


class CheckFailed(RuntimeError):
    """A side's process ended without a result; the message is the last line that it wrote."""


def saved(side, shape, precision, options, folder, place):
    """Arrays that a side saved for one precision: output, gradients, rates."""
    file = os.path.join(place, f"{side.name}-{precision}-{shape.batch}.npz")
    words = [*command(side, shape, options.threads, folder), "--precision", precision, "--check", file]
    done = subprocess.run(words, cwd=ROOT, env=environment_variables(options.threads), capture_output=True, text=True)
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise CheckFailed(f"{side}: {lines[-1] if lines else f'ended with {done.returncode}'}")
    with np.load(file) as arrays:
        return dict(arrays)


def command(side, shape, threads, folder):
    """Command line of a side's script for one shape."""
    options = {"kind": shape.kind, "batch": shape.batch, "steps": shape.steps, "sizes": ",".join(map(str, shape.sizes)),
               "taps": shape.taps, "sigma": shape.sigma, "rate": shape.rate, "threads": threads}
    words = [str(python_of(side.environment, folder)), "-m", side.module]
    for name, value in options.items():
        words += [f"--{name}", str(value)]
    return words + (["--variant", side.variant] if side.variant else [])


def verdicts(task, sides, options, folder, place):
    """Side -> :class:`Verdict`. Ours is red where it equals no side that others wrote, or the loop in torch.

    Errors: :class:`CheckFailed` where our own process fails.
    """
    found = {side: Verdict() for side in sides}

    @functools.cache
    def result(side, precision, shape=task.shape):
        return saved(side, shape, precision, options, folder, place)

    for precision in ("float64", "float32"):
        for side in sides:
            if side is OURS or precision not in side.precisions or found[side].red:
                continue
            ours = reference(task, side, precision)
            result(ours, precision)               # a failure of ours is not the side's
            try:
                found[side] = judged(found[side], task, side, ours, precision, result)
            except CheckFailed as error:
                found[side].checked, found[side].red = True, str(error)
    found[OURS].rates = [round(float(rate), 4) for rate in result(OURS, "float32")["rates"]]
    compared = [found[side] for side in sides if side.module != OURS.module and found[side].checked]
    if not any(verdict.red is None for verdict in compared):
        found[OURS].red = "equal to no other side" if compared else "no side was there to compare with"
    return found


def judged(before, task, side, ours, precision, result):
    """The verdict of one precision added to that of the one before. ``result(side, precision, shape)`` as saved."""
    verdict, own, theirs = replace(before, errors=dict(before.errors)), result(ours, precision), result(side, precision)
    compare(verdict, side, own, theirs, precision, task.shape.spiking)
    few = task.shape.batch > FEWER_SAMPLES and "float64" in before.errors and precision == "float32"
    if verdict.red is None or not few or samples_off(own["out"], theirs["out"]) > FLIPPED_SAMPLES:
        return verdict
    shape = replace(task.shape, batch=FEWER_SAMPLES)
    again = replace(before, errors=dict(before.errors), fewer=f"{FEWER_SAMPLES} samples, as in full size {verdict.red}")
    compare(again, side, result(ours, precision, shape), result(side, precision, shape), precision, shape.spiking)
    return again


def samples_off(a, b):
    """Share of the samples (second axis) whose outputs are apart."""
    apart = np.abs(a - b) > SINGLE_LIMIT * np.abs(b).max()
    return float(np.moveaxis(apart, 1, 0).reshape(a.shape[1], -1).any(1).mean())


def reference(task, side, precision):
    """Ours that a side is compared with: in single precision one with the same memory layout, where that decides."""
    return SIDES[task.single.get(side.name, OURS.name)] if precision == "float32" else OURS


def compare(verdict, side, ours, theirs, precision, spiking):
    """Note in ``verdict`` how far two saved results are apart, and whether that is too far."""
    verdict.checked = True
    limit = SINGLE_LIMIT if precision == "float32" else side.double_limit
    names = ["out"] if not spiking else []
    if spiking and (different := np.count_nonzero(ours["out"] != theirs["out"])):
        verdict.red = f"{precision}: {different} of {ours['out'].size} output spikes differ"
    if side.gradients:
        names += sorted(name for name in ours if name.startswith("grad_"))
    errors = {name: relative(ours[name], theirs[name]) if name in theirs else np.inf for name in names}
    if errors:
        worst = max(errors, key=errors.get)
        verdict.errors[precision] = float(f"{errors[worst]:.2g}")
        if not errors[worst] <= limit and verdict.red is None:
            verdict.red = f"{precision}: {worst} differs by {errors[worst]:.2g} of its largest value, limit {limit:g}"


def relative(a, b):
    """Largest difference over the largest absolute value; infinite where shapes differ, a value is not finite or all
    are 0.
    """
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return np.inf
    largest = np.abs(b).max()
    return float(np.abs(a - b).max() / largest) if largest > 0 else np.inf
