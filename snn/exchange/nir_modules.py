"""Modules of torch without time as nodes of NIR, and such nodes as modules: convolutions, pools, flatten, norms."""
import numpy as np
import torch
from torch import nn

from snn.contract import numbers
from snn.errors import DataError, RunError
from snn.exchange.nir_file import array_of


def _pair(value):
    return (value, value) if isinstance(value, int) else tuple(int(v) for v in value)


def _after(module, shape):
    """Shape of what a module makes of one sample of ``shape``."""
    with torch.no_grad():
        return tuple(module(torch.zeros(1, *shape, dtype=_dtype(module))).shape[1:])


def _dtype(module):
    return next((p.dtype for p in module.parameters()), torch.get_default_dtype())


def write_conv(builder, module, place):
    """``nn.Conv1d`` or ``nn.Conv2d``: groups become zeros in a full kernel, oblong kernels zeros around them.

    The graphs of nir 1.0.8 are checked as if there were neither groups nor oblong kernels; written so, they are legal.
    """
    rank = module.weight.ndim - 2
    if len(builder.shape) != rank + 1:
        raise RunError(f"{place}: takes {rank + 1} axes, channels first, and gets {builder.shape}. Give the "
                       "shape of the "
                       f"input of one step: to_nir(net, shape={(module.in_channels, *[28] * rank)}).")
    if module.padding_mode != "zeros":
        raise RunError(f"{place}.padding_mode: is {module.padding_mode!r}. NIR pads with zeros.")
    weight, groups = numbers(module.weight), module.groups
    if groups > 1:
        full = np.zeros((len(weight), module.in_channels, *weight.shape[2:]))
        for k, (outs, ins) in enumerate(zip(np.split(np.arange(len(weight)), groups),
                                            np.split(np.arange(module.in_channels), groups), strict=True)):
            full[np.ix_(outs, ins)] = np.split(weight, groups)[k]
        weight = full
    padding = module.padding if isinstance(module.padding, str) else tuple(module.padding)
    if rank == 2 and weight.shape[2] != weight.shape[3]:
        weight, padding = _square(weight, padding, module.dilation, place)
    bias = np.zeros(len(weight)) if module.bias is None else numbers(module.bias)
    kind, shape = builder.nir.Conv1d if rank == 1 else builder.nir.Conv2d, builder.shape[1:]
    values = {"stride": module.stride, "padding": padding, "dilation": module.dilation}
    if rank == 1:
        shape = shape[0]
        values = {k: v if isinstance(v, str) else int(v[0]) for k, v in values.items()}
    node = kind(input_shape=shape, weight=builder.array(weight), groups=1, bias=builder.array(bias), **values)
    builder.add("conv", node, _after(module, builder.shape))


