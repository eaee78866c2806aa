"""CSV and NPZ: other programs read what was recorded, and what they write is read; damaged files are refused."""
import csv
import errno
import io
import itertools
import json
import os
import zipfile

import numpy as np
import pytest
from analysis_results import DT, assert_same, made_result
from hypothesis import given, settings
from hypothesis import strategies as st

from snn.errors import DataError, MissingFile, OutputError, RunError
from snn.export import archive, tables
from snn.result import Result
from snn.spikes import Spikes


@pytest.fixture(scope="module")
def result():
    return made_result()


@pytest.fixture(scope="module")
def folder(result, tmp_path_factory):
    folder = tmp_path_factory.mktemp("csv") / "new" / "tables"
    tables.write_csv(result, folder)
    return folder


@pytest.fixture(scope="module")
def ours(result, tmp_path_factory):
    return tables.write_npz(result, tmp_path_factory.mktemp("npz") / "run.npz")


def rows(path):
    with open(path, newline="") as stream:
        return list(csv.reader(stream))


def test_csv_holds_every_number_exactly(result, folder):
    header, *body = rows(folder / "spikes.csv")
    assert header == ["population", "neuron", "time [ms]"]
    exc = result.spikes["exc"]
    assert [row[0] for row in body] == ["exc"] * len(exc)
    np.testing.assert_array_equal([float(row[2]) for row in body], exc.times)
    np.testing.assert_array_equal([int(row[1]) for row in body], exc.ids)
    header, *body = rows(folder / "exc.v.csv")
    assert header == ["time [ms]", "5 [mV]", "2 [mV]", "39 [mV]"]
    v = result.traces["exc", "v"]
    np.testing.assert_array_equal(np.array(body, float), np.column_stack([v.times, v.data]))
    header, *body = rows(folder / "exc.g.csv")
    np.testing.assert_array_equal(np.array(body, float)[:, 1:].astype(np.float32), result.traces["exc", "g"].data)
    assert max(len(row[1]) for row in body) < 13, "single precision needs 9 digits at most"
    header, *body = rows(folder / "weights.e_e.trace.csv")
    assert header == ["time [ms]", "pre", "post", "trace"]
    np.testing.assert_array_equal(np.array(body, float)[:, 3].reshape(3, 3), result.weights["e_e.trace"].data)
    assert [row[:3] for row in body[:3]] == [["800.0", "0", "1"], ["800.0", "0", "2"], ["800.0", "3", "0"]]


def test_csv_says_what_was_run(result, folder):
    said = json.loads((folder / "result.json").read_text())
    assert said["meta"] == result.meta
    assert said["populations"]["exc"] == {"n": 40, "start": 7000 * DT, "duration": 400.0}


def test_csv_of_spikes_is_read_back(result, folder, tmp_path):
    """With what stands beside the file, or with what is said."""
    assert tables.read_spikes_csv(folder / "spikes.csv") == dict(result.spikes)
    (tmp_path / "s.csv").write_bytes((folder / "spikes.csv").read_bytes())
    window = {"start": 7000 * DT, "duration": 400.0}
    assert tables.read_spikes_csv(tmp_path / "s.csv", n=40, **window) == {"exc": result.spikes["exc"]}


@pytest.mark.parametrize("text", ["{", "[1]", '{"populations": {"exc": {"n": 40}}}', '{"populations": [3]}',
                                  '{"populations": {"exc": {"n": "a", "start": 700.0, "duration": 400.0}}}',
                                  '{"populations": {"exc": {"n": 1, "start": 700.0, "duration": 400.0}}}',
                                  '{"populations": {"exc": {"n": 40, "start": "x", "duration": null}}}',
                                  '{"populations": {"exc": {"n": 40, "start": 800.0, "duration": 400.0}}}'])
