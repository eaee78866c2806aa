"""SONATA circuits written by hand, table by table, so that what is read does not come from our own writer."""
import json

import h5py
import numpy as np


def nodes(folder, name, types, *, type_ids, groups=None, group_ids=None, index=None, ids=None):
    """A node population: ``types`` text of its CSV; ``groups`` {group: {attribute: values}}. Returns the entry."""
    folder.mkdir(parents=True, exist_ok=True)
    n = len(type_ids)
    with h5py.File(folder / f"{name}_nodes.h5", "w") as file:
        group = file.create_group(f"nodes/{name}")
        group["node_type_id"] = np.asarray(type_ids, np.int64)
        group["node_id"] = np.arange(n, dtype=np.uint64) if ids is None else np.asarray(ids, np.uint64)
        group["node_group_id"] = np.zeros(n, np.uint32) if group_ids is None else np.asarray(group_ids, np.uint32)
        group["node_group_index"] = np.arange(n, dtype=np.uint64) if index is None else np.asarray(index, np.uint64)
        for number, columns in (groups or {}).items():
            group.create_group(str(number))
            for key, values in columns.items():
                group[f"{number}/{key}"] = values
    (folder / f"{name}_node_types.csv").write_text(types)
    return {"nodes_file": f"$NET/{name}_nodes.h5", "node_types_file": f"$NET/{name}_node_types.csv"}


def edges(folder, name, types, *, pre, post, source, target, type_ids=None, groups=None, group_ids=None, index=None):
    """An edge population of the node populations ``source`` and ``target``. Returns the entry."""
    n = len(pre)
    with h5py.File(folder / f"{name}_edges.h5", "w") as file:
        group = file.create_group(f"edges/{name}")
        for key, ids, population in (("source_node_id", pre, source), ("target_node_id", post, target)):
            group[key] = np.asarray(ids, np.uint64)
            group[key].attrs["node_population"] = population
        group["edge_type_id"] = np.full(n, 100) if type_ids is None else np.asarray(type_ids)
        group["edge_group_id"] = np.zeros(n, np.uint16) if group_ids is None else np.asarray(group_ids, np.uint16)
        group["edge_group_index"] = np.arange(n, dtype=np.uint32) if index is None else np.asarray(index, np.uint32)
        for number, columns in (groups or {}).items():
            group.create_group(str(number))
            for key, values in columns.items():
                group[f"{number}/{key}"] = values
    (folder / f"{name}_edge_types.csv").write_text(types)
    return {"edges_file": f"$NET/{name}_edges.h5", "edge_types_file": f"$NET/{name}_edge_types.csv"}


def spikes(path, name, times, ids):
    """A spikes file; returns the input that names it."""
    with h5py.File(path, "w") as file:
        file[f"spikes/{name}/timestamps"] = np.asarray(times, float)
        file[f"spikes/{name}/node_ids"] = np.asarray(ids, np.uint64)
    return {"input_type": "spikes", "module": "h5", "input_file": path.name, "node_set": name}


def config(folder, node_entries, edge_entries=(), *, components=None, inputs=None, sets=None, run=None, target="NEST"):
    """``simulation_config.json`` and ``circuit_config.json``; ``components`` {file: parameters}. Returns the path."""
    (folder / "models").mkdir(exist_ok=True)
    for name, parameters in (components or {}).items():
        (folder / "models" / name).write_text(json.dumps(parameters))
    circuit = {"manifest": {"$ROOT": ".", "$NET": "$ROOT", "$MODELS": "${ROOT}/models"},
               "components": {"point_neuron_models_dir": "$MODELS", "synaptic_models_dir": "$MODELS"},
               "networks": {"nodes": list(node_entries), "edges": list(edge_entries)}}
    simulation = {"manifest": {"$BASE_DIR": "."}, "network": "$BASE_DIR/circuit_config.json",
                  "target_simulator": target, "run": run or {"tstop": 50.0, "dt": 0.1}, "inputs": inputs or {}}
    if sets is not None:
        (folder / "sets.json").write_text(json.dumps(sets))
        simulation["node_sets_file"] = "sets.json"
    (folder / "circuit_config.json").write_text(json.dumps(circuit))
    (folder / "simulation_config.json").write_text(json.dumps(simulation))
    return folder / "simulation_config.json"
