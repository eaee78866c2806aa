"""Reading NWB files of any program; see :mod:`snn.export.nwb`."""
from functools import partial
from pathlib import Path

import numpy as np

from snn.errors import DataError
from snn.export import checked
from snn.export.nwb_parts import COLUMNS, NOTES, unit_of, word_of
from snn.export.nwb_spikes import SECOND
from snn.export.steps import snapped, valid_step
from snn.export.storage import reading
from snn.result import Lazy, Result
from snn.spikes import Spikes
from snn.traces import Trace, Weights

PLACES = ("acquisition", "stimulus/presentation", "processing")
NUMBERS = {"kinds": "fi", "ndim": (1, 2)}
DEPTH, MOST = 3, 10_000


def read(path, *, population="population", limit=None):
    """The :class:`~snn.result.Result` in an NWB file of any program.

    Spikes come from the Units table, in ms. The neurons that have one entry in its column ``population`` are one
    population, numbered in the order of the table; without such a column, all are the population ``"units"``. The
    window is what ``obs_intervals`` span, else 0 to the last spike, and in any case holds all spikes. Every TimeSeries
    of numbers [T] or [T, k] is a trace, in ``result.traces[group, name]`` (``"acquisition"``,
    ``"processing/ecephys"`` ...), with conversion and offset applied, in mV, pA, nS, pF, ms or Hz where the file names
    the SI unit, else in the file's unit; it is read when it is looked at. ``meta["left_out"]`` says what is no such
    series, and why. A file that :func:`snn.export.nwb.write` made comes back with its own names, units and ``meta``,
    see "Exactness" in :mod:`snn.export.nwb`.

    ``limit``: the largest table that may be read [bytes]; by default 64 MB, or 64 times what it takes in the file.

    Errors: MissingFile; DataError for a file that is no NWB 2, is damaged, or whose tables contradict one another.
    """
    path = Path(path).absolute()
    with reading(path) as file:
        _check_format(file, path)
        notes = _notes(file)
        found, left_out = _series(file)
        for name in notes["series"] if notes is not None else ():
            if f"{PLACES[0]}/{name}" not in found:
                reason = left_out.get(f"{PLACES[0]}/{name}", "It is missing.")
                raise checked.refused(file, f"{PLACES[0]}/{name}", "is in the notes and cannot be read", reason)
        meta = _foreign_meta(file, left_out) if notes is None else notes["meta"]
        parts = {"traces": {}, "weights": {}}
        for place, rows in found.items():
            facts = _facts(file, notes, place)
            part, key = _key(place, facts)
            parts[part][key] = partial(_load, path, place, facts, limit), rows
        return Result(spikes=_spikes(file, notes, population, limit),
                      **{part: Lazy(makers) for part, makers in parts.items()}, meta=meta)


def _check_format(file, path):
    if checked.text(file, "neurodata_type", default=None) != "NWBFile":
        right = "Convert it from NWB 1 to NWB 2 first." if checked.has(file, "nwb_version") else "Give one in NWB 2."
        raise DataError(f"nwb.read: '{path}' is an HDF5 file, but no NWB file. {right}")
    version = checked.text(file, "nwb_version")
    if version.split(".")[0] != "2":
        raise DataError(f"nwb.read: '{path}' is of NWB version {version!r}. Versions 2.x are read.")


def _notes(file):
    """What :func:`snn.export.nwb.write` left in the notes; None in files of others."""
    place = "general/notes"
    if not checked.has(file, "general") or "notes" not in checked.names(checked.group(file, "general")):
        return None
    text = checked.text_at(file, place, longest=1 << 26)
    if not text.startswith(f'{{"{NOTES}": '):
        return None
    notes = checked.parsed(file, place, text)[NOTES]
    if not isinstance(notes, dict) or not all(isinstance(notes.get(part), dict)
                                              for part in ("meta", "populations", "series")):
        raise checked.refused(file, place, "holds no complete description of a run", "Use an intact copy.")
    return notes


def _foreign_meta(file, left_out):
    texts = {name: checked.text_at(file, name) for name in ("identifier", "session_description", "session_start_time")
             if checked.has(file, name)}
    return {"format": "NWB", **texts, "left_out": left_out}