def test_a_damaged_description_is_refused(folder, tmp_path, text):
    (tmp_path / "spikes.csv").write_bytes((folder / "spikes.csv").read_bytes())
    (tmp_path / "result.json").write_text(text)
    with pytest.raises(DataError, match="result.json|spikes.csv"):
        tables.read_spikes_csv(tmp_path / "spikes.csv")
    (tmp_path / "result.json").write_text('{"of": "another program"}')
    assert tables.read_spikes_csv(tmp_path / "spikes.csv")["exc"].start == 0.0


@pytest.mark.parametrize("text, options, times, ids, window", [
    ("time [s],neuron\n0.5,3\n0.25,0\n", {}, [250.0, 500.0], [0, 3], (4, 0.0, 500.0)),
    ("\ufeffNeuron;TIME\n1;2.5\n", {"delimiter": ";"}, [2.5], [1], (2, 0.0, 2.5)),
    ("population node_ids timestamps\na 0 -1.5\n", {"delimiter": " "}, [-1.5], [0], (1, -1.5, 0.0)),
    ("t_us,id,comment\n1500,7,\"a, b\"\n", {"n": 9, "duration": 3.0}, [1.5], [7], (9, 0.0, 3.0)),
])
def test_csv_of_other_programs_is_read(tmp_path, text, options, times, ids, window):
    (tmp_path / "s.csv").write_text(text, encoding="utf-8")
    (spikes,) = tables.read_spikes_csv(tmp_path / "s.csv", **options).values()
    assert (spikes.times.tolist(), spikes.ids.tolist()) == (times, ids)
    assert (spikes.n, spikes.start, spikes.duration) == window


@pytest.mark.parametrize("data, word", [
    (b"", "columns"),
    (b"a,b\n1,2\n", "columns"),
    (b"time,neuron\n1.0\n", "row 2"),
    (b"time,neuron\n1.0,0\n1.0,0.5\n", "row 3"),
    (b"time,neuron\n1.0,0\nsoon,0\n", "row 3"),
    (b"time,neuron\n1.0,99999999999999999999\n", "row 2"),
    (b"time,neuron\n1.0,-1\n", "neurons -1"),
    (b"time,neuron\n1.0,3000000000\n", "neurons 3000000000"),
    (b"time,neuron\nnan,0\n", "finite"),
    (b"time,neuron\n\xff\xfe,0\n", "UTF-8"),
    (b"time,neuron\n\"1.0,0\n", "CSV"),
    (b"time,neuron\n" + b"1" * 200_000 + b",0\n", "CSV"),
    (b"time,neuron,population\n" + b"".join(b"1.0,0,p%d\n" % i for i in range(10_001)), "10001 populations"),
], ids=itertools.count())
def test_csv_that_is_damaged_is_refused(tmp_path, data, word):
    (tmp_path / "bad.csv").write_bytes(data)
    with pytest.raises(DataError, match=f"bad.csv.*{word}"):
        tables.read_spikes_csv(tmp_path / "bad.csv")


def test_csv_files_are_not_overwritten_and_stay_in_their_folder(result, folder, tmp_path):
    with pytest.raises(RunError, match="exists"):
        tables.write_csv(result, folder)
    tables.write_csv(result, folder, overwrite=True)
    for name in ("../x", "a\\b", ".hidden", "a\nb"):
        bad = Result(spikes={}, weights={}, traces={(name, "v"): result.traces["exc", "v"]})
        with pytest.raises(DataError, match="name of a file"):
            tables.write_csv(bad, tmp_path / "none")
    with pytest.raises(DataError, match="JSON"):
        tables.write_csv(Result(spikes={}, traces={}, weights={}, meta={"a": object()}), tmp_path / "none")
    assert not (tmp_path / "none").exists()
    with pytest.raises(MissingFile, match="absent.csv"):
        tables.read_spikes_csv(tmp_path / "absent.csv")


def test_npz_comes_back_bit_for_bit(result, ours, tmp_path):
    assert_same(result, tables.read_npz(ours))
    again = tables.write_npz(tables.read_npz(ours), tmp_path / "again.npz")
    assert again.read_bytes() == ours.read_bytes()
    empty = Result(spikes={"a": Spikes([], [], 0, 0.0)}, traces={}, weights={}, meta={})
    assert_same(empty, tables.read_npz(tables.write_npz(empty, tmp_path / "empty.npz")))


