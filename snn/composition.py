"""Composition: synaptic kinetics on a port of any neuron model.

What it is
    :func:`compose` attaches :class:`snn.kinetics.Kinetics` to a neuron model (the host) and gives a neuron model: its
    parameters, states and ports are those of the host and of each kinetics, the latter with the name of the
    attachment in front. Engines, training, recording and checkpoints see a model like any other.

Where kinetics attach
    To a port that the host holds through a step: its ``receive`` (or ``couple``) puts what arrives into a state,
    unchanged, and the flow that follows reads it there (``current`` of most models). During the flow that state also
    has what the kinetics give.
"""
import functools
import keyword
from dataclasses import field, fields, make_dataclass
from typing import Annotated, Any, NamedTuple

import torch

from snn.composed import Composed, Part
from snn.contract import Neuron, Value, numbers
from snn.errors import ModelError
from snn.kinetics import Attached, Kinetics

RANDOM = ("noise", "normal")
"""Ports that engines fill with random numbers."""


def compose(model, **attached):
    """``model`` with synaptic kinetics on its ports: a neuron model like any other.

    Parameters
        model      a neuron model with its parameters
        attached   {name: kinetics}; they act on the port ``current``, those given as ``kinetics.on(port)`` on another.
                   The name becomes a port of the result and goes before the fields and states of the kinetics

    Returns a :class:`snn.composed.Composed`. Example: ``compose(LIF(), ampa=Exponential(tau=2.0), nmda=NMDA())`` has
    the fields ``tau_m``, ..., ``ampa_tau``, ``nmda_Mg``, ...; the states ``v``, ``ref``, ``i``, ``ampa_g``, ``nmda_g``,
    ``nmda_h``; the ports ``delta``, ``current``, ``ampa`` and ``nmda``.

    Claims: none; ``exact`` and ``quiet`` do not hold, since the mean over a step depends on its length. ``max_dt`` is
    the smallest of all parts.

    Errors: ModelError for a model that is not a neuron model, kinetics that are none, a port that the model does not
    have or does not hold through a step, conductances where the model has no potential ``v`` in mV, conductances on two
    ports, names that are taken, and a model that was rectified for training.
    """
    if isinstance(model, Composed):
        twice = sorted(set(model.kinetics) & set(attached))
        if twice:
            raise ModelError(f"compose.{twice[0]}: is attached already ({model.kinetics[twice[0]].kinetics}). "
                             "Choose another name.")
        return compose(model.host, **model.kinetics, **attached)
    if not isinstance(model, Neuron):
        raise ModelError(f"compose.model: is a {getattr(model, '__name__', type(model).__name__)}. A neuron model with "
                         "its parameters is expected, for instance LIF().")
    if hasattr(model, "in_evaluation"):
        raise ModelError(f"compose.model: is a {type(model).__name__}, which is for training alone. Attach kinetics "
                         "first: rectified(compose(model, ...)).")
    if not attached:
        raise ModelError(f"compose: nothing is attached to {type(model).__name__}. "
                         "Give kinetics by name, for instance ampa=Exponential(tau=2.0).")
    held = held_ports(model)
    given = {name: _checked(model, held, name, one) for name, one in attached.items()}
    _check_conductances(model, given)
    key = tuple((name, type(one.kinetics), one.port, held[one.port]) for name, one in given.items())
    values = {f.name: getattr(model, f.name) for f in fields(model)}
    for name, one in given.items():
        values |= {f"{name}_{f.name}": getattr(one.kinetics, f.name) for f in fields(one.kinetics)}
    return _type(type(model), key)(**values)


def held_ports(model):
    """{port: state} of the ports of ``model`` whose input goes unchanged into one state, which the flow then reads."""
    n = max((numbers(getattr(model, f.name)).size for f in fields(model)), default=1)
    bound, one, dt = model.bind(n, torch.float64), torch.ones(n, dtype=torch.float64), torch.tensor(0.1).double()
    ports = model.Ports(*(one.clone() for _ in model.Ports._fields))
    start = type(model).State(*(0.0 * one + value for value in bound.rest()))
    start = bound.receive(bound.couple(start, ports), ports)
    found = {}
    for port in (p for p in model.Ports._fields if p not in RANDOM):
        arrive, x = bound.couple if port in model.coupled else bound.receive, ports._replace(**{port: one + 1.0})
        before, after = arrive(start, ports), arrive(start, x)
        changed = _differing(before, after)
        if len(changed) == 1 and getattr(after, changed[0]) is getattr(x, port) and \
                _differing(bound.flow(before, dt), bound.flow(after, dt)) != changed:
            found[port] = changed[0]
    return found


def _differing(a, b):
    """Names of the variables in which two states differ."""
    return [k for k, one, two in zip(a._fields, a, b, strict=True) if not torch.as_tensor(one == two).all()]


