"""The training benchmarks give every side the same numbers, and print no figure while something is unequal."""
import ast
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import environments, registry
from benchmarks.output import table
from benchmarks.peers import train_protocol, train_snn, train_spikingjelly, train_torch
from benchmarks.registry import ROOT
from benchmarks.training import command, equality, rows, sitting, tasks
from benchmarks.training.problem import Problem, Shape
from benchmarks.training.tasks import OURS, SIDES, TASKS, chosen_sides, chosen_tasks

JELLY, LOOP, NORSE, PRODUCTS = (SIDES[name] for name in ("spikingjelly", "torch", "norse", "products"))
TINY = [
    Shape("feedforward", 3, 12, (14, 10, 9, 4), rate=0.3),
    Shape("recurrent", 3, 12, (14, 10, 9, 4), rate=0.3),
    Shape("layer", 3, 12, (10,)),
    Shape("convolution", 2, 3, (12,)),
    Shape("delay", 3, 20, (8, 6), 7, rate=0.3),
    Shape("delay", 3, 20, (8, 6), 7, sigma=0.5, rate=0.3),
    Shape("delay-net", 3, 20, (8, 7, 6, 4), 7, rate=0.3),
]
TASK = replace(TASKS["feedforward-128"], name="tiny", shape=TINY[0], sides=("torch", "spikingjelly"), tuned=False)


def results(module, shape, dtype=torch.float64, variant=""):
    problem = Problem(shape)
    return train_protocol.results(train_protocol.built(module.BUILDERS[shape.kind], problem, dtype, variant), problem)


def verdict_of(ours, theirs, shape, side=LOOP, precision="float64"):
    verdict = equality.Verdict()
    equality.compare(verdict, side, ours, theirs, precision, shape.spiking)
    return verdict


def options(**given):
    defaults = {"runs": 3, "threads": 1, "malloc": None, "peers": "spikingjelly", "peers_dir": None}
    return SimpleNamespace(**{**defaults, **given})


PAIRS = [(peer, shape) for peer in (train_torch, train_spikingjelly) for shape in TINY if shape.kind in peer.BUILDERS]


@pytest.mark.parametrize(("peer", "shape"), PAIRS, ids=lambda v: getattr(v, "kind", None) or v.__name__.split("_")[-1])
def test_ours_equals_the_others(peer, shape):
    verdict = verdict_of(results(train_snn, shape), results(peer, shape), shape)
    assert verdict.red is None and verdict.errors["float64"] < 1e-9


@pytest.mark.parametrize("shape", [TINY[0], TINY[6]], ids=lambda s: s.kind)
def test_single_precision_is_close(shape):
    single = torch.float32
    verdict = verdict_of(results(train_snn, shape, single), results(train_torch, shape, single), shape,
                         precision="float32")
    assert verdict.red is None and 0 < verdict.errors["float32"] < 1e-5


def test_both_layouts_of_images_are_equal():
    shape = TINY[3]
    assert verdict_of(results(train_snn, shape), results(train_snn, shape, variant="contiguous"), shape).red is None


def test_neurons_fire_and_delays_differ():
    for shape in TINY:
        found = results(train_torch, shape)
        if shape.spiking:
            assert 0.01 < found["out"].mean() < 0.9
        assert all(np.abs(found[name]).max() > 0 for name in found if name.startswith("grad_"))
    assert np.unique(np.floor(Problem(TINY[4]).weights["d0"])).size > 3


class Blunt(torch.autograd.Function):
    """A surrogate that is not the problem's: the derivative is 1 % too large."""

    @staticmethod
    def forward(ctx, margin):
        ctx.save_for_backward(margin)
        return (margin >= 0).to(margin.dtype)

    @staticmethod
    def backward(ctx, g):
        (margin,) = ctx.saved_tensors
        return 1.01 * g / (1 + (torch.pi * margin).square())


