"""Connection rules: who is connected to whom.

A rule is a frozen description. ``rule.build(block, key)`` makes the connections as compressed rows (:class:`CSR`); the
result is a pure function of (rule, block, key), and no edge list is made on the way.

All rules: ``self_connections=True`` (default) means that a neuron may connect to itself when both sides are (slices of)
one population; False leaves such pairs out and draws among the others. ``multi_edges=False`` (default) means that two
neurons are connected at most once: draws are then uniform without replacement, with True uniform with replacement.

Errors: :class:`snn.errors.NetworkError`, for arguments when the rule is made, for sizes when it is built.
"""
from dataclasses import dataclass, field
from numbers import Integral

import numpy as np

from snn.csr import CSR, Block, Rule, refuse
from snn.distance import Disc, DistanceDependent, ExponentialDecay, Gaussian, check_probability

__all__ = ["AllToAll", "Block", "CSR", "Disc", "DistanceDependent", "Edges", "ExponentialDecay", "FixedInDegree",
           "FixedOutDegree", "FixedTotal", "Gaussian", "Matrix", "OneToOne", "Probability", "Rule"]


def _check_count(where, n):
    if isinstance(n, bool) or not isinstance(n, Integral) or n < 0:
        refuse(where, f"not a count ({n!r})", "Give a whole number, 0 or more.")


def _check_degree(where, k, available, multi_edges):
    """``available``: the least number of partners that any neuron of the drawing side has."""
    if k > 0 and available == 0:
        refuse(where, f"no neuron to draw from ({k})", "Give 0, or allow self-connections.")
    if k > available and not multi_edges:
        refuse(where, f"more than the {available} neurons to draw from ({k})", "Give less, or allow multi_edges.")


@dataclass(frozen=True, kw_only=True)
class AllToAll(Rule):
    """Every source to every target. Example: ``AllToAll(self_connections=False)``."""

    self_connections: bool = True

    def build(self, block, key, *, positions=None):
        from snn.build import indptr_of, target_dtype
        degrees = np.full(block.n_pre, block.n_post, np.int64)
        selves = range(0) if self.self_connections else block.selves()
        degrees[selves.start:selves.stop] -= 1
        indptr = indptr_of(degrees)
        everyone = np.arange(block.n_post, dtype=target_dtype(block.n_post))
        if not selves:
            return CSR(indptr, np.tile(everyone, block.n_pre))
        targets = np.empty(indptr[-1], everyone.dtype)
        for s in range(block.n_pre):
            row = targets[indptr[s]:indptr[s + 1]]
            own = s + block.pre_offset - block.post_offset if s in selves else len(row)
            row[:own] = everyone[:own]
            row[own:] = everyone[len(everyone) - len(row) + own:]
        return CSR(indptr, targets)


@dataclass(frozen=True)
class OneToOne(Rule):
    """Source i to target i, local numbers of the slices; both sides must be of the same size.

    Within one and the same slice these are self-connections. Example: ``OneToOne()``.
    """

    def build(self, block, key, *, positions=None):
        from snn.build import target_dtype
        if block.n_pre != block.n_post:
            refuse("OneToOne", f"unequal sizes ({block.n_pre} and {block.n_post})", "Give slices of equal size.")
        return CSR(np.arange(block.n_pre + 1), np.arange(block.n_post, dtype=target_dtype(block.n_post)))


@dataclass(frozen=True)
class Probability(Rule):
    """Every pair independently with probability ``p``.

    Formula: the gap to a source's next target is geometric, ``floor(ln(u) / ln(1 - p))``, u in (0, 1].
    Errors: ``p`` outside [0, 1] or NaN. Source: V. Batagelj, U. Brandes 2005, "Efficient generation of large random
    networks". Example: ``Probability(0.02)``.
    """

    p: float
    self_connections: bool = field(default=True, kw_only=True)

    def __post_init__(self):
        check_probability("Probability.p", self.p)

    def build(self, block, key, *, positions=None):
        from snn.build import bernoulli
        if self.p == 0:
            return FixedOutDegree(0).build(block, key)
        return CSR(*bernoulli(key, block, float(self.p), self_connections=self.self_connections))


@dataclass(frozen=True)
class FixedInDegree(Rule):
    """Every target draws ``k`` sources uniformly.

    Errors: ``k`` negative; above the number of sources (one less without self-connections) unless ``multi_edges``.
    Example: ``FixedInDegree(80, multi_edges=True)``.
    """

    k: int
    self_connections: bool = field(default=True, kw_only=True)
    multi_edges: bool = field(default=False, kw_only=True)

    def __post_init__(self):
        _check_count("FixedInDegree.k", self.k)

    def build(self, block, key, *, positions=None):
        from snn.build import fixed_in_degree
        if block.n_post:
            one_less = not self.self_connections and len(block.selves()) > 0
            _check_degree("FixedInDegree.k", self.k, block.n_pre - one_less, self.multi_edges)
        return CSR(*fixed_in_degree(key, block, int(self.k), self_connections=self.self_connections,
                                    multi_edges=self.multi_edges))


@dataclass(frozen=True)
class FixedOutDegree(Rule):
    """Every source draws ``k`` targets uniformly.

    Errors: ``k`` negative; above the number of targets (one less without self-connections) unless ``multi_edges``.
    Example: ``FixedOutDegree(100, self_connections=False)``.
    """

    k: int
    self_connections: bool = field(default=True, kw_only=True)
    multi_edges: bool = field(default=False, kw_only=True)

    def __post_init__(self):
        _check_count("FixedOutDegree.k", self.k)

    def build(self, block, key, *, positions=None):
        from snn.build import fixed_out_degree
        if block.n_pre:
            one_less = not self.self_connections and len(block.selves()) > 0
            _check_degree("FixedOutDegree.k", self.k, block.n_post - one_less, self.multi_edges)
        degrees = np.full(block.n_pre, self.k, np.int64)
        return CSR(*fixed_out_degree(key, block, degrees, self_connections=self.self_connections,
                                     multi_edges=self.multi_edges))


