"""Products of spike trains with dense matrices that cost as much as there are spikes.

What it is
    A matrix x of spike trains (rows: time and batch; columns: neurons) has few nonzeros. :func:`pack` lists them once,
    and two products read the lists::

        forward(p, weight, bias)   out[r, :] = bias + sum over i of x[r, i] weight[:, i]      = x @ weight.T + bias
        weight_grad(p, g)          sum over r of g[r, :] x[r, i], as [n_out, n_in]            = g.T @ x

    Values may be any numbers; where all nonzeros are equal (spikes, or spikes scaled by dropout) one number stands for
    them, and the products only add.

Shapes and memory
    x [..., n] is taken as ``rows`` times n. An entry of the list takes 2 bytes up to 65,536 columns (else 4), and 4 or
    8 more only where values differ; below a density of one half the lists are smaller than x.

Determinism
    Every sum is added in the order of rows or columns by one thread: the result does not depend on the number of
    threads, and the same input gives the same bits. The order is not that of the dense product, so the two agree to
    rounding. Weights must be finite: 0 times infinity is left out here.

Errors: RunError where x is not a float32 or float64 tensor on the CPU, or shapes or types do not fit.

Example::

    p = pack(z)                                   # z [T, B, n_in]
    out = forward(p, weight, bias)                # [T * B, n_out]
    grad = weight_grad(p, g)                      # [n_out, n_in]
"""
import functools
import math
from dataclasses import dataclass

import torch

from snn.errors import RunError
from snn.run import native
from snn.train import parallel, pool, product_lists, product_sums

DTYPES = {torch.float32: "float32", torch.float64: "float64"}
INDEX_TYPES = {torch.uint8: "uint8", torch.uint16: "uint16", torch.int32: "int32"}
SAMPLE = 64
"""Rows that are looked at before a matrix is marked, so that a dense one costs next to nothing."""
SMALL = 1 << 16
"""Entries or additions that one thread finishes sooner than two are woken."""
LEAST = 1 << 24
"""Multiplications of the dense product under which packing costs more than it saves."""
_POSITIONS = torch.from_numpy(product_lists.POSITIONS)


@dataclass(frozen=True, eq=False)
class Packed:
    """The nonzeros of a matrix, row by row.

    ``indices`` [nnz] columns, uint16 or int32, ascending within a row; ``values`` [nnz], or [] (one number) where
    all are equal; ``indptr`` [rows + 1] int64, where the rows begin; ``shape`` (rows, columns).
    """

    indices: torch.Tensor
    values: torch.Tensor
    indptr: torch.Tensor
    shape: tuple

    @property
    def density(self):
        """Share of entries that are not zero."""
        return self.indices.numel() / max(1, self.shape[0] * self.shape[1])

    @property
    def valued(self):
        """Whether there is one value per entry."""
        return self.values.ndim == 1

    def dense(self):
        """The matrix, as a tensor."""
        out = torch.zeros(self.shape, dtype=self.values.dtype)
        row = torch.repeat_interleave(torch.arange(self.shape[0]), self.indptr.diff())
        out[row, self.indices.long()] = self.values.expand(len(row))
        return out


def pack(x, *, at_most=1.0):
    """The nonzeros of ``x`` [..., n] as :class:`Packed`; None where more than the share ``at_most`` is not zero."""
    if not isinstance(x, torch.Tensor) or x.dtype not in DTYPES or x.device.type != "cpu" or x.ndim == 0:
        what = f"{x.dtype}, {x.device}, {x.ndim} axes" if isinstance(x, torch.Tensor) else type(x).__name__
        raise RunError(f"pack.x: cannot be packed ({what}). A float32 or float64 tensor [..., n] on the CPU can.")
    x = _rows_of(x.detach())
    rows, n = x.shape
    if rows >= 4 * SAMPLE and at_most < 1:
        step = rows // SAMPLE
        if sum(part[0] for part in _mark(x[::step])[2]) > 1.5 * at_most * SAMPLE * n:
            return None
    marked = _mark(x)
    count = int(sum(part[0] for part in marked[2]))
    return _listed(x, *marked, count) if count <= at_most * rows * n else None


def most(n_out):
    """The share of nonzeros up to which the sparse products are taken: 0.3, less below 16 outputs.

    Measured as medians of the processor time of one thread, both ways in turn (AMD Zen 4, AVX-512, torch 2.13, float32,
    12,800 rows): packing, forward and weight gradient together against the two dense products cost the same
    at a density of about 0.5 for 256 -> 256, 140 -> 256 and 256 -> 20, and 0.3 for 256 -> 8; at 0.1 they are 3.2, 3.2
    and 2.5 times faster, at 0.3 1.6, 1.7 and 1.5 times.
    """
    return 0.3 * min(1.0, n_out / 16)


def forward(packed, weight, bias=None):
    """``x @ weight.T + bias`` for the packed x [rows, n_in] and ``weight`` [n_out, n_in]; gives [rows, n_out]."""
    return combine(packed, transposed(weight), bias)


def combine(packed, table, bias=None):
    """``x @ table + bias`` for the packed x [rows, n] and ``table`` [n, columns]; :func:`forward` with the weights
    already transposed, for those who use them more than once."""
    _require("combine.table", table, packed.values.dtype, 2)
    rows, n = packed.shape
    if table.shape[0] != n:
        raise RunError(f"combine.table: has {table.shape[0]} rows for {n} columns of the packed matrix. "
                       "It must have one row per column.")
    width = table.shape[1]
    out = pool.empty((rows, width), table.dtype)
    if bias is None:
        bias = table.new_zeros(width)
    _require("combine.bias", bias, table.dtype, 1)
    if bias.numel() != width:
        raise RunError(f"combine.bias: has {bias.numel()} values for {width} columns. It must have one per column.")
    table, bias = table.detach().contiguous(), bias.detach().contiguous()
    _sum(packed, (packed.indptr, 0, rows), packed.indices, packed.values, (table, width, 1, 0), (out, width), bias)
    return out