def test_a_wrong_derivative_is_refused(monkeypatch):
    ours = results(train_snn, TINY[0])
    monkeypatch.setattr(train_torch, "Spike", Blunt)
    assert "float64: grad_w" in verdict_of(ours, results(train_torch, TINY[0]), TINY[0]).red


def test_a_wrong_threshold_is_refused(monkeypatch):
    ours = results(train_snn, TINY[0])
    monkeypatch.setattr(train_torch.Spike, "forward", staticmethod(lambda ctx, margin: _late(ctx, margin)))
    red = verdict_of(ours, results(train_torch, TINY[0]), TINY[0], side=NORSE).red
    assert red is not None and "output spikes differ" in red


def _late(ctx, margin):
    ctx.save_for_backward(margin)
    return (margin >= 0.05).to(margin.dtype)


@pytest.mark.parametrize("spoil", [
    lambda g: g * (1 + 1e-6), lambda g: g * np.nan, lambda g: g[:-1], lambda g: np.zeros_like(g)])
def test_gradients_that_differ_are_refused(spoil):
    ours = {"out": np.ones((2, 3)), "grad_w0": np.arange(6.0).reshape(3, 2)}
    assert verdict_of(ours, ours, TINY[0]).red is None
    assert "grad_w0" in verdict_of(ours, {**ours, "grad_w0": spoil(ours["grad_w0"])}, TINY[0]).red
    assert "grad_w0" in verdict_of(ours, {"out": ours["out"]}, TINY[0]).red


def test_one_spike_is_enough_to_be_refused():
    ours = {"out": np.zeros((4, 5)), "grad_w0": np.ones(3)}
    theirs = {**ours, "out": np.eye(4, 5)[:, ::-1] * [[1], [0], [0], [0]]}
    assert verdict_of(ours, theirs, TINY[0], precision="float32").red == "float32: 1 of 20 output spikes differ"


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8).filter(any), st.floats(1e-3, 1e3))
def test_the_difference_is_relative(values, scale):
    a = np.array(values)
    assert equality.relative(a, a) == 0
    assert equality.relative(a * 1.5, a) == pytest.approx(0.5)
    assert equality.relative(a * 1.5 * scale, a * scale) == pytest.approx(0.5)


def run(ms, peak_mb=100.0, **more):
    return {"ms": ms, "other_cpu": 0.0, "group": 2, "load_ms": 99.0, "first_ms": 9.0, "peak_mb": peak_mb,
            "peak_all_mb": peak_mb + 10.0, "version": "0", "torch": "2", **more}


@pytest.fixture
def fakes(monkeypatch):
    """Sides that answer from a table: ``fakes[name] = (times of the runs, what the check saves)``."""
    good = {"out": np.ones((2, 2)), "grad_w0": np.arange(4.0), "rates": np.array([0.1])}
    answers = {"snn": ([10.0, 12.0, 11.0], good), "torch": ([30.0, 20.0, 25.0], good),
               "spikingjelly": ([44.0, 55.0, 40.0], good)}

    def saved(side, shape, precision, options, folder, place):
        if answers[side.name][1] is None:
            raise equality.CheckFailed(f"{side}: no such module")
        return answers[side.name][1]

    def collect(sides, shape, options, folder, malloc, *, say):
        return {side: [run(ms, 200.0 if side is JELLY else 100.0) for ms in answers[side.name][0]]
                for side in sides}, {}

    monkeypatch.setattr(equality, "saved", saved)
    monkeypatch.setattr(command, "collect", collect)
    return answers


def test_a_row_has_medians_ratios_and_goals(fakes):
    ours, loop, jelly = command.measure(TASK, options())
    assert (ours["ms"], ours["ratio"], ours["rates"]) == (11.0, 1.0, [0.1])
    assert (loop["ms"], loop["ms_min"], loop["ms_max"], loop["ratio"]) == (25.0, 20.0, 30.0, 2.273)
    assert loop["ratio_range"] == "1.67-3" and "goal" not in loop
    assert (jelly["ratio"], jelly["goal"], jelly["met"]) == (4.0, 3.5, "yes")
    assert (jelly["memory_ratio"], jelly["memory_met"], jelly["error_64"]) == (2.0, "yes", 0.0)
    assert "fewer than 5" in jelly["preliminary"]


