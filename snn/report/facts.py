"""The parts of the report that are text: what was run, on what network, and how it ended.

``meta`` may come from a file that somebody else wrote: nothing in it is taken for granted, and all of it is escaped.
"""
from numbers import Real

from snn.report.chart import esc, finite, number, some
from snn.report.diagram import diagram
from snn.report.style import COLOURS

ROWS = 60                   # longest table


def of(meta, *path, kind=dict):
    """What lies at ``path`` in nested dicts, or an empty ``kind`` where there is nothing of that kind."""
    for key in path:
        meta = meta.get(key) if isinstance(meta, dict) else None
    return meta if isinstance(meta, kind) else kind()


def real(meta, *path):
    """The finite number at ``path``, or None."""
    *path, last = path
    return finite(of(meta, *path).get(last))


def table(head, rows, *, total=None, label=""):
    """A table whose rows become cards on a phone. ``head``: names, those of numbers with a leading ``#``; ``rows``:
    lists of HTML; the first cell names the row. ``total``: number of rows that there are."""
    numeric = [h.startswith("#") for h in head]
    names = [esc(h.lstrip("#")) for h in head]
    cells = "".join(f'<th scope="col"{" class=n" if n else ""}>{h}</th>' for h, n in zip(names, numeric, strict=True))
    body = "".join("<tr>" + f'<th scope="row">{row[0]}</th>'
                   + "".join(f'<td data-label="{h}"{" class=n" if n else ""}>{cell}</td>'
                             for h, n, cell in zip(names[1:], numeric[1:], row[1:], strict=True)) + "</tr>"
                   for row in rows[:ROWS])
    left = (total or len(rows)) - min(len(rows), ROWS)
    more = f'<p class="muted">… and {number(left)} more.</p>' if left > 0 else ""
    return (f'<table class="wraps" aria-label="{esc(label)}"><thead><tr>{cells}</tr></thead><tbody>{body}</tbody>'
            f"</table>{more}")


def pairs(rows):
    """A table of names and values (text)."""
    body = "".join(f'<tr><th scope="row">{esc(k)}</th><td>{esc(v, 400)}</td></tr>' for k, v in rows[:ROWS])
    return f'<table class="facts"><tbody>{body}</tbody></table>'


def span(result):
    """Begin and end of what the result covers [ms]."""
    ends = [(s.start, s.end) for s in result.spikes.values()]
    start, duration = real(result.meta, "start") or 0.0, real(result.meta, "duration")
    if not ends and duration is not None:
        ends = [(start, start + duration)]
    return (min(e[0] for e in ends), max(e[1] for e in ends)) if ends else (None, None)


def status(result):
    """``(class, text)``: how the run ended, as far as that is known."""
    meta, (_, end) = result.meta, span(result)
    until = f" at {number(end, 'ms', 6)}" if end is not None else ""
    if meta.get("interrupted") is True:
        return "warn", f"interrupted{until}"
    if meta.get("complete") is False:
        return "warn", f"cut off{until}: not closed by its run"
    return ("good", "complete") if meta.get("complete") is True else ("none", "end of the run unknown")


def header(result, measures, title, source):
    """Title, how the run ended, and the figures that are asked for first."""
    meta, (start, end) = result.meta, span(result)
    style, text = status(result)
    network = of(meta, "network")
    neurons = sum(real(p, "n") or 0 for p in of(network, "populations").values()) or sum(
        m.n for m in measures.values())
    synapses = sum(real(p, "synapses") or 0 for p in of(network, "projections").values())
    spikes, recorded = sum(m.spikes for m in measures.values()), sum(m.n for m in measures.values())
    length = end - start if end is not None else None
    wall = real(meta, "wall_s", "run")
    tiles = []
    if length:
        tiles.append(("Model time", number(length, "ms", 6), f"from {number(start, 'ms', 6)}" if start else ""))
    if neurons:
        tiles.append(("Neurons", number(neurons), some(len(of(network, "populations")) or len(measures), "population")))
    if synapses:
        tiles.append(("Synapses", number(synapses), f"{number(synapses / max(neurons, 1))} per neuron"))
    if measures:
        rate = spikes * 1000.0 / (recorded * length) if recorded and length else None
        tiles.append(("Spikes", number(spikes), f"{number(rate, 'Hz')} per neuron"))
    if real(meta, "dt") is not None:
        tiles.append(("Step", number(real(meta, "dt"), "ms"), esc(meta.get("dtype", ""), 20)))
    if wall is not None:
        pace = f"{number(wall * 1000.0 / length)} s per s of model time" if length else ""
        tiles.append(("Wall time", number(wall, "s"), pace))
    cells = "".join(f"<div><dt>{name}</dt><dd>{value}<small>{small}</small></dd></div>" for name, value, small in tiles)
    tiled = f'<dl class="tiles">{cells}</dl>' if cells else ""
    return (f'<header><p class="over">Report of a run{f" · {esc(source)}" if source else ""}</p><h1>{esc(title)}</h1>'
            f'<span class="badge {style}">{esc(text)}</span>{tiled}</header>')


