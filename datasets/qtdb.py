"""QT database as level-crossing spikes: label every step of an electrocardiogram with the part of the beat.

What it is
    Two leads of 5.2 s at 250 Hz; each lead gives a spike where its slope exceeds a threshold upwards, another
    downwards: 4 channels, 1301 steps of 4 ms. Every step is labelled with one of six parts of the beat, in the order in
    which they follow: P wave, PQ, QR, RS, ST, TP. 618 training and 141 test recordings.

Labels
    About a tenth of the steps has no label (all six entries zero), at the begin or at the end: ``y`` is -1 there and
    ``mask`` False. The accuracy published with this encoding (0.84 to 0.86) takes the largest of six zeros, so those
    steps count as class 0, and leaves out the first ten steps; ``y_published`` has the labels like that, to compare
    like with like. Always guessing the most frequent class is right in 0.34 of the labelled test steps, and in 0.30
    of all.

Layout
    MATLAB v5: ``x`` int16 [n, 1301, 4] in {-1, 0, 1}, ``y`` uint8 one-hot [n, 1301, 6], ``t``, ``max_i``. The only -1
    is in the last step of channel 0 of every recording; it marks the end.

Source
    Laguna, Mark, Goldberg, Moody 1997, "A database for evaluation of algorithms for measurement of QT and other
    waveform intervals in the ECG" (ODC-BY 1.0); encoding: Yin, Corradi, Bohte 2021, "Accurate and efficient time-domain
    classification with adaptive spiking recurrent neural networks", Nature Machine Intelligence 3 (MIT).
"""
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snn.datasets.local import find, listed
from snn.errors import DataError, MissingFile

SOURCE = "https://github.com/byin-cwi/Efficient-spiking-networks (QTDB_train.mat and QTDB_test.mat)"
NAMES = ("P", "PQ", "QR", "RS", "ST", "TP")
DT = 4.0


@dataclass(frozen=True, eq=False)
class QTDB:
    """Recordings with a label per step.

    Fields: ``x`` int8 [n, T, 4] in {-1, 0, 1}; ``y`` int64 [n, T], a number of :data:`NAMES`, -1 where there is no
    label. Steps are :data:`DT` = 4 ms apart.
    """

    x: np.ndarray
    y: np.ndarray

    def __len__(self):
        return len(self.x)

    @property
    def mask(self):
        """Which steps have a label, bool [n, T]."""
        return self.y >= 0

    @property
    def y_published(self):
        """``y`` with class 0 where there is no label, int64 [n, T]; see the head of this module."""
        return np.maximum(self.y, 0)

    def unipolar(self):
        """Spikes without sign, uint8 [n, T, 8]: channel c where ``x[..., c]`` is 1, channel 4 + c where it is -1."""
        return np.concatenate([self.x > 0, self.x < 0], axis=-1).astype(np.uint8)


def load(*, folder=None, check=False):
    """``(train, test)``, two :class:`QTDB` from ``ecg-qtdb-spikes/QTDB_train.mat`` and ``..._test.mat``.

    Searched as in :func:`snn.datasets.local.find`; ``check`` compares them with the ``SHA256SUMS`` beside them.
    Errors: :class:`~snn.errors.MissingFile`, :class:`~snn.errors.DataError`.

    Example::

        train, test = qtdb.load()
        print(train.x.shape, train.mask.mean())
    """
    paths = [find(f"ecg-qtdb-spikes/QTDB_{part}.mat", folder=folder, source=SOURCE) for part in ("train", "test")]
    return tuple(read(listed(path) if check else path) for path in paths)


def read(path):
    """The :class:`QTDB` in a MATLAB v5 file.

    Errors: :class:`~snn.errors.MissingFile`; :class:`~snn.errors.DataError` names file and variable: damaged or cut
    off, a variable missing or of another shape, values other than -1, 0, 1, a step with more than one label.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFile(f"QTDB.path: no such file ({path}). Get it from {SOURCE} and put it at that path, or as "
                          "ecg-qtdb-spikes/QTDB_train.mat into a folder named by SNN_DATA.")
    found = _variables(path)
    x, y = (_numbers(path, found, name) for name in ("x", "y"))
    if x.ndim != 3 or y.ndim != 3 or x.shape[:2] != y.shape[:2] or x.shape[2] != 4 or y.shape[2] != len(NAMES):
        raise _damaged(path, f"has x of shape {x.shape} and y of shape {y.shape}")
    if not np.isin(x, (-1, 0, 1)).all():
        raise _damaged(path, f"has values {x.min()}..{x.max()} in x")
    labels = y.sum(axis=-1, dtype=np.int64)
    if not (np.isin(y, (0, 1)).all() and (labels <= 1).all()):
        at = np.argwhere((labels > 1) | ~np.isin(y, (0, 1)).all(axis=-1))[0]
        raise _damaged(path, f"has no single label in y[{at[0]}, {at[1]}] ({y[tuple(at)]})")
    return QTDB(x.astype(np.int8), np.where(labels > 0, y.argmax(axis=-1), -1))


def _variables(path):
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError
    try:
        return loadmat(path, variable_names=("x", "y"))
    except (MatReadError, zlib.error, struct.error, OSError, ValueError, TypeError, KeyError, IndexError, EOFError,
            OverflowError, MemoryError, NotImplementedError, AttributeError) as error:
        raise _damaged(path, f"cannot be read ({type(error).__name__}: {error})") from error


def _numbers(path, found, name):
    value = found.get(name)
    if value is None:
        raise _damaged(path, f"holds no variable {name}")
    if getattr(value, "dtype", np.dtype(object)).kind not in "iuf" or not value.size:
        raise _damaged(path, f"holds no numbers in {name}")
    return value


def _damaged(path, what):
    return DataError(f"QTDB.path: {path} {what}. Right would be a complete MATLAB v5 file with x [n, T, 4] of -1, 0, 1 "
                     f"and one-hot y [n, T, {len(NAMES)}]; get it from {SOURCE}.")
