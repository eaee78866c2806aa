"""The benchmarks measure the right networks, and print no figure while something is unequal."""
import io
import json
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import snn
from benchmarks import environments, equality, limits, memory, output, registry, runner, simulation, start
from benchmarks.__main__ import main
from benchmarks.networks import POPULATION, network, with_idle_copies
from benchmarks.physics import PHYSICS
from benchmarks.registry import OURS, PEERS, Side, Simulator, chosen_peers
from benchmarks.stats import Agreement, cv_isi, observed
from snn.plan import make_plan

FAKE = """
import json, sys
mean, silent, broken = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    seed = int(line)
    if seed == broken:
        sys.exit("out of luck")
    spikes = round(mean * (1 + 0.002 * (-1) ** seed))
    row = dict(build_s=0.1, compile_s=0.2, run_s=mean / 1000, spikes=spikes, cv_isi=0.5 + 0.001 * (-1) ** seed)
    row.update(alive=seed > silent, other_cpu=0.0, version="0", seed=seed, peak_rss_mb=1.0)
    print(json.dumps(row), flush=True)
"""
GOOD, HIGH = Simulator("good", "good", None, ("float64",)), Simulator("high", "high", None, ("float64",))


@pytest.fixture
def fakes(monkeypatch):
    """Workers that answer from a script: ``fakes[name] = (spikes, seeds that are silent, seed that breaks it)``."""
    answers = {"snn": (1000, 0, 0), "good": (1001, 0, 0), "high": (1100, 0, 0)}

    def command(side, job, folder):
        return [sys.executable, "-c", FAKE, *map(str, answers[side.simulator.name])]

    monkeypatch.setattr(runner, "command", command)
    return answers


def options(**given):
    defaults = {"threads": 1, "repeat": 3, "duration": 100.0, "peers": "good,high", "peers_dir": None}
    return SimpleNamespace(**{**defaults, **given})


@pytest.mark.parametrize("model", registry.MODELS)
def test_the_engine_equals_the_reference(model):
    assert equality.reference_difference(model, engine=snn.EventDriven(threads=2)) is None


class WithoutInhibition(snn.EventDriven):
    """An engine that drops the last projection."""

    def start(self, plan, channels, state=None):
        return super().start(replace(plan, projections=plan.projections[:1]), channels, state)


def test_an_engine_that_differs_is_found(monkeypatch):
    monkeypatch.setattr(equality, "DURATION", 75.0)
    assert "the reference has" in equality.reference_difference("cuba", engine=WithoutInhibition(threads=1))


@pytest.mark.parametrize("model", registry.MODELS)
def test_networks_are_those_of_the_physics(model):
    p = PHYSICS[model](1000)
    plan = make_plan(network(model, 1000), 0.1, seed=1, dtype="float32")
    assert plan.n_synapses == p.n_synapses == 1000 * p.in_degree
    degrees = [np.bincount(q.csr.targets, minlength=1000) for q in plan.projections]
    assert [set(d) for d in degrees] == [{p.k_exc}, {p.k_inh}]
    assert [q.n_pre for q in plan.projections] == [800, 200]
    assert {q.delay for q in plan.projections} == {round(p.delay / 0.1)}


def test_brunel_at_its_own_size():
    p = PHYSICS["brunel"](12500)
    assert (p.in_degree, p.w_exc, p.w_inh, p.rate) == (1250, 0.1, -0.5, 20000.0)


def test_idle_copies_add_synapses_and_change_no_spike():
    nets = [with_idle_copies(network("brunel", 500), copies) for copies in (0, 2)]
    results = [snn.simulate(net, 50.0, dt=0.1, seed=1, progress=False) for net in nets]
    assert results[1].plan.n_synapses == 3 * results[0].plan.n_synapses
    assert len(results[0].spikes[POPULATION]) > 100
    assert results[0].spikes[POPULATION] == results[1].spikes[POPULATION]


