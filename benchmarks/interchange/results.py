"""What a run gives, in the formats of other tools: they read ours, we read theirs."""
import csv
import importlib
import json

import h5py
import numpy as np

import snn
from snn.export import archive, nir_data, nwb, sonata
from snn.export import neo as neo_export
from snn.export.labelled import to_pandas, to_xarray
from snn.export.npz import read_npz, write_npz
from snn.export.tables import read_spikes_csv, write_csv
from snn.neurons import IFCurrExp, PoissonSource

CASES = []


def case(format, direction, tool, subject):
    """Registers a function (run, folder) -> (what was written, what was read): two lists of arrays."""
    def take(function):
        CASES.append(((format, direction, tool, subject), function))
        return function
    return take


def make_run():
    """A run with spikes, traces of a state and a mean, and weights, whose times do not begin at 0."""
    net = snn.Network("interchange")
    noise, cells = net.add("noise", PoissonSource(rate=300.0), 60), net.add("cells", IFCurrExp(), 20)
    net.connect(noise, cells, snn.FixedInDegree(20), port="exc", weight=300.0, delay=0.5, name="in")
    record = [snn.RecordSpikes("noise"), snn.RecordSpikes("cells"), snn.RecordState("cells", "v", ids=[3, 5], every=4),
              snn.RecordWeights("in", synapses=range(10), every=20.0)]
    first = snn.simulate(net, 20.0, dt=0.1, seed=1, record=record)
    return snn.simulate(net, 100.0, dt=0.1, seed=1, record=record, state=first.state)


def spikes_of(result):
    return [x for name in sorted(result.spikes) for x in (result.spikes[name].times, result.spikes[name].ids)]


def trace_of(result):
    trace = result.traces["cells", "v"]
    return [trace.times, trace.ids, trace.data]


def weights_of(result):
    w = result.weights["in"]
    return [w.times, w.pre, w.post, w.data]


def _all(result):
    return spikes_of(result) + trace_of(result) + weights_of(result)


@case("archive", "both", "snn", "spikes, traces, weights")
def _(run, folder):
    archive.write(run, folder / "run.h5")
    return _all(run), _all(snn.open(folder / "run.h5"))


@case("archive", "out", "h5py", "spikes, traces")
def _(run, folder):
    archive.write(run, folder / "run.h5")
    with h5py.File(folder / "run.h5") as file:
        found = [file[f"spikes/{name}/{key}"][:] for name in ("cells", "noise") for key in ("times", "ids")]
        found += [file[f"traces/cells/v/{key}"][:] for key in ("times", "ids", "data")]
    return spikes_of(run) + trace_of(run), found


@case("SONATA spikes", "both", "snn", "spikes")
def _(run, folder):
    return spikes_of(run), [x for _, s in sorted(sonata.read_spikes(sonata.write_spikes(run, folder / "s.h5")).items())
                            for x in (s.times, s.ids)]


@case("SONATA spikes", "out", "libsonata", "spikes")
def _(run, folder):
    reader = importlib.import_module("libsonata").SpikeReader(str(sonata.write_spikes(run, folder / "s.h5")))
    found = []
    for name in sorted(run.spikes):
        read = reader[name].get_dict()
        order = np.lexsort((read["node_ids"], read["timestamps"]))
        found += [read["timestamps"][order], read["node_ids"][order]]
    return spikes_of(run), found


@case("SONATA report", "out", "libsonata", "trace")
def _(run, folder):
    trace = run.traces["cells", "v"]
    reader = importlib.import_module("libsonata").ElementReportReader(str(sonata.write_report(trace, folder / "v.h5")))
    frame = reader["cells"].get()
    return trace_of(run), [np.asarray(frame.times), np.asarray(frame.ids)[:, 0], np.asarray(frame.data)]


@case("SONATA report", "both", "snn", "trace")
def _(run, folder):
    read = sonata.read_report(sonata.write_report(run.traces["cells", "v"], folder / "v.h5"))
    return trace_of(run), [read.times, read.ids, read.data]


@case("NWB", "both", "snn", "spikes, traces, weights")
def _(run, folder):
    nwb.write(run, folder / "run.nwb")
    return _all(run), _all(nwb.read(folder / "run.nwb"))


@case("NWB", "out", "pynwb (valid)", "spikes, trace")
def _(run, folder):
    pynwb = importlib.import_module("pynwb")
    nwb.write(run, folder / "run.nwb")
    problems = pynwb.validate(path=str(folder / "run.nwb"))
    if problems and any(problems):
        raise AssertionError(f"pynwb.validate: {problems}")
    with pynwb.NWBHDF5IO(str(folder / "run.nwb"), "r") as io:
        file = io.read()
        units = file.units.to_dataframe()
        units = units[units["population"] == "cells"]
        trains = [np.asarray(t) * 1000.0 for t in units["spike_times"]]
        series = next(s for name, s in file.acquisition.items() if "v" in name.split(".")[-1:] or name.endswith("v"))
        volts = np.asarray(series.data[:]) * series.conversion * 1000.0
    mine = [run.spikes["cells"].train(i) for i in range(run.spikes["cells"].n)]
    return [*mine, run.traces["cells", "v"].data], [*trains, volts]


