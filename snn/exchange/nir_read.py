"""NIR graphs as trainable nets: :func:`from_nir`; as networks of the engines: :func:`network_from_nir`."""
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from snn.errors import DataError, RunError
from snn.exchange.nir_file import array_of, graph_of
from snn.exchange.nir_graph import NotAChain, chain, flat
from snn.exchange.nir_modules import READERS
from snn.exchange.nir_nodes import Convention, parameters, read_node
from snn.exchange.nir_parts import Signal, delays_of, input_shape, way_of
from snn.exchange.nir_scheme import Euler
from snn.train.folded import Folded
from snn.train.layer import Layer
from snn.train.recurrent import Recurrent
from snn.train.surrogate import ATan

WHERE = "from_nir"


def from_nir(graph, *, dt, scheme=Euler(), fire=ATan(), learn=(), longest=None, dtype=None,  # noqa: B008
             exact_threshold=True):
    """A NIR graph as a trainable net of ours.

    Parameters
        graph    ``nir.NIRGraph``, or the path of a file, which may come from anybody
        dt       ms of a step: NIR states no steps. snnTorch means 0.1, Norse and SpikingJelly what they were told
        scheme   how the tool steps that the net was trained with; the net makes the same numbers
        fire     surrogate of all layers
        learn    names of fields that layers learn where their model has them, such as ``("tau_m", "w")``
        longest  ms, the longest delay that may be learned; by default the longest that is there
        dtype    of the parameters; by default that of the weights in the graph
        exact_threshold  read the float above the threshold: NIR neurons fire above it, ours at it. False for graphs of
                         tools that fire at the threshold too and whose potentials may meet it (SpikingJelly)

    Returns: ``nn.Sequential`` of ``Linear``, ``Folded`` convolutions and pools, ``Delay``, ``AxonalDelay``, ``Layer``,
    ``Recurrent``; input [T, B, ...]. Parallel branches of delays are one ``Delay``. Readers of delays round them in
    evaluation and not in training: call ``eval()`` for the spikes of the graph.

    A spike reaches the next layer in the step in which it was fired, and its own layer one step later.

    Errors: DataError for a file that cannot be trusted, nodes that cannot be read, values that no model has, delays off
    the grid of dt, and graphs that are no chain of layers (``network_from_nir`` reads those); MissingFile; RunError for
    arguments.

    Example: ``from_nir("net.nir", dt=1.0).eval()(frames)``
    """
    graph, convention = _begin(graph, dt, scheme, exact_threshold, WHERE)
    opened = flat(graph, WHERE)
    try:
        loops, steps = chain(opened)
    except NotAChain as reason:
        raise DataError(f"{WHERE}: the graph is no chain of layers: {reason}. network_from_nir reads such graphs.") \
            from None
    return _Reader(opened, loops, convention, fire, learn, longest, dtype).net(steps)


def network_from_nir(graph, *, dt, scheme=Euler(), exact_threshold=True, name="nir"):  # noqa: B008
    """A NIR graph as a network of the engines.

    Parameters: as :func:`from_nir`; ``name`` of the network.

    Returns: :class:`snn.train.deploy.Deployed`: the ``network``, and ``run(frames)``, which gives the spikes of the
    graph. Every neuron node is a population; its level is the number of populations on the way from the input. A
    connection to a population of another level takes as many steps as there are levels between, a connection within a
    loop one step, and delays come on top: ``Deployed.latency`` are the levels. Skip connections, branches and several
    recurrent populations may be there. Several Outputs too: the last one is ``Deployed.output``.

    Errors: as :func:`from_nir`; and DataError, by name, for a connection back in time, graded values that lead to other
    nodes, several Inputs.

    Example: ``network_from_nir("net.nir", dt=1.0).run(frames).output``
    """
    from snn.exchange.nir_read_network import deployed_of
    where = "network_from_nir"
    graph, convention = _begin(graph, dt, scheme, exact_threshold, where)
    return deployed_of(flat(graph, where), convention, name, where)


def _begin(graph, dt, scheme, exact_threshold, where):
    if not isinstance(dt, int | float) or not 0 < dt < np.inf:
        raise RunError(f"{where}.dt: is {dt!r}. A positive number of ms is expected; NIR states no steps.")
    return graph_of(graph, where), Convention(float(dt), scheme, exact_threshold)


