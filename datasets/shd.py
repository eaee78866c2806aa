"""Reader of the Spiking Heidelberg Digits / Spiking Speech Commands HDF5 layout.

What it is
    ``SHD(path)`` is a read-only sequence of samples, each the spikes of one recording with its label and speaker.
    Samples are read one by one from the open file (about 0.2 ms each), labels and speakers once; a set of any size
    needs no more memory than its labels. Packed files (``.h5.xz``, ``.h5.gz``) are unpacked once into a cache folder.

Layout
    ``/spikes/times`` variable-length float16 [s], ``/spikes/units`` variable-length uint16, ``/labels`` uint16, and,
    where present, ``/extra/speaker`` uint16 and ``/extra/keys`` (names of the labels). Times are cast to float64
    before any arithmetic; the resolution of float16 is 0.24 ms at 0.3 s and 0.98 ms at 1 s.

Source
    Cramer, Stradmann, Schemmel, Zenke 2022, "The Heidelberg spiking data sets for the systematic evaluation of spiking
    neural networks", IEEE TNNLS 33(7).
"""
import math
import os
from pathlib import Path

import numpy as np

from snn.datasets.local import find, listed, unpacked, verify
from snn.datasets.samples import Sample, Samples
from snn.errors import DataError, MissingFile
from snn.spikes import Spikes

WHERE_TO_GET = "https://zenkelab.org/datasets (SHD and SSC), or any file in the same layout"


def load(*, folder=None, cache=None, check=False):
    """The Spiking Heidelberg Digits, ``(train, test)``: two :class:`SHD` of 8156 and 2264 samples, 20 classes.

    Files ``shd/shd_train.h5`` and ``shd/shd_test.h5``, or packed (``.gz``, ``.xz``), in a data folder (``folder``
    first, see :func:`~snn.datasets.local.find`). ``cache``: folder for unpacked copies. ``check`` compares them with
    the file ``SHA256SUMS`` that lies beside them. Errors: :class:`~snn.errors.MissingFile`,
    :class:`~snn.errors.DataError`.
    """
    return _parts("shd", ("train", "test"), folder, cache, check)


def load_ssc(*, folder=None, cache=None, check=False):
    """The Spiking Speech Commands, ``(train, valid, test)``: 75466, 9981 and 20382 samples, 35 classes.

    Files ``ssc/ssc_train.h5``, ``ssc/ssc_valid.h5``, ``ssc/ssc_test.h5``, plain or packed; otherwise as :func:`load`.
    """
    return _parts("ssc", ("train", "valid", "test"), folder, cache, check)


def _parts(name, parts, folder, cache, check):
    paths = [_any_packing(f"{name}/{name}_{part}.h5", folder) for part in parts]
    return tuple(SHD(listed(path) if check else path, cache=cache) for path in paths)


def _any_packing(name, folder):
    try:
        return find(f"{name}.xz", folder=folder)
    except MissingFile:
        return find(f"{name}.gz", folder=folder, source=WHERE_TO_GET)


