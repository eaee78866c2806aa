"""A trained network in the event-driven engine: ``snn.Network.from_torch(net)``.

What it is
    An ``nn.Sequential`` of linear parts and spiking layers becomes a :class:`~snn.network.Network`: every ``Layer`` is
    a population of the same model with the values that were learned, everything between two layers is folded into one
    projection with a weight and a delay per synapse (``snn.train.deploy_synapses``), biases are inputs.

Time
    In training a spike reaches the next layer in the step in which it was fired; in the engine it takes one step or
    more. So each layer runs one step later than in torch: a delay of ``d`` steps becomes ``d + 1``, and a bias begins
    in the step in which its layer begins. ``Deployed.latency`` gives these steps; ``Deployed.run`` takes them out
    again. A recurrent delay stays as it is.

Equality
    In float64 the spikes are those of torch, and potentials agree to rounding (sums are taken in another order). What
    is deployed is the network in evaluation: batch norms with their running statistics, no dropout, delays as whole
    steps.

Errors: RunError, before anything runs, for a module that cannot be deployed, by name and place.
"""
import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from snn.connect import Edges
from snn.errors import DataError, RunError
from snn.network import CurrentInput, Network
from snn.plan import make_plan
from snn.run.event import EventDriven
from snn.spikes import Spikes
from snn.train.deploy_modules import read
from snn.train.deploy_run import run_samples

WHERE = "Network.from_torch"


@dataclass(frozen=True, eq=False)
class Replay:
    """A population that fires the spikes of frames: entry ``[k, i]`` is the number of spikes of neuron ``i`` in step
    ``k``.

    Shapes and units: ``frames`` whole numbers >= 0, [T, n].
    """

    frames: np.ndarray

    @property
    def spikes(self):
        """The same as :class:`~snn.spikes.Spikes`, with steps of 1 ms."""
        return Spikes.from_dense(self.frames, 1.0)

    def schedule(self, dt):
        """``(steps, ids)``, sorted: who fires in which step."""
        steps, ids = np.nonzero(self.frames)
        again = self.frames[steps, ids].astype(np.int64)
        return np.repeat(steps, again), np.repeat(ids, again)


@dataclass(frozen=True, eq=False)
class Deployed:
    """A trained network as a network of the engines; made by ``Network.from_torch``.

    Fields
        ``network``  the :class:`~snn.network.Network` without input: its population ``input`` is silent
        ``dt``       ms of a step
        ``latency``  {population: steps by which it is later than in torch}
        ``emit``     the state of the last population that is the output, None for its spikes
        ``readout``  the module that makes ``[B, C]`` of the last layer, or None
        ``make``     function from a source of spikes to the network with that input

    Example::

        deployed = snn.Network.from_torch(net)
        run = deployed.run(frames)                       # [T, B, N], as net(frames)
        run.output, run.spikes["layer1"]                 # as in torch
        snn.simulate(deployed.feed(frames[:, 0]), deployed.duration(len(frames)), dt=deployed.dt, to="run.h5")
    """

    network: Network
    dt: float
    latency: dict
    emit: str | None
    readout: object
    make: Callable

    @property
    def output(self):
        """Name of the population whose spikes or potentials are the output."""
        return next(reversed(self.latency))

    def duration(self, steps):
        """ms of a run in which every layer passes through all ``steps`` of its input."""
        return (steps + self.latency[self.output]) * self.dt

    def feed(self, x):
        """The network with the input ``x`` of one sample, frames [T, N] or Spikes: ready for ``snn.simulate``."""
        frames = self._frames(x)
        if frames.shape[1] != 1:
            raise DataError(f"Deployed.feed.x: holds {frames.shape[1]} samples. Give one, [T, N].")
        return self.make(Replay(frames[:, 0]))

    def run(self, x, *, engine=None):
        """Run every sample from rest and give what torch gives.

        Parameters: ``x`` frames [T, B, N] or [T, N] of whole numbers >= 0 (numbers of spikes; any dtype), one
        :class:`~snn.spikes.Spikes`, or a list of them (as long as the longest); ``engine`` (default
        ``EventDriven(threads=1)``, float64).
        Returns: :class:`~snn.train.deploy_run.DeployedRun`, aligned to the steps of torch.
        Errors: DataError for another shape, graded or negative input.
        """
        frames = self._frames(x)
        engine = engine or EventDriven(threads=1)
        single = isinstance(x, Spikes) or not isinstance(x, list | tuple) and np.ndim(x) == 2
        return run_samples(self, frames, engine, single)

    def plan(self, dtype):
        """The checked plan of the network, with a silent input."""
        stepped = {self.output} if self.emit else ()
        return make_plan(self.network, self.dt, dtype=dtype, stepped=stepped)

    def source(self, frames):
        """The population ``input`` that replays ``frames`` [T, N]."""
        return Replay(frames)

    def _frames(self, x):
        """``x`` as whole numbers [T, B, N]."""
        n = next(iter(self.network.populations.values())).n
        if isinstance(x, Spikes):
            x = [x]
        if isinstance(x, list | tuple) and all(isinstance(s, Spikes) for s in x) and x:
            binned = [s.to_dense(self.dt, dtype=np.uint16) for s in x]
            longest = max(len(b) for b in binned)
            x = np.stack([np.pad(b, ((0, longest - len(b)), (0, 0))) for b in binned], axis=1)
        x = x.detach().cpu().numpy() if isinstance(x, torch.Tensor) else np.asarray(x)
        x = x[:, None] if x.ndim == 2 else x
        if x.ndim != 3 or x.shape[2] != n or 0 in x.shape:
            raise DataError(f"Deployed.x: has shape {x.shape}. It must be [T, B, {n}] or [T, {n}] (time first), with "
                            "one step and one sample or more.")
        whole = x.astype(np.uint16) if np.isfinite(x).all() and (x >= 0).all() else None
        if whole is None or (whole != x).any():
            raise DataError("Deployed.x: holds values that are no numbers of spikes. Whole numbers from 0 on are "
                            "needed: graded input cannot be replayed as spikes.")
        return whole


