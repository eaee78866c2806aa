"""Networks of populations as NIR and back: the same connections and spikes; graphs that are no chain."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import snn
from snn.connect import AllToAll, Edges, FixedInDegree, OneToOne
from snn.drives import CurrentInput, PoissonInput
from snn.errors import DataError, RunError
from snn.exchange.nir_file import write_nir
from snn.exchange.nir_levels import components, readable
from snn.exchange.nir_read import from_nir, network_from_nir
from snn.exchange.nir_write import to_nir
from snn.neurons import LIF, IFCurrExp, LeakyReadout, SpikeSource
from snn.run.event import EventDriven
from snn.spikes import Spikes

nir = pytest.importorskip("nir")

REST = {"E_L": 0.0, "V_th": 1.0, "V_reset": 0.0, "t_ref": 0.0}
ENGINE = EventDriven(threads=1)


def source(steps=60, n=8, seed=0):
    frames = np.random.default_rng(seed).random((steps, n)) < 0.3
    return frames, SpikeSource(Spikes.from_dense(frames, 1.0))


def loops_and_skips(frames_source):
    """Excitation, inhibition and an output with a skip connection; delays per synapse, a population onto itself."""
    rng, net = np.random.default_rng(1), snn.Network("loops")
    start = net.add("start", frames_source, 8)
    exc, inh = net.add("exc", LIF(**REST), 6), net.add("inh", LIF(**REST, tau_m=7.0), 4)
    out = net.add("out", LIF(**REST | {"tau_m": np.linspace(5.0, 20.0, 3)}), 3)
    for pre, post, weight, delay in (
            (start, exc, rng.normal(0.2, 0.3, 48), 1.0), (start, inh, rng.normal(0.2, 0.3, 32), rng.integers(1, 4, 32)),
            (exc, inh, 0.4, 1.0), (inh, exc, -0.2, 2.0), (exc, out, rng.normal(0.2, 0.3, 18), 3.0),
            (out, out, -0.1, rng.integers(1, 5, 9))):
        net.connect(pre, post, AllToAll(), port="delta", weight=weight, delay=delay)
    net.connect(start, out, FixedInDegree(3), port="delta", weight=0.3, delay=1.0)
    net.connect(start[0:4], exc[2:6], OneToOne(), port="delta", weight=0.3, delay=2.0)
    return net


def same_spikes(net, graph, frames, names):
    """The spikes of the network, and of the graph read by us, in the steps in which both ran."""
    result = snn.simulate(net, float(len(frames) + 5), dt=1.0, record=[snn.RecordSpikes(n) for n in names],
                          engine=ENGINE)
    deployed = network_from_nir(graph, dt=1.0)
    run = deployed.run(frames, engine=ENGINE)
    for name in names:
        late, got = deployed.latency[name], run.spikes[name].numpy()
        ours = result.spikes[name].to_dense(1.0)[late:late + len(frames)]
        assert ours.sum() > 5 and np.array_equal(ours, got), name


def test_loops_skips_and_delays(tmp_path):
    frames, given_spikes = source()
    net = loops_and_skips(given_spikes)
    graph = to_nir(net, dt=1.0)
    write_nir(graph, tmp_path / "net.nir")
    same_spikes(net, tmp_path / "net.nir", frames, ("exc", "inh", "out"))
    assert {"start", "exc", "inh", "out"} <= set(graph.nodes)
    assert type(graph.nodes["out"]).__name__ == "NIRGraph" and type(graph.nodes["exc"]).__name__ == "LIF"
    with pytest.raises(DataError, match="no chain of layers: .* network_from_nir reads such graphs"):
        from_nir(graph, dt=1.0)


def test_a_chain_keeps_its_delays():
    """Level for level, and the delays themselves: what comes back is what was written."""
    frames, given_spikes = source()
    net = snn.Network("chain")
    a, b, c = net.add("a", given_spikes, 8), net.add("b", LIF(**REST), 5), net.add("c", LeakyReadout(tau=9.0), 2)
    rng = np.random.default_rng(2)
    net.connect(a, b, AllToAll(), port="delta", weight=rng.normal(0.3, 0.2, 40), delay=5.0)
    net.connect(b, c, AllToAll(), port="delta", weight=rng.normal(0.3, 0.2, 10), delay=rng.integers(1, 4, 10))
    net.drive(b, CurrentInput(np.concatenate([np.zeros((1, 5)), np.full((1, 5), 0.05)]), interval=1.0), port="delta")
    deployed = network_from_nir(to_nir(net, dt=1.0), dt=1.0)
    assert deployed.emit == "v" and deployed.latency == {"input": 0, "b": 1, "c": 2}
    for q in net.projections.values():
        pairs = [(k.pre.population.name, k.post.population.name) for k in (q,)]
        found = [k for k in deployed.network.projections.values() if k.post.population.name == pairs[0][1]]
        ours = sorted(zip(np.repeat(np.arange(len(q.pre)), len(q.post)), np.tile(np.arange(len(q.post)), len(q.pre)),
                          q.weight, np.broadcast_to(q.delay, len(q.weight)), strict=True))
        theirs = sorted(edge for k in found for edge in zip(k.rule.pre, k.rule.post, k.weight,
                                                            np.broadcast_to(k.delay, len(k.weight)), strict=True))
        assert ours == theirs
    result = snn.simulate(net, 62.0, dt=1.0, record=[snn.RecordSpikes("b"), snn.RecordState("c", "v")], engine=ENGINE)
    run = deployed.run(frames, engine=ENGINE)
    assert np.array_equal(result.spikes["b"].to_dense(1.0)[1:61], run.spikes["b"].numpy())
    np.testing.assert_allclose(result.traces["c", "v"].data[2:62], run.output.numpy(), atol=1e-12)


def test_exc_and_inh_of_one_time_constant_are_one_input():
    frames, given_spikes = source()
    net = snn.Network("ports")
    a = net.add("a", given_spikes, 8)
    b = net.add("b", IFCurrExp(**REST, C_m=2.0, tau_exc=3.0, tau_inh=3.0), 5)
    net.connect(a[0:5], b, AllToAll(), port="exc", weight=0.3, delay=1.0)
    net.connect(a[5:8], b, AllToAll(), port="inh", weight=-0.2, delay=2.0)
    same_spikes(net, to_nir(net, dt=1.0), frames, ("b",))


@st.composite
def graphs(draw):
    """Random networks of two to four populations, with connections of all directions."""
    frames, given_spikes = source(40, 4, draw(st.integers(0, 1000)))
    rng, net = np.random.default_rng(draw(st.integers(0, 1000))), snn.Network("random")
    cells = [net.add("start", given_spikes, 4)]
    for k in range(draw(st.integers(1, 3))):
        cells.append(net.add(f"p{k}", LIF(**REST, tau_m=float(rng.uniform(3, 20))), int(rng.integers(1, 5))))
        net.connect(cells[rng.integers(0, k + 1)], cells[-1], AllToAll(), port="delta", weight=0.6,
                    delay=float(rng.integers(1, 4)))
    for _ in range(draw(st.integers(0, 4))):
        pre, post = rng.integers(0, len(cells)), rng.integers(1, len(cells))
        pairs = len(cells[pre]) * len(cells[post])
        net.connect(cells[pre], cells[post], AllToAll(), port="delta", weight=rng.normal(0.1, 0.2, pairs),
                    delay=rng.integers(1, 5, pairs).astype(float))
    return frames, net, [c.name for c in cells[1:]]


@given(made=graphs())
@settings(max_examples=15)
def test_any_network_gives_the_same_spikes(made):
    frames, net, names = made
    result = snn.simulate(net, 48.0, dt=1.0, record=[snn.RecordSpikes(n) for n in names], engine=ENGINE)
    deployed = network_from_nir(to_nir(net, dt=1.0), dt=1.0)
    run = deployed.run(frames, engine=ENGINE)
    for name in names:
        late = deployed.latency[name]
        steps = 40 - max(0, late - deployed.latency[deployed.output])   # the run ends when the output is there
        ours = result.spikes[name].to_dense(1.0)[late:late + steps]
        assert np.array_equal(ours, run.spikes[name].numpy()[:steps]), name


@given(seed=st.integers(0, 10_000))
@settings(max_examples=60)
def test_no_connection_goes_back_in_time(seed):
    """Levels of any graph: within a loop equal, else at least a step together with the Delay."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 7))
    edges = [(int(a), int(b)) for a, b in zip(rng.integers(0, n, 9), rng.integers(1, n, 9), strict=True)]
    lags, loops = rng.integers(0, 3, len(edges)), components(n, edges)
    level = readable(n, edges, lags, loops, [0], "test")
    for (a, b), lag in zip(edges, lags, strict=True):
        assert level[a] == level[b] if loops[a] == loops[b] else level[b] - level[a] + lag >= 1


