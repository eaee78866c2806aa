"""Networks in the formats of other tools, and what they make of them: spikes must be the same, one by one."""
import importlib
import importlib.util

import h5py
import numpy as np
import torch
from torch import nn

import snn
from benchmarks.interchange.command import done
from benchmarks.interchange.nir_peers import matrix
from benchmarks.networks import network
from benchmarks.registry import ROOT
from snn.exchange.sonata_read import read_simulation
from snn.exchange.spikingjelly import from_spikingjelly
from snn.exchange.spikingjelly_to import to_spikingjelly
from snn.export.sonata import read_spikes
from snn.neurons.euler_lif import EulerLIF

FIXTURES = ROOT / "tests" / "fixtures" / "sonata"
CUBA = {"n": 400, "dt": 0.1, "seed": 1, "duration": 200.0}


def fixtures():
    """``make.py`` of the fixtures: it knows how they were made, and NEST's side of it."""
    spec = importlib.util.spec_from_file_location("sonata_fixtures", FIXTURES / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _steps(spikes, dt):
    return [np.rint(spikes.times / dt), spikes.ids]


def _simulated(s, population):
    spikes = snn.simulate(s.network, s.duration, dt=s.dt, seed=s.seed or 0, progress=False).spikes[population]
    return _steps(spikes, s.dt)


def _write(folder, name):
    net = network(name, CUBA["n"])
    net.to_sonata(folder / name, dt=CUBA["dt"], seed=CUBA["seed"], duration=CUBA["duration"])
    return folder / name


def sonata_back(name, folder):
    """Our network, written and read back by us: its own spikes."""
    spikes = snn.simulate(network(name, CUBA["n"]), CUBA["duration"], dt=CUBA["dt"], seed=CUBA["seed"]).spikes["cells"]
    return _steps(spikes, CUBA["dt"]), _simulated(read_simulation(_write(folder, name) / "simulation_config.json"),
                                                  "cells")


def sonata_nest(name, folder):
    """Our network, written, as NEST's own reader and NEST simulated these very files (recorded; compared by digest)."""
    known = np.load(FIXTURES / "nest.npz")
    if fixtures().digest(_write(folder, name)) != str(known[f"{name}_digest"]):
        raise AssertionError("other files than NEST has read: run tests/fixtures/sonata/make.py again")
    mine = _simulated(read_simulation(folder / name / "simulation_config.json", replay=True), "cells")
    return [known[f"{name}_steps"], known[f"{name}_ids"]], mine


def sonata_libsonata(name, folder):
    """Edges and nodes of our files as libsonata gives them."""
    libsonata, folder = importlib.import_module("libsonata"), _write(folder, name)
    circuit = libsonata.CircuitConfig.from_file(str(folder / "circuit_config.json"))
    found, mine = [], []
    for edge in sorted(circuit.edge_populations):
        population = circuit.edge_population(edge)
        every = population.select_all()
        found += [population.source_nodes(every), population.target_nodes(every)]
        with h5py.File(next(f for f in folder.rglob("*_edges.h5") if edge in h5py.File(f)["edges"])) as file:
            mine += [file[f"edges/{edge}/{side}_node_id"][:] for side in ("source", "target")]
    return mine, found


def sonata_example(example, folder):
    """The format's own examples, simulated here, beside the spikes of NEST (recorded) or NEURON (in the example)."""
    home = fixtures().unpack(folder) / example
    if example == "300_pointneurons":
        with h5py.File(home / "inputs" / "external_spike_trains.h5", "r+") as file:
            file["spikes/timestamps"][:] = np.round(file["spikes/timestamps"][:], 3)     # NEST's own clock
        known = np.load(FIXTURES / "nest.npz")
        return [known["point_steps"], known["point_ids"]], _simulated(read_simulation(home / "config.json"), "internal")
    s = read_simulation(home / "config.json", dt=0.001)
    spikes = snn.simulate(s.network, 1000.0, dt=0.001, progress=False).spikes["v1"]
    neuron = read_spikes(home / "output" / "spikes.h5", n=300, duration=3000.0)["v1"].between(0.0, 1000.0)
    return _steps(neuron, 0.001), _steps(spikes, 0.001)


def _input():
    return (torch.rand(20, 3, 2, 8, 8, generator=torch.Generator().manual_seed(1)) < 0.3).double()


def spikingjelly_in(reader, folder):
    """A convolutional net of SpikingJelly, with batch norm and pooling, as layers of ours and in the engine."""
    from spikingjelly.activation_based import functional, layer, neuron
    torch.manual_seed(0)
    theirs = nn.Sequential(layer.Conv2d(2, 4, 3, padding=1), layer.BatchNorm2d(4), neuron.LIFNode(v_reset=None),
                           layer.AvgPool2d(2), layer.Flatten(), layer.Linear(64, 10), neuron.IFNode()).double().eval()
    with torch.no_grad():
        theirs[0].weight.mul_(3.0)
        theirs[5].weight.uniform_(0.0, 0.3)
        functional.set_step_mode(theirs, "m")
        expected = theirs(_input())
        functional.reset_net(theirs)
        if reader == "torch":
            return [expected], [from_spikingjelly(theirs)(_input())]
    return [expected], [snn.Network.from_torch(theirs, shape=(2, 8, 8)).run(_input()).output]


def spikingjelly_out(_, folder):
    """A net of ours as one of SpikingJelly."""
    import snn.train as st
    torch.manual_seed(0)
    ours = nn.Sequential(nn.Flatten(2), nn.Linear(128, 20), st.Layer(EulerLIF(leak=0.4, keep=1.0), 20, dt=1.0)).double()
    with torch.no_grad():
        ours[1].weight.uniform_(-0.02, 0.08)
        x = _input()
        return [ours(x)], [to_spikingjelly(ours)(x)]


CASES = [
    *((("SONATA network", "both", "snn", f"{name}, 400 neurons"), sonata_back, name) for name in ("cuba", "coba")),
    *((("SONATA network", "out", "libsonata", f"{name}, edges"), sonata_libsonata, name) for name in ("cuba", "coba")),
    *((("SONATA network", "out", "NEST 3.10 (recorded)", f"{name}, every spike"), sonata_nest, name)
      for name in ("cuba", "coba", "brunel")),
    (("SONATA network", "in", "NEST 3.10 (recorded)", "300_pointneurons, every spike"), sonata_example,
     "300_pointneurons"),
    (("SONATA network", "in", "NEURON (in the example)", "300_intfire, every spike"), sonata_example, "300_intfire"),
    *((("SpikingJelly modules", "in", f"SpikingJelly, our {reader}", "convolutional net"), spikingjelly_in, reader)
      for reader in ("torch", "engine")),
    (("SpikingJelly modules", "out", "SpikingJelly", "feedforward net"), spikingjelly_out, None),
]


def rows(options):
    """One row per case, then those of NIR."""
    for heading, function, argument in CASES:
        yield done(heading, function, argument)
    for peer, direction, case, outcome in matrix():
        verdict = "exact" if outcome.verdict == "same" and "spikes" in outcome.detail else outcome.verdict
        yield {"format": "NIR", "direction": "out" if direction.startswith("we") else "in", "tool": peer,
               "subject": f"{case} ({direction})", "outcome": f"{verdict}: {outcome.detail}"[:90]}