def _spikes(file, notes, population, limit):
    """Spikes by population, from the Units table."""
    spikes = {}
    if checked.has(file, "units/spike_times"):
        units = checked.group(file, "units")
        times = _seconds(checked.dataset(units, "spike_times", kinds="fi"), limit)
        ends = _ends(units, "spike_times", len(times), limit)
        windows = _windows(units, ends, limit)
        names = _populations(units, len(ends), population)
        owner = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))
        number = np.empty(len(ends), np.int64)
        for name, rows, entries in _grouped(names, owner):
            number[rows] = np.arange(len(rows))
            spikes[name] = _train(file, notes, name, times[entries], number[owner[entries]], windows[rows])
    for name in notes["populations"] if notes is not None else ():
        if name not in spikes:
            spikes[name] = _train(file, notes, name, np.empty(0), np.empty(0, np.int64), np.empty((0, 2)))
    return spikes


def _grouped(names, owner):
    """For every distinct name: ``(name, its rows, the entries that those rows own)``, each ascending."""
    distinct = list(dict.fromkeys(names))
    place = {name: i for i, name in enumerate(distinct)}
    code = np.array([place[name] for name in names], np.int64)
    groups = []
    for codes in (code, code[owner]):
        order = np.argsort(codes, kind="stable")
        groups.append(np.split(order, np.searchsorted(codes[order], np.arange(1, len(distinct)))))
    return zip(distinct, *groups, strict=True) if distinct else ()


def _train(file, notes, name, times, ids, windows):
    """The Spikes of one population, whose neurons were observed in ``windows`` [n, 2], ms (NaN: not known)."""
    n = len(windows)
    if notes is not None and name in notes["populations"]:
        facts = notes["populations"][name]
        good = isinstance(facts, dict) and all(type(facts.get(key)) in (int, float)
                                               for key in ("n", "start", "duration"))
        if not good or facts["n"] != n:
            raise checked.refused(file, "general/notes", f"contradicts the {n} units of population {name!r}",
                                  "Use an intact copy.")
        return Spikes(_exact(times, facts, notes["meta"]), ids, n, facts["duration"], facts["start"])
    known = windows[np.isfinite(windows).all(axis=1)]
    begin = min(known[:, 0].min() if len(known) else 0.0, times.min(initial=np.inf))
    end = max(known[:, 1].max() if len(known) else begin, times.max(initial=-np.inf))
    return Spikes(times, ids, n, end - begin, begin)


def _exact(times, facts, meta):
    """Times that were on the grid of the run before they were divided by 1000, as they were."""
    return snapped(times, valid_step(meta.get("dt"))) if facts.get("on_grid") is True else times


def _seconds(data, limit):
    """A table of seconds, in ms."""
    with np.errstate(over="ignore"):
        return checked.whole(data, limit=limit).astype(np.float64) * SECOND


def _ends(units, column, total, limit):
    """Where the entries of each row of a ragged column end."""
    data = checked.dataset(units, f"{column}_index", kinds="i")
    ends = checked.numbers(data, below=total + 1, limit=limit)
    if (np.diff(ends) < 0).any() or (int(ends[-1]) if len(ends) else 0) != total:
        raise checked.refused(data, "", "is not ascending, or does not end with the column it belongs to",
                              "Use an intact copy.")
    return ends


def _populations(units, rows, column):
    if not checked.has(units, column):
        return np.full(rows, "units", object)
    data = checked.dataset(units, column, kinds="si", length=rows)
    return checked.strings(data) if data.dtype.kind not in "iu" else checked.whole(data).astype(str).astype(object)


def _windows(units, ends, limit):
    """Begin and end of what was observed of each unit [ms], NaN where that is not said."""
    windows = np.full((len(ends), 2), np.nan)
    if checked.has(units, "obs_intervals"):
        spans = _seconds(checked.dataset(units, "obs_intervals", kinds="fi", ndim=2), limit)
        if spans.shape[1] != 2:
            raise checked.refused(units, "obs_intervals", f"has shape {spans.shape}", "It must have 2 columns.")
        stops = _ends(units, "obs_intervals", len(spans), limit)
        owner = np.repeat(np.arange(len(stops)), np.diff(stops, prepend=0))
        if len(stops) != len(ends):
            raise checked.refused(units, "obs_intervals_index", f"has {len(stops)} rows",
                                  f"It must have {len(ends)}, as spike_times_index has.")
        np.fmin.at(windows[:, 0], owner, spans[:, 0])
        np.fmax.at(windows[:, 1], owner, spans[:, 1])
    return windows