def weight_grad(packed, g):
    """``g.T @ x`` for the packed x [rows, n_in] and ``g`` [rows, n_out]; gives [n_out, n_in]."""
    rows, n = packed.shape
    _require("weight_grad.g", g, packed.values.dtype, 2)
    if g.shape[0] != rows:
        raise RunError(f"weight_grad.g: has {g.shape[0]} rows for {rows} of the packed matrix. They must be as many.")
    g, width, tile = g.detach().contiguous(), g.shape[1], product_sums.TILE
    lanes = product_sums.LANES[DTYPES[g.dtype]]
    pitch = -(-width // lanes) * lanes
    total = g.new_zeros(n, pitch)
    tiles = -(-rows // tile)
    starts, numbers, values = _by_column(packed, tiles)
    _sum(packed, (starts, n + 1, n), numbers, values, (g, width, tiles, tile * width), (total, pitch), None)
    return _transposed(total[:, :width])


def transposed(weight):
    """``weight.T`` as a contiguous tensor."""
    _require("transposed.weight", weight, weight.dtype, 2)
    return _transposed(_rows_of(weight.detach()))


def _require(where, tensor, dtype, ndim):
    if not isinstance(tensor, torch.Tensor) or tensor.dtype != dtype or dtype not in DTYPES \
            or tensor.device.type != "cpu" or tensor.ndim != ndim:
        what = f"{tensor.dtype}, {tensor.device}, shape {tuple(tensor.shape)}" if isinstance(tensor, torch.Tensor) \
            else type(tensor).__name__
        kind = DTYPES.get(dtype, "float32 or float64")
        raise RunError(f"{where}: does not fit ({what}). It must be a {kind} tensor with {ndim} axes on the CPU.")


@functools.cache
def _address(kernel, *key):
    return native.address(*kernel(*key))


def _run(kernel, key, words, parts):
    parallel.run(_address(kernel, *key), parallel.words(*words), parts=parts)


def _parts(work):
    return 1 if work < SMALL else torch.get_num_threads()


def _rows_of(x):
    """``x`` as a matrix of contiguous rows."""
    x = x if x.ndim == 2 else x.reshape(-1, x.shape[-1]) if x.numel() else x.reshape(0, max(1, x.shape[-1]))
    return x if x.stride(1) == 1 or x.shape[1] == 1 else x.contiguous()


def _mark(x):
    """Bits of the nonzeros, and what each part found: their number, whether they differ, and one of them."""
    rows, n = x.shape
    parts = _parts(x.numel())
    bits = torch.empty(rows * -(-n // product_lists.WORD), dtype=torch.int64)
    found = torch.empty(parts, product_lists.REPORT, dtype=torch.float64)
    _run(product_lists.marks, (DTYPES[x.dtype],), (x, x.stride(0), rows, n, parts, bits, found), parts)
    return bits, found, found.tolist()


def _listed(x, bits, found, parts, count):
    rows, n = x.shape
    kind = torch.uint16 if n <= 65536 else torch.int32
    one = {value for number, _, value in parts if number} or {1.0}
    # One infinite value for all would make a row without nonzeros 0 times infinity.
    valued = any(differ for _, differ, _ in parts) or len(one) > 1 or not all(map(math.isfinite, one))
    indices, indptr = torch.empty(count, dtype=kind), torch.empty(rows + 1, dtype=torch.int64)
    values = x.new_empty(count) if valued else x.new_tensor(one.pop())
    words = (bits, rows, n, len(parts), found, indptr, indices, values, x, x.stride(0), _POSITIONS)
    _run(product_lists.rows, (DTYPES[x.dtype], INDEX_TYPES[kind], valued), words, len(parts))
    return Packed(indices, values, indptr, (rows, n))


def _by_column(packed, tiles):
    """Lists by column: where they begin [tiles, n + 1], rows within the tile, values."""
    rows, n = packed.shape
    parts = min(tiles, _parts(packed.indices.numel()))
    starts = torch.empty(tiles, n + 1, dtype=torch.int64)
    numbers = torch.empty(packed.indices.numel(), dtype=torch.uint8)
    values = torch.empty_like(packed.values) if packed.valued else packed.values
    key = DTYPES[packed.values.dtype], INDEX_TYPES[packed.indices.dtype], packed.valued
    words = packed.indptr, packed.indices, packed.values, rows, n, parts, starts, numbers, values
    _run(product_sums.columns, key, words, parts)
    return starts, numbers, values


def _sum(packed, lists, indices, values, source, target, begin):
    """Run ``product_sums.sums``: ``lists`` (starts, step, number), ``source`` (table, pitch, tiles, step), ``target``
    (out, pitch)."""
    (starts, step, rows), (table, pitch, tiles, further), (out, outpitch) = lists, source, target
    dtype, width = DTYPES[values.dtype], table.shape[1]
    parts = _parts(indices.numel() * width)
    key = dtype, INDEX_TYPES[indices.dtype], packed.valued, begin is None, *product_sums.shape_of(width, dtype)
    words = (starts, step, rows, parts, indices, values, table, pitch, tiles, further, out, outpitch,
             0 if begin is None else begin, width)
    _run(product_sums.sums, key, words, parts)


def _transposed(x):
    rows, columns = x.shape
    out = x.new_empty(columns, rows)
    parts = _parts(x.numel())
    _run(product_sums.transpose, (DTYPES[x.dtype],), (x, x.stride(0), rows, columns, parts, out, rows), parts)
    return out
