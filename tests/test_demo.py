"""The demo: its parts against hand-made numbers, and a small whole run."""
import json
from types import SimpleNamespace

import numpy as np
import pytest

from snn.demo import Sizes, run
from snn.demo.coba import facts, network
from snn.demo.digits import Reservoir, Slots, recordings, score
from snn.demo.training import Recipe, learn
from snn.errors import RunError
from snn.spikes import Spikes

SLOTS = Slots(length=100.0, silence=40.0)


def sample(times, ids, n=4, label=0, speaker=0):
    return SimpleNamespace(spikes=Spikes(np.array(times, float), np.array(ids), n, 90.0), label=label, speaker=speaker)


def test_recordings_are_laid_end_to_end_on_whole_ms_and_cut():
    laid = SLOTS.lay([sample([0.0, 10.4, 60.2, 80.0], [0, 1, 2, 3]), sample([10.6], [3])])
    assert laid.duration == 200.0 and laid.n == 4
    assert laid.times.tolist() == [1.0, 10.0, 60.0, 111.0] and laid.ids.tolist() == [0, 1, 2, 3]


def test_counts_by_slot_group_and_window():
    spikes = Spikes([1.0, 20.0, 20.1, 100.0, 101.0, 150.0], [0, 1, 1, 2, 3, 0], 4, 200.0)
    counts = SLOTS.counts(spikes, bins=2, width=20.0, group=2)
    # a window is closed on the right; the spike at 100 ms is the end of slot 0 and beyond its windows
    assert counts.tolist() == [[2, 1, 0, 0], [0, 0, 1, 0]]
    assert SLOTS.counts(spikes, bins=5, width=20.0).sum() == len(spikes)


def test_recordings_are_numbered_within_label_and_speaker():
    assert recordings(np.array([0, 1, 0, 0]), np.array([2, 2, 2, 3])).tolist() == [0, 0, 1, 0]


