"""Opening a file that anybody may have written, so that the HDF5 library neither waits nor turns in circles."""
import io
import os
import stat
import struct
from pathlib import Path

from snn.errors import DataError, MissingFile

SIGNATURE, HEAP = b"\x89HDF\r\n\x1a\n", b"GCOL"
HEAP_HEADER = 16
FIRST = 1 << 20


def check_file(path):
    """The Path of a regular file that this user may read: not a folder, and no pipe, on which a reader would wait."""
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as err:
        raise MissingFile(f"open: '{path}' is not there. Give a file that a run or an export has written.") from err
    except (OSError, ValueError) as err:
        raise DataError(f"open: {str(path)!r} cannot be looked at ({err}). Give another name.") from err
    if not stat.S_ISREG(mode) or not os.access(path, os.R_OK):
        what = ("is a folder" if stat.S_ISDIR(mode) else "is no regular file" if not stat.S_ISREG(mode)
                else "may not be read by this user")
        raise DataError(f"open: '{path}' {what}. Give a file that can be read.")
    return path


class CheckedFile(io.FileIO):
    """A file to read, for ``h5py.File``, which looks at every heap of strings before the HDF5 library does.

    In a damaged heap the library steps from object to object for ever, and nothing can stop it. Reading through Python
    costs some microseconds per block.
    """

    def __init__(self, path):
        super().__init__(path)
        _check_widths(self)

    def __repr__(self):
        # h5py takes this for the name of the file.
        return os.fspath(self.name)

    def readinto(self, buffer):
        count = super().readinto(buffer)
        _check_heap(buffer, self.name)
        return count


def check_first_heaps(path):
    """Refuse a file that is, or looks, unfinished, if a heap of strings near its begin is damaged or cut off.

    Such a file is opened by the library alone. The archives of this library have their strings at the begin.
    """
    with open(path, "rb") as file:
        _check_widths(file)
        file.seek(0)
        first = memoryview(file.read(FIRST))
        size = os.fstat(file.fileno()).st_size
    at = bytes(first).find(HEAP)
    while at >= 0:
        _check_heap(first[at:], path, size - at)
        at = bytes(first).find(HEAP, at + 1)


def _check_widths(file):
    """Refuse addresses and lengths of other than 8 bytes, which nobody writes and :func:`_check_heap` cannot read."""
    start = 0
    while True:
        file.seek(start)
        head = file.read(16)
        if head.startswith(SIGNATURE):
            break
        start = max(2 * start, 512)
        if len(head) < 16:
            raise DataError(f"open: '{file.name}' is not an HDF5 file. Give one that a run or an export wrote.")
    widths = head[13:15] if head[8] < 2 else head[9:11]
    if widths != b"\x08\x08":
        raise DataError(f"open: '{file.name}' has addresses and lengths of {tuple(widths)} bytes. They must have 8.")


def _check_heap(buffer, path, most=None):
    """Refuse a global heap (HDF5 file format specification, III.E) in which one cannot step from object to object."""
    if len(buffer) < HEAP_HEADER or bytes(buffer[:4]) != HEAP:
        return
    size, = struct.unpack_from("<Q", buffer, 8)
    at, last = HEAP_HEADER, size - HEAP_HEADER
    good = most is None or size <= most
    while good and at <= min(last, len(buffer) - HEAP_HEADER):
        index, = struct.unpack_from("<H", buffer, at)
        length, = struct.unpack_from("<Q", buffer, at + 8)
        step = length if index == 0 else HEAP_HEADER + (length + 7) // 8 * 8
        good = HEAP_HEADER <= step <= size - at
        at += step
    if not good:
        raise DataError(f"open: '{path}' has a damaged heap of strings. Use an intact copy.")