def test_what_networks_have_and_nir_has_not():
    _, given_spikes = source()
    net = snn.Network("much")
    a, b = net.add("a", given_spikes, 8), net.add("b", LIF(**REST | {"t_ref": 2.0}), 3, init={"v": 0.5})
    net.connect(a, b, AllToAll(), port="delta", weight=0.1, delay=1.0, plasticity=None)
    net.drive(b, PoissonInput(100.0, 0.1), port="delta")
    net.drive(b, CurrentInput(0.1), port="delta")
    with pytest.raises(RunError) as caught:
        to_nir(net, dt=1.0)
    for name in ("'refractory'", "'start'", "'drive'", "'onset'"):
        assert name in str(caught.value)
    graph = to_nir(net, dt=1.0, allow=("refractory", "start", "drive", "onset"))
    assert np.allclose(graph.nodes["a_b"].bias, 0.1)


@pytest.mark.parametrize(("build", "message"), [
    (lambda net, a, b: None, "receives from no other population"),
    (lambda net, a, b: net.connect(a, b, AllToAll(), port="current", weight=1.0, delay=1.0), "latency"),
    (lambda net, a, b: [net.connect(a, b, AllToAll(), port=p, weight=1.0, delay=1.0) for p in ("delta", "current")],
     "receives on the ports delta, current"),
    (lambda net, a, b: net.connect(a, b, Edges(np.repeat(np.arange(8), 3), np.tile(np.arange(3), 8)), port="delta",
                                   weight=1.0, delay=np.arange(1.0, 25.0)), "24 different delays"),
], ids=["no input", "current", "ports", "bins"])
def test_refusals_of_networks(build, message):
    net = snn.Network("bad")
    a, b = net.add("a", source()[1], 8), net.add("b", LIF(**REST), 3)
    build(net, a, b)
    with pytest.raises(RunError, match=message):
        to_nir(net, dt=1.0, bins=20)


def test_too_large_matrices_are_refused_before_they_are_made():
    net = snn.Network("large")
    a, b = net.add("a", SpikeSource(Spikes([], [], 20_000, 1.0)), 20_000), net.add("b", LIF(**REST), 20_000)
    net.connect(a, b, OneToOne(), port="delta", weight=1.0, delay=1.0)
    with pytest.raises(RunError, match=r"would take 3\.2 GB.*SONATA"):
        to_nir(net, dt=1.0)