class SHD(Samples):
    """Samples of a file in the SHD layout.

    Parameters
        ``path``: ``.h5``, ``.h5.xz`` or ``.h5.gz``. ``units``: number of input channels (SHD and SSC: 700).
        ``sha256``: published sum of the file as it lies on disk, checked before reading when given.
        ``cache``: folder for unpacked copies (default: the user's cache folder).
    Attributes
        ``labels`` int64 [n_samples]; ``speakers`` int64 [n_samples] (-1 where the file names none); ``keys`` names of
        the labels (empty where the file gives none); ``units``; ``path``.
    Units
        Times in ms. The duration of a sample is its last spike time rounded up to a whole ms, at least 1 ms.
    Errors
        :class:`~snn.errors.MissingFile` says where to get the file; :class:`~snn.errors.DataError` names the file and
        the place within: damaged or foreign file, lengths that differ, channels outside ``0..units-1``, times that
        are negative or not finite.

    Example::

        shd = SHD("shd_train.h5")
        sample = shd[0]
        print(len(shd), shd.keys[sample.label], sample.spikes.mean_rate)
    """

    def __init__(self, path, *, units=700, sha256=None, cache=None):
        self.path, self.units = Path(path), int(units)
        if not self.path.is_file():
            raise MissingFile(f"SHD.path: no such file ({self.path}). Get it from {WHERE_TO_GET} and put it at that "
                              "path, or into a folder named by the environment variable SNN_DATA.")
        if sha256 is not None:
            verify(self.path, sha256)
        self._plain, self._file, self._pid = unpacked(self.path, cache=cache), None, None
        self._open()
        self.labels = self._column("labels")
        self.speakers = self._speakers()
        self.keys = self._keys()
        self._check_labels()

    def __repr__(self):
        labels = len(np.unique(self.labels))
        return f"SHD({str(self.path)!r}, {len(self)} samples, {self.units} units, {labels} labels)"

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def __getstate__(self):
        return {**self.__dict__, "_file": None, "_pid": None}

    def close(self):
        """Close the file; reading a sample opens it again."""
        if self._file is not None and self._pid == os.getpid():
            self._file.close()
        self._file = None

    def _open(self):
        """The open file of this process: an HDF5 handle must not be shared with a forked worker."""
        import h5py
        if self._file is None or self._pid != os.getpid():
            try:
                self._file, self._pid = h5py.File(self._plain, "r"), os.getpid()
            except OSError as error:
                raise self._damaged("/", f"is no readable HDF5 file ({error})") from error
            self._check_layout(h5py)
        return self._file

    def _damaged(self, where, what):
        return DataError(f"SHD.path: {self.path}:{where} {what}. Right would be a complete file in the SHD layout: "
                         "/spikes/times, /spikes/units, /labels with one row per sample.")

    def _check_layout(self, h5py):
        for name in ("spikes/times", "spikes/units", "labels"):
            if not isinstance(self._file.get(name), h5py.Dataset):
                raise self._damaged(f"/{name}", "is missing")
        for name, kinds in (("spikes/times", "f"), ("spikes/units", "ui")):
            base = h5py.check_vlen_dtype(self._file[name].dtype)
            if base is None or np.dtype(base).kind not in kinds or self._file[name].ndim != 1:
                raise self._damaged(f"/{name}", f"holds no rows of variable length (dtype {self._file[name].dtype})")
        rows = {name: self._file[name].shape[0] for name in ("spikes/times", "spikes/units", "labels")}
        if len(set(rows.values())) != 1:
            raise self._damaged("/", f"has columns of different length ({rows})")

    def _column(self, name):
        values = self._read(name, slice(None))
        if values.ndim != 1 or values.dtype.kind not in "ui":
            raise self._damaged(f"/{name}", f"is no column of integers (dtype {values.dtype}, shape {values.shape})")
        return values.astype(np.int64)

    def _speakers(self):
        if "extra/speaker" not in self._file:
            return np.full(len(self), -1, np.int64)
        speakers = self._column("extra/speaker")
        if len(speakers) != len(self):
            raise self._damaged("/extra/speaker", f"has {len(speakers)} rows for {len(self)} samples")
        return speakers

    def _keys(self):
        if "extra/keys" not in self._file:
            return ()
        keys = self._read("extra/keys", slice(None))
        return tuple(key.decode() if isinstance(key, bytes) else str(key) for key in keys)

    def _check_labels(self):
        if self.keys and len(self) and self.labels.max() >= len(self.keys):
            raise self._damaged("/labels", f"has label {self.labels.max()} but /extra/keys names {len(self.keys)}")

    def _read(self, name, at):
        try:
            return self._open()[name][at]
        except (OSError, RuntimeError, ValueError) as error:
            where = f"/{name}" if isinstance(at, slice) else f"/{name}[{at}]"
            raise self._damaged(where, f"cannot be read ({error})") from error

    def _sample(self, at):
        return Sample(self._spikes(at), int(self.labels[at]), int(self.speakers[at]))

    def _spikes(self, at):
        times = self._read("spikes/times", at).astype(np.float64) * 1e3
        ids = self._read("spikes/units", at).astype(np.int64)
        if times.shape != ids.shape:
            raise self._damaged(f"/spikes/times[{at}]", f"has {times.size} entries, /spikes/units[{at}] {ids.size}")
        if times.size and not (np.isfinite(times).all() and times.min() >= 0.0):
            raise self._damaged(f"/spikes/times[{at}]", "holds a time that is negative or not finite")
        if ids.size and not 0 <= ids.min() <= ids.max() < self.units:
            raise self._damaged(f"/spikes/units[{at}]", f"holds a channel outside 0..{self.units - 1} "
                                                        f"({ids.min()}..{ids.max()}; SHD.units may need to be larger)")
        last = float(times.max()) if times.size else 0.0
        return Spikes(times=times, ids=ids, n=self.units, duration=max(1.0, math.ceil(last)))
