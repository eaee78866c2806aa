"""Edge populations of a circuit: who is connected to whom, with which weight and delay, onto which port."""
from dataclasses import dataclass
from typing import Any

import numpy as np

from snn.errors import DataError, NetworkError
from snn.exchange.sonata_nodes import MOST
from snn.exchange.sonata_read_models import WHERE
from snn.exchange.sonata_tables import NOTHING, grouped, is_number, place, read_json, read_types
from snn.export import checked
from snn.export.storage import reading

STATIC = ("static_synapse", "nest:static_synapse")
DEFAULT_DELAY, DEFAULT_WEIGHT = 1.0, 1.0
"""What NEST takes where a file says nothing (the delay of NEURON's connections is the same)."""
PARAMETERS = ("weight", "delay", "receptor_type", "sign", "level_of_detail")


@dataclass(frozen=True, eq=False)
class EdgeTable:
    """One edge population: names of ``source`` and ``target`` populations, ``pre`` and ``post`` node ids, ``weight``
    (None where no file gives one) and ``delay`` ms, all [E]; ``port``: our own name of the port, where it is there."""

    name: str
    path: str
    source: str
    target: str
    pre: np.ndarray
    post: np.ndarray
    weight: Any
    delay: np.ndarray
    port: Any = None


def read_edges(folder, entry, components, losses):
    """The edge tables of one entry of ``networks.edges``."""
    path = place(folder, entry.get("edges_file"))
    with reading(path) as file:
        root = checked.group(file, "edges")
        for name in checked.names(root):
            types = entry.get("edge_types_file")
            types = {} if types is None else read_types(place(folder, types), "edge_type_id", name)
            yield _table(str(path), name, checked.group(root, name), types, components, losses)


def _table(path, name, group, types, components, losses):
    pre = checked.dataset(group, "source_node_id", kinds="i")
    n = len(pre)
    post = checked.dataset(group, "target_node_id", kinds="i", length=n)
    ends = [_population(data) for data in (pre, post)]
    kinds = checked.numbers(checked.dataset(group, "edge_type_id", kinds="i", length=n), low=-1, below=MOST)
    values = _Values(path, name, n)
    for number, where in grouped(kinds):
        if number not in types and (types or number >= 0):
            raise DataError(f"{WHERE}: '{path}' population {name!r}: edge type {number} is in no table of types.")
        values.of_type(types.get(number, {}), where, components, losses)
    values.of_groups(group)
    ports = {t.get("snn_port") for t in types.values()}
    return EdgeTable(name, path, *ends, checked.numbers(pre, below=MOST), checked.numbers(post, below=MOST),
                     values.weight(), values.get("delay", DEFAULT_DELAY), ports.pop() if len(ports) == 1 else None)


def _population(data):
    """The node population that the ids of a dataset belong to."""
    return checked.text(data, "node_population")


class _Values:
    """Attributes of the edges of a population, by type and then by edge."""

    def __init__(self, path, name, n):
        self.path, self.name, self.n, self.columns = path, name, n, {}

    def put(self, key, where, values):
        column = self.columns.setdefault(key, np.full(self.n, np.nan))
        column[where] = values

    def of_type(self, row, where, components, losses):
        """What the table of types gives to the edges ``where``."""
        self._check_model(row, losses)
        given = {k: row[k] for k in ("syn_weight", "delay", "nsyns") if k in row}
        if row.get("weight_function", "wmax") != "wmax":
            losses.add("weight_function", f"edges of {self.name!r} have the weight_function "
                       f"{row['weight_function']!r}, which is not in the files; syn_weight is taken as it is")
        if "dynamics_params" in row and components is not None:
            more = read_json(place(components, row["dynamics_params"]), "parameters")
            for key in more.keys() - set(PARAMETERS):
                losses.add(key, f"parameter {key!r} of the edges of {self.name!r} has no counterpart")
            if more.get("receptor_type", 0) != 0:
                raise NetworkError(f"{WHERE}: edges of {self.name!r} go to receptor {more['receptor_type']!r}. "
                                   "Only receptor 0 of NEST's models is known here.")
            given |= {"syn_weight" if k == "weight" else k: more[k] for k in ("weight", "delay", "sign") if k in more}
        for key, value in given.items():
            if not is_number(value):
                raise DataError(f"{WHERE}: '{self.path}' edges of {self.name!r}: {key} is {value!r}. "
                                "A number is needed.")
            self.put(key, where, value)

    def _check_model(self, row, losses):
        model = row.get("model_template")
        if model is not None and model not in STATIC and model not in NOTHING:
            losses.add("synapse_model", f"edges of {self.name!r} are of the model {model!r}; their weights stay as "
                                        "they begin")

    def of_groups(self, group):
        """What the file of the edges gives, which comes before what their types say."""
        if not checked.has(group, "edge_group_id"):
            return
        groups = checked.numbers(checked.dataset(group, "edge_group_id", kinds="i", length=self.n), below=MOST)
        index = checked.numbers(checked.dataset(group, "edge_group_index", kinds="i", length=self.n))
        for number, where in grouped(groups):
            for key in ("syn_weight", "delay", "nsyns"):
                if checked.has(group, f"{number}/{key}"):
                    self.put(key, where, self._entries(group, f"{number}/{key}", index[where]))

    def _entries(self, group, path, index):
        values = checked.whole(checked.dataset(group, path, kinds="fi"))
        if not np.isfinite(values).all() or len(index) and index.max() >= len(values):
            raise checked.refused(group, path, "lacks a finite number for some edge", "One per edge is needed.")
        return values[index]

    def get(self, key, default):
        """Values of all edges, ``default`` where none is given."""
        column = self.columns.get(key)
        return np.full(self.n, default) if column is None else np.where(np.isnan(column), default, column)

    def weight(self):
        """syn_weight x nsyns x sign. The Allen Institute's simulators count ``nsyns`` synapses of one edge so."""
        return self.get("syn_weight", DEFAULT_WEIGHT) * self.get("nsyns", 1.0) * self.get("sign", 1.0)
