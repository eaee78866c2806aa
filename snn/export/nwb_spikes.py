"""Spikes as the Units table of NWB: from (time, neuron) order to one row of times per neuron, in bounded memory."""
import tempfile
from pathlib import Path

import numpy as np

from snn.export.nwb_parts import TEXT
from snn.export.steps import on_grid

BUCKET = 1 << 22
OWNER = np.dtype(np.uint32)
SECOND = 1000.0


def add_units(file, maker, spikes, dt, progress):
    """Write /units. ``spikes`` maps population to Spikes; ``progress(n)`` is told of every n spikes that were read.

    Returns for each population whether its times lie on the grid of ``dt``. The spikes are read twice: to count those
    of each neuron, and to place them.
    """
    counted = {name: _count(s, dt, progress) for name, s in spikes.items()}
    counts = np.concatenate([count for count, _, _ in counted.values()])
    group = maker.stamp(file.create_group("units"), "Units", description="One row per neuron of each population.")
    maker.rows(group, len(counts), ["spike_times", "obs_intervals", "population", "neuron"])
    times = maker.column(group, "spike_times", "Spike times in seconds.", shape=(int(counts.sum()),), dtype=np.float64)
    maker.index(group, "spike_times", np.cumsum(counts))
    first = 0
    for name, s in spikes.items():
        first = _place(times, first, s, counted[name][0], progress)
    # The end may lie a rounding before the last spike; readers compare without any slack.
    windows = [((s.start / SECOND, max(s.end, counted[name][2]) / SECOND), s.n) for name, s in spikes.items()]
    maker.column(group, "obs_intervals", "Begin and end of the recording in seconds.",
                 data=np.concatenate([np.tile(window, (n, 1)) for window, n in windows]))
    maker.index(group, "obs_intervals", np.arange(1, len(counts) + 1))
    maker.column(group, "population", "Population of the neuron.", dtype=TEXT,
                 data=np.concatenate([np.full(s.n, name, object) for name, s in spikes.items()]))
    maker.column(group, "neuron", "Number of the neuron in its population.",
                 data=np.concatenate([np.arange(s.n) for s in spikes.values()]))
    return {name: even for name, (_, even, _) in counted.items()}


def _count(spikes, dt, progress):
    """Spikes of each neuron, whether all lie on the grid, and the time of the last one."""
    count, even, last = np.zeros(spikes.n, np.int64), dt is not None, -np.inf
    for times, ids in spikes.blocks():
        count += np.bincount(ids, minlength=spikes.n)
        even, last = even and on_grid(times, dt), times[-1]
        progress(len(ids))
    return count, even, last


def _place(table, first, spikes, counts, progress):
    """Fill the part of ``table`` that begins at ``first`` with the times [s] of a population, neuron by neuron.

    The neurons are cut into buckets of at most BUCKET spikes. Spikes go to the region of their bucket as they come, and
    each region is then sorted in memory. Returns the end of the part.
    """
    starts = np.concatenate([[0], np.cumsum(counts)])
    edges = _edges(starts)
    ends = starts[edges].copy()
    # Beside the file, where there is room for it: which neuron fired, in the places of the times.
    with tempfile.TemporaryFile(dir=Path(table.file.filename).parent) as owners:
        for times, ids in spikes.blocks():
            bucket = np.searchsorted(edges, ids, side="right") - 1
            order = np.argsort(bucket, kind="stable")
            parts = np.searchsorted(bucket[order], np.arange(len(edges)))
            for i in np.flatnonzero(np.diff(parts)):
                part = order[parts[i]:parts[i + 1]]
                table[first + ends[i]:first + ends[i] + len(part)] = times[part] / SECOND
                owners.seek(OWNER.itemsize * ends[i])
                owners.write(ids[part].astype(OWNER).tobytes())
                ends[i] += len(part)
            progress(len(ids))
        for a, b in zip(edges[:-1], edges[1:], strict=True):
            if b - a > 1:
                start, stop = starts[a], starts[b]
                owners.seek(OWNER.itemsize * start)
                ids = np.frombuffer(owners.read(OWNER.itemsize * (stop - start)), OWNER)
                region = table[first + start:first + stop]
                table[first + start:first + stop] = region[np.argsort(ids, kind="stable")]
    return first + int(starts[-1])


def _edges(starts):
    """Borders of neighbouring neurons that have BUCKET spikes together at most, or are alone."""
    edges = [0]
    while edges[-1] < len(starts) - 1:
        last = int(np.searchsorted(starts, starts[edges[-1]] + BUCKET, side="right")) - 1
        edges.append(max(last, edges[-1] + 1))
    return np.array(edges)
