"""Training files and ``snn train``: what they describe, what is written, what is said about one that is wrong."""
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from snn import cli, train_file
from snn.errors import DataError, MissingFile, ModelError, RunError, SnnError
from snn.neurons import LIF, LeakyReadout
from snn.train.bounded import Bounded
from snn.train.delay import Delay
from snn.train.folded import Folded
from snn.train.kernels_of_delay import Linear as LinearKernel
from snn.train.layer import Layer
from snn.train.recurrent import Recurrent
from snn.train.surrogate import Sigmoid

ROOT = Path(__file__).resolve().parents[1]

SMALL = """
seed = 3
dt = 1.0

[data]
set = { name = "DelayedCoincidence", lags = [2, 4], steps = 20 }
train = 24
test = 12
batch = 8
validation = 0.25

[[layers]]
name = "Delay"
n_in = 2
n_out = 6
longest = 5.0
kernel = "Linear"

[[layers]]
name = "Folded"
modules = [{ name = "BatchNorm1d", num_features = 6 }]

[[layers]]
name = "Recurrent"
layer = { name = "Layer", n = 6, model = { name = "LIF", E_L = 0.0, V_th = 1.0, V_reset = 0.0, t_ref = 0.0 }, fire = "Sigmoid", learn = { tau_m = { low = 2.0, high = 50.0 } } }

[[layers]]
name = "Linear"
n_in = 6
n_out = 2

[[layers]]
name = "Layer"
model = "LeakyReadout"

[[layers]]
name = "SumOfSoftmax"

[training]
loss = "CrossEntropy"
optimiser = { name = "Adam", lr = 0.01 }
rates = { steps = 0.2 }
schedule = { name = "StepLR", step_size = 1, gamma = 0.5 }
epochs = 2
"""  # noqa: E501

SCRIPT = """
import torch
from torch import nn
from snn.neurons import LIF
from snn.train.layer import Layer
from snn.train.losses import RateLoss

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(3, 2), Layer(LIF(E_L=0.0, V_th=1.0, V_reset=0.0, t_ref=0.0), 2, dt=1.0))
data = [(torch.ones(5, 4, 3), torch.tensor([0, 1, 0, 1]))] * 2
test = data
loss = RateLoss()
optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
"""


def write(tmp_path, text=SMALL, *changes):
    for old, new in changes:
        assert text.count(old) == 1, (old, text.count(old))
        text = text.replace(old, new)
    path = tmp_path / "small.toml"
    path.write_text(text)
    return path


def train(*args):
    return cli.main(["train", *map(str, args)])


def test_describes_the_same_as_python(tmp_path):
    training = train_file.load(write(tmp_path))
    net = training.net
    assert [type(m) for m in net[:3]] == [Delay, Folded, Recurrent]
    assert net[0].dt == 1.0 and net[0].longest == 5 and net[0].kernel == LinearKernel()
    assert isinstance(net[1][0], nn.BatchNorm1d) and net[1][0].num_features == 6
    layer = net[2].layer
    assert layer.n == 6 and layer.dt == 1.0 and layer.fire == Sigmoid()
    assert replace(layer.model, tau_m=20.0) == LIF(tau_m=20.0, E_L=0.0, V_th=1.0, V_reset=0.0, t_ref=0.0)
    assert layer.model.tau_m == pytest.approx(20.0)
    assert layer._bounds == {"tau_m": Bounded(2.0, 50.0)}
    assert isinstance(net[4], Layer) and net[4].model == LeakyReadout()
    assert [g["lr"] for g in training.optimiser.param_groups] == [0.01, 0.2]
    assert training.optimiser.param_groups[1]["params"][0] is net[0].steps
    assert (training.data.samples, training.validation.samples, training.test.samples) == (18, 6, 12)
    assert training.epochs == 2 and training.options.seed == 3
    x, y = next(training.data.epoch(0))
    assert x.shape == (20, 8, 2) and y.shape == (8,)


def test_the_seed_decides_the_weights(tmp_path):
    path = write(tmp_path)
    state = torch.get_rng_state()
    first, again, other = (train_file.load(path, seed=seed).net.state_dict() for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first["0.weight"], again["0.weight"]) and not torch.equal(first["0.weight"], other["0.weight"])


