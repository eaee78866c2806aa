"""Networks of SpikingJelly as networks of ours, and the other way round.

What it is
    :func:`from_spikingjelly` makes layers of ours from neurons of SpikingJelly, with the same values: what comes out,
    and every gradient, is what SpikingJelly gives. ``Network.from_torch`` calls it, so a network that was trained there
    runs in the engines. :func:`to_spikingjelly` is the way back. Both give multi-step modules, [T, B, ...] in and out,
    and copies: the net that was given stays as it is.

Neurons: see :mod:`snn.exchange.spikingjelly_neurons`. Weights, norms, pooling: kept as they are, with the axis of time
taken care of (``Folded`` here, ``SeqToANNContainer`` there).

Source: Fang et al. (2023), Science Advances 9:eadi1480; the documented modules of SpikingJelly 2.0.
"""
import copy
import operator
from collections import OrderedDict

import torch
from spikingjelly.activation_based import layer as theirs
from spikingjelly.activation_based.base import MemoryModule, StepModule
from spikingjelly.activation_based.neuron import BaseNode
from torch import fx, nn

from snn.errors import RunError
from snn.exchange.spikingjelly_neurons import layer_of
from snn.exchange.spikingjelly_to import to_spikingjelly
from snn.train.children import check_states, children_of
from snn.train.folded import Folded
from snn.train.linear import Linear
from snn.train.recurrent import Recurrent
from snn.train.stateful import Stateful

__all__ = ["from_spikingjelly", "to_spikingjelly"]

# Modules of torch that work on single steps, and those that do not care.
PER_STEP = (nn.Conv1d, nn.Conv2d, nn.BatchNorm1d, nn.BatchNorm2d, nn.AvgPool1d, nn.AvgPool2d, nn.MaxPool1d,
            nn.MaxPool2d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.Flatten, theirs.VotingLayer)
ANY_STEPS = (nn.Identity, nn.Dropout)
SINGLE_STEPS = (theirs.MultiStepContainer, theirs.StepModeContainer)


def from_spikingjelly(net, *, dt=1.0, where="from_spikingjelly"):
    """A network of SpikingJelly's modules with neurons of ours, and the same outputs and gradients.

    Parameters
        net   ``IFNode``, ``LIFNode`` or ``ParametricLIFNode``, ``Linear``, ``Conv1d``, ``Conv2d``, ``BatchNorm``,
              ``AvgPool``, ``MaxPool``, ``AdaptiveAvgPool``, ``Flatten``, ``Dropout``, ``Delay`` and ``VotingLayer``, of
              SpikingJelly or of torch; in ``nn.Sequential``, ``MultiStepContainer``, ``SeqToANNContainer``,
              ``StepModeContainer``, ``LinearRecurrentContainer`` around a neuron, and ``ElementWiseRecurrentContainer``
              around a neuron with the sum; nested as you like. Modules of ours may stand among them; they are taken as
              they are, not copied
        dt    ms per step, which SpikingJelly does not have
        where  begins the messages of errors
    Returns: an ``nn.Sequential`` in multi-step mode with the same names of children, training or not as ``net``.
    A net in step mode "s" becomes one that takes all steps at once, so a batch norm that trains in it takes its
    statistics over all steps.

    Errors: RunError, by name and place, for what cannot be taken over.

    Example
        >>> ours = from_spikingjelly(nn.Sequential(layer.Linear(784, 10), neuron.LIFNode()), dt=1.0)
        >>> spikes = ours(x)                                     # [T, B, 784] to [T, B, 10]
    """
    if not isinstance(net, nn.Module):
        raise RunError(f"{where}.net: is a {type(net).__name__}. Give a module of SpikingJelly.")
    check_states(net, where)
    modes = dict(_modes(net, where))
    if len(modes) > 1:
        raise RunError(f"{modes['s']}: has step_mode 's' where {modes['m']} has 'm'. "
                       "functional.set_step_mode(net, 'm') gives all the same.")
    taken = _Taker(dt).take(net, where, "s" not in modes)
    return taken if isinstance(taken, nn.Sequential) and not isinstance(taken, Folded) else nn.Sequential(taken)


def _modes(module, place):
    """``(step_mode, place)`` of what has a state and stands outside of containers."""
    if type(module) is nn.Sequential:
        for name, child in children_of(module):
            yield from _modes(child, f"{place}.{name}")
    elif isinstance(module, (MemoryModule, theirs.StepModeContainer)):
        yield module.step_mode, place


