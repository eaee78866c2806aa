"""What cannot be written or read is refused by name, before anything is made; hostile files never get further."""
import h5py
import numpy as np
import pytest
import torch
from torch import nn

from snn.errors import DataError, MissingFile, RunError, SnnError
from snn.exchange.nir_file import read_nir, write_nir
from snn.exchange.nir_read import from_nir, network_from_nir
from snn.exchange.nir_write import to_nir
from snn.neurons import ALIF, IF, LIF, AdEx, CubaLIF, LeakyReadout, SoftLIF
from snn.neurons.euler_lif import EulerLIF
from snn.train import Delay, EveryStep, Folded, Last, Layer, Linear, Recurrent

nir = pytest.importorskip("nir")

REST = {"E_L": 0.0, "V_th": 1.0, "V_reset": 0.0, "t_ref": 0.0}


def layer(model, n=3, **options):
    return nn.Sequential(Linear(3, 3), Layer(model, n, dt=1.0, **options))


@pytest.mark.parametrize(("net", "name"), [
    (layer(LIF(**REST | {"t_ref": 2.0})), "refractory"), (layer(SoftLIF(**REST)), "reset"),
    (layer(EulerLIF(keep=1.0)), "reset"), (layer(ALIF(**REST)), "adaptation"), (layer(CubaLIF(**REST)), "latency"),
    (layer(LIF(**REST), port="current"), "latency"), (layer(IF(**REST | {"E_L": -0.5})), "start"),
    (nn.Sequential(*layer(LeakyReadout()), Last()), "readout"),
], ids=["refractory", "soft", "soft euler", "adaptation", "cuba", "current", "start", "readout"])
def test_a_loss_must_be_named(net, name):
    with pytest.raises(RunError, match=rf"allow=\('{name}',\)"):
        to_nir(net)
    with pytest.raises(RunError, match=name):
        to_nir(net, allow="plasticity")
    graph = to_nir(net, allow=name)
    assert from_nir(graph, dt=1.0)[1].model is not None


def test_all_losses_are_listed_at_once():
    net = nn.Sequential(Layer(SoftLIF(**REST | {"t_ref": 3.0}), 3, dt=1.0), Linear(3, 2), Layer(ALIF(), 2, dt=1.0))
    with pytest.raises(RunError, match=r"allow=\('refractory', 'reset', 'adaptation',\)"):
        to_nir(net)
    assert "000_input" in to_nir(net, allow=("refractory", "reset", "adaptation")).nodes


@pytest.mark.parametrize(("net", "options", "message"), [
    (layer(AdEx()), {}, "to_nir.1: a AdEx has no counterpart in NIR"),
    (nn.Sequential(Linear(3, 3), nn.ReLU()), {"dt": 1.0}, "to_nir.1: a ReLU has no counterpart"),
    (nn.Sequential(Linear(3, 3)), {}, "to_nir.dt: is missing"),
    (layer(LIF(**REST)), {"allow": "colour"}, "'colour' is no loss"),
    (layer(LIF(**REST)), {"dt": -1.0}, "to_nir.dt: is -1.0"),
    (nn.Sequential(Layer(LIF(**REST), 3, dt=1.0), Layer(LIF(**REST), 3, dt=2.0)), {}, "must have one dt"),
    (nn.Sequential(Folded(nn.Conv2d(1, 1, 3)), Layer(LIF(**REST), dt=1.0)), {}, "to_nir.shape: is missing"),
    (nn.Sequential(Folded(nn.MaxPool2d(2)), Layer(LIF(**REST), dt=1.0)), {"shape": (1, 4, 4)}, "MaxPool2d"),
    (nn.Sequential(Folded(nn.Conv2d(1, 1, (2, 3))), Layer(LIF(**REST), dt=1.0)), {"shape": (1, 4, 4)}, "square"),
    (nn.Sequential(Folded(nn.AvgPool2d(2, ceil_mode=True)), Layer(LIF(**REST), dt=1.0)), {"shape": (1, 5, 5)}, "ceil"),
    (nn.Sequential(Linear(3, 3), Layer(LIF(**REST), 4, dt=1.0)), {}, "takes 4 inputs and gets"),
    (layer(LIF(**REST), emit="v"), {}, "gives 'v'"),
    (layer(EulerLIF(leak=np.array([0.0, 0.5, 0.5]))), {}, "leak: is 0 for some"),
    (nn.Sequential(*layer(LeakyReadout()), EveryStep(), Linear(3, 3)), {}, "after the readout"),
], ids=lambda x: None if not isinstance(x, str) else x[:20])
def test_nets_that_cannot_be_written(net, options, message):
    with pytest.raises(RunError, match=message):
        to_nir(net, **options)


