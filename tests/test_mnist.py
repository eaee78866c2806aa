"""idx files of MNIST and Fashion-MNIST: values, packing, damage, published sums."""
import gzip
import struct

import numpy as np
import pytest

from snn.datasets import Images, mnist, sha256
from snn.datasets.mnist import read_idx
from snn.errors import DataError, MissingFile


def idx(array, kind=8):
    return b"\0\0" + bytes([kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A folder with a small set in the right layout, and sizes that fit it."""
    monkeypatch.setattr(mnist, "_SIZES", {"train": 6, "t10k": 4})
    rng = np.random.default_rng(0)
    for name in ("mnist", "fashion-mnist"):
        (tmp_path / name).mkdir()
        for part, n in (("train", 6), ("t10k", 4)):
            images, labels = rng.integers(0, 256, (n, 28, 28), np.uint8), rng.integers(0, 10, n, np.uint8)
            (tmp_path / name / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
            (tmp_path / name / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))
    monkeypatch.setattr("snn.datasets.local.places", lambda folder=None: (folder or tmp_path,))
    return tmp_path


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gz"])
def test_values_and_shape(tmp_path, pack):
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    (tmp_path / "a").write_bytes(pack(idx(array)))
    assert (read_idx(tmp_path / "a") == array).all()
    floats = np.array([1.5, -2.0], ">f4")
    (tmp_path / "b").write_bytes(pack(idx(floats, 0x0D)))
    assert read_idx(tmp_path / "b").tolist() == [1.5, -2.0] and read_idx(tmp_path / "b").dtype == np.float32


def test_load_gives_images_with_labels(small):
    train, test = mnist.load()
    assert (len(train), len(test)) == (6, 4) and train.images.shape == (6, 28, 28) and train.labels.dtype == np.int64
    picked = train.take(train.labels == train.labels[0])
    assert (picked.images[0] == train.images[0]).all() and set(picked.labels) == {train.labels[0]}
    assert not (mnist.load_fashion()[0].images == train.images).all()


@pytest.mark.parametrize("damage, message", [
    (lambda d: b"", "begins with nothing"),
    (lambda d: d[:3], "begins with"),
    (lambda d: b"\0\1" + d[2:], "begins with 00 01 08 03"),
    (lambda d: d[:2] + b"\7" + d[3:], "begins with 00 00 07 03"),
    (lambda d: d[:10], "10 bytes.*at least 16"),
    (lambda d: d[:-1], "is cut off or damaged"),
    (lambda d: d + b"\0", "is cut off or damaged"),
    (lambda d: d[:4] + b"\xff" * 12 + d[16:], "is cut off or damaged"),
])
def test_damaged_plain_files(tmp_path, damage, message):
    (tmp_path / "a-ubyte").write_bytes(damage(idx(np.zeros((3, 28, 28), np.uint8))))
    with pytest.raises(DataError, match=f"a-ubyte.*{message}"):
        read_idx(tmp_path / "a-ubyte")


def test_every_truncation_and_flipped_byte_of_a_packed_file_is_noticed(tmp_path):
    array = np.random.default_rng(0).integers(0, 4, (2, 28, 28), np.uint8)   # compressible: no byte is padding
    whole = gzip.compress(idx(array), mtime=0)
    path = tmp_path / "a.gz"
    for keep in range(0, len(whole), 31):
        path.write_bytes(whole[:keep])
        with pytest.raises(DataError, match="a.gz"):
            read_idx(path)
    for at in range(10, len(whole), 7):   # what comes before is the packer's own head
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1:])
        with pytest.raises(DataError, match="a.gz"):
            read_idx(path)


def test_wrong_set_shape_and_labels(small):
    path = small / "mnist" / "t10k-labels-idx1-ubyte"
    path.write_bytes(idx(np.zeros(5, np.uint8)))
    with pytest.raises(DataError, match=r"t10k-labels.*shape \(5,\).*\(4,\)"):
        mnist.load()
    path.write_bytes(idx(np.full(4, 10, np.uint8)))
    with pytest.raises(DataError, match=r"labels: are in 10\.\.10"):
        mnist.load()
    with pytest.raises(DataError, match="Images.images"):
        Images(np.zeros((2, 28, 28)), np.zeros(2, int))


def test_missing_and_ambiguous_files(small):
    with pytest.raises(MissingFile, match="zalandoresearch"):
        read_idx(small / "none")
    for file in (small / "fashion-mnist").iterdir():
        file.rename(small / file.name)
    with pytest.raises(MissingFile, match="may be of MNIST or of Fashion-MNIST"):
        mnist.load_fashion()
    assert len(mnist.load_fashion(folder=small)[0]) == 6   # named on purpose
    (small / "mnist" / "train-images-idx3-ubyte.gz").unlink()
    (small / "train-images-idx3-ubyte.gz").unlink()
    with pytest.raises(MissingFile, match="yann.lecun.com.*SNN_DATA"):
        mnist.load()


def test_published_sums(small, tmp_path):
    for load in (mnist.load, mnist.load_fashion):
        with pytest.raises(DataError, match="another content"):
            load(check=True)
    plain = idx(np.zeros(3, np.uint8))
    (tmp_path / "a").write_bytes(plain)
    (tmp_path / "b.gz").write_bytes(gzip.compress(plain))
    for path, total in (("a", "a"), ("b.gz", "a"), ("b.gz", "b.gz")):   # of the content, however it is packed
        assert len(read_idx(tmp_path / path, sha256=sha256(tmp_path / total))) == 3


def test_real_files_have_the_published_content(data_dir):
    train, test = mnist.load(folder=data_dir, check=True)
    assert train.images.shape == (60000, 28, 28) and test.images.shape == (10000, 28, 28)
    assert train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert np.bincount(test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert abs(train.images.mean() / 255 - 0.1307) < 1e-4   # the mean every tutorial normalises by
