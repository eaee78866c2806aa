"""A network from SONATA, written by this library or by others.

What becomes what
    A node population becomes a population of the same name; one with several models becomes one population per model,
    ``<population>_<model>``. Nodes stand in the order of the file; :attr:`Simulation.nodes` says which node each neuron
    is. An edge population becomes a projection; one whose weights go to several ports, or whose ends lie in several
    populations of ours, becomes several, with names of the ends and the port behind its own.
    Virtual nodes replay the spikes that the simulation's inputs give them.
What is not taken over
    ``conditions`` (v_init is for compartments: models of NEST say V_m themselves), ``reports`` and ``output``.
"""
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from snn.connect import Edges
from snn.drives import CurrentInput, PoissonInput
from snn.errors import DataError, NetworkError, RunError
from snn.exchange.sonata_edges import read_edges
from snn.exchange.sonata_inputs import NodeSets, currents_of, spikes_of
from snn.exchange.sonata_models import catalogue, one_or_each
from snn.exchange.sonata_nodes import components_of, read_nodes
from snn.exchange.sonata_read_models import WHERE, parts_of
from snn.exchange.sonata_tables import Losses, is_number, place, read_config
from snn.network import Network
from snn.spikes import Spikes


@dataclass(frozen=True, eq=False)
class Simulation:
    """What a configuration describes: the ``network``; ``dt`` and ``duration`` ms and ``seed`` (None where it says
    none); ``nodes`` {population of the network: (population of SONATA, node ids int64 [n])}; ``notes`` on losses.

    Example: ``s = read_simulation("simulation_config.json"); snn.simulate(s.network, s.duration, dt=s.dt)``
    """

    network: Network
    dt: Any = None
    duration: Any = None
    seed: Any = None
    nodes: dict = field(default_factory=dict)
    notes: tuple = ()


def read_network(config, *, dt=None, allow=(), replay=False):
    """The network that a ``circuit_config.json`` or ``simulation_config.json`` describes; arguments and errors as of
    :func:`read_simulation`. Example: ``net = read_network("circuit/simulation_config.json")``"""
    return read_simulation(config, dt=dt, allow=allow, replay=replay).network


def read_simulation(config, *, dt=None, allow=(), replay=False):
    """Read a SONATA configuration and everything it names.

    Parameters
        config  path of a circuit's or a simulation's configuration, or of one that names both (``network``,
                ``simulation``)
        dt      ms, which delays must fit; default: that of the simulation
        allow   names of what may be lost, of those that the error lists: "delay" (rounded to steps), "synapse_model"
                (a synapse that changes becomes a constant one), "weight_function", names of parameters without a
                counterpart
        replay  replay the spikes also of sources that were written by :meth:`Network.to_sonata` as random ones
    Returns: :class:`Simulation`.
    Errors: MissingFile, DataError for files; NetworkError for models that are not known here and for what would be
    lost; RunError without dt.
    """
    losses = Losses(WHERE, allow)
    circuit, folder, simulation, home = _configurations(Path(config))
    dt = _step(dt, simulation)
    nodes, edges = _networks(circuit)
    tables = {}
    for entry in nodes:
        for name, table in read_nodes(folder, entry, components_of(circuit, folder, "point_neuron_models_dir")).items():
            if name in tables:
                raise DataError(f"{WHERE}: node population {name!r} is in two files. Names must be unique.")
            tables[name] = table
    taken = set()
    parts = {name: parts_of(table, taken, losses) for name, table in tables.items()}
    synapses = components_of(circuit, folder, "synaptic_models_dir")
    builder = _Builder(Network(Path(config).resolve().parent.name or "sonata"), parts, tables, losses, dt, replay)
    builder.add_populations(simulation, home)
    for entry in edges:
        for table in read_edges(folder, entry, synapses, losses):
            builder.connect(table)
    builder.drive()
    losses.check()
    run = simulation.get("run", {})
    seed = run.get("random_seed")
    return Simulation(builder.net, dt, run.get("tstop"), seed if isinstance(seed, int) else None,
                      {p.name: (p.table.name, p.table.ids[p.rows]) for p in builder.parts if p.poisson is None},
                      losses.notes)


