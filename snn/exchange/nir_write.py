"""Trained nets and networks as NIR graphs: :func:`to_nir`."""
import numpy as np
import torch
from torch import nn

from snn.contract import numbers
from snn.errors import RunError
from snn.exchange.nir_build import Builder
from snn.exchange.nir_models import in_time
from snn.exchange.nir_modules import WRITERS
from snn.exchange.nir_nodes import Convention, node_of
from snn.exchange.nir_optional import nir_package
from snn.exchange.nir_scheme import Euler, Losses
from snn.network import Network
from snn.train.children import check_states, children_of
from snn.train.delay import AxonalDelay, Delay
from snn.train.folded import Dropout
from snn.train.layer import Layer
from snn.train.readout import EveryStep, Last, Max, Mean, SumOfSoftmax
from snn.train.recurrent import Recurrent

WHERE = "to_nir"
READOUTS = (Last, Max, Mean, SumOfSoftmax, EveryStep)
NOTHING = (nn.Identity, nn.Dropout, nn.Dropout2d, Dropout)
KNOWN = ("Sequential, Folded, Linear, Conv1d, Conv2d, AvgPool2d, AdaptiveAvgPool2d, Flatten, BatchNorm1d, BatchNorm2d, "
         "Dropout, Delay, AxonalDelay, Layer, Recurrent, a readout at the end")


def to_nir(x, *, dt=None, seed=0, shape=None, scheme=Euler(), allow=(), bins=64,  # noqa: B008
           scale_weights=False, exact_threshold=True):
    """A trained net or a network as a graph of the Neuromorphic Intermediate Representation.

    Parameters
        x       an ``nn.Sequential`` (also nested, also in ``Folded``) of ``Linear``, ``Conv1d``, ``Conv2d``,
                ``AvgPool2d``, ``Flatten``, batch norms, dropout, ``Delay``, ``AxonalDelay``, ``Layer``, ``Recurrent``,
                with a readout at the end or none; it is written as it is in evaluation. Or a :class:`snn.Network`
        dt      ms that a step takes in the graph; of a net by default that of its layers. Another one scales all times,
                so that the steps make the same numbers (snnTorch takes every step for 0.1 ms). A Network needs one
        seed    of the connections and weights that a Network draws
        shape   of the input in one step, (channels, height, width) or (n,), where the net begins with a convolution
        scheme  how the reader of the graph steps: :class:`Euler` (snnTorch, SpikingJelly, Norse) or
                :class:`Exponential`. See :mod:`snn.exchange.nir_scheme`
        allow   names of what may be lost, such as ``("refractory", "reset")``
        bins    most delays that one set of synapses may have: a graph needs a matrix for each
        scale_weights    write r = 1 (LIF, LI) and put what an input adds into the weights instead. Norse reads no r
        exact_threshold  write the float below the threshold: NIR neurons fire above it, ours at it. False for readers
                         that fire at the threshold too and whose potentials may meet it (SpikingJelly)

    Returns: ``nir.NIRGraph``, checked by nir. Times in seconds, arrays in the dtype of the weights. ``metadata`` say
    ``tool``, ``version``, ``dt`` and ``time_unit``; reading needs none of them. Recurrent layers are graphs in the
    graph. Write it with :func:`snn.exchange.nir_file.write_nir` or ``nir.write``.

    Errors: RunError for what NIR cannot express, with every loss and its name; for a module or model without a
    counterpart; for too many delays and too large matrices; where the package nir is missing.

    Source: Pedersen et al. (2024), "Neuromorphic intermediate representation", Nature Communications 15:8122.

    Example: ``nir.write("net.nir", to_nir(net))``
    """
    nir_package(WHERE)
    losses = Losses(WHERE, allow)
    if isinstance(x, Network):
        from snn.exchange.nir_write_network import network_graph
        if dt is None:
            raise RunError(f"{WHERE}.dt: is missing. A Network has no step of its own: give dt in ms.")
        convention = Convention(_dt(dt), scheme, exact_threshold, scale_weights)
        return network_graph(x, seed, convention, losses, bins)
    if not isinstance(x, nn.Module):
        raise RunError(f"{WHERE}.x: is a {type(x).__name__}. Give an nn.Sequential of layers, or a Network.")
    check_states(x, WHERE)
    leaves = list(_leaves(x, ""))
    step = _step(leaves, dt)
    floats = next((p.dtype for p in x.parameters() if p.is_floating_point()), torch.get_default_dtype())
    convention = Convention(step if dt is None else _dt(dt), scheme, exact_threshold, scale_weights,
                            torch.empty(0, dtype=floats).numpy().dtype)
    builder = Builder(WHERE, _shape(leaves, shape), convention, bins, numbered=True)
    writer = _Writer(builder, losses, convention.dt / step)
    for path, module in leaves:
        writer.take(path, module)
    losses.check()
    return finished(builder, (builder.tips, builder.shape))


def finished(builder, *outputs):
    """The graph, with an Output behind each of ``(names, shape)``, checked by nir."""
    from snn import __version__
    nir = builder.nir
    for names, shape in outputs:
        builder.add("output", nir.Output(np.array(shape)), shape, behind=names)
    metadata = {"tool": "snn-sim", "version": __version__, "dt": builder.convention.seconds, "time_unit": "s",
                "scheme": type(builder.convention.scheme).__name__}
    return nir.NIRGraph(builder.nodes, builder.edges, metadata)


def recurrent_graph(builder, node, shape, branches):
    """A graph of ``node`` and its synapses onto itself; ``branches(inner)`` puts them behind the neurons."""
    inner = Builder(builder.where, shape, builder.convention, builder.bins)
    neurons = inner.add("neurons", node, shape)
    for tip in branches(inner):
        inner.edges.append((tip, neurons))
    inner.add("output", inner.nir.Output(np.array(shape)), shape, behind=[neurons])
    builder.bytes += inner.bytes
    return builder.nir.NIRGraph(inner.nodes, inner.edges)