def test_cv_of_known_trains():
    assert cv_isi([1] * 5, [0, 10, 20, 30, 40]) == 0
    assert cv_isi([1, 1, 1], [0, 1, 2]) is None
    assert cv_isi([0] * 5 + [3] * 5, [0, 1, 4, 5, 8, 0, 2, 4, 6, 8]) == pytest.approx(0.25)
    assert observed([], [], 100.0) == {"cv_isi": None, "alive": False}
    assert observed([0], [85.0], 100.0)["alive"]


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 100)), min_size=1, max_size=60, unique=True), st.randoms())
def test_cv_does_not_depend_on_the_order_of_spikes(spikes, random):
    shuffled = random.sample(spikes, len(spikes))
    assert cv_isi(*zip(*spikes, strict=True)) == cv_isi(*zip(*shuffled, strict=True))


@pytest.mark.parametrize(("theirs", "green"), [
    ([10.0, 10.1, 9.9], True),
    ([10.05, 10.05, 10.05], True),        # below 1 %, where no spread is asked about
    ([10.2, 10.2, 10.2], False),          # 2 %, far outside the spread
    ([10.0, 10.9, 10.6], True),           # 5 %, inside the spread
    ([10.0, 12.0, 11.0], False),          # inside the spread, but above 5 %
])
def test_agreement(theirs, green):
    assert Agreement.of([10.0, 10.01, 9.99], theirs).green is green


def test_a_side_that_differs_gets_no_figure(fakes, monkeypatch):
    monkeypatch.setattr(simulation, "chosen_peers", lambda text: [GOOD, HIGH])
    rows = {(row["peer"], row["precision"]): row for row in simulation.measure("cuba", 1000, options())}
    assert "run_s" not in rows["high", "float64"] and "rate: ours 10, theirs 11" in rows["high", "float64"]["red"]
    good = rows["good", "float64"]
    assert (good["run_s"], good["ratio_to_ours"], good["rate_hz"]) == (1.001, 1.0, pytest.approx(10.0, abs=0.05))
    assert rows["snn", "float32"]["events_per_s"] == pytest.approx(80_000, rel=0.01)


def test_more_seeds_are_run_before_a_verdict_is_red(fakes, monkeypatch):
    monkeypatch.setattr(simulation, "chosen_peers", lambda text: [HIGH])
    said = []
    monkeypatch.setattr("builtins.print", lambda text, **how: said.append(text))
    simulation.measure("cuba", 1000, options())
    assert sum("high float64, seed" in line for line in said) == simulation.MORE_SEEDS * 3


def test_silent_networks_are_replaced_and_counted(fakes, monkeypatch):
    fakes["good"] = (1000, 2, 0)
    monkeypatch.setattr(simulation, "chosen_peers", lambda text: [GOOD])
    good = simulation.measure("cuba", 1000, options())[-1]
    assert (good["runs"], good["silent_runs"]) == (3, 2)


@pytest.mark.parametrize(("answer", "reason"), [((1000, 0, 2), "out of luck"), ((1000, 99, 0), "silent in 12 of 12")])
def test_a_side_that_fails_says_why(fakes, monkeypatch, answer, reason):
    fakes["good"] = answer
    monkeypatch.setattr(simulation, "chosen_peers", lambda text: [GOOD])
    ours, _, good = simulation.measure("cuba", 1000, options())
    assert reason in good["failed"] and "run_s" not in good and "run_s" in ours


def test_runs_are_interleaved(fakes, tmp_path):
    sides = [Side(OURS, "float64"), Side(GOOD, "float64")]
    job, said = {"threads": 1}, []
    with runner.Worker(sides[0], job, tmp_path) as a, runner.Worker(sides[1], job, tmp_path) as b:
        runner.Sitting(dict(zip(sides, (a, b), strict=True)), say=said.append).collect(sides, 2)
    assert [line.split(":")[0] for line in said] == [
        "snn float64, seed 1", "good float64, seed 1", "snn float64, seed 2", "good float64, seed 2"]


