"""SONATA networks that we write: opened by libsonata, simulated by NEST, read back."""
import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import snn
from benchmarks.networks import network
from snn.errors import NetworkError, RunError
from snn.exchange.sonata_read import read_network, read_simulation
from snn.exchange.sonata_write import write_network
from snn.export import checked
from snn.neurons import ALIF, GIF, LIF, AlphaLIF, CobaLIF, CubaLIF, PoissonSource, SpikeSource
from snn.neurons.kinetics import Alpha
from snn.plan import make_plan
from snn.plasticity import PairSTDP

FIXTURES = Path(__file__).parents[1] / "fixtures" / "sonata"
sys.path.insert(0, str(FIXTURES))
from make import OURS, digest  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The networks of the benchmarks, written; ``OURS`` has their settings."""
    folder = tmp_path_factory.mktemp("sonata")
    for name, p in OURS.items():
        write_network(network(p["model"], p["n"]), folder / name, dt=p["dt"], seed=p["seed"], duration=p["duration"])
    return folder


def spikes_of(net, p):
    return snn.simulate(net, p["duration"], dt=p["dt"], seed=p["seed"], progress=False).spikes["cells"]


@pytest.mark.parametrize("name", OURS)
def test_there_and_back(folder, name):
    """Read back, a network fires the same spikes bit for bit, Poisson drive included."""
    s = read_simulation(folder / name / "simulation_config.json")
    assert (s.dt, s.duration, s.seed) == tuple(OURS[name][k] for k in ("dt", "duration", "seed"))
    original = network(OURS[name]["model"], OURS[name]["n"])
    assert list(s.network.populations) == list(original.populations)
    assert list(s.network.projections) == list(original.projections)
    mine = spikes_of(original, OURS[name])
    assert len(mine) > 20 and spikes_of(s.network, OURS[name]) == mine


def nest_gave(folder, name):
    """The spikes that NEST's reader and NEST made of these very files."""
    p = OURS[name]
    with np.load(FIXTURES / "nest.npz") as nest:
        assert digest(folder / name) == str(nest[f"{name}_digest"]), "other files than NEST has read: run make.py again"
        return snn.Spikes(nest[f"{name}_steps"] * p["dt"], nest[f"{name}_ids"], n=p["n"], duration=p["duration"])


def same(mine, theirs, dt):
    """Whether all spikes are of the same neurons in the same steps."""
    steps = [np.rint(s.times / dt).tolist() for s in (mine, theirs)]
    return steps[0] == steps[1] and mine.ids.tolist() == theirs.ids.tolist()


@pytest.mark.parametrize("name", ["cuba", "coba", "brunel"])
def test_every_spike_of_nest(folder, name):
    """In float64 and the same step; the Poisson drive as the spikes that stand in the files."""
    net = read_network(folder / name / "simulation_config.json", replay=True)
    theirs = nest_gave(folder, name)
    assert len(theirs) >= 28 and same(spikes_of(net, OURS[name]), theirs, OURS[name]["dt"])


def test_statistics_of_nest(folder):
    """Both solve conductances to about 1e-4 mV, which moves a spike by a step sooner or later; from then on the network
    is another sample of itself: rates and CV within three standard deviations of eight samples of ours, which begin up
    to 0.1 mV aside.
    """
    p, theirs = OURS["coba_4000"], nest_gave(folder, "coba_4000")
    net = read_network(folder / "coba_4000" / "simulation_config.json")
    cells = net.populations["cells"]
    assert same(spikes_of(net, p).between(0.0, 5.0), theirs.between(0.0, 5.0), p["dt"])
    assert len(theirs.between(0.0, 5.0)) > 400

    def statistics(spikes):
        late = spikes.between(20.0, 100.0)
        return late.rate()[:3200].mean(), late.rate()[3200:].mean(), np.nanmean(late.cv())

    first, ours = cells.init["v"], []
    for k in range(8):
        cells.init["v"] = first + np.random.default_rng(k).uniform(-0.1, 0.1, cells.n)
        ours.append(statistics(spikes_of(net, p)))
    spread = np.std(ours, axis=0, ddof=1)
    assert (spread < [2.0, 1.5, 0.03]).all() and np.min(ours) > 0.2
    assert (np.abs(statistics(theirs) - np.mean(ours, axis=0)) < 3.0 * spread).all()


