"""The benchmarks of plasticity measure the same learning network on every side, and print nothing while it is not."""
import io
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import snn
from benchmarks import environments, runner
from benchmarks.networks import MODELS, learning_rule, network
from benchmarks.peers.plastic_weights import settle
from benchmarks.physics import PHYSICS
from benchmarks.plasticity import command, speed
from benchmarks.plasticity.equality import disagreements, reference_difference
from benchmarks.plasticity.sides import OURS_AXONAL, STATIC, PlasticSide, sides_of
from benchmarks.registry import OURS, PEERS, chosen_peers
from snn.plan import make_plan
from snn.plasticity import MultiplicativeSTDP, PairSTDP

FAKE = """
import json, sys
seconds, w_sd, broken = map(float, sys.argv[1:])
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    seed = int(line)
    if seed == broken:
        sys.exit("out of luck")
    sign = (-1) ** seed
    row = dict(build_s=0.1, compile_s=0.2, run_s=seconds + 0.001 * sign, spikes=1000 + sign, cv_isi=0.5 + 0.001 * sign)
    row.update(w_mean=0.1, w_sd=w_sd + 1e-6 * sign, w_change=0.0, alive=True, other_cpu=0.0, version="0", seed=seed,
               peak_rss_mb=1.0)
    print(json.dumps(row), flush=True)
"""
JOB = {"n": 1000, "warm": 10.0, "duration": 100.0, "dt": 0.1, "threads": 1, "runs": 3}


@pytest.fixture
def answers(monkeypatch, tmp_path):
    """Seconds, spread of the weights and the seed that breaks it, by environment (or ours, by whether it learns)."""
    given = {"nest": (8.0, 0.002, 0), "brian2": (6.0, 0.002, 0), "learning": (0.4, 0.002, 0), "static": (0.2, 0.0, 0)}

    def command_of(side, job, folder):
        name = side.simulator.environment or ("learning" if side.learns else "static")
        return [sys.executable, "-c", FAKE, *map(str, given[name])]

    monkeypatch.setattr(runner, "command", command_of)
    monkeypatch.setattr(speed, "missing", lambda environment, folder: None)
    return given


def rows_of(rule, peers="nest,brian2-cpp"):
    rows = list(speed.measure_rule(rule, chosen_peers(peers), JOB, None))
    return rows, {(row["what"], row.get("peer"), row.get("precision")): row for row in rows}


def test_the_learning_network_is_that_of_the_physics():
    p = PHYSICS["brunel-additive"](1000)
    plan = make_plan(MODELS["brunel-additive"](p), 0.1, seed=1, dtype="float64")
    assert plan.n_synapses == p.n_synapses == PHYSICS["brunel"](1000).n_synapses
    learning, excitatory, inhibitory = plan.projections
    assert learning.plastic and not (excitatory.plastic or inhibitory.plastic)
    for q, k, n_pre, n_post in ((learning, 80, 800, 800), (excitatory, 80, 800, 200), (inhibitory, 20, 200, 1000)):
        assert (q.n_pre, q.n_post) == (n_pre, n_post)
        assert set(np.bincount(q.csr.targets, minlength=n_post)) == {k}
    assert learning.weight.shape == (64000,) and set(learning.weight) == {p.w_exc}
    assert {q.plastic.back for q in plan.deliveries if q.plastic} == {30} and float(excitatory.weight) == p.w_exc


def test_at_its_own_size_the_constants_are_those_of_the_peers():
    additive, multiplicative = (PHYSICS[f"brunel-{rule}"](12500) for rule in speed.RULES)
    assert (additive.w_max, additive.lam, additive.alpha) == (0.2, 0.005, 1.05)
    first, second = learning_rule(additive), learning_rule(multiplicative)
    assert type(first) is PairSTDP and type(second) is MultiplicativeSTDP
    for rule in (first, second):
        values = rule.summary()
        assert values["A_plus"] == pytest.approx(0.001) and values["A_minus"] == pytest.approx(0.00105)