def test_a_missing_peer_is_a_row_with_the_command_that_makes_it(fakes, tmp_path):
    rows = simulation.measure("cuba", 1000, options(peers="nest", peers_dir=str(tmp_path)))
    assert rows[-1]["peer"] == "nest" and "peers --install nest" in rows[-1]["skipped"]
    assert "skipped" in output.table(rows, simulation.COLUMNS)


def test_peers_are_chosen_by_name_or_environment():
    assert [peer.name for peer in chosen_peers("brian2,nest")] == ["brian2-cpp", "brian2-cython", "nest"]
    assert chosen_peers("none") == []
    with pytest.raises(ValueError, match="no peer is named 'neuron'"):
        chosen_peers("neuron")


def test_every_peer_has_an_environment_with_pinned_versions():
    assert {peer.environment for peer in PEERS.values()} == set(registry.ENVIRONMENTS)
    assert all("==" in pin for pins in registry.ENVIRONMENTS.values() for pin in pins)


def test_a_report_keeps_what_it_had(tmp_path):
    file, text = tmp_path / "rows.jsonl", io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        with output.Report(("a",), save=str(file), file=text) as report:
            report.add([{"a": 1}])
            raise KeyboardInterrupt
    assert [json.loads(line) for line in file.read_text().splitlines()][1:] == [{"a": 1}]
    assert text.getvalue() == "a\n1\n"


def test_the_fit_finds_the_two_costs():
    points = [(4e7, events, 0.4e-9 * 4e7 + 1.5e-9 * events) for events in (1e6, 5e6, 2e7)]
    (update_ns, event_ns), error = limits.fit(points)
    assert (update_ns, event_ns) == (pytest.approx(0.4), pytest.approx(1.5)) and error < 1e-9


def test_limits_of_the_machine_are_measured():
    from benchmarks.limits_kernels import ns_per_add, ns_per_update
    assert 0.05 < ns_per_add(4000, count=1 << 18) < 100
    assert 0.001 < ns_per_update(4000, 2) < 100


def test_memory_of_a_plan():
    row = memory.measured(1_000_000, True)
    assert row["neurons"] == 1000
    assert row["bytes_per_synapse"] <= 8


def test_start_measures_processes_and_refuses_broken_ones():
    assert start.row("nothing", ["-c", "pass"], 2)["seconds"] > 0
    with pytest.raises(RuntimeError, match="start: "):
        start.seconds(["-c", "raise SystemExit('no')"], {})


def test_too_few_runs_are_refused(capsys):
    assert main(["simulation", "--repeat", "2"]) == 2
    assert "simulation.repeat: 2 runs" in capsys.readouterr().err


def test_the_command_prints_one_json_object_per_row(monkeypatch, capsys, tmp_path):
    # What the engine computes is compared with the reference above.
    monkeypatch.setattr(simulation, "reference_check", lambda model, threads: None)
    words = ["--only", "cuba", "--n", "4000", "--duration", "300", "--repeat", "3", "--threads", "1", "--peers", "nest",
             "--peers-dir", str(tmp_path), "--json"]
    assert main(["simulation", *words]) == 0
    single, double, nest = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    needed = {"peer", "model", "n", "threads", "precision", "run_s", "build_s", "compile_s", "rate_hz", "cv_isi",
              "events_per_s", "ratio_to_ours"}
    assert needed <= set(single) and needed <= set(double) and "skipped" in nest
    assert single["ratio_to_ours"] == double["ratio_to_ours"] == 1.0
    assert 2 < single["rate_hz"] < 10


@pytest.mark.slow
@pytest.mark.parametrize("peer", PEERS.values(), ids=PEERS)
def test_a_peer_agrees_with_us(peer):
    if reason := environments.missing(peer.environment, environments.peers_dir()):
        pytest.skip(reason)
    rows = simulation.measure("brunel", 2000, options(repeat=5, duration=300.0, peers=peer.name))
    assert all("run_s" in row for row in rows), rows
