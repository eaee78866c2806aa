"""Courses over time, read block by block: traces, order parameters of phases, weights."""
from dataclasses import dataclass

import numpy as np

POINTS = 2048               # a longer course is drawn as lowest and highest value of at most so many pieces of time
SYNAPSES = 100_000          # weights are those of so many evenly spaced synapses
SAMPLES = 300               # at most so many moments of weights over time


def gaps(times):
    """Where something is missing: the positions j with more between sample j and j + 1 than usual."""
    if len(times) < 3:
        return np.zeros(0, np.int64)
    steps = np.diff(times)
    return np.flatnonzero(steps > 2.5 * np.quantile(steps, 0.1))


def with_gaps(times, data):
    """``(times, data)`` with a NaN where something is missing, so that a line is not drawn across."""
    at = gaps(times)
    if not len(at):
        return times, data
    return (np.insert(times, at + 1, 0.5 * (times[at] + times[at + 1])),
            np.insert(np.asarray(data, float), at + 1, np.nan, axis=0))


class Course:
    """A course [T, k] to be drawn: all of up to ``most`` samples, else lowest and highest per piece of time.

    Memory is bounded: pieces become twice as long whenever there would be more than POINTS of them.
    """

    def __init__(self, samples, columns, most=POINTS):
        self.few, self.kept = samples <= most, []
        self.low, self.high = (np.full((POINTS, columns), np.nan) for _ in range(2))
        self.start, self.width, self.total = None, 0.0, 0

    def add(self, times, data):
        data = np.asarray(data, float)
        self.total += len(times)
        if self.few:
            self.kept.append((times, data))
            return
        if self.start is None:
            self.start, self.width = times[0], (times[-1] - times[0]) / len(times) or 1.0
        while (times[-1] - self.start) / self.width >= POINTS:
            self.width *= 2.0
            for table, best in ((self.low, np.fmin), (self.high, np.fmax)):
                table[:POINTS // 2] = best(table[::2], table[1::2])
                table[POINTS // 2:] = np.nan
        cell = ((times - self.start) / self.width).astype(np.int64)
        begins = np.flatnonzero(np.append(True, cell[1:] != cell[:-1]))
        for table, best in ((self.low, np.fmin), (self.high, np.fmax)):
            table[cell[begins]] = best(table[cell[begins]], best.reduceat(data, begins, axis=0))

    def points(self):
        """``(times [m], values [m, k])`` to join by lines; NaN where something is missing."""
        if self.few:
            times, data = (np.concatenate(part) for part in zip(*self.kept, strict=True)) if self.kept else (
                np.zeros(0), np.zeros((0, self.low.shape[1])))
            return with_gaps(times, data)
        if self.start is None:
            return np.zeros(0), self.low[:0]
        used = np.flatnonzero(~np.isnan(self.low).all(axis=1))
        last = int(used.max(initial=-1)) + 1
        times = self.start + self.width * (np.arange(last) + 0.5)
        return np.repeat(times, 2), np.stack([self.low[:last], self.high[:last]], axis=1).reshape(-1, self.low.shape[1])


def course_of(table, *, change=None, columns=None, most=POINTS, progress=None):
    """A :class:`Course` of a Trace; ``change`` is applied to the data [m, k] of each block (to [m, columns])."""
    course = Course(len(table), len(table.ids) if columns is None else columns, most)
    for times, data in table.blocks():
        if len(times):
            course.add(times, data if change is None else change(data))
        if progress is not None:
            progress(len(times))
    return course


def course_of_columns(trace, kept, *, most=POINTS, progress=None):
    """A :class:`Course` of some columns of a Trace, by their numbers 0..k-1; only these are read where that can be."""
    ids = np.asarray(trace.ids)
    if len(np.unique(ids)) == len(ids):
        return course_of(trace.of(ids[kept]), most=most, progress=progress)
    return course_of(trace, change=lambda data: data[:, kept], columns=len(kept), most=most, progress=progress)


def order_from_means(sin, cos, progress=None):
    """|r| = sqrt(mean sin^2 + mean cos^2) over time: ``(Course of one column, mean over all samples)``."""
    course, total, count = Course(min(len(sin), len(cos)), 1), 0.0, 0
    for (times, s), (_, c) in zip(sin.blocks(), cos.blocks(), strict=True):
        r = np.hypot(s[:, :1], c[:, :1])
        course.add(times, r)
        total, count = total + float(r.sum()), count + len(r)
        if progress is not None:
            progress(2 * len(times))
    return course, total / max(count, 1)


def order_from_phases(theta, progress=None):
    """|r| = |mean exp(i theta)| of the recorded units over time; as :func:`order_from_means`."""
    total = [0.0, 0]

    def order(data):
        r = np.hypot(np.cos(data).mean(axis=1), np.sin(data).mean(axis=1))[:, None]
        total[0], total[1] = total[0] + float(r.sum()), total[1] + len(r)
        return r

    course = course_of(theta, change=order, columns=1, progress=progress)
    return course, total[0] / max(total[1], 1)


@dataclass(frozen=True, eq=False)
class WeightCourse:
    """Weights of ``shown`` of ``all`` synapses at ``times`` [m]: ``mean``, ``low`` and ``high`` (5 % and 95 %) [m],
    and all of them at the ``first`` and ``last`` sample."""

    times: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    first: np.ndarray
    last: np.ndarray
    shown: int
    all: int


def weight_course(weights, progress=None):
    """:class:`WeightCourse` of Weights, or None without a sample or a synapse."""
    total, width = len(weights), len(weights.pre)
    if not total or not width:
        return None
    kept = np.unique(np.linspace(0, width - 1, min(width, SYNAPSES)).round().astype(np.int64))
    wanted = np.zeros(total, bool)
    wanted[np.linspace(0, total - 1, min(total, SAMPLES)).round().astype(np.int64)] = True
    rows, first, last, done = [], None, None, 0
    for times, data in weights.blocks():
        for j in np.flatnonzero(wanted[done:done + len(times)]):
            now = np.asarray(data[j, kept], float)
            first, last = (now if first is None else first), now
            good = now[np.isfinite(now)]
            rows.append((times[j], good.mean(), *np.quantile(good, (0.05, 0.95))) if len(good) else
                        (times[j], np.nan, np.nan, np.nan))
        done += len(times)
        if progress is not None:
            progress(len(times))
    return WeightCourse(*np.array(rows).T, first, last, len(kept), width)
