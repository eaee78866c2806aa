"""Make the bundled excerpt of spoken digits from the full files: ``python -m snn.datasets.make_fsdd_excerpt``.

What it does
    Takes the first recordings, in the order of the file, of every digit and speaker; rounds spike times to whole ms
    (half up) and sorts equal times by channel, which halves the packed size; writes the SHD layout and packs it
    with xz. Licence and changes are written into the files' attributes.
"""
import argparse
import io
import lzma
from pathlib import Path

import numpy as np

from snn.datasets.fsdd import SPEAKERS, UNSEEN, full

KNOWN = tuple(SPEAKERS.index(name) for name in ("george", "jackson", "nicolas", "theo"))
RECORDINGS = {"train": dict.fromkeys(KNOWN, 4), "test": {**dict.fromkeys(KNOWN, 2), UNSEEN: 5}}
NOTICE = {
    "title": "Spoken digits as spikes of 700 channels, excerpt",
    "source": "Free Spoken Digit Dataset, Zohar Jackson and others, "
              "https://github.com/Jakobovski/free-spoken-digit-dataset, commit 26eb9aaf76",
    "license": "Creative Commons Attribution-ShareAlike 4.0 International (CC BY-SA 4.0), "
               "https://creativecommons.org/licenses/by-sa/4.0/",
    "changes": "recordings converted to spikes by a model of the inner ear; selection; times rounded to whole ms",
}
_XZ = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 3, "lp": 1, "pb": 1}]


def chosen(shd, counts):
    """Sample numbers, ascending: the first ``counts[speaker]`` of every digit and speaker."""
    picks = [np.flatnonzero((shd.labels == digit) & (shd.speakers == speaker))[:count]
             for digit in range(10) for speaker, count in counts.items()]
    return np.sort(np.concatenate(picks))


def on_grid(spikes):
    """Times in whole ms and channels, sorted by (time, channel)."""
    times = np.floor(spikes.times + 0.5)
    order = np.lexsort((spikes.ids, times))
    return times[order], spikes.ids[order]


def excerpt_bytes(shd, picks):
    """An HDF5 file in the SHD layout that holds the samples ``picks``."""
    import h5py
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs.update(NOTICE)
        times = file.create_dataset("spikes/times", (len(picks),), h5py.vlen_dtype(np.float16))
        units = file.create_dataset("spikes/units", (len(picks),), h5py.vlen_dtype(np.uint16))
        for row, pick in enumerate(picks):
            at, ids = on_grid(shd[int(pick)].spikes)
            times[row], units[row] = (at / 1e3).astype(np.float16), ids.astype(np.uint16)
        file["labels"] = shd.labels[picks].astype(np.uint16)
        file["extra/speaker"] = shd.speakers[picks].astype(np.uint16)
        file["extra/keys"] = np.array(shd.keys, dtype="S")
        file["extra/speaker_names"] = np.array(SPEAKERS, dtype="S")
    return buffer.getvalue()


def main(arguments=None):
    """Write ``fsdd_excerpt_train.h5.xz`` and ``fsdd_excerpt_test.h5.xz`` into ``--out``."""
    parser = argparse.ArgumentParser(description="Make the bundled excerpt of spoken digits.")
    parser.add_argument("--data", type=Path, help="folder that holds fsdd-shd/ (default: SNN_DATA)")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent)
    options = parser.parse_args(arguments)
    for part, shd in zip(("train", "test"), full(folder=options.data), strict=True):
        plain = excerpt_bytes(shd, chosen(shd, RECORDINGS[part]))
        path = options.out / f"fsdd_excerpt_{part}.h5.xz"
        path.write_bytes(lzma.compress(plain, filters=_XZ))
        print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
