"""Arguments of layers, checked before anything runs; every message names what would be right."""
import difflib
import math
from dataclasses import fields
from numbers import Real

import torch

from snn.contract import Neuron, numbers
from snn.errors import ModelError, RunError
from snn.train.bounded import Bounded, bounds_of


def meant(name, known):
    """The end of a message about an unknown name."""
    close = difflib.get_close_matches(str(name), [str(k) for k in known], n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(map(repr, known))}."


def checked_model(model, n, dt, where):
    """The number of neurons (None: any) of a layer of ``model``; raises where these do not belong together."""
    if not isinstance(model, Neuron):
        raise ModelError(f"{where}.model: is a {getattr(model, '__name__', type(model).__name__)}. "
                         "A neuron model with its parameters is expected, for instance LIF().")
    if not isinstance(dt, Real) or not 0 < dt < math.inf:
        raise ModelError(f"{where}.dt: is {dt!r}. A positive number of ms is expected.")
    longest = model.max_dt()
    if longest is not None and dt > longest:
        raise ModelError(f"{where}.dt: is {dt:g} ms. With these parameters it must be at most {longest:g} ms.")
    if n is not None and (not isinstance(n, int) or n < 1):
        raise ModelError(f"{where}.n: is {n!r}. A number of neurons, or None for any, is expected.")
    for f in fields(model):
        if getattr(getattr(model, f.name), "requires_grad", False):
            raise ModelError(f"{where}.model: its {f.name} is a tensor with gradient. Give its value as a number or an "
                             f"array, and learn=({f.name!r},).")
    sizes = {numbers(getattr(model, f.name)).size for f in fields(model) if numbers(getattr(model, f.name)).ndim}
    n = max(sizes) if n is None and sizes else n
    model.bind(n)
    return n


def one_of(name, known, where, error=ModelError):
    """``name`` if it is among ``known``, else an ``error``."""
    if name not in known:
        raise error(f"{where}: is {name!r}. {meant(name, known)}")
    return name


def checked_learn(model, learn, where):
    """``{field: Bounded}`` of ``learn``: names, or a dict of names with a Bounded (None: the domain of the model)."""
    names = [f.name for f in fields(model)]
    given = {learn: None} if isinstance(learn, str) else learn if isinstance(learn, dict) else dict.fromkeys(learn)
    found = {}
    for name, bounds in given.items():
        here = f"{where}.learn"
        one_of(name, names, here)
        domain = bounds_of(type(model).__dataclass_fields__[name])
        found[name] = bounds = domain if bounds is None else bounds
        if not isinstance(bounds, Bounded):
            raise ModelError(f"{here}[{name!r}]: is {bounds!r}. A Bounded(low, high), or None, is expected.")
        for own, outer, beyond in ((bounds.low, domain.low, "below"), (bounds.high, domain.high, "above")):
            if outer is not None and (own is None or (own < outer if beyond == "below" else own > outer)):
                raise ModelError(f"{here}[{name!r}]: lets it go {beyond} {outer:g}, where {type(model).__name__} ends. "
                                 "Give bounds inside.")
        value = getattr(model, name)
        if not bounds.holds(value):
            raise ModelError(f"{here}[{name!r}]: begins at {numbers(value).min():g} .. {numbers(value).max():g}, not "
                             f"between {bounds.low} and {bounds.high}. It must begin strictly inside.")
    return found


def checked_inputs(x, ports, port, n, many, where):
    """``{port: tensor [T, B, ...]}`` of what a layer was called with.

    ``port``: where a bare tensor goes; ``n``: neurons or None; ``many``: whether there is an axis of time. Half
    precision becomes float32, in which membranes are kept.
    """
    given = x if isinstance(x, dict) else {port: x}
    if not given:
        raise RunError(f"{where}.x: has no port. {meant('', ports)}")
    shape = None
    for name, value in given.items():
        if name not in ports:
            raise RunError(f"{where}.x: has a port {name!r}. {meant(name, ports)}")
        _check_tensor(value, n, many, f"{where}.x" if len(given) == 1 else f"{where}.x[{name!r}]")
        if shape is not None and value.shape != shape:
            raise RunError(f"{where}.x[{name!r}]: has shape {list(value.shape)} where another port has {list(shape)}. "
                           "All ports need the same shape.")
        shape = value.shape
    return {name: _full(value if many else value[None]) for name, value in given.items()}


def _check_tensor(x, n, many, here):
    if not isinstance(x, torch.Tensor):
        raise RunError(f"{here}: is a {type(x).__name__}. A tensor is expected.")
    if not x.is_floating_point():
        raise RunError(f"{here}: has dtype {str(x.dtype)[6:]}. A floating dtype is expected; write x.float().")
    axes = "[T, B, N]" if many else "[B, N]"
    least = 3 if many else 2
    if x.ndim < least or (n is not None and x.ndim != least):
        advice = ""
        if many and x.ndim == 2:
            advice = " A single sample is x.unsqueeze(1); single steps need step_mode='s'."
        elif not many and x.ndim == 3:
            advice = " Many steps at once need step_mode='m'."
        raise RunError(f"{here}: has shape {list(x.shape)}. {axes} is expected.{advice}")
    if n is not None and x.shape[-1] != n:
        where_n = [k for k in range(x.ndim) if x.shape[k] == n]
        advice = f" Axis {where_n[0]} has {n}: swap it to the end." if where_n else ""
        raise RunError(f"{here}: has shape {list(x.shape)}. {axes} with N = {n} is expected.{advice}")
    if many and x.shape[0] == 0:
        raise RunError(f"{here}: has shape {list(x.shape)}, no step of time. T must be at least 1.")


def _full(x):
    return x if x.dtype in (torch.float32, torch.float64) else x.float()