def test_the_static_networks_have_the_same_synapses():
    p = PHYSICS["brunel-weights"](500)
    static, each = (make_plan(network(name, 500), 0.1, seed=1, dtype="float32") for name in (STATIC, "brunel-weights"))
    assert [np.ndim(q.weight) for q in static.projections] == [0, 0]
    assert [np.ndim(q.weight) for q in each.projections] == [1, 0, 0]
    assert not any(q.plastic for q in each.projections) and each.n_synapses == static.n_synapses == p.n_synapses


@pytest.mark.parametrize("mu", [0, 1])
def test_settled_weights(mu):
    """Two presynaptic spikes; of three postsynaptic ones the first is old, the last not yet back."""
    p = SimpleNamespace(delay=1.5, lam=0.01, w_max=0.2, mu=mu, tau_plus=20.0)
    ids, times = np.array([1, 2, 1, 2, 2]), np.array([5.0, 9.0, 12.0, 15.0, 19.0])
    w = settle([0.1, 0.05], np.array([1, 3]), np.array([2, 2]), ids, times, p, end=20.0)
    x = (1.0 + np.exp(-7.0 / 20.0)) * np.exp(-4.5 / 20.0)
    assert w == pytest.approx([0.1 + 0.01 * (0.2 - (0.1 if mu else 0.0)) * x, 0.05], rel=1e-12)


def test_settled_weights_stay_within_the_bound():
    p = SimpleNamespace(delay=1.0, lam=0.9, w_max=0.2, mu=0, tau_plus=20.0)
    w = settle([0.19], np.array([0]), np.array([1]), np.array([0, 1]), np.array([1.0, 2.0]), p, end=10.0)
    assert w == [0.2]


@pytest.mark.parametrize(("rule", "dendritic"), [
    ("additive", None), ("multiplicative", 0.0), pytest.param("additive", 0.0, marks=pytest.mark.slow),
    pytest.param("multiplicative", None, marks=pytest.mark.slow)])
def test_the_engine_equals_the_reference(rule, dendritic):
    engine = snn.EventDriven(threads=1)
    assert reference_difference(f"brunel-{rule}", engine=engine, dendritic=dendritic) is None


class Forgetful(snn.Reference):
    """An engine that learns nothing."""

    def start(self, plan, channels, state=None):
        session = super().start(plan, channels, state)
        session.plastic["learning"].freeze(True, 0)
        return session


def test_an_engine_that_differs_is_found():
    assert "reference" in reference_difference("brunel-additive", engine=Forgetful())


def test_who_is_compared_with_whom():
    sides = sides_of("additive", [PEERS["nest"], PEERS["brian2-cpp"]])
    assert len(sides) == len(set(sides)) == 4 + 4 + 3
    for side in sides:
        other = side.compared_with
        assert other is None or (other in sides and other.is_ours and other.delay in (side.delay, None))
    nest = PlasticSide(PEERS["nest"], "float64", "brunel-additive")
    brian2 = PlasticSide(PEERS["brian2-cpp"], "float32", "brunel-additive")
    assert nest.compared_with.simulator == OURS and brian2.compared_with.simulator == OURS_AXONAL
    assert [side for side in sides if side.compared_with is None and side.learns] == [
        PlasticSide(ours, "float64", "brunel-additive") for ours in (OURS, OURS_AXONAL)]


def test_ratios_and_goals(answers):
    rows, found = rows_of("additive")
    assert found["STDP", "nest", "float64"]["ratio"] == pytest.approx(20.0, rel=0.02)
    assert all(row["preliminary"] for row in rows if "run_s" in row)
    fast = found["faster peer over ours", "brian2-cpp", "float32"]
    assert fast["ratio"] == pytest.approx(15.0, rel=0.02) and fast["goal"] == 15.0
    still = found["ours over static, one weight", None, "float64"]
    assert still["ratio"] == pytest.approx(2.0, rel=0.02) and still["met"]
    assert json.loads(json.dumps(rows)) == rows and "faster peer" in speed.table(rows)


