"""A network to SONATA: nodes, edges, inputs and configurations, as libsonata, NEST and this library read them.

Layout of the folder
    circuit_config.json, simulation_config.json, node_sets.json
    network/<population>_nodes.h5, _node_types.csv; network/<projection>_edges.h5, _edge_types.csv
    components/<population>.json     parameters; those that differ between neurons are in the nodes file as well
    inputs/<population>_spikes.h5    spikes of the virtual populations;  output/spikes.h5 where spikes are given
"""
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snn.contract import steps_of
from snn.errors import OutputError, RunError
from snn.exchange.sonata_drawn import write_inputs
from snn.exchange.sonata_sheets import WHERE, nodes_of
from snn.exchange.sonata_tables import Losses, write_json
from snn.exchange.sonata_write_files import EdgesSheet, write_edges, write_nodes
from snn.export.sonata import write_spikes
from snn.plan import make_plan


@dataclass(frozen=True)
class Written:
    """What was written: paths of the two configurations, who can simulate it ("NEST" or "snn"), what was lost."""

    circuit: Path
    simulation: Path
    target: str
    notes: tuple = ()


def write_network(net, folder, *, dt, seed=0, duration=1000.0, allow=(), native=False, spikes=None, overwrite=False,
                  indices=True):
    """Write a network as SONATA: exactly the connections, weights, delays and first values of this seed.

    Parameters
        dt, seed   ms and the seed of :func:`snn.simulate`: what would be simulated is what is written
        duration   ms; the end of the simulation, up to which random sources are drawn
        allow      names of what may be lost, of those that the error lists: "coupling", "plasticity" (weights stay as
                   they begin), "initial", "onset", "positions", names of inputs such as "GaussianInput"
        native     write our own models by name (``snn:CobaLIF``): nothing is lost, and no other simulator can run it.
                   Otherwise models of NEST are written where ours is one (:mod:`snn.exchange.sonata_models`)
        spikes     a Result (or dict of Spikes) to put beside it as the output
        indices    write both indices, which queries by node need (64 bytes per edge)
    Poisson sources and inputs become virtual populations with their spikes, drawn by the same streams; the events that
    a PoissonInput gives in the very first step come one step later.

    Returns: :class:`Written`. Errors: NetworkError naming what would be lost; RunError where the folder holds a circuit
    already (unless ``overwrite``); OutputError.

    Source: SONATA developer guide (Dai et al. 2020, PLoS Comput Biol 16:e1007696).
    Example: ``write_network(net, "circuit", dt=0.1, seed=1, duration=500.0)``
    """
    losses = Losses(WHERE, allow)
    steps_of(duration, dt, f"{WHERE}.duration")
    plan = make_plan(net, dt, seed=seed)
    for name in net.couplings:
        losses.add("coupling", f"coupling {name!r} is graded, edges of SONATA carry spikes")
    nodes, drawn = nodes_of(plan, net, losses, native=native)
    edges = [_edges(q, plan, nodes, losses) for q in plan.projections] + [_poisson_edges(d, nodes, dt) for d in drawn]
    losses.check()
    folder = _folder(folder, overwrite)
    nodes = nodes + drawn
    circuit = {
        "manifest": {"$BASE_DIR": ".", "$NETWORK_DIR": "./network", "$COMPONENT_DIR": "./components"},
        "components": {"point_neuron_models_dir": "$COMPONENT_DIR", "synaptic_models_dir": "$COMPONENT_DIR"},
        "node_sets_file": "$BASE_DIR/node_sets.json",
        "networks": {
            "nodes": [write_nodes(folder / "network", folder / "components", x) for x in nodes],
            "edges": [write_edges(folder / "network", e, indices=indices) for e in edges if len(e.targets)],
        },
    }
    target = "NEST" if all(x.nest or x.model_type == "virtual" for x in nodes) else "snn"
    write_json(folder / "node_sets.json", {x.name: {"population": x.name} for x in nodes})
    inputs = {f"{x.name}_spikes": write_inputs(folder / "inputs", x, plan, net, duration)
              for x in nodes if x.model_type == "virtual"} | _clamp_inputs(nodes, dt, duration)
    write_json(folder / "circuit_config.json", circuit)
    write_json(folder / "simulation_config.json", _simulation(target, plan, duration, inputs))
    if spikes is not None:
        write_spikes(spikes, folder / "output" / "spikes.h5", overwrite=overwrite)
    empty = tuple(f"empty: projection {e.name!r} has no edges and is left out" for e in edges if not len(e.targets))
    return Written(folder / "circuit_config.json", folder / "simulation_config.json", target, losses.notes + empty)


def _edges(q, plan, nodes, losses):
    """The edges of a projection of the plan."""
    if q.plastic is not None:
        losses.add("plasticity", f"the rule of projection {q.name!r} has no place in SONATA; its weights stay")
    target, port = nodes[q.post], plan.populations[q.post].ports[q.port]
    weight = q.weight if target.nest is None else target.nest.weight(q.weight, port)
    return EdgesSheet(q.name, nodes[q.pre], target, q.csr.indptr, q.csr.targets, q.pre_offset, q.post_offset, weight,
                      q.delay * plan.dt, port)


def _poisson_edges(nodes, everybody, dt):
    """One edge from each virtual node of a Poisson input to its neuron."""
    drawn = nodes.source
    target = next(x for x in everybody if x.name == drawn.target.name)
    weight = np.asarray(drawn.drive.weight, np.float64)
    weight = weight if nodes.nest is None else nodes.nest.weight(weight, drawn.port)
    return EdgesSheet(nodes.name, nodes, target, np.arange(nodes.n + 1), np.arange(nodes.n), 0, 0, weight, dt,
                      drawn.port)


def _clamp_inputs(nodes, dt, duration):
    """Steps of current; one that is given from a time on acts from the following step on."""
    found = {}
    for x in nodes:
        for k, (begin, length, amplitude) in enumerate(x.clamps):
            begin += dt
            found[f"{x.name}_current_{k}"] = {
                "input_type": "current_clamp", "module": "IClamp", "node_set": x.name, "amp": amplitude, "delay": begin,
                "duration": max(duration - begin, 0.0) if length is None else length}
    return found


def _simulation(target, plan, duration, inputs):
    return {
        "manifest": {"$BASE_DIR": ".", "$OUTPUT_DIR": "./output"},
        "network": "$BASE_DIR/circuit_config.json",
        # Not in the circuit: libsonata opens none that is made for NEST.
        "target_simulator": target,
        "run": {"tstop": float(duration), "dt": plan.dt, "random_seed": plan.seed},
        "node_sets_file": "$BASE_DIR/node_sets.json",
        "inputs": inputs,
        "output": {"output_dir": "$OUTPUT_DIR", "spikes_file": "spikes.h5", "spikes_sort_order": "by_time"},
        "reports": {},
    }


def _folder(folder, overwrite):
    folder = Path(folder)
    if (folder / "circuit_config.json").exists() and not overwrite:
        raise RunError(f"{WHERE}: '{folder}' holds a circuit already. Choose another folder, or say overwrite=True.")
    try:
        for name in ("network", "components", "inputs", "output"):
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise OutputError(f"{WHERE}: folder '{folder}' cannot be made ({err.strerror}). Choose another.") from err
    return folder
