"""Pictures of a run: raster, population rates, traces, and an overview of all three.

Each function draws into the ``ax`` it is given and returns it; without one it makes a figure of its own, which needs no
screen (``raster(spikes).figure.savefig("raster.png")``). Nothing is shown and no setting of matplotlib is changed.
Times are in ms, rates in Hz. Populations have the same colour in every picture of one overview; the colours can be told
apart by colour-blind readers (Okabe and Ito 2008, "Color universal design").
"""
from collections.abc import Mapping

import numpy as np

from snn.errors import DataError
from snn.spikes import Spikes

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
QUIET = "#666666"


def raster(spikes, ax=None, *, max_neurons=500):
    """One dot per spike: time to the right, neurons upwards, populations stacked and coloured.

    ``spikes``: Spikes, or a dict (or Result) of population -> Spikes. With more than ``max_neurons`` neurons in all,
    evenly spaced ones are drawn, each population in proportion, and the labels say how many. Returns the ``ax``.
    DataError when there is no population or ``max_neurons`` is below 1.
    """
    populations = _populations(spikes)
    if max_neurons < 1:
        raise DataError(f"plot.raster.max_neurons: is {max_neurons}. It must be 1 or more.")
    ax = ax if ax is not None else _axes(7.0, 4.0)
    shown = _shares([s.n for s in populations.values()], max_neurons)
    bottoms = np.cumsum([0, *shown])
    for s, rows, bottom, colour in zip(populations.values(), shown, bottoms, _colours(populations), strict=False):
        part = s.of(np.linspace(0, s.n - 1, rows).round().astype(int), renumber=True)
        ax.plot(part.times, part.ids + bottom, linestyle="none", marker=".", color=colour, markeredgewidth=0,
                markersize=float(np.clip(250.0 / max(bottoms[-1], 1), 1.7, 5.0)), rasterized=len(part) > 5000)
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
        centres, rate = s.population_rate(bin_ms)
        edges = np.append(s.start + np.arange(len(centres)) * bin_ms, s.end)
        ax.stairs(rate, edges, baseline=None, color=colour, linewidth=1.2, label=f"{name} {s.mean_rate:.3g} Hz".strip())
    ax.set_ylabel("rate [Hz]")
    ax.set_ylim(bottom=0)
    _legend(ax)
    return _time_axis(ax, populations)


def traces(trace, ax=None, *, max_traces=5):
    """A recorded variable over time, one line per neuron, at most ``max_traces`` of them. Returns the ``ax``."""
    ax = ax if ax is not None else _axes(7.0, 2.5)
    shown = min(len(trace.ids), max_traces)
    for j in range(shown):
        label = f"neuron {trace.ids[j]}" if j == 0 else f"{trace.ids[j]}"
        more = f"  ({shown} of {len(trace.ids)})" if j == shown - 1 < len(trace.ids) - 1 else ""
        ax.plot(trace.times, trace.data[:, j], color=COLOURS[j % len(COLOURS)], linewidth=0.9, label=label + more)
    ax.set_ylabel(f"{trace.population}.{trace.variable}" + (f" [{trace.unit}]" if trace.unit else ""))
    ax.set_xlabel("time [ms]")
    if len(trace) > 1:
        ax.set_xlim(trace.times[0], trace.times[-1])
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


def _shares(sizes, most):
    """How many neurons of each population to draw: all, or ``most`` of them in proportion and at least one of each."""
    total = sum(sizes)
    return sizes if total <= most else [min(n, max(1, round(most * n / total))) for n in sizes]


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
