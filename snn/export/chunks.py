"""Chunks of a growing table: their shape, and packing and unpacking them without the HDF5 library's filters.

A table declares the filters shuffle and gzip, and every reader of HDF5 understands its chunks. A chunk that gzip does
not shrink to half is stored instead: without shuffling (the chunk's filter mask says so), in gzip's own stored form,
which keeps the checksum and is written and read at the speed of memory. Whether packing pays is tried again
after every :data:`UNPACKED` chunks.

The shape is chosen for reading one column of a long table: every block of rows that is written takes
:data:`BLOCK_BYTES`, so that a table of 10 GB has about 300 of them whatever its width, and in each of them one chunk of
32 kB is read. ``python -m benchmarks recording --part slice`` measures it.
"""
import zlib

import h5py
import numpy as np

from snn.export.checked import refused

BLOCK_BYTES = 32 << 20
# A stored chunk of this size and what gzip adds fill whole pages of the file.
CHUNK_BYTES = (32 << 10) - 64
CHUNK_VALUES = 16352
PAYS, UNPACKED = 0.5, 15
_STORED = 1


def chunk_shape(width, itemsize):
    """Shape of a chunk of a table of ``width`` columns (None: one dimension)."""
    if width is None:
        return (CHUNK_VALUES,)
    values = CHUNK_BYTES // itemsize
    rows = min(max(BLOCK_BYTES // (max(width, 1) * itemsize), 1), values)
    return rows, max(min(values // rows, width), 1)


class Packer:
    """Writes whole blocks of rows of one table, chunk by chunk."""

    def __init__(self, data):
        self.data, self.chunks, self._stored = data, data.chunks, 0

    def write(self, first, rows):
        """Write ``rows``, at most one chunk high, from row ``first`` on, where a chunk begins."""
        shape = self.chunks
        for column in range(0, rows.shape[1] if rows.ndim == 2 else 1, shape[-1]):
            part = rows[:, column:column + shape[1]] if rows.ndim == 2 else rows
            if part.shape == shape:
                chunk = np.ascontiguousarray(part)
            else:
                chunk = np.zeros(shape, rows.dtype)
                chunk[tuple(map(slice, part.shape))] = part
            # A chunk that is not full is mostly zeros: packing it pays.
            mask, packed = self._packed(chunk) if len(rows) == shape[0] else (0, _shrunk(chunk))
            self.data.id.write_direct_chunk((first, column)[:chunk.ndim], packed, mask)

    def _packed(self, chunk):
        if self._stored:
            self._stored -= 1
        else:
            packed = _shrunk(chunk)
            if len(packed) <= PAYS * chunk.nbytes:
                return 0, packed
            self._stored = UNPACKED
        return _STORED, zlib.compress(chunk, 0)


def _shrunk(chunk):
    """What the filters shuffle and gzip 1 make of a chunk."""
    single = chunk.reshape(-1).view(np.uint8).reshape(-1, chunk.itemsize)
    return zlib.compress(np.ascontiguousarray(single.T), 1)


def read_chunks(data, start, stop, columns=None):
    """Rows ``start`` <= k < ``stop`` of a table in chunks, of all columns or those numbered.

    The HDF5 library only finds the chunks; what they inflate to is bounded here. DataError for damaged or missing ones.
    """
    chunks = _Chunks(data)
    height, width = chunks.shape if data.ndim == 2 else (*chunks.shape, None)
    wanted = np.arange(data.shape[1]) if data.ndim == 2 and columns is None else columns
    out = np.empty((stop - start, *(() if width is None else (len(wanted),))), data.dtype.newbyteorder("="))
    owners = [None] if width is None else sorted({int(column) // width for column in wanted})
    parts = [((), ..., ...)] if width is None else [
        ((k * width,), *_selected(np.flatnonzero(wanted // width == k), wanted, k * width)) for k in owners]
    for top in range(start // height * height, stop if stop > start else 0, height):
        rows = slice(max(start - top, 0), min(stop - top, height))
        into = out[max(top - start, 0):top + height - start]
        for left, mine, inside in parts:
            into[(slice(None), mine)[:out.ndim]] = chunks.values((top, *left), rows, inside)
    return out


def _selected(mine, wanted, left):
    """Places in the result, and columns of the chunk, as slices where they are neighbours: that is much faster."""
    inside = wanted[mine] - left
    if (np.diff(inside) == 1).all() and (np.diff(mine) == 1).all():
        return slice(mine[0], mine[-1] + 1), slice(inside[0], inside[-1] + 1)
    return mine, inside


def read_tail(tail, slot, count):
    """The first ``count`` rows of one slot of a tail; see :mod:`snn.export.columns`."""
    chunks, height = _Chunks(tail), tail.chunks[1]
    found = np.empty((count, *tail.shape[2:]), tail.dtype)
    for top in range(0, count, height):
        corner = (slot, top, *(0,) * (tail.ndim - 2))
        packed = chunks.fetch(corner)[1]
        if len(packed) != chunks.size:
            raise _damaged(tail, corner)
        found[top:top + height] = np.frombuffer(packed, tail.dtype).reshape(tail.chunks[1:])[:count - top]
    return found


class _Chunks:
    """The chunks of a table."""

    def __init__(self, data):
        self.data, self.dtype, self.shape = data, data.dtype, data.chunks
        self.size = self.dtype.itemsize * int(np.prod(self.shape))
        self.room = np.empty(2 * self.size + 4096, np.uint8)

    def fetch(self, corner):
        """The filter mask and the bytes of a chunk as they stand in the file, until the next call."""
        try:
            return self.data.id.read_direct_chunk(corner, out=self.room)
        except (OSError, RuntimeError, ValueError, TypeError) as err:
            raise _damaged(self.data, corner) from err

    def values(self, corner, rows, columns):
        """Some rows of a chunk, and some of its columns where it has any."""
        mask, packed = self.fetch(corner)
        inflate = zlib.decompressobj()
        try:
            raw = inflate.decompress(packed, self.size + 1)
        except zlib.error as err:
            raise _damaged(self.data, corner) from err
        if len(raw) != self.size or not inflate.eof or mask not in (0, _STORED):
            raise _damaged(self.data, corner)
        part = (rows, columns)[:len(self.shape)]
        if mask == _STORED:
            return np.frombuffer(raw, self.dtype).reshape(self.shape)[part]
        planes = np.frombuffer(raw, np.uint8).reshape(self.dtype.itemsize, *self.shape)[(slice(None), *part)]
        return np.ascontiguousarray(planes.transpose(*range(1, planes.ndim), 0)).view(self.dtype)[..., 0]


def _damaged(data, corner):
    return refused(data, "", f"has a damaged or missing chunk at {corner}", "The file is damaged; use an intact copy.")


def check_chunked(data, *, packed):
    """DataError unless a table stands in chunks, packed as :class:`Packer` does it, or as they are."""
    plist = data.id.get_create_plist()
    codes = [plist.get_filter(i)[0] for i in range(plist.get_nfilters())]
    if data.chunks is None or codes != ([h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE] if packed else []):
        raise refused(data, "", f"is packed by the filters {codes}",
                      f"It must have {'shuffle and gzip' if packed else 'none'}.")
