"""QT database: labels per step, damaged files, and what is known of the real ones."""
import numpy as np
import pytest
from scipy.io import savemat

from snn.datasets import qtdb
from snn.errors import DataError, MissingFile


def arrays(n=3, steps=20):
    rng = np.random.default_rng(0)
    label = rng.integers(0, 6, (n, steps))
    y = np.eye(6, dtype=np.uint8)[label]
    y[:, 15:] = 0
    return rng.integers(-1, 2, (n, steps, 4)).astype(np.int16), y, label


def write(path, **values):
    savemat(path, values, do_compression=True)
    return path


def test_labels_mask_and_unipolar(tmp_path):
    x, y, label = arrays()
    data = qtdb.read(write(tmp_path / "a.mat", x=x, y=y))
    assert len(data) == 3 and data.x.dtype == np.int8 and (data.x == x).all()
    assert (data.y[:, :15] == label[:, :15]).all() and (data.y[:, 15:] == -1).all() and data.y.dtype == np.int64
    assert data.mask.sum() == 45 and (data.y_published[:, 15:] == 0).all()
    eight = data.unipolar()
    assert eight.dtype == np.uint8 and eight.shape == (3, 20, 8) and set(np.unique(eight)) == {0, 1}
    assert (eight[..., :4].astype(int) - eight[..., 4:] == x).all()


@pytest.mark.parametrize("change, message", [
    (lambda x, y: {"y": y}, "no variable x"),
    (lambda x, y: {"x": x}, "no variable y"),
    (lambda x, y: {"x": x, "y": "text"}, "no numbers in y"),
    (lambda x, y: {"x": x[:2], "y": y}, "shape"),
    (lambda x, y: {"x": x[..., :3], "y": y}, "shape"),
    (lambda x, y: {"x": x, "y": y[..., :5]}, "shape"),
    (lambda x, y: {"x": x * 2, "y": y}, r"values -2\.\.2"),
    (lambda x, y: {"x": x, "y": y + np.uint8(1)}, r"no single label in y\[0, 0\]"),
])
def test_wrong_content(tmp_path, change, message):
    path = write(tmp_path / "a.mat", **change(*arrays()[:2]))
    with pytest.raises(DataError, match=f"a.mat.*{message}"):
        qtdb.read(path)


def test_truncated_and_foreign_files(tmp_path):
    x, y, _ = arrays()
    path = write(tmp_path / "a.mat", x=x, y=y)
    whole = path.read_bytes()
    for keep in (0, 3, 100, 130, 200, len(whole) - 20):
        path.write_bytes(whole[:keep])
        with pytest.raises(DataError, match="a.mat"):
            qtdb.read(path)
    path.write_bytes(b"text, no matrix" * 20)
    with pytest.raises(DataError, match="a.mat"):
        qtdb.read(path)
    with pytest.raises(MissingFile, match="byin-cwi.*SNN_DATA"):
        qtdb.read(tmp_path / "none.mat")


def test_flipped_bytes_of_a_packed_file_are_noticed(tmp_path):
    x, y, _ = arrays(steps=60)
    path = write(tmp_path / "a.mat", x=x, y=y)
    whole = path.read_bytes()
    good = qtdb.read(path)
    for at in range(128, len(whole), 37):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1:])
        try:
            other = qtdb.read(path)
        except DataError as error:
            assert "a.mat" in str(error)
        else:   # a byte of padding
            assert (other.x == good.x).all() and (other.y == good.y).all()


def test_real_files(data_dir):
    train, test = qtdb.load(folder=data_dir, check=True)
    assert train.x.shape == (618, 1301, 4) and test.x.shape == (141, 1301, 4)
    share = np.bincount(test.y[test.mask]) / test.mask.sum()
    assert share.argmax() == 4 and round(share.max(), 2) == 0.34   # the longest part, ST
    assert round(test.mask.mean(), 3) == 0.896
    before, after = test.y[:, :-1], test.y[:, 1:]
    moved = (before != after) & (before >= 0) & (after >= 0)
    assert ((after - before)[moved] % 6 == 1).mean() > 0.95   # parts follow one another: P PQ QR RS ST TP
    negative = np.argwhere(train.x < 0)
    assert len(negative) == 618 and (negative[:, 1:] == (1300, 0)).all()
