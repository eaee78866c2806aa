"""Activity as a film: neurons on a grid, or where they are, coloured by their last spike or by a recorded variable.

Under the neurons runs the rate of each population, with a line at the moment that is shown. Films are mp4 (by the
program ffmpeg) or gif (by Pillow). Spikes and traces are read block by block and frames are written one by one, so that
memory does not grow with the length of the film.
"""
import math
import os
from pathlib import Path

import numpy as np

from snn.errors import DataError, MissingFile, RunError
from snn.film import WRITERS
from snn.report.spikes import Bins

SECONDS = 12.0              # length of a film whose speed is not given
MOST = 6                    # populations shown


def animate(result, path, *, start=None, stop=None, speed=None, fps=25.0, tau=None, trace=None, limits=None,
            positions=None, overwrite=False, progress=None):
    """Write a film of the activity of a result.

    Parameters
        result     a :class:`snn.Result`; of more than six populations, the six with most spikes are shown
        path       ends in ``.mp4`` or ``.gif``
        start, stop  part of the model time [ms]; default: all
        speed      model time per time of the film: 0.1 is ten times slower than real; default: a film of 12 s
        fps        frames per second (a gif has whole hundredths of a second per frame, 2 or more)
        tau        afterglow of a spike [ms]: a neuron has the brightness exp(-(t - t_spike) / tau); default: 5 ms, or
                   two frames where that is longer
        trace      ``(population, variable)``: colour the recorded neurons of one population by this trace instead
        limits     lowest and highest value of the colours of a trace; default: those that occur
        positions  {population: array [n, 2] or more columns}: where neurons are (the first two columns); the others
                   are on a square grid, row by row from the upper left
        overwrite  replace a file that exists
        progress   True/False to force or forbid the progress bar; default: when stderr is a terminal
    Returns the path. Errors: RunError for arguments that do not fit, an unknown ending, a missing program; DataError
    where nothing was recorded; OutputError when writing fails.

    Example: ``animate(snn.open("run.h5"), "run.mp4", speed=0.05, stop=500.0)``
    """
    path = _checked(path, overwrite)
    start, stop = _window(result, start, stop, trace)
    for name, value in (("fps", fps), ("speed", speed), ("tau", tau)):
        if value is not None and not (np.ndim(value) == 0 and np.isfinite(value) and value > 0):
            raise RunError(f"animate.{name}: is {value!r}. It must be a number above 0.")
    length = stop - start
    speed = length / 1000.0 / SECONDS if speed is None else float(speed)
    frames = max(1, math.ceil(length * fps / (1000.0 * speed) - 1e-9))
    step = 1000.0 * speed / fps
    sources = _sources(result, start, stop, trace, limits, tau or max(5.0, 2.0 * step))
    from snn.film import Stage
    stage = Stage(sources, _rates(result, start, stop, length / 300.0), (start, stop), speed, positions or {})
    writer, part = WRITERS[path.suffix.lower()], path.with_name(f"{path.stem}.part{path.suffix}")
    try:
        with writer(part, stage.size, fps) as film:
            for k in _counted(frames, progress):
                film.add(stage.frame(min(start + (k + 1) * step, stop)))
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _checked(path, overwrite):
    path = Path(path)
    if path.suffix.lower() not in WRITERS:
        raise RunError(f"animate.path: '{path}' ends in {path.suffix or 'nothing'!r}. Films are .mp4 or .gif.")
    if not path.parent.is_dir():
        raise MissingFile(f"animate.path: the folder of the film is not there ('{path.parent}'). Make it first.")
    if path.exists() and not overwrite:
        raise RunError(f"animate.path: '{path}' exists already. Choose another name, or overwrite=True.")
    WRITERS[path.suffix.lower()].check()
    return path


