"""Pictures of a run: raster, population rates, intervals, order of phases, traces, and an overview.

Each function draws into the ``ax`` it is given and returns it; without one it makes a figure of its own, which needs no
screen (``raster(spikes).figure.savefig("raster.png")``). Nothing is shown and no setting of matplotlib is changed.
Times are in ms, rates in Hz. Populations have the same colour in every picture of one overview; the colours can be told
apart by colour-blind readers (Okabe and Ito 2008, "Color universal design"). Results of :func:`snn.open` are read block
by block, in memory that does not grow with the length of the run.
"""
from collections.abc import Mapping

import numpy as np

from snn.errors import DataError
from snn.report.courses import order_sources
from snn.report.histograms import cv_bins, isi_bins
from snn.report.series import course_of_columns
from snn.report.spikes import Bins, measure
from snn.spikes import Spikes

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
QUIET = "#666666"
DOTS = 1_000_000            # about the most spikes of one raster
SAMPLES = 1 << 16           # of longer traces, lowest and highest values are drawn


def raster(spikes, ax=None, *, max_neurons=500):
    """One dot per spike: time to the right, neurons upwards, populations stacked and coloured.

    ``spikes``: Spikes, or a dict (or Result) of population -> Spikes. With more than ``max_neurons`` neurons in all,
    evenly spaced ones are drawn, each population in proportion, and the labels say how many; so with more than about a
    million spikes to draw. Returns the ``ax``.
    DataError when there is no population or ``max_neurons`` is below 1.
    """
    populations = _populations(spikes)
    if max_neurons < 1:
        raise DataError(f"plot.raster.max_neurons: is {max_neurons}. It must be 1 or more.")
    ax = ax if ax is not None else _axes(7.0, 4.0)
    shown = _shares(populations, max_neurons)
    bottoms = np.cumsum([0, *shown])
    for s, rows, bottom, colour in zip(populations.values(), shown, bottoms, _colours(populations), strict=False):
        times, row = _spikes_of(s, rows)
        ax.plot(times, row + bottom, linestyle="none", marker=".", color=colour, markeredgewidth=0,
                markersize=float(np.clip(250.0 / max(bottoms[-1], 1), 1.7, 5.0)), rasterized=len(times) > 5000)
    for edge in bottoms[1:-1]:
        ax.axhline(edge - 0.5, color=QUIET, linewidth=0.5)
    _name_rows(ax, populations, shown, bottoms)
    ax.set_ylim(-0.5, max(bottoms[-1], 1) - 0.5)
    return _time_axis(ax, populations)


def rates(spikes, ax=None, *, bin_ms=5.0):
    """Rate of each population over time, in bins of ``bin_ms`` ms, as :meth:`Spikes.population_rate` gives it.

    ``spikes`` as in :func:`raster`. Returns the ``ax``.
    """
    populations = _populations(spikes)
    ax = ax if ax is not None else _axes(7.0, 2.5)
    for (name, s), colour in zip(populations.items(), _colours(populations), strict=True):
        if not (s.n and s.duration > 0):
            continue
        bins = Bins(s, bin_ms)
        for times, ids in s.blocks():
            bins.add(times, ids)
        edges = np.minimum(np.arange(len(bins.counts) + 1) * float(bin_ms), s.duration)
        rate = bins.counts * 1000.0 / (s.n * np.diff(edges))
        ax.stairs(rate, s.start + edges, baseline=None, color=colour, linewidth=1.2,
                  label=f"{name} {s.mean_rate:.3g} Hz".strip())
    ax.set_ylabel("rate [Hz]")
    ax.set_ylim(bottom=0)
    _legend(ax)
    return _time_axis(ax, populations)


