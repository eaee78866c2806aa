"""N-MNIST: handwritten digits seen by an event camera, from the original ``.bin`` files in a zip or a folder.

What it is
    MNIST digits on a screen, filmed by a 34 x 34 pixel event camera that makes three saccades of about 100 ms. Samples
    are read one by one; only the list of names is held.

Layout
    One file per sample, ``<label>/<number>.bin``, where number n is the n-th MNIST image of that part (from 1). An
    event is five bytes: x, y, then 24 bits, most significant first: polarity (1 brighter, 0 darker) and the time in us.

Channel numbers
    ``id = (polarity * 34 + y) * 34 + x``, 0..2311, so that a frame ``[T, 2312]`` reshapes to ``[T, 2, 34, 34]``.

Damaged files
    Refused, with file and event: a size that is no multiple of five, a pixel outside the sensor, a time that goes back.
    ``repair=True`` instead leaves out the incomplete event and those outside, and sorts. Two things are not damage:
    an event with y = 240 marks an overflow of the camera's clock and moves it and all later ones by 2^13 us, and a step
    back by more than half the range of the field is a wrap of its 23 bits, which adds 2^23 us.

Source
    Orchard, Jayawant, Cohen, Thakor 2015, "Converting static image datasets to spiking neuromorphic datasets using
    saccades", Front. Neurosci. 9:437. Data: CC BY-SA 4.0.
"""
import math
import os
import re
import zipfile
import zlib
from pathlib import Path

import numpy as np

from snn.datasets.local import find, listed, verify
from snn.datasets.samples import Sample, Samples
from snn.errors import DataError, MissingFile
from snn.spikes import Spikes

SIZE = 34
N = 2 * SIZE * SIZE
SOURCE = "https://www.garrickorchard.com/datasets/n-mnist (Train.zip and Test.zip)"
_OVERFLOW_Y, _OVERFLOW_US, _FIELD = 240, 1 << 13, 1 << 23
_NAME = re.compile(r"(?:^|/)(\d+)/(\d+)\.bin$")


def load(*, folder=None, check=False, repair=False):
    """``(train, test)``, two :class:`NMNIST` from ``nmnist/Train.zip`` and ``nmnist/Test.zip`` in a data folder.

    The archives, or the folders ``Train`` and ``Test`` unpacked from them, are searched as in
    :func:`snn.datasets.local.find`. ``check`` compares archives with the ``SHA256SUMS`` beside them.
    Errors: :class:`~snn.errors.MissingFile`, :class:`~snn.errors.DataError`.

    Example::

        train, test = nmnist.load()
        print(train[0].spikes, train.labels[:5])
    """
    paths = [find(f"nmnist/{part}.zip", folder=folder, source=SOURCE) for part in ("Train", "Test")]
    return tuple(NMNIST(listed(path) if check and path.is_file() else path, repair=repair) for path in paths)


class NMNIST(Samples):
    """Samples of an N-MNIST archive or folder, in the order of their numbers.

    Parameters: ``path`` of ``Train.zip`` or of a folder that holds ``<label>/<number>.bin`` at any depth; ``sha256``
    published sum of the archive; ``repair`` see the head of this module.
    Attributes: ``labels`` and ``numbers`` int64 [n_samples]; ``names`` of the files; ``path``.
    The duration of a sample is its last time rounded up to whole ms, at least 1 ms.
    Errors: :class:`~snn.errors.MissingFile` says where to get the files, :class:`~snn.errors.DataError` names the file.
    """

    def __init__(self, path, *, sha256=None, repair=False):
        self.path, self.repair = Path(path), bool(repair)
        if not self.path.exists():
            raise MissingFile(f"NMNIST.path: no such file or folder ({self.path}). Get it from {SOURCE} and put it at "
                              "that path, or as nmnist/Train.zip into a folder named by SNN_DATA.")
        if sha256 is not None:
            verify(self.path, sha256)
        self._zip, self._pid = None, None
        self.names, self.labels, self.numbers = self._index()

    def __repr__(self):
        return f"NMNIST({str(self.path)!r}, {len(self)} samples)"

    def __getstate__(self):
        return {**self.__dict__, "_zip": None, "_pid": None}

    def close(self):
        """Close the archive; reading a sample opens it again."""
        if self._zip is not None and self._pid == os.getpid():
            self._zip.close()
        self._zip = None

    def _index(self):
        if self.path.is_dir():
            names = [file.relative_to(self.path).as_posix() for file in self.path.rglob("*.bin")]
        else:
            names = self._archive().namelist()
        found = [(name, match) for name in names if (match := _NAME.search(name))]
        found.sort(key=lambda item: (int(item[1][2]), int(item[1][1]), item[0]))
        if not found:
            raise DataError(f"NMNIST.path: {self.path} holds no file named <label>/<number>.bin. "
                            f"Right would be Train.zip or Test.zip from {SOURCE}.")
        labels = np.array([int(match[1]) for _, match in found], np.int64)
        if labels.max() > 9:
            raise DataError(f"NMNIST.path: {self.path}:{found[labels.argmax()][0]} has label {labels.max()}. "
                            "Folders must be named 0..9.")
        return [name for name, _ in found], labels, np.array([int(match[2]) for _, match in found], np.int64)

    def _archive(self):
        """The open archive of this process: a file position must not be shared with a forked worker."""
        if self._zip is None or self._pid != os.getpid():
            try:
                self._zip, self._pid = zipfile.ZipFile(self.path), os.getpid()
            except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
                raise DataError(f"NMNIST.path: {self.path} is damaged or no zip archive ({error}). "
                                "Right would be the complete archive; fetch it again.") from error
        return self._zip

    def _sample(self, at):
        name = self.names[at]
        try:
            if self.path.is_dir():
                data = (self.path / name).read_bytes()
            else:
                data = self._archive().read(name)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, KeyError, NotImplementedError,
                RuntimeError) as error:
            raise DataError(f"NMNIST.path: {self.path}:{name} cannot be read ({error}). "
                            "Right would be the complete archive; fetch it again.") from error
        return Sample(decoded(data, where=f"{self.path}:{name}", repair=self.repair), int(self.labels[at]))


