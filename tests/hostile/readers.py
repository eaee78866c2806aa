"""Every reader of files in the library: how an intact file is made, and what reading all of it means."""
import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np

DAMAGE = ("cut", "flip", "bytes", "blocks")


@dataclass(frozen=True)
class Reader:
    """``make(path)`` writes an intact file, ``read(path)`` reads all that is in it and gives something to compare.

    ``exact``: the kinds of damage after which what is read is what was written; ``seal`` mends the checksum of a
    file that was changed; ``needs``: a package.
    """

    name: str
    suffix: str
    make: object
    read: object
    exact: tuple = ()
    seal: object = lambda path: None
    needs: str = "h5py"

    @property
    def there(self):
        return importlib.util.find_spec(self.needs) is not None

    @property
    def is_hdf5(self):
        return self.suffix not in (".npz", ".csv", ".json")


def result():
    """Spikes of two populations, a trace and weights over 20 ms; small, so that damage hits something."""
    from snn.result import Result
    from snn.spikes import Spikes
    from snn.traces import Trace, Weights
    draw = np.random.default_rng(5)
    steps = np.sort(draw.integers(0, 200, 300))
    spikes = {"exc": Spikes((steps + 1) * 0.1, draw.integers(0, 9, 300), 9, 20.0), "inh": Spikes([], [], 3, 20.0)}
    times = np.arange(1, 41) * 5 * 0.1
    trace = Trace(times, [5, 2], draw.normal(size=(40, 2)), "mV", "exc", "v")
    weights = Weights("e_e", [0, 1, 3], [1, 2, 0], [10.0, 20.0], draw.normal(size=(2, 3)), "mV")
    return Result(spikes=spikes, traces={("exc", "v"): trace}, weights={"e_e": weights},
                  meta={"dt": 0.1, "seed": 1, "duration": 20.0, "start": 0.0, "complete": True})


def look(found):
    """The bytes of everything that a Result, or a dict of tables, holds, by name."""
    parts = (found.spikes, found.traces, found.weights) if hasattr(found, "spikes") else (found,)
    return {f"{i}/{key}/{name}": np.asarray(getattr(value, name)).tobytes()
            for i, part in enumerate(parts)
            for key, value in (part.items() if hasattr(part, "items") else [("", part)])
            for name in ("times", "ids", "data", "pre", "post") if hasattr(value, name)}


def make_archive(path):
    from snn.export import archive
    archive.write(result(), path)


def make_unfinished(path):
    """What a run that was killed after some blocks leaves."""
    from snn.export.archive import ArchiveSink
    from snn.sink import SpikeChannel, TraceChannel
    trace = TraceChannel("exc", "v", "mV", np.array([5, 2]), 0.1)
    sink = ArchiveSink(path)
    sink.open({"dt": 0.1}, [SpikeChannel("exc", 9, 0.1), trace])
    for block in range(4):
        sink.spikes("exc", np.arange(block * 50, block * 50 + 50), np.arange(50) % 9)
        sink.trace(trace, block * 50, np.ones((50, 2)))
        sink.commit(block * 50 + 50)
    image = Path(path).read_bytes()
    sink.close()
    Path(path).write_bytes(image)


def make_checkpoint(path):
    from snn.run.state import PopulationState, RunState, save
    summary = {"name": "net", "dt": 0.1, "seed": 0, "dtype": "float64", "populations": {"a": {"model": "LIF", "n": 6}},
               "projections": {"a_a": {"pre": "a", "post": "a", "port": "delta", "synapses": 4, "delay": [10, 10]}}}
    whole = np.zeros(1, np.int64)
    state = PopulationState({"v": np.zeros(6)}, {"delta": np.zeros((11, 6))}, np.array([3, 7]), np.array([0, 5]),
                            whole, whole, {})
    learned = {"0/weight": np.ones(4), "targets": np.array([1, 2, 3, 0], np.uint16), "group": np.zeros(4, np.int16),
               "frozen": np.array(False)}
    save(RunState(20, summary, {"a": state}, {"a_a": learned}), path)


def seal_state(path):
    """The mark and checksum of a checkpoint, which a change by the HDF5 library has cut off."""
    image = Path(path).read_bytes()
    Path(path).write_bytes(image + b"snnstate" + hashlib.sha256(image).digest())


def read_state(path):
    import snn
    return repr(vars(snn.load(path)).items())


def open_archive(path):
    from snn.export import archive
    return look(archive.open(path))


def describe(path):
    from snn import info
    info.describe(path)


