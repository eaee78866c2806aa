"""Recording means of populations inside compiled code, and the choice of a recorder."""
import functools

import numpy as np

from snn.run import native
from snn.run.block import Block
from snn.run.couplings import Row, lane_sum
from snn.run.memory import Words
from snn.run.recorders import TRACE_BUFFER_BYTES, SpikeRecorder, StateRecorder
from snn.run.shown import MEAN_CHUNK, mean_of_chunks
from snn.run.vectors import Vectors


class MeanWords:
    """Words of a recorder of means; OUT has a row per sample and a column per chunk of neurons."""

    BOUNDS, SHOWN, DEPTH, PITCH, EVERY, FIRST_ROW, OUT, CHUNKS = range(8)
    SIZE = 8


@functools.cache
def record_mean(dtype, place, size):
    """Write the sums of this part's chunks, of the value at ``place`` of tuples of ``size``, into row
    ``(step + 1) / every - FIRST_ROW`` of the buffer."""
    k, W = Block("record_mean"), MeanWords
    b, v = k.b, Vectors(k, dtype)
    time, every = b.add(k.step, k.i64(1)), k.word(W.EVERY)
    with b.if_then(b.icmp_signed("==", b.srem(time, every), k.i64(0))):
        row = b.sub(b.sdiv(time, every), k.word(W.FIRST_ROW))
        out = k.offset(k.word(W.OUT), b.mul(row, k.word(W.CHUNKS)), v.size)
        shown = Row.of_step(k, v, [k.word(w) for w in (W.SHOWN, W.DEPTH, W.PITCH)], size, k.i64(0))
        lo, hi = k.bounds(k.word(W.BOUNDS))

        def one(i, _):
            left = b.sub(hi, i)
            n = b.select(b.icmp_signed("<", left, k.i64(MEAN_CHUNK)), left, k.i64(MEAN_CHUNK))
            total = lane_sum(k, v, shown.moved(k, v, i), place, n)
            b.store(total, k.at(out, b.sdiv(i, k.i64(MEAN_CHUNK)), v.size))

        k.loop(lo, hi, MEAN_CHUNK, one)
    return k.done()


class MeanRecorder:
    """The mean of a graded value over a population, every so many steps."""

    def __init__(self, channel, cells, parts, stop_cell, step):
        self.channel, self.n, W = channel, cells.n, MeanWords
        self.start, self.rows_given = step, 0
        chunks = -(-cells.n // MEAN_CHUNK)
        rows = max(16, TRACE_BUFFER_BYTES // (chunks * cells.dtype.itemsize))
        self.max_steps = (rows - 1) * channel.every_steps
        self.out = np.empty((rows, chunks), cells.dtype)
        self.words = Words(W.SIZE)
        given = {W.BOUNDS: cells.bounds, W.SHOWN: cells.shown, W.DEPTH: cells.plan.shown,
                 W.PITCH: cells.pitch, W.EVERY: channel.every_steps, W.OUT: self.out, W.CHUNKS: chunks}
        for at, value in given.items():
            self.words[at] = value
        place = cells.plan.shows.index(channel.variable[5:])
        self.code = record_mean(str(cells.dtype), place, cells.shown.shape[2])

    def kernel(self):
        return native.address(*self.code), self.words

    def prepare(self, start, stop):
        self.start = start
        self.words[MeanWords.FIRST_ROW] = start // self.channel.every_steps + 1

    def drain(self, sink, step):
        count = self.channel.rows(self.start, step)
        sink.trace(self.channel, self.rows_given, mean_of_chunks(self.out[:count], self.n)[:, None])
        self.rows_given += count


def make_recorders(plan, channels, cells, parts, stop_cell, step):
    """One recorder per channel of spikes or traces (weights are taken between blocks, by the run)."""
    found = []
    for c in channels:
        if c.key[0] in ("spikes", "traces"):
            trace = MeanRecorder if c.key[0] == "traces" and c.variable.startswith("mean.") else StateRecorder
            kind = SpikeRecorder if c.key[0] == "spikes" else trace
            found.append(kind(c, cells[plan.index[c.population]], parts, stop_cell, step))
    return found
