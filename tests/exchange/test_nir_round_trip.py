"""Nets written as NIR and read again: the same weights, parameters and delays bit for bit, and the same spikes."""
import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from snn.exchange import nir_units
from snn.exchange.nir_file import read_nir, write_nir
from snn.exchange.nir_read import from_nir, network_from_nir
from snn.exchange.nir_scheme import Euler, Exponential
from snn.exchange.nir_write import to_nir
from snn.neurons import IF, LIF, IFCurrExp, LeakyReadout, ParametricLIF
from snn.neurons.euler_lif import EulerLIF
from snn.train import AxonalDelay, Delay, Folded, Layer, Linear, Recurrent, reset

pytest.importorskip("nir")

REST = {"E_L": 0.0, "V_th": 1.0, "V_reset": 0.0, "t_ref": 0.0}
MODELS = {
    "LIF": lambda x: LIF(**REST | {"tau_m": 2.0 + 20.0 * x, "E_L": 0.1 * x}),
    "IF": lambda x: IF(**REST | {"V_th": 0.5 + x}),
    "IFCurrExp": lambda x: IFCurrExp(**REST, tau_m=3.0 + 10.0 * x, tau_exc=2.0 + x, C_m=2.0 + x),
    "ParametricLIF": lambda x: ParametricLIF(w=x - 0.5),
    "EulerLIF": lambda x: EulerLIF(leak=0.2 + 0.7 * x),
    "Threshold": lambda x: nir_units.Threshold(V_th=0.2 + x),
}
READOUTS = {
    "LeakyReadout": lambda x: LeakyReadout(tau=3.0 + 10.0 * x),
    "LeakyIntegrator": lambda x: nir_units.LeakyIntegrator(tau=3.0 + 10.0 * x, E_L=0.1 + x),
    "Integrator": lambda x: nir_units.Integrator(),
    "CurrentIntegrator": lambda x: nir_units.CurrentIntegrator(tau_m=3.0 + 10.0 * x, tau_syn=2.0 + x),
}


def layers_of(modules):
    return [m.layer if isinstance(m, Recurrent) else m for m in modules if isinstance(m, Layer | Recurrent)]


def assert_same(net, back):
    """The same models, and the same weights and delays in the same order."""
    assert [layer.model for layer in layers_of(back)] == [layer.model for layer in layers_of(net)]
    ours, theirs = net.state_dict(), back.state_dict()
    arrays = [[v for k, v in s.items() if not k.endswith("extra_state") and v.numel()] for s in (ours, theirs)]
    assert len(arrays[0]) == len(arrays[1]) and all(torch.equal(a, b) for a, b in zip(*arrays, strict=True))


def spikes(net, x):
    reset(net)
    with torch.no_grad():
        return net.eval()(x)


@st.composite
def nets(draw):
    """A chain of one to three layers of small sizes, with matrices, delays and recurrence between them."""
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    depth, n, modules = draw(st.integers(1, 3)), draw(st.integers(2, 5)), []
    n_in = n
    for k in range(depth):
        m, way = draw(st.integers(1, 5)), draw(st.sampled_from(["linear", "bias", "delay", "axonal"]))
        if way == "axonal" and n > 1:
            late = AxonalDelay(n, longest=4.0, dt=1.0)
            late.steps.data = torch.from_numpy(rng.integers(0, 5, n).astype(float))
            # One delay for all comes back as a delay per synapse, which does the same.
            late.steps.data[0] = (late.steps.data[-1] + 1.0) % 5.0
            modules.append(late)
        link = Delay(n, m, longest=4.0, dt=1.0, bias=True) if way == "delay" else Linear(n, m, bias=way == "bias")
        if way == "delay":
            link.steps.data = torch.from_numpy(rng.integers(0, 5, (m, n)).astype(float))
            link.steps.data[0, 0] = 4.0
        for p in [link.weight] + ([] if link.bias is None else [link.bias]):
            p.data = torch.from_numpy(rng.uniform(0.05, 1.0, p.shape))
        kind = draw(st.sampled_from(sorted(READOUTS if k == depth - 1 and draw(st.booleans()) else MODELS)))
        x = rng.random(m) if draw(st.booleans()) and m > 1 else float(rng.random())
        layer = Layer((MODELS | READOUTS)[kind](x), m, dt=1.0)
        if kind in MODELS and draw(st.booleans()):
            layer = Recurrent(layer, bias=draw(st.booleans()), delay=draw(st.integers(1, 3)))
        modules += [link, layer]
        n = m
    return nn.Sequential(*modules).to(dtype).eval(), n_in, dtype


def check(made, scheme, folder):
    net, n, dtype = made
    graph, path = to_nir(net, scheme=scheme), folder.mktemp("nir") / "net.nir"
    write_nir(graph, path)
    assert_same(net, from_nir(graph, dt=1.0, scheme=scheme))
    back = from_nir(path, dt=1.0, scheme=scheme)
    assert_same(net, back)
    x = (torch.rand(12, 2, n, generator=torch.Generator().manual_seed(1)) < 0.5).to(dtype)
    assert torch.equal(spikes(back, x), spikes(net, x))