def network(result, spikes, colours):
    """The section on populations and projections; empty where nothing is known of them.

    ``spikes``: {population: (number of neurons or None, number of spikes)} of what was recorded.
    """
    plan = of(result.meta, "network")
    populations = {str(k): v for k, v in of(plan, "populations").items()}
    projections = {str(k): v for k, v in of(plan, "projections").items()}
    if not populations:
        populations = {name: {"n": n} for name, (n, _) in spikes.items()}
    if not populations:
        return ""
    parts = []
    picture = diagram(populations, projections, colours)
    if picture:
        parts.append(f'<figure class="card"><h3>Who projects to whom</h3>{picture}<figcaption>Circles: populations, by '
                     "number of neurons. Arrows: projections, thicker for more synapses.</figcaption></figure>")
    rows = [[f'{_dot(name, colours)}{esc(name)}', esc(p.get("model", "–") if isinstance(p, dict) else "–"),
             number(real(p, "n")), number(spikes[name][1]) if name in spikes else "not recorded"]
            for name, p in populations.items()]
    wide = "" if picture else " wide"
    parts.append(f'<div class="card{wide}"><h3>Populations</h3>'
                 f'{table(["population", "model", "#neurons", "#spikes"], rows, label="populations")}</div>')
    if projections:
        dt = real(result.meta, "dt")
        rows = [_projection(name, p, dt) for name, p in projections.items()]
        head = ["projection", "from → to", "port", "#synapses", "#delay", "plasticity"]
        parts.append(f'<div class="card wide"><h3>Projections</h3>{table(head, rows, label="projections")}</div>')
    drives = of(result.meta, "drives", kind=list)
    if drives:
        parts.append(f'<div class="card wide"><h3>Drives</h3>{pairs([_drive(d) for d in drives])}</div>')
    return section("network", "Network", "".join(parts))


def _projection(name, p, dt):
    ends = f'{esc(of(p, "pre", kind=str) or "?")} → {esc(of(p, "post", kind=str) or "?")}'
    port = of(p, "port", kind=str) or ", ".join(f"{k} ← {v}" for k, v in of(p, "graded").items())
    steps = [s for s in map(finite, of(p, "delay", kind=list)[:2]) if s is not None]
    delay = f"{' to '.join(number(s * dt) for s in dict.fromkeys(steps))} ms" if dt and steps else "–"
    rules = [r.get("name", r.get("rule", "yes")) if isinstance(r, dict) else r
             for r in of(p, "plasticity", "rules", kind=list)]
    return [esc(name), ends, esc(port or "–"), number(real(p, "synapses")), delay,
            esc(", ".join(map(str, rules)) or "none")]


def _drive(d):
    where = ".".join(str(d[k]) for k in ("population", "port") if k in d) if isinstance(d, dict) else ""
    return where or "drive", d.get("input", d) if isinstance(d, dict) else d


def _dot(name, colours):
    return f'<i class="c{colours[name] % COLOURS}"></i>' if name in colours else ""


def run(result):
    """The section on settings, versions and the plan."""
    meta = result.meta
    known = {"dt": "ms", "duration": "ms", "start": "ms"}
    hidden = {"network", "plan", "versions", "record", "wall_s", "complete", "interrupted"}
    rows = [(key, f"{number(value, digits=9)} {known[key]}" if key in known and isinstance(value, Real) else value)
            for key, value in meta.items() if key not in hidden and isinstance(value, str | Real)]
    pieces = [v for v in map(finite, of(meta, "continued", kind=list)) if v is not None]
    if pieces:
        rows.append(("continued at", f"{', '.join(map(number, pieces))} ms"))
    rows += [(f"wall time, {k}", f"{number(v)} s") for k, v in of(meta, "wall_s").items() if isinstance(v, Real)]
    parts = [f'<div class="card"><h3>Settings</h3>{pairs(rows)}</div>' if rows else "",
             _versions(of(meta, "versions"))]
    asked = [_request(r) for r in of(meta, "record", kind=list)]
    if asked:
        parts.append(f'<div class="card wide"><h3>Recorded</h3>{pairs(asked)}</div>')
    plan = of(meta, "plan", kind=str) or (repr(result.plan) if result.plan is not None else "")
    if plan:
        parts.append('<div class="card wide"><details><summary>The plan in full</summary>'
                     f"<pre>{esc(plan, 20_000)}</pre></details></div>")
    if not any(parts):
        parts = ['<p class="muted">The source says nothing about the run: no step, seed or versions.</p>']
    return section("run", "Run", "".join(parts))


def _versions(versions):
    rows = [(k, v) for k, v in versions.items() if isinstance(v, str | Real)]
    return f'<div class="card"><h3>Versions</h3>{pairs(rows)}</div>' if rows else ""


def _request(r):
    """A request for recording as a name and what it asks for."""
    if not isinstance(r, dict):
        return "recorder", r
    return r.get("kind", "recorder"), ", ".join(f"{k} {v}" for k, v in r.items() if k != "kind")


def section(key, title, body):
    """A section of the page, reached by ``#key``; nothing where the body is empty."""
    if not body:
        return ""
    return (f'<section id="{key}" aria-labelledby="{key}-h"><h2 id="{key}-h">{title}</h2><div class="grid">{body}</div>'
            "</section>")
