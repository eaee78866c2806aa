"""The command line: what it prints, what it writes, how it ends."""
import re

import h5py
import numpy as np
import pytest

import snn
from snn import cli, doctor

SCRIPT = """
import sys
import snn
from snn.neurons import LIF

net = snn.Network("script")
cell = net.add("cell", LIF(), 2)
net.drive(cell, snn.CurrentInput(500.0), port="current")
print("name", __name__, "arguments", sys.argv[1:])
"""

EXPERIMENT = """
[populations.cell]
model = "LIF"
n = 3
[[drives]]
population = "cell"
input = { name = "CurrentInput", value = 500.0 }
port = "current"
[run]
duration = 100.0
engine = "Reference"
"""


@pytest.fixture
def experiment(tmp_path):
    path = tmp_path / "cell.toml"
    path.write_text(EXPERIMENT)
    return path


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "net.py"
    path.write_text(SCRIPT)
    return path


@pytest.fixture
def archive(experiment, tmp_path, capsys):
    path = tmp_path / "run.h5"
    assert cli.main(["simulate", str(experiment), "--out", str(path)]) == 0
    capsys.readouterr()
    return path


def fails(capsys, *args):
    """The one line on stderr of a command that ends with status 2."""
    assert cli.main([str(a) for a in args]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    return captured.err


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["--help"])
    assert end.value.code == 0
    out = capsys.readouterr().out
    for command in ("demo", "simulate", "plot", "info", "doctor"):
        assert re.search(rf"^ +{command} ", out, re.MULTILINE)


