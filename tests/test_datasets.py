"""Readers of data sets: the SHD layout, local search, packed files, the bundled excerpt."""
import gzip
import lzma
import pickle

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn.datasets import SHD, excerpt, find, sha256, verify
from snn.datasets.fsdd import UNSEEN, full
from snn.datasets.local import unpacked
from snn.datasets.make_fsdd_excerpt import RECORDINGS, chosen, excerpt_bytes
from snn.datasets.shd import load as load_shd
from snn.datasets.shd import load_ssc
from snn.errors import DataError, MissingFile, OutputError

ROWS = [([0.0, 0.001, 0.25], [3, 699, 0]), ([], []), ([0.5], [7])]


def write(path, rows=ROWS, labels=(1, 0, 2), speakers=(4, 4, 5), keys=("zero", "one", "two"), vlen=np.float16):
    with h5py.File(path, "w") as file:
        times = file.create_dataset("spikes/times", (len(rows),), h5py.vlen_dtype(vlen))
        units = file.create_dataset("spikes/units", (len(rows),), h5py.vlen_dtype(np.uint16))
        for k, (t, u) in enumerate(rows):
            times[k], units[k] = np.asarray(t, vlen), np.asarray(u, np.uint16)
        file["labels"] = np.asarray(labels, np.uint16)
        if speakers is not None:
            file["extra/speaker"] = np.asarray(speakers, np.uint16)
        if keys is not None:
            file["extra/keys"] = np.array(keys, dtype="S")
    return path


def edit(path, change):
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def test_values_labels_and_speakers(tmp_path):
    shd = SHD(write(tmp_path / "a.h5"))
    assert len(shd) == 3 and shd.keys == ("zero", "one", "two")
    assert shd.labels.tolist() == [1, 0, 2] and shd.speakers.tolist() == [4, 4, 5]
    sample = shd[0]
    assert (sample.label, sample.speaker, sample.spikes.n) == (1, 4, 700)
    assert sample.spikes.times.dtype == np.float64
    expected = np.array([0.0, 0.001, 0.25], np.float16).astype(np.float64) * 1e3
    assert sample.spikes.times.tolist() == expected.tolist() and sample.spikes.ids.tolist() == [3, 699, 0]
    assert sample.spikes.duration == 250.0
    assert len(shd[1].spikes) == 0 and shd[1].spikes.duration == 1.0


def test_is_a_sequence(tmp_path):
    shd = SHD(write(tmp_path / "a.h5"))
    assert [s.label for s in shd] == [1, 0, 2]
    assert shd[-1].label == shd[np.int64(2)].label == 2
    assert [s.label for s in shd[1:]] == [0, 2]
    with pytest.raises(IndexError, match="0..2"):
        shd[3]


def test_float16_is_cast_before_arithmetic(tmp_path):
    late = float(np.float16(70.0))
    shd = SHD(write(tmp_path / "a.h5", rows=[([late], [1])], labels=[0], speakers=[0]))
    assert shd[0].spikes.times[0] == late * 1e3   # in float16 this would be infinite


def test_optional_columns(tmp_path):
    shd = SHD(write(tmp_path / "a.h5", speakers=None, keys=None))
    assert shd.keys == () and shd.speakers.tolist() == [-1, -1, -1] and shd[0].speaker == -1


def test_unsorted_rows_are_sorted(tmp_path):
    shd = SHD(write(tmp_path / "a.h5", rows=[([0.5, 0.25], [1, 2])], labels=[0], speakers=[0]))
    assert shd[0].spikes.ids.tolist() == [2, 1]


def test_closed_and_pickled_readers_open_the_file_again(tmp_path):
    with SHD(write(tmp_path / "a.h5")) as shd:
        copy = pickle.loads(pickle.dumps(shd))
    assert shd[0].spikes == copy[0].spikes and copy.labels.tolist() == [1, 0, 2]


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(st.lists(st.tuples(st.integers(0, 2047), st.integers(0, 699)), max_size=20), min_size=1,
                     max_size=5))
def test_round_trip(tmp_path_factory, rows):
    rows = [sorted(row) for row in rows]   # multiples of 1/2048 s are exact in float16
    path = tmp_path_factory.mktemp("shd") / "a.h5"
    write(path, [([t / 2048 for t, _ in r], [u for _, u in r]) for r in rows], np.zeros(len(rows)), None, None)
    with SHD(path) as shd:
        for row, sample in zip(rows, shd, strict=True):
            assert sample.spikes.times.tolist() == [t / 2048 * 1e3 for t, _ in row]
            assert sample.spikes.ids.tolist() == [u for _, u in row]


