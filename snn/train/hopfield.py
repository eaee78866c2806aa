"""Continuous Hopfield networks with as many patterns as one likes: retrieval by softmax, as function and as layers."""
import math
from numbers import Real

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from snn.errors import DataError, NetworkError, RunError


def retrieve(queries, stored, values=None, *, beta=None, steps=1, tolerance=1e-4, mask=None):
    """The stored patterns that queries call up.

    Formula
        ``xi <- sum over patterns k of p_k x_k`` with ``p = softmax_k(beta x_k . xi)``, begun at the query, at most
        ``steps`` times. A query that moves by less than ``tolerance`` (Euclidean) takes its last step next. With
        ``values`` the last step gives ``sum_k p_k v_k`` instead. One step is the attention of transformers.

    Parameters
        queries    [..., Q, d]
        stored     [..., S, d], the patterns x_k
        values     [..., S, e] or None: the patterns themselves
        beta       sharpness above 0; None: ``1 / sqrt(d)``. Large: the nearest pattern; small: a mean of many.
        mask       bool [..., Q, S], [Q, S] or [S], True where a pattern may be retrieved; None: all

    Returns: [..., Q, d], or [..., Q, e] with values. :func:`hopfield_energy` never increases from step to step.

    Errors: RunError for shapes, types or numbers that do not fit; DataError where a mask leaves a query no pattern.

    Source: H. Ramsauer et al. (2021), "Hopfield networks is all you need", ICLR.

    Example: ``retrieve(damaged, patterns, beta=1.0).sign()``
    """
    _check_patterns("retrieve", "queries", queries, stored, values)
    beta = _numbers("retrieve", beta, steps, tolerance, queries.shape[-1])
    mask = _checked_mask("retrieve", mask, queries, stored)
    xi, moving = queries, None
    # The last step reads the values; those before move the query among the patterns.
    for _ in range(steps - 1):
        new = scaled_dot_product_attention(xi, stored, stored, attn_mask=mask, scale=beta)
        still = (new - xi).detach().norm(dim=-1, keepdim=True) >= tolerance
        moving = still if moving is None else moving & still
        # Each query ends alone, so that the answer does not depend on what else is in the batch.
        xi = new if moving.all() else torch.where(moving, new, xi)
        if not moving.any():
            break
    return scaled_dot_product_attention(xi, stored, stored if values is None else values, attn_mask=mask, scale=beta)


def hopfield_energy(states, stored, *, beta=None):
    """Energy of states [..., Q, d] among stored patterns [..., S, d]: [..., Q].

    Formula: ``E = -logsumexp_k(beta x_k . xi) / beta + |xi|^2 / 2 + log(S) / beta + max_k |x_k|^2 / 2``, at least 0.
    Parameters, errors and source as :func:`retrieve`.
    """
    _check_patterns("hopfield_energy", "states", states, stored)
    beta = _numbers("hopfield_energy", beta, 1, 0.0, states.shape[-1])
    fit = torch.logsumexp(beta * states @ stored.mT, dim=-1) / beta
    largest = stored.square().sum(dim=-1).amax(dim=-1, keepdim=True)
    return 0.5 * states.square().sum(dim=-1) - fit + math.log(stored.shape[-2]) / beta + 0.5 * largest


