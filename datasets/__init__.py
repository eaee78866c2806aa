"""Data sets and file formats, one per file; each gives :class:`~snn.spikes.Spikes` with labels.

Nothing is downloaded: files are searched on this machine (``snn.datasets.local``), checked, and read.
"""
from snn.datasets.fsdd import excerpt, full
from snn.datasets.local import find, sha256, verify
from snn.datasets.shd import SHD, Sample

__all__ = ["SHD", "Sample", "excerpt", "find", "full", "sha256", "verify"]