@dataclass(frozen=True)
class FixedTotal(Rule):
    """``n`` connections, drawn uniformly from all pairs.

    Formula: the numbers per source are multinomial, without multiple edges multivariate hypergeometric; the targets of
    a source are then uniform. Errors: ``n`` negative; above the number of allowed pairs unless ``multi_edges``.
    Example: ``FixedTotal(10_000)``.
    """

    n: int
    self_connections: bool = field(default=True, kw_only=True)
    multi_edges: bool = field(default=False, kw_only=True)

    def __post_init__(self):
        _check_count("FixedTotal.n", self.n)

    def build(self, block, key, *, positions=None):
        from snn.build import fixed_total
        free = np.full(block.n_pre, block.n_post, np.int64)
        selves = range(0) if self.self_connections else block.selves()
        free[selves.start:selves.stop] -= 1
        pairs = int(free.sum())
        if self.n > 0 and pairs == 0 or self.n > pairs and not self.multi_edges:
            refuse("FixedTotal.n", f"more than the {pairs} pairs ({self.n})", "Give less, or allow multi_edges.")
        return CSR(*fixed_total(key, block, int(self.n), free, self_connections=self.self_connections,
                                multi_edges=self.multi_edges))


@dataclass(frozen=True, eq=False)
class Edges(Rule):
    """Exactly the pairs ``pre[i] -> post[i]`` (int arrays of one length, local numbers), in any order.

    ``CSR.order`` tells where each entry stood in the list, so that weights and delays given per edge can follow.
    Errors: unequal lengths, numbers out of range, a pair given twice unless ``multi_edges=True``.
    Example: ``Edges([0, 0, 2], [1, 3, 1])``.
    """

    pre: np.ndarray
    post: np.ndarray
    multi_edges: bool = field(default=False, kw_only=True)

    def __post_init__(self):
        for name in ("pre", "post"):
            ids = np.asarray(_plain(getattr(self, name)))
            ids = ids.astype(np.int64) if ids.size == 0 else ids
            if ids.ndim != 1 or ids.dtype.kind not in "iu":
                what = f"dtype {ids.dtype}, shape {ids.shape}"
                refuse(f"Edges.{name}", f"not a flat list of whole numbers ({what})", "Give such a list.")
            object.__setattr__(self, name, ids)
        if len(self.pre) != len(self.post):
            refuse("Edges.post", f"{len(self.post)} targets for {len(self.pre)} sources", "Give lists of one length.")

    def __repr__(self):
        return f"Edges(n={len(self.pre)}, multi_edges={self.multi_edges})"

    def build(self, block, key, *, positions=None):
        from snn.build import edges, first_duplicate
        for name, ids, n in (("pre", self.pre, block.n_pre), ("post", self.post, block.n_post)):
            if ids.size and (ids.min() < 0 or ids.max() >= n):
                bad = ids.max() if ids.max() >= n else ids.min()
                refuse(f"Edges.{name}", f"number out of range ({bad})", f"Give 0 to {n - 1}.")
        indptr, targets, order = edges(block, self.pre, self.post)
        twice = None if self.multi_edges else first_duplicate(indptr, targets)
        if twice is not None:
            refuse("Edges", f"a pair is given twice ({twice[0]} -> {twice[1]})", "Give it once, or allow multi_edges.")
        return CSR(indptr, targets, order=order)


@dataclass(frozen=True, eq=False)
class Matrix(Rule):
    """The nonzero entries of ``matrix`` [n_post, n_pre], dense or scipy.sparse; the entries are the weights.

    Formula: ``I = matrix @ z``, as in a linear layer. A matrix of dtype bool says only who is connected and carries no
    weights. Entries that a sparse matrix stores twice are summed; stored zeros are no connections.
    Errors: not two-dimensional, not numbers, not finite, another shape than [n_post, n_pre].
    Example: ``Matrix(np.eye(4))``.
    """

    matrix: object

    def __post_init__(self):
        matrix = self.matrix if hasattr(self.matrix, "tocsc") else np.asarray(_plain(self.matrix))
        if matrix.ndim != 2 or matrix.dtype.kind not in "fiub":
            what = f"dtype {matrix.dtype}, shape {matrix.shape}"
            refuse("Matrix.matrix", f"not a matrix of numbers ({what})", "Give [n_post, n_pre] numbers.")
        object.__setattr__(self, "matrix", matrix)

    def __repr__(self):
        return f"Matrix(shape={tuple(self.matrix.shape)})"

    def build(self, block, key, *, positions=None):
        from snn.build import dense, sparse
        shape = tuple(self.matrix.shape)
        if shape != (block.n_post, block.n_pre):
            refuse("Matrix.matrix", f"wrong shape {shape}", f"Give [n_post, n_pre] = {(block.n_post, block.n_pre)}.")
        indptr, targets, values = (sparse if hasattr(self.matrix, "tocsc") else dense)(block, self.matrix)
        if values is not None:
            values = values if values.dtype == np.float32 else values.astype(np.float64, copy=False)
            if not np.isfinite(values).all():
                refuse("Matrix.matrix", "an entry is not finite", "Give finite weights.")
        return CSR(indptr, targets, values)


def _plain(array):
    """A torch tensor as a numpy array; anything else as it is."""
    return array.detach().cpu().numpy() if hasattr(array, "detach") else array