def test_npz_of_an_archive(result, tmp_path):
    part = Result(spikes=result.spikes, traces={k: v for k, v in result.traces.items() if k[0] == "exc"},
                  weights=result.weights, meta=result.meta)
    archive.write(part, tmp_path / "run.h5")
    tables.write_npz(archive.open(tmp_path / "run.h5"), tmp_path / "run.npz")
    assert_same(part, tables.read_npz(tmp_path / "run.npz"))


def test_numpy_opens_it(result, ours):
    with np.load(ours, allow_pickle=False) as file:
        np.testing.assert_array_equal(file["spikes/exc/times"], result.spikes["exc"].times)
        np.testing.assert_array_equal(file["traces/exc/g/data"], result.traces["exc", "g"].data)
        assert file["traces/exc/g/data"].dtype == np.float32 and file["weights/e_e/pre"].tolist() == [0, 0, 3]
        assert json.loads(str(file["layout"]))["meta"] == result.meta


@settings(max_examples=30)
@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.integers(0, 4)), max_size=20), st.integers(0, 3))
def test_any_spikes_come_back_from_npz_and_csv(tmp_path_factory, pairs, extra):
    times, ids = [t for t, _ in pairs], [i for _, i in pairs]
    spikes = Spikes(times, ids, 5 + extra, max(times, default=0.0) - min(times, default=0.0), min(times, default=0.0))
    result = Result(spikes={"a b, \"c\"": spikes}, traces={}, weights={}, meta={})
    folder = tmp_path_factory.getbasetemp() / "any"
    tables.write_csv(result, folder, overwrite=True)
    tables.write_npz(result, folder / "a.npz", overwrite=True)
    assert dict(tables.read_npz(folder / "a.npz").spikes) == result.spikes
    assert tables.read_spikes_csv(folder / "spikes.csv") == result.spikes


