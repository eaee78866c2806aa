"""A trained network in the event-driven engine: ``snn.Network.from_torch(net)``.

What it is
    An ``nn.Sequential`` of linear parts (matrices, convolutions, means over windows, batch norms, delays) and spiking
    layers becomes a :class:`~snn.network.Network`: every ``Layer`` is a population of the same model with the values
    that were learned, everything between two layers is folded into one projection with a weight and a delay per synapse
    (``snn.train.deploy_synapses``), biases are inputs. Max pooling of spikes is a population of its own
    (``snn.train.deploy_pool``). A net of SpikingJelly's neurons is taken over first (``snn.exchange.spikingjelly``).

Time
    In training a spike reaches the next layer in the step in which it was fired; in the engine it takes one step or
    more. So each layer runs one step later than in torch: a delay of ``d`` steps becomes ``d + 1``, and a bias begins
    in the step in which its layer begins. ``Deployed.latency`` gives these steps; ``Deployed.run`` takes them out
    again. A recurrent delay stays as it is.

Equality
    In float64 the spikes are those of torch, and potentials agree to rounding (sums are taken in another order). What
    is deployed is the network in evaluation: batch norms with their running statistics, no dropout, delays as whole
    steps.

Shapes
    ``shape`` is that of one sample in one step, such as ``(1, 28, 28)``. The numbers of neurons are those of
    ``flatten``, and what ``Deployed.run`` takes and gives has the shapes of torch, [T, B, C, H, W].

Errors: RunError, before anything runs, for a module that cannot be deployed, by name and place.
"""
import functools
import math
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
from snn.train.deploy_pool import AnySpike
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
class Graded:
    """Values ``frames`` [T, n] that the first matrix of the network takes as they are: its products drive the first
    layer, and no spikes are sent."""

    frames: np.ndarray


