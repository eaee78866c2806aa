"""Attributes of HDF5 files that anybody may have written, and the one error for whatever is wrong in such a file.

The functions are part of :mod:`snn.export.checked`, which says how to use them.
"""
import json
import math

import h5py
import numpy as np

from snn.errors import DataError, SnnError

NAME_LENGTH = 255
REQUIRED = object()


def text(obj, name, *, default=REQUIRED, longest=1 << 20):
    """The attribute ``name`` of a file, group or dataset: one string in UTF-8 of at most ``longest`` bytes."""
    value = _attribute(obj, name, default)
    if value is default:
        return value
    if not isinstance(value, bytes) or len(value) > longest:
        raise refused(obj, f"@{name}", f"is {_short(value)}", f"It must be a string of at most {longest} bytes.")
    return decoded(obj, [value], f"@{name}")[0]


def number(obj, name, *, whole=False, low=-math.inf, high=math.inf, default=REQUIRED):
    """The attribute ``name``: one finite number in ``low`` .. ``high``, a float, or with ``whole`` an int."""
    value = _attribute(obj, name, default)
    if value is default:
        return value
    good = isinstance(value, np.number | np.bool_) and value.dtype.kind in "iufb" and math.isfinite(value)
    if not good or (whole and value != int(value)) or not low <= value.item() <= high:
        raise refused(obj, f"@{name}", f"is {_short(value)}",
                      f"It must be a {'whole ' * whole}number from {low} to {high}.")
    return int(value) if whole else float(value)


def json_of(obj, name, *, kind=dict, longest=1 << 26):
    """The attribute ``name``: JSON in a string, whose outermost value is a ``kind`` (dict, list)."""
    return parsed(obj, f"@{name}", text(obj, name, longest=longest), kind)


def parsed(obj, path, string, kind=dict):
    """The JSON in ``string`` (str or bytes), which stood at ``path`` below ``obj``."""
    try:
        value = json.loads(string)
    except (ValueError, RecursionError) as err:
        raise refused(obj, path, f"is no JSON ({str(err)[:80]})", "The file is damaged; use an intact copy.") from err
    if not isinstance(value, kind):
        raise refused(obj, path, f"is JSON of a {type(value).__name__}", f"It must be a {kind.__name__}.")
    return value


def refused(obj, path, what, right):
    """The DataError for what is found at ``path`` (``@name``: an attribute) below ``obj``."""
    inside = "/".join(part for part in ((obj.name or "").strip("/"), path.strip("/")) if part)
    shown = inside if inside.isprintable() else ascii(inside)[1:-1]
    return DataError(f"open: '{obj.file.filename}' /{shown}: {what}. {right}")


def check_name(parent, name):
    """Refuse a name that cannot be printed, or that would lead elsewhere as the name of a file."""
    if not name.isprintable() or len(name) > NAME_LENGTH or name in ("", ".", "..") or "/" in name or "\\" in name:
        raise refused(parent, "", f"holds the name {ascii(name)[:80]}",
                      f"Names are printable, without slashes, of 1 to {NAME_LENGTH} characters.")
    return name


def decoded(obj, values, path=""):
    """Bytes as str; ``path`` says where below ``obj`` they stood."""
    try:
        return [value.decode() if isinstance(value, bytes) else str(value) for value in values]
    except UnicodeDecodeError as err:
        raise refused(obj, path, "holds text that is not UTF-8", "The file is damaged; use an intact copy.") from err


def _attribute(obj, name, default):
    """One value (an array with one entry counts), or ``default`` where there is no such attribute."""
    if not h5py.h5a.exists(obj.id, name.encode()):
        if default is not REQUIRED:
            return default
        raise refused(obj, f"@{name}", "is missing", "Give a complete file of this layout.")
    found = h5py.h5a.open(obj.id, name.encode())
    shape = found.shape
    if shape is None or math.prod(shape) != 1:
        raise refused(obj, f"@{name}", f"has shape {shape}", "It must be one value.")
    try:
        value = np.zeros(shape, found.dtype)
        found.read(value)
    except SnnError:
        raise
    except (TypeError, ValueError, OSError, RuntimeError) as err:
        raise refused(obj, f"@{name}", f"cannot be read ({str(err)[:80]})", "It must be one value.") from err
    return value.reshape(-1)[0]


def _short(value):
    return f"{type(value).__name__} {ascii(value)[:60]}"