def npz(members, compression=zipfile.ZIP_STORED):
    """Bytes of a zip archive; arrays become .npy members, bytes stay."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as file:
        for name, value in members.items():
            if not isinstance(value, bytes):
                part = io.BytesIO()
                np.save(part, value)
                value = part.getvalue()
            file.writestr(f"{name}.npy", value)
    return stream.getvalue()


def layout(**changes):
    windows = {"a": {"n": 2, "start": 0.0, "duration": 9.0}}
    base = {"format": "snn-npz", "version": 1, "meta": {}, "populations": windows, "traces": [], "weights": []}
    return np.array(json.dumps(base | changes))


def header(shape, descr="<f8"):
    part = io.BytesIO()
    np.lib.format.write_array_header_1_0(part, {"descr": descr, "fortran_order": False, "shape": shape})
    return part.getvalue()


GOOD = {"layout": layout(), "spikes/a/times": np.array([1.0, 2.0]), "spikes/a/ids": np.array([0, 1])}


def test_npz_of_savez_is_read(tmp_path):
    """Compressed, big-endian and in Fortran order, as numpy may write it."""
    trace = {"traces/a/v/ids": np.array([0, 1], ">i2"), "traces/a/v/times": np.array([1.0], ">f8"),
             "traces/a/v/data": np.asfortranarray([[1.0, 2.0]])}
    np.savez_compressed(tmp_path / "a.npz", **GOOD | trace | {"layout": layout(traces=[["a", "v", "mV"]])})
    read = tables.read_npz(tmp_path / "a.npz")
    assert read.spikes["a"] == Spikes([1.0, 2.0], [0, 1], 2, 9.0)
    assert read.traces["a", "v"].data.tolist() == [[1.0, 2.0]] and read.traces["a", "v"].ids.tolist() == [0, 1]


@pytest.mark.parametrize("make, word", [
    (lambda: b"PK no zip", "damaged"),
    (lambda: npz({"x": np.zeros(3)}), "no 'layout'"),
    (lambda: npz(GOOD | {"layout": layout(version=2)}), "version 2"),
    (lambda: npz(GOOD | {"layout": layout(format="other")}), "other"),
    (lambda: npz(GOOD | {"layout": np.array(3)}), "layout"),
    (lambda: npz(GOOD | {"layout": np.array("[")}), "damaged"),
    (lambda: npz(GOOD | {"layout": layout(traces=[["a", "v", "mV"]])}), "traces/a/v"),
    (lambda: npz(GOOD | {"layout": layout(populations={"a": {"n": 1, "start": 0.0, "duration": 9.0}})}), "no neuron 1"),
    (lambda: npz(GOOD | {"layout": layout(populations={"a": {"n": 2}})}), "duration"),
    (lambda: npz(GOOD | {"spikes/a/ids": np.array([0])}), "shape"),
    (lambda: npz(GOOD | {"spikes/a/ids": np.array([0, -1])}), "no neuron -1"),
    (lambda: npz(GOOD | {"spikes/a/times": np.array(["a", "b"])}), "kind f"),
    (lambda: npz(GOOD | {"spikes/a/times": np.zeros((2, 1))}), "1 dimensions"),
    (lambda: npz(GOOD | {"spikes/a/times": np.array([{}, {}], object)}), "kind f"),
    (lambda: npz(GOOD | {"spikes/a/times": np.array([1.0, np.nan])}), "nan"),
    (lambda: npz(GOOD | {"spikes/a/times": header((2**60,)) + bytes(16)}), "declares"),
    (lambda: npz(GOOD | {"spikes/a/times": header((-2,)) + bytes(16)}), "shape"),
    (lambda: npz(GOOD | {"spikes/a/times": header((2,)) + bytes(15)}), "declares"),
    (lambda: npz(GOOD | {"spikes/a/times": b"\x93NUMPY\x01\x00\xff\xff{" + b"(" * 65000}), "damaged"),
    (lambda: npz(GOOD | {"spikes/a/times": bytes(66 << 20)}, zipfile.ZIP_DEFLATED), "declares"),
    (lambda: npz(GOOD, zipfile.ZIP_LZMA), "methods"),
])
def test_npz_that_is_damaged_or_hostile_is_refused(tmp_path, make, word):
    (tmp_path / "bad.npz").write_bytes(make())
    with pytest.raises(DataError, match=f"bad.npz.*{word}"):
        tables.read_npz(tmp_path / "bad.npz")


def test_npz_cut_anywhere_is_refused(ours, tmp_path):
    whole = ours.read_bytes()
    for size in np.linspace(0, len(whole) - 1, 40, dtype=int):
        (tmp_path / "cut.npz").write_bytes(whole[:size])
        with pytest.raises(DataError, match="cut.npz"):
            tables.read_npz(tmp_path / "cut.npz")
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    (tmp_path / "cut.npz").write_bytes(flipped)
    with pytest.raises(DataError, match="cut.npz.*CRC"):
        tables.read_npz(tmp_path / "cut.npz")


@pytest.mark.parametrize("write, name", [(tables.write_npz, "a.npz"), (tables.write_csv, "csv")])
def test_a_full_disk_leaves_no_half_file(result, tmp_path, monkeypatch, write, name):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OutputError, match=f"{name}.*No space left"):
        write(result, tmp_path / name)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_npz_files_are_not_overwritten(result, ours, tmp_path):
    with pytest.raises(RunError, match="exists"):
        tables.write_npz(result, ours)
    with pytest.raises(DataError, match="'a/b'"):
        tables.write_npz(Result(spikes={"a/b": Spikes([], [], 1, 1.0)}, traces={}, weights={}), tmp_path / "a.npz")
    with pytest.raises(MissingFile, match="absent.npz"):
        tables.read_npz(tmp_path / "absent.npz")
    assert not list(tmp_path.iterdir())
