"""The hippocampal memory against the rasters recorded on SpiNNaker, and what it learns, answers and forgets."""
import dataclasses

import numpy as np
import pytest
from cam_oracle import Conventions, mismatches, simulate

import snn
from benchmarks.plasticity.cam_golden import EXPERIMENTS, POPULATIONS, checksum
from snn.circuits.cam import CA3, Forget, Hippocampus, Recall, Store
from snn.errors import NetworkError, RunError
from snn.plasticity import NearestSTDP, PairSTDP

ENGINES = {"reference": snn.Reference(), "compiled": snn.EventDriven(), "single": snn.EventDriven(dtype="float32"),
           "clocked": snn.Clocked()}
SLOW = {(engine, k) for engine in ("reference", "clocked") for k in (2, 3)}
"""Engines whose steps are steered from Python: up to 10 s each."""


ALL = Conventions()


def oracle(k, how=ALL):
    """Raster of experiment ``k`` by the independent simulation; its input is spelled out here once more."""
    e = EXPERIMENTS[k]
    inputs = {"in_cue": np.zeros((e.duration, e.cues), bool), "in_cont": np.zeros((e.duration, e.contents), bool)}
    for op in e.operations:
        rows = slice(op.at, op.at + (3 if isinstance(op, Store) else 1))
        if op.cue is not None:
            inputs["in_cue"][rows, op.cue] = True
        if op.content is not None:
            inputs["in_cont"][rows, list(op.content)] = True
    return simulate(e.cues, e.contents, inputs, e.duration, how)


def raster(recording):
    return {name: recording.raster(name) for name in POPULATIONS}


# The recordings


@pytest.mark.parametrize("k", EXPERIMENTS)
def test_the_independent_simulation_gives_what_was_recorded(k):
    assert checksum(oracle(k)) == EXPERIMENTS[k].recorded


@pytest.mark.parametrize(("engine", "k"), [
    pytest.param(e, k, marks=[pytest.mark.slow] if (e, k) in SLOW else []) for e in ENGINES for k in EXPERIMENTS])
def test_the_circuit_gives_what_was_recorded(engine, k):
    mine = raster(EXPERIMENTS[k].run(ENGINES[engine]))
    assert mismatches(mine, oracle(k)) == 0
    assert checksum(mine) == EXPERIMENTS[k].recorded


def test_the_answers_of_the_experiments():
    one, two, three = ([a for a in EXPERIMENTS[k].run().answers if a is not None] for k in EXPERIMENTS)
    assert one == [{0, 1, 8, 9}, {3, 4}, {0, 3}, {1, 3, 4, 8}, {4}]
    assert three == [{2, 6, 10, 12, 13, 14}, {3, 5, 11, 15}, {1, 7, 9}, {0, 4, 8}]
    for turn in range(3):
        held = [{b for b in range(10) if ((k + 1) >> b) % 2 != turn % 2} for k in range(5)]
        by_bit = [{k for k in range(5) if b in held[k]} for b in range(10)]
        assert two[15 * turn:15 * turn + 15] == held + by_bit


def test_landmarks_of_learning_and_recall():
    recording = EXPERIMENTS[1].run()
    times = {"cue_cue": [1, 3], "cont_cue": [1, 3], "cond": [2, 4], "cond_int": [2, 4], "cue_cont": [3, 5],
             "cont_cont": [3, 5], "merge_cue": [4, 6], "merge_cont": [4, 6], "out_cue": [5, 7], "out_cont": [5, 7]}
    for name, expected in times.items():
        rows, who = np.nonzero(recording.raster(name)[:10])
        neurons = {0} if name in ("cue_cue", "cond_int", "cue_cont", "merge_cue", "out_cue") else {0, 1, 8, 9}
        assert sorted(set(rows.tolist())) == expected and set(who.tolist()) == neurons, name
    fired = {name: np.argwhere(recording.raster(name)[30:40]).tolist() for name in POPULATIONS}
    assert fired["cue_cue"] == [[1, 0]] and fired["cont_cue"] == [[2, 0], [2, 1], [2, 8], [2, 9]]
    assert fired["cond_int"] == fired["cue_cont"] == [[3, 0]] and not fired["cond"]
    assert fired["out_cue"] == [[5, 0]] and fired["out_cont"] == [[6, 0], [6, 1], [6, 8], [6, 9]]
    assert np.flatnonzero(recording.raster("out_cont")[66]).tolist() == [5, 6], "the old bits leak once"