def test_more_delays_than_bins():
    net = nn.Sequential(Delay(4, 8, longest=31.0, dt=1.0), Layer(LIF(**REST), 8, dt=1.0))
    net[0].steps.data = torch.arange(32.0).reshape(8, 4)
    with pytest.raises(RunError, match="has 32 different delays.*bins=16"):
        to_nir(net, bins=16)
    assert torch.equal(from_nir(to_nir(net), dt=1.0)[0].steps, net[0].steps)


def test_something_else_is_no_net():
    with pytest.raises(RunError, match="to_nir.x: is a list"):
        to_nir([1])
    with pytest.raises(DataError, match="from_nir.graph: is a int"):
        from_nir(3, dt=1.0)
    with pytest.raises(MissingFile):
        from_nir("nowhere.nir", dt=1.0)


def unit(n=2, **other):
    one = np.ones(n)
    return nir.LIF(**{"tau": one * 0.01, "r": one, "v_leak": one * 0, "v_threshold": one, "v_reset": one * 0} | other)


def wired(edges, **nodes):
    return nir.NIRGraph({"input": nir.Input(np.array([2])), **nodes, "output": nir.Output(np.array([2]))}, edges,
                        type_check=False)


CHAIN = [("input", "a"), ("a", "b"), ("b", "output")]
EYE = nir.Linear(np.eye(2))


@pytest.mark.parametrize(("graph", "message"), [
    (wired(CHAIN, a=EYE, b=unit(tau=np.ones(2) * 1e-4)), "from_nir.b: has a time constant of 0.0001 s"),
    (wired(CHAIN, a=EYE, b=unit(tau=np.array([0.01, np.nan]))), "from_nir.b.tau: .*not finite"),
    (wired(CHAIN, a=EYE, b=unit(v_reset=np.ones(2) * 2)), "b: a NIR LIF with values that no neuron of ours has"),
    (wired(CHAIN, a=EYE, b=unit(3)), "from_nir.b: has 3 neurons and gets"),
    (wired(CHAIN, a=nir.Linear(np.ones((2, 5))), b=unit()), r"from_nir.a: has a matrix of shape \(2, 5\)"),
    (wired(CHAIN, a=nir.Delay(np.array([0.0015, 0.001])), b=unit()), "from_nir.a.delay: 1.5 ms is not a whole number"),
    (wired(CHAIN, a=nir.Delay(np.array([-0.001, 0.001])), b=unit()), "negative"),
    (wired([*CHAIN, ("a", "output")], a=EYE, b=unit()), "is no chain of layers"),
    (wired([("input", "a"), ("a", "output")], a=EYE, b=unit()), "it has 2 Input nodes"),
    (wired([("input", "a"), ("a", "nobody")], a=EYE, b=unit()), "'nobody', which is not there"),
    (nir.NIRGraph({}, [], type_check=False), "has no Input node"),
    (wired([("input", "a"), ("a", "c"), ("c", "a"), ("a", "b"), ("b", "output")], a=EYE, b=unit(), c=EYE),
     "is no chain of layers"),
], ids=lambda x: None if not isinstance(x, str) else x[:24])
def test_graphs_that_cannot_be_read(graph, message):
    with pytest.raises(DataError, match=message):
        from_nir(graph, dt=1.0)


@pytest.mark.parametrize(("edges", "nodes", "message"), [
    ([("input", "a"), ("a", "c"), ("c", "a"), ("a", "b"), ("b", "output")], {"a": EYE, "b": unit(), "c": EYE},
     "lies in a loop without a neuron"),
    ([("input", "a"), ("a", "b"), ("b", "output"), ("a", "output")],
     {"a": nir.LI(np.ones(2), np.ones(2), np.zeros(2)), "b": unit()}, "graded values to other nodes"),
    ([("input", "a"), ("a", "b"), ("b", "c"), ("c", "output"), ("a", "c")], {"a": unit(), "b": EYE, "c": EYE},
     "An Output must follow one neuron node"),
    ([("input", "a"), ("a", "output"), ("b", "a"), ("a", "b")],
     {"a": unit(v_leak=np.ones(2) * 2, v_reset=np.zeros(2)), "b": EYE}, "do not stay at rest"),
], ids=["linear loop", "graded", "output", "rest"])
def test_graphs_that_no_engine_can_run(edges, nodes, message):
    with pytest.raises(DataError, match=message):
        network_from_nir(wired(edges, **nodes), dt=1.0)


