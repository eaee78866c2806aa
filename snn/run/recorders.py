"""Recording inside compiled code: buffers that a block of steps fills and a sink empties."""

import numpy as np

from snn.run import loops, native
from snn.run.memory import Words

SPIKE_BUFFER = 1 << 18
TRACE_BUFFER_BYTES = 8 << 20


class SpikeRecorder:
    """Spikes of a population, or of chosen neurons of it; ends a block when its buffer might not hold another step."""

    max_steps = 1 << 20

    def __init__(self, channel, cells, parts, stop_cell, step):
        self.channel, L = channel, loops.SpikeWords
        capacity = max(SPIKE_BUFFER, 4 * cells.stride)
        self.steps, self.ids = np.empty((parts, capacity), np.int64), np.empty((parts, capacity), np.int32)
        self.fill = np.zeros(parts, np.int64)
        mask = np.ones(cells.n, np.uint8)
        if channel.ids is not None:
            mask[:] = 0
            mask[channel.ids] = 1
        self.words = Words(L.SIZE)
        for k, value in {
            L.BOUNDS: cells.bounds,
            L.IDS: cells.spikes,
            L.DEPTH: cells.plan.depth,
            L.COUNTS: cells.counts,
            L.PARTS: parts,
            L.STRIDE: cells.stride,
            L.MASK: mask,
            L.STEPS: self.steps,
            L.OUT: self.ids,
            L.FILL: self.fill,
            L.CAPACITY: capacity,
            L.STOP: stop_cell,
        }.items():
            self.words[k] = value
        self.code = loops.record_spikes(channel.ids is not None)

    def kernel(self):
        return native.address(*self.code), self.words

    def prepare(self, start, stop):
        self.fill[:] = 0

    def drain(self, sink, step):
        steps = np.concatenate([s[:n] for s, n in zip(self.steps, self.fill, strict=True)])
        ids = np.concatenate([s[:n] for s, n in zip(self.ids, self.fill, strict=True)])
        if len(self.fill) > 1:
            order = np.argsort(steps, kind="stable")
            steps, ids = steps[order], ids[order]
        sink.spikes(self.channel.population, steps, ids)


class StateRecorder:
    """A state (or what arrives at a port) of chosen neurons, every so many steps."""

    def __init__(self, channel, cells, parts, stop_cell, step):
        self.channel, L = channel, loops.StateWords
        self.start, self.rows_given = step, 0
        wanted = np.ascontiguousarray(channel.ids, np.int64)
        order = np.argsort(wanted, kind="stable")
        self.back = np.argsort(order, kind="stable")
        wanted = wanted[order]
        rows = max(16, TRACE_BUFFER_BYTES // max(1, len(wanted) * cells.dtype.itemsize))
        self.max_steps = (rows - 1) * channel.every_steps
        self.out = np.empty((rows, len(wanted)), cells.dtype)
        self.words = Words(L.SIZE)
        for k, value in {
            L.STATE: cells.rows,
            L.STRIDE: cells.stride,
            L.ROW: cells.row(channel.variable),
            L.WANTED: wanted,
            L.SPLIT: np.searchsorted(wanted, cells.bounds).astype(np.int64),
            L.COLUMNS: len(wanted),
            L.EVERY: channel.every_steps,
            L.OUT: self.out,
        }.items():
            self.words[k] = value
        self.code = loops.record_state(str(cells.dtype))

    def kernel(self):
        return native.address(*self.code), self.words

    def prepare(self, start, stop):
        self.start = start
        self.words[loops.StateWords.FIRST_ROW] = start // self.channel.every_steps + 1

    def drain(self, sink, step):
        count = self.channel.rows(self.start, step)
        sink.trace(self.channel, self.rows_given, self.out[:count][:, self.back])
        self.rows_given += count