def test_the_documented_file_is_valid():
    training = train_file.load(ROOT / "docs" / "train.toml")
    assert isinstance(training.net[0], Delay) and len(training.net) == 7
    assert training.out == ROOT / "docs" / "digits-run"
    assert (training.data.samples, training.validation.samples, training.test.samples) == (120, 40, 130)


def test_writes_log_checkpoint_weights_and_summary(tmp_path, capsys):
    out = tmp_path / "run"
    assert train(write(tmp_path), "--out", out) == 0
    captured = capsys.readouterr()
    assert captured.err == "" and "2 epochs (complete)" in captured.out and f"written: {out}" in captured.out
    assert {p.name for p in out.iterdir()} == {"log.jsonl", "checkpoint.pt", "best.pt", "summary.json"}
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    summary = json.loads((out / "summary.json").read_text())
    assert [record["epoch"] for record in log] == [0, 1] and summary["epochs"] == 2
    assert summary["last"]["loss"] == log[1]["loss"]
    assert summary["best"]["validation_score"] >= log[0]["validation_score"]
    assert 0.0 <= summary["test"]["score"] <= 1.0 and summary["parameters"] == 12 + 12 + 12 + 36 + 1 + 14
    assert log[1]["lr"] != log[0]["lr"]   # the schedule was stepped


def test_interrupted_and_resumed_equals_one_run(tmp_path, capsys):
    path = write(tmp_path)
    assert train(path, "--out", tmp_path / "whole") == 0
    assert train(path, "--out", tmp_path / "parts", "--epochs", 1) == 0
    assert train(path, "--out", tmp_path / "parts") == 2
    assert "holds a run already" in capsys.readouterr().err
    assert train(path, "--out", tmp_path / "parts", "--resume") == 0
    whole, parts = (json.loads((tmp_path / name / "summary.json").read_text()) for name in ("whole", "parts"))
    assert whole["last"] == parts["last"] and whole["test"] == parts["test"] and whole["best"] == parts["best"]


def test_a_schedule_of_another_length_is_refused(tmp_path, capsys):
    stepped = '{ name = "StepLR", step_size = 1, gamma = 0.5 }'
    path = write(tmp_path, SMALL, (stepped, '"OneCycleLR"'))
    assert train(path, "--out", tmp_path / "run", "--epochs", 1) == 0
    capsys.readouterr()
    assert train(path, "--out", tmp_path / "run", "--epochs", 2, "--resume") == 2
    error = capsys.readouterr().err
    assert error.startswith("error: small.toml: --epochs:") and "3 batches" in error and "6." in error


def test_a_script(tmp_path, capsys):
    path = tmp_path / "net.py"
    path.write_text(SCRIPT)
    assert train(path, "--out", tmp_path / "run") == 2
    assert "no number under the name `epochs`" in capsys.readouterr().err
    assert train(path, "--out", tmp_path / "run", "--epochs", 3) == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["epochs"] == 3 and summary["test"]["loss"] > 0 and summary["parameters"] == 8
    path.write_text(SCRIPT.replace("loss =", "los ="))
    assert train(path, "--out", tmp_path / "other", "--epochs", 1) == 2
    assert "nothing under the name `loss`" in capsys.readouterr().err and not (tmp_path / "other").exists()
    assert train(path, "--seed", 1) == 2
    assert "--seed" in capsys.readouterr().err


def test_help_names_it(capsys):
    with pytest.raises(SystemExit) as end:
        train("--help")
    assert end.value.code == 0
    assert all(option in capsys.readouterr().out for option in ("--out",)) and "train" in cli.parser().format_help()


def test_command_line_mistakes(tmp_path, capsys):
    path = write(tmp_path)
    for args, message in (((tmp_path / "no.toml",), "is not there"), ((path,), "training.out: is missing"),
                          ((path, "--epochs", 0, "--out", tmp_path / "x"), "--epochs: is 0")):
        assert train(*args) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ") and error.count("\n") == 1 and message in error
    (tmp_path / "data.txt").write_text("")
    assert train(tmp_path / "data.txt") == 2
    assert "ends in .py or .toml" in capsys.readouterr().err


