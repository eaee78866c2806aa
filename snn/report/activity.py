"""The parts of the report on spikes: rasters, rates over time, statistics of each population."""
import numpy as np

from snn.report.chart import (
    Axis,
    area,
    esc,
    figure,
    level,
    line,
    marks,
    number,
    some,
    stairs,
    time_axis,
    upright,
    value_axis,
)
from snn.report.facts import section, table
from snn.report.histograms import cv_bins, isi_bins, over_time, rate_bins, spectrum
from snn.report.spikes import PAIRS, WINDOW, pick
from snn.report.style import COLOURS


def activity(populations, measures, colours, notes):
    """Rasters and rates of ``populations`` {name: Spikes} measured as ``measures``."""
    if not measures:
        return ""
    if not any(m.spikes for m in measures.values()):
        told = ", ".join(f"{name} ({some(m.n, 'neuron')})" for name, m in measures.items())
        body = f'<div class="card wide"><p>No neuron fired: {esc(told, 600)}.</p></div>'
        return section("activity", "Activity", body)
    return section("activity", "Activity", _raster(populations, measures, colours, notes) + _rates(measures, colours))


def _raster(populations, measures, colours, notes):
    picked = {name: p for name, p in pick(populations, measures).items() if p.shown}
    if not picked:
        return ""
    start, end = next(iter(picked.values())).window
    x, total, parts = time_axis(start, end), sum(p.shown for p in picked.values()), []
    last = list(picked)[-1]
    for name, p in picked.items():
        height = min(max(round(360 * p.shown / total), 60), 20 * p.shown)
        drawing, view = marks(p, x, height)
        label = f"Raster of {name}: {p.shown} of {measures[name].n} neurons, {len(p.times)} spikes."
        parts.append(f'<div class="c{colours[name] % COLOURS}"><p class="rows">{esc(name)} '
                     f"<span>{_of(p.shown, measures[name].n)}</span></p>"
                     f"{area(drawing, x, label=label, view=view, height=height, show_x=name == last)}</div>")
    drawn, all_ = sum(len(p.times) for p in picked.values()), sum(measures[name].spikes for name in picked)
    whole = min(m.start for m in measures.values()), max(m.start + m.duration for m in measures.values())
    part = "" if (start, end) == whole else f", in the last {number(end - start, 'ms')} with activity"
    which = f"Drawn are {number(drawn)} of {number(all_)} spikes: of evenly spaced neurons{part}."
    caption = f"One mark per spike, one row per neuron. {which if drawn < all_ else 'All are drawn.'} {notes}"
    return figure("Spikes", "".join(parts), caption, style="card wide")


def _of(part, whole):
    return some(whole, "neuron") if part == whole else f"{number(part)} of {some(whole, 'neuron')}"


def _rates(measures, colours):
    """Rates over time, one line per population."""
    drawings, width, top = [], 0.0, [0.0]
    start = min(m.start for m in measures.values())
    end = max(m.start + m.duration for m in measures.values())
    x, curves = time_axis(start, end), []
    # Wide enough for about five spikes per bin, so that noise does not hide the course.
    least = max(min(5.0 * m.duration / max(m.spikes, 1), m.duration / 50.0) for m in measures.values())
    for name, m in measures.items():
        if m.n and m.duration > 0:
            width, edges, rate = over_time(m, least)
            curves.append((name, edges, rate))
            top.append(rate.max())
    if not curves:
        return ""
    y = value_axis(top, "rate [Hz]", zero=True)
    for name, edges, rate in curves:
        drawings.append(f'<g class="c{colours[name] % COLOURS}">'
                        f"{line(np.repeat(edges, 2)[1:-1], np.repeat(rate, 2), x, y)}</g>")
    mean = {name: 1000.0 * m.spikes / (m.n * m.duration) for name, m in measures.items() if m.n and m.duration > 0}
    legend = [(f"c{colours[name] % COLOURS}", f"{name}, mean {number(mean[name], 'Hz')}") for name, *_ in curves]
    label = "Rates over time: " + "; ".join(text for _, text in legend)
    return figure("Population rates", area("".join(drawings), x, y, label=label, height=240),
                  f"Spikes in bins of {number(width, 'ms')} divided by number of neurons and length of the bin.",
                  legend=legend, style="card wide")


