"""Elementary functions with one result on every engine.

What it is
    IEEE arithmetic (+ - * /) gives the same bits everywhere; ``exp`` does not (torch, libm and compilers each have
    their own), and torch's ``sqrt`` of arrays is not always the IEEE one. The float64 engines therefore share these
    definitions, made of IEEE operations only. Inside :func:`exact_math` torch.exp, torch.sqrt, torch.sigmoid and
    torch.tanh of float64 tensors are replaced by them; ``snn.run.vectors`` emits the same operations in the same order.

Formula
    exp(x) = 2^k exp(r), k = round(x / ln 2), r = x - k ln 2 (ln 2 in two parts), exp(r) by its Taylor polynomial
    of degree 13 (|r| <= 0.347, truncation below 4e-18). x is limited to [-708, 709]. Error below 1 ulp of torch.exp's.
    sigmoid(x) = 1 / (1 + exp(-x)); tanh(x) = sign(x) (1 - e) / (1 + e), e = exp(-2 |x|).
"""

import math

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

LOG2_E = 1.4426950408889634
LN2_HIGH = float.fromhex("0x1.62e42feep-1")
LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
MAGIC = 6755399441055744.0
LOWEST, HIGHEST = -708.0, 709.0
TAYLOR = [1.0 / math.factorial(k) for k in range(14)]


def exp(x):
    """exp of a float64 tensor, see above."""
    x = torch.where(x < LOWEST, LOWEST, torch.where(x > HIGHEST, HIGHEST, x))
    shifted = x * LOG2_E + MAGIC
    k = shifted - MAGIC
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    p = torch.full_like(r, TAYLOR[-1])
    for c in TAYLOR[-2::-1]:
        p = p * r + c
    power = (torch.nan_to_num(k).to(torch.int64) + 1023) << 52
    return p * power.view(torch.float64)


def sqrt(x):
    """The correctly rounded square root of a float64 tensor on the CPU."""
    return torch.as_tensor(np.sqrt(x.numpy()))


def sigmoid(x):
    return 1.0 / (exp(-x) + 1.0)


def tanh(x):
    e = exp(torch.abs(x) * -2.0)
    t = (1.0 - e) / (e + 1.0)
    return torch.where(x < 0, -t, t)


EXACT = {"exp": exp, "sqrt": sqrt, "sigmoid": sigmoid, "tanh": tanh}
_REPLACED = {
    torch.exp: exp,
    torch.Tensor.exp: exp,
    torch.sqrt: sqrt,
    torch.Tensor.sqrt: sqrt,
    torch.sigmoid: sigmoid,
    torch.Tensor.sigmoid: sigmoid,
    torch.tanh: tanh,
    torch.Tensor.tanh: tanh,
}


class exact_math(TorchFunctionMode):
    """Context in which float64 tensors use the definitions of this module. Not differentiable; for simulation."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        mine = _REPLACED.get(func)
        if mine is not None and isinstance(args[0], torch.Tensor) and args[0].dtype is torch.float64:
            return mine(args[0].contiguous())
        return func(*args, **(kwargs or {}))