@dataclass(frozen=True, eq=False)
class Deployed:
    """A trained network as a network of the engines; made by ``Network.from_torch``.

    Fields
        ``network``  the :class:`~snn.network.Network` without input: its population ``input`` is silent
        ``dt``       ms of a step
        ``latency``  {population: steps by which it is later than in torch}
        ``shapes``   {population: shape of its sample in one step}, (n,) or (C, H, W)
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
    shapes: dict
    emit: str | None
    readout: object
    make: Callable

    @property
    def output(self):
        """Name of the population whose spikes or potentials are the output."""
        return next(reversed(self.latency))

    def duration(self, steps):
        """ms of a run in which every layer passes through all ``steps`` of its input."""
        return (steps + max(self.latency.values())) * self.dt

    def feed(self, x, *, graded=False):
        """The network with the input ``x`` of one sample, as of :meth:`run`: ready for ``snn.simulate``."""
        frames = self._frames(x, graded)
        if frames.shape[1] != 1:
            raise DataError(f"Deployed.feed.x: holds {frames.shape[1]} samples. Give one.")
        return self.make(self.source(frames[:, 0]))

    def run(self, x, *, graded=False, engine=None):
        """Run every sample from rest and give what torch gives.

        Parameters
            x       frames [T, B, ...] or [T, ...] of whole numbers >= 0 (numbers of spikes; any dtype), one
                    :class:`~snn.spikes.Spikes`, or a list of them (as long as the longest)
            graded  whether ``x`` holds values of any kind, such as grey values, which the first matrix takes as they
                    are: what it makes of them is a current into the first layer, computed before the run
            engine  default: ``EventDriven(threads=1)``, float64
        Returns: :class:`~snn.train.deploy_run.DeployedRun`, aligned to the steps of torch.
        Errors: DataError for another shape, for values that are no numbers of spikes unless ``graded``, for several
        spikes at once or graded values where max pooling is the first layer.
        """
        frames = self._frames(x, graded)
        engine = engine or EventDriven(threads=1)
        single = isinstance(x, Spikes) or not isinstance(x, list | tuple) and np.ndim(x) == 1 + len(self._shape)
        return run_samples(self, frames, engine, single)

    def plan(self, dtype, source=None):
        """The checked plan of the network with this input, by default a silent one."""
        stepped = {self.output} if self.emit else ()
        return make_plan(self.network if source is None else self.make(source), self.dt, dtype=dtype, stepped=stepped)

    def source(self, frames):
        """What gives ``frames`` [T, N]: a population that replays them, or values for the first matrix."""
        return Replay(frames) if frames.dtype == np.uint16 else Graded(frames)

    @property
    def _shape(self):
        return next(iter(self.shapes.values()))

    def _frames(self, x, graded):
        """``x`` as whole numbers [T, B, N], or as float64 where it is graded."""
        shape = self._shape
        if isinstance(x, Spikes):
            x = [x]
        if isinstance(x, list | tuple) and all(isinstance(s, Spikes) for s in x) and x:
            x = self._binned(x)
        x = x.detach().cpu().numpy() if isinstance(x, torch.Tensor) else np.asarray(x)
        x = x[:, None] if x.ndim == 1 + len(shape) else x
        if x.shape[2:] != shape or 0 in x.shape:
            sizes = ", ".join(map(str, shape))
            raise DataError(f"Deployed.x: has shape {x.shape}. It must be [T, B, {sizes}] or [T, {sizes}] (time "
                            "first), with one step and one sample or more.")
        taken = _values(x) if graded else _counts(x)
        pooled = isinstance(list(self.network.populations.values())[1].model, AnySpike)
        if pooled and (graded or (taken > 1).any()):
            raise DataError(f"Deployed.x: has values up to {x.max():g}, where the first layer is max pooling. Give at "
                            "most one spike of a neuron in a step.")
        return taken.reshape(*x.shape[:2], -1)

    def _binned(self, trains):
        """Spike trains as frames [T, B, ...]."""
        binned = [s.to_dense(self.dt, dtype=np.uint16) for s in trains]
        for frames in binned:
            if frames.shape[1] != math.prod(self._shape):
                raise DataError(f"Deployed.x: holds spikes of {frames.shape[1]} neurons. The input has "
                                f"{math.prod(self._shape)}.")
        longest = max(len(b) for b in binned)
        x = np.stack([np.pad(b, ((0, longest - len(b)), (0, 0))) for b in binned], axis=1)
        return x.reshape(*x.shape[:2], *self._shape)


def _counts(x):
    whole = x.astype(np.uint16) if np.isfinite(x).all() and (x >= 0).all() else None
    if whole is None or (whole != x).any():
        raise DataError("Deployed.x: holds values that are no numbers of spikes. Whole numbers from 0 on are needed; "
                        "values that the first matrix is to take as they are, are given with graded=True.")
    return whole


def _values(x):
    if not np.isfinite(x).all():
        raise DataError(f"Deployed.x: is not finite ({x[~np.isfinite(x)][0]}). Every value must be finite.")
    return x.astype(np.float64)


def from_torch(net, *, dt=None, name="trained", shape=None):
    """A trained network as a network of the engines; see :meth:`snn.network.Network.from_torch`."""
    if isinstance(net, torch.nn.Module) and any(map(_is_theirs, net.modules())):
        from snn.exchange.spikingjelly import from_spikingjelly
        net = from_spikingjelly(net, dt=1.0 if dt is None else dt, where=WHERE)
    found = read(net, WHERE, dt=dt, shape=shape)
    stages, dt = found.stages, found.dt
    for late, stage in enumerate(stages, 1):
        _check_rest(stage, dt, late)
    make = functools.partial(_network, stages, dt, name)
    silent = make(_silent(stages))
    shapes = dict(zip(silent.populations, (found.shape, *(s.shape for s in stages)), strict=True))
    latency = {p: late for late, p in enumerate(silent.populations)}
    return Deployed(silent, dt, latency, shapes, stages[-1].emit, found.readout, make)


def _is_theirs(module):
    """Whether a module is a neuron or a container of SpikingJelly."""
    home = "spikingjelly.activation_based."
    return type(module).__module__.startswith((home + "neuron", home + "layer.container"))


def _silent(stages):
    return Replay(np.zeros((0, stages[0].n_in), np.uint16))


def _network(stages, dt, name, source):
    """The network whose population ``input`` is ``source``."""
    graded = source.frames if isinstance(source, Graded) else None
    net = Network(name)
    before = net.add("input", source if graded is None else _silent(stages), stages[0].n_in)
    for late, stage in enumerate(stages, 1):
        cells = net.add(stage.name, stage.model, stage.n)
        _connect(net, before, cells, stage.synapses, stage.port, dt)
        if stage.recurrent is not None:
            pre, post, weight, delay = stage.recurrent.edges()
            net.connect(cells, cells, Edges(pre, post), port=stage.port, weight=weight, delay=delay * dt)
        course = stage.course(graded if late == 1 else None)
        if course.any() or late == 1 and graded is not None:
            net.drive(cells, begun(course, late, dt), port=stage.port)
        before = cells
    return net


def begun(course, late, dt):
    """What biases and graded input add, [K, n], from the step on in which the layer begins."""
    return CurrentInput(np.concatenate([np.zeros((late, course.shape[1])), course]), interval=dt)


def _connect(net, before, cells, synapses, port, dt):
    pre, post, weight, delay = synapses.edges()
    # One delay for all is delivered on arrival, which is faster than a delay per synapse.
    steps = delay[0] + 1 if len(delay) and not np.ptp(delay) else delay + 1
    net.connect(before, cells, Edges(pre, post), port=port, weight=weight, delay=steps * dt)


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
