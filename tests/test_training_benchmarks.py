"""The training benchmarks give every side the same numbers, and print no figure while something is unequal."""
import ast
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import environments, registry
from benchmarks.peers import train_protocol, train_snn, train_spikingjelly, train_torch
from benchmarks.registry import ROOT
from benchmarks.training import equality, tasks
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
    delays = Problem(Shape("delay", 1, 1, (256, 256), 100)).weights["d0"]
    assert set(np.floor(delays).ravel()) == set(range(99)) and 0.01 < (delays % 1).min() <= (delays % 1).max() < 0.99


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


def test_a_rounding_at_threshold_is_checked_again_on_fewer_samples():
    """One sample of 100 differs in single precision: allowed only if double precision agreed, and 16 samples agree."""
    task = replace(TASK, shape=replace(TASK.shape, batch=100))
    whole = {"out": np.zeros((5, 100, 2)), "grad_w0": np.arange(1.0, 4.0)}
    flipped = {**whole, "out": whole["out"].copy()}
    flipped["out"][3, 7, 1] = 1
    part = {**whole, "out": np.zeros((5, 16, 2))}

    def verdict(theirs, few, before):
        answers = {(OURS, 100): whole, (OURS, 16): part, (JELLY, 100): theirs, (JELLY, 16): few}
        return equality.judged(before, task, JELLY, OURS, "float32",
                               lambda side, precision, shape=task.shape: answers[side, shape.batch])

    same = equality.Verdict(errors={"float64": 1e-15})
    green = verdict(flipped, part, same)
    assert green.red is None and "1 of 1000 output spikes differ" in green.fewer
    assert verdict(flipped, part, equality.Verdict()).red is not None
    assert verdict(flipped, {**part, "out": part["out"] + 1}, same).red is not None
    assert verdict({**whole, "out": whole["out"] + 1}, part, same).red is not None
    assert verdict(whole, part, same).fewer is None


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8).filter(any), st.floats(1e-3, 1e3))
def test_the_difference_is_relative(values, scale):
    a = np.array(values)
    assert equality.relative(a, a) == 0
    assert equality.relative(a * 1.5, a) == pytest.approx(0.5)
    assert equality.relative(a * 1.5 * scale, a * scale) == pytest.approx(0.5)


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
