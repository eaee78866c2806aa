"""The tables of SONATA: nodes and edges as HDF5, written in pieces and uncompressed, their types as CSV and JSON."""
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from snn.exchange.sonata_tables import write_json, write_types
from snn.export.sonata import stamp
from snn.export.storage import writing

FIRST_TYPE = 100
PIECE = 1 << 20


@dataclass(frozen=True, eq=False)
class EdgesSheet:
    """An edge population: ``source``, ``target`` (:class:`~snn.exchange.sonata_sheets.Nodes`), rows ``indptr`` of the
    sources ``first`` and following, ``targets`` counted from ``offset``; ``weight`` as written and ``delay`` ms, one or
    one per edge; ``port`` of our model."""

    name: str
    source: Any
    target: Any
    indptr: Any
    targets: Any
    first: int
    offset: int
    weight: Any
    delay: Any
    port: str


def write_nodes(folder, models, nodes):
    """The files of a node population, their entry for the configuration."""
    _write_types(folder, models, nodes)
    file_name, n = f"{nodes.name}_nodes.h5", nodes.n
    per_node = {k: v for k, v in nodes.dynamics.items() if np.ndim(v) and not isinstance(v, list)}
    with writing(folder / file_name, n * (28 + 8 * (len(per_node) + 3)) + (1 << 14), overwrite=True) as file:
        stamp(file)
        group = file.create_group(f"nodes/{nodes.name}")
        group["node_type_id"] = np.full(n, FIRST_TYPE, np.int64)
        group["node_id"] = np.arange(n, dtype=np.uint64)
        group["node_group_id"] = np.zeros(n, np.uint32)
        group["node_group_index"] = np.arange(n, dtype=np.uint64)
        group.create_group("0")
        for name, values in per_node.items():
            group[f"0/dynamics_params/{name}"] = values
        for axis, values in zip("xyz", () if nodes.positions is None else nodes.positions.T, strict=False):
            group[f"0/{axis}"] = values
    return {"nodes_file": f"$NETWORK_DIR/{file_name}", "node_types_file": f"$NETWORK_DIR/{nodes.name}_node_types.csv",
            "populations": {nodes.name: {"type": nodes.model_type}}}


def _write_types(folder, models, nodes):
    row = {"node_type_id": FIRST_TYPE, "population": nodes.name, "model_type": nodes.model_type,
           "model_template": nodes.template, "dynamics_params": f"{nodes.name}.json"}
    write_types(folder / f"{nodes.name}_node_types.csv", [row])
    # NEST's reader looks for parameters here only: those that differ between nodes are lists as well.
    write_json(models / f"{nodes.name}.json", {k: np.asarray(v).tolist() for k, v in nodes.dynamics.items()},
               indent=None)


def write_edges(folder, edges, *, indices):
    """The files of an edge population, their entry for the configuration."""
    file_name, total = f"{edges.name}_edges.h5", len(edges.targets)
    row = {"edge_type_id": FIRST_TYPE, "population": edges.name, "model_template": "static_synapse",
           "snn_port": edges.port}
    write_types(folder / f"{edges.name}_edge_types.csv", [row])
    with writing(folder / file_name, total * (50 + 64 * indices) + (1 << 16), overwrite=True) as file:
        stamp(file)
        group = file.create_group(f"edges/{edges.name}")
        tables = _tables(group, edges, total)
        for a in tqdm(range(0, total, PIECE), desc=edges.name, disable=None, delay=2.0, leave=False):
            part = slice(a, min(a + PIECE, total))
            for name, values in _piece(edges, part).items():
                tables[name][part] = values
        if indices:
            _write_indices(group, edges)
    return {"edges_file": f"$NETWORK_DIR/{file_name}", "edge_types_file": f"$NETWORK_DIR/{edges.name}_edge_types.csv",
            "populations": {edges.name: {"type": "chemical"}}}


def _tables(group, edges, total):
    kinds = {"source_node_id": np.uint64, "target_node_id": np.uint64, "edge_type_id": np.int64,
             "edge_group_id": np.uint32, "edge_group_index": np.uint64, "0/syn_weight": _kind(edges.weight),
             "0/delay": _kind(edges.delay)}
    tables = {name: group.create_dataset(name, (total,), kind) for name, kind in kinds.items()}
    tables["source_node_id"].attrs["node_population"] = edges.source.name
    tables["target_node_id"].attrs["node_population"] = edges.target.name
    return tables


def _kind(values):
    """float32, the format's own type, where nothing is lost by it."""
    values = np.asarray(values)
    with np.errstate(over="ignore"):
        return np.float32 if np.array_equal(values.astype(np.float32), values) else np.float64


def _piece(edges, part):
    number = np.arange(part.start, part.stop)
    return {"source_node_id": edges.first + np.searchsorted(edges.indptr, number, side="right") - 1,
            "target_node_id": edges.offset + edges.targets[part].astype(np.int64),
            "edge_type_id": FIRST_TYPE, "edge_group_id": 0, "edge_group_index": number,
            "0/syn_weight": edges.weight[part] if np.ndim(edges.weight) else edges.weight,
            "0/delay": edges.delay[part] if np.ndim(edges.delay) else edges.delay}


def _write_indices(group, edges):
    """Both indices: the edges of a source stand together, those of a target are one range each."""
    rows = np.diff(edges.indptr)
    count = np.zeros(edges.source.n, np.int64)
    count[edges.first:edges.first + len(rows)] = rows > 0
    there = np.flatnonzero(rows)
    _index(group, "source_to_target", count, edges.indptr[there], edges.indptr[there + 1])
    count = np.bincount(edges.targets, minlength=edges.target.n - edges.offset)
    count = np.concatenate([np.zeros(edges.offset, np.int64), count])
    order = np.argsort(edges.targets, kind="stable")
    _index(group, "target_to_source", count, order, order + 1)


def _index(group, name, ranges_of_node, begin, end):
    stops = np.cumsum(ranges_of_node)
    group[f"indices/{name}/node_id_to_ranges"] = np.stack([stops - ranges_of_node, stops], 1).astype(np.uint64)
    group[f"indices/{name}/range_to_edge_id"] = np.stack([begin, end], 1).astype(np.uint64)
