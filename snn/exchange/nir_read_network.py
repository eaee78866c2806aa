"""NIR graphs as networks of the engines; the door is ``snn.exchange.nir_read.network_from_nir``."""
import functools
from dataclasses import dataclass, replace

import numpy as np
import torch

from snn.connect import Edges
from snn.errors import DataError, RunError
from snn.exchange.nir_file import array_of
from snn.exchange.nir_levels import components, readable
from snn.exchange.nir_models import FIRING
from snn.exchange.nir_modules import READERS
from snn.exchange.nir_nodes import parameters, read_node
from snn.exchange.nir_parts import Signal, delays_of, input_shape
from snn.network import CurrentInput, Network
from snn.train.deploy import Deployed, Replay
from snn.train.deploy_linear import READINGS
from snn.train.deploy_synapses import Synapses

MOST_WAYS = 10_000


@dataclass(frozen=True, eq=False)
class Cells:
    """A population to be: where its inputs come from.

    ``ways``: [(source, :class:`~snn.train.deploy_synapses.Synapses`)] with their gains; ``course`` [K, n]: what biases
    add.
    """

    name: str
    model: object
    shape: tuple
    level: int
    ways: list
    course: np.ndarray

    @property
    def n(self):
        return int(np.prod(self.shape))


def deployed_of(graph, convention, name, where):
    """The :class:`~snn.train.deploy.Deployed` of any :class:`~snn.exchange.nir_graph.Flat`."""
    if len(graph.named("Input")) > 1:
        raise DataError(f"{where}: the graph has several Inputs ({', '.join(graph.named('Input'))}). Join them "
                        "into one.")
    start = graph.named("Input")[0]
    names = [start, *[n for n in graph.nodes if graph.spikes(n)]]
    ways = {n: ways_to(graph, n, where) for n in names[1:]}
    shapes = _shapes(graph, ways, start, where)
    cells = _cells(graph, names, ways, shapes, convention, where)
    output = _outputs(graph, cells, where)
    for c in cells:
        _check_rest(c, convention.dt, where)
    cells, called = sorted(cells, key=lambda c: (c.name == output, c.level)), _called([c.name for c in cells])
    make = functools.partial(_network, cells, called, start, shapes[start], convention.dt, name)
    silent = make(Replay(np.zeros((0, int(np.prod(shapes[start]))), np.uint16)))
    latency = {"input": 0, **{called[c.name]: c.level for c in cells}}
    found = {"input": shapes[start], **{called[c.name]: c.shape for c in cells}}
    emit = None if type(graph.nodes[output]).__name__ in FIRING else "v"
    return Deployed(silent, convention.dt, latency, found, emit, None, make)


def ways_to(graph, target, where):
    """``[(source, [linear nodes])]``: all ways that lead to a node from a neuron or the Input."""
    found, waiting = [], [(b, ()) for b in graph.before(target)]
    while waiting:
        name, behind = waiting.pop()
        if not graph.linear(name):
            found.append((name, list(behind)))
            continue
        if name in behind:
            raise DataError(f"{where}.{name}: lies in a loop without a neuron. Put a neuron into it.")
        waiting += [(b, (name, *behind)) for b in graph.before(name)]
        if len(waiting) + len(found) > MOST_WAYS:
            raise DataError(f"{where}.{target}: more than {MOST_WAYS} ways lead to it. Simplify the graph.")
    return found[::-1]


def _shapes(graph, ways, start, where):
    """{name: shape} of the Input and all neurons."""
    shapes = {start: input_shape(graph, start, where)}
    for name in ways:
        shape = max((p.shape for p in parameters(graph.nodes[name]).values()), key=lambda s: int(np.prod(s)))
        if int(np.prod(shape)) > 1:
            shapes[name] = shape
    for _ in ways:
        for name, found in ways.items():
            known = next((w for w in found if w[0] in shapes), None)
            if name not in shapes and known is not None:
                shapes[name] = _follow(graph, known[1], shapes[known[0]], None, where)[1]
    if missing := set(ways) - set(shapes):
        raise DataError(f"{where}.{sorted(missing)[0]}: its number of neurons cannot be found. Give its parameters as "
                        "arrays.")
    return shapes


def _follow(graph, way, shape, convention, where, synapses=None):
    """``(synapses, shape)`` behind the nodes of a way; biases are left out. Without ``synapses`` only the shape."""
    signal = Signal(shape, torch.float64, where)
    for name in way:
        node, kind, place = graph.nodes[name], type(graph.nodes[name]).__name__, f"{where}.{name}"
        if kind == "Delay":
            if synapses is not None:
                synapses = synapses.later(delays_of(node, convention, signal.n, place))
            continue
        if kind == "Scale":
            scale = array_of(node.scale).astype(np.float64).ravel()
            if scale.size not in (1, signal.n):
                raise DataError(f"{place}.scale: has {scale.size} values for {signal.n} inputs. Give one for each.")
            if synapses is not None:
                synapses = synapses.affine(np.broadcast_to(scale, (signal.n,)), 0.0)
            continue
        before = signal.shape
        READERS[kind](signal, node, name)
        if synapses is not None and kind != "Flatten":
            module = signal.modules[-1]
            module.bias = None
            reading = next(f for of, f in READINGS.items() if isinstance(module, of))
            try:
                synapses, _ = reading(synapses, before, module, place)
            except RunError as err:
                raise DataError(str(err)) from None
    return synapses, signal.shape