def _configurations(path):
    """(circuit, its folder, simulation, its folder)."""
    given = read_config(path)
    simulation, home = given, path.parent
    if isinstance(given.get("simulation"), str):
        home = place(path.parent, given["simulation"])
        simulation, home = read_config(home), home.parent
    if "networks" in given:
        return given, path.parent, given, path.parent
    named = simulation.get("network", given.get("network"))
    if not isinstance(named, str):
        raise DataError(f"{WHERE}: '{path}' has neither networks nor the path of a circuit (network). Give a "
                        "circuit_config.json or a simulation_config.json.")
    circuit = place(home if "network" in simulation else path.parent, named)
    return read_config(circuit), circuit.parent, simulation, home


def _networks(circuit):
    networks = circuit.get("networks")
    entries = [networks.get(k, []) for k in ("nodes", "edges")] if isinstance(networks, dict) else [None]
    if not all(isinstance(e, list) and all(isinstance(x, dict) for x in e) for e in entries):
        raise DataError(f"{WHERE}: networks must have lists of nodes and edges files.")
    return [[x for x in e if x.get("enabled", True)] for e in entries]


def _step(dt, simulation):
    run = simulation.get("run", {})
    dt = run.get("dt") if dt is None and isinstance(run, dict) else dt
    if not (is_number(dt) and dt > 0):
        raise RunError(f"{WHERE}.dt: is {dt!r}. Give the step in ms, or a simulation_config.json with one (run.dt).")
    if not isinstance(run, dict) or "tstop" in run and not (is_number(run["tstop"]) and run["tstop"] > 0):
        raise DataError(f"{WHERE}: run.tstop is {run!r}. It must be a number of ms above 0.")
    return float(dt)


