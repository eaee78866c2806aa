"""Results as NPZ files: NumPy arrays in a zip archive, to be opened by ``numpy.load`` anywhere.

Layout (version 1)
    ``layout``                               text (JSON): ``format`` "snn-npz", ``version``, ``meta`` (result.meta),
                                             ``populations`` {name: {n, start, duration}}, ``traces`` [[population,
                                             variable, unit]], ``weights`` [[projection, variable, unit]]
    ``spikes/<population>/times``, ``ids``   float64 [N], ms; int64 [N]
    ``traces/<population>/<variable>/times``, ``ids``, ``data``              float64 [T], ms; int64 [k]; [T, k]
    ``weights/<name>/times``, ``pre``, ``post``, ``data``                    float64 [T], ms; int64 [k], twice; [T, k]

What is recorded comes back bit for bit. No array is a pickle, neither written nor read.

Example
    >>> numpy.load("run.npz")["traces/exc/v/data"]                                      # doctest: +SKIP
"""
import json
import math
import os
import zipfile
from itertools import chain

import numpy as np
from numpy.lib import format as npy
from tqdm import tqdm

from snn.errors import DataError, OutputError, SnnError
from snn.export.checked_file import check_file
from snn.export.checked_storage import RATIO, SMALL
from snn.export.notes import json_text
from snn.export.storage import check_output
from snn.result import Result
from snn.spikes import Spikes
from snn.traces import Trace, Weights

FORMAT, VERSION = "snn-npz", 1
PART = 1 << 24


def write_npz(result, path, *, overwrite=False):
    """Write a :class:`~snn.result.Result` as one NPZ file, not compressed, in bounded memory. Returns the path.

    Equal results give equal files. Errors: RunError when the file exists (unless ``overwrite``); DataError for names
    with ``/``; OutputError when writing fails.
    """
    path = check_output(path, overwrite=overwrite)
    new = path.with_name(path.name + ".new")
    rows = 2 * sum(map(len, result.spikes.values()))
    rows += sum(map(len, chain(result.traces.values(), result.weights.values())))
    layout = _layout(result)
    try:
        with zipfile.ZipFile(new, "w") as file, tqdm(total=rows, desc=path.name, unit=" rows", unit_scale=True,
                                                     disable=None, delay=2.0, leave=False) as bar:
            _put(file, "layout", np.array(layout))
            for name, s in result.spikes.items():
                for i, (field, dtype) in enumerate((("times", np.float64), ("ids", np.int64))):
                    blocks = (_counted(block[i], bar) for block in s.blocks())
                    _put_blocks(file, f"spikes/{name}/{field}", (len(s),), dtype, blocks)
            for (population, variable), trace in result.traces.items():
                _put_table(file, f"traces/{population}/{variable}", trace, {"ids": trace.ids}, bar)
            for key, w in result.weights.items():
                _put_table(file, f"weights/{key}", w, {"pre": w.pre, "post": w.post}, bar)
        os.replace(new, path)
    except OSError as err:
        if isinstance(err, SnnError):
            raise
        raise OutputError(f"write_npz: writing '{path}' failed ({err.strerror or err}). Choose another disk.") from err
    finally:
        new.unlink(missing_ok=True)
    return path


def read_npz(path):
    """The :class:`~snn.result.Result` in a file of :func:`write_npz`.

    Errors: MissingFile; DataError for a file that is damaged, of another program or of a newer version, that contains
    pickles, or that would unpack to more than ``max(64 MB, 64 x its size)``.
    """
    path = check_file(path)
    try:
        with zipfile.ZipFile(path) as file:
            members = _members(path, file)
            layout = _checked_layout(path, file, members)
            parts = {"spikes": {}, "traces": {}, "weights": {}}
            for name, facts in layout["populations"].items():
                times, ids = (_get(file, members, f"spikes/{name}/{field}", kind)
                              for field, kind in (("times", "f"), ("ids", "iu")))
                parts["spikes"][name] = Spikes(times, ids, facts["n"], facts["duration"], facts["start"])
            for population, variable, unit in layout["traces"]:
                ids, times, data = _get_table(file, members, f"traces/{population}/{variable}", "ids")
                parts["traces"][population, variable] = Trace(times, ids, data, unit, population, variable)
            for projection, variable, unit in layout["weights"]:
                key = f"{projection}.{variable}" if variable else projection
                pre, post, times, data = _get_table(file, members, f"weights/{key}", "pre", "post")
                parts["weights"][key] = Weights(projection, pre, post, times, data, unit, variable)
            return Result(**parts, meta=layout["meta"])
    except SnnError as err:
        raise err if str(path) in str(err) else DataError(f"read_npz: '{path}': {err}") from err
    except Exception as err:
        # zipfile, zlib and numpy have some ten kinds of errors for damaged files.
        raise DataError(f"read_npz: '{path}' is damaged or no NPZ file of this library ({err!r:.120}). "
                        "Use an intact copy.") from err


