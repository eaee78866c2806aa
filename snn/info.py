"""What a file holds, in a few lines; and spikes read from whatever kind of file holds them.

Kinds: a native archive (``snn.open``), a checkpoint (``snn.load``), SONATA spikes, reports, nodes and edges.
Errors: :class:`DataError` for a file that is none of these or is damaged, :class:`MissingFile`.
"""
from contextlib import contextmanager
from pathlib import Path

from snn.errors import DataError


@contextmanager
def _opened(path):
    from snn.export.storage import reading
    with reading(path) as file:
        yield file


def kind_of(path):
    """``"archive"``, ``"checkpoint"``, or the SONATA part ``"spikes"``, ``"report"``, ``"nodes"``, ``"edges"``."""
    from snn.export.archive import FORMAT
    from snn.run.state import FORMAT as CHECKPOINT
    with _opened(path) as file:
        text = file.attrs.get("format", "")
        known = {FORMAT: "archive", CHECKPOINT: "checkpoint"}.get(text.decode() if isinstance(text, bytes) else text)
        if known:
            return known
        for part in ("spikes", "report", "nodes", "edges"):
            if part in file:
                return part
        raise DataError(f"info: '{Path(path)}' is a foreign HDF5 file (it holds: {', '.join(file) or 'nothing'}). "
                        "Give an archive, a checkpoint or a SONATA file.")


def load_spikes(path):
    """Spikes by population name from a native archive or a SONATA spike file."""
    return load_result(path).spikes


def load_result(path):
    """The Result in a native archive; a SONATA spike file gives a Result with spikes only."""
    from snn.export.archive import open as open_archive
    kind = kind_of(path)
    if kind == "archive":
        return open_archive(path)
    if kind == "spikes":
        from snn.export.sonata import read_spikes
        from snn.result import Result
        return Result(spikes=read_spikes(path), traces={}, weights={})
    raise DataError(f"info: '{Path(path)}' holds no result ({kind}). Give an archive or SONATA spikes.")


def describe(path):
    """Lines of text about the file at ``path``."""
    kind = kind_of(path)
    return {"archive": _archive, "checkpoint": _checkpoint}.get(kind, _sonata)(path)


def table(rows):
    """Rows of text as aligned columns, indented."""
    rows = [[str(cell) for cell in row] for row in rows]
    columns = range(max(map(len, rows), default=0))
    widths = [max(len(row[k]) for row in rows if k < len(row)) for k in columns]
    return ["  " + "  ".join(f"{cell:<{widths[k]}}" for k, cell in enumerate(row)).rstrip() for row in rows]


def _archive(path):
    result = load_result(path)
    facts = [[key, f"{result.meta[key]:g} ms" if key in ("duration", "dt", "start") else result.meta[key]]
             for key in ("duration", "dt", "start", "seed", "engine", "dtype") if result.meta.get(key) is not None]
    end = "" if result.meta.get("complete", True) else " that was cut off"
    lines = [f"{path}: archive of a run{end}", *table(facts)]
    parts = (("spikes", [[name, f"{s.n} neurons", f"{len(s)} spikes", f"{s.mean_rate:.4g} Hz"]
                         for name, s in result.spikes.items()]),
             ("traces", [[".".join(key), f"{len(t.ids)} neurons", f"{len(t)} samples", t.unit]
                         for key, t in result.traces.items()]),
             ("weights", [[name, f"{len(w.pre)} synapses", f"{len(w)} samples"] for name, w in result.weights.items()]))
    for title, rows in parts:
        if rows:
            lines += [title, *table(rows)]
    return lines


def _checkpoint(path):
    from snn.run.state import load
    state = load(path)
    facts = [["network", state.summary["name"]], ["time", f"{state.time:g} ms"], ["step", state.step],
             *([key, state.summary[key]] for key in ("dt", "seed", "dtype") if key in state.summary)]
    rows = [[name, ", ".join(p.values) or "no state", f"{len(p.spike_ids)} spikes kept"]
            for name, p in state.populations.items()]
    return [f"{path}: checkpoint of a run", *table(facts), "populations", *table(rows)]


def _sonata(path):
    with _opened(path) as file:
        kind = kind_of(path)
        rows = [_sonata_row(kind, name, group) for name, group in sorted(file[kind].items())]
    return [f"{path}: SONATA {kind}", *table(rows)]


def _sonata_row(kind, name, group):
    if kind == "spikes":
        return [name, f"{len(group['timestamps'])} spikes"]
    if kind == "report":
        start, stop, step = group["mapping/time"][:]
        return [name, f"{len(group['mapping/node_ids'])} nodes", f"{len(group['data'])} samples",
                f"{start:g}..{stop:g} ms every {step:g} ms"]
    ids = "node_id" if kind == "nodes" else "source_node_id"
    return [name, f"{len(group[ids])} {kind}"]