def test_a_side_whose_weights_differ_gets_no_figure(answers):
    answers["brian2"] = (0.1, 0.0022, 0)
    rows, found = rows_of("multiplicative")
    for precision in ("float32", "float64"):
        row = found["STDP", "brian2-cpp", precision]
        assert "run_s" not in row and "w_sd: ours 0.002, theirs 0.0022" in row["red"]
    assert found["faster peer over ours", "nest", "float32"]["met"]


def test_a_side_that_fails_says_why(answers):
    answers["nest"] = (1.0, 0.002, 2)
    rows, found = rows_of("multiplicative", "nest")
    assert "out of luck" in found["STDP", "nest", "float64"]["failed"]
    assert not any(row["what"] == "faster peer over ours" for row in rows)


def test_weights_are_compared_only_where_they_learn():
    static = [{"spikes": 1000 + k, "cv_isi": 0.5} for k in range(3)]
    learning = [{**run, "w_mean": 0.1, "w_sd": 0.002} for run in static]
    assert disagreements(static, static, 100, 100.0) == []
    wider = [{**run, "w_sd": 0.0022} for run in learning]
    assert [text.split(":")[0] for text in disagreements(learning, wider, 100, 100.0)] == ["w_sd"]


def options(**given):
    defaults = {"parts": "windows", "runs": 3, "seeds": 1, "peers": "none", "peers_dir": None, "quick": True,
                "json": True, "out": None}
    return SimpleNamespace(**{**defaults, **given})


def test_a_red_part_has_no_figures_and_the_next_one_runs(monkeypatch, capsys):
    def red(**how):
        yield {"a": 1}
        raise RuntimeError("weights differ")

    parts = {"windows": SimpleNamespace(measure=red, table=str),
             "cam": SimpleNamespace(measure=lambda **how: [{"b": how["seeds"]}], table=lambda rows: "b 1")}
    monkeypatch.setattr(command.importlib, "import_module", lambda name: parts[name.split(".")[-1]])
    assert command.main(options(parts="windows,cam")) == 1
    said = capsys.readouterr()
    assert [json.loads(line) for line in said.out.splitlines()] == [
        {"part": "windows", "a": 1}, {"part": "windows", "red": "weights differ"}, {"part": "cam", "b": 1}]
    assert "windows: weights differ" in said.err
    assert command.main(options(parts="cam", json=False)) == 0
    assert capsys.readouterr().out == "cam\nb 1\n\n"


def test_tables_are_saved(tmp_path):
    file = tmp_path / "rows.jsonl"
    with command.Tables(as_json=True, save=str(file), file=io.StringIO()) as report:
        report.begin("cam", str)
        report.add([{"a": 1}])
    machine, row = map(json.loads, file.read_text().splitlines())
    assert "load" in machine and row == {"part": "cam", "a": 1}


@pytest.mark.parametrize(("given", "message"), [
    ({"parts": "speed,color"}, "there is no part 'color'"), ({"runs": 2}, "plasticity.runs: is 2"),
    ({"seeds": 0}, "plasticity.seeds: is 0")])
def test_bad_options(given, message):
    with pytest.raises(ValueError, match=message):
        command.main(options(**given))


@pytest.mark.slow
def test_memory_of_plastic_synapses():
    """About 15 s: four processes."""
    from benchmarks.plasticity import memory
    learning, static = memory.measure(quick=True)
    assert 6 <= static["bytes_per_synapse"] < learning["bytes_per_synapse"] < 100


@pytest.mark.slow
@pytest.mark.parametrize("peer", ["nest", "brian2-cpp"])
@pytest.mark.parametrize("rule", speed.RULES)
def test_a_peer_agrees_with_us(rule, peer):
    """About two minutes each, half of it compilation in Brian2."""
    if reason := environments.missing(PEERS[peer].environment, environments.peers_dir()):
        pytest.skip(reason)
    job = {**JOB, "n": 5000, "warm": 100.0, "duration": 100.0, "runs": 5}
    rows = list(speed.measure_rule(rule, [PEERS[peer]], job, None))
    assert all("run_s" in row or "goal" in row or "range" in row for row in rows), rows
