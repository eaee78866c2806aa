"""What all kinetics must fulfil on all neuron models; a new entry of either catalogue is tested at once."""
import dataclasses

import numpy as np
import pytest
import torch
from neuron_runs import MODELS, filled

import snn
import snn.neurons.kinetics
from snn.composition import compose, held_ports
from snn.contract import heaviside, step
from snn.graph import trace
from snn.train import Layer

DT = 0.1
KINETICS = [getattr(snn.neurons.kinetics, name) for name in snn.neurons.kinetics.__all__]
HOSTS = [M for M in MODELS if held_ports(M())]
every_kinetics = pytest.mark.parametrize("Kind", KINETICS, ids=lambda K: K.__name__)
SOME = ("LIF", "AdEx", "EIPair", "Kuramoto")
every_host = pytest.mark.parametrize("Host", HOSTS, ids=lambda M: M.__name__)
# The compiled engines take a second per model; they compile what every model is traced to below.
some_hosts = pytest.mark.parametrize("Host", [
    pytest.param(M, id=M.__name__, marks=[] if M.__name__ in SOME else pytest.mark.slow) for M in HOSTS])


def place(Host):
    """The port of a model that kinetics are tested on, and its unit."""
    ports = held_ports(Host())
    port = "current" if "current" in ports else next(iter(ports))
    return port, Host.units(Host.Ports)[port]


def fits(Host, Kind):
    return not Kind.conductance or Host.units(Host.State).get("v") == "mV"


def kind(K):
    """Kinetics with their defaults; conductances reverse where no model is at rest."""
    return K(E=20.0) if K.conductance else K()


def together(Host, kinds=KINETICS, **options):
    """A model with all ``kinds`` that fit on it at once, and a plausible input for each of their ports."""
    port, unit = place(Host)
    size = {"pA": 60.0, "mV": 1.0, "1": 1.0, "Hz": 30.0}.get(unit, 0.1)
    kinds = [K for K in kinds if fits(Host, K)]
    cell = compose(Host(**options), **{f"k{j}": kind(K).on(port) for j, K in enumerate(kinds)})
    return cell, {f"k{j}": size / 50.0 if K.conductance else size for j, K in enumerate(kinds)}, port, 5.0 * size


def network(Host, kinds, n, seed):
    cell, sizes, port, drive = together(Host, kinds)
    net, rng = snn.Network("one"), np.random.default_rng(seed)
    cells = net.add("cells", cell, n)
    net.drive(cells, snn.CurrentInput(rng.normal(drive, 0.2 * drive, (10, n)), interval=2.0), port=port)
    for name, size in sizes.items():
        source = snn.CurrentInput(rng.normal(0.0, size, (10, n)), interval=2.0) if name in cell.coupled else \
            snn.PoissonInput(rate=500.0, weight=rng.uniform(0.5, 1.5, n) * size)
        net.drive(cells, source, port=name)
    return net


def assert_engines_agree(Host, kinds, duration):
    states = together(Host, kinds)[0].State._fields
    record = [snn.RecordSpikes("cells"), *(snn.RecordState("cells", name) for name in states)]
    reference, compiled = (snn.simulate(network(Host, kinds, 9, 1), duration, dt=DT, seed=3, engine=engine,
                                        record=record) for engine in (snn.Reference(), snn.EventDriven(threads=1)))
    assert reference.spikes["cells"] == compiled.spikes["cells"]
    for name in states:
        a, b = reference.traces["cells", name].data, compiled.traces["cells", name].data
        assert np.array_equal(a, b) and np.isfinite(a).all(), name
        assert not name.startswith("k") or np.ptp(a) > 0, name


@some_hosts
def test_engines_agree_with_all_kinetics_at_once(Host):
    assert_engines_agree(Host, KINETICS, 4.0)


@every_kinetics
@pytest.mark.slow   # a second each
def test_engines_agree_on_one_kinetics(Kind):
    for Host in (snn.neurons.LIF, snn.neurons.CobaLIF, snn.neurons.HodgkinHuxley):
        assert_engines_agree(Host, [Kind], 50.0)


@every_host
def test_every_pair_traces_and_acts_on_the_host_alone(Host):
    cell, sizes, port, _ = together(Host)
    inputs = {p: (lambda graph, p=p: graph.leaf("input", (p,))) for p in cell.Ports._fields}
    assert set(trace(cell, 2, DT, inputs).state) == set(cell.State._fields)
    plain = after_an_input(cell)
    for name, size in sizes.items():
        assert felt(after_an_input(cell, **{name: size}), plain) - {held_ports(Host())[port]}, name


