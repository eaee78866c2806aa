"""How signals lie in memory for the shift execution of delays, and the way there and back.

What it is
    A batch ``[T, B, n]`` becomes ``[chunk, channel, position]``. Batches of at least half a vector are cut into
    chunks of
    ``lanes`` samples (the last filled with zeros), and a position is one time step of a chunk: a delay moves whole
    vectors. Smaller batches are one chunk whose positions are time and sample flattened, without any filling: the lanes
    of a vector go over time.
"""
import functools
from dataclasses import dataclass

import torch
from llvmlite import ir

from snn.run import native
from snn.run.block import I32
from snn.train.parallel import run, words
from snn.train.pool import empty
from snn.train.shift_kernels import SIZE, Kernel, most_vectors, registers


@dataclass(frozen=True)
class Layout:
    """Chunks, lanes, elements per time step (``pitch``), registers and blocks for ``steps`` time steps."""

    batch: int
    steps: int
    lanes: int
    pitch: int
    chunks: int
    vectors: int
    blocks: int

    @property
    def shared(self):
        return self.pitch == self.lanes

    @property
    def positions(self):
        """Positions that the kernels write: the time steps filled up to whole blocks."""
        return self.blocks * self.vectors * self.lanes

    @classmethod
    def of(cls, batch, steps, taps, dtype):
        """The layout with the least work for these sizes."""
        full = registers()[0] // SIZE[dtype]
        if batch < full // 2:
            lanes, pitch, chunks = full, batch, 1
        else:
            # Half vectors need twice the instructions: measured 1.25 times the time, so they must save a quarter.
            lanes = min((full, full // 2), key=lambda n: -(-batch // n) * n * (1.0 if n == full else 1.25))
            pitch, chunks = lanes, -(-batch // lanes)
        rows = -(-steps * pitch // lanes)
        blocks = -(-rows // most_vectors(taps))
        vectors = -(-rows // blocks)
        return cls(batch, steps, lanes, pitch, chunks, vectors, -(-rows // vectors))

    def length(self, before, reach):
        """Elements per channel of a signal with ``before`` steps before its position 0 that is read up to ``reach``
        steps behind the last position. Odd in rows, so that channels do not compete for one set of the cache."""
        n = (before + reach) * self.pitch + self.positions
        return (-(-n // self.lanes) | 1) * self.lanes


def pack(x, layout, *, front, length):
    """``x`` [R, B, n] as [chunks, n, length]: ``front`` steps of zeros, the R steps, zeros."""
    (rows, batch, n), lanes, pitch = x.shape, layout.lanes, layout.pitch
    buffer = empty((layout.chunks, n, length), x.dtype)
    begin, end = front * pitch, (front + rows) * pitch
    buffer[:, :, :begin].zero_()
    buffer[:, :, end:].zero_()
    if not layout.shared:
        buffer[0, :, begin:end] = x.reshape(rows * batch, n).t()
    elif n >= lanes:
        _transpose("pack", x.contiguous(), buffer, layout, begin, length)
    else:
        inner = buffer.view(layout.chunks, n, -1, lanes)[:, :, front:front + rows]
        for chunk, part in enumerate(x.split(lanes, dim=1)):
            inner[chunk, :, :, :part.shape[1]] = part.permute(2, 0, 1)
            inner[chunk, :, :, part.shape[1]:] = 0
    return buffer


def unpack(buffer, layout, rows):
    """The first ``rows`` steps of ``buffer`` [chunks, n, length] as [rows, B, n]."""
    n, lanes = buffer.shape[1], layout.lanes
    out = empty((rows, layout.batch, n), buffer.dtype)
    if not layout.shared:
        out.view(rows * layout.batch, n).copy_(buffer[0, :, :rows * layout.pitch].t())
    elif n >= lanes:
        _transpose("unpack", out, buffer, layout, 0, buffer.shape[2])
    else:
        inner = buffer.view(layout.chunks, n, -1, lanes)
        for chunk, part in enumerate(out.split(lanes, dim=1)):
            part.copy_(inner[chunk, :, :rows, :part.shape[1]].permute(1, 2, 0))
    return out


def _transpose(way, x, buffer, layout, begin, length):
    """Run the kernel that moves tiles of samples and channels between ``x`` and ``buffer``."""
    rows, batch, n = x.shape
    spare = torch.zeros(layout.lanes, dtype=x.dtype)
    bounds = parts_of(rows, rows * batch * n // 20000)
    dtype = str(x.dtype).removeprefix("torch.")
    run(_tiles(way, dtype, layout.lanes),
        words(x, buffer, spare, batch, n, length, layout.chunks, begin, bounds), parts=len(bounds) - 1)


def parts_of(n, worth):
    """Boundaries of the parts of ``n`` things: at most one per thread, per thing and per unit of work ``worth``."""
    parts = max(1, min(torch.get_num_threads(), n, worth))
    return torch.tensor([n * p // parts for p in range(parts + 1)])


@functools.cache
def _tiles(way, dtype, lanes):
    return native.address(*_Tiles(dtype, lanes, way).build())


class _Tiles(Kernel):
    """``pack``: buffer[chunk, c, begin + row * lanes + l] = x[row, chunk * lanes + l, c], zero behind the last sample;
    ``unpack``: the other way round."""

    def __init__(self, dtype, lanes, way):
        super().__init__(way, dtype, lanes)
        self.way = way

    def build(self):
        k = self.k
        (self.x, self.buffer, self.spare, self.batch, self.n, self.length, self.chunks, self.begin,
         bounds) = (k.word(j) for j in range(9))
        k.loop(*k.bounds(bounds), 1, self._row)
        return k.done()

    def _row(self, row, _):
        self.row = row
        self.k.loop(self.k.i64(0), self.chunks, 1, self._chunk)

    def _chunk(self, chunk, _):
        self.chunk = chunk
        self.k.loop(self.k.i64(0), self.n, self.lanes, self._tile)

    def _tile(self, c, _):
        """One tile; the last begins earlier, so that it ends with the last channel."""
        b, k = self.b, self.k
        last = b.sub(self.n, k.i64(self.lanes))
        c = b.select(b.icmp_signed("<", c, last), c, last)
        samples, channels = [], []
        for j in range(self.lanes):
            sample = b.add(b.mul(self.chunk, k.i64(self.lanes)), k.i64(j))
            at = b.add(b.mul(b.add(b.mul(self.row, self.batch), sample), self.n), c)
            inside = b.icmp_signed("<", sample, self.batch)
            samples.append(b.select(inside, k.offset(self.x, at, self.size), self.spare))
            at = b.mul(b.add(b.add(b.mul(self.chunk, self.n), c), k.i64(j)), self.length)
            at = b.add(b.add(at, self.begin), b.mul(self.row, k.i64(self.lanes)))
            channels.append(k.offset(self.buffer, at, self.size))
        source, target = (samples, channels) if self.way == "pack" else (channels, samples)
        for address, vector in zip(target, self._transposed([self.load(a) for a in source]), strict=True):
            self.store(vector, address, 0)

    def _transposed(self, rows):
        """Square of vectors, transposed: blocks of 1, 2, 4, ... elements across the diagonal are exchanged."""
        size = 1
        while size < self.lanes:
            low = [i if not i & size else self.lanes + i - size for i in range(self.lanes)]
            high = [i + size if not i & size else self.lanes + i for i in range(self.lanes)]
            for i in range(self.lanes):
                if not i & size:
                    a, z = rows[i], rows[i + size]
                    rows[i], rows[i + size] = (self.b.shuffle_vector(a, z, ir.Constant(
                        ir.VectorType(I32, self.lanes), which)) for which in (low, high))
            size *= 2
        return rows
