"""HDF5 files that fail well: one error of ours for every way in which reading or writing can go wrong.

The HDF5 library cannot survive a failed write: the file cannot be closed any more and the process may crash at exit. So
:class:`Output` asks for free room BEFORE the library writes, and where a write fails nevertheless, hands the library a
scratch file in place of the real one before closing, so that what stands on the disk stays as it is.
"""
import ctypes
import errno
import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import h5py

from snn.errors import DataError, OutputError, RunError, SnnError
from snn.export.checked_file import CheckedFile, check_file, check_first_heaps
from snn.export.reopen import lock, mend, open_again

try:
    import resource
except ImportError:  # not on Windows
    resource = None

SPARE = 1 << 20
READ_ATTEMPTS = 20
KEPT = "a run that was being recorded keeps what it has committed"
_SUPERBLOCK_FLAGS = 11
_SWMR = 0b101


def check_output(path, *, overwrite=False):
    """Path of a file that may be written; RunError when it exists already (unless ``overwrite``) or has no folder."""
    path = Path(path)
    if path.is_dir() or not path.parent.is_dir():
        raise RunError(f"output: '{path}' {'is a folder' if path.is_dir() else 'lies in no existing folder'}. "
                       "Name a file in a folder that exists.")
    if path.exists() and not overwrite:
        raise RunError(f"output: '{path}' exists already. Choose another name, or say overwrite=True.")
    return path


class Output:
    """A new HDF5 file, made under a temporary name until :meth:`publish`; ``options`` go to ``h5py.File``.

    With ``again`` an existing file is opened to be written further, beside readers; other writers of ours are kept
    away as long as it is open. Errors: OutputError from :meth:`guard`, :meth:`room` and the constructor when the file
    cannot be written.
    """

    def __init__(self, path, *, again=False, **options):
        self.path, self.file, self._fd = Path(path), None, None
        self._new = None if again else self.path.with_name(self.path.name + ".new")
        try:
            if again:
                self._fd = os.open(self.path, os.O_RDWR)
                lock(self._fd, path)
                mend(self._fd, path)
                self.file = open_again(self.path)
            else:
                # An old file of this name is removed, not emptied: another process may still have it open.
                self._new.unlink(missing_ok=True)
                self.file = h5py.File(self._new, "w", **options)
                self._fd = os.open(self._new, os.O_RDWR)
                lock(self._fd, path)
        except (OSError, SnnError) as err:
            if self._fd is not None and self.file is None:
                os.close(self._fd)
            if isinstance(err, SnnError):
                raise
            raise OutputError(f"output: '{self.path}' cannot be {'opened' if again else 'made'} ({_reason(err)}). "
                              "Choose another place.") from err

    def publish(self):
        """Give the file its name, replacing an older file in one step."""
        os.replace(self._new, self.path)

    def discard(self):
        """Close the file and remove it, if it is new and has not been published."""
        self.close(broken=True)
        if self._new is not None:
            self._new.unlink(missing_ok=True)

    def room(self, nbytes):
        """Raise OutputError unless the file can grow by ``nbytes`` and a spare megabyte."""
        need = int(nbytes) + SPARE
        free = min(shutil.disk_usage(self.path.parent).free, _file_size_limit() - os.fstat(self._fd).st_size)
        if free < need:
            raise OutputError(f"output: no room for '{self.path}' ({free / 1e6:.1f} MB left, {need / 1e6:.1f} needed). "
                              f"Make room or choose another disk; {KEPT}.")

    @contextmanager
    def guard(self):
        """Around every use of the file: whatever goes wrong inside leaves the file closed and is an error of ours."""
        try:
            yield self.file
        except SnnError:
            self.close(broken=True)
            raise
        except (OSError, RuntimeError) as err:
            self.close(broken=True)
            raise OutputError(f"output: writing '{self.path}' failed ({_reason(err)}). "
                              f"Choose another disk; {KEPT}.") from err
        except BaseException:
            self.close(broken=True)
            raise

    def close(self, *, broken=False):
        """Close the file; ``broken``: without writing one more byte to it."""
        if self.file is None:
            return
        file, self.file = self.file, None
        try:
            if broken:
                with _scratch() as scratch, _no_file_size_limit():
                    os.dup2(scratch.fileno(), file.id.get_vfd_handle())
                    file.close()
            else:
                file.close()
        except (OSError, RuntimeError) as err:
            if not broken:
                raise OutputError(f"output: closing '{self.path}' failed ({_reason(err)}). "
                                  f"Choose another disk; {KEPT}.") from err
        finally:
            os.close(self._fd)


@contextmanager
def writing(path, nbytes, *, overwrite=False):
    """A new HDF5 file of about ``nbytes`` to be filled in one go; it gets its name only when it is complete."""
    output = Output(check_output(path, overwrite=overwrite))
    try:
        with output.guard() as file:
            output.room(nbytes)
            yield file
        output.close()
        output.publish()
    except BaseException:
        output.discard()
        raise


@contextmanager
def reading(path):
    """An existing HDF5 file, also one that is being written, or whose writer was killed. MissingFile or DataError."""
    path = check_file(path)
    try:
        if not h5py.is_hdf5(path):
            raise DataError(f"open: '{path}' is not an HDF5 file. Give a file that a run or an export has written.")
        with open(path, "rb") as raw:
            unfinished = raw.read(_SUPERBLOCK_FLAGS + 1)[_SUPERBLOCK_FLAGS] & _SWMR == _SWMR
        if unfinished:
            check_first_heaps(path)
        with (_unfinished(path) if unfinished else _finished(path)) as file:
            yield file
    except DataError as err:
        if str(path) in str(err):
            raise
        raise DataError(f"open: '{path}' is damaged: {err}") from err
    except SnnError:
        raise
    except Exception as err:
        raise DataError(f"open: '{path}' is damaged, truncated or of a foreign layout ({_reason(err)}). "
                        "Use an intact copy.") from err


@contextmanager
def _finished(path):
    with CheckedFile(path) as source, h5py.File(source, "r") as file:
        yield file


def _unfinished(path):
    """Open a file whose writer is alive or was killed.

    The library reads a damaged block of such a file again and again, in the hope that a writer will mend it, for hours.
    A few milliseconds are enough; h5py has no word for this setting, but the library that it has loaded has.
    """
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    set_attempts = getattr(ctypes.CDLL(h5py.h5.__file__), "H5Pset_metadata_read_attempts", None)
    if set_attempts is not None:
        set_attempts(ctypes.c_int64(access.id), ctypes.c_uint(READ_ATTEMPTS))
    return h5py.File(h5py.h5f.open(os.fsencode(path), h5py.h5f.ACC_RDONLY | h5py.h5f.ACC_SWMR_READ, access))


def _file_size_limit():
    if resource is None:
        return sys.maxsize
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit


@contextmanager
def _no_file_size_limit():
    """Lift the soft limit: the library would otherwise fail at the same place of the scratch file again."""
    if resource is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _scratch():
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("snn-scratch"), "w+b")
    return tempfile.TemporaryFile()


def _reason(err):
    """The first line of an error, short: the library's own texts hold addresses and times."""
    code = next((n for n in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO) if f"errno = {n}," in str(err)), None)
    return os.strerror(code) if code else str(err).splitlines()[0][:120] if str(err) else type(err).__name__