class _Writer:
    """Takes the modules of a net in their order. ``ratio``: by how much steps become longer."""

    def __init__(self, builder, losses, ratio):
        self.builder, self.losses, self.ratio, self.ended = builder, losses, ratio, None

    def take(self, path, module):
        place, builder = f"{WHERE}.{path}", self.builder
        if isinstance(module, NOTHING):
            return
        if self.ended:
            raise RunError(f"{place}: a {type(module).__name__} after {self.ended}, which must be the last.")
        if isinstance(module, READOUTS):
            self.ended = "the readout"
            if not isinstance(module, EveryStep):
                self.losses.add("readout", place)
        elif isinstance(module, Layer):
            self._layer(module, place)
        elif isinstance(module, Recurrent):
            self._recurrent(module, place)
        elif isinstance(module, nn.Linear):
            self._fits(place, module.in_features)
            builder.matrix(numbers(module.weight), _bias(module))
        elif isinstance(module, Delay):
            self._fits(place, module.weight.shape[1])
            builder.delayed(numbers(module.weight), module.whole_steps(), _bias(module))
        elif isinstance(module, AxonalDelay):
            self._fits(place, len(module.steps))
            builder.add("delay", builder.seconds(module.whole_steps(), len(module.steps)), builder.shape)
        else:
            write = next((f for kind, f in WRITERS.items() if isinstance(module, kind)), None)
            if write is None:
                raise RunError(f"{place}: a {type(module).__name__} has no counterpart in NIR. Those that have one: "
                               f"{KNOWN}.")
            write(builder, module, place)

    def _layer(self, layer, place):
        node, gain, shape = self._node(layer, place)
        self.builder.affine(gain)
        self.builder.add("layer", node, shape)

    def _recurrent(self, module, place):
        node, gain, shape = self._node(module.layer, place)
        self.builder.affine(gain)

        def branches(inner):
            if module.delay > 1:
                inner.add("recurrent_delay", inner.seconds(module.delay - 1, module.n), shape)
            inner.matrix(numbers(module.weight), _bias(module), name="recurrent")
            inner.affine(gain)
            return inner.tips

        self.builder.add("layer", recurrent_graph(self.builder, node, shape, branches), shape)

    def _node(self, layer, place):
        """``(node, gain, shape)`` of a Layer."""
        model, fires = layer.model, "z" in layer._names
        if layer.emit != ("z" if fires else "v"):
            raise RunError(f"{place}: gives {layer.emit!r}. NIR neurons that fire give spikes, the others v.")
        if not fires:
            self.ended = None
        shape = self.builder.shape
        self._fits(place, layer.n)
        node, gain = node_of(in_time(model, self.ratio), layer.port, shape, self.builder.convention, place, self.losses)
        return node, gain, shape

    def _fits(self, place, n):
        if n is not None and (n,) != self.builder.shape[-1:]:
            raise RunError(f"{place}: takes {n} inputs and gets {self.builder.shape}. The numbers must agree.")
        if n is not None and len(self.builder.shape) != 1:
            raise RunError(f"{place}: takes one axis of {n} and gets {self.builder.shape}. Put a Flatten before it.")


def _bias(module):
    return None if module.bias is None else numbers(module.bias)


def _leaves(net, path):
    """``(path, module)`` in the order in which they are called, containers opened."""
    if isinstance(net, nn.Sequential):
        for name, child in children_of(net):
            yield from _leaves(child, f"{path}.{name}" if path else name)
    else:
        yield path or "net", net


def _dt(dt):
    if not isinstance(dt, int | float) or not 0 < dt < np.inf:
        raise RunError(f"{WHERE}.dt: is {dt!r}. A positive number of ms is expected.")
    return float(dt)


def _step(leaves, dt):
    """The one dt of the modules that have one, ms."""
    times = {path: (m.layer if isinstance(m, Recurrent) else m).dt for path, m in leaves
             if isinstance(m, Layer | Recurrent | Delay | AxonalDelay)}
    if not times and dt is None:
        raise RunError(f"{WHERE}.dt: is missing, and no module of the net has one. Give it in ms.")
    first, step = next(iter(times.items()), ("dt", dt))
    for path, other in times.items():
        if not np.isclose(other, step, rtol=1e-9, atol=0.0):
            raise RunError(f"{WHERE}.{path}: has steps of {other:g} ms and {first} of {step:g} ms. All must have one "
                           "dt.")
    return _dt(step)


def _shape(leaves, given):
    """Shape of the input of one step."""
    if given is not None:
        shape = (given,) if isinstance(given, int) else tuple(given)
        if not shape or not all(isinstance(k, int) and k > 0 for k in shape):
            raise RunError(f"{WHERE}.shape: is {given!r}. Positive whole numbers are expected, (channels, "
                           "height, width).")
        return shape
    for _, module in leaves:
        if isinstance(module, nn.Linear):
            return (module.in_features,)
        n = next((getattr(module, name) for name in ("n", "num_features") if getattr(module, name, None)), None)
        if isinstance(module, Delay | AxonalDelay):
            n = module.steps.shape[-1]
        if n is not None and not isinstance(module, nn.BatchNorm2d):
            return (n,)
        if isinstance(module, (nn.BatchNorm2d, *[k for k in WRITERS if k is not nn.BatchNorm1d])):
            break
    raise RunError(f"{WHERE}.shape: is missing. Give the shape of the input of one step, to_nir(net, shape=(channels, "
                   "height, width)).")