def _cells(graph, names, ways, shapes, convention, where):
    """All populations, with their levels."""
    index, edges, lags, found = {n: k for k, n in enumerate(names)}, [], [], {}
    for name, those in ways.items():
        model, gain = read_node(graph.nodes[name], convention, f"{where}.{name}")
        n, found[name] = int(np.prod(shapes[name])), [model, []]
        gain = np.broadcast_to(np.asarray(gain, np.float64).ravel(), (n,))
        for source, way in those:
            if graph.spikes(source) and type(graph.nodes[source]).__name__ not in FIRING:
                raise DataError(f"{where}.{source}: gives graded values to other nodes. Only an output may.")
            m = int(np.prod(shapes[source]))
            synapses, shape = _follow(graph, way, shapes[source], convention, where, Synapses.identity(m))
            if int(np.prod(shape)) != n:
                raise DataError(f"{where}.{name}: has {n} neurons and gets {shape}. The numbers must agree.")
            found[name][1].append((source, synapses.affine(gain, 0.0)))
            edges.append((index[source], index[name]))
            lags.append(int(synapses.delay.min()) if len(synapses.delay) else 0)
        found[name].append(_course(graph, those, shapes, convention, where, n) * gain)
    loops = components(len(names), edges)
    level = readable(len(names), edges, lags, loops, [0], where)
    return [Cells(name, model, shapes[name], int(level[index[name]]), _timed(those, index, loops, level, index[name]),
                  course) for name, (model, those, course) in found.items()]


def _timed(ways, index, loops, level, here):
    """Ways with the steps of the engine: one in a loop, else as many as there are levels between."""
    steps = [1 if loops[index[a]] == loops[here] else int(level[here] - level[index[a]]) for a, _ in ways]
    return [(a, replace(s, delay=s.delay + step)) for (a, s), step in zip(ways, steps, strict=True)]


def _course(graph, ways, shapes, convention, where, n):
    """What the biases of all nodes before a neuron add: each once for every way from there on."""
    parts, total = set(), np.zeros((1, n))
    for source, way in ways:
        shape = shapes[source]
        for k, name in enumerate(way):
            shape = _follow(graph, [name], shape, convention, where)[1]
            bias = getattr(graph.nodes[name], "bias", None)
            if bias is None or tuple(way[k:]) in parts:
                continue
            parts.add(tuple(way[k:]))
            bias = array_of(bias).astype(np.float64)
            size = int(np.prod(shape))
            row = np.repeat(bias, size // len(bias))[None]
            behind = replace(Synapses.identity(size), course=row)
            course = _follow(graph, way[k + 1:], shape, convention, where, behind)[0].course
            longest = max(len(course), len(total))
            total = sum(np.concatenate([c, np.repeat(c[-1:], longest - len(c), axis=0)]) for c in (total, course))
    return total


def _outputs(graph, cells, where):
    """The name of the population behind the last Output."""
    names = {c.name for c in cells}
    for output in graph.named("Output"):
        before = graph.before(output)
        if len(before) != 1 or before[0] not in names:
            raise DataError(f"{where}.{output}: follows {', '.join(before)}. An Output must follow one neuron node.")
    return graph.before(graph.named("Output")[-1])[0]


def _check_rest(cells, dt, where):
    """Neurons that begin later must be then as they were at first: a step with an input shows no difference."""
    model, step = cells.model.bind(cells.n, torch.float64), torch.tensor(dt, dtype=torch.float64)
    ports = type(model).Ports
    silent, driven = (ports(*[torch.full((cells.n,), x, dtype=torch.float64)] * len(ports._fields)) for x in (0.0, 0.1))
    start = type(model.rest())(*[torch.as_tensor(v, dtype=torch.float64).expand(cells.n) for v in model.rest()])
    late = start
    for _ in range(cells.level):
        late = model.receive(model.flow(late, step), silent)
    margin = model.margin(late)
    a, b = (model.receive(model.flow(s, step), driven) for s in (start, late))
    moved = [name for name, x, y in zip(a._fields, a, b, strict=True) if not torch.allclose(x, y, 1e-9, 1e-12)]
    if moved or margin is not None and bool((margin >= 0).any()):
        raise DataError(f"{where}.{cells.name}: these neurons do not stay at rest without input "
                        f"({', '.join(moved) or 'they fire'}), so they cannot begin later. Give thresholds above "
                        "v_leak.")


def _called(names):
    """{name of a node: name that a Network takes}; neurons alone in a graph are called as the graph is."""
    called = {}
    for name in names:
        outer = name.rsplit(".", 1)[0]
        short = outer if sum(other.startswith(f"{outer}.") for other in names) == 1 else name
        short = "".join(c if c.isalnum() or c in "_-" else "_" for c in short)
        while short in (*called.values(), "input"):
            short += "_"
        called[name] = short
    return called


def _network(cells, called, start, shape, dt, name, source):
    """The network whose population ``input`` is ``source``."""
    net = Network(name)
    there = {start: net.add("input", source, int(np.prod(shape)))}
    there |= {c.name: net.add(called[c.name], c.model, c.n) for c in cells}
    for c in cells:
        port = type(c.model).Ports._fields[0]
        for pre, synapses in c.ways:
            sources, targets, weight, delay = synapses.edges()
            same = len(delay) and not np.ptp(delay)
            net.connect(there[pre], there[c.name], Edges(sources, targets), port=port, weight=weight,
                        delay=(delay[0] if same else delay) * dt)
        if c.course.any():
            late = np.concatenate([np.zeros((c.level, c.n)), c.course])
            net.drive(there[c.name], CurrentInput(late, interval=dt), port=port)
    return net