@pytest.mark.parametrize("seed", range(3))
def test_random_schedules_run_as_in_the_independent_simulation(seed):
    rng = np.random.default_rng(seed)
    cues, bits, at, operations = 4, 7, 0, []
    for _ in range(25):
        cue, content = int(rng.integers(cues)), rng.choice(bits, rng.integers(1, bits + 1), replace=False).tolist()
        kinds = (Store(cue, content, at=at), Recall(cue=cue, at=at), Recall(content=content, at=at), Forget(cue, at=at))
        operations.append(kinds[rng.choice(4, p=(0.4, 0.2, 0.3, 0.1))])
        at += operations[-1].least + int(rng.integers(8))
    recording = Hippocampus(cues, bits).run(operations)
    inputs = {name: recording.raster(name) for name in ("in_cue", "in_cont")}
    assert mismatches(raster(recording), simulate(cues, bits, inputs, len(inputs["in_cue"]))) == 0


# Conventions that matter

WRONG = {"input not scaled": ({"scaled": False}, 36), "amplitude times w_max": ({"amplitude": 36.0}, 13),
         "no dendritic delay": ({"dendritic": 0}, 22), "no depression at zero lag": ({"zero_lag": False}, 14),
         "lateral inhibition without its factor": ({"lateral": 1.0}, 12), "not refractory": ({"refractory": 0}, 54),
         "another output threshold": ({"out_threshold": -57.0}, 0)}


@pytest.mark.parametrize("name", WRONG)
def test_without_a_convention_the_simulation_leaves_the_recording(name):
    change, cells = WRONG[name]
    assert mismatches(oracle(1, Conventions(**change)), oracle(1)) == cells


def test_nearest_spikes_alone_differ_in_the_third_experiment_only():
    assert [mismatches(oracle(k, Conventions(nearest=True)), oracle(k)) for k in EXPERIMENTS] == [0, 0, 3]


def changed(**fields):
    return dataclasses.replace(CA3(), **fields)


def not_refractory():
    cells = ("principal", "interneuron", "output")
    return changed(**{name: dataclasses.replace(getattr(CA3(), name), t_ref=0.0) for name in cells})


STRONG = {"A_plus": 36000.0, "A_minus": 36000.0, "tau_plus": 3.0, "tau_minus": 3.0, "w_max": 6000.0}


@pytest.mark.parametrize(("parameters", "name"), [
    (changed(learning=PairSTDP(**STRONG)), "amplitude times w_max"),
    (changed(learning=dataclasses.replace(CA3().learning, coincident=0.0)), "no depression at zero lag"),
    (changed(lateral=1.0), "lateral inhibition without its factor"),
    (not_refractory(), "not refractory"),
    (changed(output=dataclasses.replace(CA3().output, V_th=-57.0)), "another output threshold"),
], ids=lambda x: x if isinstance(x, str) else "")
def test_the_circuit_leaves_the_recording_alike(parameters, name):
    change, cells = WRONG[name]
    mine = raster(EXPERIMENTS[1].run(parameters=parameters))
    assert mismatches(mine, oracle(1)) == cells
    assert mismatches(mine, oracle(1, Conventions(**change))) == 0


def test_the_circuit_with_nearest_spikes():
    rule = NearestSTDP(**{**STRONG, "A_plus": 6000.0, "A_minus": 6000.0})
    wrong = [mismatches(raster(EXPERIMENTS[k].run(parameters=changed(learning=rule))), oracle(k)) for k in EXPERIMENTS]
    assert wrong == [0, 0, 3]


# A memory


ORTHOGONAL = {0: {0, 1, 2}, 1: {3, 4}, 2: {5, 6, 7}}
SHARING = {0: {0, 1, 2, 3}, 1: {1, 2, 3, 4}, 2: {3}, 3: {0, 4, 5, 6, 7}}


def filled(contents, cues=5, bits=8, then=()):
    memory = Hippocampus(cues, bits)
    memory.run([*(Store(cue, content) for cue, content in contents.items()), *then])
    return memory


def assert_holds(memory, contents):
    """Every cue has its content, and every bit its cues; asked twice."""
    cues, bits = range(memory.cues), range(memory.contents)
    asked = [*(Recall(cue=cue) for cue in cues), *(Recall(content={bit}) for bit in bits)]
    by_bit = [{cue for cue in contents if bit in contents[cue]} for bit in bits]
    expected = [contents.get(cue, set()) for cue in cues] + by_bit
    assert list(memory.run(2 * asked).answers) == 2 * expected


