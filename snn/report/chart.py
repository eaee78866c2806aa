"""Figures of the report as HTML and inline SVG.

The drawing area is an SVG that stretches to whatever width there is while its lines keep theirs; ticks and labels are
HTML beside it, so that text has the same size on a phone and on a wide screen. Colours are CSS variables, which is how
a figure follows the reader's light or dark scheme. Everything that comes from a file passes :func:`esc`.
"""
import math
from dataclasses import dataclass
from html import escape
from numbers import Real

import numpy as np

WIDTH, HEIGHT = 1000, 400       # units of a drawing area; nothing on the page depends on them
SPACES = "\n\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"


def esc(text, most=120):
    """``text`` such that HTML shows it and does nothing else; longer texts are cut."""
    text = "".join(c if c.isprintable() or c in SPACES else "\N{REPLACEMENT CHARACTER}" for c in str(text))
    return escape(text if len(text) <= most else text[:most - 1] + "…")


def finite(value):
    """``value`` as a float, None where it is no finite number."""
    try:
        value = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


def number(x, unit="", digits=3):
    """A number for reading: ``digits`` significant ones, thousands apart, a dash where there is none."""
    x = finite(x)
    if x is None:
        return "–"
    x += 0.0                    # no minus before a zero
    if x == int(x) and abs(x) < 1e15 or abs(x) >= 10 ** digits and abs(x) < 1e9:
        text = f"{x:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    else:
        text = f"{x:.{digits}g}"
        mantissa, e, power = text.partition("e")
        text = f"{mantissa}·10{_raised(int(power))}" if e else text
    text = text.replace("-", "−")
    return f"{text}\N{NO-BREAK SPACE}{unit}" if unit else text


def some(n, name, names=None):
    """A number of things in words: ``1 neuron``, ``3 neurons``."""
    return f"{number(n)} {name if n == 1 else names or name + 's'}"


def _raised(k):
    return str(k).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


