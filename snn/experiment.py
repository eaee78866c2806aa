"""Experiment files: a network, its input, what to record and the run, in TOML.

What it is
    :func:`run_file` simulates what a file describes; :func:`load` gives the network and the arguments of
    ``snn.simulate``. Whatever is a class in Python is a table with the ``name`` of the class and its arguments; a bare
    string is a class without arguments. Scripts are run by :mod:`snn.script`.

Units: as in Python: ms, mV, pA, nS, Hz.

Errors: :class:`DataError` for a file that is no TOML, and for unknown, missing or mistyped entries; errors of models,
networks and runs keep their class. Each message starts with the file and the place in it.

Example::

    [populations.cell]
    model = { name = "LIF", V_th = -50.0 }
    n = 10
    [[drives]]
    population = "cell"
    input = { name = "CurrentInput", value = 400.0 }
    port = "current"
    [run]
    duration = 100.0
"""
import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

import snn
from snn.errors import DataError, NetworkError
from snn.items import Builder, at, meant, named
from snn.resumed import resumed

Item = str | dict[str, Any]
"""A class of the library: its name, or a table with ``name`` and arguments."""

RULES = "AllToAll OneToOne Probability FixedInDegree FixedOutDegree FixedTotal DistanceDependent Edges".split()
INPUTS = "PoissonInput CurrentInput GaussianInput".split()
RECORDERS = "RecordSpikes RecordState RecordMean RecordWeights RecordPlasticity".split()
ENGINES = "EventDriven Clocked Reference".split()


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class PopulationTable(Table):
    model: Item
    n: int
    init: dict[str, Any] = {}
    positions: list[list[float]] | None = None
    synapses: dict[str, Item] = {}


class CouplingTable(Table):
    pre: str
    post: str
    rule: Item
    weight: Any = None
    delay: Any = 0.0
    values: dict[str, str] | None = None
    difference: bool = False
    round_delays: bool = False


class ProjectionTable(Table):
    pre: str
    post: str
    rule: Item
    port: str
    weight: Any = None
    delay: Any
    round_delays: bool = False
    plasticity: Item | list[Item] | None = None
    dendritic: float | None = None


class DriveTable(Table):
    population: str
    input: Item
    port: str


class RunTable(Table):
    duration: float
    dt: float = 0.1
    seed: int = 0
    engine: Item = "EventDriven"
    out: str | None = None
    checkpoint: str | None = None


class File(Table):
    name: str = "network"
    populations: dict[str, dict[str, Any]]
    projections: dict[str, dict[str, Any]] = {}
    couplings: dict[str, dict[str, Any]] = {}
    drives: list[dict[str, Any]] = []
    record: list[dict[str, Any]] | None = None
    run: dict[str, Any]


def parse(kind, raw, place):
    """``raw`` as a ``kind`` of table; the first thing wrong is a :class:`DataError` that names its place."""
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        first = min(error.errors(), key=lambda one: one["type"] == "missing")
    where = ".".join(str(part) for part in (place, *first["loc"]) if str(part))
    if first["type"] == "extra_forbidden":
        name = first["loc"][-1]
        raise DataError(f"{where}: is unknown ({name!r}). {meant(name, list(kind.model_fields))}")
    if first["type"] == "missing":
        raise DataError(f"{where}: is missing. A {place or 'file'} needs it.")
    raise DataError(f"{where}: has the wrong type ({first['input']!r}). {first['msg']}.")


def view(net, text, place):
    """The population, or slice of one, that ``text`` names: ``"exc"`` or ``"exc[:80]"``."""
    name, _, bounds = text.partition("[")
    if name not in net.populations:
        raise NetworkError(f"{place}: is no population ({name!r}). {meant(name, list(net.populations))}")
    if not bounds:
        return net.populations[name]
    found = re.fullmatch(r"\s*(-?\d*)\s*:\s*(-?\d*)\s*\]", bounds)
    if not found:
        raise DataError(f"{place}: is no slice ({text!r}). Write 'exc[:80]', 'exc[80:]' or 'exc[80:160]'.")
    start, stop = (int(part) if part else None for part in found.groups())
    with at(place):
        return net.populations[name][start:stop]