@pytest.mark.parametrize("contents", [ORTHOGONAL, SHARING], ids=["orthogonal", "sharing bits"])
def test_recall_by_cue_and_by_fragment(contents):
    memory = filled(contents)
    for fragment in ({0, 1}, {1, 4}, [4, 3]):
        assert memory.recall(content=fragment) == {cue for cue, content in contents.items() if content & set(fragment)}
    assert memory.recall(cue=0) == contents[0]
    assert_holds(memory, contents)


def test_bits_that_are_asked_together_are_learned_together():
    """Of the published circuit; ``recall`` therefore asks for one bit at a time."""
    memory = filled({0: {0}, 1: {1}})
    memory.run([Recall(content={0, 1})] * 2)
    assert memory.run([Recall(content={0})]).answers == ({0, 1},)
    memory = filled({0: {0}, 1: {1}})
    assert [memory.recall(content={0, 1}) for _ in range(2)] == 2 * [{0, 1}] and memory.recall(content={0}) == {0}


@pytest.mark.parametrize("victim", [victim if victim in (1, 3) else pytest.param(victim, marks=pytest.mark.slow)
                                    for victim in SHARING])
def test_forgetting_leaves_nothing_and_spares_the_others(victim):
    memory = filled(SHARING, then=[Forget(victim)])
    assert_holds(memory, {cue: content for cue, content in SHARING.items() if cue != victim})
    memory.run([Store(victim, {2, 6})])
    assert_holds(memory, {**SHARING, victim: {2, 6}})


def test_one_call_per_operation():
    memory = Hippocampus(3, 6)
    memory.store(0, {0, 1})
    memory.store(1, {1, 2})
    memory.forget(0)
    assert (memory.recall(cue=0), memory.recall(cue=1), memory.recall(content={0, 1})) == (set(), {1, 2}, {1})


def test_what_forgetting_does_to_the_weights():
    rng = np.random.default_rng(5)
    contents = {cue: set(np.flatnonzero(rng.random(20) < p).tolist()) for cue, p in enumerate((0.2, 0.5, 0.9))}
    memory, record = filled(contents, 3, 20), [snn.RecordWeights("cue_to_content"), snn.RecordWeights("content_to_cue")]
    before = memory.run([Recall(cue=0)], record=record).result.weights
    after = memory.run([Forget(2)], record=record).result.weights
    there, back = (np.stack([w[name].data[-1].reshape(-1, n) for w in (before, after)]) / 6000.0
                   for name, n in (("cue_to_content", 20), ("content_to_cue", 3)))
    ideal = np.array([[bit in contents[cue] for bit in range(20)] for cue in range(3)])
    np.testing.assert_allclose(there[0], ideal, atol=0.04)
    np.testing.assert_allclose(back[0].T, ideal, atol=0.04)
    np.testing.assert_allclose(there[1, :2], ideal[:2], atol=0.04)
    np.testing.assert_allclose(back[1, :, :2].T, ideal[:2], atol=0.04)
    assert there[1, 2].max() == 0.0
    assert back[1, :, 2].sum() < 0.1, "all old bits together must stay far from the 0.55 that make the cue fire"


def test_learning_anew_leaves_half_of_the_way_back():
    """Of the published circuit: one old bit does not recall the cue, two together do; after forgetting they do not."""
    asked = [Store(0, {5}), Recall(cue=0), Recall(content={0}), Recall(content={0, 1})]
    assert Hippocampus(2, 6).run([Store(0, {0, 1, 2}), *asked]).answers[2:] == ({5}, set(), {0})
    assert Hippocampus(2, 6).run([Store(0, {0, 1, 2}), Forget(0), *asked]).answers[3:] == ({5}, set(), set())


def test_pieces_are_the_whole(tmp_path):
    operations = EXPERIMENTS[1].operations
    whole = EXPERIMENTS[1].run()
    first = Hippocampus(5, 10)
    one = first.run(operations[:5], duration=50)
    snn.save(first.state, tmp_path / "memory.h5")
    second = Hippocampus(5, 10, state=snn.load(tmp_path / "memory.h5"))
    two = second.run([dataclasses.replace(op, at=op.at - 50) for op in operations[5:]], duration=40)
    for name in POPULATIONS:
        assert np.array_equal(np.concatenate([one.raster(name), two.raster(name)]), whole.raster(name)), name
    assert one.answers + two.answers == whole.answers and second.time == 90.0


