"""Networks of ours as networks of SpikingJelly; see :mod:`snn.exchange.spikingjelly`."""
import copy
from collections import OrderedDict

import numpy as np
import torch
from spikingjelly.activation_based import layer as theirs
from torch import nn

from snn.errors import RunError
from snn.exchange.spikingjelly_neurons import LOSSES, Refused, node_of
from snn.train.children import check_states, children_of
from snn.train.delay import AxonalDelay
from snn.train.folded import Dropout, Folded
from snn.train.layer import Layer
from snn.train.linear import Linear
from snn.train.recurrent import Recurrent

COPIED = (nn.Identity, nn.Dropout, nn.Flatten, theirs.VotingLayer, theirs.Dropout, theirs.Delay)


def to_spikingjelly(net, *, allow=(), keep=False):
    """A network of ours as one of SpikingJelly's own modules, in multi-step mode, with the same spikes.

    Parameters
        net    an ``nn.Sequential``, also nested, of ``Linear``, ``Folded``, ``Layer``, ``Recurrent``, ``Dropout`` and
               modules of torch and SpikingJelly. Layers of ``IF``, ``LIF``, ``SoftLIF``, ``ParametricLIF`` and
               ``EulerLIF`` have a counterpart (:mod:`snn.exchange.spikingjelly_neurons`); a learned time constant
               becomes a ``ParametricLIFNode``. ``Folded`` becomes ``SeqToANNContainer``, ``Recurrent``
               ``LinearRecurrentContainer``, whose one matrix takes in a square ``Linear`` before it (else it begins
               with a 1 for every input, which is learned along)
        allow  what may be lost: "refractory" (t_ref becomes 0), "rest" (E_L becomes V_reset), "learning" (of values
               that cannot be learned there), "surrogate" (it becomes ATan; the spikes stay the same)
        keep   whether a part without a counterpart stays what it is, the same object: layers, delays and readouts of
               ours follow the protocol of SpikingJelly, also ``functional.reset_net``
    Returns: an ``nn.Sequential`` with the same names of children, training or not as ``net``.

    Errors: RunError, by name and place, for what has no counterpart or would lose something that is not allowed.

    Example: ``to_spikingjelly(nn.Sequential(Linear(784, 10), Layer(EulerLIF(), 10, dt=1.0)))``
    """
    allow = (allow,) if isinstance(allow, str) else tuple(allow)
    for name in allow:
        if name not in LOSSES:
            raise RunError(f"to_spikingjelly.allow: is {name!r}. Known: {', '.join(map(repr, LOSSES))}.")
    if not isinstance(net, nn.Module):
        raise RunError(f"to_spikingjelly.net: is a {type(net).__name__}. Give an nn.Sequential of layers.")
    check_states(net, "to_spikingjelly")
    whole = net if type(net) is nn.Sequential else nn.Sequential(net)
    whole.training = net.training
    return _children(whole, "to_spikingjelly", allow, keep)


def _children(net, place, allow, keep):
    done = OrderedDict()
    for name, module in children_of(net):
        here = f"{place}.{name}"
        try:
            if type(module) is nn.Sequential:
                done[name] = _children(module, here, allow, keep)
            elif isinstance(module, Recurrent):
                before = next(reversed(done), None)
                matrix = done.get(before)
                whole = isinstance(matrix, theirs.Linear) and matrix.weight.shape[0] == matrix.weight.shape[1]
                done[name] = _container(module, allow, matrix if whole else None)
                if whole:
                    del done[before]
            else:
                done[name] = _module(module, allow)
        except Refused as why:
            if not keep:
                raise RunError(f"{here}: {why}. {_advice(why.loss)}") from None
            done[name] = module
    made = nn.Sequential(done)
    made.training = net.training
    return made


def _advice(loss):
    kept = "keep=True leaves the part as it is."
    return kept if loss is None else f'Allow the loss, allow=("{loss}",); {kept}'


def _module(module, allow):
    if isinstance(module, Layer):
        return node_of(module, allow)
    if type(module) in (nn.Linear, theirs.Linear, Linear):
        linear = theirs.Linear(module.in_features, module.out_features, module.bias is not None, step_mode="m")
        linear.weight, linear.bias = copy.deepcopy(module.weight), copy.deepcopy(module.bias)
        return linear
    if isinstance(module, Folded):
        return theirs.SeqToANNContainer(*copy.deepcopy(list(module)))
    if isinstance(module, Dropout) and module.p < 1.0:
        return theirs.Dropout(module.p, step_mode="m").train(module.training)
    if isinstance(module, AxonalDelay):
        return _queue(module, allow)
    if isinstance(module, COPIED) or getattr(module, "step_mode", None) == "m" and isinstance(
            module, (nn.Conv1d, nn.Conv2d, nn.BatchNorm1d, nn.BatchNorm2d, nn.AvgPool1d, nn.AvgPool2d, nn.MaxPool1d,
                     nn.MaxPool2d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d)):
        return copy.deepcopy(module)
    raise Refused(f"a {type(module).__name__} has no counterpart there")


def _queue(module, allow):
    steps = module.whole_steps()
    if np.ptp(steps):
        raise Refused("the delays of the AxonalDelay differ, and there all are the same")
    if "learning" not in allow:
        raise Refused("the delays are learned, which none there is", "learning")
    return theirs.Delay(int(steps[0]), step_mode="m")


def _container(module, allow, linear):
    """``LinearRecurrentContainer`` of a Recurrent and of the square matrix before it, if there is one."""
    if module.delay != 1:
        raise Refused(f"spikes come back after {module.delay} steps, and there after one")
    node = node_of(module.layer, allow)
    node.step_mode = "s"
    weight = module.weight.detach()
    before = torch.eye(module.n, dtype=weight.dtype, device=weight.device) if linear is None else linear.weight.detach()
    biases = [m.bias.detach() for m in (module, linear) if m is not None and m.bias is not None]
    container = theirs.LinearRecurrentContainer(node, module.n, module.n, bool(biases), step_mode="m")
    container.rc.weight = nn.Parameter(torch.cat([before, weight], dim=1))
    if biases:
        container.rc.bias = nn.Parameter(sum(biases))
    return container
