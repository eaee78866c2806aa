"""Regularisers: what is added to the loss because of what the layers inside of a net do.

What it is
    A regulariser names the layers it looks at. ``attach(net)`` puts forward hooks on them and gives an
    :class:`Attached`, whose ``penalty()`` is the scalar of the last forward pass. ``fit`` does this for
    ``Options(regularisers=[...])``; by hand::

        with SpikeCount(["1"], upper=20.0, weight=1e-3).attach(net) as attached:
            loss = criterion(net(x), y) + attached.penalty()

    A layer is given by its qualified name (``"block.1"``) or as the module itself. Nothing is looked at in
    ``net.eval()``.

Errors: :class:`~snn.errors.RunError` for a layer that the net does not have, wrong bounds or weights, and for a penalty
asked for without a forward pass in training mode.
"""
import math
from dataclasses import dataclass
from numbers import Real
from typing import Any

import torch
from torch import nn

from snn.errors import RunError
from snn.train.layer import Layer
from snn.train.rectifier import quantisation_error


class Attached:
    """A regulariser on the layers of one net, until the ``with`` block ends or :meth:`remove` is called."""

    def __init__(self, regulariser, modules):
        self.regulariser, self._seen = regulariser, {module: [] for module in modules}
        self._handles = [module.register_forward_hook(self._see) for module in modules]

    def _see(self, module, args, output):
        if module.training:
            self._seen[module].append(self.regulariser.look(module, args, output))

    def penalty(self):
        """Scalar of the forward pass since the last call: the sum over layers, times the weight."""
        total = 0.0
        for seen in self._seen.values():
            if not seen:
                raise RunError(f"{type(self.regulariser).__name__}.penalty: a layer has not run since the last call. "
                               "Call the net in training mode first.")
            total = total + self.regulariser.cost(seen)
            seen.clear()
        return self.regulariser.weight * total

    def remove(self):
        for handle in self._handles:
            handle.remove()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()


class Regulariser:
    """Base: a subclass has ``layers``, ``weight``, ``look(module, args, output)`` (what to keep of one call of a layer)
    and ``cost(seen)`` (a scalar of what was kept of one layer in one pass: one entry, or one per step in single-step
    mode).
    """

    def attach(self, net):
        """Begin to look at the layers of ``net``; gives :class:`Attached`."""
        return Attached(self, [self._find(net, layer) for layer in self.layers])

    def _find(self, net, layer):
        known = dict(net.named_modules())
        if isinstance(layer, nn.Module) and any(layer is module for module in known.values()):
            return layer
        if isinstance(layer, str) and layer in known:
            return known[layer]
        shown = f"'{layer}'" if isinstance(layer, str) else f"a {type(layer).__name__}"
        raise RunError(f"{type(self).__name__}.layers: {shown} is not in the net. "
                       f"Its layers are {', '.join(name for name in known if name)}.")

    def _check(self):
        name = type(self).__name__
        if isinstance(self.layers, str | nn.Module) or not isinstance(self.layers, tuple | list) or not self.layers:
            raise RunError(f"{name}.layers: is {self.layers!r}. Give a list of names or modules, for instance ['1'].")
        if isinstance(self.weight, bool) or not isinstance(self.weight, Real) or not 0 <= self.weight < math.inf:
            raise RunError(f"{name}.weight: is {self.weight!r}. It must be a finite number of 0 or above.")


@dataclass(frozen=True)
class SpikeCount(Regulariser):
    """Keeps the spike count of every neuron in every sample between two bounds.

    Formula
        With ``n`` the spikes of one neuron in one sample, ``weight * mean(relu(lower - n)^2 + relu(n - upper)^2)``, the
        mean over samples and neurons; summed over layers.

    Shapes and units: layers with output [T, B, ...] (or [B, ...] in single-step mode); ``lower``, ``upper`` spikes,
    either may be None.

    Source: the bounds of F. Zenke, T. P. Vogels (2021), Neural Computation 33:899, here per neuron.

    Example: ``Options(regularisers=[SpikeCount(["1", "3"], lower=0.1, upper=30.0, weight=1e-4)])``
    """

    layers: Any
    lower: float | None = None
    upper: float | None = None
    weight: float = 1.0

    def __post_init__(self):
        self._check()
        for name in ("lower", "upper"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, Real)
                                      or not 0 <= value < math.inf):
                raise RunError(f"SpikeCount.{name}: is {value!r} spikes. It must be a number of 0 or above, or None.")
        if self.lower is None and self.upper is None:
            raise RunError("SpikeCount.upper: neither lower nor upper is given. Give one or both.")
        if None not in (self.lower, self.upper) and self.lower > self.upper:
            raise RunError(f"SpikeCount.lower: is above upper ({self.lower:g} against {self.upper:g} spikes). "
                           "It must not be above.")

    def look(self, module, args, output):
        return output if getattr(module, "step_mode", "m") == "s" else output.sum(dim=0)

    def cost(self, seen):
        count, cost = torch.stack(seen).sum(dim=0), 0.0
        if self.lower is not None:
            cost = cost + (self.lower - count).relu().square().mean()
        if self.upper is not None:
            cost = cost + (count - self.upper).relu().square().mean()
        return cost


@dataclass(frozen=True)
class Quantisation(Regulariser):
    """Draws potentials towards what their spikes tell the next layer.

    Formula
        ``weight * mean (u - z)^2`` over time, samples and neurons, with ``u = (1 + m) / 2`` from the margin ``m``: 0 at
        reset, 1/2 at threshold; ``z`` is the spike; summed over layers. See ``snn.train.rectifier.quantisation_error``.

    The layers are ``snn.train.Layer`` of models with a threshold, at rest when the pass begins, as in ``fit``. Each
    runs a second time, from rest, to give its margin.

    Source: Y. Guo et al. (2022), "Reducing information loss for spiking neural networks", ECCV.

    Example: ``Options(regularisers=[Quantisation(["1"], weight=0.1)])``
    """

    layers: Any
    weight: float = 1.0

    def __post_init__(self):
        self._check()

    def _find(self, net, layer):
        found = super()._find(net, layer)
        if not isinstance(found, Layer):
            raise RunError(f"Quantisation.layers: {layer!r} is a {type(found).__name__}. It must be a Layer, which "
                           "gives its margin.")
        return found

    def look(self, module, args, output):
        return quantisation_error(module.run(args[0], traces="margin").traces["margin"])

    def cost(self, seen):
        return torch.stack(seen).mean()
