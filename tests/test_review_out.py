"""What a user who is in a hurry may do wrong with runs and files: nothing that exists is lost, and parts add up."""
import json

import numpy as np
import pytest

import snn
from snn import cli, neurons, plasticity
from snn.errors import RunError
from snn.run import simulate as running

ARGUMENTS = {"dt": 0.1, "seed": 1, "engine": snn.Reference(), "progress": False}


def network():
    net = snn.Network()
    a = net.add("a", neurons.LIF(), 6)
    b = net.add("b", neurons.LIF(), 4)
    net.connect(a, b, snn.AllToAll(), port="delta", weight=0.9, delay=0.5, name="ab", plasticity=plasticity.PairSTDP())
    for population in (a, b):
        net.drive(population, snn.PoissonInput(rate=9000.0, weight=0.7), port="delta")
    return net


REQUESTS = [snn.RecordSpikes("a"), snn.RecordState("b", "v", every=3), snn.RecordWeights("ab", every=0.7),
            snn.RecordState("a", "v", ids=[4, 1], when=snn.Windows([(1.0, 2.0), (1.5, 4.0)])),
            snn.RecordPlasticity("ab", "pre.x", every=0.5)]


def run(duration=5.0, **options):
    return snn.simulate(network(), duration, **{**ARGUMENTS, "record": REQUESTS, **options})


def content(result):
    """Everything recorded, as bytes."""
    return {(kind, key): [np.asarray(getattr(part, name)).tobytes() for name in ("times", "ids", "data", "pre", "post")
                          if hasattr(part, name)]
            for kind in ("spikes", "traces", "weights") for key, part in getattr(result, kind).items()}


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    path = tmp_path_factory.mktemp("archive") / "run ü.h5"
    run(to=path)
    return path


def test_pieces_in_one_file_are_one_run_whatever_is_recorded(tmp_path, archive):
    whole, state = snn.open(archive), None
    assert len(whole.spikes["a"]) and np.ptp(whole.weights["ab"].data)
    for k, piece in enumerate((1.3, 0.1, 2.1, 1.5)):
        state = run(piece, to=tmp_path / "run.h5", append=k > 0, state=state).state
    joined = snn.open(tmp_path / "run.h5")
    assert content(joined) == content(whole)
    assert joined.meta["duration"] == whole.meta["duration"]


def test_a_checkpoint_never_takes_the_place_of_the_recording(tmp_path):
    with pytest.raises(RunError, match="checkpoint"):
        run(to=tmp_path / "run.h5", checkpoint=tmp_path / ".." / tmp_path.name / "run.h5")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("wrong", [snn.RecordWeights("ab", every=0.15), snn.RecordPlasticity("ab", "nothing"),
                                   snn.RecordState("a", "v", when=snn.Around("c", before=1.0)), REQUESTS[0]],
                         ids=["every", "variable", "trigger", "twice"])
def test_a_request_that_is_wrong_touches_no_file(tmp_path, wrong):
    old = tmp_path / "old.h5"
    old.write_text("precious")
    with pytest.raises(RunError):
        run(to=old, overwrite=True, record=[*REQUESTS, wrong])
    assert old.read_text() == "precious"
    with pytest.raises(RunError):
        run(to=tmp_path / "new.h5", checkpoint=tmp_path / "state.h5", record=[*REQUESTS, wrong])
    assert list(tmp_path.iterdir()) == [old]


def test_a_run_that_begins_anew_leaves_no_older_checkpoint(tmp_path, monkeypatch):
    state = tmp_path / "state.h5"
    run(checkpoint=state)
    assert snn.load(state).step == 50

    class Killed(BaseException):
        pass

    def kill(*_):
        raise Killed
    monkeypatch.setattr(running._Run, "_next_due", kill)
    with pytest.raises(Killed):
        run(checkpoint=state, overwrite=True)
    assert snn.load(state).step == 0


@pytest.mark.parametrize("command", [
    ["report", "RUN", "--out", "RUN"], ["plot", "RUN", "--out", "RUN"], ["convert", "RUN", "RUN"],
    ["export", "RUN", "--to", "npz", "--out", "RUN"],
    ["simulate", "SCRIPT", "--duration", "1", "--out", "SCRIPT"],
    ["simulate", "SCRIPT", "--duration", "1", "--out", "OUT", "--checkpoint", "SCRIPT"],
], ids=["report", "plot", "convert", "export", "simulate", "checkpoint"])
def test_no_command_replaces_what_it_reads(tmp_path, archive, capsys, command):
    files = {"RUN": tmp_path / "run.h5", "SCRIPT": tmp_path / "script.py", "OUT": tmp_path / "out.h5"}
    files["RUN"].write_bytes(archive.read_bytes())
    files["SCRIPT"].write_text("import snn\nnet = snn.Network()\nnet.add('a', snn.neurons.LIF(), 1)\n")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert cli.main([str(files.get(word, word)) for word in command] + ["--overwrite"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("begin, end", [(0.3, 4.0), (None, 0.7), (1.2, None)])
def test_a_part_of_an_archive_is_an_archive_of_that_part(tmp_path, archive, begin, end):
    out = tmp_path / "part.h5"
    window = [f"{name}={value}" for name, value in (("--begin", begin), ("--end", end)) if value is not None]
    assert cli.main(["convert", str(archive), str(out), *window]) == 0
    begin, end = begin or 0.0, end or 5.0
    whole, part = snn.open(archive), snn.open(out)
    assert (part.meta["start"], part.meta["duration"]) == pytest.approx((begin, end - begin))
    times = whole.traces["b", "v"].times
    inside = (times > begin + 1e-6) & (times < end + 1e-6)
    np.testing.assert_array_equal(part.traces["b", "v"].times, times[inside])
    np.testing.assert_array_equal(part.traces["b", "v"].data, whole.traces["b", "v"].data[inside])


@pytest.mark.parametrize("arguments", [["--out", "a.xyz"], ["--dpi", "0"], ["--dpi", "100000000"]],
                         ids=["ending", "no dots", "all dots"])
def test_a_picture_that_cannot_be_is_an_error_in_one_line(tmp_path, archive, capsys, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["plot", str(archive), "--out", "a.png", *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("config", [{"networks": 5}, {"networks": {"nodes": [5]}}, {"networks": {"edges": {}}}],
                         ids=["number", "list of numbers", "table"])
def test_a_configuration_of_wrong_kinds_is_an_error_in_one_line(tmp_path, capsys, config):
    path = tmp_path / "circuit_config.json"
    path.write_text(json.dumps(config))
    assert cli.main(["info", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
