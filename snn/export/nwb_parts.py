"""What the NWB writer and reader share: words of units, and groups and tables that carry the type NWB wants."""
import uuid
from dataclasses import dataclass, field

import h5py
import numpy as np

NOTES = "snn"
COLUMNS = "columns"
# Unit of this library -> (word of NWB, factor to it).
UNITS = {"mV": ("volts", 1e-3), "uV": ("volts", 1e-6), "V": ("volts", 1.0), "pA": ("amperes", 1e-12),
         "nA": ("amperes", 1e-9), "uA": ("amperes", 1e-6), "mA": ("amperes", 1e-3), "A": ("amperes", 1.0),
         "nS": ("siemens", 1e-9), "uS": ("siemens", 1e-6), "S": ("siemens", 1.0), "pF": ("farads", 1e-12),
         "nF": ("farads", 1e-9), "F": ("farads", 1.0), "ms": ("seconds", 1e-3), "s": ("seconds", 1.0),
         "Hz": ("hertz", 1.0), "kHz": ("hertz", 1e3), "rad": ("radians", 1.0), "": ("n/a", 1.0)}
# The unit in which this library counts each of these quantities.
OURS = {"volt": "mV", "V": "mV", "ampere": "pA", "A": "pA", "siemens": "nS", "S": "nS", "farad": "pF", "F": "pF",
        "second": "ms", "s": "ms", "hertz": "Hz", "Hz": "Hz", "radian": "rad", "rad": "rad", "n/a": "", "a.u.": "",
        "unknown": "", "dimensionless": ""}
TEXT = h5py.string_dtype()


def word_of(unit):
    """``(word, conversion)`` of NWB for a unit; a unit without a word keeps its name."""
    return UNITS.get(unit, (unit, 1.0))


def unit_of(word):
    """``(unit, factor)`` of this library for a word of NWB: a value in the latter times ``factor`` is in ``unit``."""
    unit = OURS.get(word, OURS.get(word.removesuffix("s")))
    return (word, 1.0) if unit is None else (unit, 1.0 / UNITS[unit][1])


@dataclass(frozen=True)
class Maker:
    """Makes groups and tables with NWB types; their object ids follow from ``identifier``, so equal input gives equal
    files."""

    identifier: str
    namespace: uuid.UUID = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "namespace", uuid.uuid5(uuid.NAMESPACE_OID, self.identifier))

    def stamp(self, thing, neurodata_type, namespace="core", **attributes):
        """Give a group or table its type, object id and further attributes; returns it."""
        thing.attrs.update(neurodata_type=neurodata_type, namespace=namespace,
                           object_id=str(uuid.uuid5(self.namespace, thing.name)), **attributes)
        return thing

    def table(self, parent, name, description, columns):
        """A DynamicTable of whole columns: ``columns`` maps name to ``(values, description)``."""
        group = self.stamp(parent.create_group(name), "DynamicTable", "hdmf-common", description=description)
        rows = len(next(iter(columns.values()))[0])
        self.rows(group, rows, list(columns))
        for column, (values, text) in columns.items():
            self.column(group, column, text, data=values)
        return group

    def rows(self, group, count, columns):
        """Ids 0..count-1 of a table's rows and the order of its columns."""
        group.attrs["colnames"] = np.array(columns, TEXT)
        self.stamp(group.create_dataset("id", data=np.arange(count)), "ElementIdentifiers", "hdmf-common")

    def column(self, group, name, description, **dataset):
        """A column; ``dataset`` is what h5py wants."""
        return self.stamp(group.create_dataset(name, **dataset), "VectorData", "hdmf-common", description=description)

    def index(self, group, target, ends):
        """The index of a ragged column: row ``i`` owns the entries from ``ends[i - 1]`` up to ``ends[i]``."""
        return self.stamp(group.create_dataset(f"{target}_index", data=np.asarray(ends, np.uint64)), "VectorIndex",
                          "hdmf-common", description=f"Index for column '{target}'", target=group[target].ref)
