"""Braille letters felt by an artificial fingertip: 12 taxels sliding over 27 letters, 50 times each.

What it is
    ``taxels`` are bytes: 255 not touched, smaller is pressed harder. ``255 - taxels`` is the natural drive
    (:meth:`Braille.drive`). About 40 steps a second, 76 or 77 steps; what follows the end of a recording is 255.
    Only taxels 1, 2, 6 and 10 ever change.

Layout
    npz: ``taxels`` uint8 [n, T, 12], ``length``, ``letter``, ``repetition`` [n], ``letters`` names.

Source
    Mueller-Cleve and others 2022, "Braille letter reading: a benchmark for spatio-temporal pattern recognition on
    neuromorphic hardware", Front. Neurosci. 16:951164. Data: CC BY 4.0.
"""
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snn.datasets.local import find, listed
from snn.errors import DataError, MissingFile

SOURCE = "https://github.com/fzenke/spytorch (its pickle, turned into npz)"
DT = 25.0


@dataclass(frozen=True, eq=False)
class Braille:
    """Recordings of the fingertip.

    Fields: ``taxels`` uint8 [n, T, 12]; ``labels`` int64 [n], a number of ``names``; ``lengths`` int64 [n], valid
    steps; ``repetitions`` int64 [n], 0..49; ``names`` of the letters. Steps are about :data:`DT` = 25 ms apart.
    """

    taxels: np.ndarray
    labels: np.ndarray
    lengths: np.ndarray
    repetitions: np.ndarray
    names: tuple

    def __len__(self):
        return len(self.labels)

    def take(self, index):
        """The recordings of an index array or boolean mask."""
        return Braille(self.taxels[index], self.labels[index], self.lengths[index], self.repetitions[index],
                       self.names)

    def drive(self, channels=slice(None)):
        """Pressure ``255 - taxels``, uint8 [n, T, channels], 0 where nothing is touched and after the end."""
        return 255 - self.taxels[:, :, channels]


def load(*, folder=None, check=False, first_test=40):
    """``(train, test)``, two :class:`Braille`: repetitions below ``first_test``, and the rest.

    From ``braille/braille_taxels.npz`` in a data folder, searched as in :func:`snn.datasets.local.find`; ``check``
    compares it with the ``SHA256SUMS`` beside it. With 40 there are 1080 and 270 recordings.
    Errors: :class:`~snn.errors.MissingFile`, :class:`~snn.errors.DataError`.

    Example::

        train, test = braille.load()
        x = train.drive([1, 2, 6, 10]) / 255.0     # [1080, 77, 4]
    """
    path = find("braille/braille_taxels.npz", folder=folder, source=SOURCE)
    everything = read(listed(path) if check else path)
    train = everything.repetitions < first_test
    if train.all() or not train.any():
        raise DataError(f"braille.load.first_test: is {first_test}; that leaves one part empty. Right would be "
                        f"a number in 1..{everything.repetitions.max()}.")
    return everything.take(train), everything.take(~train)


def read(path):
    """All recordings of a file as one :class:`Braille`.

    Errors: :class:`~snn.errors.MissingFile`; :class:`~snn.errors.DataError` names file and array: damaged or cut off,
    missing, of another shape or type, a letter without name, a length beyond the recording.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFile(f"Braille.path: no such file ({path}). Get it from {SOURCE} and put it at that path, or as "
                          "braille/braille_taxels.npz into a folder named by SNN_DATA.")
    arrays = _arrays(path, ("taxels", "length", "letter", "repetition", "letters"))
    taxels, names = arrays["taxels"], tuple(map(str, arrays["letters"].ravel()))
    columns = {name: arrays[name] for name in ("length", "letter", "repetition")}
    if taxels.dtype != np.uint8 or taxels.ndim != 3:
        raise _damaged(path, "taxels", f"is {taxels.dtype} of shape {taxels.shape}")
    for name, values in columns.items():
        if values.dtype.kind not in "ui" or values.shape != taxels.shape[:1]:
            raise _damaged(path, name, f"is {values.dtype} of shape {values.shape} for {len(taxels)} recordings")
    length, letter, repetition = (values.astype(np.int64) for values in columns.values())
    if len(letter) and not 0 <= letter.min() <= letter.max() < len(names):
        raise _damaged(path, "letter", f"holds {letter.min()}..{letter.max()} for {len(names)} names")
    if len(length) and not 1 <= length.min() <= length.max() <= taxels.shape[1]:
        raise _damaged(path, "length", f"holds {length.min()}..{length.max()} for {taxels.shape[1]} steps")
    return Braille(taxels, letter, length, repetition, names)


def _arrays(path, wanted):
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in wanted if name not in file.files]
            if missing:
                raise _damaged(path, missing[0], "is missing")
            return {name: file[name] for name in wanted}
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, TypeError, KeyError, AttributeError,
            NotImplementedError, RuntimeError, SyntaxError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"Braille.path: {path} is damaged, cut off or no npz file ({type(error).__name__}: {error}). "
                        f"Right would be the complete file; get it from {SOURCE}.") from error


def _damaged(path, name, what):
    return DataError(f"Braille.path: {path}:{name} {what}. Right would be taxels uint8 [n, T, 12] with whole numbers "
                     "length, letter and repetition per recording, and the letters' names.")