def test_version(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"snn {snn.__version__}\n"


def test_simulate_an_experiment(experiment, tmp_path, capsys):
    out = tmp_path / "run.h5"
    assert cli.main(["simulate", str(experiment), "--out", str(out), "--duration", "50", "--seed", "7"]) == 0
    captured = capsys.readouterr()
    assert "Result(50 ms" in captured.out and f"written: {out}" in captured.out
    assert captured.err == ""
    result = snn.open(out)
    assert result.meta["seed"] == 7
    assert len(result.spikes["cell"]) > 0


def test_an_output_is_never_replaced_unasked(experiment, archive, capsys):
    before = archive.read_bytes()
    assert "exists already" in fails(capsys, "simulate", experiment, "--out", archive)
    assert archive.read_bytes() == before
    assert cli.main(["simulate", str(experiment), "--out", str(archive), "--duration", "20", "--overwrite"]) == 0
    assert snn.open(archive).spikes["cell"].duration == 20.0


def test_a_script_alone_is_the_main_program(script, capsys):
    assert cli.main(["simulate", str(script), "--", "--flag", "7"]) == 0
    assert capsys.readouterr().out == "name __main__ arguments ['--flag', '7']\n"


def test_a_script_with_options_is_loaded_and_its_network_simulated(script, tmp_path, capsys):
    out = tmp_path / "script.h5"
    assert cli.main(["simulate", str(script), "--duration", "30", "--out", str(out)]) == 0
    assert "name experiment" in capsys.readouterr().out
    assert snn.open(out).spikes["cell"].n == 2


def test_a_script_without_a_network(tmp_path, capsys):
    path = tmp_path / "empty.py"
    path.write_text("x = 1\n")
    assert "leaves no snn.Network under the name `net`" in fails(capsys, "simulate", path, "--duration", "10")


def test_a_script_needs_a_duration(script, capsys):
    assert "has no duration" in fails(capsys, "simulate", script, "--seed", "3")


def test_an_error_in_a_script_of_another_kind_is_not_hidden(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        cli.main(["simulate", str(path)])


@pytest.mark.parametrize("command", ["simulate", "plot", "info"])
def test_a_missing_file(command, tmp_path, capsys):
    assert "is not there" in fails(capsys, command, tmp_path / "no.toml")


def test_a_file_of_another_kind(tmp_path, capsys):
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    assert ".py or .toml" in fails(capsys, "simulate", path)
    for command in ("plot", "info"):
        assert "notes.txt" in fails(capsys, command, path)


def test_arguments_after_an_experiment(experiment, capsys):
    assert "are for scripts" in fails(capsys, "simulate", experiment, "--", "more")


def test_the_folder_of_an_output_must_be_there(experiment, tmp_path, capsys):
    assert "Make it first" in fails(capsys, "simulate", experiment, "--out", tmp_path / "no" / "run.h5")


def test_an_error_in_a_process_is_one_line(python, tmp_path):
    done = python("-m", "snn.cli", "info", tmp_path / "no.h5", check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(r"error: .*no\.h5.*\n", done.stderr)


def test_plot(archive, capsys):
    assert cli.main(["plot", str(archive)]) == 0
    png = archive.with_suffix(".png")
    assert capsys.readouterr().out == f"written: {png}\n"
    assert png.read_bytes().startswith(b"\x89PNG") and png.stat().st_size > 5000
    assert "exists already" in fails(capsys, "plot", archive)


def test_info_of_an_archive(archive, capsys):
    assert cli.main(["info", str(archive)]) == 0
    out = capsys.readouterr().out
    spikes = snn.open(archive).spikes["cell"]
    assert "archive" in out
    assert re.search(rf"cell +3 neurons +{len(spikes)} spikes", out)
    assert re.search(r"duration +100 ms", out) and re.search(r"dt +0.1 ms", out)


def test_info_of_a_checkpoint(experiment, tmp_path, capsys):
    state = snn.experiment.run_file(experiment).state
    snn.save(state, tmp_path / "state.h5")
    assert cli.main(["info", str(tmp_path / "state.h5")]) == 0
    out = capsys.readouterr().out
    assert "checkpoint" in out and "cell" in out


def test_info_and_plot_of_sonata(archive, tmp_path, capsys):
    from snn.export import sonata
    path = tmp_path / "spikes.h5"
    sonata.write_spikes(snn.open(archive), path)
    assert cli.main(["info", str(path)]) == 0
    out = capsys.readouterr().out
    assert "SONATA spikes" in out and re.search(rf"cell +{len(snn.open(archive).spikes['cell'])} spikes", out)
    assert cli.main(["plot", str(path), "--out", str(tmp_path / "s.png")]) == 0


def test_info_of_a_foreign_file(tmp_path, capsys):
    with h5py.File(tmp_path / "foreign.h5", "w") as f:
        f["x"] = np.arange(3)
    assert "foreign.h5" in fails(capsys, "info", tmp_path / "foreign.h5")


def test_doctor(capsys):
    assert cli.main(["doctor"]) == 0
    out = capsys.readouterr().out
    for name in ("python", "numpy", "torch", "numba", "h5py", "spikingjelly", "CPU threads", "GPU", "compiled code"):
        assert re.search(rf"^{name} +\S", out, re.MULTILINE), name


@pytest.mark.parametrize(("versions", "pins", "expected"), [
    ({"torch": "2.13.0+cpu", "torchvision": "0.28.0", "torchaudio": "2.11.0"}, {}, 2),
    ({"torch": "2.13.0+cpu", "torchvision": "0.28.0+cpu", "torchaudio": "2.11.0+cpu"}, {}, 0),
    ({"torch": "2.13.0", "torchvision": "0.28.0"}, {"torchvision": "2.13.0"}, 0),
    ({"torch": "2.13.0", "torchvision": "0.27.0"}, {"torchvision": "2.12.0"}, 1),
    ({"torch": "2.13.0"}, {}, 0),
    ({}, {}, 0),
])
def test_doctor_finds_builds_that_do_not_fit(versions, pins, expected):
    found = doctor.torch_mismatches(version=versions.get, pinned=pins.get)
    assert len(found) == expected
    assert all(name in " ".join(found) for name in versions if expected == 2 and name != "torch")


def test_doctor_imports_neither_of_them(python):
    code = ("import sys; from snn import cli; cli.main(['doctor']); "
            "print('LOADED', [m for m in sys.modules if m.startswith(('torchvision', 'torchaudio'))])")
    assert "LOADED []" in python("-c", code).stdout


def test_models_lists_the_catalogue_with_its_claims(capsys):
    assert cli.main(["models"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert set(snn.neurons.__all__) <= set(lines)
    assert "exact, quiet" in lines["LIF"] and "graded, noisy" in lines["Kuramoto"] and "exact" not in lines["AdEx"]
    assert cli.main(["models", "--kind", "kinetics"]) == 0
    assert {line.split()[1] for line in capsys.readouterr().out.splitlines()} == {"kinetics"}


def test_models_says_all_about_one(capsys):
    assert cli.main(["models", "AdEx"]) == 0
    out = capsys.readouterr().out
    assert "Brette" in out and re.search(r"^    Delta_T = 2 mV: ", out, re.MULTILINE)
    assert "Did you mean 'Kuramoto'" in fails(capsys, "models", "Kuramotto")