def _window(result, start, stop, trace):
    if trace is not None and trace not in result.traces:
        known = ", ".join(str(key) for key in result.traces) or "none"
        raise RunError(f"animate.trace: there is no trace {trace!r}. The result has: {known}.")
    ends = [(s.start, s.end) for s in result.spikes.values()]
    if trace is not None and not ends:
        times = [t for t, _ in result.traces[trace].blocks() if len(t)]
        ends = [(float(times[0][0]), float(times[-1][-1]))] if times else []
    if not ends or trace is None and not any(s.n for s in result.spikes.values()):
        raise DataError("animate: the result holds no spikes of neurons. Record spikes, or name a trace.")
    first, last = min(e[0] for e in ends), max(e[1] for e in ends)
    start, stop = (first if start is None else start), (last if stop is None else stop)
    if not (first - 1e-9 <= start < stop <= last + 1e-9):
        raise RunError(f"animate: from {start} to {stop} ms is no part of {first:g}..{last:g} ms. "
                       "Give a part of the recorded time, start below stop.")
    return float(start), float(stop)


class Cursor:
    """Walks through blocks ``(times, values)`` in order of time."""

    def __init__(self, blocks):
        self.blocks, self.times, self.values, self.at = iter(blocks), np.zeros(0), np.zeros(0), 0

    def until(self, t):
        """What comes next up to the time ``t``, in pieces ``(times, values)``."""
        while True:
            end = int(np.searchsorted(self.times, t + 1e-9, side="right"))
            if end > self.at:
                yield self.times[self.at:end], self.values[self.at:end]
                self.at = end
            if self.at < len(self.times):
                return
            block = next(self.blocks, None)
            if block is None:
                return
            (self.times, self.values), self.at = block, 0


class Glow:
    """Brightness of neurons after their last spike, 0 to 1; ``at(t)`` must be called with ascending times."""

    unit, limits, ids = "", (0.0, 1.0), None

    def __init__(self, name, spikes, start, stop, tau):
        self.name, self.n, self.tau = name, spikes.n, tau
        start, stop = max(start, spikes.start), min(stop, spikes.end)
        self.cursor = Cursor(spikes.between(start, stop).blocks() if start < stop else ())
        self.last = np.full(spikes.n, -np.inf)

    def at(self, t):
        for times, ids in self.cursor.until(t):
            np.maximum.at(self.last, ids, times)
        return np.exp((self.last - t) / self.tau)


class Values:
    """A recorded variable of neurons as it was last sampled."""

    def __init__(self, key, trace, start, stop, limits):
        part = trace.between(start, stop)
        self.name, self.unit, self.ids, self.n = ".".join(key), trace.unit, np.asarray(trace.ids), len(trace.ids)
        self.limits = limits if limits is not None else _extremes(part)
        self.cursor, self.now = Cursor(part.blocks()), np.full(self.n, np.nan)

    def at(self, t):
        for _, data in self.cursor.until(t):
            self.now = np.asarray(data[-1], float)
        return self.now


def _extremes(trace):
    low, high = np.inf, -np.inf
    for _, data in trace.blocks():
        good = data[np.isfinite(data)]
        low, high = min(low, good.min(initial=np.inf)), max(high, good.max(initial=-np.inf))
    if low < high:
        return float(low), float(high)
    return (float(low) - 1.0, float(low) + 1.0) if low == high else (0.0, 1.0)


def _sources(result, start, stop, trace, limits, tau):
    """What the panels show."""
    if trace is not None:
        return [Values(trace, result.traces[trace], start, stop, limits)]
    return [Glow(name, s, start, stop, tau) for name, s in _shown(result).items()]


def _shown(result):
    filled = {name: s for name, s in result.spikes.items() if s.n}
    kept = sorted(filled, key=lambda name: -len(filled[name]))[:MOST]
    return {name: s for name, s in filled.items() if name in kept}


def _rates(result, start, stop, width):
    """``{population: (edges [ms], rate [Hz])}`` of the populations shown."""
    found = {}
    for name, s in _shown(result).items():
        part = s.between(max(start, s.start), min(stop, s.end)) if max(start, s.start) < min(stop, s.end) else None
        if part is not None:
            bins = Bins(part, max(width, 1.0))
            for times, ids in part.blocks():
                if len(times):
                    bins.add(times, ids)
            edges = np.append(part.start + np.arange(len(bins.counts)) * bins.width, part.end)
            found[name] = edges, bins.counts * 1000.0 / (s.n * np.diff(edges))
    return found


def _counted(frames, progress):
    from tqdm import tqdm
    return tqdm(range(frames), desc="animate", unit="frame", delay=2.0, leave=False,
                disable=None if progress is None else not progress)