@case("NWB", "out", "Neo", "spikes")
def _(run, folder):
    nwb.write(run, folder / "run.nwb")
    io = importlib.import_module("neo.io").NWBIO(str(folder / "run.nwb"), mode="r")
    trains = io.read_all_blocks()[0].segments[0].spiketrains
    total = sorted(t for train in trains for t in train.rescale("ms").magnitude)
    return [np.sort(np.concatenate([s.times for s in run.spikes.values()]))], [np.array(total)]


@case("NWB", "in", "pynwb", "spikes")
def _(run, folder):
    pynwb, datetime = importlib.import_module("pynwb"), importlib.import_module("datetime")
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    file = pynwb.NWBFile(session_description="theirs", identifier="1", session_start_time=start)
    spikes = run.spikes["cells"]
    for i in range(spikes.n):
        file.add_unit(spike_times=spikes.train(i) / 1000.0, id=i)
    with pynwb.NWBHDF5IO(str(folder / "theirs.nwb"), "w") as io:
        io.write(file)
    read = next(iter(nwb.read(folder / "theirs.nwb").spikes.values()))
    return [spikes.times, spikes.ids], [read.times, read.ids]


@case("Neo objects", "both", "Neo", "spikes, trace")
def _(run, folder):
    back = neo_export.from_neo(neo_export.to_neo(run))
    return spikes_of(run) + trace_of(run), spikes_of(back) + trace_of(back)


@case("Neo objects", "out", "Elephant", "rate, CV")
def _(run, folder):
    statistics = importlib.import_module("elephant.statistics")
    pq = importlib.import_module("quantities")
    spikes, trains = run.spikes["cells"], neo_export.to_neo(run).segments[0].spiketrains
    trains = [t for t in trains if t.annotations["population"] == "cells"]
    rates = [float(statistics.mean_firing_rate(t).rescale(pq.Hz)) for t in trains]
    cv = [float(statistics.cv(statistics.isi(t))) for t in trains if len(t) > 3]
    return [spikes.rate(), spikes.cv(min_spikes=4)], [np.array(rates), np.array(cv)]


@case("NPZ", "both", "snn", "spikes, traces, weights")
def _(run, folder):
    write_npz(run, folder / "run.npz")
    return _all(run), _all(read_npz(folder / "run.npz"))


@case("CSV", "out", "csv", "spikes")
def _(run, folder):
    write_csv(run, folder / "csv")
    read = next(read_spikes_csv(f) for f in sorted((folder / "csv").iterdir()) if "spikes" in f.name)
    with open(next(f for f in sorted((folder / "csv").iterdir()) if "spikes" in f.name), newline="") as file:
        times = sorted(float(next(v for k, v in row.items() if k.startswith("time"))) for row in csv.DictReader(file))
    mine = np.sort(np.concatenate([s.times for s in run.spikes.values()]))
    return [mine, *spikes_of(run)], [np.array(times), *spikes_of(snn.Result(read, {}, {}))]


@case("pandas", "out", "pandas", "spikes, trace")
def _(run, folder):
    frames = to_pandas(run)
    mine = frames.spikes[frames.spikes["population"] == "cells"]
    return ([run.spikes["cells"].times, run.traces["cells", "v"].data],
            [mine["time"].to_numpy(), frames.traces["cells", "v"].to_numpy()])


@case("xarray", "out", "xarray", "spikes, trace")
def _(run, folder):
    data = to_xarray(run)
    return ([run.spikes["cells"].ids, run.traces["cells", "v"].data, np.array(json.loads(data.attrs["meta"])["dt"])],
            [data["spikes.cells"].to_numpy(), data["cells.v"].to_numpy(), np.array(run.meta["dt"])])


@case("NIR data", "both", "snn", "spikes, trace")
def _(run, folder):
    nir_data.write(run, folder / "run.nirdata")
    read = nir_data.read(folder / "run.nirdata")
    return spikes_of(run) + trace_of(run), spikes_of(read) + trace_of(read)


@case("NIR data", "out", "nir", "trace")
def _(run, folder):
    nir_data.write(run, folder / "run.nirdata")
    data = importlib.import_module("nir").read_data(str(folder / "run.nirdata"))
    return [run.traces["cells", "v"].data], [data.nodes["cells"].observables["v"].data[0]]


def rows(options):
    """One row per case."""
    from benchmarks.interchange.command import ALLOWED, done
    run = make_run()
    for heading, function in CASES:
        yield done(heading, function, run, allowed=ALLOWED.get(heading[0], 0.0))
