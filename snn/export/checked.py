"""Safe access to HDF5 files that anybody may have written: only what was expected is read, and no more than is there.

What a file can do to a reader that trusts it: lead it to other files of the machine (external links, external raw
storage, virtual datasets), declare a table of 2^60 rows in a file of one kilobyte, hold a chunk of 1 MB that inflates
to 1 GB, give strings or references where numbers are expected. Every function here checks first and raises
:class:`~snn.errors.DataError`, which names the file, the path inside it, what was found and what is allowed.

Example
    >>> with reading(path) as file:                                         # doctest: +SKIP
    ...     if text(file, "format") != "snn-archive" or number(file, "version", whole=True) > 2:
    ...         raise DataError(...)
    ...     for name in names(group(file, "spikes")):
    ...         times = dataset(file, f"spikes/{name}/times", kinds="f")
    ...         ids = dataset(file, f"spikes/{name}/ids", kinds="i", length=len(times))
    ...         for start in range(0, len(times), 1 << 20):
    ...             block = rows(times, start, min(start + (1 << 20), len(times)))
    ...         everything = whole(times), numbers(ids, below=n)

Rules
    Links: hard ones, and soft ones that stay inside the file. Storage: inside the file. Filters: shuffle, gzip, lzf and
    fletcher32, each at most once. Whatever is read must have been written: parts of a table that the file only declares
    are refused, not read as zeros.

    Memory: :func:`whole` takes a table of up to ``max(64 MB, 64 x what it takes in the file)``. Measured data compress
    2 to 20 times, constants 1000 times, so that honest tables pass unless they are large and nearly constant; for
    those the caller reads :func:`rows`, or says ``limit``. A slice of rows takes what was asked for. A chunk may
    have that size as well, and must inflate to its declared size where it could exceed ``64 MB + 16 x the file``.
"""
import math

import h5py
import numpy as np
from h5py import h5d, h5i, h5l, h5o

from snn.export.checked_attributes import REQUIRED, check_name, decoded, json_of, number, parsed, refused, text
from snn.export.checked_file import check_file
from snn.export.checked_storage import SMALL, check_chunks, check_size, check_storage, file_size

__all__ = ["check_file", "check_name", "check_range", "dataset", "group", "has", "json_of", "names", "number",
           "numbers", "parsed", "refused", "rows", "strings", "tables", "text", "text_at", "whole"]
KINDS = {"f": "floating-point numbers of 2, 4 or 8 bytes", "i": "whole numbers", "b": "truth values", "s": "strings"}
SOFT_LINKS, DEPTH = 16, 16


def group(parent, path):
    """The group at ``path`` below a file or group."""
    found = _located(parent, path)
    if not isinstance(found, h5py.h5g.GroupID):
        raise refused(parent, path, "is no group", "It must be a group.")
    return h5py.Group(found)


def dataset(parent, path, *, kinds="f", ndim=1, length=None):
    """The dataset at ``path``, whose type, rank and storage are what a reader may rely on; nothing is read yet.

    ``kinds``: the letters of what it may hold, "f" floating point, "i" whole numbers, signed or not, "b" truth values,
    "s" strings. ``ndim``: the rank, or a tuple of possible ones. ``length``: number of rows, if it must have so many.
    """
    found = _located(parent, path)
    if not isinstance(found, h5d.DatasetID):
        raise refused(parent, path, "is no table", "It must be a dataset.")
    kind, dtype = _kind(found)
    if kind not in kinds:
        what = "strings" if kind == "s" else f"values of type {str(dtype)[:60]}"
        raise refused(parent, path, f"holds {what}", f"It must hold {' or '.join(KINDS[k] for k in kinds)}.")
    data = h5py.Dataset(found)
    shape, ranks = data.shape, ndim if isinstance(ndim, tuple) else (ndim,)
    if shape is None or len(shape) not in ranks:
        raise refused(parent, path, f"has shape {shape}",
                      f"It must have {' or '.join(map(str, ranks))} dimensions.")
    if length is not None and shape[:1] != (length,):
        raise refused(parent, path, f"has shape {shape}", f"It must have {length} rows.")
    check_storage(data, found.get_create_plist(), math.prod(shape) * dtype.itemsize)
    return data


def has(parent, path):
    """Whether there is anything at ``path``; links that lead out of the file, or nowhere, are refused."""
    return _located(parent, path, missing=None) is not None


def names(parent, *, most=100_000):
    """Names of what a group holds, in their order in the file: at most ``most``, printable, without ``/`` or ``\\``."""
    if len(parent) > most:
        raise refused(parent, "", f"holds {len(parent)} things", f"At most {most} are read.")
    found = list(parent)
    for name in found:
        check_name(parent, name)
    return found


def tables(parent, *, most=100_000, depth=DEPTH):
    """Paths below a group of all datasets in it and in its groups, at most ``most`` in ``depth`` levels."""
    found, waiting = [], [("", 0)]
    while waiting:
        path, level = waiting.pop()
        below = group(parent, path) if path else parent
        for name in names(below, most=most):
            inner = f"{path}/{name}" if path else name
            if isinstance(_located(parent, inner), h5d.DatasetID):
                found.append(inner)
            elif level == depth:
                raise refused(parent, inner, f"lies more than {depth} groups deep", "Groups must not form a cycle.")
            else:
                waiting.append((inner, level + 1))
        if len(found) + len(waiting) > most:
            raise refused(parent, "", f"holds more than {most} things", f"At most {most} are read.")
    return found


