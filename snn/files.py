"""Files by what they hold: which kind a file is, reading a result or a network from any of them, writing it to any.

Kinds
    results   ``archive``, ``spikes`` and ``report`` (SONATA), ``NWB``, ``NIR data``, ``NPZ``, ``CSV``
    networks  ``circuit`` (a SONATA circuit or simulation configuration), ``NIR``; and, to be read only, a script or an
              experiment file
    others    ``checkpoint``, ``nodes`` and ``edges`` (parts of a SONATA network)

Errors: DataError for a file that is none of these, is damaged or holds something else than is asked for, MissingFile.
"""
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from snn.errors import DataError, RunError
from snn.result import Result

RESULTS = {"archive": "snn.export.archive:open", "NWB": "snn.export.nwb:read", "NIR data": "snn.export.nir_data:read",
           "NPZ": "snn.export.npz:read_npz"}
WRITERS = {
    "archive": (".h5", "snn.export.archive:write"),
    "sonata": ("", "snn.export.sonata:export"),
    "nwb": (".nwb", "snn.export.nwb:write"),
    "nir": (".nirdata", "snn.export.nir_data:write"),
    "neo": (".pkl", "snn.export.neo:write_neo"),
    "csv": ("", "snn.export.tables:write_csv"),
    "npz": (".npz", "snn.export.npz:write_npz"),
}
"""Formats of results: the ending of a file ("": a folder), and the function that writes it."""
WITHOUT_WEIGHTS = ("sonata", "nir")
NETWORKS = ("circuit", "NIR", "experiment")


def kind_of(path):
    """The kind of the file at ``path``, see the head of the module."""
    from snn.export.checked_file import check_file
    path = check_file(path)
    by_name = {".npz": "NPZ", ".csv": "CSV", ".json": "circuit", ".toml": "experiment", ".py": "experiment"}
    if path.suffix in by_name:
        return by_name[path.suffix]
    from snn.export import checked
    from snn.export.checked_attributes import text
    from snn.export.storage import reading
    from snn.run.state import FORMAT as CHECKPOINT
    with reading(path) as file:
        marks = [text(file, name, default="") for name in ("format", "neurodata_type", "__type__")]
        known = {"snn-archive": "archive", CHECKPOINT: "checkpoint", "NWBFile": "NWB", "NIRGraphData": "NIR data"}
        for mark in marks:
            if mark in known:
                return known[mark]
        for part in ("spikes", "report", "nodes", "edges"):
            if checked.has(file, part):
                return part
        if checked.has(file, "node/type"):
            return "NIR"
        held = ", ".join(checked.names(file)[:5]) or "nothing"
        raise DataError(f"info: '{path}' is a foreign HDF5 file (it holds: {held}). "
                        "Give an archive, a checkpoint, or a SONATA, NWB or NIR file.")


def load_spikes(path):
    """Spikes by population name from any file that holds them."""
    return load_result(path).spikes


def load_result(path):
    """The Result in a file of any kind; what the file does not hold is missing in it."""
    kind = kind_of(path)
    if kind in RESULTS:
        return _function(RESULTS[kind])(path)
    if kind == "spikes":
        from snn.export.sonata import read_spikes
        return Result(spikes=read_spikes(path), traces={}, weights={})
    if kind == "report":
        from snn.export.sonata import read_report
        trace = read_report(path)
        return Result(spikes={}, traces={(trace.population, trace.variable): trace}, weights={})
    if kind == "CSV":
        from snn.export.tables import read_spikes_csv
        return Result(spikes=read_spikes_csv(path), traces={}, weights={})
    raise DataError(f"info: '{Path(path)}' holds no result ({kind}). Give an archive, or SONATA, NWB, NIR, NPZ or CSV "
                    "data.")


def write_result(result, out, to, *, overwrite=False):
    """Write a Result in a format of :data:`WRITERS`; the list of what was written."""
    written = _function(WRITERS[to][1])(result, out, overwrite=overwrite)
    return [Path(p) for p in written] if isinstance(written, list | tuple) else [Path(written or out)]


def format_of(out):
    """The format of results that the name ``out`` says by its ending: an archive for .h5, SONATA for a folder."""
    ending = Path(out).suffix
    for name, (known, _) in WRITERS.items():
        if ending == known:
            return name
    raise RunError(f"OUT: '{out}' ends in no known way. Known are {', '.join(e for e, _ in WRITERS.values() if e)}, "
                   "or a folder; or say --to.")


def part_of(result, begin, end, *, dt=None):
    """The part of a Result with begin < t <= end [ms]; None: as it is. ``dt`` is its step, where it does not say it."""
    if dt is not None and "dt" not in result.meta:
        result = replace(result, meta={**result.meta, "dt": dt})
    if begin is None and end is None:
        return result
    begin, end = float("-inf") if begin is None else begin, float("inf") if end is None else end
    spikes = {name: s.between(max(begin, s.start), min(end, s.end)) for name, s in result.spikes.items()}
    tables = [{key: t.between(begin, end) for key, t in table.items()} for table in (result.traces, result.weights)]
    windows = {(s.start, s.duration) for s in spikes.values()}
    known = dict(zip(("start", "duration"), windows.pop(), strict=True)) if len(windows) == 1 else {}
    return Result(spikes=spikes, traces=tables[0], weights=tables[1], meta={**result.meta, **known})


def settings_of(path):
    """``{"dt", "seed", "duration"}`` of the run in an experiment file; empty for other files."""
    if Path(path).suffix != ".toml":
        return {}
    from snn.experiment import load
    arguments = load(path)[1]
    return {name: arguments[name] for name in ("dt", "seed", "duration")}


def load_network(path, *, dt, allow=()):
    """The network in a file: ``(snn.Network, name of its kind)``; of a NIR file what the engines run."""
    kind = kind_of(path)
    if kind not in NETWORKS:
        raise DataError(f"convert: '{Path(path)}' holds no network ({kind}). Give a circuit_config.json, a NIR file, a "
                        "script or an experiment file.")
    if kind == "experiment":
        from snn.script import network_of
        return network_of(path), kind
    from snn.network import Network
    found = Network.from_sonata(path, dt=dt, allow=allow) if kind == "circuit" else Network.from_nir(path, dt=dt)
    return getattr(found, "network", found), kind


def write_network(net, out, *, dt, seed=0, duration=None, allow=(), overwrite=False):
    """Write a Network as NIR (``out`` ends in .nir) or SONATA (a folder); the path of the file to open. ``duration``
    ms: up to when random inputs are drawn in SONATA."""
    out = Path(out)
    if out.suffix not in ("", ".nir"):
        raise RunError(f"OUT: '{out}' ends in no known way. Name a file that ends in .nir, or a folder for SONATA.")
    if out.suffix != ".nir":
        options = {} if duration is None else {"duration": duration}
        return net.to_sonata(out, dt=dt, seed=seed, allow=allow, overwrite=overwrite, **options).circuit
    from snn.exchange.nir_file import write_nir
    write_nir(net.to_nir(dt=dt, seed=seed, allow=allow), out, overwrite=overwrite)
    return out


def _function(where):
    module, name = where.split(":")
    return getattr(import_module(module), name)
