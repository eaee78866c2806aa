"""Rows of the training benchmarks: medians, ratios and goals, and no figure for a side that is not equal."""
import json
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.output import table
from benchmarks.registry import ROOT
from benchmarks.training import command, equality, rows, sitting
from benchmarks.training.problem import Shape
from benchmarks.training.tasks import OURS, SIDES, TASKS

JELLY, PRODUCTS = SIDES["spikingjelly"], SIDES["products"]
TINY = Shape("feedforward", 3, 12, (14, 10, 9, 4), rate=0.3)
TASK = replace(TASKS["feedforward-128"], name="tiny", shape=TINY, sides=("torch", "spikingjelly"), tuned=False)


def options(**given):
    defaults = {"runs": 3, "threads": 1, "malloc": None, "peers": "spikingjelly", "peers_dir": None}
    return SimpleNamespace(**{**defaults, **given})


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
    script = ("import json, sys; print('{}', flush=True)\n"
              "for line in sys.stdin:\n"
              "    if sys.argv[1] == 'spikingjelly' and line == '1\\n': sys.exit('out of luck')\n"
              "    print(json.dumps({'ms': 1.0}), flush=True)\n")
    monkeypatch.setattr(sitting, "command", lambda side, *rest: [sys.executable, "-c", script, side.name])
    said = []
    runs, failed = sitting.collect([OURS, JELLY], TINY, options(), tmp_path, "tuned", say=said.append)
    assert [line.split(":")[0] for line in said] == ["snn, run 1", "spikingjelly, run 1", "snn, run 2", "snn, run 3"]
    assert len(runs[OURS]) == 3 and "out of luck" in failed[JELLY]


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
