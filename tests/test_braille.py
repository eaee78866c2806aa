"""Braille: columns, split by repetition, damaged files, and the floor of the real ones."""
import numpy as np
import pytest

from snn.datasets import braille
from snn.errors import DataError, MissingFile
from snn.readout import choose_penalty, fit


def columns(n=6, steps=5):
    rng = np.random.default_rng(0)
    return {"taxels": rng.integers(0, 256, (n, steps, 12), np.uint8), "length": np.full(n, steps - 1, np.uint8),
            "letter": np.arange(n, dtype=np.uint8) % 2, "repetition": np.arange(n, dtype=np.uint8) // 2,
            "letters": np.array(["A", "B"])}


def write(path, **values):
    np.savez_compressed(path, **values)
    return path


def test_columns_and_split(tmp_path):
    given = columns()
    (tmp_path / "braille").mkdir()
    write(tmp_path / "braille" / "braille_taxels.npz", **given)
    train, test = braille.load(folder=tmp_path, first_test=2)
    assert train.repetitions.tolist() == [0, 0, 1, 1] and test.repetitions.tolist() == [2, 2]
    assert (test.taxels == given["taxels"][4:]).all() and test.labels.tolist() == [0, 1] and test.names == ("A", "B")
    assert (train.drive([1, 10]) == 255 - given["taxels"][:4][:, :, [1, 10]]).all() and train.drive().dtype == np.uint8
    with pytest.raises(DataError, match="first_test: is 3"):
        braille.load(folder=tmp_path, first_test=3)


@pytest.mark.parametrize("change, place", [
    ({"taxels": np.zeros((6, 5, 12))}, "taxels is float64"),
    ({"taxels": np.zeros((6, 5), np.uint8)}, "taxels is uint8 of shape"),
    ({"letter": np.zeros(5, np.uint8)}, "letter is uint8 of shape"),
    ({"letter": np.full(6, 2, np.uint8)}, r"letter holds 2\.\.2 for 2"),
    ({"length": np.full(6, 6, np.uint8)}, r"length holds 6\.\.6 for 5"),
    ({"repetition": np.zeros(6)}, "repetition is float64"),
    ({"letters": None}, "letters is missing"),
    ({"letters": np.array([{}, {}], object)}, "damaged"),
])
def test_wrong_content(tmp_path, change, place):
    values = {name: value for name, value in {**columns(), **change}.items() if value is not None}
    with pytest.raises(DataError, match=f"a.npz.*{place}"):
        braille.read(write(tmp_path / "a.npz", **values))


def test_truncated_flipped_foreign_and_missing_files(tmp_path):
    path = write(tmp_path / "a.npz", **columns())
    whole = path.read_bytes()
    good = braille.read(path)
    for keep in (0, 10, len(whole) // 2, len(whole) - 3):
        path.write_bytes(whole[:keep])
        with pytest.raises(DataError, match="a.npz"):
            braille.read(path)
    noticed = 0
    for at in range(0, len(whole), 23):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x20]) + whole[at + 1:])
        try:
            other = braille.read(path)
        except DataError:
            noticed += 1
        else:   # a byte of the archive's own notes, times for instance
            assert (other.taxels == good.taxels).all() and (other.labels == good.labels).all()
    assert noticed > len(range(0, len(whole), 23)) // 2
    path.write_text("no archive")
    with pytest.raises(DataError, match="a.npz"):
        braille.read(path)
    with pytest.raises(MissingFile, match="fzenke/spytorch.*SNN_DATA"):
        braille.read(tmp_path / "none.npz")


def test_real_file(data_dir):
    train, test = braille.load(folder=data_dir, check=True)
    assert (len(train), len(test), len(train.names)) == (1080, 270, 27) and train.names[:2] == ("Space", "A")
    assert set(np.unique(train.lengths)) == {76, 77}
    drive = train.drive()
    assert (drive[train.lengths == 76, 76] == 0).all()
    assert np.flatnonzero((drive != drive[:1, :1]).any((0, 1))).tolist() == [1, 2, 6, 10]


@pytest.mark.slow
def test_ridge_reaches_its_floor(data_dir):
    train, test = braille.load(folder=data_dir)
    x, z = (part.drive([1, 2, 6, 10]).reshape(len(part), -1) / 255.0 for part in (train, test))
    penalty = choose_penalty(x, train.labels, groups=train.repetitions % 5).penalty
    assert fit(x, train.labels, penalty=penalty).accuracy(z, test.labels) > 0.9   # another ridge found 0.92
