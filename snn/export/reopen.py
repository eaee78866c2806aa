"""Opening a finished or killed HDF5 file for writing again, in the mode in which a kill leaves it readable.

A writer that was killed leaves two things in the superblock that keep the HDF5 library from opening the file for
writing: flags that say it is being written, and an end of file that may lie where it was at some earlier moment, so
that new tables would be laid over old ones. :func:`mend` puts both right in one write of 48 bytes, which a kill
cannot cut.

Source: HDF5 File Format Specification, version 3.0, II.A "Disk Format: Level 0A - Format Signature and Superblock"
(superblock versions 2 and 3); the checksum is Bob Jenkins' lookup3 (public domain).
"""
import contextlib
import errno
import os
import struct
import time

import h5py

from snn.errors import DataError, RunError

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None

SIZE, PAGE = 48, 4096
PATIENCE, LOCKED = 5.0, (errno.EAGAIN, errno.EACCES)
_FIELDS = struct.Struct("<8s4B4QI")
_LOCKED_BYTE = 1 << 62


def lock(fd, path):
    """Keep other writers of ours away as long as ``fd`` is open; RunError when there is one.

    The lock lies beside those of the HDF5 library, which would keep readers away. Systems that have none go without.
    """
    if not hasattr(fcntl, "F_OFD_SETLK"):
        return
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, _LOCKED_BYTE, 1, 0))
    except BlockingIOError as err:
        raise RunError(f"output: '{path}' is being written by another run. Wait for its end.") from err
    except OSError:
        with contextlib.suppress(OSError):      # a file system without locks
            os.fstat(fd)


def open_again(path):
    """The h5py.File at ``path``, opened for writing beside readers from the first moment on.

    A reader holds the lock of the HDF5 library while it opens the file: that is waited for. RunError when it lasts.
    """
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return _opened(path)
        except OSError as err:
            if err.errno not in LOCKED and not any(f"errno = {code}," in str(err) for code in LOCKED):
                raise
            if time.monotonic() > end:
                raise RunError(f"output: '{path}' is held by another program. Close it there.") from err
            time.sleep(0.02)


def _opened(path):
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_libver_bounds(h5py.h5f.LIBVER_LATEST, h5py.h5f.LIBVER_LATEST)
    return h5py.File(h5py.h5f.open(os.fsencode(path), h5py.h5f.ACC_RDWR | h5py.h5f.ACC_SWMR_WRITE, access))


def mend(fd, path):
    """Put right the superblock that a killed writer has left; nothing is written to a file that was closed."""
    raw = os.pread(fd, SIZE, 0)
    head = _fields(raw, path)
    if not head[4]:
        return
    size = -(-os.fstat(fd).st_size // PAGE) * PAGE
    end = max(head[7], size)
    if end > size + (64 << 20):
        raise DataError(f"output: '{path}' has {size} bytes, {end} were written. The file is truncated; "
                        "use an intact copy.")
    os.ftruncate(fd, end)
    mended = _FIELDS.pack(*head[:4], 0, *head[5:7], end, head[8], 0)[:-4]
    os.pwrite(fd, mended + struct.pack("<I", lookup3(mended)), 0)


def _fields(raw, path):
    """Signature, version, sizes of offsets and lengths, flags, base, extension, end of file, root, checksum."""
    good = len(raw) == SIZE and raw[:8] == b"\x89HDF\r\n\x1a\n" and raw[8] in (2, 3) and raw[9:11] == b"\x08\x08"
    if not good or _FIELDS.unpack(raw)[-1] != lookup3(raw[:-4]):
        raise DataError(f"output: '{path}' has no superblock of version 2 or 3. Use an intact archive of a run.")
    return _FIELDS.unpack(raw)


def lookup3(key):
    """Jenkins' hash of bytes whose number is no multiple of 12, as HDF5 uses it for its checksums."""
    mask = 0xFFFFFFFF
    a = b = c = (0xDEADBEEF + len(key)) & mask

    def rotated(x, k):
        return (x << k | x >> (32 - k)) & mask

    words = struct.unpack(f"<{-(-len(key) // 12) * 3}I", key.ljust(-(-len(key) // 12) * 12, b"\0"))
    for i in range(0, len(words) - 3, 3):
        a, b, c = (x + y & mask for x, y in zip((a, b, c), words[i:i + 3], strict=True))
        for first, second, third in ((4, 6, 8), (16, 19, 4)):
            a = (a - c & mask) ^ rotated(c, first)
            c = c + b & mask
            b = (b - a & mask) ^ rotated(a, second)
            a = a + c & mask
            c = (c - b & mask) ^ rotated(b, third)
            b = b + a & mask
    a, b, c = (x + y & mask for x, y in zip((a, b, c), words[-3:], strict=True))
    c = (c ^ b) - rotated(b, 14) & mask
    a = (a ^ c) - rotated(c, 11) & mask
    b = (b ^ a) - rotated(a, 25) & mask
    c = (c ^ b) - rotated(b, 16) & mask
    a = (a ^ c) - rotated(c, 4) & mask
    b = (b ^ a) - rotated(a, 14) & mask
    c = (c ^ b) - rotated(b, 24) & mask
    return c
