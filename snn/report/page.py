"""The page of a report: reads a result block by block, and puts the parts together."""
import os
import sys
from contextlib import contextmanager
from pathlib import Path

from snn.errors import MissingFile, OutputError, RunError
from snn.report import activity, courses, facts
from snn.report.chart import esc
from snn.report.spikes import measure
from snn.report.style import CSS

MOST = 8                    # populations, traces and projections of weights that are drawn
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
PARTS = (("network", "Network"), ("activity", "Activity"), ("statistics", "Statistics"), ("phases", "Phases"),
         ("traces", "Traces"), ("weights", "Weights"), ("run", "Run"))


def write(result, out, *, title=None, source=None, overwrite=False, progress=None):
    """Write the report of a run as one self-contained HTML page.

    Parameters
        result    a :class:`snn.Result`, or the path of an archive (``snn.simulate(..., to=path)``)
        out       the page, usually ending in ``.html``
        title     heading (default: the name of the network, or of the file)
        source    name of where the result comes from, shown above the title (default: the file that is read)
        overwrite replace a file that exists
        progress  True/False to force or forbid the progress bar; default: when stderr is a terminal

    Spikes, traces and weights of a file are read in blocks: memory and the size of the page (below 3 MB) do not grow
    with the length of the run. What is drawn or computed from a part only is said beside it.

    Returns the path of the page. Errors: RunError when ``out`` exists; MissingFile; DataError for a damaged file;
    OutputError when writing fails.

    Example: ``snn.report.write(snn.simulate(net, 1000.0), "run.html")``
    """
    out = _checked(out, overwrite)
    if isinstance(result, str | os.PathLike):
        from snn.export.archive import open as open_archive
        source = source or Path(result).name
        result = open_archive(result)
    name = title or facts.of(result.meta, "network", "name", kind=str) or Path(source or "Run").stem
    text = page(result, name, source or "", progress)
    part = out.with_name(f"{out.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, out)
    except OSError as err:
        part.unlink(missing_ok=True)
        raise OutputError(f"report.out: '{out}' could not be written ({err.strerror or err}).") from err
    return out


def _checked(out, overwrite):
    if not isinstance(out, str | os.PathLike):
        raise RunError(f"report.out: is {out!r}. Give the name of a file.")
    out = Path(out)
    if not out.parent.is_dir():
        raise MissingFile(f"report.out: the folder of the page is not there ('{out.parent}'). Make it first.")
    if out.is_dir() or out.exists() and not overwrite:
        raise RunError(f"report.out: '{out}' exists already. Choose another name, or overwrite=True.")
    return out


def page(result, title, source="", progress=None):
    """The HTML text of a report."""
    names = sorted(result.spikes, key=lambda name: -_size(result.spikes, name))[:MOST]
    populations = {name: result.spikes[name] for name in result.spikes if name in names}
    colours = {name: k for k, name in enumerate([*populations, *(p for p in _others(result) if p not in populations)])}
    dt = facts.real(result.meta, "dt")
    with _bar(populations, result, progress) as done:
        measures = {name: measure(s, dt=dt if dt and dt > 0 else None, progress=done)
                    for name, s in populations.items()}
        counts = {str(name): (measures[name].n if name in measures else None, _size(result.spikes, name))
                  for name in result.spikes}
        parts = {
            "network": facts.network(result, counts, colours),
            "activity": activity.activity(populations, measures, colours, _notes(result, names)),
            "statistics": activity.statistics(measures, colours),
            "phases": courses.phases(result.traces, colours, done),
            "traces": courses.sampled(result.traces, MOST, done),
            "weights": courses.weights(result.weights, MOST, done),
            "run": facts.run(result),
        }
    links = "".join(f'<li><a href="#{key}">{name}</a></li>' for key, name in PARTS if parts[key])
    top = facts.header(result, measures, title, source)
    body = "".join(parts[key] for key, _ in PARTS)
    from snn import __version__
    return (f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" '
            f'content="{POLICY}"><meta name="viewport" content="width=device-width,initial-scale=1">'
            f'<meta name="generator" content="snn {__version__}"><link rel="icon" href="data:,">'
            f"<title>{esc(title)}</title><style>{CSS}</style></head><body>{top}"
            f'<nav aria-label="Parts of the report"><ul>{links}</ul></nav><main>{body}</main>'
            f"<footer>Written by snn {__version__}. Times in ms of model time unless another unit is given.</footer>"
            "</body></html>")


def _others(result):
    """Populations of which something else than spikes is there."""
    return dict.fromkeys([*facts.of(result.meta, "network", "populations"), *(p for p, _ in result.traces)])


def _notes(result, names):
    """What a reader has to know about the spikes: that some were not recorded, or are not drawn."""
    notes = []
    if len(names) < len(result.spikes):
        notes.append(f"The {len(names)} populations with most spikes of {len(result.spikes)} are shown.")
    for r in facts.of(result.meta, "record", kind=list):
        if isinstance(r, dict) and r.get("kind") == "RecordSpikes" and r.get("ids") is not None:
            notes.append(f"Of {r.get('population')}, the spikes of {r['ids']} were recorded; the other neurons count "
                         "as silent.")
    return " ".join(notes)


def _size(mapping, key):
    return mapping.size(key) if hasattr(mapping, "size") else len(mapping[key])


@contextmanager
def _bar(populations, result, progress):
    """Gives a function that moves a progress bar by so many spikes or samples."""
    from tqdm import tqdm
    total = sum(map(len, populations.values())) + sum(_size(result.traces, k) for k in list(result.traces)[:MOST])
    total += sum(_size(result.weights, k) for k in list(result.weights)[:MOST])
    disable = None if progress is None else not progress
    with tqdm(total=total, desc="report", disable=disable, delay=2.0, leave=False, unit_scale=True,
              file=sys.stderr) as bar:
        yield bar.update
