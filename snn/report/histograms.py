"""Histograms, rates over time and spectra of what :mod:`snn.report.spikes` has measured."""
import numpy as np

PIECES = 400                # most bins of rates over time
LEVELS = 40                 # most bins of a histogram


def rate_bins(m):
    """``(edges [Hz], neurons)``; bins hold whole numbers of spikes, so that none gets more of them than another.

    None without neurons or duration.
    """
    if not m.n or not m.duration > 0:
        return None
    low, high = int(m.count.min()), int(m.count.max())
    step = -(-(high - low + 1) // LEVELS)
    edges = np.arange(max(low - 3 * step, 0), high + 4 * step, step)
    return np.maximum(edges - 0.5, 0.0) * 1000.0 / m.duration, np.histogram(m.count, edges)[0]


def isi_bins(m):
    """``(edges [ms], intervals per decade)`` in at most LEVELS bins of about equal width on a logarithmic axis.

    Edges are whole multiples of the bins of Measures, so that no bin gets more than its share of a grid of steps; the
    height is the number of intervals over log10 of the ratio of a bin's ends. None without intervals.
    """
    used = np.flatnonzero(m.isi)
    if not len(used):
        return None
    high = int(used[-1]) + 1
    low, high = min(int(used[0]), high // 3), high + -(-high // 5)       # never a single bar that fills the picture
    inner = np.geomspace(max(low, 1), high, LEVELS).round().astype(np.int64)
    edges = np.unique(np.append(low, inner))
    isi = np.pad(m.isi[:high], (0, max(high - len(m.isi), 0)))
    counts = np.add.reduceat(isi, edges[:-1])
    ends = np.maximum(edges, 0.5)               # the first bin may begin at 0, which has no place on such an axis
    return ends * m.isi_ms, counts / np.diff(np.log10(ends))


def cv_bins(cv):
    """``(edges, counts)`` of the finite ``cv`` in bins of 0.05 or wider; None without any."""
    cv = cv[np.isfinite(cv)]
    if not len(cv):
        return None
    step = 0.05 * max(1, int(np.ceil(cv.max() / (0.05 * LEVELS))))
    edges = np.arange(int(np.floor(max(cv.max(), 1.0) / step)) + 2) * step
    return edges, np.histogram(cv, edges)[0]


def over_time(m, least=0.0):
    """``(width [ms], edges [k + 1], rate [k] in Hz)`` of Measures in at most PIECES bins of a round width of at least
    ``least`` ms."""
    least = max(m.duration / PIECES, m.bin_ms, least)
    step = 10.0 ** np.floor(np.log10(least))
    wide = next(step * k for k in (1, 2, 5, 10, 20) if step * k >= least * (1 - 1e-9))
    group = max(round(wide / m.bin_ms), 1)
    starts = np.arange(0, len(m.binned), group)
    edges = m.start + np.append(starts * m.bin_ms, m.duration)
    return group * m.bin_ms, edges, np.add.reduceat(m.binned, starts) * 1000.0 / (m.n * np.diff(edges))


def spectrum(binned, width, n):
    """Power of the population rate by Welch's method: ``(frequencies [Hz], power [Hz^2/Hz])``, or None if too short.

    ``binned``: spikes per bin of ``width`` ms of ``n`` neurons. Windows of Hann, half overlapping, of a quarter of the
    run up to 1,024 bins, each without its mean; one-sided. Independent Poisson neurons of rate r have ``2 r / n``.
    """
    size = 1 << int(np.log2(max(min(len(binned) // 4, 1024), 1)))
    if size < 32 or n < 1:
        return None
    step, window = size // 2, np.hanning(size + 1)[:-1]
    pieces = (len(binned) - size) // step + 1
    scale, power = 1000.0 / (n * width), np.zeros(size // 2 + 1)
    for j in range(pieces):
        piece = binned[j * step:j * step + size] * scale
        power += np.abs(np.fft.rfft((piece - piece.mean()) * window)) ** 2
    power *= 2.0 * width / 1000.0 / ((window ** 2).sum() * pieces)
    power[[0, -1]] /= 2.0
    return np.fft.rfftfreq(size, width / 1000.0), power
