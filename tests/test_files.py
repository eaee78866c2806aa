"""Files by what they hold: the commands export, convert, info, report and plot over every format."""
import json

import numpy as np
import pytest

import snn
from snn import cli, files
from snn.errors import DataError, MissingFile
from snn.neurons import LIF, IFCurrExp, PoissonSource

DT = 0.1
NETWORK = """
[populations.noise]
model = { name = "PoissonSource", rate = 100.0 }
n = 5
[populations.cells]
model = { name = "IFCurrExp" }
n = 4
[projections.in]
pre = "noise"
post = "cells"
rule = "AllToAll"
port = "exc"
weight = 20.0
delay = 0.5
[run]
duration = 20.0
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def run(folder):
    net = snn.Network("files")
    noise, cells = net.add("noise", PoissonSource(rate=300.0), 20), net.add("cells", IFCurrExp(), 6)
    net.connect(noise, cells, snn.AllToAll(), port="exc", weight=200.0, delay=0.5, name="in")
    record = [snn.RecordSpikes("noise"), snn.RecordSpikes("cells"), snn.RecordState("cells", "v", every=5),
              snn.RecordMean("cells", "v", every=5), snn.RecordWeights("in")]
    snn.simulate(net, 60.0, dt=DT, record=record, to=folder / "run.h5")
    return folder / "run.h5"


def does(*arguments):
    assert cli.main([str(a) for a in arguments]) == 0


def fails(capsys, *arguments):
    assert cli.main([str(a) for a in arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    return error


def same(a, b, *, tolerance=0.0):
    assert set(a.spikes) == set(b.spikes)
    for name in a.spikes:
        np.testing.assert_array_equal(a.spikes[name].ids, b.spikes[name].ids)
        np.testing.assert_allclose(a.spikes[name].times, b.spikes[name].times, rtol=tolerance)
    assert {("cells", "v"), ("cells", "mean.v")} <= set(b.traces)
    for key in a.traces:
        np.testing.assert_allclose(a.traces[key].data, b.traces[key].data, rtol=tolerance)


@pytest.mark.parametrize("to, name, kind", [("nwb", "run.nwb", "NWB"), ("nir", "run.nirdata", "NIR data"),
                                            ("npz", "run.npz", "NPZ")])
def test_export_and_back_to_an_archive(run, folder, capsys, to, name, kind):
    does("export", run, "--to", to)
    assert str(folder / name) in capsys.readouterr().out and files.kind_of(folder / name) == kind
    same(snn.open(run), files.load_result(folder / name))
    does("convert", folder / name, folder / f"{to}.h5")
    same(snn.open(run), snn.open(folder / f"{to}.h5"))
    assert "exists" in fails(capsys, "export", run, "--to", to)


def test_export_to_folders(run, folder, capsys):
    does("export", run, "--to", "sonata")
    assert "left out: in" in capsys.readouterr().err
    does("export", run, "--to", "csv", "--out", folder / "tables")
    assert {p.name for p in (folder / "run_sonata").iterdir()} == {"spikes.h5", "cells.v.h5", "cells.mean.v.h5"}
    read = files.load_result(folder / "run_sonata" / "spikes.h5")
    assert dict(read.spikes) == dict(snn.open(run).spikes)
    report = files.load_result(folder / "run_sonata" / "cells.v.h5")
    np.testing.assert_allclose(report.traces["cells", "v"].data, snn.open(run).traces["cells", "v"].data, rtol=1e-7)
    spikes = next(p for p in (folder / "tables").iterdir() if "spikes" in p.name)
    assert files.kind_of(spikes) == "CSV"
    for name, s in files.load_result(spikes).spikes.items():
        np.testing.assert_array_equal(s.times, snn.open(run).spikes[name].times)


def test_export_to_neo_is_never_read_back(run, folder, capsys):
    does("export", run, "--to", "neo")
    assert (folder / "run.pkl").stat().st_size > 1000
    assert "run.pkl" in fails(capsys, "info", folder / "run.pkl")


def test_a_part_of_a_run(run, folder):
    does("export", run, "--to", "npz", "--out", folder / "part.npz", "--begin", 20, "--end", 30)
    part, whole = files.load_result(folder / "part.npz"), snn.open(run)
    assert part.spikes["cells"] == whole.spikes["cells"].between(20.0, 30.0)
    assert part.meta["start"] == 20.0 and part.meta["duration"] == 10.0
    np.testing.assert_array_equal(part.traces["cells", "v"].times, np.arange(41, 61) * 0.5)


def test_what_a_file_holds(run, folder, capsys):
    does("export", run, "--to", "npz", "--out", folder / "info.npz")
    capsys.readouterr()
    does("info", folder / "info.npz")
    out = capsys.readouterr().out
    assert "info.npz: NPZ" in out and "cells.mean.v  mean " in out and "6 neurons" in out
    does("info", run)
    assert "run.h5: archive of a run" in capsys.readouterr().out


def test_networks_from_one_format_to_another(folder, capsys):
    pytest.importorskip("nir")
    (folder / "net.toml").write_text(NETWORK)
    does("convert", folder / "net.toml", folder / "circuit")
    run = json.loads((folder / "circuit" / "simulation_config.json").read_text())["run"]
    assert (run["tstop"], run["dt"]) == (20.0, DT), "the run of the experiment file"
    config = folder / "circuit" / "circuit_config.json"
    assert str(config) in capsys.readouterr().out and files.kind_of(config) == "circuit"
    does("info", config)
    assert "noise" in (out := capsys.readouterr().out) and "20 edges" in out
    back, _ = files.load_network(config, dt=DT)
    assert back.populations["cells"].model == IFCurrExp() and back.populations["cells"].n == 4
    assert "--dt" in fails(capsys, "convert", config, folder / "net.nir")
    assert ".nir" in fails(capsys, "convert", config, folder / "net.xyz", "--dt", DT)
    does("info", folder / "net.toml")
    assert "AllToAll" in capsys.readouterr().out


def test_a_network_as_a_nir_file(folder, capsys):
    pytest.importorskip("nir")
    net = snn.Network("two")
    source = net.add("in", snn.neurons.SpikeSource(snn.Spikes([], [], 3, 1.0)), 3)
    cells = net.add("cells", LIF(E_L=0.0, V_th=1.0, V_reset=0.0, t_ref=0.0), 2)
    net.connect(source, cells, snn.AllToAll(), port="delta", weight=0.4, delay=1.0)
    path = files.write_network(net, folder / "two.nir", dt=1.0)
    assert files.kind_of(path) == "NIR"
    does("info", path)
    assert "LIF" in capsys.readouterr().out
    back, _ = files.load_network(path, dt=1.0)
    assert [type(p.model).__name__ for p in back.populations.values()][-1] == "LIF"


def test_a_report_and_an_animation(run, folder):
    does("report", run)
    page = (folder / "run.html").read_text()
    assert page.startswith("<!doctype html>") and "cells" in page and "http://" not in page.replace(
        "http://www.w3.org", "")
    does("plot", run, "--out", folder / "run.gif", "--begin", 10, "--end", 20, "--speed", 0.05)
    assert (folder / "run.gif").read_bytes()[:4] == b"GIF8"


def test_what_holds_no_result_or_network(run, folder, tmp_path):
    (tmp_path / "circuit.json").write_text(json.dumps({"networks": {}}))
    with pytest.raises(DataError, match="holds no result"):
        files.load_result(tmp_path / "circuit.json")
    with pytest.raises(DataError, match="holds no network"):
        files.load_network(run, dt=0.1)
    with pytest.raises(MissingFile):
        files.kind_of(tmp_path / "nothing.h5")


def test_nothing_is_left_behind_by_an_export_that_is_refused(folder, tmp_path, capsys):
    net = snn.Network("gaps")
    net.add("cells", LIF(), 2)
    record = [snn.RecordSpikes("cells"), snn.RecordState("cells", "v", when=snn.Windows([(1.0, 2.0), (5.0, 6.0)]))]
    snn.simulate(net, 10.0, record=record, to=tmp_path / "gaps.h5")
    assert "not evenly spaced" in fails(capsys, "export", tmp_path / "gaps.h5", "--to", "sonata")
    snn.simulate(net, 1.0, record=[], to=tmp_path / "nothing.h5")
    assert "nothing was recorded" in fails(capsys, "export", tmp_path / "nothing.h5", "--to", "sonata")
    assert {p.name for p in tmp_path.iterdir()} == {"gaps.h5", "nothing.h5"}


def test_reports_of_ports_keep_their_names(tmp_path):
    net = snn.Network("ports")
    cells = net.add("cells", IFCurrExp(), 2)
    net.drive(cells, snn.CurrentInput(300.0), port="current")
    snn.simulate(net, 5.0, record=[snn.RecordState("cells", "x.current")], to=tmp_path / "run.h5")
    does("export", tmp_path / "run.h5", "--to", "sonata", "--out", tmp_path / "out")
    assert list(files.load_result(tmp_path / "out" / "cells.x.current.h5").traces) == [("cells", "x.current")]


@pytest.mark.parametrize("arguments, word", [
    (["plot", "RUN", "--out", "a.xyz"], "Known endings"), (["plot", "RUN", "--out", "a.png", "--dpi", "0"], "--dpi"),
    (["report", "RUN", "--out", "RUN", "--overwrite"], "the file that is read"),
    (["info", "odd.json"], "lists of nodes"), (["info", "odder.json"], "lists of nodes")],
    ids=["ending", "dpi", "itself", "networks", "nodes"])
def test_odd_arguments_are_one_line(run, tmp_path, monkeypatch, capsys, arguments, word):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "odd.json").write_text('{"networks": 5}')
    (tmp_path / "odder.json").write_text('{"networks": {"nodes": [5]}}')
    before = run.read_bytes()
    assert word in fails(capsys, *(run if a == "RUN" else a for a in arguments))
    assert run.read_bytes() == before
