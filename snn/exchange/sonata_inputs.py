"""Inputs of a simulation: spike trains of virtual nodes, and steps of current."""
from pathlib import Path

import numpy as np

from snn.contract import steps_of
from snn.errors import DataError, NetworkError
from snn.exchange.sonata_read_models import WHERE
from snn.exchange.sonata_tables import is_number, place, read_json
from snn.export.sonata import read_spikes

SPIKE_FILES = ("h5", "sonata")
MOST_ROWS = 1 << 24


class NodeSets:
    """The named sets of nodes of a simulation; a population is a set of its name."""

    def __init__(self, tables, path=None):
        self.tables = tables
        self.sets = {} if path is None or not Path(path).is_file() else read_json(path, "node sets")

    def rows(self, name, depth=0):
        """{population: row numbers of its nodes that belong to the set}."""
        if isinstance(name, str) and name not in self.sets:
            if name not in self.tables:
                raise DataError(f"{WHERE}: there is no node set and no population {name!r}.")
            return {name: np.arange(self.tables[name].n)}
        rule = self.sets[name] if isinstance(name, str) else name
        if depth > 16 or not isinstance(rule, (dict, list)):
            raise DataError(f"{WHERE}: node set {name!r} is no rule and no list of sets, or refers to itself.")
        if isinstance(rule, list):
            found = {}
            for part in rule:
                if not isinstance(part, str):
                    raise DataError(f"{WHERE}: node set {name!r} holds {part!r}. It must hold names of sets.")
                for population, rows in self.rows(part, depth + 1).items():
                    found[population] = np.union1d(found.get(population, rows), rows)
            return found
        return {p: rows for p, table in self.tables.items() if len(rows := self._matching(table, rule))}

    def _matching(self, table, rule):
        keep = np.ones(table.n, bool)
        for key, wanted in rule.items():
            wanted = wanted if isinstance(wanted, list) else [wanted]
            if key == "population":
                keep &= table.name in wanted
            elif key == "node_id":
                keep &= np.isin(table.ids, np.array([w for w in wanted if is_number(w)]))
            else:
                keep &= np.array([v in wanted for v in table.column(key).tolist()], bool)
        return np.flatnonzero(keep)


def spikes_of(folder, inputs, sets, table):
    """``(times, node ids)`` of a virtual population from the inputs of a simulation; nothing where none is given."""
    times, ids = [np.empty(0)], [np.empty(0, np.int64)]
    for name, entry in inputs.items():
        if entry.get("input_type") != "spikes" or table.name not in (chosen := sets.rows(entry.get("node_set"))):
            continue
        if entry.get("module") not in SPIKE_FILES:
            raise NetworkError(f"{WHERE}: input {name!r} reads spikes by the module {entry.get('module')!r}. "
                               f"Convert them to a SONATA spikes file (module {SPIKE_FILES[0]!r}).")
        path = place(folder, entry.get("input_file"))
        there = read_spikes(path)
        found = there.get(table.name, there.get("default"))
        if found is None:
            raise DataError(f"{WHERE}: '{path}' holds spikes of {', '.join(there)}, not of {table.name!r}.")
        keep = np.isin(found.ids, table.ids[chosen[table.name]])
        times.append(found.times[keep])
        ids.append(found.ids[keep])
    times, ids = np.concatenate(times), np.concatenate(ids)
    if len(times) and times.min() < 0:
        raise DataError(f"{WHERE}: a spike of {table.name!r} comes at {times.min():g} ms. Time begins at 0.")
    return times, ids


def currents_of(inputs, sets, parts, dt, scale):
    """{part name: (course, first)}: pA given in every step, (T,) or (T, n), and what acts in the first step.

    A step of current from t on is given one step before t, since what arrives in a step acts in the next one.
    ``scale``: pA in the unit of the amplitudes, which is pA for NEST and nA elsewhere.
    """
    steps = {}
    for name, entry in inputs.items():
        if entry.get("input_type") != "current_clamp":
            continue
        if entry.get("module") != "IClamp" or not all(k in entry for k in ("amp", "delay", "duration")):
            raise NetworkError(f"{WHERE}: input {name!r} is a current clamp by the module {entry.get('module')!r}. "
                               "IClamp with amp, delay and duration is known here.")
        columns = [_list(name, entry[k]) for k in ("amp", "delay", "duration")]
        if len({len(c) for c in columns}) > 1:
            raise DataError(f"{WHERE}: input {name!r} has {[len(c) for c in columns]} amplitudes, delays and "
                            "durations. Give as many of each.")
        for row in zip(*columns, strict=True):
            for population, rows in sets.rows(entry.get("node_set")).items():
                steps.setdefault(population, []).append((name, rows, row))
    return {part.name: _course(part, steps[part.table.name], dt, scale)
            for part in parts if part.model is not None and part.table.name in steps}


def _list(name, value):
    values = value if isinstance(value, list) else [value]
    if not values or not all(map(is_number, values)):
        raise DataError(f"{WHERE}: input {name!r} has {value!r}. Numbers are needed.")
    return values


def _course(part, steps, dt, scale):
    """(table of steps, current of the first step) of one population."""
    spans = []
    for name, rows, (amplitude, delay, duration) in steps:
        if not (0 <= delay and 0 <= duration and (delay + duration) / dt < MOST_ROWS):
            raise NetworkError(f"{WHERE}: input {name!r} lasts from {delay:g} ms on for {duration:g} ms. It must begin "
                               f"at 0 or later and end within {MOST_ROWS} steps.")
        begin = int(steps_of(delay, dt, f"{WHERE}: delay of input {name!r}"))
        last = int(steps_of(delay + duration, dt, f"{WHERE}: end of input {name!r}"))
        spans.append((np.isin(part.rows, rows), begin, last, amplitude * scale))
    length = max(last for _, _, last, _ in spans)
    whole = all(mask.all() for mask, *_ in spans)
    width = 1 if whole else part.n
    if length * width > MOST_ROWS:
        raise NetworkError(f"{WHERE}: steps of current for {part.n} neurons over {length} steps take too much room. "
                           "Clamp whole populations, or for a shorter time.")
    # Row k acts in step k; one row without current ends the course.
    acts = np.zeros((length + 1, width))
    for mask, begin, last, amplitude in spans:
        acts[begin:last] += amplitude if whole else np.where(mask, amplitude, 0.0)
    acts = acts[:, 0] if whole else acts
    return acts[1:], acts[0]
