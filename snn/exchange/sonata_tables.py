"""SONATA's text files (CSV tables of types, JSON configurations), and the list of what an exchange loses."""
import csv
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from snn.errors import DataError, MissingFile, NetworkError

MAX_TEXT = 1 << 28
NOTHING = ("", "NULL", "NaN", "nan", "None")
"""What stands for a missing value in a table of types."""


@dataclass
class Losses:
    """What an exchange would lose, by name; each name is refused unless it is in ``allow``."""

    where: str
    allow: tuple
    found: dict = field(default_factory=dict)

    def __post_init__(self):
        self.allow = (self.allow,) if isinstance(self.allow, str) else tuple(self.allow)

    def add(self, name, what):
        """Note that ``what`` is lost under ``name``. Returns True: the caller may go on as if it were allowed."""
        self.found.setdefault(name, []).append(what)
        return True

    def check(self):
        """NetworkError that lists everything lost and not allowed."""
        refused = {name: parts for name, parts in self.found.items() if name not in self.allow}
        if refused:
            said = " ".join(f"{'; '.join(dict.fromkeys(parts))}." for parts in refused.values())
            raise NetworkError(f"{self.where}: {said} To go on without, say allow={tuple(refused)!r}.")

    @property
    def notes(self):
        """One line for each thing lost."""
        return tuple(f"{name}: {part}" for name, parts in self.found.items() for part in dict.fromkeys(parts))


def read_text(path, what):
    """Text of a file of at most ``MAX_TEXT`` bytes; MissingFile, DataError."""
    path = Path(path)
    if not path.is_file():
        raise MissingFile(f"from_sonata: {what} '{path}' is not there. Keep the files of a circuit together.")
    if path.stat().st_size > MAX_TEXT:
        raise DataError(f"from_sonata: {what} '{path}' has {path.stat().st_size} bytes. At most {MAX_TEXT} are read.")
    try:
        return path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError) as err:
        raise DataError(f"from_sonata: {what} '{path}' is no text ({err}). Give a file of text.") from err


def read_json(path, what):
    """The object in a JSON file, a dict; MissingFile, DataError."""
    try:
        found = json.loads(read_text(path, what))
    except (ValueError, RecursionError) as err:
        raise DataError(f"from_sonata: {what} '{path}' is no JSON ({err}). Give valid JSON.") from err
    if not isinstance(found, dict):
        raise DataError(f"from_sonata: {what} '{path}' holds a {type(found).__name__}. It must be an object, {{...}}.")
    return found


def read_config(path):
    """A configuration with the variables of its manifest replaced, a dict; its folder is that of ``path``."""
    path = Path(path)
    config = read_json(path, "configuration")
    manifest = config.pop("manifest", {})
    if not isinstance(manifest, dict) or not all(isinstance(v, str) for v in manifest.values()):
        raise DataError(f"from_sonata: '{path}' manifest: must map variables to paths.")
    known = {(name if name.startswith("$") else f"${name}"): value for name, value in manifest.items()}
    known.setdefault("$BASE_DIR", ".")
    return _replaced(config, known, path)


def _replaced(value, known, path):
    if isinstance(value, dict):
        return {k: _replaced(v, known, path) for k, v in value.items()}
    if isinstance(value, list):
        return [_replaced(v, known, path) for v in value]
    if not isinstance(value, str):
        return value
    # A variable may stand in the value of another; longer names first, since one may begin with another.
    for _ in range(len(known) + 1):
        if "$" not in value:
            return value
        for name in sorted(known, key=len, reverse=True):
            if len(value) < 1 << 12:
                value = value.replace("${" + name[1:] + "}", known[name]).replace(name, known[name])
    raise DataError(f"from_sonata: '{path}': {value[:80]!r} has a variable that the manifest does not explain. "
                    "Define it there.")


def place(folder, name):
    """The path of a file that a configuration in ``folder`` names."""
    if not isinstance(name, str) or not name:
        raise DataError(f"from_sonata: {name!r} in a configuration of '{folder}' is no file name. Give a path.")
    return Path(folder) / name


def read_types(path, key, population=None):
    """A table of types: {type id: {column: text or number}}, missing values left out.

    ``key``: "node_type_id" or "edge_type_id"; rows of other populations than ``population`` are left out.
    """
    lines = (line.strip().replace("\t", " ") for line in read_text(path, "table").splitlines() if line.strip())
    try:
        rows = list(csv.reader(lines, delimiter=" ", quotechar='"', skipinitialspace=True))
    except csv.Error as err:
        raise DataError(f"from_sonata: table '{path}' cannot be read ({err}). Separate columns with spaces.") from err
    head = rows[0] if rows else []
    if key not in head or len(set(head)) != len(head):
        raise DataError(f"from_sonata: table '{path}': columns {head[:12]}. It must have distinct ones, "
                        f"{key} among them.")
    types = {}
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(head):
            raise DataError(f"from_sonata: table '{path}' line {number}: {len(row)} fields for {len(head)} columns. "
                            "Separate with spaces, and quote a field that holds spaces.")
        values = {k: _value(v) for k, v in zip(head, row, strict=True) if v not in NOTHING}
        if population is not None and str(values.get("population", population)) != population:
            continue
        if not isinstance(values.get(key), int) or values[key] in types:
            raise DataError(f"from_sonata: table '{path}' line {number}: {key} {row[head.index(key)]!r}. "
                            "It must be a whole number, once.")
        types[values.pop(key)] = values
    return types


def _value(text):
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def write_types(path, rows):
    """Write a table of types: ``rows`` dicts of one set of columns, numbers so that they read back bit for bit."""
    columns = list(dict.fromkeys(k for row in rows for k in row))
    lines = [columns, *([_text(row.get(k)) for k in columns] for row in rows)]
    Path(path).write_text("".join(" ".join(line) + "\n" for line in lines), encoding="utf-8")


def _text(value):
    text = "NULL" if value is None else repr(value) if isinstance(value, float) else str(value)
    if not text or any(c in text for c in ' "\t\n'):
        return '"' + text.replace('"', '""').replace("\n", " ") + '"'
    return text


def write_json(path, value, *, indent=2):
    """Write a JSON file. Numbers read back bit for bit."""
    Path(path).write_text(json.dumps(value, indent=indent, allow_nan=False) + "\n", encoding="utf-8")


def is_number(value):
    """Whether a value of a table is a finite number that fits float64."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def grouped(values):
    """``(value, rows)`` of every distinct value of an array of numbers."""
    order = np.argsort(values, kind="stable")
    distinct, first = np.unique(values[order], return_index=True)
    return zip(distinct.tolist(), np.split(order, first[1:]), strict=True) if len(distinct) else ()