@dataclass(frozen=True)
class Axis:
    """One axis: values from ``low`` to ``high``; ``label`` with the unit; ``unit``: what one unit of the labels is."""

    low: float
    high: float
    label: str = ""
    log: bool = False
    unit: float = 1.0

    def place(self, values):
        """Where values lie, 0 at ``low`` and 1 at ``high``."""
        low, high, values = float(self.low), float(self.high), np.asarray(values, float)
        if self.log:
            low, high = np.log10([low, high])
            with np.errstate(divide="ignore", invalid="ignore"):
                values = np.log10(values)
        return (values - low) / (high - low) if high > low else np.full(np.shape(values), 0.5)

    def ticks(self, most=6):
        """``[(place, text)]`` at round values."""
        low, high = self.low / self.unit, self.high / self.unit
        if self.log:
            powers = range(int(np.floor(np.log10(low) + 1e-9)), int(np.floor(np.log10(high) + 1e-9)) + 1)
            digits = (1, 2, 5) if len(powers) < 3 else (1,)
            found = [float(f"{k}e{p}") for p in powers for k in digits]
            found = [v for v in found if low * (1 - 1e-9) <= v <= high * (1 + 1e-9)]
            marks = found[::-(-len(found) // most) or 1]
        else:
            marks = round_values(low, high, most)
        return [(float(self.place(v * self.unit)), number(v, digits=6)) for v in marks]


def round_values(low, high, most=6):
    """At most about ``most`` round values (1, 2 or 5 times a power of ten) from ``low`` to ``high``."""
    span = high - low
    if not (np.isfinite(span) and span > 0):
        return [low] if np.isfinite(low) else []
    step = 10.0 ** np.floor(np.log10(span / most))
    step *= next(k for k in (1, 2, 5, 10, 20) if span / (k * step) <= most)
    count = np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1)
    return [float(f"{v:.12g}") for v in count * step]


def time_axis(start, end):
    """The axis of time, in s where there are many ms."""
    return Axis(start, end, "time [s]", unit=1000.0) if end - start >= 10_000 else Axis(start, end, "time [ms]")


def value_axis(values, label, *, zero=False):
    """An axis that holds all finite ``values`` with a little room; from 0 on with ``zero``."""
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    if not len(values):
        return Axis(0.0, 1.0, label)
    low, high = float(values.min()), float(values.max())
    room = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return Axis(0.0, high + room if high > 0 else 1.0, label) if zero else Axis(low - room, high + room, label)


def line(xs, ys, x, y, style="line"):
    """A line through the points; a NaN leaves a gap."""
    px, py = x.place(xs) * WIDTH, (1.0 - y.place(ys)) * HEIGHT
    good = np.isfinite(px) & np.isfinite(py)
    begins = good & ~np.append(False, good[:-1])
    alone = begins & ~np.append(good[1:], False)
    parts = [f"{'M' if b else 'L'}{u:.1f} {v:.1f}{'h4' if a else ''}"
             for u, v, b, a in zip(px[good], py[good], begins[good], alone[good], strict=True)]
    return f'<path class="{style}" d="{"".join(parts)}"/>'


def stairs(edges, heights, x, y, style="fill"):
    """A histogram: ``heights`` [k] over ``edges`` [k + 1], filled down to the axis."""
    px = np.repeat(x.place(edges) * WIDTH, 2)[1:-1]
    py = np.repeat((1.0 - y.place(heights)) * HEIGHT, 2)
    floor = f"{HEIGHT:.0f}"
    points = "L".join(f"{u:.1f} {v:.1f}" for u, v in zip(px, py, strict=True))
    return f'<path class="{style}" d="M{px[0]:.1f} {floor}L{points}L{px[-1]:.1f} {floor}Z"/>' if len(px) else ""


def band(xs, low, high, x, y, style="band"):
    """The area between two lines."""
    px = np.concatenate([x.place(xs), x.place(xs)[::-1]]) * WIDTH
    py = (1.0 - np.concatenate([y.place(low), y.place(high)[::-1]])) * HEIGHT
    points = "L".join(f"{u:.1f} {v:.1f}" for u, v in zip(px, py, strict=True) if np.isfinite(v))
    return f'<path class="{style}" d="M{points}Z"/>' if points else ""


def marks(picked, x, pixels):
    """A raster: one upright mark per spike of a :class:`snn.report.spikes.Picked`, and the view of its drawing area,
    which is as high as there are rows, times 4, and is shown about ``pixels`` high."""
    column = np.round(x.place(picked.times) * 2 * WIDTH).astype(int)
    height = 4 * max(picked.shown, 1)
    top = height - 4 * (picked.rows + 1)
    cells = np.unique(top * (4 * WIDTH) + np.clip(column, 0, 2 * WIDTH))
    top, column = cells // (4 * WIDTH), cells % (4 * WIDTH)
    length = max(3, round(2.4 * height / pixels))
    return (f'<path class="mark" d="{"".join(f"M{u} {v}v{length}" for u, v in zip(column, top, strict=True))}"/>',
            f"0 0 {2 * WIDTH} {height}")


def level(value, y, style="level"):
    """A horizontal line at ``value``."""
    at = (1.0 - float(y.place(value))) * HEIGHT
    return f'<path class="{style}" d="M0 {at:.1f}H{WIDTH}"/>'


def upright(value, x, style="level"):
    """A vertical line at ``value``."""
    at = float(x.place(value)) * WIDTH
    return f'<path class="{style}" d="M{at:.1f} 0V{HEIGHT}"/>' if np.isfinite(at) else ""


def area(drawing, x, y=None, *, label, view=f"0 0 {WIDTH} {HEIGHT}", height=0, show_x=True):
    """The drawing area with its ticks and the names of its axes; ``label`` is read out in place of the picture."""
    xt, yt = x.ticks(), y.ticks(4) if y is not None else []
    w, h = view.split()[2:]
    grid = "".join(f'<path class="grid" d="M0 {(1 - p) * HEIGHT:.1f}H{WIDTH}"/>' for p, _ in yt)
    labels = "".join(f'<span class="yt" style="bottom:{100 * p:.2f}%">{t}</span>' for p, t in yt)
    labels += "".join(f'<span class="xt{" odd" if k % 2 else ""}" style="left:{100 * p:.2f}%">{t}</span>'
                      for k, (p, t) in enumerate(xt) if show_x)
    name_y = f'<div class="yl">{esc(y.label)}</div>' if y is not None and y.label else ""
    name_x = f'<div class="xl">{esc(x.label)}</div>' if show_x and x.label else ""
    size = f' style="height:{height}px"' if height else ""
    svg = f'<svg viewBox="0 0 {w} {h}" preserveAspectRatio="none" aria-hidden="true">{grid}{drawing}</svg>'
    return (f'<div class="plot{"" if y is not None else " bare"}" role="img" aria-label="{esc(label, 300)}">{name_y}'
            f'<div class="area{"" if show_x else " above"}"{size}>{svg}{labels}</div>{name_x}</div>')


def figure(title, body, caption="", *, legend=(), style="card", heading="h3"):
    """A figure: ``title``, ``legend`` as [(colour class, text)], body, how it is computed. All but the body is text."""
    entries = "".join(f'<li class="{c}"><i></i>{esc(t)}</li>' for c, t in legend)
    return (f'<figure class="{style}"><{heading}>{esc(title)}</{heading}>'
            + (f'<ul class="legend">{entries}</ul>' if entries else "") + body
            + (f"<figcaption>{esc(caption, 1000)}</figcaption>" if caption else "") + "</figure>")
