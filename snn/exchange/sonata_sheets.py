"""What of a network goes to SONATA as nodes: one :class:`Nodes` per population, decided before anything is written."""
import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snn.contract import numbers
from snn.drives import CurrentInput, PoissonInput
from snn.errors import NetworkError
from snn.exchange.sonata_models import BY_OURS, catalogue, name_in_catalogue, one_or_each

WHERE = "to_sonata"
SOURCES = ("SpikeSource", "PoissonSource")


@dataclass(frozen=True, eq=False)
class Nodes:
    """A node population: ``model_type``, ``template`` and ``dynamics`` {parameter: number, list of a model, or array
    (n,)}; ``positions`` or None; ``nest``: the :class:`NestModel` it is written as, or None; ``source``: of virtual
    ones what gives the spikes (a population of the plan, or a :class:`Drawn`); ``clamps``: steps of current."""

    name: str
    n: int
    model_type: str
    template: str
    dynamics: dict = field(default_factory=dict)
    positions: Any = None
    nest: Any = None
    source: Any = None
    clamps: tuple = ()


@dataclass(frozen=True, eq=False)
class Drawn:
    """The events of a PoissonInput: drive ``index`` of population ``target`` (of the plan), onto ``port``."""

    target: Any
    index: int
    port: str
    drive: PoissonInput


def nodes_of(plan, network, losses, *, native):
    """``(nodes, drawn)``: the :class:`Nodes` of every population, and those that stand for Poisson inputs."""
    found, drawn = [], []
    for k, p in enumerate(plan.populations):
        positions = network.populations[p.name].positions
        if positions is not None and positions.shape[1] > 3:
            losses.add("positions", f"positions of {p.name!r} have {positions.shape[1]} dimensions, SONATA has 3")
            positions = None
        name = name_in_catalogue(p.model)
        if name is None:
            raise NetworkError(
                f"{WHERE}: population {p.name!r} is a {type(p.model).__name__}, which is not in snn.neurons: its "
                "equations have no place in SONATA. Use a model of the catalogue (of a composed one, its host)."
            )
        if name in SOURCES:
            found.append(_virtual(p, name, positions, losses))
            continue
        incoming = [q for q in plan.projections if q.post == k]
        nest = None if native or name not in BY_OURS else BY_OURS[name]
        if nest is not None:
            _check_inputs(nest, p, incoming)
        found.append(_neurons(p, nest, positions, losses))
        drawn += _drawn(p, found[-1], {*plan.index, *(d.name for d in drawn)})
    return found, drawn


def _check_inputs(nest, p, incoming):
    """NetworkError where a weight or a port has no counterpart in the model of NEST."""
    inputs = [(f"projection {q.name!r}", p.ports[q.port], q.weight) for q in incoming]
    inputs += [("a PoissonInput", port, d.weight) for port, d in p.drives if isinstance(d, PoissonInput)]
    for what, port, weight in inputs:
        if not nest.takes(weight, port):
            raise NetworkError(
                f"{WHERE}: {what} onto port {port!r} of {p.name!r} has weights {np.min(weight):g} to "
                f"{np.max(weight):g}. {nest.template} brings a weight >= 0 to {nest.exc!r} and one below 0 to "
                f"{nest.inh!r}: change them, or write our own models (native=True), which NEST cannot read."
            )


def _neurons(p, nest, positions, losses):
    model = p.model
    given = {f.name: numbers(getattr(model, f.name)) for f in dataclasses.fields(model)}
    rest = {k: numbers(v) for k, v in model.bind(p.n, None).rest()._asdict().items()}
    initial = {k: numbers(p.initial.get(k, v)) for k, v in rest.items()}
    constants, clamps = _currents(p, nest, initial, losses)
    if nest is None:
        dynamics = given | {f"init.{k}": v for k, v in initial.items() if not np.array_equal(v, rest[k])} | constants
        return Nodes(p.name, p.n, "point_neuron", f"snn:{type(model).__name__}", _plain(dynamics), positions,
                     clamps=clamps)
    dynamics = _parameters(p, nest, given) | {theirs: initial[k] for k, theirs in nest.states.items()} | constants
    for k, value in initial.items():
        # ``i`` is the current that acts in the first step: it is in I_e.
        if k not in nest.states and k != "i" and not np.array_equal(np.broadcast_to(value, p.n),
                                                                    np.broadcast_to(rest[k], p.n)):
            losses.add("initial", f"{nest.template} takes no first value of {k!r} ({p.name!r}); native=True keeps it")
    return Nodes(p.name, p.n, "point_neuron", nest.template, _plain(dynamics), positions, nest, clamps=clamps)