def test_a_goal_that_is_missed_is_printed(fakes):
    fakes["spikingjelly"] = ([30.0, 30.0, 30.0], fakes["torch"][1])
    row = command.measure(TASK, options())[2]
    assert (row["goal"], row["met"]) == (3.5, "no")
    assert "no" in table([row], rows.COLUMNS).splitlines()[1]


def test_a_wrong_side_gets_no_figure_and_is_not_timed(fakes, monkeypatch):
    fakes["spikingjelly"] = (None, {**fakes["torch"][1], "grad_w0": np.arange(4.0)[::-1]})
    ours, loop, jelly = command.measure(TASK, options())
    assert "grad_w0" in jelly["red"] and "ms" not in jelly and "ratio" not in jelly
    assert "ms" in ours and "ms" in loop


def test_ours_gets_no_figure_where_it_equals_nobody(fakes):
    wrong = {**fakes["torch"][1], "out": np.zeros((2, 2))}
    fakes["spikingjelly"] = fakes["torch"] = (None, wrong)
    found = command.measure(TASK, options())
    assert found[0]["red"] == "equal to no other side"
    assert not any("ms" in row for row in found)


def test_a_side_whose_check_fails_says_why(fakes):
    fakes["spikingjelly"] = (None, None)
    assert command.measure(TASK, options())[2]["red"] == "spikingjelly: no such module"
    fakes["snn"] = (None, None)
    assert command.measure(TASK, options()) == [{"task": "tiny", "side": "snn", "failed": "snn: no such module"}]


def test_a_missing_environment_is_a_row_with_the_command_that_makes_it(fakes, tmp_path):
    task = replace(TASK, sides=("torch", "snntorch"))
    skipped = command.measure(task, options(peers="snntorch", peers_dir=str(tmp_path)))[-1]
    assert skipped["side"] == "snntorch" and "peers --install snntorch" in skipped["skipped"]


def test_the_yardstick_is_our_step_over_its_products():
    products = [run(5.0, gflop=8.0, gemm_gflops=2000.0)] * 5
    row = rows.row_of(TASK, PRODUCTS, equality.Verdict(), products, None, [run(11.0)] * 5, {"malloc": "default"})
    assert (row["step_over_products"], row["gflops"], row["step_over_gemm"]) == (2.2, 1600.0, 2.75)
    assert "ratio" not in row


def test_growth_of_memory_with_taps():
    given = [{"task": f"delay-{taps}", "side": "snn", "malloc": "default", "peak_mb": mb}
             for taps, mb in ((25, 100.0), (100, 110.0))]
    (row,) = rows.memory_growth([*given, {"task": "delay-25", "side": "dcls", "red": "x"}])
    assert (row["task"], row["growth"], row["peak_mb_by_taps"]) == ("delay-memory", 1.1, {25: 100.0, 100: 110.0})


def test_repetitions_are_interleaved_and_a_failing_side_does_not_stop_the_others(monkeypatch, tmp_path):
    import sys
    script = ("import json, sys; print('{}', flush=True)\n"
              "for line in sys.stdin:\n"
              "    if sys.argv[1] == 'spikingjelly' and line == '1\\n': sys.exit('out of luck')\n"
              "    print(json.dumps({'ms': 1.0}), flush=True)\n")
    monkeypatch.setattr(sitting, "command", lambda side, *rest: [sys.executable, "-c", script, side.name])
    said = []
    runs, failed = sitting.collect([OURS, JELLY], TINY[0], options(), tmp_path, "tuned", say=said.append)
    assert [line.split(":")[0] for line in said] == ["snn, run 1", "spikingjelly, run 1", "snn, run 2", "snn, run 3"]
    assert len(runs[OURS]) == 3 and "out of luck" in failed[JELLY]