@given(made=nets(), scheme=st.sampled_from([Euler(), Exponential()]))
@settings(max_examples=12)
def test_a_net_comes_back_bit_for_bit(made, scheme, tmp_path_factory):
    check(made, scheme, tmp_path_factory)


@pytest.mark.slow   # 30 s of processor time
@given(made=nets(), scheme=st.sampled_from([Euler(), Exponential()]))
@settings(max_examples=200)
def test_many_nets_come_back_bit_for_bit(made, scheme, tmp_path_factory):
    check(made, scheme, tmp_path_factory)


def test_nothing_needs_the_metadata(tmp_path):
    """Without them the parameters come back to rounding, and the spikes are the same."""
    torch.manual_seed(0)
    net = nn.Sequential(Linear(6, 8), Layer(MODELS["LIF"](np.linspace(0, 1, 8)), 8, dt=0.5), Linear(8, 4),
                        Recurrent(Layer(MODELS["IFCurrExp"](0.3), 4, dt=0.5))).double()
    graph = to_nir(net)
    graph.metadata = {}
    for node in [*graph.nodes.values(), *graph.nodes["004_layer"].nodes.values()]:
        node.metadata = {}
    back = from_nir(graph, dt=0.5)
    for ours, theirs in zip(layers_of(net), layers_of(back), strict=True):
        assert type(ours.model) is type(theirs.model)
        for f in ("tau_m", "V_th", "E_L"):
            np.testing.assert_allclose(getattr(theirs.model, f), getattr(ours.model, f), rtol=1e-13, atol=1e-15)
    x = (torch.rand(60, 2, 6, generator=torch.Generator().manual_seed(1)) < 0.5).double()
    assert spikes(net, x).sum() > 50 and torch.equal(spikes(back, x), spikes(net, x))


def test_metadata_that_contradict_the_node_are_not_believed():
    graph = to_nir(nn.Sequential(Linear(3, 3), Layer(LIF(**REST, tau_m=20.0), 3, dt=1.0)))
    graph.nodes["002_layer"].metadata["tau_m"] = 5.0
    assert from_nir(graph, dt=1.0)[1].model.tau_m == pytest.approx(20.0, rel=1e-5)


def test_a_convolutional_net_comes_back(tmp_path):
    """Groups and oblong kernels are zeros in a full kernel afterwards: other weights, the same net."""
    torch.manual_seed(0)
    lif = LIF(**REST, tau_m=5.0)
    plain = nn.Sequential(Folded(nn.Conv2d(2, 4, 3, stride=2, padding=1)), Layer(lif, dt=1.0),
                          Folded(nn.AvgPool2d(2), nn.Flatten()), Linear(16, 3), Layer(lif, 3, dt=1.0))
    odd = nn.Sequential(Folded(nn.Conv2d(2, 4, (1, 3), groups=2, bias=False, dilation=2), nn.BatchNorm2d(4)),
                        Layer(lif, dt=1.0), Folded(nn.AvgPool2d(2, divisor_override=1), nn.AdaptiveAvgPool2d(1),
                                                   nn.Flatten()), Linear(4, 4), Layer(IF(**REST), 4, dt=1.0))
    odd[0][1].running_mean += 0.1
    odd[0][1].weight.data *= 3.0
    x = (torch.rand(20, 2, 2, 8, 8, generator=torch.Generator().manual_seed(1)) < 0.6).float()
    for net, same in ((plain, True), (odd, False)):
        net[0][0].weight.data += 0.2
        net[3].weight.data += 0.3
        path = tmp_path / f"{same}.nir"
        write_nir(to_nir(net, shape=(2, 8, 8)), path)
        back = from_nir(path, dt=1.0)
        if same:
            assert_same(net, back)
        assert spikes(net, x).sum() > 20 and torch.equal(spikes(back, x), spikes(net, x))
        assert torch.equal(network_from_nir(path, dt=1.0).run(x).output.float().reshape(20, 2, -1),
                           spikes(net, x).reshape(20, 2, -1))


def test_a_conv1d_net_and_a_batch_norm_without_weights_before_it(tmp_path):
    torch.manual_seed(0)
    lif = LIF(**REST, tau_m=5.0)
    net = nn.Sequential(Folded(nn.Conv1d(2, 3, 3, padding="same")), Layer(lif, dt=1.0),
                        Folded(nn.Flatten(), nn.BatchNorm1d(18)), Layer(lif, 18, dt=1.0))
    net[0][0].weight.data += 0.3
    net[2][1].weight.data *= 2.0
    net[2][1].bias.data += 0.1
    x = (torch.rand(20, 2, 2, 6, generator=torch.Generator().manual_seed(1)) < 0.6).float()
    back = from_nir(to_nir(net, shape=(2, 6)), dt=1.0)
    assert spikes(net, x).sum() > 20 and torch.equal(spikes(back, x), spikes(net, x))


