"""The parts of the report on what was sampled: order of phases, traces, weights."""
import numpy as np

from snn.report.chart import Axis, area, band, esc, figure, line, number, stairs, time_axis, value_axis
from snn.report.facts import section
from snn.report.series import course_of_columns, order_from_means, order_from_phases, weight_course
from snn.report.style import COLOURS

COLUMNS = 4                 # lines of one figure of traces


def phases(traces, colours, progress):
    """|r| over time of every population with recorded phases, or with the means of their sine and cosine."""
    parts = []
    for name, make, how in order_sources(traces):
        course, mean = make(progress)
        times, r = course.points()
        if not len(times):
            continue
        x, y = time_axis(times[0], times[-1]), Axis(0.0, 1.0, "|r|")
        label = f"Order parameter of {name} over time, mean {number(mean)}."
        parts.append(figure(name, area(line(times, r[:, 0], x, y), x, y, label=label), f"{how} 1: all phases equal; "
                            f"near 0: spread out evenly. Mean over all {number(course.total)} samples: {number(mean)}.",
                            style=f"card c{colours.get(name, 0) % COLOURS}"))
    return section("phases", "Order of phases", "".join(parts))


def order_sources(traces):
    """``(population, function(progress) -> (Course, mean), how it is computed)`` of what phases were recorded."""
    for population in dict.fromkeys(p for p, _ in traces):
        sin, cos = (traces.get((population, f"mean.{name}")) for name in ("sin", "cos"))
        if sin is not None and cos is not None and len(sin) == len(cos) and len(sin.ids) == len(cos.ids) == 1:
            yield (population, lambda progress, pair=(sin, cos): order_from_means(*pair, progress),
                   "|r| from the recorded means of sine and cosine over the population.")
        elif (population, "theta") in traces and len(traces[population, "theta"].ids) > 1:
            theta = traces[population, "theta"]
            yield (population, lambda progress, theta=theta: order_from_phases(theta, progress),
                   f"|r| = |mean of exp(i theta)| over the {number(len(theta.ids))} recorded units.")


def sampled(traces, most, progress):
    """Traces of up to COLUMNS evenly spaced neurons each; at most ``most`` figures."""
    shown = list(traces.items())[:most]
    parts = [_trace(f"{p}.{v}", trace, progress) for (p, v), trace in shown]
    if len(shown) < len(traces):
        parts.append(f'<p class="muted">The first {most} of {len(traces)} traces are drawn.</p>')
    return section("traces", "Traces", "".join(parts))


def _trace(name, trace, progress):
    width = len(trace.ids)
    kept = np.unique(np.linspace(0, width - 1, min(width, COLUMNS)).round().astype(int)) if width else []
    if not len(kept) or not len(trace):
        return figure(name, "<p>Nothing was sampled.</p>")
    ids = np.asarray(trace.ids)[kept]
    times, data = course_of_columns(trace, kept, progress=progress).points()
    scale = "" if trace.unit == "1" else trace.unit
    unit = f" [{scale}]" if scale else ""
    x, y = time_axis(times[0], times[-1]), value_axis(data, f"{trace.variable}{unit}")
    lines = "".join(f'<g class="c{j % COLOURS}">{line(times, data[:, j], x, y)}</g>' for j in range(len(kept)))
    mean = trace.variable.startswith("mean.")
    legend = [("c0", "mean of the population")] if mean else [(f"c{j}", f"neuron {i}") for j, i in enumerate(ids)]
    low, high = (f(data[np.isfinite(data)], initial=start) for f, start in ((np.min, np.inf), (np.max, -np.inf)))
    label = f"Course of {name}, {len(kept)} of {width}, from {number(low)} to {number(high)} {scale}."
    some = "" if mean else f"{len(kept)} of {number(width)} recorded neurons. "
    few = "" if len(trace) <= len(times) else " Drawn are the lowest and highest value of each piece of time."
    return figure(name, area(lines, x, y, label=label), f"{some}{number(len(trace))} samples, from {number(low)} to "
                  f"{number(high, scale)} in what is drawn.{few}", legend=legend)


def weights(tables, most, progress):
    """Distributions of weights at the first and last sample, and their course; at most ``most`` projections."""
    shown = list(tables.items())[:most]
    parts = [_weights(name, w, progress) for name, w in shown]
    if len(shown) < len(tables):
        parts.append(f'<p class="muted">The first {most} of {len(tables)} are drawn.</p>')
    return section("weights", "Weights", "".join(parts))


def _weights(name, table, progress):
    w = weight_course(table, progress)
    if w is None or not np.isfinite(w.last).any():
        return figure(name, "<p>Nothing was sampled.</p>")
    variable = getattr(table, "variable", "") or "weight"
    unit = f"{variable} [{table.unit}]" if table.unit not in ("", "1") else variable
    both = np.concatenate([w.first, w.last])
    edges = np.histogram_bin_edges(both[np.isfinite(both)], 40)
    heights = [np.histogram(part[np.isfinite(part)], edges)[0] for part in (w.first, w.last)]
    x, y = Axis(edges[0], edges[-1], unit), value_axis(np.concatenate(heights), "", zero=True)
    several = len(w.times) > 1
    drawing = (stairs(edges, heights[0], x, y, "outline") if several else "") + stairs(edges, heights[1], x, y)
    some = f"{number(w.shown)} of {number(w.all)} synapses" if w.shown < w.all else f"All {number(w.all)} synapses"
    end = _told(w, -1)
    begin = f"Dashed: at {number(w.times[0], 'ms', 6)}, {_told(w, 0)}. Filled: " if several else ""
    caption = f"{some}, per bin of {number(edges[1] - edges[0])}. {begin}at {number(w.times[-1], 'ms', 6)}, {end}."
    parts = [figure("Distribution", area(drawing, x, y, label=f"Histogram of {name} at the end: {end}."), caption,
                    style="", heading="h4")]
    if several:
        parts.append(_course(name, w, unit))
    return f'<div class="card c0"><h3>{esc(name)}</h3><div class="set">{"".join(parts)}</div></div>'


def _told(w, j):
    now = (w.first, w.last)[j]
    return f"mean {number(w.mean[j])}, standard deviation {number(np.nanstd(now))}"


def _course(name, w, unit):
    x, y = time_axis(w.times[0], w.times[-1]), value_axis(np.concatenate([w.low, w.high, w.mean]), unit)
    drawing = band(w.times, w.low, w.high, x, y) + line(w.times, w.mean, x, y)
    label = f"{name} over time: mean from {number(w.mean[0])} to {number(w.mean[-1])}."
    return figure("Over time", area(drawing, x, y, label=label), "Line: mean. Band: from the 5 % to the 95 % "
                  f"quantile. {number(len(w.times))} samples.", style="", heading="h4")