def test_arguments_are_checked():
    for dt in (0, -1.0, "1", None):
        with pytest.raises(RunError, match="from_nir.dt"):
            from_nir(wired(CHAIN, a=EYE, b=unit()), dt=dt)


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "net.nir"
    write_nir(to_nir(nn.Sequential(Linear(3, 3), Recurrent(Layer(LIF(**REST), 3, dt=1.0)))), path)
    return path


def replace(file, name, value, **options):
    del file[name]
    file.create_dataset(name, data=value, **options)


def link_out(file, name):
    del file[name]
    file[name] = h5py.ExternalLink("/etc/passwd", "/")


def huge(file, name):
    del file[name]
    file.create_dataset(name, shape=(1 << 40, 1 << 20), dtype="f4", chunks=(1, 1024))


SPOILED = {
    "no node": lambda f: f.__delitem__("node"),
    "another type": lambda f: replace(f, "node/nodes/001_linear/type", "Teapot"),
    "type is a number": lambda f: replace(f, "node/nodes/001_linear/type", 3),
    "no weight": lambda f: f.__delitem__("node/nodes/001_linear/weight"),
    "text for a weight": lambda f: replace(f, "node/nodes/001_linear/weight", "much"),
    "a vector for a weight": lambda f: replace(f, "node/nodes/001_linear/weight", np.ones(3)),
    "an unknown field": lambda f: f.create_dataset("node/nodes/001_linear/bias_of_mine", data=1.0),
    "an edge to nobody": lambda f: replace(f, "node/edges", np.array([[b"a", b"b"]], object),
                                           dtype=h5py.string_dtype()),
    "edges of three": lambda f: replace(f, "node/edges", np.array([[b"a", b"b", b"c"]], object),
                                        dtype=h5py.string_dtype()),
    "a link out": lambda f: link_out(f, "node/nodes/001_linear/weight"),
    "a huge shape": lambda f: huge(f, "node/nodes/001_linear/weight"),
    "a loop of groups": lambda f: f["node/nodes/002_layer/nodes"].__setitem__("again", f["node/nodes/002_layer"]),
    "nan": lambda f: replace(f, "node/nodes/002_layer/nodes/neurons/tau", np.full(3, np.nan)),
}


@pytest.mark.parametrize("how", SPOILED)
def test_spoiled_files_are_refused(written, how):
    with h5py.File(written, "r+") as file:
        SPOILED[how](file)
    with pytest.raises(DataError):
        from_nir(written, dt=1.0)


@pytest.mark.parametrize("seed", range(3))
def test_damaged_files_give_errors_of_ours_or_a_net(written, tmp_path, seed):
    rng, whole = np.random.default_rng(seed), written.read_bytes()
    for k in range(12):
        spoiled = bytearray(whole)
        for at in rng.integers(0, len(spoiled), 8):
            spoiled[at] = rng.integers(0, 256)
        path = tmp_path / f"{k}.nir"
        path.write_bytes(bytes(spoiled[:rng.integers(len(spoiled) // 2, len(spoiled))] if k % 3 == 0 else spoiled))
        try:
            assert isinstance(from_nir(path, dt=1.0), nn.Sequential)
        except SnnError:
            pass


def test_no_file_is_overwritten(written):
    graph = read_nir(written)
    with pytest.raises(RunError, match="exists already"):
        write_nir(graph, written)
    write_nir(graph, written, overwrite=True)
    assert sorted(read_nir(written).edges) == sorted(graph.edges)


def test_without_the_package(monkeypatch):
    import sys
    monkeypatch.setitem(sys.modules, "nir", None)
    with pytest.raises(RunError, match=r"to_nir: needs the package nir. Install it: pip install snn-sim\[nir\]"):
        to_nir(layer(LIF(**REST)))
