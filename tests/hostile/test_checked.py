"""What :mod:`snn.export.checked` lets through, and what it refuses by name."""
import time

import h5py
import numpy as np
import pytest
import spoil

from snn.errors import DataError, MissingFile
from snn.export import checked
from snn.export.checked_file import CheckedFile

BIG = 9 << 20
NUMBERS = {"kinds": "fib", "ndim": (0, 1, 2)}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A file of good and bad things; bad ones have telling names."""
    folder = tmp_path_factory.mktemp("checked")
    path = folder / "made.h5"
    with h5py.File(path, "w") as file:
        _good(file)
        _links(file, str(folder / "other.h5"))
        _tables(file, str(folder / "other.h5"))
        file.attrs.update(text="ä", number=3, real=2.5, nan=np.nan, array=[1, 2], one=[7], latin=np.bytes_(b"\xff"),
                          json='{"a": [1]}', deep="[" * 30_000, truth=True, empty=h5py.Empty("f4"), ref=file.ref)
    with h5py.File(folder / "other.h5", "w") as other:
        other["x"] = np.arange(5.0)
    return path


def _good(file):
    file["a/b/c"] = np.arange(5.0)
    file["a/ids"] = np.array([3, 0, 2], np.uint32)
    file["soft"], file["relative"] = h5py.SoftLink("/a/b/c"), h5py.SoftLink("a/b")
    file["words"], file["word"] = ["a", "bü"], "name"
    file["swapped"], file["half"], file["scalar"] = np.arange(3, dtype=">f8"), np.arange(3, dtype="f2"), 3.0
    file.create_dataset("constant", data=np.ones(BIG), chunks=(1 << 17,), compression="gzip", shuffle=True)
    file.create_dataset("part", (10_000, 6), "f8", chunks=(1000, 4))[:5000] = np.arange(30_000).reshape(5000, 6)
    file["turn/x"], file["turn/self"] = 1.0, file["/"].create_group("cycle")
    file["cycle/again"] = file["cycle"]


def _links(file, other):
    file["loop"], file["pool"] = h5py.SoftLink("/pool"), h5py.SoftLink("loop")
    file["nowhere"] = h5py.SoftLink("/a/none")
    file["outside"], file["through"] = h5py.ExternalLink(other, "/"), h5py.SoftLink("/outside/x")


def _tables(file, other):
    file.create_dataset("huge", (1 << 60,), "f8", chunks=(1024,), maxshape=(None,))
    file.create_dataset("wide", (1 << 33, 1 << 20), "f8", chunks=(1024, 1), compression="gzip")
    file.create_dataset("never", (1000,), "f8")
    file.create_dataset("chunky", (10,), "f8", chunks=(1 << 28,), maxshape=(None,))
    layout = h5py.VirtualLayout((5,), "f8")
    layout[:] = h5py.VirtualSource(other, "x", (5,))
    file.create_virtual_dataset("virtual", layout)
    file.create_dataset("external", (5,), "f8", external=[(other, 0, 40)])
    bomb = file.create_dataset("bomb", (1 << 15,), "f8", chunks=(1 << 15,), compression="gzip")
    bomb.id.write_direct_chunk((0,), spoil._zeros(300))
    file["compound"], file["long"], file["complex"] = np.zeros(3, [("a", "f8")]), np.ones(3, "g"), np.ones(2, complex)
    file["references"], file["null"] = file.ref, h5py.Empty("f8")
    file.create_dataset("sequences", (2,), h5py.vlen_dtype("f4"))
    file["negative"], file["largest"] = [-1, 2], np.array([2 ** 64 - 1], "u8")
    file["latin words"] = np.array([b"a", b"\xff"])


@pytest.fixture
def file(path):
    with h5py.File(CheckedFile(path), "r") as file:
        yield file


def test_what_is_good_is_read_in_native_byte_order(file):
    for place in ("a/b/c", "/a/b/c", "soft", "relative/c"):
        assert checked.whole(checked.dataset(file, place, length=5)).tolist() == [0, 1, 2, 3, 4]
    assert checked.group(file, "relative").name == "/a/b" and checked.has(file, "a/ids")
    assert not checked.has(file, "a/none") and not checked.has(file, "a/b/c/d")
    assert checked.whole(checked.dataset(file, "swapped")).dtype == np.dtype("=f8")
    assert checked.whole(checked.dataset(file, "half")).dtype == np.float16
    assert checked.whole(checked.dataset(file, "scalar", ndim=0)) == 3.0
    ids = checked.numbers(checked.dataset(file, "a/ids", kinds="i"), below=4)
    assert ids.dtype == np.int64 and ids.tolist() == [3, 0, 2]
    assert checked.strings(checked.dataset(file, "words", kinds="s")).tolist() == ["a", "bü"]
    assert checked.text_at(file, "word") == "name"


def test_parts_of_a_table(file):
    part = checked.dataset(file, "part", ndim=2)
    expected = np.arange(30_000.0).reshape(5000, 6)
    assert np.array_equal(checked.rows(part, 1500, 5000), expected[1500:])
    assert np.array_equal(checked.rows(part, 999, 1001, slice(3, 5)), expected[999:1001, 3:5])
    assert checked.rows(part, 7, 7).shape == (0, 6)
    with pytest.raises(DataError, match=r"/part: has nothing at \(5000, 0\)"):
        checked.rows(part, 4000, 5001)
    with pytest.raises(DataError, match="/part: has 10000 rows. Rows 0 to 10001 were asked for"):
        checked.rows(part, 0, 10_001)


def test_a_large_constant_table_needs_a_limit_or_slices(file):
    constant = checked.dataset(file, "constant")
    with pytest.raises(DataError, match="/constant: declares 75497472 bytes, of which the file holds [0-9]+. At most"):
        checked.whole(constant)
    assert checked.whole(constant, limit=1 << 27).sum() == BIG
    assert checked.rows(constant, BIG - 100, BIG).sum() == 100
    with pytest.raises(DataError, match="At most 1000 are read"):
        checked.whole(checked.dataset(file, "part", ndim=2), limit=1000)


REFUSED = {
    "loop": "cycle of links",
    "outside/x": "link to another file",
    "through": "link to another file",
    "nowhere": "is a link to nothing",
    "a": "is no table",
    "none": "is missing",
    "a/b/c/d": "is missing",
    "virtual": "in other files",
    "external": "in other files",
    "compound": r"\[\('a', '<f8'\)\]",
    "long": "float128|longdouble|float64",
    "complex": "complex",
    "references": "object",
    "sequences": "object",
    "null": "shape None",
    "words": "strings",
    "never": "declares 8000 bytes",
    "chunky": "chunks of 2147483648 bytes",
    "huge": "declares 9223372036854775808 bytes",
    "wide": "declares",
    "part": "has nothing at",
    "bomb": "must inflate to 262144 bytes",
}


@pytest.mark.parametrize("place, words", REFUSED.items())
def test_what_is_refused(file, path, place, words):
    with pytest.raises(DataError, match=words) as caught:
        checked.whole(checked.dataset(file, place, **NUMBERS))
    assert f"open: '{path}' /{place}: " in str(caught.value)


def test_a_huge_slice_is_refused_at_once(file):
    begun = time.perf_counter()
    with pytest.raises(DataError, match="of which 0 were written"):
        checked.rows(checked.dataset(file, "huge"), 0, 1 << 59)
    assert time.perf_counter() - begun < 1.0


@pytest.mark.parametrize("place, below, words", [
    ("negative", 9, "holds -1 to 2. It must hold 0 to 8"), ("largest", None, "holds 18446744073709551615"),
    ("a/ids", 3, "holds 0 to 3. It must hold 0 to 2")])
def test_numbers_out_of_range(file, place, below, words):
    with pytest.raises(DataError, match=words):
        checked.numbers(checked.dataset(file, place, kinds="i"), below=below)


def test_attributes(file):
    assert checked.text(file, "text") == "ä" and checked.text(file, "none", default=None) is None
    assert checked.number(file, "real") == 2.5 and checked.number(file, "one", whole=True) == 7
    assert type(checked.number(file, "number", whole=True, low=3, high=3)) is int
    assert checked.json_of(file, "json") == {"a": [1]}


@pytest.mark.parametrize("read, words", [
    (lambda f: checked.text(f, "none"), "/@none: is missing"),
    (lambda f: checked.text(f, "number"), "/@number: is int64"),
    (lambda f: checked.text(f, "latin"), "not UTF-8"),
    (lambda f: checked.text(f, "array"), r"has shape \(2,\)"),
    (lambda f: checked.text(f, "deep", longest=100), "at most 100 bytes"),
    (lambda f: checked.text(f, "ref"), "Reference"),
    (lambda f: checked.text(f, "empty"), "has shape None"),
    (lambda f: checked.number(f, "text"), "It must be a number"),
    (lambda f: checked.number(f, "nan"), "is float64"),
    (lambda f: checked.number(f, "real", whole=True), "whole number"),
    (lambda f: checked.number(f, "number", low=4), "from 4 to inf"),
    (lambda f: checked.json_of(f, "text"), "is no JSON"),
    (lambda f: checked.json_of(f, "deep"), "is no JSON"),
    (lambda f: checked.json_of(f, "json", kind=list), "JSON of a dict"),
    (lambda f: checked.strings(checked.dataset(f, "latin words", kinds="s")), "not UTF-8"),
    (lambda f: checked.strings(checked.dataset(f, "words", kinds="s"), limit=15), "declares 16 bytes"),
    (lambda f: checked.text_at(f, "words"), "must be one string"),
    (lambda f: checked.group(f, "word"), "is no group"),
    (lambda f: checked.names(f, most=3), "holds [0-9]+ things. At most 3"),
    (lambda f: checked.tables(checked.group(f, "cycle")), "groups deep. Groups must not form a cycle"),
    (lambda f: checked.tables(f), "is a link to another file|is a chain or cycle of links"),
    (lambda f: checked.has(f, "nowhere"), "/nowhere: is a link to nothing"),
    (lambda f: checked.has(f, "outside/x"), "/outside/x: is a link to another file"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_attributes_strings_and_groups_that_are_refused(file, path, read, words):
    with pytest.raises(DataError, match=words) as caught:
        read(file)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\nb", "\x1b[31m", "x" * 256, "\udcff"])
def test_names_that_are_refused(file, name):
    assert checked.check_name(file, "exc ü-1.v") == "exc ü-1.v"
    with pytest.raises(DataError, match="Names are printable") as caught:
        checked.check_name(file, name)
    assert str(caught.value).isprintable()


def test_a_damaged_heap_of_strings_is_refused(path, tmp_path):
    """The HDF5 library turns in circles in it for ever."""
    image = bytearray(path.read_bytes())
    at = image.index(b"GCOL") + 16
    while image[at:at + 2] != b"\0\0":
        at += 16 + (int.from_bytes(image[at + 8:at + 16], "little") + 7) // 8 * 8
    image[at + 8:at + 16] = bytes(8)
    bad = tmp_path / "bad.h5"
    bad.write_bytes(image)
    with pytest.raises(DataError, match="heap of strings") as caught, h5py.File(CheckedFile(bad), "r") as file:
        checked.text(file, "text")
    assert str(bad) in str(caught.value)


def test_files_that_are_none(tmp_path):
    with pytest.raises(MissingFile, match="none.h5"):
        checked.check_file(tmp_path / "none.h5")
    with pytest.raises(DataError, match="is a folder"):
        checked.check_file(tmp_path)
    with pytest.raises(DataError, match="cannot be looked at"):
        checked.check_file("a\0b")
