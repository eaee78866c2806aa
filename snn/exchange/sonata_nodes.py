"""Node populations of a circuit: attributes of types and nodes put together, and the models they name."""
from dataclasses import dataclass, field

import numpy as np

from snn.errors import DataError
from snn.exchange.sonata_tables import grouped, is_number, place, read_json, read_types
from snn.export import checked
from snn.export.storage import reading

MOST = 1 << 31
LISTS = frozenset(("tau_stc", "q_stc", "tau_sfa", "q_sfa"))
"""Parameters that are lists for one neuron already."""


@dataclass(frozen=True, eq=False)
class NodeTable:
    """One node population as it is in the files.

    ``ids`` node ids in the order of the file; ``columns`` {attribute: object array (n,), None where it has none};
    ``dynamics`` {parameter: object array (n,) of numbers, lists, texts or None}.
    """

    name: str
    path: str
    ids: np.ndarray
    columns: dict
    dynamics: dict = field(default_factory=dict)

    @property
    def n(self):
        return len(self.ids)

    def column(self, name):
        """Values of an attribute, None where a node has none."""
        return self.columns.get(name, np.full(self.n, None, object))

    def rows_of(self, ids, path):
        """Row numbers of the nodes ``ids``."""
        if len(self.ids) and self.ids[0] == 0 and self.ids[-1] == self.n - 1 and (np.diff(self.ids) == 1).all():
            rows, known = ids, ids < self.n
        else:
            order = np.argsort(self.ids, kind="stable")
            place_of = np.minimum(np.searchsorted(self.ids, ids, sorter=order), max(self.n - 1, 0))
            rows = order[place_of] if self.n else ids
            known = self.ids[rows] == ids if self.n else np.zeros(len(ids), bool)
        if not known.all():
            raise DataError(f"from_sonata: '{path}': there is no node {ids[~known][0]} in population {self.name!r}.")
        return rows


def read_nodes(folder, entry, components):
    """The node tables of one entry of ``networks.nodes``: {population: NodeTable}."""
    path = place(folder, entry.get("nodes_file"))
    found = {}
    with reading(path) as file:
        root = checked.group(file, "nodes")
        for name in checked.names(root):
            types = entry.get("node_types_file")
            types = {} if types is None else read_types(place(folder, types), "node_type_id", name)
            found[name] = _table(str(path), name, checked.group(root, name), types, components)
    return found


def _table(path, name, group, types, components):
    type_ids = _whole(group, "node_type_id")
    n = len(type_ids)
    ids = _whole(group, "node_id", length=n) if checked.has(group, "node_id") else np.arange(n)
    if len(np.unique(ids)) != n:
        raise DataError(f"from_sonata: '{path}' population {name!r}: a node id is there twice. Ids must be distinct.")
    columns, dynamics = {}, {}
    for number, where in grouped(type_ids):
        if number not in types and (types or number >= 0):
            raise DataError(f"from_sonata: '{path}' population {name!r}: node type {number} is in no table of types.")
        for key, value in types.get(number, {}).items():
            _put(columns, key, n, where, [value] * len(where))
        _type_dynamics(columns, dynamics, n, where, components)
    for group_id, where, index in _groups(group, n):
        _group_columns(checked.group(group, group_id), columns, dynamics, n, where, index)
    return NodeTable(name, path, ids, columns, dynamics)


def _type_dynamics(columns, dynamics, n, where, components):
    """Add the parameters of the file that a type names; a list of one value per node of the type is one for each."""
    named = columns.get("dynamics_params", np.full(n, None, object))[where[0]]
    if named is None:
        return
    if components is None:
        raise DataError("from_sonata: a table of node types names dynamics_params, but the configuration has no "
                        "components.point_neuron_models_dir. Say there where they are.")
    for key, value in read_json(place(components, named), "parameters").items():
        per_node = isinstance(value, list) and len(value) == len(where) and key not in LISTS
        _put(dynamics, key, n, where, value if per_node else [value] * len(where))


def _groups(group, n):
    """(name, rows, entries) of the groups of attributes of a population."""
    if not checked.has(group, "node_group_id"):
        return
    group_ids = _whole(group, "node_group_id", length=n)
    index = _whole(group, "node_group_index", length=n)
    for number, where in grouped(group_ids):
        if checked.has(group, str(number)):
            yield str(number), where, index[where]


def _group_columns(group, columns, dynamics, n, where, index):
    for path in checked.tables(group, depth=3):
        if path.startswith("@library/"):
            continue
        values = _column(group, path, index)
        if values is None:
            continue
        into, key = (dynamics, path.removeprefix("dynamics_params/")) if path.startswith("dynamics_params/") \
            else (columns, path)
        _put(into, key, n, where, values)


def _column(group, path, index):
    """Entries ``index`` of an attribute as a list; None for what is no table of numbers or texts, one per entry."""
    data = checked.dataset(group, path, kinds="fibs", ndim=(0, 1, 2))
    if data.ndim != 1:
        return None
    if len(index) and index.max() >= len(data):
        raise checked.refused(group, path, f"has {len(data)} entries", f"Entry {index.max()} is asked for.")
    is_text = checked.dataset(group, path, kinds="fibs").dtype.kind in "OS"
    values = checked.strings(data) if is_text else checked.whole(data)
    library = f"@library/{path}"
    if not is_text and checked.has(group, library):
        names = checked.strings(checked.dataset(group, library, kinds="s"))
        values = names[np.clip(values.astype(np.int64), 0, len(names) - 1)]
    return values[index].tolist()


def _put(columns, key, n, where, values):
    column = columns.setdefault(key, np.full(n, None, object))
    for row, value in zip(where.tolist(), values, strict=True):
        column[row] = value


def _whole(group, name, length=None):
    data = checked.dataset(group, name, kinds="i", length=length)
    return checked.numbers(data, low=-1 if name == "node_type_id" else 0, below=MOST)


def numbers_of(table, rows, key, default=None):
    """Parameter ``key`` of some nodes: a float, a list of floats, or an array with a value for each node."""
    values = table.dynamics.get(key, np.full(table.n, None, object))[rows]
    values = [default if v is None else v for v in values.tolist()]
    if key in LISTS and all(isinstance(v, (list, tuple)) for v in values):
        if any(tuple(v) != tuple(values[0]) for v in values) or not all(map(is_number, values[0])):
            raise _no_number(table, key, "lists that differ")
        return [float(v) for v in values[0]]
    bad = next((v for v in values if not (is_number(v) or isinstance(v, bool))), 0.0)
    if not is_number(bad):
        raise _no_number(table, key, bad)
    array = np.array(values, np.float64)
    return float(array[0]) if (array == array[0]).all() else array


def _no_number(table, key, value):
    return DataError(f"from_sonata: parameter {key!r} of population {table.name!r} is {value!r}. "
                     "It must be a finite number for every node.")


def components_of(config, folder, key):
    """The folder of components ``key`` of a circuit, or None."""
    components = config.get("components", {})
    named = components.get(key) if isinstance(components, dict) else None
    return None if named is None else place(folder, named)