def test_one_cue_and_one_bit():
    asked = [Recall(cue=0), Recall(content=[0])]
    answers = Hippocampus(1, 1).run([Store(0, [0]), *asked, Forget(0), *asked]).answers
    assert answers == (None, {0}, {0}, None, set(), set())


def test_operations_follow_each_other_at_a_safe_distance():
    done = Hippocampus(2, 2).run([Store(0, [1]), Recall(cue=0, at=30), Forget(0), Recall(cue=0)])
    assert [op.at for op in done.operations] == [0, 30, 54, 102] and len(done.raster("out_cue")) == 126
    assert done.answers == (None, {1}, None, set())
    assert str(done).splitlines()[0].split()[2].startswith("|||....")


# Wrong input


@pytest.mark.parametrize(("operations", "message"), [
    ([Store(5, {0})], r"Store\.cue: is 5\. The memory has the cues 0 to 4\."),
    ([Store(-1, {0})], r"Store\.cue: is -1"),
    ([Store(True, {0})], r"Store\.cue: is True"),
    ([Store(0, {1, 10})], r"Store\.content: has 10\. Give numbers of bits, from 0 to 9"),
    ([Store(0, {0.5})], r"Store\.content: has 0\.5"),
    ([Store(0, ())], r"Store\.content: is empty"),
    ([Store(0, 3)], r"Store\.content: is 3\."),
    ([Recall()], r"Recall: cue is None and content is None\. Give one"),
    ([Recall(cue=0, content={1})], r"Recall: cue is 0 and content is \{1\}\. Give one"),
    ([Recall(content=[-1])], r"Recall\.content: has -1"),
    ([Forget(9)], r"Forget\.cue: is 9"),
    ([Store(0, {1}), Store(1, {1}, at=6)], r"Store\.at: operation 1 begins at 6 ms, .* Begin at 7 ms or later"),
    ([Recall(cue=0), Recall(cue=0, at=5)], r"Recall\.at: operation 1 begins at 5 ms, .* Begin at 6 ms or later"),
    ([Forget(0), Recall(cue=0, at=30)], r"Recall\.at: operation 1 begins at 30 ms, .* Begin at 31 ms or later"),
    ([Recall(cue=0, at=0.5)], r"Recall\.at: is 0\.5\. A whole number"),
    ([Recall(cue=0, at=float("nan"))], r"Recall\.at: is nan"),
    (["recall"], r"Hippocampus\.run\.operations\[0\]: is 'recall'"),
    ([], r"Hippocampus\.run\.operations: is empty"),
    (Forget(0), r"Hippocampus\.run\.operations: is Forget.* Give a list"),
], ids=lambda x: None)
def test_impossible_operations_are_refused_before_anything_runs(operations, message):
    memory = Hippocampus(5, 10)
    with pytest.raises(RunError, match=message):
        memory.run(operations)
    assert memory.state is None


def test_wrong_arguments_are_refused():
    for sizes, name in (((0, 3), "cues"), ((3, 2.0), "contents"), ((True, 3), "cues")):
        with pytest.raises(NetworkError, match=rf"Hippocampus\.{name}: is "):
            Hippocampus(*sizes)
    with pytest.raises(NetworkError, match=r"Hippocampus\.parameters: is \{\}"):
        Hippocampus(2, 2, parameters={})
    with pytest.raises(RunError, match=r"Hippocampus\.engine: runs several seeds"):
        Hippocampus(2, 2, engine=snn.Clocked(seeds=[1, 2]))
    with pytest.raises(NetworkError, match=r"CA3\.gate: is -1\.0\. It must be a number above 0"):
        CA3(gate=-1.0)
    with pytest.raises(RunError, match=r"Hippocampus\.run\.duration: is 6 ms\. The operations need at least 7 ms"):
        Hippocampus(2, 2).run([Recall(cue=0)], duration=6)
    with pytest.raises(RunError, match="simulate.state: its populations"):
        Hippocampus(3, 3, state=filled(ORTHOGONAL).state).recall(cue=0)
    with pytest.raises(RunError, match=r"Recording\.raster: there is no population 'out'\. The circuit has: in_cue"):
        Hippocampus(2, 2).run([Recall(cue=0)]).raster("out")