def isi(spikes, ax=None):
    """Histogram of the inter-spike intervals of each population on a logarithmic axis.

    The height of a bin is its number of intervals over log10 of the ratio of its ends, so that its area in the picture
    is the number of intervals. ``spikes`` as in :func:`raster`. Returns the ``ax``.
    """
    ax = _histograms(spikes, ax, isi_bins, lambda m: f"mean {m.isi_mean:.3g} ms")
    ax.set(xscale="log", xlabel="interval [ms]", ylabel="intervals per decade")
    return ax


def cv(spikes, ax=None):
    """Histogram of the coefficients of variation of the intervals of the neurons of each population, as
    :meth:`Spikes.cv` gives them (three spikes or more). ``spikes`` as in :func:`raster`. Returns the ``ax``."""
    ax = _histograms(spikes, ax, lambda m: cv_bins(m.cv), lambda m: f"mean {np.nanmean(m.cv):.3g}")
    ax.set(xlabel="CV of intervals", ylabel="neurons")
    return ax


def _histograms(spikes, ax, bins, told):
    populations = _populations(spikes)
    ax = ax if ax is not None else _axes(5.0, 2.5)
    for (name, s), colour in zip(populations.items(), _colours(populations), strict=True):
        m = measure(s, dt=getattr(spikes, "meta", {}).get("dt"))
        found = bins(m)
        if found is not None:
            ax.stairs(found[1], found[0], color=colour, fill=True, alpha=0.25)
            ax.stairs(found[1], found[0], color=colour, label=f"{name} {told(m)}".strip())
    ax.set_ylim(bottom=0)
    _legend(ax)
    return _tidy(ax)


def order(traces, ax=None):
    """Order parameter of phases over time, ``|r| = |mean of exp(i theta)|``, one line per population.

    ``traces``: a Result or its ``traces``. r comes from the means ``mean.sin`` and ``mean.cos`` (``RecordMean``), else
    from the recorded phases ``theta``. Returns the ``ax``. DataError where no population has either.
    """
    found = list(order_sources(getattr(traces, "traces", traces)))
    if not found:
        raise DataError("plot.order: no phases were recorded. Record RecordMean(..., 'sin') and 'cos', or the state "
                        "'theta' of two units or more.")
    ax = ax if ax is not None else _axes(7.0, 2.5)
    for j, (name, make, _) in enumerate(found):
        course, mean = make(None)
        times, r = course.points()
        ax.plot(times, r[:, 0], color=COLOURS[j % len(COLOURS)], linewidth=1.2, label=f"{name} {mean:.3g}")
    ax.set(xlabel="time [ms]", ylabel="|r|", ylim=(0.0, 1.02))
    _legend(ax)
    return _tidy(ax)


def traces(trace, ax=None, *, max_traces=5):
    """A recorded variable over time, one line per neuron, at most ``max_traces`` of them. Returns the ``ax``.

    Where samples are missing (a recorder of windows) there is a gap. Of more than 65,536 samples, the lowest and
    highest value of each of about 2,000 pieces of time are joined.
    """
    ax = ax if ax is not None else _axes(7.0, 2.5)
    shown = min(len(trace.ids), max_traces)
    ids = np.asarray(trace.ids)[:shown]
    times, data = course_of_columns(trace, np.arange(shown), most=SAMPLES).points()
    for j in range(shown):
        label = "mean" if trace.variable.startswith("mean.") else f"neuron {ids[j]}" if j == 0 else f"{ids[j]}"
        more = f"  ({shown} of {len(trace.ids)})" if j == shown - 1 < len(trace.ids) - 1 else ""
        ax.plot(times, data[:, j], color=COLOURS[j % len(COLOURS)], linewidth=0.9, label=label + more)
    ax.set_ylabel(f"{trace.population}.{trace.variable}" + (f" [{trace.unit}]" if trace.unit else ""))
    ax.set_xlabel("time [ms]")
    if len(times) > 1:
        ax.set_xlim(times[0], times[-1])
    _legend(ax)
    return _tidy(ax)


