"""MNIST and Fashion-MNIST: 28 x 28 grey images from idx files, plain or packed with gzip.

Layout
    Big-endian: two zero bytes, the type (8: unsigned byte), the number of axes, each axis as 32 bits, then the values.

Source
    LeCun, Bottou, Bengio, Haffner 1998, "Gradient-based learning applied to document recognition", Proc. IEEE 86(11)
    (data: CC BY-SA 3.0); Xiao, Rasul, Vollgraf 2017, "Fashion-MNIST" (data: MIT).
"""
import gzip
import hashlib
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snn.datasets.local import find
from snn.errors import DataError, MissingFile

MNIST_SOURCE = "http://yann.lecun.com/exdb/mnist or https://storage.googleapis.com/cvdf-datasets/mnist"
FASHION_SOURCE = "https://github.com/zalandoresearch/fashion-mnist (data/fashion)"
FASHION_NAMES = ("T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
                 "ankle boot")
_FILES = tuple(f"{part}-{what}-ubyte" for part in ("train", "t10k") for what in ("images-idx3", "labels-idx1"))
_SIZES = {"train": 60000, "t10k": 10000}

# sha256. MNIST: of the plain file, since the same content is packed in several ways.
_MNIST_SUMS = dict(zip(_FILES, (
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"), strict=True))
# Fashion-MNIST: of the packed file as it is published.
_FASHION_SUMS = dict(zip(_FILES, (
    "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"), strict=True))


@dataclass(frozen=True, eq=False)
class Images:
    """Grey images with labels: ``images`` uint8 [n, 28, 28] (0 background, 255 ink), ``labels`` int64 [n], 0..9.

    Errors: :class:`~snn.errors.DataError` for other shapes or types, or labels outside 0..9.
    """

    images: np.ndarray
    labels: np.ndarray

    def __post_init__(self):
        images, labels = np.asarray(self.images), np.asarray(self.labels)
        if images.dtype != np.uint8 or images.ndim != 3 or labels.shape != images.shape[:1]:
            raise DataError(f"Images.images: {images.dtype} of shape {images.shape} with labels of shape "
                            f"{labels.shape}. Right would be uint8 [n, height, width] and one label per image.")
        if labels.size and not 0 <= labels.min() <= labels.max() <= 9:
            raise DataError(f"Images.labels: are in {labels.min()}..{labels.max()}. Right would be 0..9.")
        object.__setattr__(self, "labels", labels.astype(np.int64))

    def __len__(self):
        return len(self.labels)

    def take(self, index):
        """The images of an index array or boolean mask, e.g. ``train.take(train.labels < 2)`` for split MNIST."""
        return Images(self.images[index], self.labels[index])


def load(*, folder=None, check=False):
    """MNIST, ``(train, test)``: two :class:`Images` of 60000 and 10000, from ``mnist/`` in a data folder.

    Files ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-...``, plain or ``.gz``, searched as in
    :func:`snn.datasets.local.find`. ``check`` compares their content with the published sha256 sums.
    Errors: :class:`~snn.errors.MissingFile`; :class:`~snn.errors.DataError` for damaged or foreign files.

    Example::

        train, test = mnist.load()
        print(train.images.shape, train.labels[:5])
    """
    return _load("mnist", MNIST_SOURCE, _MNIST_SUMS if check else {}, folder)


def load_fashion(*, folder=None, check=False):
    """Fashion-MNIST, ``(train, test)``, from ``fashion-mnist/`` in a data folder; otherwise as :func:`load`.

    The published sums are those of the packed files, so ``check`` needs the ``.gz``.
    """
    return _load("fashion-mnist", FASHION_SOURCE, _FASHION_SUMS if check else {}, folder)


def _load(name, source, sums, folder):
    parts = []
    for part, n in _SIZES.items():
        arrays = []
        for what, shape in (("images-idx3", (n, 28, 28)), ("labels-idx1", (n,))):
            file = f"{part}-{what}-ubyte"
            path = find(f"{name}/{file}.gz", folder=folder, source=source)
            if path.parent.name != name and (folder is None or path.parent != Path(folder)):
                # Both sets use the same four names, so that a file outside a folder of that name may be the other's.
                raise MissingFile(f"Images.path: {path} may be of MNIST or of Fashion-MNIST. Get the files from "
                                  f"{source} and put them into a folder {name}, or pass folder={str(path.parent)!r}.")
            array = read_idx(path, sha256=sums.get(file))
            if array.shape != shape or array.dtype != np.uint8:
                raise DataError(f"Images.path: {path} holds {array.dtype} of shape {array.shape}. "
                                f"Right would be uint8 of shape {shape}; get it from {source}.")
            arrays.append(array)
        parts.append(Images(*arrays))
    return tuple(parts)


_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path, *, sha256=None):
    """The array in an idx file, plain or packed (known by its first bytes, not by its name), in native byte order.

    ``sha256``: published sum, of the file as it lies or of its unpacked content.
    Errors: :class:`~snn.errors.MissingFile`; :class:`~snn.errors.DataError` names the file when it is cut off, damaged,
    too long, or no idx file.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFile(f"read_idx.path: no such file ({path}). Get it from {MNIST_SOURCE} or {FASHION_SOURCE}.")
    packed = data = path.read_bytes()
    if packed[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(packed)
        except (EOFError, OSError, zlib.error, struct.error) as error:
            raise DataError(f"read_idx.path: {path} is damaged or cut off ({error}). "
                            "Right would be the complete file; fetch it again.") from error
    if sha256 is not None and sha256.lower() not in {hashlib.sha256(d).hexdigest() for d in (packed, data)}:
        raise DataError(f"read_idx.path: {path} has another content than expected (sha256 "
                        f"{hashlib.sha256(packed).hexdigest()}). Right would be sha256 {sha256}; fetch it again.")
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _TYPES:
        raise DataError(f"read_idx.path: {path} begins with {data[:4].hex(' ') or 'nothing'}. An idx file begins with "
                        "00 00, a type (08 for bytes) and the number of axes.")
    return _values(path, data)


def _values(path, data):
    kind, head = np.dtype(_TYPES[data[2]]), 4 + 4 * data[3]
    shape = struct.unpack(f">{data[3]}I", data[4:head]) if len(data) >= head else None
    expected = None if shape is None else head + kind.itemsize * int(np.prod(shape, dtype=object))
    if expected != len(data):
        raise DataError(f"read_idx.path: {path} has {len(data)} bytes of content, its head (axes {shape}) asks for "
                        f"{expected if shape is not None else f'at least {head}'}. It is cut off or damaged; "
                        "fetch it again.")
    return np.frombuffer(data, kind, offset=head).reshape(shape).astype(kind.newbyteorder("="), copy=False)