def test_steps_of_another_length_make_the_same_spikes():
    """``dt`` scales all times: the graph is that of steps of 0.1 ms."""
    torch.manual_seed(0)
    net = nn.Sequential(Delay(4, 6, longest=3.0, dt=1.0), Layer(LIF(**REST, tau_m=5.0), 6, dt=1.0)).eval()
    graph = to_nir(net, dt=0.1)
    assert graph.metadata["dt"] == pytest.approx(1e-4)
    back = from_nir(graph, dt=0.1)
    x = (torch.rand(40, 1, 4, generator=torch.Generator().manual_seed(1)) < 0.6).float()
    assert back[1].dt == 0.1 and back[1].model.tau_m == pytest.approx(0.5)
    assert spikes(net, x).sum() > 5 and torch.equal(spikes(back, x), spikes(net, x))


@pytest.mark.parametrize("scheme", [Euler(), Exponential()], ids=["euler", "exponential"])
def test_r_and_tau_are_those_of_the_scheme(scheme):
    """What the tool makes of the node is what we do: decay exp(-dt / tau_m) and an input of 1."""
    net = nn.Sequential(Linear(2, 2), Layer(LIF(**REST, tau_m=7.0), 2, dt=1.0)).double()
    node = to_nir(net, scheme=scheme).nodes["002_layer"]
    decay = {"Euler": 1.0 - 1e-3 / node.tau, "Exponential": np.exp(-1e-3 / node.tau)}[type(scheme).__name__]
    np.testing.assert_allclose(decay, np.exp(-1.0 / 7.0), rtol=1e-14)
    np.testing.assert_allclose(node.r * (1.0 - decay), 1.0, rtol=1e-14)
    if isinstance(scheme, Exponential):
        np.testing.assert_allclose(node.tau, 7e-3, rtol=1e-14)


def test_thresholds_are_met_from_above():
    graph = to_nir(nn.Sequential(Linear(2, 2), Layer(LIF(**REST), 2, dt=1.0)))
    below = graph.nodes["002_layer"].v_threshold
    assert below.dtype == np.float32 and (below < 1.0).all() and (np.nextafter(below, np.float32(2)) == 1.0).all()
    plain = to_nir(nn.Sequential(Linear(2, 2), Layer(LIF(**REST), 2, dt=1.0)), exact_threshold=False)
    assert (plain.nodes["002_layer"].v_threshold == 1.0).all()
    assert from_nir(graph, dt=1.0)[1].model.V_th == from_nir(plain, dt=1.0, exact_threshold=False)[1].model.V_th == 1.0


def test_gains_in_the_weights_are_the_same_net():
    torch.manual_seed(0)
    net = nn.Sequential(Linear(5, 6), Layer(LIF(**REST, tau_m=np.linspace(2, 9, 6)), 6, dt=1.0),
                        Linear(6, 4, bias=False),
                        Recurrent(Layer(IFCurrExp(**REST, C_m=1.0, tau_m=5.0), 4, dt=1.0), bias=True)).double()
    graph = to_nir(net, scale_weights=True)
    assert (graph.nodes["002_layer"].r == 1.0).all()
    x = (torch.rand(60, 2, 5, generator=torch.Generator().manual_seed(1)) < 0.5).double()
    assert spikes(net, x).sum() > 50 and torch.equal(spikes(from_nir(graph, dt=1.0), x), spikes(net, x))


def test_what_is_read_can_be_trained_and_learns_what_is_asked_for():
    net = from_nir(to_nir(nn.Sequential(Delay(4, 6, longest=3.0, dt=1.0), Layer(LIF(**REST, tau_m=5.0), 6, dt=1.0))),
                   dt=1.0, learn=("tau_m", "w"), longest=8.0)
    assert net[0].longest == 8 and set(dict(net[1].raw)) == {"tau_m"}
    x = (torch.rand(20, 2, 4, generator=torch.Generator().manual_seed(1)) < 0.6).float()
    net.train()(x).sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in net.parameters())


def test_fields_of_a_unit_are_all_there():
    """A new field of a model must be thought of here."""
    assert [f.name for f in dataclasses.fields(LIF)] == ["tau_m", "C_m", "E_L", "V_th", "V_reset", "t_ref"]


def test_the_file_is_that_of_nir(tmp_path):
    import nir
    graph = to_nir(nn.Sequential(Linear(3, 3), Recurrent(Layer(LIF(**REST), 3, dt=1.0))))
    nir.write(tmp_path / "theirs.nir", graph)
    write_nir(graph, tmp_path / "ours.nir")
    for path in ("theirs.nir", "ours.nir"):
        back = read_nir(tmp_path / path)
        assert sorted(back.edges) == sorted(graph.edges)
        assert np.array_equal(back.nodes["001_linear"].weight, graph.nodes["001_linear"].weight)