class _Builder:
    """Puts the parts together as a network."""

    def __init__(self, net, parts, tables, losses, dt, replay):
        self.net, self.tables, self.losses, self.dt, self.replay = net, tables, losses, dt, replay
        self.by_table = parts
        self.parts = [p for found in parts.values() for p in found]
        self.clamps, self.poisson = {}, {}

    def add_populations(self, simulation, home):
        """Add every part but those that stand for a Poisson input."""
        inputs = simulation.get("inputs", {})
        if not isinstance(inputs, dict) or not all(isinstance(x, dict) for x in inputs.values()):
            raise DataError(f"{WHERE}: inputs must be an object of inputs.")
        named = simulation.get("node_sets_file")
        sets = NodeSets(self.tables, None if named is None else place(home, named))
        in_pA = simulation.get("target_simulator") in ("NEST", "snn")
        self.clamps = currents_of(inputs, sets, self.parts, self.dt, 1.0 if in_pA else 1000.0)
        for part in self.parts:
            if part.poisson is not None and not self.replay:
                continue
            model, init = part.model, dict(part.init or {})
            virtual = part.table.column("model_type")[part.rows[0]] == "virtual"
            if virtual and (model is None or self.replay):
                model = self._replayed(part, home, inputs, sets, simulation)
            if part.name in self.clamps and np.any(self.clamps[part.name][1]):
                init["i"] = init.get("i", 0.0) + self.clamps[part.name][1]
            self.net.add(part.name, model, part.n, init=init, positions=_positions(part))

    def _replayed(self, part, home, inputs, sets, simulation):
        times, ids = spikes_of(home, inputs, sets, part.table)
        rows = part.table.rows_of(ids, "inputs")
        place_of = np.full(part.table.n, -1)
        place_of[part.rows] = np.arange(part.n)
        keep = place_of[rows] >= 0
        tstop = simulation.get("run", {}).get("tstop", 0.0)
        duration = max(float(tstop), float(times.max()) if len(times) else 0.0)
        return catalogue()["SpikeSource"](Spikes(times[keep], place_of[rows[keep]], part.n, duration))

    def connect(self, edges):
        """Connect one edge population."""
        for end in (edges.source, edges.target):
            if end not in self.by_table:
                raise DataError(f"{WHERE}: '{edges.path}' edges {edges.name!r} refer to the population {end!r}, which "
                                "no nodes file has.")
        pre = self.tables[edges.source].rows_of(edges.pre, edges.path)
        post = self.tables[edges.target].rows_of(edges.post, edges.path)
        several = len(self.by_table[edges.source]) > 1 or len(self.by_table[edges.target]) > 1
        for a in self.by_table[edges.source]:
            for b in self.by_table[edges.target]:
                here = _places(a)[pre], _places(b)[post]
                keep = (here[0] >= 0) & (here[1] >= 0)
                if keep.any():
                    name = f"{edges.name}_{a.name}_{b.name}" if several else edges.name
                    self._project(name, a, b, here[0][keep], here[1][keep], edges.weight[keep], edges.delay[keep],
                                  edges.port)

    def _project(self, name, a, b, pre, post, weight, delay, port):
        if b.model is None or not hasattr(b.model, "Ports"):
            raise NetworkError(f"{WHERE}: edges {name!r} lead to virtual nodes of {b.name!r}. Give them neurons.")
        ports = self._ports(name, b, weight, port)
        for k, (port, keep) in enumerate(ports):
            sign = weight[keep] if b.nest is None else b.nest.weight(weight[keep], port)
            if a.poisson is not None and not self.replay:
                self._note_poisson(a, b, pre[keep], post[keep], port, sign)
                continue
            self.net.connect(self.net.populations[a.name], self.net.populations[b.name],
                             Edges(pre[keep], post[keep], multi_edges=True), port=port, weight=one_or_each(sign),
                             delay=one_or_each(delay[keep]), round_delays=self._rounded(name, delay[keep]),
                             name=self._free(name if k == 0 else f"{name}_{port}"))

    def _ports(self, name, b, weight, port):
        """[(port of ours, mask of the edges)]."""
        everything = np.ones(len(weight), bool)
        fields = b.model.Ports._fields
        if port is not None:
            if port not in fields:
                raise DataError(f"{WHERE}: edges {name!r} lead to port {port!r}; {type(b.model).__name__} has "
                                f"{', '.join(fields)}.")
            return [(port, everything)]
        if b.nest is None:
            return [("delta", everything)]
        if b.nest.exc == b.nest.inh:
            return [(b.nest.exc, everything)]
        return [(b.nest.port(sign), keep) for sign, keep in ((False, weight >= 0), (True, weight < 0)) if keep.any()]

    def _rounded(self, name, delay):
        """Whether delays have to be rounded."""
        steps = delay / self.dt
        off = np.abs(steps - np.rint(steps)) > 1e-6 * np.maximum(1.0, np.abs(steps))
        if off.any():
            self.losses.add("delay", f"edges {name!r} have delays such as {delay[off][0]:g} ms, no whole number of "
                                     f"steps of {self.dt:g} ms; they would be rounded")
        return bool(off.any())

    def _note_poisson(self, a, b, pre, post, port, weight):
        order = np.argsort(post, kind="stable")
        if not (np.array_equal(pre, post) and np.array_equal(post[order], np.arange(b.n))):
            raise DataError(f"{WHERE}: the edges of {a.name!r} do not give one Poisson input to each neuron. Read the "
                            "spikes instead: replay=True.")
        rate, index = a.poisson
        self.poisson.setdefault(b.name, []).append((index, PoissonInput(rate, one_or_each(weight[order])), port))

    def drive(self):
        """Attach currents and Poisson inputs, the latter at their place among the drives, which keys their numbers."""
        for part in self.parts:
            if part.name not in self.net.populations:
                continue
            drives = [(CurrentInput(value), port) for port, value in part.drives]
            if part.name in self.clamps and self.clamps[part.name][0].size:
                drives.append((CurrentInput(self.clamps[part.name][0], interval=self.dt), "current"))
            for index, source, port in sorted(self.poisson.get(part.name, []), key=lambda x: x[0]):
                drives.insert(min(int(index), len(drives)), (source, port))
            for source, port in drives:
                self.net.drive(self.net.populations[part.name], source, port=port)

    def _free(self, name):
        name = "".join(c if c.isalnum() or c in "_-" else "_" for c in name) or "edges"
        k, base = 2, name
        while name in self.net.projections:
            name, k = f"{base}_{k}", k + 1
        return name


def _places(part):
    """Row of the table -> number of the neuron in the part, -1 for others."""
    places = np.full(part.table.n, -1)
    places[part.rows] = np.arange(part.n)
    return places


def _positions(part):
    axes = [part.table.column(axis)[part.rows] for axis in "xyz"]
    axes = [a for a in axes if all(isinstance(v, (int, float)) for v in a.tolist())]
    return np.stack([a.astype(float) for a in axes], 1) if axes else None


