"""How drives and noise reach the ports of a population: the one definition that all engines share.

Each external input of a population becomes a :class:`Source` with its own random stream or table. ``nodes`` builds the
symbolic inputs for compilation; ``arrive`` evaluates the same with torch.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from snn import random
from snn.drives import ControlledInput, GaussianInput, PoissonInput
from snn.errors import RunError
from snn.gaussian import quantile
from snn.run.vectors import poisson_table, usual_counts


@dataclass(frozen=True, eq=False)
class Source:
    """One external input: ``port`` it adds to, ``kind`` of graph node, and its data.

    noise: ``key``; normal: ``key``, ``mean``, ``value`` = standard deviation; poisson: ``key``, ``lowest``, ``limits``
    (uint32), ``value`` = weight; constant: ``value``; series: ``value`` (T,) or (T, n), ``every`` steps per row,
    ``control``: the ControlledInput whose value this is.
    """

    port: str
    kind: str
    key: int = 0
    value: object = None
    lowest: int = 0
    limits: object = None
    every: int = 1
    control: object = None
    mean: object = None


def sources(population, plan, seed=None):
    """The external inputs of a population, in the order in which they are added."""
    found, seed = [], plan.seed if seed is None else seed
    if "noise" in population.model.Ports._fields:
        found.append(Source("noise", "noise", random.stream(seed, population.name, "noise")))
    if "normal" in population.model.Ports._fields:
        found.append(_normal("normal", random.stream(seed, population.name, "normal"), 0.0, 1.0))
    for j, (port, drive) in enumerate(population.drives):
        if isinstance(drive, PoissonInput):
            lowest, limits = poisson_table(drive.rate * plan.dt * 1e-3)
            key = random.stream(seed, population.name, "drive", j)
            found.append(
                Source(port, "poisson", key, torch.as_tensor(drive.weight, dtype=torch.float64), lowest, limits)
            )
        elif isinstance(drive, GaussianInput):
            found.append(_normal(port, random.stream(seed, population.name, "drive", j), drive.mean, drive.sd))
        elif isinstance(drive, ControlledInput):
            # A table of one row, which is changed in place.
            value = torch.as_tensor(drive.value, dtype=torch.float64).expand(population.n).clone()[None]
            found.append(Source(port, "series", value=value, control=drive))
        elif drive.interval is None:
            found.append(Source(port, "constant", value=torch.as_tensor(drive.value, dtype=torch.float64)))
        else:
            every = round(drive.interval / plan.dt)
            found.append(Source(port, "series", value=torch.as_tensor(drive.value, dtype=torch.float64), every=every))
    return found


def _normal(port, key, mean, sd):
    as_tensor = partial(torch.as_tensor, dtype=torch.float64)
    return Source(port, "normal", key, as_tensor(sd), mean=as_tensor(mean))


def normal_of(tail):
    """A standard normal number from ``tail`` in (-1/2, 1/2), the probability beyond it with its sign; of tensors and of
    nodes of a graph."""
    beyond = quantile(torch.abs(tail))
    return torch.where(tail < 0, beyond, -beyond)


def control(found, control, value):
    """Write ``value`` into the tables of the sources that are ``control``; whether there is one."""
    mine = [s for s in found if s.control is not None and s.control is control]
    for s in mine:
        check_length(value, s.value.shape[-1])
        s.value[0] = torch.as_tensor(value)
    return bool(mine)


def check_length(value, n):
    """Raise where ``value`` is neither one number nor ``n`` of them."""
    if np.shape(value) not in ((), (n,)):
        raise RunError(
            f"Simulation.set_input: shape {np.shape(value)} for {n} neurons. Give one number, or one per neuron."
        )


def nodes(population, found):
    """{port: function of a Graph giving the node of what arrives there}."""

    def build(port):
        def node(graph):
            total = graph.leaf("port", (population.ports.index(port),)) if port in population.ports else graph.node(0.0)
            for j, s in enumerate(found):
                if s.port == port:
                    total = graph.apply("add", total, _node(graph, j, s))
            return total

        return node

    return {port: build(port) for port in {*population.ports, *(s.port for s in found)}}


def _node(graph, j, s):
    if s.kind == "noise":
        return graph.leaf("noise", (j,))
    if s.kind == "normal":
        xi = normal_of(graph.leaf("tail", (j,)))
        scaled = graph.apply("mul", xi, graph.leaf("input", (j, "sd"), s.value))
        return graph.apply("add", scaled, graph.leaf("input", (j, "mean"), s.mean))
    if s.kind == "constant":
        return graph.leaf("input", (j,), s.value)
    if s.kind == "series":
        return graph.leaf("series", (j, s.value.ndim == 2))
    n = len(s.limits)
    count = graph.leaf("poisson", (j, s.lowest, n, min(n, usual_counts(s.limits))))
    return graph.apply("mul", count, graph.leaf("input", (j,), s.value))


def arrive(s, step, n, dtype=torch.float64, device="cpu"):
    """What source ``s`` adds in ``step``: a tensor of shape (n,) or a scalar."""
    if s.kind == "constant":
        return s.value.to(device, dtype)
    if s.kind == "series":
        return s.value[min(step // s.every, len(s.value) - 1)].to(device, dtype)
    bits = random.bits32(*random.step_keys(s.key, step), np.arange(n))
    if s.kind == "noise":
        return torch.from_numpy((bits + 1.0) * 2.0**-32).to(device, dtype)
    if s.kind == "normal":
        tail = ((bits & 0x7FFFFFFF) + 0.5) * 2.0**-32
        tail = torch.from_numpy(np.where(bits >> 31, -tail, tail)).to(device, dtype)
        return normal_of(tail) * s.value.to(device, dtype) + s.mean.to(device, dtype)
    count = s.lowest + np.searchsorted(s.limits, bits, side="left")
    return torch.from_numpy(count).to(device, dtype) * s.value.to(device, dtype)