def _square(weight, padding, dilation, place):
    """An oblong kernel inside a square one of zeros, and the padding that belongs to it."""
    high, wide = weight.shape[2:]
    extra = abs(high - wide)
    if extra % 2:
        raise RunError(f"{place}: has a kernel of {high} x {wide}. nir 1.0.8 counts with square kernels only; sides "
                       "that differ by an even number can be written.")
    more = (0, extra // 2) if wide < high else (extra // 2, 0)
    weight = np.pad(weight, ((0, 0), (0, 0), (more[0],) * 2, (more[1],) * 2))
    if padding == "valid":
        padding = (0, 0)
    return weight, padding if padding == "same" else tuple(
        p + m * d for p, m, d in zip(padding, more, dilation, strict=True))


def write_average(builder, module, place):
    """``nn.AvgPool2d``; with ``divisor_override=1`` it is a SumPool2d."""
    window, stride, padding = _pair(module.kernel_size), _pair(module.stride), _pair(module.padding)
    uneven = any(padding) and not module.count_include_pad and module.divisor_override is None
    if module.ceil_mode or uneven or module.divisor_override not in (None, 1):
        raise RunError(f"{place}: pools with ceil_mode, another divisor or uncounted padding. NIR has the plain "
                       "mean and "
                       "the plain sum.")
    kind = builder.nir.AvgPool2d if module.divisor_override is None else builder.nir.SumPool2d
    _image(builder, place)
    builder.add("pool", kind(kernel_size=np.array(window), stride=np.array(stride), padding=np.array(padding)),
                _after(module, builder.shape))


def write_adaptive(builder, module, place):
    """``nn.AdaptiveAvgPool2d`` whose size divides that of the image."""
    _image(builder, place)
    after = _after(module, builder.shape)
    if any(a % b for a, b in zip(builder.shape[1:], after[1:], strict=True)):
        raise RunError(f"{place}: makes {after[1:]} of {builder.shape[1:]}. NIR has windows of one size: use a "
                       "size that "
                       "divides.")
    window = np.array([a // b for a, b in zip(builder.shape[1:], after[1:], strict=True)])
    builder.add("pool", builder.nir.AvgPool2d(kernel_size=window, stride=window, padding=np.zeros(2, np.int64)), after)


def _image(builder, place):
    if len(builder.shape) != 3:
        raise RunError(f"{place}: pools over an image and gets {builder.shape}. Give the shape of the input of "
                       "one step, "
                       "to_nir(net, shape=(channels, height, width)).")


def write_flatten(builder, module, place):
    """``nn.Flatten``. Axes are counted from the last one, since snnTorch and Norse forget that NIR knows no batch."""
    after, axes = _after(module, builder.shape), len(builder.shape) + 1
    if after == builder.shape:
        return
    first, last = (k - axes if k >= 0 else k for k in (module.start_dim, module.end_dim))
    builder.add("flatten", builder.nir.Flatten(np.array(builder.shape), first, last), after)


def write_norm(builder, module, place):
    """A batch norm in evaluation, folded into the weights before it."""
    if module.running_mean is None:
        raise RunError(f"{place}: keeps no running statistics. Use {type(module).__name__}(n, "
                       "track_running_stats=True).")
    gain = 1.0 / np.sqrt(numbers(module.running_var) + module.eps)
    gain = gain if module.weight is None else gain * numbers(module.weight)
    shift = 0.0 if module.bias is None else numbers(module.bias)
    builder.affine(np.atleast_1d(gain), shift - numbers(module.running_mean) * gain)


WRITERS = {
    nn.Conv1d: write_conv, nn.Conv2d: write_conv, nn.AvgPool2d: write_average, nn.Flatten: write_flatten,
    nn.AdaptiveAvgPool2d: write_adaptive, nn.BatchNorm1d: write_norm, nn.BatchNorm2d: write_norm,
}


def read_matrix(signal, node, name):
    """Linear or Affine."""
    bias = array_of(node.bias) if hasattr(node, "bias") else None
    signal.matrix(array_of(node.weight), bias, f"{signal.where}.{name}")


def read_scale(signal, node, name):
    scale, place = array_of(node.scale).astype(np.float64), f"{signal.where}.{name}"
    if scale.size not in (1, signal.n):
        raise DataError(f"{place}.scale: has {scale.size} values for a signal of shape {signal.shape}. Give one "
                        "for each.")
    signal.gain(scale.ravel(), place)


def read_conv(signal, node, name):
    """Conv1d or Conv2d."""
    weight, bias, rank = array_of(node.weight), array_of(node.bias), 1 if type(node).__name__ == "Conv1d" else 2
    place, groups = f"{signal.where}.{name}", int(node.groups)
    if weight.ndim != rank + 2 or bias.shape != weight.shape[:1] or 0 in weight.shape or groups < 1:
        raise DataError(f"{place}: has weights of shape {weight.shape}, a bias of shape {bias.shape} and "
                        f"{groups} groups. "
                        f"[out, in / groups{', k' * rank}] and [out] are needed.")
    values = {what: _window(getattr(node, what), rank, place, what, least)
              for what, least in (("stride", 1), ("padding", 0), ("dilation", 1))}
    kind = nn.Conv1d if rank == 1 else nn.Conv2d
    try:
        module = kind(weight.shape[1] * groups, len(weight), weight.shape[2:], groups=groups, **values).to(signal.dtype)
    except (ValueError, RuntimeError) as err:
        raise DataError(f"{place}: is no convolution ({err}).") from None
    with torch.no_grad():
        module.weight.copy_(torch.as_tensor(weight))
        module.bias.copy_(torch.as_tensor(bias))
    signal.add(module)
    signal.weighted = module


def read_pool(signal, node, name):
    """AvgPool2d, or SumPool2d as the mean that is divided by 1."""
    place = f"{signal.where}.{name}"
    window, stride, padding = (_window(getattr(node, what), 2, place, what, least)
                               for what, least in (("kernel_size", 1), ("stride", 1), ("padding", 0)))
    before = signal.weighted
    total = type(node).__name__ == "SumPool2d"
    signal.add(nn.AvgPool2d(window, stride, padding, divisor_override=1 if total else None))
    signal.weighted = before


def read_flatten(signal, node, name):
    """Flatten; axes are counted without the batch."""
    first, last = int(node.start_dim), int(node.end_dim)
    before = signal.weighted
    signal.add(nn.Flatten(first + 1 if first >= 0 else first, last + 1 if last >= 0 else last))
    signal.weighted = before


def _window(value, rank, place, what, least):
    """A whole number, or one per axis; or the words that torch and NIR share."""
    if isinstance(value, str | bytes):
        word = value.decode() if isinstance(value, bytes) else value
        if what == "padding" and word in ("same", "valid"):
            return word
    else:
        numbers_ = array_of(value).ravel()
        whole = numbers_.dtype.kind in "iu" and numbers_.size in (1, rank) and (numbers_ >= least).all()
        if whole and (numbers_ < 1 << 20).all():
            return tuple(int(k) for k in np.broadcast_to(numbers_, (rank,)))
    raise DataError(f"{place}.{what}: is {str(value)[:60]!r}. A whole number from {least} on is needed, or one "
                    "per axis.")


READERS = {
    "Linear": read_matrix, "Affine": read_matrix, "Scale": read_scale, "Conv1d": read_conv, "Conv2d": read_conv,
    "AvgPool2d": read_pool, "SumPool2d": read_pool, "Flatten": read_flatten,
}