def _parameters(p, nest, given):
    """{NEST's name: value} of the fields of a model."""
    defaults = {f.name: f.default for f in dataclasses.fields(p.model)}
    lists, found = {}, {}
    for name, value in given.items():
        theirs = nest.parameters.get(name)
        if theirs is None and not (value == defaults[name]).all() or isinstance(theirs, tuple) and value.ndim:
            what = "differs between neurons, a list in NEST" if theirs else f"has no counterpart in {nest.template}"
            raise NetworkError(f"{WHERE}: {name} of population {p.name!r} {what}. Write our own models (native=True), "
                               "which NEST cannot read.")
        if isinstance(theirs, tuple):
            lists.setdefault(theirs[0], {})[theirs[1]] = float(value)
        elif theirs is not None:
            found[theirs] = value
    return found | {name: [entries[k] for k in sorted(entries)] for name, entries in lists.items()}


def _plain(dynamics):
    return {k: v if isinstance(v, list) else one_or_each(v) for k, v in dynamics.items()}


def _currents(p, nest, initial, losses):
    """``({parameter: constant current}, clamps)`` of the drives that are not Poisson inputs."""
    constants, clamps = {}, []
    for port, drive in p.drives:
        if isinstance(drive, PoissonInput):
            continue
        if not isinstance(drive, CurrentInput):
            name = type(drive).__name__
            losses.add(name, f"SONATA has no place for the {name} onto {port!r} of {p.name!r}")
        elif drive.interval is not None:
            clamps += _clamps(p, port, drive, losses)
        elif nest is not None and port != "current":
            losses.add("CurrentInput", f"{nest.template} has no constant input onto {port!r} of {p.name!r}")
        else:
            name = "I_e" if port == "current" else f"drive.{port}"
            if name in constants:
                raise NetworkError(f"{WHERE}: population {p.name!r} has two constant inputs onto {port!r}. "
                                   "Give one CurrentInput with their sum.")
            constants[name] = numbers(drive.value)
    first = initial.get("i", np.zeros(()))
    if nest is not None and not np.array_equal(np.broadcast_to(first, p.n),
                                               np.broadcast_to(constants.get("I_e", 0.0), p.n)):
        losses.add("onset", f"I_e of {nest.template} acts from the first step on, the CurrentInput of {p.name!r} from "
                            "the second (without loss: init={'i': the current})")
    return constants, tuple(clamps)


def _clamps(p, port, drive, losses):
    """(begin, duration, amplitude) of a course of current; it acts one step after it is given."""
    course = np.asarray(drive.value, np.float64)
    if port != "current" or course.ndim != 1:
        losses.add("CurrentInput", f"a course of {port!r} per neuron has no place in SONATA ({p.name!r})")
        return []
    return [(k * drive.interval, drive.interval if k + 1 < len(course) else None, float(value))
            for k, value in enumerate(course) if value]


def _virtual(p, name, positions, losses):
    if p.initial:
        losses.add("initial", f"first values of the source {p.name!r}")
    dynamics = {} if name == "SpikeSource" else {"rate": one_or_each(p.model.rate)}
    for port, drive in p.drives:
        losses.add(type(drive).__name__, f"the input onto {port!r} of the source {p.name!r}; its spikes are drawn with "
                                         "it, and it is not there when they are read back")
    return Nodes(p.name, p.n, "virtual", f"snn:{name}", dynamics, positions, source=p)


def _drawn(p, nodes, taken):
    found = []
    for j, (port, drive) in enumerate(p.drives):
        if isinstance(drive, PoissonInput):
            name = f"{p.name}_{port}_poisson"
            while name in taken:
                name += "_"
            taken = {*taken, name}
            found.append(Nodes(name, p.n, "virtual", "snn:PoissonInput", {"rate": float(drive.rate), "index": j},
                               source=Drawn(p, j, port, drive), nest=nodes.nest))
    return found


def models():
    """{template: class} of our own templates."""
    return {f"snn:{name}": kind for name, kind in catalogue().items() if name != "SpikeSource"}
