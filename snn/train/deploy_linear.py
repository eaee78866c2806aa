"""Linear modules of a trained network: what each adds to the synapses that lead to the next layer.

What it is
    ``READINGS`` has a function for every kind of module, ``reading(before, shape, module, place)``. It takes the
    :class:`~snn.train.deploy_synapses.Synapses` so far and the shape of one sample in one step, ``(n,)`` or
    ``(C, H, W)``, and gives both behind the module. Neurons are numbered as ``flatten`` of torch does.
"""
import math

import numpy as np
from spikingjelly.activation_based import layer as theirs
from torch import nn

from snn.contract import numbers
from snn.errors import RunError
from snn.train.delay import AxonalDelay, Delay
from snn.train.deploy_windows import adaptive_windows, windows


def _bias(module):
    return None if module.bias is None else numbers(module.bias)


def _linear(before, shape, module, place):
    import scipy.sparse
    weight, lines = numbers(module.weight), math.prod(shape[:-1])
    bias = _bias(module)
    if lines > 1:
        weight = scipy.sparse.kron(scipy.sparse.eye_array(lines), weight)
        bias = None if bias is None else np.tile(bias, lines)
    return before.matrix(weight, bias=bias, where=place), (*shape[:-1], module.out_features)


def _convolution(before, shape, module, place):
    import scipy.sparse
    reach = windows(shape[1:], module.kernel_size, stride=module.stride, dilation=module.dilation,
                    padding=module.padding, mode=module.padding_mode)
    n_out, n_in = module.out_channels, module.in_channels // module.groups
    weight = numbers(module.weight).reshape(n_out, n_in, 1, -1)
    first = np.arange(n_out) // (n_out // module.groups) * n_in
    channel = (first[:, None] + np.arange(n_in))[:, :, None, None]
    size, places = math.prod(shape[1:]), len(reach.sources)
    row = np.arange(n_out)[:, None, None, None] * places + np.arange(places)[:, None]
    column, row, weight = np.broadcast_arrays(channel * size + reach.sources, row, weight)
    inside = np.broadcast_to(reach.sources >= 0, weight.shape)
    matrix = scipy.sparse.coo_array((weight[inside], (row[inside], column[inside])),
                                    shape=(n_out * places, shape[0] * size))
    # With circular padding a window may meet the same neuron twice.
    matrix.sum_duplicates()
    bias = None if module.bias is None else np.repeat(numbers(module.bias), places)
    return before.matrix(matrix, bias=bias, where=place), (n_out, *reach.shape)


def _mean_pool(before, shape, module, place):
    reach = windows(shape[1:], module.kernel_size, stride=module.stride, padding=module.padding, ceil=module.ceil_mode)
    size = reach.counted if module.count_include_pad else (reach.sources >= 0).sum(axis=1)
    divisor = getattr(module, "divisor_override", None)
    share = 1.0 / (np.full(len(size), divisor) if divisor else size)
    return before.matrix(reach.matrix(shape, share), where=place), (shape[0], *reach.shape)


def _adaptive_pool(before, shape, module, place):
    reach = adaptive_windows(shape[1:], module.output_size)
    return before.matrix(reach.matrix(shape, 1.0 / reach.counted), where=place), (shape[0], *reach.shape)


def _norm(before, shape, module, place):
    if module.running_mean is None:
        raise RunError(f"{place}: keeps no running statistics. Use {type(module).__name__}(n, "
                       "track_running_stats=True).")
    gain = 1.0 / np.sqrt(numbers(module.running_var) + module.eps)
    gain = gain if module.weight is None else gain * numbers(module.weight)
    shift = (0.0 if module.bias is None else numbers(module.bias)) - numbers(module.running_mean) * gain
    gain, shift = (np.repeat(a, math.prod(shape[1:])) for a in (gain, shift))
    return before.affine(gain, shift), shape


def _delay(before, shape, module, place):
    after = before.matrix(numbers(module.weight), delay=module.whole_steps(), bias=_bias(module), where=place)
    return after, (after.n_out,)


def _axonal(before, shape, module, place):
    return before.later(module.whole_steps()), shape


def _queue(before, shape, module, place):
    return before.later(np.full(before.n_out, module.delay_steps)), shape


READINGS = {nn.Linear: _linear, nn.Conv1d: _convolution, nn.Conv2d: _convolution, nn.AvgPool1d: _mean_pool,
            nn.AvgPool2d: _mean_pool, nn.AdaptiveAvgPool1d: _adaptive_pool, nn.AdaptiveAvgPool2d: _adaptive_pool,
            nn.BatchNorm1d: _norm, nn.BatchNorm2d: _norm, Delay: _delay, AxonalDelay: _axonal,
            theirs.Delay: _queue}


def expected(module):
    """What a module expects of the shape of a sample: ``(axis, size, numbers of axes)``, None for any size or number.
    """
    if isinstance(module, nn.Linear):
        return -1, module.in_features, None
    if isinstance(module, theirs.Delay):
        return 0, None, None
    if isinstance(module, Delay):
        return 0, module.weight.shape[1], (1,)
    if isinstance(module, AxonalDelay):
        return 0, len(module.steps), (1,)
    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        return 0, module.num_features, (3,) if isinstance(module, nn.BatchNorm2d) else (1, 2)
    axes = 2 if isinstance(module, nn.Conv1d | nn.AvgPool1d | nn.AdaptiveAvgPool1d | nn.MaxPool1d) else 3
    return 0, getattr(module, "in_channels", None), (axes,)
