"""Growing tables in an HDF5 file that a kill at any moment leaves readable up to the last commit.

Scheme
    The file is written in HDF5's single-writer-multiple-reader mode: its own tables are consistent at every moment. A
    compressed chunk is written once, when it is full. The rows of the unfinished chunk stand uncompressed in a *tail*,
    which has two slots; a slot is used again only after a commit that refers to the other one. A commit is one
    row of whole numbers with a checksum, written after all it refers to, alternately at two places. So whatever write
    the process dies in, the older of the two rows and everything it refers to are intact.

    The clean end moves the tails to the tables, so that any HDF5 reader finds them whole.
"""
import zlib
from dataclasses import dataclass

import numpy as np
from h5py import h5s

from snn.errors import DataError

CHUNK_ROWS, CHUNK_COLUMNS = 1000, 64
CHUNK_VALUES = 16384
TAIL_BYTES = 1 << 22
TAIL_PARTS = 8
PER_COLUMN = 3


@dataclass(frozen=True)
class Mark:
    """What a commit says of a column: ``rows`` in all, of which ``in_main`` in the table, the rest in tail ``slot``."""

    rows: int
    in_main: int
    slot: int


def chunk_shape(width, itemsize):
    """Shape of a chunk: (1000, 64) values, fewer rows in very wide tables; one dimension when ``width`` is None."""
    if width is None:
        return (CHUNK_VALUES,)
    rows = min(max(TAIL_BYTES // max(width * itemsize, 1), 1), CHUNK_ROWS)
    return rows, max(min(width, max(CHUNK_COLUMNS, CHUNK_VALUES // rows)), 1)


class Column:
    """One growing table: rows of ``width`` values (None: single values), compressed."""

    def __init__(self, group, tails, name, dtype, *, width=None):
        chunk = chunk_shape(width, np.dtype(dtype).itemsize)
        row = () if width is None else (width,)
        self.size = chunk[0]
        self.data = group.create_dataset(name, (0, *row), dtype, maxshape=(None, *(None for _ in row)), chunks=chunk,
                                         shuffle=True, compression="gzip", compression_opts=1)
        part = (1, -(-self.size // TAIL_PARTS), *(max(k, 1) for k in row))
        self.tail = tails.create_dataset(str(len(tails)), (2, self.size, *row), dtype, chunks=part,
                                         maxshape=(2, self.size, *(None for _ in row)))
        self.buffer = np.empty((self.size, *row), dtype)
        self.in_main = self.fill = self.saved = self.committed = self.slot = 0
        self.turned = False

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
        """Bytes that :meth:`save` or :meth:`finish` may write at most."""
        return self.buffer[:self.fill].nbytes + self.buffer.nbytes // TAIL_PARTS

    def save(self):
        """Put the rows that wait into the tail; the Mark says where everything is."""
        if self.fill > self.saved:
            _put(self.tail, (self.slot, self.saved), self.buffer[None, self.saved:self.fill])
            self.saved = self.fill
        self.turned, self.committed = False, self.in_main + self.fill
        return Mark(self.committed, self.in_main, self.slot)

    def finish(self):
        """Put the saved rows that wait into the table, drop those never saved; nothing can be added afterwards."""
        self._to_main(self.buffer[:max(self.committed - self.in_main, 0)])
        return Mark(self.committed, self.committed, self.slot)

    def _to_main(self, rows):
        if len(rows):
            self.data.id.set_extent((self.in_main + len(rows), *rows.shape[1:]))
            _put(self.data, (self.in_main,), rows)
            self.in_main += len(rows)
            # The slot that the last commit refers to must stay as it is until the next commit is on disk.
            if not self.turned:
                self.slot, self.turned = 1 - self.slot, True
            self.saved = 0


class Commits:
    """The commit rows: (number, step, ``extra``, a Mark per column, checksum), alternately at two places."""

    def __init__(self, file, columns):
        self.data = file.create_dataset("commits", (2, 4 + PER_COLUMN * columns), np.int64)
        self.number = 0

    def write(self, step, extra, marks):
        """Write the next row. Everything it refers to must have been flushed before, the row itself afterwards."""
        self.number += 1
        row = [self.number, step, extra]
        for mark in marks:
            row += mark.rows, mark.in_main, mark.slot
        _put(self.data, (self.number % 2,), np.array([[*row, _checksum(row)]], np.int64))


def last_commit(file, columns):
    """``(step, extra, marks)`` of the last commit in a file; DataError when there is none."""
    rows = file["commits"][:]
    if rows.shape != (2, 4 + PER_COLUMN * columns):
        raise DataError(f"open: the commits of '{file.filename}' have shape {rows.shape}. "
                        "The file is damaged; use an intact copy.")
    valid = [row for row in rows.tolist() if row[-1] == _checksum(row[:-1]) and row[0] > 0]
    if not valid:
        raise DataError(f"open: '{file.filename}' holds no valid commit. The file is damaged; use an intact copy.")
    _, step, extra, *marks, _ = max(valid)
    return step, extra, [Mark(*marks[i:i + PER_COLUMN]) for i in range(0, len(marks), PER_COLUMN)]


def committed_rows(data, tail, mark):
    """The rows of a column that a commit refers to, as one array."""
    if len(data) < mark.in_main:
        raise DataError(f"open: table '{data.name}' of '{data.file.filename}' has {len(data)} rows, "
                        f"{mark.in_main} were written. The file is damaged; use an intact copy.")
    if mark.rows == mark.in_main:
        return data[:mark.rows]
    return np.concatenate([data[:mark.in_main], tail[mark.slot, :mark.rows - mark.in_main]])


def _put(dataset, start, block):
    """Write ``block`` at ``start`` (missing coordinates are 0); small blocks take a fifth of the time of indexing."""
    if block.size:
        space = dataset.id.get_space()
        space.select_hyperslab((*start, *(0,) * (block.ndim - len(start))), block.shape)
        dataset.id.write(h5s.create_simple(block.shape), space, np.ascontiguousarray(block))


def _checksum(row):
    return zlib.crc32(np.asarray(row, np.int64).tobytes())
