"""Experiment files: a network, its input, what to record and the run, in TOML.

What it is
    :func:`run_file` simulates what a file describes; :func:`load` gives the network and the arguments of ``snn.simulate``.
    Whatever is a class in Python is a table with the ``name`` of the class and its arguments; a bare string is a class
    without arguments. :func:`run_script` does the same for a Python script that leaves a Network under the name ``net``.

Units: as in Python: ms, mV, pA, nS, Hz.

Errors: :class:`DataError` for a file that is no TOML, and for unknown, missing or mistyped entries; errors of models, networks
and runs keep their class. Each message starts with the file and the place in it.

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
import difflib
import inspect
import re
import runpy
import sys
import tomllib
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

import snn
from snn.errors import DataError, MissingFile, NetworkError, RunError, SnnError

Item = str | dict[str, Any]
"""A class of the library: its name, or a table with ``name`` and arguments."""

RULES = "AllToAll OneToOne Probability FixedInDegree FixedOutDegree FixedTotal DistanceDependent Edges".split()
PROFILES = "Gaussian ExponentialDecay Disc".split()
DISTRIBUTIONS = "Uniform Normal LogNormal Exponential Choice".split()
INPUTS = "PoissonInput CurrentInput".split()
RECORDERS = "RecordSpikes RecordState RecordWeights".split()
ENGINES = "EventDriven Clocked Reference".split()


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class PopulationTable(Table):
    model: Item
    n: int
    init: dict[str, Any] = {}
    positions: list[list[float]] | None = None


class ProjectionTable(Table):
    pre: str
    post: str
    rule: Item
    port: str
    weight: Any = None
    delay: Any
    round_delays: bool = False


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


class File(Table):
    name: str = "network"
    populations: dict[str, dict[str, Any]]
    projections: dict[str, dict[str, Any]] = {}
    drives: list[dict[str, Any]] = []
    record: list[dict[str, Any]] | None = None
    run: dict[str, Any]


@contextmanager
def at(place):
    """Put ``place`` in front of the message of an error of ours."""
    try:
        yield
    except SnnError as error:
        raise type(error)(f"{place}: {error}") from error


def meant(name, known):
    """The end of a message about an unknown name."""
    close = difflib.get_close_matches(str(name), known, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(known)}."


def parse(kind, raw, place):
    """``raw`` as a ``kind`` of table; the first thing wrong is a :class:`DataError` that names its place."""
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
    where = ".".join(str(part) for part in (place, *first["loc"]) if str(part))
    if first["type"] == "extra_forbidden":
        raise DataError(f"{where}: is unknown ({first['loc'][-1]!r}). {meant(first['loc'][-1], list(kind.model_fields))}")
    if first["type"] == "missing":
        raise DataError(f"{where}: is missing. A {place or 'file'} needs it.")
    raise DataError(f"{where}: has the wrong type ({first['input']!r}). {first['msg']}.")


class Builder:
    """Turns items into objects; ``folder`` is where relative paths start."""

    def __init__(self, folder):
        self.folder = folder

    def item(self, raw, known, place):
        """The object that ``raw`` names; ``known`` maps names to classes."""
        name, arguments = (raw, {}) if isinstance(raw, str) else (raw.get("name"), {k: v for k, v in raw.items() if k != "name"})
        if name is None:
            raise DataError(f"{place}.name: is missing. Known: {', '.join(known)}.")
        if name not in known:
            raise DataError(f"{place}: is unknown ({name!r}). {meant(name, list(known))}")
        signature = inspect.signature(known[name])
        for key in arguments:
            if key not in signature.parameters:
                raise DataError(f"{place}.{key}: is no argument of {name}. {meant(key, list(signature.parameters))}")
        for key, parameter in signature.parameters.items():
            required = parameter.default is parameter.empty and parameter.kind not in (parameter.VAR_KEYWORD,
                                                                                       parameter.VAR_POSITIONAL)
            if required and key not in arguments:
                raise DataError(f"{place}.{key}: is missing. {name} needs it.")
        arguments = {key: self.value(value, f"{place}.{key}") for key, value in arguments.items()}
        with at(place):
            return known[name](**arguments)

    def value(self, raw, place):
        """A number, text or list as it is; a table as the object that it names."""
        if not isinstance(raw, dict):
            return raw
        raw = dict(raw)
        step = raw.pop("grid", None)
        known = {**named("snn.distributions", DISTRIBUTIONS), **named("snn.connect", PROFILES),
                 "Spikes": snn.Spikes, "SpikesFile": self.spikes_file}
        thing = self.item(raw, known, place)
        if step is None:
            return thing
        if not hasattr(thing, "grid"):
            raise DataError(f"{place}.grid: {type(thing).__name__} has no grid. Only distributions do.")
        with at(f"{place}.grid"):
            return thing.grid(step)

    def spikes_file(self, file, population):
        """The spikes of one population in an archive or a SONATA file."""
        from snn.info import load_spikes
        path = self.folder / file
        if not path.is_file():
            raise MissingFile(f"file: is not there ({str(path)!r}). Paths are relative to the experiment file.")
        spikes = load_spikes(path)
        if population not in spikes:
            raise DataError(f"population: is not in the file ({population!r}). {meant(population, list(spikes))}")
        return spikes[population]


def named(module, names=None):
    """``{name: class}`` for names of a module; the whole catalogue where ``names`` is None."""
    home = __import__(module, fromlist=["_"])
    return {name: getattr(home, name) for name in (names or home.__all__) if inspect.isclass(getattr(home, name, None))}


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
        model = builder.item(table.model, models, f"{place}.model")
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
        with at(place):
            net.connect(pre, post, rule, port=table.port, weight=weight, delay=delay, name=name,
                        round_delays=table.round_delays)
    inputs = named("snn.network", INPUTS)
    for k, raw in enumerate(file.drives):
        place = f"drives[{k}]"
        table = parse(DriveTable, raw, place)
        population = view(net, table.population, f"{place}.population")
        source = builder.item(table.input, inputs, f"{place}.input")
        with at(place):
            net.drive(population, source, port=table.port)
    return net


def load(path):
    """``(net, arguments)`` of an experiment file: the Network, and the keyword arguments of ``snn.simulate`` with ``duration``."""
    path = Path(path)
    with at(path.name):
        try:
            raw = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise DataError(f"file: is no TOML ({error}). See the page `Command line` of the documentation.") from error
        file, builder = parse(File, raw, ""), Builder(path.parent)
        run = parse(RunTable, file.run, "run")
        net = network(file, builder)
        arguments = {"duration": run.duration, "dt": run.dt, "seed": run.seed,
                     "engine": builder.item(run.engine, named("snn.run", ENGINES), "run.engine")}
        if file.record is not None:
            recorders = named("snn.record", RECORDERS)
            arguments["record"] = [builder.item(item, recorders, f"record[{k}]") for k, item in enumerate(file.record)]
        if run.out is not None:
            arguments["to"] = path.parent / run.out
    return net, arguments


def run_file(path, *, duration=None, seed=None, out=None, **options):
    """Simulate what an experiment file describes; ``duration`` [ms], ``seed`` and ``out`` replace the file's own values.

    Returns: the :class:`~snn.record.Result`. ``options`` go to ``snn.simulate``.
    """
    net, arguments = load(path)
    arguments |= {key: value for key, value in (("duration", duration), ("seed", seed), ("to", out)) if value is not None}
    with at(Path(path).name):
        return snn.simulate(net, **arguments, **options)


def run_script(path, arguments=(), *, duration=None, seed=None, out=None, **options):
    """Run a script.

    Without ``duration``, ``seed`` and ``out`` it runs as the main program and None is returned. With any of them it is
    loaded under another name, and the Network that it leaves under the name ``net`` is simulated; returns the Result.
    """
    given = {key: value for key, value in (("seed", seed), ("to", out)) if value is not None}
    alone = duration is None and not given
    before = sys.argv, sys.path[:]
    sys.argv = [str(path), *arguments]
    sys.path.insert(0, str(Path(path).resolve().parent))
    try:
        left = runpy.run_path(str(path), run_name="__main__" if alone else "experiment")
        if alone:
            return None
        net = left.get("net")
        if not isinstance(net, snn.Network):
            raise RunError(f"{path}: leaves no snn.Network under the name `net` ({type(net).__name__}). "
                           "Name it so, or run the script without --duration, --seed and --out.")
        if duration is None:
            raise RunError(f"{path}: the script's network has no duration. Give --duration.")
        return snn.simulate(net, duration, **given, **options)
    finally:
        sys.argv, sys.path[:] = before
