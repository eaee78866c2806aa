"""``torch.nn.Linear`` whose products use the zeros of spike trains."""
import torch
from torch import nn
from torch.autograd import forward_ad
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear

from snn.errors import NetworkError, RunError
from snn.train import pool, products
from snn.train.stateful import transformed


class Linear(nn.Linear):
    """A dense matrix of weights, applied to every step of a batch of spike trains.

    Formula: ``out[..., j] = bias[j] + sum over i of weight[j, i] x[..., i]``.

    Parameters
        bias        whether there is one
        grad_dtype  None: the gradient of x is computed in the type of the weights. ``torch.bfloat16``: its factors are
                    rounded to 8 bits of mantissa where the sparse products are taken (an error of about 0.3 % of the
                    norm of that gradient; the output and the gradients of the parameters are as without). Measured 2.5
                    times faster on a processor with bfloat16 units (12,800 x 256 x 256, AMD Zen 4, one thread).
        device, dtype  of the parameters, as in ``torch.nn.Linear``

    Shapes: x [..., n_in], usually [T, B, n_in], to [..., n_out]. ``weight`` (n_out, n_in) and ``bias`` (n_out,) begin
    as those of ``torch.nn.Linear``, and the ``state_dict`` is the same.

    Where the product is large (``products.LEAST``) and at most ``products.most(n_out)`` of the entries of x are not
    zero, which the layer finds out in every call, the output and the gradient of the weights add rows instead of
    multiplying matrices (``snn.train.products``), and the nonzeros of x are kept for the backward pass in place of x.
    Else, and on any device but the CPU, under autocast, ``torch.func``, ``torch.compile`` and forward-mode
    differentiation, it is ``torch.nn.Linear``. The two agree to rounding (1e-5 relative in float32). The gradient of x
    is a dense product, unless the gradient that arrives is as sparse as spikes are. Second derivatives exist only on
    the dense way; on the other, torch raises an error that names ``once_differentiable``.

    Errors: NetworkError for sizes that are no positive whole numbers; RunError for an x of another size, type or
    device.

    Example: ``nn.Sequential(Linear(140, 256), Layer(model, 256, dt=1.0), Linear(256, 20))``
    """

    def __init__(self, n_in, n_out, bias=True, *, grad_dtype=None, device=None, dtype=None):
        for name, n in (("n_in", n_in), ("n_out", n_out)):
            if type(n) is not int or n < 1:
                raise NetworkError(f"Linear.{name}: is {n!r}. A positive whole number is expected.")
        if grad_dtype not in (None, torch.bfloat16):
            raise NetworkError(f"Linear.grad_dtype: is {grad_dtype!r}. None or torch.bfloat16 is expected.")
        super().__init__(n_in, n_out, bias, device, dtype)
        self.grad_dtype = grad_dtype

    def forward(self, x):
        weight, bias = self.weight, self.bias
        self._check(x)
        if x.numel() * self.out_features >= products.LEAST and _compiles(x, weight, bias):
            packed = products.pack(x, at_most=products.most(self.out_features))
            if packed is not None:
                return _Product.apply(x, weight, bias, packed, self.grad_dtype)
        return linear(x, weight, bias)

    def _check(self, x):
        if not isinstance(x, torch.Tensor):
            raise RunError(f"Linear.x: is a {type(x).__name__}. A tensor [..., {self.in_features}] is expected.")
        if x.ndim == 0 or x.shape[-1] != self.in_features:
            raise RunError(f"Linear.x: has shape {list(x.shape)}. Its last axis must have n_in = {self.in_features} "
                           "entries.")
        if x.device != self.weight.device:
            raise RunError(f"Linear.x: is on {x.device} while the weights are on {self.weight.device}. "
                           f"Move one of them, for instance net.to({str(x.device)!r}).")
        if x.dtype != self.weight.dtype and not torch.is_autocast_enabled(x.device.type):
            raise RunError(f"Linear.x: is {x.dtype} while the weights are {self.weight.dtype}. "
                           f"Give x.to({self.weight.dtype}).")

    def extra_repr(self):
        return super().extra_repr() + (f", grad_dtype={self.grad_dtype}" if self.grad_dtype else "")


def _compiles(*tensors):
    """Whether compiled code may read the tensors, and nothing follows the operations of torch that are called."""
    return (all(t is None or t.device.type == "cpu" and t.dtype in products.DTYPES and t.layout is torch.strided
                and not transformed(t) for t in tensors)
            and not torch.is_autocast_enabled("cpu") and getattr(forward_ad, "_current_level", -1) < 0)


class _Product(torch.autograd.Function):
    """``linear`` of which the nonzeros of x are kept instead of x."""

    @staticmethod
    def forward(ctx, x, weight, bias, packed, grad_dtype):
        kept = (packed.indices, packed.values, packed.indptr) if ctx.needs_input_grad[1] else ()
        ctx.save_for_backward(weight, *kept)
        ctx.shape, ctx.packed_shape, ctx.grad_dtype = x.shape, packed.shape, grad_dtype
        return products.forward(packed, weight, bias).view(*x.shape[:-1], weight.shape[0])

    @staticmethod
    @once_differentiable
    def backward(ctx, g):
        weight, *kept = ctx.saved_tensors
        for_x, for_weight, for_bias, *_ = ctx.needs_input_grad
        g = g.reshape(-1, weight.shape[0]).contiguous()
        return (_input_grad(g, weight, ctx.grad_dtype).view(ctx.shape) if for_x else None,
                products.weight_grad(products.Packed(*kept, ctx.packed_shape), g) if for_weight else None,
                g.sum(0) if for_bias else None, None, None)


def _input_grad(g, weight, dtype):
    sparse = products.pack(g, at_most=products.most(weight.shape[1]))
    if sparse is not None:
        return products.combine(sparse, weight)
    if dtype is not None:
        return g.to(dtype).mm(weight.to(dtype)).to(g.dtype)
    return torch.mm(g, weight, out=pool.empty((len(g), weight.shape[1]), g.dtype))