@pytest.mark.parametrize(("old", "new", "error", "message"), [
    ("seed = 3", "sead = 3", DataError, "sead: is unknown ('sead'). Did you mean 'seed'?"),
    ("dt = 1.0\n", "", DataError, "dt: is missing."),
    ('"DelayedCoincidence", lags', '"Coincidence", lags', DataError, "data.set: is unknown ('Coincidence'). Did you"),
    ("lags = [2, 4]", "lag = [2, 4]", DataError, "data.set.lag: is no argument of DelayedCoincidence."),
    ("train = 24\n", "", DataError, "data.train: is missing."),
    ("batch = 8\n", "", DataError, "data.batch: is missing."),
    ("batch = 8", "batch = 0", DataError, "data: Loader.batch: is 0."),
    ("validation = 0.25", "validation = 2.0", DataError, "data: split.share: is 2.0."),
    ("validation = 0.25", 'augment = ["Drap"]', DataError, "data.augment[0]: is unknown ('Drap'). Did you mean"),
    ("validation = 0.25", 'encode = "Framez"', DataError, "data.encode: is unknown ('Framez')."),
    ('name = "Delay"', 'name = "Dellay"', DataError, "layers[0]: is unknown ('Dellay'). Did you mean 'Delay'?"),
    ("longest = 5.0", "longst = 5.0", DataError, "layers[0].longst: is no argument of Delay. Did you mean"),
    ("longest = 5.0", "longest = 5.5", SnnError, "layers[0]: Delay.longest: 5.5 ms is not a whole number of steps"),
    ('kernel = "Linear"', 'kernel = "Linar"', DataError, "layers[0].kernel: is unknown ('Linar'). Did you mean"),
    ("num_features = 6", "features = 6", DataError, "layers[1].modules[0].features: is no argument of BatchNorm1d."),
    ("num_features = 6", "num_features = 5", DataError, "layers[1]: Folded: does not take an input of shape"),
    ('{ name = "LIF", E_L', '{ name = "LIFF", E_L', DataError, "layers[2].layer.model: is unknown ('LIFF')."),
    ("t_ref = 0.0", "t_ref = -1.0", ModelError, "layers[2].layer.model: LIF.t_ref: is -1"),
    ('fire = "Sigmoid"', 'fire = "Sigmoidd"', DataError, "layers[2].layer.fire: is unknown ('Sigmoidd')."),
    ("low = 2.0", "low = 60.0", ModelError, "layers[2].layer.learn.tau_m: Bounded.low"),
    ("n_in = 6", "n_in = 7", RunError, "layers[3]: Linear.x: has shape [20, 8, 6]"),
    ('loss = "CrossEntropy"', 'loss = "CrossEntrop"', DataError, "training.loss: is unknown ('CrossEntrop')."),
    ('name = "Adam", lr', 'name = "Adm", lr', DataError, "training.optimiser: is unknown ('Adm')."),
    ("lr = 0.01", "lr = -0.01", DataError, "training.optimiser: torch refuses it (Invalid learning rate"),
    ("steps = 0.2", "delays = 0.2", DataError, "training.rates.delays: no parameter has this name. The net has:"),
    ("step_size = 1, ", "", DataError, "training.schedule.step_size: is missing. StepLR needs it."),
    ("epochs = 2\n", "epochs = 'two'\n", DataError, "training.epochs: has the wrong type ('two')."),
    ("epochs = 2\n", "epochs = 2\nclip = -1.0\n", RunError, "Options.clip: is -1.0."),
    ("[training]", "[training", DataError, "file: is no TOML"),
    ('set = { name = "DelayedCoincidence", lags = [2, 4], steps = 20 }\ntrain = 24\ntest = 12',
     'set = { name = "SHD", train = "no.h5", test = "no.h5" }', MissingFile, "data.set: SHD.path: no such file"),
    ('set = { name = "DelayedCoincidence", lags = [2, 4], steps = 20 }', 'set = "excerpt"', DataError,
     "data.train: is a number of samples to draw, and excerpt is not drawn."),
])
def test_what_is_wrong_is_said_with_its_place(tmp_path, old, new, error, message):
    path = write(tmp_path, SMALL, (old, new))
    with pytest.raises(error) as caught:
        train_file.load(path)
    assert isinstance(caught.value, SnnError)
    assert str(caught.value).startswith("small.toml: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