def make_nir(path):
    import nir

    from snn.exchange.nir_file import write_nir
    nodes = {"in": nir.Input({"input": np.array([3])}), "w": nir.Affine(np.ones((2, 3)), np.zeros(2)),
             "lif": nir.LIF(*(np.full(2, value) for value in (0.01, 1.0, 0.0, 1.0, 0.0))),
             "out": nir.Output({"output": np.array([2])})}
    write_nir(nir.NIRGraph(nodes, [("in", "w"), ("w", "lif"), ("lif", "out")]), path)


def read_nir(path):
    from snn.exchange.nir_file import read_nir
    return repr(read_nir(path))


def make_csv(path):
    from snn.export.tables import write_csv
    folder = path.with_suffix(".folder")
    write_csv(result(), folder)
    path.write_bytes((folder / "exc.spikes.csv").read_bytes() if (folder / "exc.spikes.csv").exists()
                     else next(f for f in sorted(folder.iterdir()) if "spikes" in f.name).read_bytes())


def circuit(part):
    """Make and read one file of a SONATA circuit, the others being intact."""
    def make(path):
        import snn
        from snn.exchange.sonata_write import write_network
        from snn.neurons import LIF
        net = snn.Network("net")
        a = net.add("a", LIF(), 6)
        net.connect(a, a, snn.FixedInDegree(2), port="delta", weight=1.0, delay=1.0)
        folder = path.with_suffix(".circuit")
        write_network(net, folder, dt=0.1)
        config = (folder / "circuit_config.json").read_text().replace('"./', f'"{folder}/')
        (folder / "circuit_config.json").write_text(config)
        path.write_bytes((folder / part).read_bytes())

    def read(path):
        from snn.exchange.sonata_read import read_network
        folder = next(path.parent.glob(f"{READERS_OF[part]}.circuit"))
        config = path
        if part.startswith("network"):
            text = (folder / "circuit_config.json").read_text()
            config = folder / "damaged.json"
            config.write_text(text.replace(part.replace("network", "$NETWORK_DIR"), str(path)))
        net = read_network(config, dt=0.1)
        edges = [{name: np.asarray(value).tolist() for name, value in vars(p.rule).items()} | {"weight": str(p.weight)}
                 for p in net.projections.values()]
        return repr((net.populations, edges))
    return {"make": make, "read": read}


def of(module, function, *, then=look):
    """A reader that imports its module when it is called."""
    return lambda path: then(getattr(importlib.import_module(module), function)(path))


def made_by(module, function, pick=lambda r: r):
    return lambda path: getattr(importlib.import_module(module), function)(pick(result()), path)


def trace_of(found):
    return found.traces["exc", "v"]


READERS_OF = {"network/a_nodes.h5": "nodes", "network/a_a_edges.h5": "edges", "circuit_config.json": "circuit"}
SONATA, EXPORT = "snn.export.sonata", "snn.export"
READERS = {reader.name: reader for reader in (
    Reader("archive", ".h5", make_archive, open_archive, exact=DAMAGE),
    Reader("unfinished", ".h5", make_unfinished, open_archive, exact=DAMAGE),
    Reader("checkpoint", ".h5", make_checkpoint, read_state, seal=seal_state),
    Reader("spikes", ".h5", made_by(SONATA, "write_spikes"), of(SONATA, "read_spikes")),
    Reader("report", ".h5", made_by(SONATA, "write_report", trace_of), of(SONATA, "read_report")),
    Reader("nwb", ".nwb", made_by(f"{EXPORT}.nwb", "write"), of(f"{EXPORT}.nwb", "read")),
    Reader("nirdata", ".nirdata", made_by(f"{EXPORT}.nir_data", "write"), of(f"{EXPORT}.nir_data", "read")),
    Reader("npz", ".npz", made_by(f"{EXPORT}.npz", "write_npz"), of(f"{EXPORT}.npz", "read_npz"), exact=DAMAGE),
    Reader("csv", ".csv", make_csv, of(f"{EXPORT}.tables", "read_spikes_csv")),
    Reader("nir", ".nir", make_nir, read_nir, needs="nir"),
    Reader("nodes", ".h5", **circuit("network/a_nodes.h5")),
    Reader("edges", ".h5", **circuit("network/a_a_edges.h5")),
    Reader("circuit", ".json", **circuit("circuit_config.json")),
    Reader("info-archive", ".h5", make_archive, describe),
    Reader("info-report", ".h5", made_by(SONATA, "write_report", trace_of), describe),
    Reader("info-spikes", ".h5", made_by(SONATA, "write_spikes"), describe),
    Reader("info-nir", ".nir", make_nir, describe, needs="nir"),
)}