@pytest.mark.parametrize("opener, suffix", [(lzma.open, ".xz"), (gzip.open, ".gz")])
def test_packed_files_are_unpacked_once(tmp_path, opener, suffix):
    plain = write(tmp_path / "a.h5")
    packed = tmp_path / f"b.h5{suffix}"
    with opener(packed, "wb") as file:
        file.write(plain.read_bytes())
    cache = tmp_path / "cache"
    assert SHD(packed, cache=cache)[0].spikes == SHD(plain)[0].spikes
    made = list(cache.iterdir())
    stamp = made[0].stat().st_mtime_ns
    assert unpacked(packed, cache=cache) == made[0] and made[0].stat().st_mtime_ns == stamp and len(made) == 1


@pytest.mark.parametrize("opener, suffix", [(lzma.open, ".xz"), (gzip.open, ".gz")])
@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"foreign" * 40])
def test_damaged_packed_file(tmp_path, opener, suffix, damage):
    packed = tmp_path / f"b.h5{suffix}"
    with opener(packed, "wb") as file:
        file.write(np.random.default_rng(0).bytes(5000))
    packed.write_bytes(damage(packed.read_bytes()))
    with pytest.raises(DataError, match=packed.name):
        SHD(packed, cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_cache_that_cannot_be_written(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    packed = tmp_path / "b.h5.xz"
    packed.write_bytes(lzma.compress(write(tmp_path / "a.h5").read_bytes()))
    with pytest.raises(OutputError, match="cache"):
        SHD(packed, cache=blocked / "sub")
    monkeypatch.setenv("SNN_CACHE_DIR", str(blocked))
    assert len(SHD(packed)) == 3   # the default falls back to a temporary folder
    monkeypatch.setenv("SNN_CACHE_DIR", str(tmp_path / "mine"))
    assert len(SHD(packed)) == 3 and len(list((tmp_path / "mine" / "data").iterdir())) == 1


def test_missing_file_says_where_to_get_it(tmp_path):
    with pytest.raises(MissingFile, match=r"zenkelab.*SNN_DATA"):
        SHD(tmp_path / "none.h5")


def test_the_parts_of_both_heidelberg_sets(tmp_path, monkeypatch):
    monkeypatch.setattr("snn.datasets.local.places", lambda folder=None: (tmp_path,))
    for load, name, parts in ((load_shd, "shd", "train test"), (load_ssc, "ssc", "train valid test")):
        (tmp_path / name).mkdir()
        with pytest.raises(MissingFile, match="zenkelab.*SNN_DATA"):
            load()
        for part, suffix in zip(parts.split(), ("", ".gz", ".xz"), strict=False):
            plain = write(tmp_path / "a.h5", labels=(0, 1, len(part) % 3)).read_bytes()
            packed = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress}[suffix](plain)
            (tmp_path / name / f"{name}_{part}.h5{suffix}").write_bytes(packed)
        found = load(cache=tmp_path / "cache")
        assert [s.labels[2] for s in found] == [len(part) % 3 for part in parts.split()]
        with pytest.raises(MissingFile, match="SHA256SUMS"):
            load(check=True)


def test_some_samples_of_a_set(tmp_path):
    whole = SHD(write(tmp_path / "a.h5"))
    part = whole.take(whole.speakers == 4)
    assert part.labels.tolist() == [1, 0] and part.speakers.tolist() == [4, 4]
    assert part[1].spikes == whole[1].spikes and len(part.take([1])) == 1
    with pytest.raises(IndexError, match="0..1"):
        part[2]


def test_foreign_and_truncated_files(tmp_path):
    foreign = tmp_path / "f.h5"
    foreign.write_text("not HDF5")
    with pytest.raises(DataError, match="f.h5"):
        SHD(foreign)
    whole = write(tmp_path / "a.h5", rows=[([0.1] * 3000, [1] * 3000)] * 3)
    cut = tmp_path / "cut.h5"
    for keep in (100, 2000, whole.stat().st_size - 4000):
        cut.write_bytes(whole.read_bytes()[:keep])
        with pytest.raises(DataError, match="cut.h5"):
            SHD(cut)[2]


@pytest.mark.parametrize("change, place", [
    (lambda f: f.pop("spikes/units"), "/spikes/units"),
    (lambda f: f.pop("labels"), "/labels"),
    (lambda f: (f.pop("labels"), f.update(labels=[0, 1])), "different length"),
    (lambda f: (f.pop("labels"), f.update(labels=[0.5, 1, 2])), "/labels"),
    (lambda f: (f.pop("labels"), f.update(labels=[0, 1, 9])), "/labels has label 9"),
    (lambda f: (f.pop("spikes/times"), f["spikes"].update(times=np.zeros((3, 4)))), "/spikes/times"),
    (lambda f: (f.pop("extra/speaker"), f["extra"].update(speaker=[1])), "/extra/speaker"),
])
def test_wrong_layout_names_the_place(tmp_path, change, place):
    path = edit(write(tmp_path / "a.h5"), change)
    with pytest.raises(DataError, match=place) as caught:
        SHD(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("row, place", [
    (([0.1, np.nan], [1, 2]), r"/spikes/times\[1\]"),
    (([-0.1, 0.2], [1, 2]), r"/spikes/times\[1\]"),
    (([0.1, 0.2], [1, 700]), r"/spikes/units\[1\].*0\.\.699"),
    (([0.1, 0.2], [1]), r"/spikes/times\[1\]"),
])
def test_bad_sample_names_the_row(tmp_path, row, place):
    shd = SHD(write(tmp_path / "a.h5", rows=[ROWS[0], row, ROWS[2]]))
    assert len(shd[0].spikes) == 3
    with pytest.raises(DataError, match=place):
        shd[1]


def test_more_units_may_be_asked_for(tmp_path):
    path = write(tmp_path / "a.h5", rows=[([0.1], [700])], labels=[0], speakers=None)
    assert SHD(path, units=701)[0].spikes.n == 701


def test_find_goes_by_order(tmp_path, monkeypatch):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        (folder / "set").mkdir(parents=True)
        (folder / "set" / "x.bin.xz").write_bytes(b"1")
    monkeypatch.setenv("SNN_DATA", str(second))
    assert find("set/x.bin.xz", folder=first) == first / "set" / "x.bin.xz"
    assert find("set/x.bin.xz") == second / "set" / "x.bin.xz"
    (second / "x.bin").write_bytes(b"2")
    (second / "set" / "x.bin").write_bytes(b"2")
    assert find("set/x.bin.xz") == second / "set" / "x.bin"
    with pytest.raises(MissingFile, match="SNN_DATA") as caught:
        find("set/none.bin", source="nowhere.example")
    assert "nowhere.example" in str(caught.value) and str(second) in str(caught.value)


def test_checksum(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    right = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256(path) == right and verify(path, right.upper()) == path
    with pytest.raises(DataError, match="sha256"):
        verify(path, "0" * 64)
    with pytest.raises(DataError, match="sha256"):
        SHD(write(tmp_path / "a.h5"), sha256=right)


def test_excerpt_is_what_its_text_says(tmp_path):
    train, test = excerpt(cache=tmp_path)
    assert (len(train), len(test)) == (160, 130) and train.keys[3] == "three"
    for shd, counts in ((train, RECORDINGS["train"]), (test, RECORDINGS["test"])):
        pairs = list(zip(shd.labels.tolist(), shd.speakers.tolist(), strict=True))
        assert {p: pairs.count(p) for p in pairs} == {(d, s): c for d in range(10) for s, c in counts.items()}
    assert UNSEEN not in train.speakers and (test.speakers == UNSEEN).sum() == 50
    times = train[5].spikes.times
    assert len(times) > 2000 and np.abs(times - np.round(times)).max() < 0.5   # float16 of a whole ms
    with h5py.File(train._plain) as file:
        assert "CC BY-SA 4.0" in file.attrs["license"] and "Free Spoken Digit Dataset" in file.attrs["source"]


def test_excerpt_comes_from_the_full_files(tmp_path):
    try:
        sets = full(cache=tmp_path)
    except MissingFile as missing:
        pytest.skip(str(missing))
    again = tmp_path / "again.h5"
    again.write_bytes(excerpt_bytes(sets[1], chosen(sets[1], RECORDINGS["test"])))
    mine = excerpt(cache=tmp_path)[1]
    assert all(a.spikes == b.spikes for a, b in zip(mine, SHD(again), strict=True))
