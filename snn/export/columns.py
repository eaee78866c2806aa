"""Growing tables in an HDF5 file that a kill at any moment leaves readable up to the last commit.

Scheme
    The file is written in HDF5's single-writer-multiple-reader mode: its own tables are consistent at every moment. A
    chunk is written once, when it is full. The rows of the unfinished chunk stand uncompressed in a *tail*,
    which has two slots; a slot is used again only after a commit that refers to the other one. A commit is one
    row of whole numbers with a checksum, written after all it refers to, alternately at two places. So whatever write
    the process dies in, the older of the two rows and everything it refers to are intact.

    The clean end moves the tails to the tables, so that any HDF5 reader finds them whole.

    A table that is gone on with begins at the last whole chunk: the rows after it go to the tail that the last commit
    does not refer to, and with the next commit everything behind them is void. Void chunks are written over, which in
    this mode of HDF5 means that the new chunk gets a place of its own; at the clean end the rest is cut off.
"""
import zlib
from dataclasses import dataclass

import numpy as np
from h5py import h5s

from snn.errors import DataError
from snn.export import checked
from snn.export.chunks import Packer, check_chunked, chunk_shape, read_chunks, read_tail

TAIL_PARTS = 8
PER_COLUMN = {1: 3, 2: 4}
"""Numbers in a Mark, by version of the layout."""


@dataclass(frozen=True)
class Mark:
    """What a commit says of a column: ``rows`` in all, of which ``in_main`` in the table, the rest in tail ``slot``.

    ``sum`` is the checksum of the rows in the tail (None: not known; so it was in version 1).
    """

    rows: int
    in_main: int
    slot: int
    sum: int | None = None


