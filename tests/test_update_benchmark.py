"""The benchmark of neuron updates: texts that compute what the model does, and no figure while something differs."""

import json
import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import snn
from benchmarks.__main__ import main
from benchmarks.peers.updates_protocol import arrays, sampled, spread
from benchmarks.registry import OURS
from benchmarks.updates import command, equality
from benchmarks.updates.cases import DT_MS, case, drives, models
from benchmarks.updates.text import RANDOM
from snn.contract import heaviside, step

LANGUAGE = {
    "choose_": np.where, "smaller_": np.minimum, "larger_": np.maximum, "floor": np.floor, "round": np.round,
    "abs": np.abs, "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "sqrt": np.sqrt,
    "np_not": np.logical_not, "sin": np.sin, "cos": np.cos, "tanh": np.tanh,
}  # fmt: skip
FAKE = """
import json, sys
factor, spikes, work = float(sys.argv[1]), sys.argv[2], json.load(open(sys.argv[3]))
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    if line.strip() == spikes:
        sys.exit("out of luck")
    steps = work["n"] * work["steps"]
    row = {"run_s": factor * steps * 1e-9, "spikes": int(spikes) if spikes.isdigit() else 100, "states": {"v": [1.0]}}
    print(json.dumps(row), flush=True)
"""


@pytest.mark.parametrize("name", models())
def test_the_text_computes_what_the_model_does(name):
    """The statements, run by Python on numpy arrays, against the contract's step in torch; random numbers are fixed."""
    n, steps = 8, 60
    c, model = case(name), models()[name]()
    text, bound = c["text"], model.bind(n, torch.float64)
    ports = arrays(c, n)
    fixed = {port: spread(0.05, 0.95, n, 8) for port in RANDOM if port in model.Ports._fields}
    names = (
        LANGUAGE
        | {f"x_{port}": x for port, x in ports.items()}
        | {RANDOM[port][:-2]: lambda x=x: x for port, x in fixed.items()}
    )
    names |= {f"s_{k}": np.full(n, x) for k, x in text["states"].items()}
    s = model.State(*(torch.as_tensor(x, dtype=torch.float64).expand(n) for x in bound.rest()))
    x = model.Ports(**{k: torch.as_tensor(a) for k, a in (ports | fixed).items()})
    code, reset = (compile(elementwise(text[k]), name, "exec") for k in ("update", "reset"))
    for _ in range(steps):
        s, z = step(bound, s, x, DT_MS, heaviside)
        exec(code, names)
        if text["threshold"]:
            fired = np.broadcast_to(eval(text["threshold"], names), n)
            before = {k: v for k, v in names.items() if k.startswith("s_")}
            exec(reset, names)
            names |= {k: np.where(fired, names[k], v) for k, v in before.items()}
            np.testing.assert_array_equal(fired, z)
    for k in text["states"]:
        np.testing.assert_allclose(names[f"s_{k}"], getattr(s, k), rtol=1e-9, atol=1e-12, err_msg=k)


def elementwise(text):
    """Truth values of arrays as numpy has them."""
    return text.replace(" and ", " & ").replace(" or ", " | ").replace("not (", "np_not(")


@pytest.mark.parametrize("name", models())
def test_every_port_is_driven(name):
    model = models()[name]()
    assert {*drives(model)} == {*model.Ports._fields} - {*RANDOM}
    assert all(low <= high and math.isfinite(low + high) for low, high in drives(model).values())


def test_numbers_of_the_drives():
    x = spread(2.0, 5.0, 1000, 1)
    assert 2.0 <= x.min() < 2.01 and 4.99 < x.max() < 5.0 and abs(x.mean() - 3.5) < 0.01
    assert len(np.unique(x)) == 1000 and len(sampled(np.arange(4000.0))) == 500


def answer(spikes=1000, **states):
    return {"spikes": spikes, "states": states}


def test_what_counts_as_equal():
    v = np.linspace(0.0, 1.0, 400)
    moved = np.where(np.arange(400) < 3, v + 0.5, v).tolist()
    ours = answer(v=v.tolist())
    assert equality.difference(ours, ours, "float64", random=False) is None
    assert equality.difference(ours, answer(v=moved), "float64", random=False) is None
    assert "state v differs" in equality.difference(ours, answer(v=(v + 1e-5).tolist()), "float64", random=False)
    assert equality.difference(ours, answer(v=(v + 1e-3).tolist()), "float32", random=False) is None
    assert "spikes" in equality.difference(ours, answer(1003, v=v.tolist()), "float64", random=False)
    assert equality.difference(ours, answer(1100, v=moved), "float32", random=True) is None
    assert "spikes" in equality.difference(ours, answer(1400), "float32", random=True)
    assert "not finite" in equality.difference(ours, answer(v=[math.nan] * 400), "float32", random=False)


@pytest.fixture
def fakes(monkeypatch):
    """Workers that answer from a script: ``fakes[name] = (ns per update, spikes or the model at which it breaks)``."""
    answers = {"snn": ("1.0", "100"), "brian2-cpp": ("3.0", "100")}

    def fake(side, folder, job):
        return [sys.executable, "-S", "-c", FAKE, *answers[side.simulator.name], str(job)]

    monkeypatch.setattr(command, "command", fake)
    monkeypatch.setattr(command, "missing", lambda *a: None)
    return answers


def options(**given):
    defaults = {"repeat": 2, "updates": 1e5, "share": 6, "peers": "brian2-cpp", "peers_dir": None}
    return SimpleNamespace(**{**defaults, **given})


def test_rows_have_figures_and_ratios(fakes):
    rows = command.measure(["LIF", "LeakyReadout"], 100, options())
    assert [row["model"] for row in rows] == ["LIF", "LeakyReadout"]
    assert rows[0] == {"model": "LIF", "n": 100, "steps": 1000, "rate_hz": 10.0, "ours_64": 1.0, "brian2_64": 3.0,
                       "ours_32": 1.0, "brian2_32": 3.0, "ratio_64": 3.0, "ratio_32": 3.0}  # fmt: skip


def test_no_figure_while_something_differs(fakes):
    fakes["brian2-cpp"] = ("3.0", "150")
    (row,) = command.measure(["LIF"], 100, options())
    assert row["red"].startswith("brian2-cpp float64: 150 spikes, ours has 100") and "ours_64" not in row
    fakes["snn"] = ("1.0", "0")
    (row,) = command.measure(["LIF"], 100, options(peers="none"))
    assert "no spikes" in row["red"]


def test_a_peer_that_fails_is_named(fakes):
    fakes["brian2-cpp"] = ("3.0", "LIF")
    (row,) = command.measure(["LIF"], 100, options())
    assert "brian2-cpp float64: out of luck" in row["failed"]


def test_unknown_names_are_refused(capsys):
    assert main(["updates", "--models", "Nobody"]) == 2
    assert "no model is named 'Nobody'" in capsys.readouterr().err
    assert main(["updates", "--peers", "nest"]) == 2


def test_our_side_answers(tmp_path):
    """The real script of our side, in a process of its own."""
    job = {"cases": [case("LIF")], "n": 64, "dt": DT_MS, "warm": 50, "steps": 400, "precision": "float64"}
    (tmp_path / "job.json").write_text(json.dumps(job))
    from benchmarks.registry import Side

    with command.UpdateWorker(Side(OURS, "float64"), tmp_path, tmp_path / "job.json") as worker:
        worker.start()
        row = worker.run("LIF")
    assert row["version"] == snn.__version__ and row["run_s"] > 0.0
    assert row["spikes"] > 20 and len(row["states"]["v"]) == 64
