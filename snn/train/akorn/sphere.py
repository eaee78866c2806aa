"""Points on the unit sphere of R^n, packed into channels: ``x[:, i * n:(i + 1) * n]`` is oscillator i."""
import math
from numbers import Real

import torch

from snn.errors import NetworkError, RunError


def unit(x, n):
    """Each oscillator of x [B, C, ...] brought to length 1; one of length 0 stays 0.

    Errors: RunError where C is no multiple of n.
    """
    return scaled_to_one(grouped(x, n, "unit")).flatten(1, 2)


def tangent(x, y, n):
    """``y - <y, x> x`` per oscillator: the part of y that moves x along the sphere; x has unit length.

    Shapes: x, y and the result [B, C, ...]. Errors: RunError where shapes do not fit.
    """
    if x.shape != y.shape:
        raise RunError(f"tangent.y: has shape {list(y.shape)} beside x of shape {list(x.shape)}. "
                       "Both must be the same.")
    return along(grouped(x, n, "tangent"), grouped(y, n, "tangent")).flatten(1, 2)


def oscillators(shape, n, *, generator=None, like=None):
    """Random oscillators, uniform on the sphere.

    Parameters
        shape       [B, C, ...], C a multiple of n
        generator   a torch.Generator; None: torch's own
        like        a tensor whose type and device the result has; None: torch's defaults

    The numbers are drawn on the device of the generator (without one: of ``like``), so that a generator of the CPU
    gives the same oscillators on every device.

    Errors: RunError where C is no multiple of n.
    """
    dtype = torch.get_default_dtype() if like is None else like.dtype
    device = "cpu" if like is None else like.device
    drawn = torch.randn(tuple(shape), generator=generator, dtype=dtype,
                        device=device if generator is None else generator.device)
    drawn = unit(drawn.to(device), n)
    # The order of the axes in memory is that of ``like``: mixed orders are slow in every step that follows.
    return drawn if like is None or like.shape != drawn.shape else torch.empty_like(like).copy_(drawn)


def grouped(x, n, where):
    """[B, C, ...] as [B, C / n, n, ...]."""
    if not isinstance(x, torch.Tensor) or not x.is_floating_point() or x.ndim < 2:
        shown = f"{x.dtype} of shape {list(x.shape)}" if isinstance(x, torch.Tensor) else f"a {type(x).__name__}"
        raise RunError(f"{where}.x: is {shown}. A tensor of floating numbers, [batch, channels, ...], is expected.")
    if type(n) is not int or n < 1 or x.shape[1] % n:
        raise RunError(f"{where}.n: is {n!r} with {x.shape[1]} channels. It must divide the channels.")
    return x.unflatten(1, (-1, n))


def squares(x):
    """Squared length of each oscillator [B, units, 1, ...], held above 0 so that its root has a gradient.

    Written out, because ``torch.linalg.vector_norm`` along an inner axis is several times slower on the CPU.
    """
    return x.square().sum(dim=2, keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)


def scaled_to_one(x):
    """Oscillators [B, units, n, ...] brought to length 1."""
    return x * squares(x).rsqrt()


def along(x, y):
    """The tangent part of y, both [B, units, n, ...]."""
    return y - (x * y).sum(dim=2, keepdim=True) * x


def whole(where, value, least=1):
    """``value`` where it is a whole number of at least ``least``."""
    if type(value) is not int or value < least:
        raise NetworkError(f"{where}: is {value!r}. A whole number, {least} or more, is expected.")
    return value


def finite(where, value, least=-math.inf):
    """``value`` as a float where it is a finite number above ``least``."""
    if isinstance(value, bool) or not isinstance(value, Real) or not least < value < math.inf:
        above = "" if least == -math.inf else f" above {least:g}"
        raise NetworkError(f"{where}: is {value!r}. A finite number{above} is expected.")
    return float(value)


def odd_kernel(where, kernel):
    """``kernel`` as a tuple of one to three odd numbers."""
    kernel = tuple(kernel) if isinstance(kernel, tuple | list) else (kernel,) * 4
    if not 1 <= len(kernel) <= 3 or any(type(k) is not int or k < 1 or k % 2 == 0 for k in kernel):
        shown = kernel[0] if len(kernel) == 4 else kernel
        raise NetworkError(f"{where}: is {shown!r}. One odd number per axis of positions, such as (9, 9), is expected.")
    return kernel


def same_channels(where, own, channels):
    """Raise where a coupling was made for other channels than its layer has."""
    if own != channels:
        raise NetworkError(f"{where}.channels: are {own} while the layer has {channels}. Both must be the same.")


def fits(where, x, channels, axes=None):
    """Raise where x is not [B, channels, ...] with ``axes`` axes of positions (None: any)."""
    if isinstance(x, torch.Tensor) and x.is_floating_point() and x.ndim >= 2 and x.shape[1] == channels \
            and 0 not in x.shape and (axes is None or x.ndim == 2 + axes):
        return
    shown = f"{x.dtype} of shape {list(x.shape)}" if isinstance(x, torch.Tensor) else f"a {type(x).__name__}"
    places = ", ..." if axes is None else ", positions" * axes
    raise RunError(f"{where}: is {shown}. A tensor of floating numbers, [batch, {channels}{places}], is expected.")
