"""A small picture of a network: populations on a ring, arrows for projections."""
import math

from snn.report.chart import esc, finite, number
from snn.report.style import COLOURS

WIDTH, MIDDLE, MOST = 340, (170, 146), 8


def diagram(populations, projections, colours):
    """SVG of ``{name: {"n": ...}}`` and ``{name: {"pre", "post", "synapses"}}``; empty for fewer than two populations
    without projections, and for more than MOST populations, which would only be a knot."""
    if not 1 <= len(populations) <= MOST or not projections and len(populations) < 2:
        return ""
    sizes = {name: _amount(p, "n") for name, p in populations.items()}
    largest = max(*sizes.values(), 1.0, 1.0)
    radius = {name: 15.0 + 13.0 * math.sqrt(n / largest) for name, n in sizes.items()}
    places = dict(zip(populations, _places(len(populations)), strict=True))
    edges = {}
    for p in projections.values():
        ends = (p.get("pre"), p.get("post")) if isinstance(p, dict) else ()
        if len(ends) == 2 and all(isinstance(e, str) and e in places for e in ends):
            edges[ends] = edges.get(ends, 0.0) + _amount(p, "synapses")
    most = max(edges.values(), default=1.0) or 1.0
    drawn = "".join(_edge(places[a], places[b], radius[a], radius[b], 1.0 + 2.0 * math.sqrt(k / most))
                    for (a, b), k in edges.items())
    nodes = "".join(_node(name, *places[name], radius[name], sizes[name], colours.get(name, COLOURS - 1))
                    for name in populations)
    told = "; ".join(f"{a} to {b}: {number(k)} synapses" for (a, b), k in edges.items())
    top = min(places[name][1] - radius[name] - 36 * ((name, name) in edges) for name in populations) - 6
    bottom = max(places[name][1] + radius[name] for name in populations) + 24
    view = f"0 {top:.0f} {WIDTH} {bottom - top:.0f}"
    label = esc(f"{len(populations)} populations. {told}", 600)
    return f'<svg class="diagram" viewBox="{view}" role="img" aria-label="{label}">{drawn}{nodes}</svg>'


def _amount(p, key):
    value = p.get(key) if isinstance(p, dict) else None
    return max(finite(value) or 0.0, 0.0)


def _places(k):
    cx, cy = MIDDLE
    if k == 1:
        return [(cx, cy)]
    if k == 2:
        return [(cx - 88, cy), (cx + 88, cy)]
    turn = [2 * math.pi * j / k - math.pi / 2 for j in range(k)]
    return [(cx + 100 * math.cos(t), cy + 76 * math.sin(t)) for t in turn]


def _node(name, x, y, r, n, colour):
    short = name if len(name) <= 14 else name[:13] + "…"
    return (f'<g class="c{colour % COLOURS}"><circle class="node" cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}"/>'
            f'<text x="{x:.1f}" y="{y + 4:.1f}" class="small">{number(n)}</text>'
            f'<text x="{x:.1f}" y="{y + r + 15:.1f}">{esc(short)}</text></g>')


def _edge(a, b, ra, rb, width):
    """An arrow, bent to its left so that the way back lies beside it; a loop where it ends where it begins."""
    if a == b:
        return _loop(a, ra, width)
    mx, my, dx, dy = (a[0] + b[0]) / 2, (a[1] + b[1]) / 2, b[0] - a[0], b[1] - a[1]
    cx, cy = mx + 0.16 * dy, my - 0.16 * dx
    start, tip = _towards(a, (cx, cy), ra + 2), _towards(b, (cx, cy), rb + 3)
    return _arrow(f"M{start[0]:.1f} {start[1]:.1f}Q{cx:.1f} {cy:.1f} ", tip, (cx, cy), width)


def _loop(at, r, width):
    """A loop on the side of the node that looks away from the others and from its name."""
    out = -math.pi / 2 if at[1] < MIDDLE[1] - 20 else 0.0 if at[0] > MIDDLE[0] - 1 else math.pi
    near = [(at[0] + (r + 2) * math.cos(out + s), at[1] + (r + 2) * math.sin(out + s)) for s in (-0.45, 0.45)]
    far = [(at[0] + (r + 42) * math.cos(out + s), at[1] + (r + 42) * math.sin(out + s)) for s in (-0.5, 0.5)]
    path = f"M{near[0][0]:.1f} {near[0][1]:.1f}C{far[0][0]:.1f} {far[0][1]:.1f} {far[1][0]:.1f} {far[1][1]:.1f} "
    return _arrow(path, near[1], far[1], width)


def _towards(a, b, length):
    away = math.hypot(b[0] - a[0], b[1] - a[1]) or 1.0
    return a[0] + (b[0] - a[0]) * length / away, a[1] + (b[1] - a[1]) * length / away


def _arrow(path, tip, source, width):
    size = 4.0 + 1.6 * width
    base = _towards(tip, source, size)
    ux, uy = (tip[0] - base[0]) / size, (tip[1] - base[1]) / size
    half = size * 0.45
    corners = [(base[0] - uy * half, base[1] + ux * half), (base[0] + uy * half, base[1] - ux * half), tip]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    return (f'<path class="edge" stroke-width="{width:.1f}" d="{path}{base[0]:.1f} {base[1]:.1f}"/>'
            f'<polygon class="tip" points="{points}"/>')