def whole(data, *, limit=None):
    """Everything in a :func:`dataset` of numbers, as an array in native byte order, of at most ``limit`` bytes.

    The limit is by default ``max(64 MB, 64 x what the table takes in the file)``, see the head of this module.
    """
    check_size(data, math.prod(data.shape) * data.dtype.itemsize, limit)
    return rows(data, 0, data.shape[0]) if data.ndim else _native(data, ())


def rows(data, start, stop, columns=slice(None)):
    """Rows ``start`` <= k < ``stop`` of a :func:`dataset` of numbers, all columns or a slice of them."""
    if not 0 <= start <= stop <= data.shape[0]:
        raise refused(data, "", f"has {data.shape[0]} rows", f"Rows {start} to {stop} were asked for.")
    selected = (slice(start, stop), columns)[:data.ndim]
    ranges = [range(*s.indices(k)) for s, k in zip((*selected, *[slice(None)] * data.ndim), data.shape, strict=False)]
    if data.chunks and all(ranges):
        check_chunks(data, ranges)
    return _native(data, selected)


def numbers(data, *, low=0, below=None, limit=None):
    """Everything in a :func:`dataset` of whole numbers, such as neuron numbers: int64, ``low`` <= x < ``below``."""
    values = whole(data, limit=limit)
    check_range(data, values, low, below)
    return values.astype(np.int64, copy=False)


def check_range(data, values, low=0, below=None):
    """Refuse ``values`` of a dataset of whole numbers unless ``low`` <= x < ``below`` (None: what int64 holds)."""
    below = 1 << 63 if below is None else below
    if values.size and not (low <= int(values.min()) and int(values.max()) < below):
        raise refused(data, "", f"holds {values.min()} to {values.max()}", f"It must hold {low} to {below - 1}.")


def strings(data, *, limit=SMALL):
    """Everything in a :func:`dataset` of strings, as an array of str of its shape, of ``limit`` bytes in all.

    Many entries may refer to one long string in the file, so they are read a few at a time and counted.
    """
    size = file_size(data)
    check_size(data, math.prod(data.shape) * data.id.get_type().get_size(), limit)
    if not data.ndim:
        return np.array(decoded(data, [data[()]]), object).reshape(())
    per_row = max(math.prod(data.shape[1:]), 1)
    step = min(max((limit + 4 * size) // max(size, 1) // per_row, 1), 4096)
    found, total = [], 0
    for start in range(0, data.shape[0], step):
        block = rows(data, start, min(start + step, data.shape[0])).ravel().tolist()
        total += sum(map(len, block))
        if total > limit:
            raise refused(data, "", f"holds more than {limit} bytes of text", "Give a file with shorter strings.")
        found += decoded(data, block)
    return np.array(found, object).reshape(data.shape)


def text_at(parent, path, *, longest=1 << 20):
    """The string in a dataset without dimensions (or with one entry)."""
    data = dataset(parent, path, kinds="s", ndim=(0, 1))
    if math.prod(data.shape) != 1:
        raise refused(parent, path, f"has shape {data.shape}", "It must be one string.")
    return str(strings(data, limit=longest).ravel()[0])


def _located(parent, path, missing=REQUIRED):
    """The low-level object at ``path``, reached by links that stay inside the file."""
    here = h5i.get_file_id(parent.id) if path.startswith("/") else parent.id
    waiting, followed = path.encode().split(b"/")[::-1], 0
    while waiting:
        name = waiting.pop()
        if name in (b"", b"."):
            continue
        if not isinstance(here, h5py.h5g.GroupID) or not here.links.exists(name):
            if missing is REQUIRED or followed:
                what = "is a link to nothing" if followed else "is missing"
                raise refused(parent, path, what, "Give a complete file of this layout.")
            return missing
        kind = here.links.get_info(name).type
        if kind == h5l.TYPE_HARD:
            here = h5o.open(here, name)
            continue
        followed += 1
        if kind != h5l.TYPE_SOFT or followed > SOFT_LINKS:
            what = "is a chain or cycle of links" if kind == h5l.TYPE_SOFT else "is a link to another file"
            raise refused(parent, path, what, "Everything must lie in the file itself.")
        target = here.links.get_val(name)
        here = h5i.get_file_id(parent.id) if target.startswith(b"/") else here
        waiting += target.split(b"/")[::-1]
    return here


def _kind(dataset_id):
    """The letter of what a dataset holds, "?" for everything else, and its type, None for an unknown one."""
    try:
        dtype = dataset_id.dtype
    except (TypeError, ValueError, OverflowError):
        return "?", None
    if h5py.check_string_dtype(dtype):
        return "s", dtype
    letter = {"i": "i", "u": "i", "f": "f", "b": "b"}.get(dtype.kind, "?")
    return "?" if letter == "f" and dtype.itemsize > 8 else letter, dtype


def _native(data, selected):
    values = np.asarray(data[selected])
    return values.astype(values.dtype.newbyteorder("="), copy=False)