def network(file, builder):
    """The Network that a parsed ``file`` describes."""
    net = snn.Network(file.name)
    models = named("snn.neurons")
    for name, raw in file.populations.items():
        place = f"populations.{name}"
        table = parse(PopulationTable, raw, place)
        model = composed(builder.item(table.model, models, f"{place}.model"), table.synapses, builder, place)
        init = {state: builder.value(value, f"{place}.init.{state}") for state, value in table.init.items()}
        with at(place):
            net.add(name, model, table.n, init=init, positions=table.positions)
    rules = named("snn.connect", RULES)
    for name, raw in file.projections.items():
        place = f"projections.{name}"
        table = parse(ProjectionTable, raw, place)
        pre, post = view(net, table.pre, f"{place}.pre"), view(net, table.post, f"{place}.post")
        rule = builder.item(table.rule, rules, f"{place}.rule")
        weight, delay = (builder.value(getattr(table, key), f"{place}.{key}") for key in ("weight", "delay"))
        plastic = plasticity(table, builder, place)
        with at(place):
            net.connect(pre, post, rule, port=table.port, weight=weight, delay=delay, name=name,
                        round_delays=table.round_delays, plasticity=plastic)
    couplings(net, file, builder, rules)
    inputs = named("snn.network", INPUTS)
    for k, raw in enumerate(file.drives):
        place = f"drives[{k}]"
        table = parse(DriveTable, raw, place)
        population = view(net, table.population, f"{place}.population")
        source = builder.item(table.input, inputs, f"{place}.input")
        with at(place):
            net.drive(population, source, port=table.port)
    return net


def composed(model, synapses, builder, place):
    """``model`` with the synaptic kinetics of its table; ``port`` names the port of the model on which one acts."""
    attached = {}
    for name, raw in synapses.items():
        raw = {"name": raw} if isinstance(raw, str) else dict(raw)
        port = raw.pop("port", None)
        kinetics = builder.item(raw, named("snn.neurons.kinetics"), f"{place}.synapses.{name}")
        attached[name] = kinetics if port is None else kinetics.on(port)
    with at(place):
        return snn.compose(model, **attached) if attached else model


def couplings(net, file, builder, rules):
    """Add the couplings of a parsed ``file`` to ``net``."""
    for name, raw in file.couplings.items():
        place = f"couplings.{name}"
        table = parse(CouplingTable, raw, place)
        pre, post = view(net, table.pre, f"{place}.pre"), view(net, table.post, f"{place}.post")
        rule = builder.item(table.rule, rules, f"{place}.rule")
        weight, delay = (builder.value(getattr(table, key), f"{place}.{key}") for key in ("weight", "delay"))
        with at(place):
            net.couple(pre, post, rule, weight=weight, delay=delay, values=table.values, name=name,
                       difference=table.difference, round_delays=table.round_delays)


def plasticity(table, builder, place):
    """The rules of a projection as :class:`snn.Plastic`, or None."""
    given = table.plasticity if isinstance(table.plasticity, list) else [table.plasticity]
    if given == [None]:
        return None
    rules = [builder.item(item, named("snn.plasticity"), f"{place}.plasticity") for item in given]
    with at(place):
        return snn.Plastic(rules, dendritic=table.dendritic)


def read(path):
    """What a TOML file holds, as a dict; DataError where it is none."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"file: is no TOML ({error}). See the page `Command line` of the documentation.") from error


def load(path):
    """``(net, arguments)`` of an experiment file: the Network, and the other arguments of ``snn.simulate`` by name."""
    path = Path(path)
    with at(path.name):
        file, builder = parse(File, read(path), ""), Builder(path.parent)
        run = parse(RunTable, file.run, "run")
        net = network(file, builder)
        arguments = {"duration": run.duration, "dt": run.dt, "seed": run.seed,
                     "engine": builder.item(run.engine, named("snn.run", ENGINES), "run.engine")}
        if file.record is not None:
            recorders = named("snn.record", RECORDERS)
            arguments["record"] = [builder.item(item, recorders, f"record[{k}]") for k, item in enumerate(file.record)]
        for name, given in (("to", run.out), ("checkpoint", run.checkpoint)):
            if given is not None:
                arguments[name] = path.parent / given
    return net, arguments


def run_file(path, *, duration=None, seed=None, out=None, checkpoint=None, resume=False, **options):
    """Simulate what an experiment file describes; ``duration`` (ms), ``seed``, ``out`` and ``checkpoint`` replace those
    of the file.

    With ``resume`` it goes on from the checkpoint in the file that it was writing, until ``duration`` is reached.
    Returns: the :class:`~snn.record.Result`. ``options`` go to ``snn.simulate``.
    """
    net, arguments = load(path)
    given = {"duration": duration, "seed": seed, "to": out, "checkpoint": checkpoint}
    arguments |= {key: value for key, value in given.items() if value is not None}
    with at(Path(path).name):
        return snn.simulate(net, **resumed(arguments, resume), **options)