def after_an_input(cell, **arriving):
    """The states of the host one step after the second of two neurons received ``arriving`` {port: size}."""
    bound, zero = cell.bind(2, torch.float64), torch.zeros(2, dtype=torch.float64)
    x = {**dict.fromkeys(cell.Ports._fields, zero), **{p: torch.tensor([0.0, s]).double() for p, s in arriving.items()}}
    x |= {p: zero + 1.0 for p in ("noise",) if p in x}   # no spike
    s, _ = step(bound, filled(bound.rest(), 2), bound.Ports(**x), DT, heaviside)
    s = bound.flow(bound.couple(s, bound.Ports(**x)), DT)
    Host = type(cell.host)
    return filled(Host.State(*s[:len(Host.State._fields)]), 2)


def felt(after, plain):
    """Names of the states of the second neuron that differ; none of the first does."""
    assert all(a[0] == b[0] for a, b in zip(after, plain, strict=True))
    return {name for name, a, b in zip(after._fields, after, plain, strict=True) if a[1] != b[1]}


@some_hosts
def test_gradients_pass_through_a_layer(Host):
    cell, sizes, port, drive = together(Host)
    if {"z", "margin"} & set(cell.State._fields):
        pytest.skip("a model for simulation only")
    learn = [f.name for f in dataclasses.fields(cell) if f.name.startswith("k")]
    layer = Layer(cell, 4, dt=DT, learn=learn)
    gen = torch.Generator().manual_seed(1)
    x = {name: (size * torch.rand(20, 2, 4, generator=gen)).requires_grad_() for name, size in sizes.items()}
    random = {p: torch.rand(20, 2, 4, generator=gen) ** 0.1 for p in ("noise", "normal") if p in cell.Ports._fields}
    out = layer.run({**x, **random, port: torch.full((20, 2, 4), drive)}, traces=cell.State._fields)
    sum(t.sum() for t in out.traces.values()).backward()
    for name, t in (*x.items(), *layer.raw.items()):
        assert torch.isfinite(t.grad).all() and (t.grad != 0).any(), name


# Kinetics alone


def loaded(Kind, n=3):
    """Kinetics with tensors for fields, and a state after two arrivals."""
    k = Kind().bind(n, torch.float64)
    s = Kind.State(*(torch.as_tensor(v, dtype=torch.float64).expand(n).clone() for v in Kind().rest()))
    for size in (1.0, 0.5):
        x = Kind.Ports(*(size * torch.arange(1.0, n + 1.0, dtype=torch.float64) for _ in Kind.Ports._fields))
        s = k.receive(k.couple(k.flow(s, 0.3), x), x)
    return k, s


V = torch.linspace(-90.0, 30.0, 3, dtype=torch.float64)


@every_kinetics
def test_the_mean_over_a_step_is_that_of_its_parts(Kind):
    if Kind in (snn.neurons.kinetics.Delta,):
        pytest.skip("all of its charge flows within one step")
    k, s = loaded(Kind)
    for dt, parts in ((0.1, 2), (1.0, 5), (7.0, 70)):
        total, now = 0.0, s
        for _ in range(parts):
            total, now = total + k.mean(now, dt / parts, V) / parts, k.flow(now, dt / parts)
        np.testing.assert_allclose(k.mean(s, dt, V), total, rtol=1e-11)
        for a, b in zip(k.flow(s, dt), now, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)


@every_kinetics
def test_output_is_proportional_to_what_arrives(Kind):
    k, s = loaded(Kind)
    mean = k.mean(s, 0.1, V[:1])
    np.testing.assert_allclose(mean, mean[0] * torch.arange(1.0, 4.0, dtype=torch.float64), rtol=1e-14)
    assert mean[0] > 0


@every_kinetics
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_kinetics_keep_their_type(Kind, dtype):
    k, (_, s) = Kind().bind(3, dtype), loaded(Kind)
    s = Kind.State(*(t.to(dtype) for t in s))
    x = Kind.Ports(*(t.new_ones(3) for t in s[:len(Kind.Ports._fields)]))
    after = k.receive(k.flow(k.couple(s, x), torch.tensor(0.1, dtype=dtype)), x)
    assert {t.dtype for t in (*after, k.mean(after, 0.1, V.to(dtype)))} == {dtype}


@every_kinetics
def test_every_field_has_unit_and_meaning(Kind):
    assert all(f.metadata["doc"] and f.metadata["unit"] for f in dataclasses.fields(Kind))
    assert set(Kind.units(Kind.Ports)) == {"x"} and set(Kind.coupled) <= {"x"}
