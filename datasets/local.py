"""Find data files that are already here, check them, and unpack them once.

What it is
    Nothing is downloaded. :func:`find` looks in the folders where a data file may lie, in this order: the folder given
    by the caller, the folder named by the environment variable ``SNN_DATA``, ``../shared/data`` beside a checkout of
    this library, and the package's own data. :func:`verify` compares a file with a published sha256 sum,
    :func:`listed` with the sum in a file ``SHA256SUMS`` beside it, and :func:`unpacked` turns ``.xz`` and ``.gz`` files
    into plain ones, once per file content.
"""
import functools
import gzip
import hashlib
import lzma
import os
import shutil
import tempfile
import zlib
from pathlib import Path

from snn.errors import DataError, MissingFile, OutputError

_OPENERS = {".xz": lzma.open, ".gz": gzip.open}
_PACKAGE_DATA = Path(__file__).resolve().parent


def places(folder=None):
    """Folders that :func:`find` looks in, first come first; ``folder`` (path or None) goes to the front."""
    root = _PACKAGE_DATA.parent
    found = [Path(folder)] if folder is not None else []
    if os.environ.get("SNN_DATA"):
        found.append(Path(os.environ["SNN_DATA"]))
    if (root / "pyproject.toml").is_file():
        found.append(root.parent / "shared" / "data")
    return (*found, _PACKAGE_DATA)


def find(name, *, folder=None, source="its publisher"):
    """Path of a data file that is on this machine.

    Parameters: ``name`` relative path such as ``"fsdd-shd/fsdd_shd_train.h5.xz"`` (the same name without ``.xz`` or
    ``.gz``, and the bare file name, are accepted too, the plain file first); ``folder`` a place to look before all
    others; ``source`` where the file can be had, for the message. The name of a ``.zip`` also finds a folder of that
    name without ``.zip``, the archive unpacked by hand.
    Returns: ``pathlib.Path``.
    Errors: :class:`~snn.errors.MissingFile` names the places searched, the source, and where to put the file.

    Example::

        path = find("shd_train.h5.xz", folder="downloads", source="https://zenkelab.org/datasets")
    """
    name = Path(name)
    plain = name.with_suffix("") if name.suffix in (*_OPENERS, ".zip") else name
    candidates = dict.fromkeys([plain, name, Path(plain.name), Path(name.name)])
    for place in places(folder):
        for candidate in candidates:
            path = place / candidate
            if path.is_file() or (name.suffix == ".zip" and path.is_dir()):
                return path
    searched = ", ".join(str(place) for place in places(folder))
    raise MissingFile(f"find.name: no such data file ({name}) in {searched}. Get it from {source} and put it into a "
                      f"folder named by the environment variable SNN_DATA, or pass folder=.")


def sha256(path):
    """Hexadecimal sha256 sum of a file, read in pieces of 1 MiB."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def verify(path, expected):
    """Return ``path`` if its sha256 sum is ``expected`` (64 hexadecimal digits), else raise ``DataError``."""
    actual = sha256(path)
    if actual != str(expected).strip().lower():
        raise DataError(f"verify.path: {path} has another content than expected (sha256 {actual}). "
                        f"Right would be sha256 {expected}; fetch the file again.")
    return Path(path)


def listed(path):
    """Return ``path`` if its sha256 sum is the one in the file ``SHA256SUMS`` of its folder or of one of the two above.

    ``SHA256SUMS`` is what ``sha256sum`` writes: a line ``sum  relative/path`` per file.
    Errors: :class:`~snn.errors.MissingFile` when there is no such list, :class:`~snn.errors.DataError` when the list
    does not name the file or the sum differs.
    """
    path = Path(path)
    for folder in path.resolve().parents[:3]:
        sums = folder / "SHA256SUMS"
        if sums.is_file():
            name = path.resolve().relative_to(folder).as_posix()
            lines = [line.split(maxsplit=1) for line in sums.read_text(errors="replace").splitlines()]
            for line in lines:
                if len(line) == 2 and line[1].lstrip("*").removeprefix("./") == name:
                    return verify(path, line[0])
            raise DataError(f"listed.path: {sums} does not list {name}. "
                            "Right would be a line with its sha256 sum; or do not ask for the check.")
    raise MissingFile(f"listed.path: there is no SHA256SUMS beside {path}. "
                      "Put the list of sums into its folder or one of the two above, or do not ask for the check.")


def cache_folder():
    """Folder for unpacked files, made when it is missing.

    It is ``data`` in the folder named by the environment variable ``SNN_CACHE_DIR``, else in ``~/.cache/snn``; where
    that cannot be written, a temporary folder that goes away with the process.
    """
    folder = Path(os.environ.get("SNN_CACHE_DIR") or Path.home() / ".cache" / "snn") / "data"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(_temporary().name)
    return folder if os.access(folder, os.W_OK) else Path(_temporary().name)


@functools.cache
def _temporary():
    return tempfile.TemporaryDirectory(prefix="snn-data-")


def unpacked(path, *, cache=None):
    """Plain version of a file that may be packed with xz or gzip.

    Parameters: ``path`` any file; ``cache`` folder for the result (default :func:`cache_folder`).
    Returns: ``path`` itself when its name does not end in ``.xz`` or ``.gz``, else the path of the unpacked copy.
    The copy is kept and found again by the packed file's path, size and time of change; it appears under its name only
    when it is complete, so that two processes may unpack at once.
    Errors: :class:`~snn.errors.DataError` when the packed data are damaged or cut off, :class:`~snn.errors.OutputError`
    when the copy cannot be written.
    """
    path = Path(path)
    opener = _OPENERS.get(path.suffix)
    if opener is None:
        return path
    status = path.stat()
    key = f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}"
    stem = Path(path.stem)
    mark = hashlib.blake2b(key.encode(), digest_size=8).hexdigest()
    folder = Path(cache) if cache is not None else cache_folder()
    target = folder / f"{stem.stem}-{mark}{stem.suffix}"
    if not target.is_file():
        _unpack(path, opener, target)
    return target


def _unpack(path, opener, target):
    part = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=target.parent, prefix=target.stem, suffix=".part")
        with os.fdopen(handle, "wb") as out, opener(path, "rb") as packed:
            shutil.copyfileobj(packed, out, 1 << 20)
        os.replace(part, target)
    except (EOFError, lzma.LZMAError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"unpacked.path: {path} is damaged or cut off ({error}). "
                        f"Right would be a complete {path.suffix} file; fetch it again.") from error
    except OSError as error:
        raise OutputError(f"unpacked.cache: {target} cannot be written ({error}). "
                          "Right would be a folder with room for the unpacked file; pass cache=.") from error
    finally:
        if part is not None:
            Path(part).unlink(missing_ok=True)
