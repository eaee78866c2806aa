"""Data sets and file formats, one per file; each gives :class:`~snn.spikes.Spikes` or arrays, with labels.

Nothing is downloaded: files are searched on this machine (``snn.datasets.local``), checked, and read. A set is loaded
by its module, ``train, test = snn.datasets.nmnist.load()``; :class:`Frames` and :class:`Loader` make batches of it.
"""
from snn.datasets import braille, mnist, nmnist, qtdb, shd, sudoku
from snn.datasets.augment import (
    ChannelJitter,
    Compose,
    Drop,
    DropChannels,
    DropFrame,
    Shift,
    ShiftChannels,
    ShiftFrame,
    TimeJitter,
    TimeWarp,
)
from snn.datasets.braille import Braille
from snn.datasets.encode import Bernoulli, Latency, Repeat
from snn.datasets.frames import Frames, to_spikes
from snn.datasets.fsdd import excerpt, full
from snn.datasets.loader import Loader, split
from snn.datasets.local import find, listed, sha256, verify
from snn.datasets.manifolds import RandomManifolds
from snn.datasets.mnist import Images
from snn.datasets.nmnist import NMNIST
from snn.datasets.qtdb import QTDB
from snn.datasets.samples import Sample, Samples
from snn.datasets.shapes import OverlappingShapes
from snn.datasets.shd import SHD
from snn.datasets.streams import MovingBlobs, SlowStream
from snn.datasets.sudoku import Sudoku
from snn.datasets.synthetic import Adding, DelayedCoincidence, YinYang
from snn.datasets.synthetic_delays import DelayLags, DelayTeacher

__all__ = [
    "Adding", "Bernoulli", "Braille", "ChannelJitter", "Compose", "DelayLags", "DelayTeacher", "DelayedCoincidence",
    "Drop", "DropChannels", "DropFrame", "Frames", "Images", "Latency", "Loader", "MovingBlobs", "NMNIST",
    "OverlappingShapes", "QTDB", "RandomManifolds", "Repeat", "SHD", "Sample", "Samples", "Shift", "ShiftChannels",
    "ShiftFrame", "SlowStream", "Sudoku", "TimeJitter", "TimeWarp", "YinYang", "braille", "excerpt", "find", "full",
    "listed", "mnist", "nmnist", "qtdb", "sha256", "shd", "split", "sudoku", "to_spikes", "verify",
]
