"""What a file holds, in a few lines. Kinds of files and errors: see :mod:`snn.files`."""
from pathlib import Path

import numpy as np

from snn.errors import DataError
from snn.export import checked
from snn.files import kind_of, load_result


def describe(path):
    """Lines of text about the file at ``path``."""
    kind = kind_of(path)
    known = {"checkpoint": _checkpoint, "nodes": _sonata, "edges": _sonata, "report": _sonata, "spikes": _sonata,
             "circuit": _circuit, "NIR": _nir, "experiment": _experiment}
    return known.get(kind, _result)(path)


def table(rows):
    """Rows of text as aligned columns, indented."""
    rows = [[str(cell) for cell in row] for row in rows]
    columns = range(max(map(len, rows), default=0))
    widths = [max(len(row[k]) for row in rows if k < len(row)) for k in columns]
    return ["  " + "  ".join(f"{cell:<{widths[k]}}" for k, cell in enumerate(row)).rstrip() for row in rows]


def _result(path):
    result, kind = load_result(path), kind_of(path)
    facts = [[key, f"{result.meta[key]:g} ms" if key in ("duration", "dt", "start") else result.meta[key]]
             for key in ("duration", "dt", "start", "seed", "engine", "dtype") if result.meta.get(key) is not None]
    end = "" if result.meta.get("complete", True) else " that was cut off"
    lines = [f"{path}: {'archive of a run' if kind == 'archive' else kind}{end}", *table(facts)]
    parts = (("spikes", [[name, f"{s.n} neurons", f"{len(s)} spikes", f"{s.mean_rate:.4g} Hz"]
                         for name, s in result.spikes.items()]),
             ("traces", [[".".join(key), _columns(key, t), f"{len(t)} samples", t.unit]
                         for key, t in result.traces.items()]),
             ("weights", [[name, f"{len(w.pre)} synapses", f"{len(w)} samples"] for name, w in result.weights.items()]))
    for title, rows in parts:
        if rows:
            lines += [title, *table(rows)]
    return lines


def _columns(key, trace):
    return "mean" if key[1].startswith("mean.") else f"{len(trace.ids)} neurons"


def _checkpoint(path):
    from snn.run.state import load
    state = load(path)
    facts = [["network", state.summary["name"]], ["time", f"{state.time:g} ms"], ["step", state.step],
             *([key, state.summary[key]] for key in ("dt", "seed", "dtype") if key in state.summary)]
    rows = [[name, ", ".join(p.values) or "no state", f"{len(p.spike_ids)} spikes kept"]
            for name, p in state.populations.items()]
    return [f"{path}: checkpoint of a run", *table(facts), "populations", *table(rows)]


def _sonata(path):
    from snn.export.storage import reading
    kind = kind_of(path)
    with reading(path) as file:
        rows = [_sonata_row(kind, name, checked.group(file, f"{kind}/{name}"))
                for name in checked.names(checked.group(file, kind))]
    return [f"{path}: SONATA {kind}", *table(rows)]


def _sonata_row(kind, name, group):
    if kind == "spikes":
        return [name, f"{_length(group, 'timestamps', 'fi')} spikes"]
    if kind == "report":
        start, stop, step = checked.whole(checked.dataset(group, "mapping/time", length=3))
        data = checked.dataset(group, "data", ndim=2)
        return [name, f"{_length(group, 'mapping/node_ids', 'i')} nodes", f"{len(data)} samples",
                f"{start:g}..{stop:g} ms every {step:g} ms"]
    return [name, f"{_length(group, 'node_type_id' if kind == 'nodes' else 'source_node_id', 'i')} {kind}"]


def _length(group, name, kinds):
    return len(checked.dataset(group, name, kinds=kinds))


def _circuit(path):
    from snn.exchange.sonata_tables import place, read_config
    config = read_config(path)
    networks = config.get("networks", {})
    found = [(part, networks.get(part, [])) for part in ("nodes", "edges")] if isinstance(networks, dict) else [("", 0)]
    if not all(isinstance(entries, list) and all(isinstance(e, dict) for e in entries) for _, entries in found):
        raise DataError(f"info: '{path}': networks must hold lists of nodes and edges. Give a circuit_config.json.")
    rows = [[part, str(entry.get(f"{part}_file")), *_held(place(Path(path).parent, entry.get(f"{part}_file")), part)]
            for part, entries in found for entry in entries]
    return [f"{path}: SONATA {'circuit' if rows else 'configuration'}", *table(rows)]


def _held(path, part):
    return [line.strip() for line in describe(path)[1:]] if path.is_file() else [f"the file of {part} is missing"]


def _nir(path):
    from snn.exchange.nir_file import read_nir
    graph = read_nir(path)
    rows = [[name, type(node).__name__, _shape(node)] for name, node in graph.nodes.items()]
    return [f"{path}: NIR graph, {len(graph.nodes)} nodes, {len(graph.edges)} edges", *table(rows)]


def _shape(node):
    given = (node.output_type or {}).get("output")
    return "" if given is None else " x ".join(str(k) for k in np.ravel(given).tolist())


def _experiment(path):
    from snn.script import network_of
    net = network_of(path)
    rows = [[p.name, f"{p.n} {type(p.model).__name__}"] for p in net.populations.values()]
    rows += [[q.name, f"{q.pre.population.name} to {q.post.population.name}, {type(q.rule).__name__}, port {q.port}"]
             for q in net.projections.values()]
    return [f"{path}: {net!r}", *table(rows)]
