"""NIR files: read with every check, written as the package nir writes them."""
from pathlib import Path

import numpy as np

from snn.errors import DataError, OutputError
from snn.exchange.nir_optional import nir_package
from snn.export.checked import dataset, group, has, names, strings, text_at, whole
from snn.export.storage import check_output, reading

DEPTH = 16
"""Graphs inside of graphs that are followed."""

FIELDS = {
    "Affine": "weight bias", "Linear": "weight", "Scale": "scale", "Threshold": "threshold", "Delay": "delay",
    "Conv1d": "input_shape weight stride padding dilation groups bias",
    "Conv2d": "input_shape weight stride padding dilation groups bias",
    "SumPool2d": "kernel_size stride padding", "AvgPool2d": "kernel_size stride padding",
    "Flatten": "input_type start_dim end_dim", "Input": "shape", "Output": "shape",
    "I": "r", "IF": "r v_threshold v_reset", "LI": "tau r v_leak", "LIF": "tau r v_leak v_threshold v_reset",
    "CubaLI": "tau_syn tau_mem r v_leak w_in",
    "CubaLIF": "tau_syn tau_mem r v_leak v_threshold v_reset w_in",
}
OPTIONAL = {"v_reset", "w_in", "input_shape", "input_type", "start_dim", "end_dim"}


def write_nir(graph, path, *, overwrite=False):
    """Write a ``nir.NIRGraph`` to an HDF5 file, as ``nir.write`` does.

    Errors: RunError where the file exists (unless ``overwrite``) or its folder does not; OutputError where writing
    fails. Example: ``write_nir(to_nir(net), "net.nir")``
    """
    nir, path = nir_package("write_nir"), check_output(path, overwrite=overwrite)
    try:
        nir.write(path, graph)
    except (OSError, TypeError, ValueError) as err:
        raise OutputError(f"write_nir: '{path}' could not be written ({err}).") from err


def read_nir(path):
    """The ``nir.NIRGraph`` in a file, as ``nir.read`` gives it; the file may come from anybody.

    Errors: MissingFile; DataError, with the place in the file, for one that is no NIR graph, is damaged, leads out of
    itself or declares more than it holds.

    Example: ``from_nir(read_nir("net.nir"), dt=1.0)``
    """
    nir = nir_package("read_nir")
    with reading(path) as file:
        if not has(file, "node"):
            raise DataError(f"read_nir: '{path}' is no NIR file: it has no /node. Give a file that nir.write made.")
        node = _node(group(file, "node"), f"read_nir: '{path}': /node", 0)
    if not isinstance(node, nir.NIRGraph):
        raise DataError(f"read_nir: '{path}': /node is a {type(node).__name__}. It must be a NIRGraph.")
    return checked_types(node)


def checked_types(graph):
    """The graph with the shapes that nir infers, or as it is where nir cannot: groups and oblong kernels confuse it."""
    import nir
    try:
        return nir.NIRGraph(dict(graph.nodes), list(graph.edges), graph.metadata)
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, AssertionError, OverflowError, MemoryError,
            NotImplementedError):
        return graph


def _node(found, where, depth):
    import nir
    kind = text_at(found, "type", longest=100)
    if kind == "NIRGraph":
        return _graph(found, where, depth)
    if kind not in FIELDS:
        raise DataError(f"{where}/type: is {kind!r}. NIR 1.0 has: {', '.join(FIELDS)}, NIRGraph.")
    there, allowed = [n for n in names(found, most=100) if n not in ("type", "metadata")], FIELDS[kind].split()
    for name in there:
        if name not in allowed:
            raise DataError(f"{where}: has {name!r}, which a {kind} of NIR 1.0 has not. It has: {', '.join(allowed)}.")
    for name in allowed:
        if name not in there and name not in OPTIONAL:
            raise DataError(f"{where}/{name}: is missing. A {kind} has: {', '.join(allowed)}.")
    values = {name: _value(found, name) for name in there}
    try:
        if kind in ("Conv1d", "Conv2d"):
            values.setdefault("input_shape", None)
            values["groups"] = int(values["groups"])
        node = getattr(nir, kind).from_dict({"type": kind, **values})
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, AssertionError, OverflowError) as err:
        what = str(err) or "its arrays do not fit together"
        raise DataError(f"{where}: is no {kind} ({what}). Give a file that nir.write made.") from None
    node.metadata = _metadata(found)
    return node


def _graph(found, where, depth):
    import nir
    if depth == DEPTH:
        raise DataError(f"{where}: lies more than {DEPTH} graphs deep. Flatter graphs are read.")
    inside = group(found, "nodes")
    nodes = {name: _node(group(inside, name), f"{where}/nodes/{name}", depth + 1) for name in names(inside)}
    table = dataset(found, "edges", kinds="sf", ndim=(1, 2))
    edges = strings(table).tolist() if table.ndim == 2 and table.shape[1:] == (2,) else []
    if not edges and table.size:
        raise DataError(f"{where}/edges: has shape {table.shape}. It must have two columns of names.")
    for pair in edges:
        if missing := [name for name in pair if name not in nodes]:
            raise DataError(f"{where}/edges: names the node {missing[0]!r}, which is not there.")
    return nir.NIRGraph(nodes, [tuple(pair) for pair in edges], _metadata(found), type_check=False)


def _value(found, name):
    data = dataset(found, name, kinds="sifb", ndim=tuple(range(9)))
    if data.dtype.kind in "OS":
        return text_at(found, name, longest=100)
    value = whole(data)
    return value if value.ndim else value[()]


def _metadata(found):
    """What the metadata of a node say in plain numbers and strings; nothing needs them."""
    if not has(found, "metadata"):
        return {}
    inside, said = group(found, "metadata"), {}
    for name in names(inside, most=1000):
        try:
            said[name] = _value(inside, name)
        except DataError:
            continue
    return said


def graph_of(source, where):
    """The graph of ``source``, a graph or the path of a file. Errors: DataError, MissingFile."""
    nir = nir_package(where)
    if isinstance(source, nir.NIRGraph):
        return checked_types(source)
    if not isinstance(source, str | Path):
        raise DataError(f"{where}.graph: is a {type(source).__name__}. Give a nir.NIRGraph, or the path of a file.")
    return read_nir(source)


def array_of(value):
    """A parameter of a node as an array, also where a tool left a tensor there."""
    return np.asarray(value.detach().cpu().numpy() if hasattr(value, "detach") else value)