def test_tasks_name_sides_that_can_do_them():
    for task in TASKS.values():
        assert set(task.goals) <= set(task.sides) and set(task.single) <= set(task.sides)
        assert any(SIDES[name].precisions and SIDES[name].module != OURS.module for name in task.sides)
        for name in ("snn", *task.sides):
            if SIDES[name] is not PRODUCTS:
                assert task.shape.kind in kinds_of(SIDES[name].module), (task.name, name)


def kinds_of(module):
    """Keys of BUILDERS in a side's script, whose imports may be missing here."""
    tree = ast.parse((ROOT / (module.replace(".", "/") + ".py")).read_text())
    (found,) = (node.value for node in tree.body if isinstance(node, ast.Assign) and
                getattr(node.targets[0], "id", "") == "BUILDERS")
    return {key.value for key in found.keys}


def test_the_goals_are_those_of_the_issue():
    goals = {task.name: task.goals.get("spikingjelly", task.goals.get("dcls")) for task in TASKS.values()}
    assert (goals["feedforward-128"], goals["feedforward-1"], goals["layer-100"]) == (3.5, 15.0, 8.0)
    assert (goals["recurrent"], goals["convolution-4"], goals["convolution-10"]) == (1.6, 1.5, 1.5)
    assert (goals["delay-25"], goals["delay-100"]) == (5.0, 12.0)


def test_tasks_and_peers_are_chosen_by_name():
    assert [task.name for task in chosen_tasks("layer")] == ["layer-100", "layer-1000"]
    assert [task.name for task in chosen_tasks("recurrent")] == ["recurrent"]
    assert len(chosen_tasks()) == len(TASKS)
    dense = TASKS["feedforward-128"]
    assert [side.name for side in chosen_sides(dense, "none")] == ["snn", "torch"]
    assert [side.name for side in chosen_sides(dense, "sinabs,torch-compiled")] == [
        "snn", "torch", "sinabs", "torch-compiled"]
    assert "torch-compiled" not in [side.name for side in chosen_sides(dense)]
    with pytest.raises(ValueError, match="no task is named 'lay'"):
        chosen_tasks("lay")
    with pytest.raises(ValueError, match="no peer is named 'lava'"):
        chosen_sides(dense, "lava")


def test_environments_are_pinned_to_the_torch_of_the_constraints():
    pins = (ROOT / "constraints.txt").read_text().split()
    for name, wanted in tasks.TRAINING_ENVIRONMENTS.items():
        assert all("==" in pin for pin in wanted) and next(p for p in wanted if p.startswith("torch==")) in pins
        assert name in {side.environment for side in SIDES.values()} and name not in registry.ENVIRONMENTS
        assert name in environments.ENVIRONMENTS


def test_arguments_are_checked_before_anything_runs(python):
    for words, message in ((["--runs", "0"], "training.runs: is 0"), (["--only", "xor"], "no task is named 'xor'"),
                           (["--peers", "lava"], "no peer is named 'lava'")):
        done = python("-m", "benchmarks", "training", *words, cwd=ROOT, check=False)
        assert done.returncode == 2 and message in done.stderr


@pytest.mark.slow
def test_the_command_prints_one_json_object_per_row(python):
    done = python("-m", "benchmarks", "training", "--only", "layer-100", "--peers", "none", "--runs", "1",
                  "--malloc", "default", "--json", cwd=ROOT)
    ours, loop = [json.loads(line) for line in done.stdout.splitlines()]
    assert ours["ratio"] == 1.0 and loop["ratio"] > 1 and loop["error_64"] < 1e-9
    assert "preliminary" in ours and ours["peak_mb"] > 0