class Column:
    """One growing table: rows of ``width`` values (None: single values), in chunks."""

    def __init__(self, data, tail):
        self.data, self.tail, self.size = data, tail, data.chunks[0]
        self.buffer = np.empty((self.size, *data.shape[1:]), data.dtype)
        self.packer = Packer(data)
        self.in_main = self.fill = self.saved = self.committed = self.slot = self.sum = 0
        self.turned = False

    @classmethod
    def create(cls, group, tails, name, dtype, *, width=None):
        """A new table ``name`` in a group, with a tail."""
        row = () if width is None else (width,)
        free = tuple(None for _ in row)
        chunk = chunk_shape(width, np.dtype(dtype).itemsize)
        data = group.create_dataset(name, (0, *row), dtype, maxshape=(None, *free), chunks=chunk,
                                    shuffle=True, compression="gzip", compression_opts=1)
        part = (1, -(-chunk[0] // TAIL_PARTS), *(max(k, 1) for k in row))
        tail = tails.create_dataset(str(len(tails)), (2, chunk[0], *row), dtype, chunks=part,
                                    maxshape=(2, chunk[0], *free))
        return cls(data, tail)

    @classmethod
    def resume(cls, data, tail, mark, rows):
        """The table as it was after its first ``rows`` rows, of those that the last commit refers to."""
        column = cls(data, tail)
        column.in_main, column.committed = rows // column.size * column.size, rows
        kept = committed_rows(data, tail, mark, column.in_main, rows)
        column.fill, column.slot = len(kept), 1 - mark.slot
        column.buffer[:len(kept)] = kept
        return column

    def append(self, block):
        """Add rows. Full chunks go to the table at once, the rest waits for :meth:`save`."""
        block = np.asarray(block, self.buffer.dtype)
        while len(block):
            if self.fill == 0 and len(block) >= self.size:
                whole = len(block) // self.size * self.size
                self._to_main(block[:whole])
            else:
                whole = min(self.size - self.fill, len(block))
                self.buffer[self.fill:self.fill + whole] = block[:whole]
                self.fill += whole
                if self.fill == self.size:
                    self._to_main(self.buffer)
                    self.fill = 0
            block = block[whole:]

    @property
    def waiting(self):
        """Bytes that :meth:`append` may write besides what it is given, or :meth:`save` or :meth:`finish` at most."""
        return self.buffer[:self.fill].nbytes + self.buffer.nbytes // TAIL_PARTS

    def save(self):
        """Put the rows that wait into the tail; the Mark says where everything is."""
        if self.fill > self.saved:
            new = self.buffer[self.saved:self.fill]
            _put(self.tail, (self.slot, self.saved), new[None])
            self.saved, self.sum = self.fill, zlib.crc32(new, self.sum)
        self.turned, self.committed = False, self.in_main + self.fill
        return Mark(self.committed, self.in_main, self.slot, self.sum)

    def finish(self):
        """Put the saved rows that wait into the table, drop those never saved; nothing can be added afterwards."""
        if len(self.data) > self.in_main:
            self.data.id.set_extent((self.in_main, *self.data.shape[1:]))
        self._to_main(self.buffer[:max(self.committed - self.in_main, 0)])
        return Mark(self.committed, self.committed, self.slot, 0)

    def _to_main(self, rows):
        if len(rows):
            if len(self.data) < self.in_main + len(rows):
                self.data.id.set_extent((self.in_main + len(rows), *rows.shape[1:]))
            for first in range(0, len(rows), self.size):
                self.packer.write(self.in_main + first, rows[first:first + self.size])
            self.in_main += len(rows)
            # The slot that the last commit refers to must stay as it is until the next commit is on disk.
            if not self.turned:
                self.slot, self.turned = 1 - self.slot, True
            self.saved = self.sum = 0


class Commits:
    """The commit rows: (number, step, ``extra``, a Mark per column, checksum), alternately at two places."""

    def __init__(self, data, number=0):
        self.data, self.number = data, number

    @classmethod
    def create(cls, file, columns):
        """Place for the commits of a new file."""
        return cls(file.create_dataset("commits", (2, 4 + PER_COLUMN[2] * columns), np.int64))

    def write(self, step, extra, marks):
        """Write the next row. Everything it refers to must have been flushed before, the row itself afterwards."""
        self.number += 1
        row = [self.number, step, extra]
        for mark in marks:
            row += mark.rows, mark.in_main, mark.slot, mark.sum
        _put(self.data, (self.number % 2,), np.array([[*row, _checksum(row)]], np.int64))


@dataclass(frozen=True)
class Commit:
    """The last commit in a file: its ``number``, steps below ``step`` are recorded, ``extra``, a Mark per column."""

    number: int
    step: int
    extra: int
    marks: tuple


def last_commit(file, columns, version):
    """The last :class:`Commit` in a file of so many columns; DataError when there is none."""
    size = PER_COLUMN[version]
    rows = checked.whole(checked.dataset(file, "commits", kinds="i", ndim=2))
    if rows.shape != (2, 4 + size * columns):
        raise DataError(f"open: the commits of '{file.filename}' have shape {rows.shape}. "
                        "The file is damaged; use an intact copy.")
    valid = [row for row in rows.tolist() if row[-1] == _checksum(row[:-1]) and row[0] > 0]
    if not valid or min(max(valid)[1:-1]) < 0:
        raise DataError(f"open: '{file.filename}' holds no valid commit. The file is damaged; use an intact copy.")
    number, step, extra, *marks, _ = max(valid)
    return Commit(number, step, extra,
                  tuple(Mark(*marks[i:i + size]) for i in range(0, len(marks), size)))


def committed_rows(data, tail, mark, start, stop, columns=None):
    """Rows ``start`` <= k < ``stop`` of those of a column that a commit refers to: all columns, or those numbered."""
    check_chunked(data, packed=True)
    check_chunked(tail, packed=False)
    fits = mark.in_main <= mark.rows and mark.slot <= 1 and tail.chunks[0] == 1 and tail.shape[2:] == data.shape[1:]
    if len(data) < mark.in_main or mark.rows - mark.in_main > tail.shape[1] or not fits:
        raise checked.refused(data, "", f"has {len(data)} rows, {mark.in_main} were written",
                              "The file is damaged; use an intact copy.")
    middle = min(max(mark.in_main, start), stop)
    found = read_chunks(data, start, middle, columns)
    if middle == stop:
        return found
    block = read_tail(tail, mark.slot, mark.rows - mark.in_main)
    if mark.sum not in (None, zlib.crc32(block)):
        raise checked.refused(tail, "", "holds other rows than were written",
                              "The file is damaged or cut; use an intact copy.")
    block = block[middle - mark.in_main:stop - mark.in_main]
    return np.concatenate([found, block if columns is None else block[:, columns]])


def _put(dataset, start, block):
    """Write ``block`` at ``start`` (missing coordinates are 0); small blocks take a fifth of the time of indexing."""
    if block.size:
        space = dataset.id.get_space()
        space.select_hyperslab((*start, *(0,) * (block.ndim - len(start))), block.shape)
        dataset.id.write(h5s.create_simple(block.shape), space, np.ascontiguousarray(block))


def _checksum(row):
    return zlib.crc32(np.asarray(row, np.int64).tobytes())