class Hopfield(nn.Module):
    """Association: queries call up stored patterns in a learned space, in ``heads`` memories side by side.

    Formula
        Per head ``q = W_q query``, ``k = W_k stored``, ``v = W_v stored``; ``y = W_o [retrieve(q, k, v) of all heads]``
        with :func:`retrieve`. One step with the default beta is multi-head attention.

    Parameters
        n_query, n_stored, n_out   sizes of a query, a stored pattern and an output; None: as n_query
        heads, width               memories, and units of each; width None: ``n_query / heads``, which must be whole
        beta, steps, tolerance     as in :func:`retrieve`; beta None: ``1 / sqrt(width)``

    Shapes: queries [..., Q, n_query] and stored [..., S, n_stored] (None: the queries) to [..., Q, n_out].
    Projections are ``torch.nn.Linear`` with bias. See also :class:`HopfieldPooling`, :class:`HopfieldLookup`.

    Errors: NetworkError for sizes and numbers, RunError and DataError as in :func:`retrieve`.

    Example: ``Hopfield(64, 32, heads=4)(queries, stored)``
    """

    def __init__(self, n_query, n_stored=None, n_out=None, *, heads=1, width=None, beta=None, steps=1, tolerance=1e-4):
        super().__init__()
        sizes = {"n_query": n_query, "n_stored": n_query if n_stored is None else n_stored,
                 "n_out": n_query if n_out is None else n_out, "heads": heads}
        for name, n in sizes.items():
            _check_whole(f"{type(self).__name__}.{name}", n)
        if width is None and n_query % heads:
            raise NetworkError(f"{type(self).__name__}.width: cannot be n_query / heads = {n_query} / {heads}. "
                               "Give the units of each head.")
        self.n_query, self.n_stored, self.n_out, self.heads = sizes.values()
        self.width = _check_whole(f"{type(self).__name__}.width", n_query // heads if width is None else width)
        self.beta = _numbers(type(self).__name__, beta, steps, tolerance, self.width, NetworkError)
        self.steps, self.tolerance = steps, tolerance
        inner = self.heads * self.width
        self.query = nn.Linear(self.n_query, inner)
        self.key, self.value = nn.Linear(self.n_stored, inner), nn.Linear(self.n_stored, inner)
        self.out = nn.Linear(inner, self.n_out)

    def forward(self, queries, stored=None, mask=None):
        where = type(self).__name__
        stored = queries if stored is None else stored
        for name, x, n in (("queries", queries, self.n_query), ("stored", stored, self.n_stored)):
            _check_tensor(f"{where}.{name}", x, n)
            if x.dtype != self.out.weight.dtype and not torch.is_autocast_enabled(x.device.type):
                raise RunError(f"{where}.{name}: is {x.dtype} while the weights are {self.out.weight.dtype}. "
                               f"Give x.to({self.out.weight.dtype}).")
        _check_beside(f"{where}.stored", stored, queries)
        mask = _checked_mask(where, mask, queries, stored)
        q, k, v = self._split(self.query(queries)), self._split(self.key(stored)), self._split(self.value(stored))
        heads = retrieve(q, k, v, beta=self.beta, steps=self.steps, tolerance=self.tolerance,
                         mask=mask if mask is None or mask.ndim < 3 else mask.unsqueeze(-3))
        return self.out(heads.transpose(-3, -2).flatten(-2))

    def _split(self, x):
        """[..., S, heads width] to [..., heads, S, width]."""
        return x.unflatten(-1, (self.heads, self.width)).transpose(-3, -2)

    def extra_repr(self):
        return f"heads={self.heads}, width={self.width}, beta={self.beta:.4g}, steps={self.steps}"


class HopfieldPooling(Hopfield):
    """Pooling: trained queries read a set of patterns, whatever its size.

    Parameters: ``n_stored``; ``queries``, how many are trained; ``n_query``, their size (None: n_stored); others as
    :class:`Hopfield`. ``n_out`` None: as n_query.

    Shapes: stored [..., S, n_stored] to [..., queries, n_out]; ``mask`` bool [..., S] says which patterns of a set are
    there.

    Example: ``HopfieldPooling(64)(points, mask=there)``
    """

    def __init__(self, n_stored, *, queries=1, n_query=None, **options):
        super().__init__(n_stored if n_query is None else n_query, n_stored, **options)
        self.state = _patterns(_check_whole("HopfieldPooling.queries", queries), self.n_query)

    def forward(self, stored, mask=None):
        _check_tensor("HopfieldPooling.stored", stored, self.n_stored)
        if mask is not None and isinstance(mask, torch.Tensor) and mask.ndim > 1:
            mask = mask.unsqueeze(-2)
        return super().forward(self.state.expand(*stored.shape[:-2], *self.state.shape), stored, mask)


class HopfieldLookup(Hopfield):
    """Lookup: queries read trained stored patterns, such as prototypes.

    Parameters: ``n_query``; ``stored``, how many patterns are trained; ``n_stored``, their size (None: n_query); others
    as :class:`Hopfield`.

    Shapes: queries [..., Q, n_query] to [..., Q, n_out].

    Example: ``HopfieldLookup(64, stored=100)(queries)``
    """

    def __init__(self, n_query, *, stored, n_stored=None, **options):
        super().__init__(n_query, n_stored, **options)
        self.stored = _patterns(_check_whole("HopfieldLookup.stored", stored), self.n_stored)

    def forward(self, queries, mask=None):
        _check_tensor("HopfieldLookup.queries", queries, self.n_query)
        return super().forward(queries, self.stored.expand(*queries.shape[:-2], *self.stored.shape), mask)


def _patterns(n, size):
    """Trained patterns, normal, of length about 1."""
    return nn.Parameter(torch.randn(n, size) / math.sqrt(size))


def _check_whole(where, n):
    if type(n) is not int or n < 1:
        raise NetworkError(f"{where}: is {n!r}. A positive whole number is expected.")
    return n


def _check_tensor(where, x, n=None):
    if not isinstance(x, torch.Tensor) or not x.is_floating_point():
        shown = f"{x.dtype}" if isinstance(x, torch.Tensor) else f"a {type(x).__name__}"
        raise RunError(f"{where}: is {shown}. A tensor of floating numbers is expected.")
    if x.ndim < 2 or 0 in x.shape[-2:] or (n is not None and x.shape[-1] != n):
        raise RunError(f"{where}: has shape {list(x.shape)}. [..., patterns, {n or 'd'}] is expected, with one pattern "
                       "or more.")


def _check_patterns(name, field, queries, stored, values=None):
    _check_tensor(f"{name}.{field}", queries)
    _check_tensor(f"{name}.stored", stored, queries.shape[-1])
    _check_beside(f"{name}.stored", stored, queries)
    if values is not None:
        _check_tensor(f"{name}.values", values)
        _check_beside(f"{name}.values", values, queries)
        if values.shape[-2] != stored.shape[-2]:
            raise RunError(f"{name}.values: has shape {list(values.shape)} beside stored of shape "
                           f"{list(stored.shape)}. One value per stored pattern is expected.")


def _check_beside(where, x, other):
    """``x`` fits to ``other`` in type, device and the axes before the last two."""
    if (x.dtype, x.device) != (other.dtype, other.device) and not torch.is_autocast_enabled(x.device.type):
        raise RunError(f"{where}: is {x.dtype} on {x.device} beside {other.dtype} on {other.device}. "
                       "Both must be the same.")
    try:
        torch.broadcast_shapes(x.shape[:-2], other.shape[:-2])
    except RuntimeError:
        raise RunError(f"{where}: has shape {list(x.shape)} beside {list(other.shape)}. The axes before the last two "
                       "must be equal or 1.") from None


def _numbers(where, beta, steps, tolerance, size, error=RunError):
    """beta as a float; all three checked."""
    if beta is not None and (isinstance(beta, bool) or not isinstance(beta, Real) or not 0 < beta < math.inf):
        raise error(f"{where}.beta: is {beta!r}. A number above 0, or None for 1 / sqrt({size}), is expected.")
    if type(steps) is not int or steps < 1:
        raise error(f"{where}.steps: is {steps!r}. A positive whole number is expected.")
    if isinstance(tolerance, bool) or not isinstance(tolerance, Real) or not 0 <= tolerance < math.inf:
        raise error(f"{where}.tolerance: is {tolerance!r}. A number of 0 or above is expected.")
    return 1.0 / math.sqrt(size) if beta is None else float(beta)


def _checked_mask(where, mask, queries, stored):
    """None, or the mask with two axes or more."""
    if mask is None:
        return None
    if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool or mask.ndim < 1:
        shown = f"{mask.dtype} of shape {list(mask.shape)}" if isinstance(mask, torch.Tensor) else type(mask).__name__
        raise RunError(f"{where}.mask: is {shown}. A boolean tensor [..., Q, S] is expected, True where a pattern may "
                       "be retrieved.")
    wanted = (*torch.broadcast_shapes(queries.shape[:-2], stored.shape[:-2]), queries.shape[-2], stored.shape[-2])
    mask = mask if mask.ndim > 1 else mask[None]
    if mask.ndim > len(wanted) or any(a not in (1, b) for a, b in
                                      zip(mask.shape[::-1], wanted[::-1], strict=False)):
        raise RunError(f"{where}.mask: has shape {list(mask.shape)}. {list(wanted)}, or 1 in place of an axis, is "
                       "expected.")
    if not mask.any(dim=-1).all():
        raise DataError(f"{where}.mask: leaves a query no pattern. Every query needs one or more.")
    return mask