def _series(file):
    """Number of samples of every series that is a table of numbers; what else there is, and why it is left out."""
    found, left_out = {}, {}
    waiting = [(place, 0) for place in PLACES if checked.has(file, place)]
    while waiting:
        place, depth = waiting.pop(0)
        try:
            group = checked.group(file, place)
            if checked.has(group, "data") and any(checked.has(group, name) for name in ("timestamps", "starting_time")):
                found[place] = len(checked.dataset(group, "data", **NUMBERS))
            elif "colnames" not in group.attrs and depth < DEPTH:
                waiting += [(f"{place}/{name}", depth + 1) for name in checked.names(group, most=MOST)]
            else:
                left_out[place] = "is no series of samples"
        except DataError as err:
            left_out[place] = str(err)
        if len(found) + len(waiting) + len(left_out) > MOST:
            raise checked.refused(file, "", f"holds more than {MOST} series", f"At most {MOST} are read.")
    return found, left_out


def _facts(file, notes, place):
    """What the notes say of a series: population or projection, variable, unit; None for series of others."""
    facts = None if notes is None else notes["series"].get(place.removeprefix(f"{PLACES[0]}/"))
    if facts is None:
        return None
    owner = "projection" if "projection" in facts else "population"
    if not isinstance(facts, dict) or not all(isinstance(facts.get(key), str) for key in (owner, "variable", "unit")):
        raise checked.refused(file, "general/notes", f"does not describe {place}", "Use an intact copy.")
    return facts | {"meta": notes["meta"]}


def _key(place, facts):
    if facts is None:
        return "traces", tuple(place.rsplit("/", 1))
    if "projection" in facts:
        return "weights", ".".join(filter(None, (facts["projection"], facts["variable"])))
    return "traces", (facts["population"], facts["variable"])


def _load(path, place, facts, limit):
    """Read one series."""
    with reading(path) as file:
        group = checked.group(file, place)
        table = checked.dataset(group, "data", **NUMBERS)
        # First the values: whether the file holds as many rows as it declares is known then.
        data, unit = _values(group, table, facts, limit)
        times = _times(group, len(data), limit)
        if facts is None:
            return Trace(times, np.arange(data.shape[1]), data, unit, *_key(place, facts)[1])
        times = _exact(times, facts, facts["meta"])
        name = f"processing/{COLUMNS}/{place.split('/', 1)[1]}"
        column = partial(_column, file, name, data.shape[1], limit)
        if "projection" in facts:
            return Weights(facts["projection"], column("pre"), column("post"), times, data, unit, facts["variable"])
        return Trace(times, column("neuron"), data, unit, facts["population"], facts["variable"])


def _column(file, name, rows, limit, column):
    return checked.numbers(checked.dataset(file, f"{name}/{column}", kinds="i", length=rows), limit=limit)


def _times(group, count, limit):
    """When the samples were taken [ms]."""
    if checked.has(group, "timestamps"):
        data = checked.dataset(group, "timestamps", kinds="fi", length=count)
        times = _seconds(data, limit)
    else:
        data = checked.dataset(group, "starting_time", kinds="fi", ndim=(0, 1))
        rate = checked.number(data, "rate", low=np.nextafter(0.0, 1.0))
        begin = np.ravel(checked.whole(data, limit=limit)).astype(np.float64)
        if len(begin) != 1:
            raise checked.refused(data, "", f"has shape {data.shape}", "It must be one number.")
        times = (begin + np.arange(count) / rate) * SECOND
    if not np.isfinite(times).all() or (np.diff(times) < 0).any():
        raise checked.refused(data, "", "holds times that are not finite or go back", "They must ascend.")
    return times


def _values(group, table, facts, limit):
    """``(data [T, k], unit)``, in the unit of the run, or of this library."""
    data = checked.whole(table, limit=limit)
    data = data[:, None] if data.ndim == 1 else data
    word, conversion = checked.text(table, "unit", default=""), checked.number(table, "conversion", default=1.0)
    offset = checked.number(table, "offset", default=0.0)
    if facts is not None and word_of(facts["unit"]) == (word, conversion) and offset == 0:
        return data, facts["unit"]
    unit, factor = unit_of(word)
    scale = conversion * factor
    # 1e-3 * 1e3 is 1, but a conversion may have passed through float32 or be off by a rounding.
    scale = 1.0 if abs(scale - 1.0) < 1e-6 else scale
    if checked.has(group, "channel_conversion"):
        per_column = checked.dataset(group, "channel_conversion", kinds="fi", length=data.shape[1])
        scale = scale * checked.whole(per_column, limit=limit).astype(np.float64)
    if np.any(scale != 1.0) or offset:
        data = data.astype(np.float64) * scale + offset * factor
    return data, unit
