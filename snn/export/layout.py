"""The archive's layout: which groups, attributes and tables a channel has; see :mod:`snn.export.archive`."""
import json
from dataclasses import MISSING, dataclass, fields

import numpy as np

from snn.errors import DataError
from snn.export import checked
from snn.export.columns import Column, last_commit
from snn.sink import SpikeChannel, TraceChannel, WeightChannel

FORMAT, VERSION = "snn-archive", 2
PACKED = {"compression": "gzip", "compression_opts": 1, "shuffle": True, "fletcher32": True}
TEXT_CHUNK = 4096
NARROW = 1 << 16


@dataclass(frozen=True)
class Kind:
    """How one kind of channel lies in the file: attributes, fixed arrays (field -> dataset), growing tables."""

    channel: type
    attributes: tuple
    arrays: dict
    tables: tuple


KINDS = {
    "spikes": Kind(SpikeChannel, ("population", "n", "dt", "first_step"), {"ids": "recorded"}, ("times", "ids")),
    "traces": Kind(TraceChannel, ("population", "variable", "unit", "dt", "every_steps", "dtype", "first_step",
                                  "gated"), {"ids": "ids"}, ("times", "data")),
    "weights": Kind(WeightChannel, ("projection", "unit", "dt", "dtype", "first_step", "variable"),
                    {"pre": "pre", "post": "post"}, ("times", "data")),
}
SINCE_2 = ("gated", "variable")
WHOLE = {"n": 0, "first_step": 0, "every_steps": 1}


def make_group(group, tails, channel):
    """Describe a channel in its group and make its tables: a pair of Columns."""
    kind = KINDS[channel.key[0]]
    for name in kind.attributes:
        value = getattr(channel, name)
        group.attrs[name] = np.dtype(value).name if name == "dtype" else value
    for field, name in kind.arrays.items():
        if getattr(channel, field) is not None:
            values = np.asarray(getattr(channel, field), np.int64)
            group.create_dataset(name, data=values, **(PACKED if values.size else {}))
    times, values = kind.tables
    if kind.channel is SpikeChannel:
        dtype = np.uint16 if channel.n <= NARROW else np.uint32
        return Column.create(group, tails, times, np.float64), Column.create(group, tails, values, dtype)
    return (Column.create(group, tails, times, np.float64),
            Column.create(group, tails, values, channel.dtype, width=channel.width))


def fixed_bytes(channel):
    """Bytes of the arrays of a channel that are written when its group is made."""
    return sum(8 * len(getattr(channel, name)) for name in KINDS[channel.key[0]].arrays
               if getattr(channel, name) is not None)


def read_group(file, name, *, arrays=True):
    """The channel described in the group ``name``; without ``arrays`` those are empty."""
    kind, group = KINDS[name.split("/")[0]], checked.group(file, name)
    values = {}
    for field in fields(kind.channel):
        if field.name in kind.attributes:
            values[field.name] = _attribute(group, field.name, field.default)
    for field, table in kind.arrays.items():
        if arrays and (field != "ids" or kind.channel is TraceChannel or checked.has(group, table)):
            values[field] = checked.numbers(checked.dataset(group, table, kinds="i"))
        elif kind.channel is not SpikeChannel:
            values[field] = np.empty(0, np.int64)
    return kind.channel(**values)


def _attribute(group, name, default):
    if name in ("n", "first_step", "every_steps"):
        return checked.number(group, name, whole=True, low=WHOLE[name], high=1 << 62)
    if name == "dt":
        return checked.number(group, name, low=np.finfo(float).tiny)
    if name == "gated":
        return bool(checked.number(group, name, default=False))
    if name == "dtype":
        found = checked.text(group, name)
        if found not in ("float32", "float64"):
            raise checked.refused(group, "@dtype", f"is {found[:40]!r}", "It must be 'float32' or 'float64'.")
        return np.dtype(found)
    return checked.text(group, name, **({} if default is MISSING or name not in SINCE_2 else {"default": default}))


@dataclass(frozen=True)
class Contents:
    """What stands at the head of an archive: layout version, channel groups, meta, last commit, texts added to meta."""

    version: int
    names: list
    meta: dict
    commit: object
    added: list

    def columns(self, name):
        """Numbers of the columns of a channel."""
        before = self.names[:self.names.index(name)]
        first = sum(len(KINDS[other.split("/")[0]].tables) for other in before)
        return range(first, first + len(KINDS[name.split("/")[0]].tables))


def read_contents(file, path):
    """The :class:`Contents` of an archive; DataError for another file or a newer version."""
    if checked.text(file, "format", default="") != FORMAT:
        raise DataError(f"open: '{path}' is an HDF5 file, but no archive of a run. SONATA files are read by "
                        "snn.export.sonata.")
    version = checked.number(file, "version", whole=True, low=1)
    if version > VERSION:
        raise DataError(f"open: '{path}' has layout version {version}; this library knows up to "
                        f"{VERSION}. Use a newer version of the library.")
    names = checked.json_of(file, "channels", kind=list)
    lengths = [len(str(name).split("/")) for name in names]
    if len(set(map(str, names))) < len(names) or any(
            str(name).split("/")[0] not in KINDS or k != (3 if str(name).startswith("traces/") else 2)
            for name, k in zip(names, lengths, strict=True)):
        raise checked.refused(file, "@channels", "is no list of different channels", "Use an intact copy.")
    commit = last_commit(file, sum(len(KINDS[name.split("/")[0]].tables) for name in names), version)
    return Contents(version, names, checked.json_of(file, "meta"), commit, _added(file, commit.extra))


def _added(file, nbytes):
    """The texts that were added to meta: at a clean end, and where the run was gone on with."""
    summary = checked.dataset(file, "summary", kinds="i")
    raw = bytes(checked.rows(summary, 0, nbytes).astype(np.uint8))
    return [checked.parsed(file, "summary", line) for line in raw.split(b"\n") if line]


def meta_text(facts):
    """One text of ``summary``, which fills whole chunks: what stands there already is never written again."""
    text = json.dumps(facts).encode()
    return np.frombuffer(text.ljust(-(-len(text) // TEXT_CHUNK) * TEXT_CHUNK, b"\n"), np.uint8)