def _checked(model, held, name, given):
    """``given`` as an :class:`Attached`, or a ModelError that says what does not fit."""
    where, host = f"compose.{name}", type(model).__name__
    given = Attached(given) if isinstance(given, Kinetics) else given
    if not isinstance(given, Attached) or not isinstance(given.kinetics, Kinetics):
        wrong = given.kinetics if isinstance(given, Attached) else given
        raise ModelError(f"{where}: is {wrong!r}. Synaptic kinetics are expected, for instance Exponential(tau=2.0).")
    if not name.isidentifier() or keyword.iskeyword(name) or hasattr(Composed, name) or name in RANDOM:
        raise ModelError(f"{where}: is not a name that a port can have. Choose another, for instance 'ampa'.")
    if given.port not in model.Ports._fields:
        raise ModelError(f"{where}: {host} has no port {given.port!r}. "
                         f"Kinetics may act on: {', '.join(held) or 'none of its ports'}.")
    if given.port not in held:
        raise ModelError(f"{where}: {host} does not hold its port {given.port!r} through a step, as kinetics need. "
                         f"They may act on: {', '.join(held) or 'none of its ports'}.")
    return given


def _check_conductances(model, given):
    """Conductances need a potential, and all of them the same port."""
    open_ = {name: one for name, one in given.items() if one.kinetics.conductance}
    if open_ and model.units(model.State).get("v") != "mV":
        raise ModelError(f"compose.{next(iter(open_))}: {type(model).__name__} has no state v in mV, which the current "
                         "through a conductance depends on. Use kinetics that give a current, such as Exponential.")
    if len({one.port for one in open_.values()}) > 1:
        ports = " and ".join(repr(one.port) for one in open_.values())
        raise ModelError(f"compose.{list(open_)[-1]}: conductances act on the ports {ports}. One port is allowed.")


@functools.cache
def _type(host, key):
    """The class of ``host`` with the kinetics ``key``: ((name, class, port, state that holds it), ...)."""
    parts = (Part(None, host, {f.name: f.name for f in fields(host)}, host.units(host.State), host.units(host.Ports)),
             *(_part(host, *one) for one in key))
    for what in ("fields", "states", "ports"):
        _no_name_twice(host, parts, what)
    name = "_".join([host.__name__, *(f"{p.name}_{p.kind.__name__}" + f"_on_{p.port}" * (p.port != "current")
                                      for p in parts[1:])])
    said = ", ".join(f"{p.name} ({p.kind.__name__} on {p.port})" for p in parts[1:])
    inherited = [(p, flat, p.kind.__dataclass_fields__[own]) for p in parts for flat, own in p.fields.items()]
    return make_dataclass(
        name, [(flat, Value, field(default=f.default, metadata=_metadata(p, f))) for p, flat, f in inherited],
        bases=(Composed,), frozen=True, kw_only=True, eq=False, namespace={
            "__module__": __name__, "__doc__": f"{host.__name__} with synaptic kinetics: {said}.",
            "parts": parts, "coupled": tuple(port for p in parts for port in p.coupled),
            "__reduce__": _reduce(host, key),
            "State": _tuple_type("State", parts, "states", host, key),
            "Ports": _tuple_type("Ports", parts, "ports", host, key), "Outputs": host.Outputs})


def _part(host, name, kind, port, held):
    unit = host.units(host.Ports)[port]
    in_nS = kind.conductance and unit == "pA"
    own = "nS" if in_nS else f"{unit}/mV" if kind.conductance else unit
    units = {what: {k: u.replace("weight", own) for k, u in kind.units(getattr(kind, what)).items()}
             for what in ("State", "Ports")}
    ports = {name if len(units["Ports"]) == 1 else f"{name}_{k}": u for k, u in units["Ports"].items()}
    return Part(name, kind, {f"{name}_{f.name}": f.name for f in fields(kind)},
                {f"{name}_{k}": u for k, u in units["State"].items()}, ports, port, held)


def _metadata(part, f):
    return f.metadata if part.name is None else {**f.metadata, "doc": f"{f.metadata['doc']} ({part.name})"}


def _no_name_twice(host, parts, what):
    seen = {}
    for p in parts:
        for flat in getattr(p, what):
            if flat in seen:
                owner = host.__name__ if seen[flat] is None else repr(seen[flat])
                raise ModelError(f"compose.{p.name}: its {what} would have a name ({flat!r}) that {owner} has already. "
                                 "Choose another name for the attachment.")
            seen[flat] = p.name


def _tuple_type(name, parts, what, host, key):
    made = NamedTuple(name, [(flat, Annotated[Any, unit]) for p in parts for flat, unit in getattr(p, what).items()])
    made.__reduce__ = lambda self: (_restored_tuple, (host, key, name, tuple(self)))
    return made


def _reduce(host, key):
    # The class has no name in a module: it is made again where it is unpickled.
    return lambda self: (_restored, (host, key, dict(vars(self))))


def _restored(host, key, values):
    model = object.__new__(_type(host, key))
    vars(model).update(values)
    return model


def _restored_tuple(host, key, name, values):
    return getattr(_type(host, key), name)(*values)
