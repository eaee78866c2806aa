"""Recording in windows of time: a filter between an engine and a sink.

What it is
    An engine records every sample of a gated channel; :class:`Gate` stands before the sink and lets those through that
    lie in a window. Windows around spikes are known once the spikes are: the samples of the last ``before`` ms are held
    back. To see the spikes of the trigger, an engine records them where nobody else asked for them.
"""
from dataclasses import replace

import numpy as np

from snn.record import (
    Around,
    RecordMean,
    RecordPlasticity,
    RecordSpikes,
    RecordState,
    RecordWeights,
    SpikeChannel,
    Windows,
)
from snn.run.requests import channel_of

EARLY = 1e-3
"""Share of a step by which a sample may lie beside the end of a window and still be taken for that very end."""


def gated(asked, channels):
    """``[(channel, when)]`` of the requests that keep windows only."""
    return [(c, r.when) for r, c in zip(asked, channels, strict=True)
            if isinstance(r, RecordState | RecordMean) and r.when is not None]


def engine_channels(asked, channels, plan, first):
    """The channels that an engine fills: with the spikes of triggers that nobody asked for, or asked for in part, and
    without what is taken between blocks (``snn.run.between``)."""
    triggers = {when.population for _, when in gated(asked, channels) if isinstance(when, Around)}
    for _, when in gated(asked, channels):
        if isinstance(when, Around):
            channel_of(RecordSpikes(when.population, ids=when.ids), plan, first)   # raises for what is not there
    found = [replace(c, ids=None) if isinstance(c, SpikeChannel) and c.population in triggers else c
             for r, c in zip(asked, channels, strict=True) if not isinstance(r, RecordPlasticity | RecordWeights)]
    seen = {c.population for c in found if isinstance(c, SpikeChannel)}
    return found + [channel_of(RecordSpikes(name), plan, first) for name in sorted(triggers - seen)]


def with_gates(sinks, asked, channels):
    """``sinks`` behind gates where something is recorded in windows only."""
    windows = gated(asked, channels)
    return [Gate(sink, windows, channels) for sink in sinks] if windows else sinks


class Gate:
    """Takes what an engine records and hands it to ``sink``, samples of gated channels only within their windows."""

    def __init__(self, sink, windows, channels):
        self.sink, self.asked = sink, {c.key for c in channels}
        self.held = {c.key: _Held(c, when) for c, when in windows}

    def spikes(self, population, steps, ids):
        for held in self.held.values():
            held.trigger(population, steps, ids)
        if ("spikes", population) in self.asked:
            self.sink.spikes(population, steps, ids)

    def trace(self, channel, first_row, data):
        if channel.key in self.held:
            held = self.held[channel.key]
            held.add(held.channel.times(first_row, len(data)), np.array(data))
        else:
            self.sink.trace(channel, first_row, data)

    def weights(self, channel, step, data):
        self.sink.weights(channel, step, data)

    def samples(self, channel, times, data):
        self.sink.samples(channel, times, data)

    def commit(self, step):
        for held in self.held.values():
            held.pass_on(self.sink, (step + EARLY) * held.channel.dt - held.wait)
        self.sink.commit(step)

    def finish(self, step):
        """The end of a piece at ``step``: what is held back is kept or dropped."""
        for held in self.held.values():
            held.pass_on(self.sink, np.inf)
        self.sink.commit(step)


class _Held:
    """Samples of one channel that are held back, and the windows known so far, as (start, stop] in ms."""

    def __init__(self, channel, when):
        self.channel, self.when = channel, when
        self.times, self.data = np.empty(0), np.empty((0, channel.width), channel.dtype)
        self.new, self.open = [], when.windows if isinstance(when, Windows) else np.empty((0, 2))
        self.wait = when.before if isinstance(when, Around) else 0.0

    def trigger(self, population, steps, ids):
        if isinstance(self.when, Around) and population == self.when.population:
            steps = np.asarray(steps) if self.when.ids is None else np.asarray(steps)[np.isin(ids, self.when.ids)]
            spikes = (np.unique(steps) + 1) * self.channel.dt
            self.open = np.concatenate([self.open, spikes[:, None] + [[-self.when.before, self.when.after]]])

    def add(self, times, data):
        self.new.append((times, data))

    def pass_on(self, sink, until):
        """Decide about the samples up to ``until`` ms: no spike that is still to come concerns them."""
        if self.new:
            self.times = np.concatenate([self.times, *(t for t, _ in self.new)])
            self.data = np.concatenate([self.data, *(d for _, d in self.new)])
            self.new = []
        count = int(np.searchsorted(self.times, until, side="right"))
        keep = np.flatnonzero(self._inside(self.times[:count]))
        if len(keep):
            sink.samples(self.channel, self.times[keep], self.data[keep])
        self.times, self.data = self.times[count:], self.data[count:]
        past = until if np.isfinite(until) else -np.inf
        self.open = self.open[self.open[:, 1] > past]

    def _inside(self, times):
        """Whether each of the ascending ``times`` lies in a window."""
        ends = np.searchsorted(times, self.open + EARLY * self.channel.dt, side="right")
        change = np.zeros(len(times) + 1, np.int64)
        np.add.at(change, ends[:, 0], 1)
        np.add.at(change, ends[:, 1], -1)
        return np.cumsum(change[:-1]) > 0