@pytest.mark.skipif("SNN_PEERS" not in os.environ, reason="no environment with NEST: SNN_PEERS is not set")
def test_nest_itself(folder, tmp_path):
    """The same with the NEST of this machine, where it can read SONATA."""
    python = Path(os.environ["SNN_PEERS"]) / "nest" / "bin" / "python"
    if not python.exists():
        pytest.skip(f"no NEST in {python.parents[1]}")
    code = (f"import sys; sys.path.insert(0, {str(FIXTURES)!r}); from pathlib import Path; import numpy as np\n"
            f"try:\n    from make import simulate; found = simulate(Path({str(folder / 'cuba')!r}), 'cells')\n"
            "except ModuleNotFoundError as err:\n    print('missing:', err); sys.exit(77)\n"
            f"np.save({str(tmp_path / 'found.npy')!r}, np.array(found))")
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=120)
    if done.returncode == 77:
        pytest.skip(f"this NEST reads no SONATA: {done.stdout.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    with np.load(FIXTURES / "nest.npz") as nest:
        np.testing.assert_array_equal(np.load(tmp_path / "found.npy"), [nest["cuba_steps"], nest["cuba_ids"]])


@pytest.mark.parametrize("name", ["cuba", "coba", "brunel"])
def test_libsonata_opens_it(folder, name):
    """The official reader finds the populations, the attributes, and the edges of every neuron on both sides."""
    libsonata = pytest.importorskip("libsonata", reason="libsonata checks the SONATA files; pip install libsonata")
    circuit = libsonata.CircuitConfig.from_file(str(folder / name / "circuit_config.json"))
    assert circuit.config_status == libsonata.CircuitConfigStatus.complete
    plan = make_plan(network(name, OURS[name]["n"]), OURS[name]["dt"], seed=OURS[name]["seed"])
    cells = circuit.node_population("cells")
    first = cells.get_dynamics_attribute("V_m", cells.select_all())
    np.testing.assert_array_equal(first, plan.populations[0].initial["v"])
    for q in plan.projections:
        edges = circuit.edge_population(q.name)
        assert (edges.source, edges.target, edges.size) == ("cells", "cells", q.csr.n_synapses)
        everything = edges.select_all()
        rows = np.repeat(np.arange(q.n_pre) + q.pre_offset, np.diff(q.csr.indptr))
        np.testing.assert_array_equal(edges.source_nodes(everything), rows)
        np.testing.assert_array_equal(edges.target_nodes(everything), q.csr.targets + q.post_offset)
        sign = -1.0 if name == "coba" and q.name == "inhibitory" else 1.0
        assert (edges.get_attribute("syn_weight", everything) == sign * q.weight).all()
        np.testing.assert_allclose(edges.get_attribute("delay", everything), q.delay * OURS[name]["dt"], rtol=1e-12)
        for neuron in (0, 7, 399):
            efferent = edges.efferent_edges([neuron])
            np.testing.assert_array_equal(edges.target_nodes(efferent), q.csr.targets[rows == neuron])
            afferent = edges.afferent_edges([neuron]).flatten()
            assert sorted(afferent) == np.flatnonzero(q.csr.targets + q.post_offset == neuron).tolist()


def small(dt=0.1):
    """A network with slices, many delays and weights, positions, given spikes, and models with and without NEST's."""
    rng = np.random.default_rng(3)
    net = snn.Network("small")
    exc = net.add("exc", CubaLIF(tau_m=rng.uniform(10, 20, 20)), 20, init={"v": snn.Uniform(-60.0, -50.0)},
                  positions=rng.uniform(0, 9, (20, 3)))
    inh = net.add("inh", CobaLIF(), 8, init={"g_exc": 3.0, "i": 150.0})
    own = net.add("own", ALIF(), 6, init={"v": snn.Uniform(0.0, 0.5)})
    spikes = snn.Spikes([0.0, 0.05, 3.2, 3.2, 7.77], [0, 1, 2, 2, 1], n=3, duration=9.0)
    given = net.add("given", SpikeSource(spikes), 3)
    noise = net.add("noise", PoissonSource(rate=200.0), 5)
    net.connect(given, exc[2:9], snn.AllToAll(), port="exc", weight=900.0, delay=0.5)
    net.connect(noise, inh, snn.Probability(0.7), port="exc", weight=snn.Uniform(1.0, 20.0),
                delay=snn.Uniform(0.5, 3.0).grid(dt))
    net.connect(exc[5:], inh[:4], snn.FixedInDegree(6, multi_edges=True), port="exc", weight=5.0, delay=1.5)
    net.connect(inh, exc, snn.AllToAll(), port="inh", weight=snn.Uniform(-90.0, -1.0), delay=1.0, name="back")
    net.connect(inh, own, snn.AllToAll(), port=own.model.Ports._fields[0], weight=0.3, delay=2.0)
    net.drive(inh, snn.CurrentInput(150.0), port="current")
    net.drive(exc, snn.PoissonInput(900.0, 60.0), port="exc")
    net.drive(exc, snn.CurrentInput(np.array([0.0, 300.0, 0.0, 200.0]), interval=5.0), port="current")
    return net


@pytest.mark.parametrize("native", [False, True])
def test_everything_comes_back(tmp_path, native):
    net = small()
    written = write_network(net, tmp_path / "c", dt=0.1, seed=5, duration=40.0, native=native)
    assert written.target == "snn" and written.notes == ()
    s = read_simulation(written.simulation)
    mine, theirs = (snn.simulate(n, 40.0, dt=0.1, seed=5, progress=False).spikes for n in (net, s.network))
    assert list(mine) == list(theirs) and min(len(x) for x in mine.values()) >= 4
    for name in mine:
        assert mine[name] == theirs[name], name
    np.testing.assert_array_equal(s.network.populations["exc"].positions, net.populations["exc"].positions)
    tables = ((tmp_path / "c" / "network" / f"{p}_node_types.csv").read_text() for p in ("exc", "inh", "own"))
    templates = [word for table in tables for word in table.split() if ":" in word]
    assert templates == (["snn:CubaLIF", "snn:CobaLIF", "snn:ALIF"] if native
                         else ["nest:iaf_psc_exp", "nest:iaf_cond_exp", "snn:ALIF"])


@pytest.mark.parametrize("native", [False, True])
def test_every_model_of_the_catalogue(tmp_path, native):
    """Parameters and first values, of two neurons each, which must not be taken for a list of one neuron's."""
    net = snn.Network("all")
    for name in snn.neurons.__all__:
        if name != "SpikeSource":
            net.add(name, getattr(snn.neurons, name)(), 2)
    written = write_network(net, tmp_path / "c", dt=0.1, duration=1.0, native=native)
    back = read_network(written.simulation)
    assert list(back.populations) == list(net.populations)
    for name, p in back.populations.items():
        assert type(p.model) is type(net.populations[name].model) and p.model == net.populations[name].model
        known = p.model.bind(2, None).rest()._asdict()
        for state, value in p.init.items():
            np.testing.assert_array_equal(np.broadcast_to(value, 2), np.broadcast_to(known[state], 2), err_msg=name)


def test_spikes_of_sources_stand_in_the_files(tmp_path):
    """Random sources replayed from the files give what they give when they are drawn."""
    net = small()
    written = write_network(net, tmp_path / "c", dt=0.1, seed=5, duration=40.0)
    replayed = read_network(written.simulation, replay=True)
    assert all(isinstance(replayed.populations[k].model, SpikeSource) for k in ("noise", "exc_exc_poisson"))
    mine, theirs = (snn.simulate(n, 40.0, dt=0.1, seed=5, progress=False).spikes for n in (net, replayed))
    assert mine["noise"] == theirs["noise"] and mine["given"] == theirs["given"]
    # Events of the first step come one step later, and sums are added in another order: no spike moves here.
    assert mine["inh"] == theirs["inh"]


def test_results_beside_the_network(tmp_path):
    """libsonata finds the spikes where the simulation's configuration says."""
    net, p = network("cuba", 400), OURS["cuba"]
    result = snn.simulate(net, p["duration"], dt=p["dt"], seed=p["seed"], progress=False)
    written = write_network(net, tmp_path / "c", dt=p["dt"], seed=p["seed"], duration=p["duration"], spikes=result)
    output = json.loads(written.simulation.read_text())["output"]
    libsonata = pytest.importorskip("libsonata", reason="libsonata reads the spikes; pip install libsonata")
    reader = libsonata.SpikeReader(str(tmp_path / "c" / "output" / output["spikes_file"]))["cells"]
    np.testing.assert_array_equal(reader.get_dict()["timestamps"], result.spikes["cells"].times)


def lossy(case):
    net = snn.Network("lossy")
    a = net.add("a", CubaLIF(), 3, init={"i_exc": 5.0} if case == "initial" else None,
                positions=np.zeros((3, 4)) if case == "positions" else None)
    rule = PairSTDP() if case == "plasticity" else None
    net.connect(a, a, snn.AllToAll(), port="exc", weight=1.0, delay=1.0, plasticity=rule)
    if case == "onset":
        net.drive(a, snn.CurrentInput(100.0), port="current")
    if case == "GaussianInput":
        net.drive(a, snn.GaussianInput(0.0, 1.0), port="current")
    if case == "coupling":
        net.couple(a, a, snn.OneToOne(), values={"current": "v"}, weight=0.1, delay=0.1)
    return net


@pytest.mark.parametrize("case", ["initial", "positions", "plasticity", "onset", "GaussianInput", "coupling"])
def test_losses_are_refused_by_name(tmp_path, case):
    net = lossy(case)
    with pytest.raises(NetworkError, match=rf"^to_sonata: .*allow=\('{case}',\)"):
        write_network(net, tmp_path / "c", dt=0.1)
    assert not (tmp_path / "c").exists()
    written = write_network(net, tmp_path / "c", dt=0.1, duration=5.0, allow=(case,))
    assert len(written.notes) == 1 and written.notes[0].startswith(f"{case}: ")
    assert len(read_network(written.simulation).populations["a"]) == 3


def test_what_cannot_be_written(tmp_path):
    net = snn.Network("wrong")
    a = net.add("a", CobaLIF(), 3)
    b = net.add("b", AlphaLIF(), 3)
    net.connect(a, b, snn.AllToAll(), port="exc", weight=-1.0, delay=1.0)
    with pytest.raises(NetworkError, match="'a_b' onto port 'exc' of 'b'.*-1.*native=True"):
        write_network(net, tmp_path / "c", dt=0.1)
    native = write_network(net, tmp_path / "c", dt=0.1, duration=5.0, native=True)
    assert read_network(native.simulation).projections["a_b"].weight == -1.0
    with pytest.raises(RunError, match="holds a circuit already"):
        write_network(net, tmp_path / "c", dt=0.1, native=True)
    net = snn.Network("composed")
    net.add("a", snn.compose(LIF(), exc=Alpha(tau=2.0)), 3)
    with pytest.raises(NetworkError, match="'a'.*not in snn.neurons"):
        write_network(net, tmp_path / "d", dt=0.1)
    net = snn.Network("lists")
    net.add("a", GIF(q_sfa_1=np.array([1.0, 2.0])), 2)
    with pytest.raises(NetworkError, match="q_sfa_1 of population 'a' differs between neurons"):
        write_network(net, tmp_path / "d", dt=0.1)


def test_files_are_plain(folder):
    """No compression, which the official reader lacks, and the two attributes that mark a SONATA file."""
    for path in (folder / "coba").rglob("*.h5"):
        with h5py.File(path) as file:
            assert file.attrs["magic"] == 0x0A7A and file.attrs["version"].tolist() == [0, 1]
            names = checked.tables(file)
            assert names and not any(file[name].compression for name in names)
