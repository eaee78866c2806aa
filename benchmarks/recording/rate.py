"""How fast an archive takes spikes and traces that are there already, beside the rate at which the disk takes bytes.

Everything ends on the disk (fsync) before the clock is stopped. The spikes are drawn, as many per step as the
conductance network of 64,000 neurons has; traces are noise, which is stored as it is, and rounded to 0.1 mV, which is
packed.
"""
import os
import statistics
import time

import numpy as np

from snn.export.archive import ArchiveSink
from snn.sink import SpikeChannel, TraceChannel

COLUMNS = ("what", "values", "seconds", "values_per_s", "file_mb", "data_mb_per_s", "file_mb_per_s", "disk_mb_per_s")
PER_STEP, NEURONS, BLOCK = 94, 64000, 2000


def measure(options, folder):
    """Rows: spikes, and traces of 1,000 neurons, noise and rounded."""
    blocks, runs = (1, 1) if options.quick else (100, options.runs)
    draw = np.random.default_rng(0)
    path = os.path.join(folder, "rate.h5")
    ids = np.sort(draw.integers(0, NEURONS, (BLOCK, PER_STEP)), axis=1).astype(np.int32).ravel()
    steps = np.repeat(np.arange(BLOCK), PER_STEP)
    # Several blocks: within a chunk nothing must come again, or noise would be packed.
    noise = draw.normal(-60.0, 5.0, (min(blocks, 5), BLOCK, 1000)).astype(np.float32)
    spikes = SpikeChannel("cells", NEURONS, 0.1)
    trace = TraceChannel("cells", "v", "mV", np.arange(1000), 0.1, dtype=np.float32)
    sides = {"spikes": (spikes, ids.size, 16, lambda sink, k: sink.spikes("cells", steps + k * BLOCK, ids))}
    for name, data in (("trace, noise", noise), ("trace, 0.1 mV", noise.round(1))):
        sides[name] = (trace, data[0].size, 4,
                       lambda sink, k, data=data: sink.trace(trace, k * BLOCK, data[k % len(data)]))
    for name, (channel, count, nbytes, give) in sides.items():
        pairs = []
        for _ in range(runs):
            seconds = written(path, channel, give, blocks)
            pairs.append((seconds, os.path.getsize(path) / disk_seconds(path)))
        seconds, disk = (statistics.median(column) for column in zip(*pairs, strict=True))
        size = os.path.getsize(path)
        yield {"what": name, "values": count * blocks, "seconds": seconds, "values_per_s": count * blocks / seconds,
               "file_mb": size / 1e6, "data_mb_per_s": count * blocks * nbytes / seconds / 1e6,
               "file_mb_per_s": size / seconds / 1e6, "disk_mb_per_s": disk / 1e6}


def written(path, channel, give, blocks):
    """Seconds until an archive of so many blocks is on the disk."""
    start = time.perf_counter()
    sink = ArchiveSink(path, overwrite=True)
    sink.open({"dt": 0.1}, [channel])
    for k in range(blocks):
        give(sink, k)
        sink.commit((k + 1) * BLOCK)
    sink.close()
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
    return time.perf_counter() - start


def disk_seconds(path):
    """Seconds until the bytes of a file, written one after the other to another file, are on the disk."""
    with open(path, "rb") as file:
        content = file.read()
    copy = path + ".copy"
    start = time.perf_counter()
    with open(copy, "wb", buffering=0) as file:
        for first in range(0, len(content), 1 << 24):
            file.write(content[first:first + (1 << 24)])
        os.fsync(file.fileno())
    seconds = time.perf_counter() - start
    os.remove(copy)
    return seconds