def statistics(measures, colours):
    """A table over all populations, and histograms of each."""
    if not measures:
        return ""
    head = ["population", "#neurons", "#spikes", "#rate [Hz]", "#median rate [Hz]", "#silent", "#mean ISI [ms]", "#CV",
            "#Fano factor", "#correlation"]
    rows = [[f'<i class="c{colours[name] % COLOURS}"></i>{esc(name)}', number(m.n), number(m.spikes), *_rate_cells(m),
             number(m.isi_mean), number(_mean(m.cv)), number(m.fano), number(m.correlation)]
            for name, m in measures.items()]
    parts = [f"{name}: intervals and CV of {number(m.sorted_neurons)} evenly spaced neurons"
            for name, m in measures.items() if m.sorted_neurons < m.n]
    caption = (
        "Rate: spikes per neuron and second; silent: neurons without a spike. ISI: interval between spikes of one "
        "neuron. CV: standard deviation over mean of the intervals, averaged over neurons with three spikes or more "
        "(Poisson 1, clock 0). Fano factor: variance over mean of the population's count in "
        f"{number(WINDOW, 'ms')} (independent Poisson 1). Correlation: of such counts, over the pairs of up to {PAIRS} "
        "evenly spaced neurons. " + "; ".join(parts))
    parts = [f'<figure class="card wide"><h3>All populations</h3>{table(head, rows, label="statistics of spikes")}'
             f"<figcaption>{esc(caption, 900)}</figcaption></figure>"]
    parts += [_card(name, m, colours[name] % COLOURS) for name, m in measures.items() if m.spikes]
    return section("statistics", "Firing statistics", "".join(parts))


def _rate_cells(m):
    if not m.n or not m.duration > 0:
        return ["–", "–", "–"]
    silent = np.count_nonzero(m.count == 0) / m.n
    return [number(m.rate.mean()), number(np.median(m.rate)), f"{number(100 * silent)} %"]


def _mean(x):
    x = x[np.isfinite(x)]
    return float(x.mean()) if len(x) else float("nan")


def _card(name, m, colour):
    figures = [_rate_histogram(name, m), _isi_histogram(name, m), _cv_histogram(name, m), _spectrum(name, m)]
    return (f'<div class="card wide c{colour}"><h3><i></i>{esc(name)}</h3><div class="set">'
            f"{''.join(f for f in figures if f)}</div></div>")


def histogram(title, edges, heights, labels, told, caption, *, at=None, log=False):
    """A small histogram; ``labels`` of the two axes; ``at``: where a dashed line stands."""
    x, y = Axis(edges[0], edges[-1], labels[0], log), value_axis(heights, labels[1], zero=True)
    drawing = stairs(edges, heights, x, y) + (upright(at, x) if at is not None else "")
    return figure(title, area(drawing, x, y, label=told), caption, style="", heading="h4")


def _rate_histogram(name, m):
    bins = rate_bins(m)
    if bins is None:
        return ""
    edges, heights = bins
    mean, width = m.rate.mean(), edges[-1] - edges[-2]
    return histogram("Rates", edges, heights, ("rate [Hz]", "neurons"),
                     f"Histogram of firing rates of {name}: mean {number(mean, 'Hz')}, median "
                     f"{number(np.median(m.rate), 'Hz')}, highest {number(m.rate.max(), 'Hz')}.",
                     f"Neurons per bin of {number(width, 'Hz')}; dashed: mean {number(mean, 'Hz')}.", at=mean)


def _isi_histogram(name, m):
    bins = isi_bins(m)
    if bins is None:
        return ""
    return histogram("Intervals (ISI)", *bins, ("interval [ms]", "intervals per decade"),
                     f"Histogram of inter-spike intervals of {name}: mean {number(m.isi_mean, 'ms')}, median "
                     f"{number(m.isi_quantile(0.5), 'ms')}.",
                     f"{number(m.isi_count)} intervals; the area of a bar is their number; dashed: mean "
                     f"{number(m.isi_mean, 'ms')}, median {number(m.isi_quantile(0.5), 'ms')}.",
                     at=m.isi_mean, log=True)


def _cv_histogram(name, m):
    bins = cv_bins(m.cv)
    if bins is None:
        return ""
    mean, many = _mean(m.cv), np.isfinite(m.cv).sum()
    return histogram("Irregularity (CV)", *bins, ("CV of intervals", "neurons"),
                     f"Histogram of the coefficient of variation of the intervals of {name}: mean {number(mean)}.",
                     f"{number(many)} neurons with three spikes or more; dashed: mean {number(mean)}.", at=mean)


def _spectrum(name, m):
    found = spectrum(m.binned, m.bin_ms, m.n)
    if found is None or not m.duration > 0 or not found[1][1:].any():
        return ""
    f, power = found[0][1:], np.maximum(found[1][1:], found[1][1:].max() * 1e-6)
    poisson = 2.0 * m.rate.mean() / m.n
    x = Axis(f[0], f[-1], "frequency [Hz]", log=True)
    y = Axis(min(power.min(), poisson) / 1.5, max(power.max(), poisson) * 1.5, "Hz²/Hz", log=True)
    peak = f[np.argmax(power)]
    drawing = line(f, power, x, y) + level(poisson, y)
    return figure("Spectrum of the rate", area(drawing, x, y, label=f"Power spectrum of the rate of {name}; highest at "
                  f"{number(peak, 'Hz')}."), f"Welch, steps of {number(f[0], 'Hz')}, highest at {number(peak, 'Hz')}; "
                  "dashed: independent Poisson neurons of this rate.", style="", heading="h4")