class _Taker:
    """Takes modules over, one after the other. ``width``: number of values that come in, None where not known."""

    def __init__(self, dt):
        self.dt, self.width = dt, None

    def take(self, module, place, many):
        """The module of ours. ``many``: whether ``module`` is called with all steps at once."""
        if isinstance(module, theirs.SeqToANNContainer) or getattr(module, "stateful", None) is False:
            return self._folded(module, place)
        if isinstance(module, SINGLE_STEPS):
            return self._children(module, place, many=False)
        if type(module) is nn.Sequential:
            return self._children(module, place, many)
        if isinstance(module, theirs.LinearRecurrentContainer):
            return self._linear_recurrent(module, place)
        if isinstance(module, theirs.ElementWiseRecurrentContainer):
            return self._sum_recurrent(module, place)
        if isinstance(module, BaseNode):
            return layer_of(module, None, self.dt, place)
        if isinstance(module, Stateful | Folded):
            return module
        return self._stateless(module, place, many)

    def _children(self, module, place, many):
        children = OrderedDict((name, self.take(child, f"{place}.{name}", many))
                               for name, child in children_of(module))
        taken = nn.Sequential(children)
        taken.training = module.training
        return taken

    def _folded(self, module, place):
        """A container that takes all steps for one batch."""
        for name, child in module.named_modules():
            if isinstance(child, MemoryModule):
                raise RunError(f"{place}.{name}: a {type(child).__name__} in a container that takes all steps for one. "
                               "Put it behind the container, or use MultiStepContainer.")
        for name, child in children_of(module):
            self.take(child, f"{place}.{name}", many=False)
        taken = Folded(OrderedDict((name, copy.deepcopy(child)) for name, child in children_of(module)))
        taken.training = module.training
        return taken

    def _stateless(self, module, place, many):
        kind = type(module).__name__
        if isinstance(module, theirs.Delay):
            return theirs.Delay(module.delay_steps, step_mode="m")
        if isinstance(module, nn.Linear):
            if type(module) not in (nn.Linear, theirs.Linear, Linear):
                raise RunError(f"{place}: a {kind} changes its weights, and cannot be taken over. Give a Linear.")
            self.width = module.out_features
            return _linear(module.weight, module.bias)
        if isinstance(module, ANY_STEPS):
            return copy.deepcopy(module)
        if isinstance(module, theirs.Dropout):
            fresh = type(module)(module.p, step_mode="m")
            return fresh.train(module.training)
        if not _is_exactly(module, PER_STEP):
            raise RunError(f"{place}: a {kind} cannot be taken over. Known are the neurons IFNode, LIFNode and "
                           "ParametricLIFNode, Linear, Conv, BatchNorm, pooling, Flatten, Dropout, Delay, VotingLayer, "
                           "and containers of them.")
        if not isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            self.width = None
        return _per_step(module, place, many)

    def _neuron(self, module, place):
        """The neuron that is all of the inside of a recurrent container."""
        while type(module) is nn.Sequential and len(module) == 1:
            module = module[0]
        if not isinstance(module, BaseNode):
            raise RunError(f"{place}: has a {type(module).__name__} inside. A recurrent layer here is a neuron that "
                           "hears its own spikes; put other modules before or behind the container.")
        return module

    def _linear_recurrent(self, module, place):
        node = self._neuron(module.sub_module, f"{place}.sub_module")
        n = module.rc.out_features
        if module.rc.in_features != 2 * n:
            raise RunError(f"{place}: takes {n} values and gives {module.rc.in_features - n}. A neuron inside needs as "
                           "many as it gives.")
        cells = Recurrent(layer_of(node, n, self.dt, f"{place}.sub_module"))
        weight = module.rc.weight
        cells.weight = nn.Parameter(weight[:, n:].detach().clone(), weight.requires_grad)
        self.width = n
        return nn.Sequential(_linear(weight[:, :n], module.rc.bias), cells)

    def _sum_recurrent(self, module, place):
        node = self._neuron(module.sub_module, f"{place}.sub_module")
        if not _is_sum(module.element_wise_function):
            raise RunError(f"{place}: its element-wise function is not known to be the sum of both. Give operator.add, "
                           "torch.add or lambda x, y: x + y.")
        if self.width is None:
            raise RunError(f"{place}: its number of neurons is not known. Put it behind a Linear.")
        cells = Recurrent(layer_of(node, self.width, self.dt, f"{place}.sub_module"))
        # What comes back is added as it is, and there is nothing to learn.
        cells.weight = nn.Parameter(torch.eye(self.width), requires_grad=False)
        return cells


def _linear(weight, bias):
    n_out, n_in = weight.shape
    linear = Linear(n_in, n_out, bias is not None, device=weight.device, dtype=weight.dtype)
    linear.weight = nn.Parameter(weight.detach().clone(), weight.requires_grad)
    if bias is not None:
        linear.bias = nn.Parameter(bias.detach().clone(), bias.requires_grad)
    return linear


def _is_exactly(module, kinds):
    """Whether a module is one of ``kinds`` of torch or SpikingJelly, and no subclass that may do something else."""
    return any(type(module) in (kind, getattr(theirs, kind.__name__, None)) for kind in kinds)


def _per_step(module, place, many):
    kind, new = type(module).__name__, copy.deepcopy(module)
    if isinstance(module, StepModule):
        if (module.step_mode == "m") != many:
            raise RunError(f"{place}: the {kind} has step_mode {module.step_mode!r} among others that are called with "
                           f"{'all steps at once' if many else 'single steps'}. functional.set_step_mode(net, 'm') "
                           "gives all the same.")
        new.step_mode = "m"
        return new
    if many and isinstance(module, nn.Flatten) and module.start_dim >= 2:
        return new
    if many:
        raise RunError(f"{place}: the {kind} of torch would take time for another axis. Use layer.{kind}, or put it "
                       "into SeqToANNContainer(...).")
    return Folded(new)


def _is_sum(function):
    """Whether a function of two tensors is their sum, by itself or after one look at what it does."""
    if function in (operator.add, torch.add):
        return True
    try:
        nodes = list(fx.symbolic_trace(function).graph.nodes)
    except Exception:  # Anything may be raised by a function of somebody else, and then it is not known.
        return False
    if [node.op for node in nodes] != ["placeholder", "placeholder", "call_function", "output"]:
        return False
    call = nodes[2]
    return call.target in (operator.add, torch.add) and set(call.args) == set(nodes[:2]) and not call.kwargs
