"""Populations of a network from node tables: which model of ours the nodes are, and with which parameters."""
import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from snn.errors import NetworkError
from snn.exchange.sonata_models import BY_NEST, WITHOUT_EFFECT, catalogue
from snn.exchange.sonata_nodes import numbers_of

WHERE = "from_sonata"
INTFIRE = {"tau": 10.0, "refrac": 5.0}
"""NEURON's IntFire1 and what it takes for its parameters, ms."""
SECONDS = "NEURON_IntFire1"
"""The ``type`` in the Allen Institute's parameter files of IntFire1, whose times are in seconds."""


@dataclass(frozen=True, eq=False)
class Part:
    """The nodes ``rows`` of a table that are of one model: population ``name`` of the network; ``nest``: the model of
    NEST; ``current``: I_e. Virtual nodes have the model None, or that of a source of ours; ``poisson``: the rate and
    place among the drives of what stands for a PoissonInput."""

    name: str
    table: Any
    rows: np.ndarray
    model: Any = None
    init: Any = None
    nest: Any = None
    drives: tuple = ()
    poisson: Any = None

    @property
    def n(self):
        return len(self.rows)


def parts_of(table, taken, losses):
    """The :class:`Part` of every model in a table. A population of one model keeps its name, others become
    ``<population>_<model>``."""
    kinds = table.column("model_type")
    templates = np.where(kinds == "virtual", "virtual", table.column("model_template"))
    ours = [t if isinstance(t, str) else None for t in table.column("model_template").tolist()]
    keys = [o if k == "virtual" and o and o.startswith("snn:") else t
            for k, t, o in zip(kinds.tolist(), templates.tolist(), ours, strict=True)]
    distinct = list(dict.fromkeys(keys))
    parts = []
    for key in distinct:
        rows = np.array([r for r, k in enumerate(keys) if k == key])
        _check_kind(table, kinds[rows[0]], key)
        name = table.name if len(distinct) == 1 else f"{table.name}_{str(key).split(':')[-1]}"
        parts.append(_part(_free(name, taken), table, rows, key, losses))
        taken.add(parts[-1].name)
    return parts


def _free(name, taken):
    name = "".join(c if c.isalnum() or c in "_-" else "_" for c in name) or "population"
    k, base = 2, name
    while name in taken:
        name, k = f"{base}_{k}", k + 1
    return name


def _check_kind(table, kind, key):
    known = [*(f"nest:{name}" for name in BY_NEST), "nrn:IntFire1", "snn:<model>"]
    if kind in ("biophysical", "single_compartment"):
        raise NetworkError(f"{WHERE}: population {table.name!r} has nodes of type {kind!r}, which have compartments. "
                           "Only point neurons and virtual nodes can be simulated here.")
    if kind not in ("virtual", "point_neuron", "point_process"):
        raise NetworkError(f"{WHERE}: population {table.name!r} has nodes of model_type {kind!r}. It must be "
                           "point_neuron (point_process) or virtual.")
    if kind != "virtual" and key is None:
        raise NetworkError(f"{WHERE}: population {table.name!r} has nodes without a model_template. "
                           f"Known are {', '.join(known)}.")


def _part(name, table, rows, key, losses):
    if key == "virtual" or key == "snn:SpikeSource":
        return Part(name, table, rows)
    scheme, _, resource = str(key).partition(":")
    if scheme == "nest" and resource in BY_NEST:
        return _nest(name, table, rows, BY_NEST[resource], losses)
    if key == "nrn:IntFire1":
        return _intfire(name, table, rows)
    if key == "snn:PoissonInput":
        return Part(name, table, rows, poisson=tuple(numbers_of(table, rows, k, 0.0) for k in ("rate", "index")))
    if scheme == "snn" and resource in catalogue():
        return _own(name, table, rows, catalogue()[resource])
    known = ", ".join([*(f"nest:{k}" for k in BY_NEST), "nrn:IntFire1"])
    raise NetworkError(f"{WHERE}: population {table.name!r} has the model {key!r}, which has no counterpart here. "
                       f"Known are {known}.")


def _nest(name, table, rows, nest, losses):
    def value(theirs):
        return numbers_of(table, rows, theirs, nest.defaults[theirs])

    known = {t[0] if isinstance(t, tuple) else t for t in nest.parameters.values()} | {*nest.states.values(), "I_e"}
    for key, column in table.dynamics.items():
        given = [v for v in column[rows].tolist() if v is not None]
        needless = key in known or key in WITHOUT_EFFECT or all(v in nest.neutral.get(key, ()) for v in given)
        if not needless:
            losses.add(key, f"parameter {key!r} of {nest.template} ({given[0]!r} in {table.name!r}) has no counterpart")
    fields = {}
    for ours, theirs in nest.parameters.items():
        entry = value(theirs[0] if isinstance(theirs, tuple) else theirs)
        if isinstance(theirs, tuple):
            if len(entry) > 2:
                losses.add(theirs[0], f"{theirs[0]} of {table.name!r} has {len(entry)} entries, {nest.ours} has two")
            # A time constant without a size changes nothing, but must be positive.
            entry = entry[theirs[1]] if theirs[1] < len(entry) else (0.0 if theirs[0].startswith("q_") else 1.0)
        fields[ours] = entry
    current = numbers_of(table, rows, "I_e", 0.0)
    init = {ours: value(theirs) for ours, theirs in nest.states.items()}
    drives = ()
    if np.any(current):
        # The current of a step acts in the next one: the first one comes from the state.
        init["i"], drives = current, (("current", current),)
    return Part(name, table, rows, catalogue()[nest.ours](**fields), init, nest, drives)


def _intfire(name, table, rows):
    """NEURON's IntFire1: tau dm/dt = -m, an input adds its weight, m > 1 fires; then inputs are ignored for refrac."""
    marks = [v for v in table.dynamics.get("type", np.full(table.n, None, object))[rows].tolist()]
    unit = 1000.0 if any(mark == SECONDS for mark in marks) else 1.0
    times = {k: np.multiply(numbers_of(table, rows, k, default / unit), unit) for k, default in INTFIRE.items()}
    unknown = sorted(set(table.dynamics) - {*INTFIRE, "type"})
    if unknown:
        raise NetworkError(f"{WHERE}: parameter {unknown[0]!r} of {table.name!r}: IntFire1 has tau and refrac.")
    model = catalogue()["LIF"](tau_m=times["tau"], t_ref=times["refrac"], E_L=0.0, V_th=1.0, V_reset=0.0, C_m=1.0)
    return Part(name, table, rows, model)


def _own(name, table, rows, kind):
    names = {f.name for f in dataclasses.fields(kind)}
    states = {f"init.{s}": s for s in kind.State._fields}
    fields, init, drives = {}, {}, []
    for key, column in table.dynamics.items():
        if all(v is None for v in column[rows].tolist()):
            continue
        value = numbers_of(table, rows, key)
        if key in names:
            fields[key] = value
        elif key in states:
            init[states[key]] = value
        elif key == "I_e" or key.startswith("drive."):
            drives.append(("current" if key == "I_e" else key.removeprefix("drive."), value))
        else:
            raise NetworkError(f"{WHERE}: parameter {key!r} of population {table.name!r}: {kind.__name__} has "
                               f"{', '.join(sorted(names))}.")
    return Part(name, table, rows, kind(**fields), init, None, tuple(drives))