class _Reader:
    """Turns the steps of a chain into modules, in order."""

    def __init__(self, graph, loops, convention, fire, learn, longest, dtype):
        dtype = _dtype(graph) if dtype is None else dtype
        self.graph, self.loops = graph, loops
        self.convention = replace(convention, dtype=torch.empty(0, dtype=dtype).numpy().dtype)
        self.fire, self.learn, self.longest = fire, learn, longest
        begin = input_shape(graph, graph.named("Input")[0], WHERE)
        self.signal = Signal(begin, dtype, WHERE)

    def net(self, steps):
        for step in steps:
            if not isinstance(step, str):
                self._branches(step)
            elif self.graph.spikes(step):
                self._layer(step)
            elif self.graph.linear(step):
                node = self.graph.nodes[step]
                if type(node).__name__ == "Delay":
                    self.signal.later(step, self._steps(step, node))
                else:
                    READERS[type(node).__name__](self.signal, node, step)
        modules = self.signal.finished(self.convention.dt, self.longest)
        return nn.Sequential(*_folded(modules)).to(self.signal.dtype)

    def _steps(self, name, node):
        return delays_of(node, self.convention, self.signal.n, f"{WHERE}.{name}")

    def _branches(self, ways):
        """Ways that are summed, as one matrix with a delay per synapse."""
        parts = [way_of(self.graph, way, self.convention, self.signal.n, WHERE) for way in ways]
        self.signal.synapses(parts, [way[-1] if way else "" for way in ways])

    def _layer(self, name):
        signal, place = self.signal, f"{WHERE}.{name}"
        node = self.graph.nodes[name]
        if wrong := {p.size for p in parameters(node).values()} - {1, signal.n}:
            raise DataError(f"{place}: has {max(wrong)} neurons and gets {signal.shape}. The numbers must agree.")
        model, gain = read_node(node, self.convention, place)
        sizes = {np.size(v) for v in vars(model).values()} - {1}
        signal.gain(np.asarray(gain, np.float64).ravel(), place)
        flat_shape = bool(sizes) and len(signal.shape) > 1
        if flat_shape:
            signal.add(nn.Flatten())
        n = int(np.prod(signal.shape)) if flat_shape or len(signal.shape) == 1 else None
        learn = tuple(field for field in self.learn if hasattr(model, field))
        layer = Layer(model, n, dt=self.convention.dt, fire=self.fire, learn=learn)
        shape = signal.shape
        signal.layer(self._recurrent(name, layer, gain) if name in self.loops else layer)
        if flat_shape:
            signal.add(nn.Unflatten(1, shape))

    def _recurrent(self, name, layer, gain):
        place = f"{WHERE}.{name}"
        if layer.n is None or "z" not in layer._names:
            raise DataError(f"{place}: leads back to itself and is no flat layer of neurons that fire. Such "
                            "loops cannot "
                            "be read.")
        weight, lags, bias = way_of(self.graph, self.loops[name], self.convention, layer.n, WHERE)
        if np.ptp(lags):
            raise DataError(f"{place}: has recurrent connections of several delays. network_from_nir cannot "
                            "read such a "
                            "chain either: give one delay.")
        net = Recurrent(layer, bias=bias is not None, delay=1 + int(lags.flat[0]))
        gain = np.asarray(gain, np.float64).ravel()
        with torch.no_grad():
            net.to(self.signal.dtype)
            net.weight.copy_(torch.as_tensor(weight * gain[:, None] if np.any(gain != 1) else weight))
            if bias is not None:
                net.bias.copy_(torch.as_tensor(bias * gain))
        return net


def _dtype(graph):
    """The dtype of the first weights or parameters, float32 where there are none of floating point."""
    for node in graph.nodes.values():
        for name in ("weight", "scale", "v_threshold", "tau", "r"):
            dtype = array_of(getattr(node, name)).dtype if hasattr(node, name) else None
            if dtype in (np.float32, np.float64):
                return torch.float32 if dtype == np.float32 else torch.float64
    return torch.float32


def _folded(modules):
    """Modules without time that follow each other, in one Folded."""
    found, run = [], []
    for module in [*modules, None]:
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.AvgPool2d | nn.Flatten | nn.Unflatten):
            run.append(module)
            continue
        found += [Folded(*run)] if run else []
        found, run = found + ([] if module is None else [module]), []
    return found