def test_score_fits_on_training_rows_only():
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 4
    features = np.eye(4)[labels] + 0.01 * rng.normal(size=(40, 4))
    part = type("Part", (SimpleNamespace,), {"__len__": lambda self: len(self.labels)})
    train = part(labels=labels[:32], speakers=np.arange(32) // 4 % 2)
    test = part(labels=labels[32:], speakers=np.array([2, 2, 2, 2, 0, 0, 0, 0]))
    result = score("x", features, train, test, 2)
    assert (result.validation, result.known, result.unseen) == (1.0, 1.0, 1.0)
    wrong = features.copy()
    wrong[32:36] = np.roll(np.eye(4), 1, axis=1)
    assert score("x", wrong, train, test, 2).unseen == 0.0 and score("x", wrong, train, test, 2).known == 1.0


def test_coba_network_has_the_published_numbers():
    net = network(4000)
    assert [p.n for p in net.populations.values()] == [3200, 800]
    assert {(p.port, p.weight, p.delay, p.rule.p) for p in net.projections.values()} == {
        ("exc", 6.0, 0.1, 0.02), ("inh", 67.0, 0.1, 0.02)} and len(net.projections) == 4
    found = facts({"a": Spikes([1.0, 2.0, 3.0, 4.0], [0, 0, 0, 0], 2, 1000.0), "b": Spikes([], [], 2, 1000.0)})
    assert found["rate_hz"] == 1.0 and found["cv_isi"] == pytest.approx(0.0, abs=1e-9)


def tiny_data():
    from snn.datasets import excerpt

    class Few:
        def __init__(self, shd, picks):
            self.shd, self.picks = shd, picks
            self.labels, self.speakers = shd.labels[picks], shd.speakers[picks]

        def __len__(self):
            return len(self.picks)

        def __iter__(self):
            return (self.shd[int(pick)] for pick in self.picks)

    train, test = excerpt()
    return Few(train, np.flatnonzero(train.labels < 2)), Few(test, np.flatnonzero(test.labels < 2)[:12])


def small():
    return Sizes(coba_cells=500, coba_ms=50.0, reservoir=Reservoir(cells=100), recipe=Recipe(hidden=24, epochs=8))


@pytest.fixture(scope="module")
def small_run(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "out"
    return out, run(out, quiet=True, seed=2, sizes=small(), data=tiny_data)


def test_small_demo_writes_what_it_lists(small_run, capsys):
    out, numbers = small_run
    names = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert {"coba/run.h5", "coba/overview.png", "coba/sonata/spikes.h5", "digits/run.h5", "digits/digits.png",
            "digits/sonata_spikes.h5", "training/log.jsonl", "training/checkpoint.pt", "training/run.h5",
            "training/training.png", "numbers.json"} <= names
    assert json.loads((out / "numbers.json").read_text()) == numbers
    assert (out / "digits/digits.png").read_bytes()[:4] == b"\x89PNG"
    assert [row["name"] for row in numbers["digits"]][0].startswith("channel counts")
    assert all(0.0 <= row[part] <= 1.0 for row in numbers["digits"] for part in ("validation", "known", "unseen"))
    assert numbers["digits"][2]["validation"] > 0.6   # two digits: chance 0.5


def test_archives_open_and_libsonata_reads_the_export(small_run):
    import snn
    out, numbers = small_run
    spikes = snn.open(out / "coba/run.h5").spikes
    assert sum(len(s) for s in spikes.values()) == numbers["coba"]["spikes"] > 0
    libsonata = pytest.importorskip("libsonata")
    reader = libsonata.SpikeReader(str(out / "coba/sonata/spikes.h5"))
    assert len(reader["exc"].get()) == len(spikes["exc"])


def test_numbers_depend_on_the_seed_alone(small_run, tmp_path, capsys):
    _, numbers = small_run
    assert run(tmp_path / "again", quiet=True, seed=2, sizes=small(), data=tiny_data) == numbers
    text = capsys.readouterr()
    assert "What lies where" in text.out and str(tmp_path / "again") in text.out and text.err == ""


def test_a_folder_that_holds_something_is_refused_before_anything_runs(tmp_path):
    (tmp_path / "mine").write_text("x")
    for out in (tmp_path, tmp_path / "mine"):
        with pytest.raises(RunError, match="demo.out"):
            run(out)
    assert (tmp_path / "mine").read_text() == "x" and len(list(tmp_path.iterdir())) == 1


def test_the_trained_network_fires_the_same_spikes_when_deployed(small_run):
    _, numbers = small_run
    found = numbers["training"]
    assert found["spikes"] > 100 and found["differing"] == 0
    assert 0.0 <= found["known"] <= 1.0 and 0.0 <= found["unseen"] <= 1.0 and 0.0 < found["delay_ms"] < 190.0


def test_one_part_alone(tmp_path, capsys):
    sizes = Sizes(recipe=Recipe(hidden=8, epochs=1))
    numbers = run(tmp_path / "out", quiet=True, seed=2, sizes=sizes, data=tiny_data, only=["training"])
    assert set(numbers) == {"seed", "training"} and not (tmp_path / "out" / "coba").exists()
    assert "as torch" in capsys.readouterr().out
    with pytest.raises(RunError, match="demo.only: there is no part 'digit'"):
        run(tmp_path / "other", only=["digit"])
    assert not (tmp_path / "other").exists()


@pytest.mark.slow
def test_learned_delays_beat_the_floor():
    from snn.datasets import excerpt
    from snn.datasets.fsdd import UNSEEN
    from snn.demo.training import floor
    train, test = excerpt()
    ridge, (_, _, found) = floor(train, test, UNSEEN), learn(Recipe(), train, test, UNSEEN, seed=1)
    assert found.known > ridge.known and found.unseen > ridge.unseen and found.differing == 0


@pytest.mark.slow
def test_reservoir_beats_the_floor(tmp_path):
    rows = run(tmp_path / "out", quiet=True)["digits"]
    assert rows[2]["validation"] > rows[0]["validation"] and rows[2]["known"] > rows[0]["known"]