def overview(result, *, max_neurons=1000, bin_ms=5.0, max_variables=3):
    """A figure of a Result: raster, rates under it, then the first ``max_variables`` traces, on one time axis.

    Returns a matplotlib Figure; save it with ``figure.savefig("run.png", dpi=150)``. DataError when nothing was
    recorded.
    """
    keys = list(result.traces)[:max_variables]
    panels = [(traces, result.traces[key], 1.2, {}) for key in keys]
    if len(result.spikes):
        panels = [(raster, result.spikes, 3.0, {"max_neurons": max_neurons}),
                  (rates, result.spikes, 1.2, {"bin_ms": bin_ms}), *panels]
    if not panels:
        raise DataError("plot.overview: the result holds neither spikes nor traces. Record some of them.")
    figure = _figure(8.0, 0.6 + 1.25 * sum(height for *_, height, _ in panels))
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False,
                           gridspec_kw={"height_ratios": [height for *_, height, _ in panels]})[:, 0]
    for (draw, data, _, options), ax in zip(panels, axes, strict=True):
        draw(data, ax, **options)
    for ax in axes[:-1]:
        ax.set_xlabel("")
    if len(result.spikes):
        _time_axis(axes[0], result.spikes).set_xlabel("")
    axes[-1].set_xlabel("time [ms]")
    figure.align_ylabels(axes)
    return figure


def _populations(spikes):
    if isinstance(spikes, Spikes):
        return {"": spikes}
    populations = dict(spikes if isinstance(spikes, Mapping) else spikes.spikes)
    if not populations:
        raise DataError("plot: there is no population. Give Spikes or a dict of population -> Spikes.")
    return populations


def _colours(populations):
    return [COLOURS[j % len(COLOURS)] for j in range(len(populations))]


def _shares(populations, most):
    """How many neurons of each population to draw: all, or ``most`` of them in proportion and at least one of each."""
    sizes, spikes = [s.n for s in populations.values()], sum(map(len, populations.values()))
    total = sum(sizes)
    most = min(most, max(1, total * DOTS // max(spikes, 1)))
    return sizes if total <= most else [min(n, max(1, round(most * n / total))) for n in sizes]


def _spikes_of(s, rows):
    """Times and rows of the spikes of ``rows`` evenly spaced neurons."""
    row = np.full(s.n, -1)
    row[np.linspace(0, s.n - 1, rows).round().astype(int)] = np.arange(rows)
    parts = [(np.zeros(0), np.zeros(0, int))]
    for times, ids in s.blocks():
        keep = row[ids] >= 0
        parts.append((times[keep], row[ids[keep]]))
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


def _name_rows(ax, populations, shown, bottoms):
    names = [name if rows == s.n else f"{name}\n{rows} of {s.n}".strip()
             for (name, s), rows in zip(populations.items(), shown, strict=True)]
    if names == list(populations) and len(names) == 1:
        ax.set_ylabel(f"neuron of {names[0]}" if names[0] else "neuron")
        return
    ax.set_yticks((bottoms[:-1] + bottoms[1:] - 1) / 2, names)
    ax.tick_params(axis="y", length=0)
    for label, colour in zip(ax.get_yticklabels(), _colours(populations), strict=True):
        label.set_color(colour)


def _figure(width, height):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _axes(width, height):
    return _figure(width, height).subplots()


def _legend(ax):
    """In one line above the picture: nothing that was drawn is hidden."""
    handles, labels = ax.get_legend_handles_labels()
    if handles:
        ax.legend(handles, labels, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(handles), frameon=False,
                  fontsize=8, handlelength=1.2, columnspacing=1.2, borderaxespad=0.1)


def _time_axis(ax, populations):
    ax.set_xlabel("time [ms]")
    start, end = min(s.start for s in populations.values()), max(s.end for s in populations.values())
    if end > start:
        ax.set_xlim(start, end)
    return _tidy(ax)


def _tidy(ax):
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(QUIET)
    ax.tick_params(color=QUIET, labelsize=8)
    return ax
