"""Time to read one neuron's whole trace out of a large archive, for several widths: after the file has been thrown out
of the page cache (cold), and once more (warm); and one second of it. Medians over neurons; values are checked.

Two kinds of data: noise in double precision, which the archive stores as it is, and the same rounded to 1/8 mV, which
it packs.
"""
import os
import statistics
import time

import numpy as np

import snn
from snn.export.archive import ArchiveSink
from snn.sink import TraceChannel

COLUMNS = ("what", "neurons", "samples", "data_gb", "file_gb", "write_mb_per_s", "chunk", "open_ms", "cold_ms",
           "warm_ms", "max_ms", "second_ms")
WIDTHS = (1000, 10_000, 100_000)


def measure(options, folder):
    """Rows, widths times kinds; RuntimeError when a value read is not what was written."""
    nbytes = (0.004 if options.quick else options.gigabytes) * 1e9
    for kind in ("noise", "rounded"):
        for width in WIDTHS:
            path = os.path.join(folder, f"{kind}-{width}.h5")
            values = pool(width, kind)
            rows = max(int(nbytes // (8 * width)), 1)
            seconds = build(path, values, rows)
            yield {"what": kind, "neurons": width, "samples": rows, "data_gb": rows * width * 8e-9,
                   "file_gb": os.path.getsize(path) * 1e-9, "write_mb_per_s": rows * width * 8e-6 / seconds,
                   **read(path, values, rows, 3 if options.quick else 21)}
            os.remove(path)


def pool(width, kind):
    """Values that are repeated over and over: a prime number of rows, more than a chunk has."""
    rows = next(p for p in (4099, 499, 43) if p * width <= 5_000_000)
    values = np.random.default_rng(width).normal(-60.0, 5.0, (rows, width))
    return values if kind == "noise" else np.round(values * 8) / 8


def build(path, values, rows):
    """Seconds that the archive takes to be on the disk."""
    channel = TraceChannel("cells", "v", "mV", np.arange(values.shape[1]), 0.1)
    sink = ArchiveSink(path)
    start = time.perf_counter()
    sink.open({"dt": 0.1}, [channel])
    for first in range(0, rows, len(values)):
        block = values[:rows - first]
        sink.trace(channel, first, block)
        sink.commit(first + len(block))
    sink.close()
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
    return time.perf_counter() - start


def read(path, values, rows, reads):
    """The timings of so many neurons of one file."""
    neurons = np.random.default_rng(1).choice(values.shape[1], min(reads, values.shape[1]), replace=False)
    cold, opened, warm, second = [], [], [], []
    for neuron in neurons:
        forget(path)
        start = time.perf_counter()
        result = snn.open(path)
        opened.append(time.perf_counter() - start)
        for took in (cold, warm):
            start = time.perf_counter()
            data = result.traces["cells", "v"].of([neuron]).data
            took.append(time.perf_counter() - start)
        if data.ravel().tobytes() != np.resize(values[:, neuron], rows).tobytes():
            raise RuntimeError(f"neuron {neuron} of {path} is not what was written")
        part = result.traces["cells", "v"].between(50.0, 1050.0).of([neuron])
        start = time.perf_counter()
        _ = part.data
        second.append(time.perf_counter() - start)
    ms = {"open_ms": statistics.median(opened), "cold_ms": statistics.median(cold), "warm_ms": statistics.median(warm),
          "max_ms": max(warm), "second_ms": statistics.median(second)}
    return {**{name: 1e3 * value for name, value in ms.items()}, "chunk": chunk_of(path)}


def chunk_of(path):
    import h5py
    with h5py.File(path) as file:
        return "x".join(map(str, file["traces/cells/v/data"].chunks))


def forget(path):
    """Throw the file out of the page cache, where the system can."""
    if hasattr(os, "posix_fadvise"):
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