def decoded(data, *, where="data", repair=False):
    """Spikes of the bytes of one ``.bin`` file; ``where`` names them in messages.

    Formula: ``id = (p * 34 + y) * 34 + x``; ``time = us / 1000`` ms after overflows and wraps are undone.
    Errors: :class:`~snn.errors.DataError`, see the head of this module.
    """
    if len(data) % 5 and not repair:
        raise DataError(f"NMNIST: {where} has {len(data)} bytes, so its last event is cut off. "
                        "Right would be a multiple of 5; fetch it again, or pass repair=True.")
    events = np.frombuffer(data, np.uint8, len(data) // 5 * 5).reshape(-1, 5).astype(np.int64)
    x, y, p = events[:, 0], events[:, 1], events[:, 2] >> 7
    us = (events[:, 2] & 127) << 16 | events[:, 3] << 8 | events[:, 4]
    us = us + _OVERFLOW_US * np.cumsum(y == _OVERFLOW_Y)
    keep = y != _OVERFLOW_Y
    outside = keep & ((x >= SIZE) | (y >= SIZE))
    if outside.any() and not repair:
        bad = int(np.flatnonzero(outside)[0])
        raise DataError(f"NMNIST: {where} has event {bad} at pixel ({x[bad]}, {y[bad]}). "
                        f"Pixels are 0..{SIZE - 1}; fetch the file again, or pass repair=True.")
    keep &= ~outside
    x, y, p, us, number = x[keep], y[keep], p[keep], us[keep], np.flatnonzero(keep)
    us = us + _FIELD * np.concatenate([[0], np.cumsum(np.diff(us) < -_FIELD // 2)])[:len(us)]
    back = np.flatnonzero(np.diff(us) < 0)
    if len(back) and not repair:
        raise DataError(f"NMNIST: {where} goes back in time at event {number[back[0] + 1]} (from {us[back[0]]} to "
                        f"{us[back[0] + 1]} us). Times must ascend; fetch the file again, or pass repair=True.")
    last = int(us.max()) if len(us) else 0
    return Spikes(us / 1e3, (p * SIZE + y) * SIZE + x, N, max(1, math.ceil(last / 1e3)))


def pooled(factor):
    """Channel map, int64 [2312], that sums squares of ``factor`` x ``factor`` pixels of each polarity.

    For :class:`~snn.datasets.frames.Frames` as ``group``; ``pooled(2)`` leaves 2 x 17 x 17 = 578 channels. An edge
    that ``factor`` does not divide is kept as a smaller square.
    """
    if not (isinstance(factor, int) and 1 <= factor <= SIZE):
        raise DataError(f"pooled.factor: is {factor}. It must be a whole number in 1..{SIZE}.")
    side = -(-SIZE // factor)
    p, y, x = np.indices((2, SIZE, SIZE))
    return ((p * side + y // factor) * side + x // factor).ravel()