def _layout(result):
    names = [*result.spikes, *chain.from_iterable(result.traces), *result.weights]
    for name in names:
        if not name or "/" in name:
            raise DataError(f"write_npz: the name {name!r} cannot be used. Names of NPZ files have no '/'.")
    windows = {name: {"n": s.n, "start": s.start, "duration": s.duration} for name, s in result.spikes.items()}
    return json_text({
        "format": FORMAT, "version": VERSION, "meta": result.meta, "populations": windows,
        "traces": [[*key, trace.unit] for key, trace in result.traces.items()],
        "weights": [[w.projection, w.variable, w.unit] for w in result.weights.values()],
    }, where="write_npz", sort_keys=True)


def _counted(block, bar):
    bar.update(len(block))
    return block


def _put_table(file, name, table, columns, bar):
    for column, values in columns.items():
        _put(file, f"{name}/{column}", values)
    times, blocks = [np.empty(0)], iter(table.blocks())
    first = next(blocks, None)
    # A result in a file knows its type of numbers when the first are read.
    dtype = table.data.dtype if first is None else first[1].dtype
    width = len(next(iter(columns.values())))

    def rows():
        for t, data in chain([first] if first else [], blocks):
            times.append(_counted(t, bar))
            yield data
    _put_blocks(file, f"{name}/data", (len(table), width), dtype, rows())
    _put(file, f"{name}/times", np.concatenate(times))


def _put(file, name, array):
    _put_blocks(file, name, array.shape, array.dtype, [array])


def _put_blocks(file, name, shape, dtype, blocks):
    with file.open(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), "w", force_zip64=True) as stream:
        descr = npy.dtype_to_descr(np.dtype(dtype))
        npy.write_array_header_1_0(stream, {"descr": descr, "fortran_order": False, "shape": shape})
        for block in blocks:
            stream.write(np.ascontiguousarray(block, dtype).tobytes())


def _members(path, file):
    """The members of a zip archive by name, if they unpack to an acceptable size."""
    members = {info.filename.removesuffix(".npy"): info for info in file.infolist()}
    total, allowed = sum(info.file_size for info in members.values()), max(SMALL, RATIO * path.stat().st_size)
    if total > allowed:
        raise DataError(f"read_npz: '{path}' declares {total} bytes. Up to {allowed} are read from a file of its size.")
    packed = {info.compress_type for info in members.values()}
    if not packed <= {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise DataError(f"read_npz: '{path}' is packed by the methods {sorted(packed)}. Stored and deflate are read.")
    return members


def _checked_layout(path, file, members):
    if "layout" not in members:
        raise DataError(f"read_npz: '{path}' holds {list(members)[:8]} and no 'layout'. Give a file of write_npz; open "
                        "others with numpy.load(path, allow_pickle=False).")
    layout = json.loads(str(_get(file, members, "layout", "U", 0)))
    if layout["format"] != FORMAT or layout["version"] > VERSION:
        raise DataError(f"read_npz: '{path}' is {layout['format']!r} of version {layout['version']}. This library "
                        f"reads {FORMAT!r} up to version {VERSION}.")
    return layout


def _get_table(file, members, name, *columns):
    return (*(_get(file, members, f"{name}/{column}", "iu") for column in columns),
            _get(file, members, f"{name}/times", "f"), _get(file, members, f"{name}/data", "f", 2))


def _get(file, members, name, kinds, ndim=1):
    """One array, whose header must agree with the size that the archive declares."""
    info = members[name]
    with file.open(info) as stream:
        version = npy.read_magic(stream)
        header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
        shape, fortran, dtype = header(stream)
        nbytes = math.prod(shape) * dtype.itemsize
        if dtype.kind not in kinds or len(shape) != ndim or min(shape, default=0) < 0:
            raise DataError(f"{name} is {dtype} of shape {shape}. It must be of kind {kinds} with {ndim} dimensions.")
        if nbytes != info.file_size - stream.tell():
            raise DataError(f"{name} declares {nbytes} bytes and has {info.file_size - stream.tell()}. Use an intact "
                            "copy.")
        raw = bytearray(nbytes)
        for start in range(0, nbytes, PART):
            raw[start:start + PART] = stream.read(min(PART, nbytes - start))
        if len(raw) != nbytes or stream.read(1):
            raise DataError(f"{name} ends early. Use an intact copy.")
    array = np.frombuffer(raw, dtype) if nbytes else np.empty(math.prod(shape), dtype)
    array = array.reshape(shape, order="F" if fortran else "C")
    return array.astype(dtype.newbyteorder("="), copy=False)