def from_torch(net, *, dt=None, name="trained"):
    """A trained network as a network of the engines; see :meth:`snn.network.Network.from_torch`."""
    stages, readout, dt = read(net, WHERE, dt)
    for late, stage in enumerate(stages, 1):
        _check_rest(stage, dt, late)
    make = functools.partial(_network, stages, dt, name)
    silent = make(Replay(np.zeros((0, stages[0].n_in), np.uint16)))
    return Deployed(silent, dt, {p: late for late, p in enumerate(silent.populations)}, stages[-1].emit, readout, make)


def _network(stages, dt, name, source):
    """The network whose population ``input`` is ``source``."""
    net = Network(name)
    before = net.add("input", source, stages[0].n_in)
    for late, stage in enumerate(stages, 1):
        cells = net.add(stage.name, stage.model, stage.n)
        _connect(net, before, cells, stage.synapses, stage.port, dt)
        if stage.recurrent is not None:
            pre, post, weight, delay = stage.recurrent.edges()
            net.connect(cells, cells, Edges(pre, post), port=stage.port, weight=weight, delay=delay * dt)
        _drive(net, cells, stage, late, dt)
        before = cells
    return net


def _connect(net, before, cells, synapses, port, dt):
    pre, post, weight, delay = synapses.edges()
    # One delay for all is delivered on arrival, which is faster than a delay per synapse.
    steps = delay[0] + 1 if len(delay) and not np.ptp(delay) else delay + 1
    net.connect(before, cells, Edges(pre, post), port=port, weight=weight, delay=steps * dt)


def _drive(net, cells, stage, late, dt):
    """Biases, from the step on in which the layer begins."""
    course = stage.course
    if course.any():
        silent = np.zeros((late, stage.n))
        net.drive(cells, CurrentInput(np.concatenate([silent, course]), interval=dt), port=stage.port)


def _check_rest(stage, dt, late):
    """A layer that begins ``late`` steps later must still be at rest then."""
    model, step = stage.model.bind(stage.n, torch.float64), torch.tensor(dt, dtype=torch.float64)
    nothing = model.Ports(*[torch.zeros(stage.n, dtype=torch.float64)] * len(model.Ports._fields))
    start = [torch.as_tensor(v, dtype=torch.float64).expand(stage.n) for v in model.rest()]
    s = type(model.rest())(*start)
    for _ in range(late):
        s = model.receive(model.flow(model.couple(s, nothing), step), nothing)
    moved = [name for name, a, b in zip(s._fields, start, s, strict=True) if not torch.allclose(a, b, 1e-9, 1e-12)]
    margin = model.margin(s)
    if moved or margin is not None and bool((margin >= 0).any()):
        raise RunError(f"{WHERE}.{stage.path}: a {type(stage.model).__name__} with these values does not stay at rest "
                       f"without input ({', '.join(moved) or 'it fires'}), so it cannot begin later. Choose values at "
                       "which rest() is a fixed point.")
