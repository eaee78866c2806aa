"""Describing a network: names, slices, defaults; nothing is built before a run."""

import numpy as np
import pytest

import snn
from snn.network import View
from snn.neurons import LIF, LeakyReadout, SpikeSource


@pytest.fixture
def net():
    net = snn.Network("net")
    net.add("a", LIF(), 10)
    net.add("b", LIF(), 5, init={"v": -60.0}, positions=np.zeros((5, 2)))
    return net


def test_a_population_knows_what_it_is(net):
    b = net.populations["b"]
    assert (b.name, b.n, len(b), b.init) == ("b", 5, 5, {"v": -60.0}) and isinstance(b.model, LIF)
    assert net.populations["a"].positions is None and b.positions.shape == (5, 2)


@pytest.mark.parametrize(
    "key, start, stop",
    [
        (slice(2, 7), 2, 7),
        (slice(None), 0, 10),
        (slice(-3, None), 7, 10),
        (4, 4, 5),
        (np.int64(9), 9, 10),
        (slice(5, 99), 5, 10),
    ],
    ids=str,
)
def test_slices_are_views(net, key, start, stop):
    view = net.populations["a"][key]
    assert view == View(net.populations["a"], start, stop) and len(view) == stop - start


def test_projections_are_named_after_their_sides(net):
    a, b = net.populations.values()
    for expected in ("a_b", "a_b_2", "a_b_3"):
        assert net.connect(a, b, snn.AllToAll(), port="delta", weight=1.0, delay=1.0).name == expected
    assert net.connect(a, a, snn.AllToAll(), port="delta", weight=1.0, delay=1.0, name="mine").name == "mine"
    assert list(net.projections) == ["a_b", "a_b_2", "a_b_3", "mine"]


def test_describing_costs_nothing():
    """A network far beyond memory can be described."""
    net = snn.Network()
    huge = net.add("huge", LIF(), 2**31 - 1)
    net.connect(huge, huge, snn.AllToAll(), port="delta", weight=1.0, delay=1.0)
    assert repr(net) == "Network('network': 1 populations, 2147483647 neurons, 1 projections)"


def test_descriptions_are_independent_of_each_other(net):
    """Two networks made alike share nothing, and a run leaves its description as it was."""
    before = (dict(net.populations), dict(net.projections), list(net.drives))
    net.drive(net.populations["a"], snn.CurrentInput(500.0), port="current")
    one = snn.simulate(net, 20.0, progress=False)
    assert snn.simulate(net, 20.0, progress=False).spikes["a"] == one.spikes["a"] and len(one.spikes["a"])
    assert (net.populations, net.projections) == before[:2] and len(net.drives) == 1
    assert not snn.Network("net").populations


def test_inputs_keep_what_they_are_given(net):
    drive = net.drive(net.populations["b"], snn.CurrentInput(np.ones((3, 5)), interval=2.0), port="current")
    assert net.drives == [drive] and drive.port == "current" and drive.source.interval == 2.0


def test_spike_sources_and_readouts_have_their_ports():
    net = snn.Network()
    source = net.add("in", SpikeSource(snn.Spikes([1.0], [0], 2, 5.0)), 2)
    out = net.add("out", LeakyReadout(), 1)
    net.connect(source, out, snn.AllToAll(), port="delta", weight=1.0, delay=0.1)
    with pytest.raises(snn.NetworkError, match=r"SpikeSource of population 'in' has no port 'delta'. It has: none"):
        net.connect(out, source, snn.AllToAll(), port="delta", weight=1.0, delay=0.1)


def test_initial_values_may_be_drawn_given_or_one_for_all():
    net = snn.Network()
    net.add("a", LIF(), 4, init={"v": np.array([-61.0, -62.0, -63.0, -64.0])})
    net.add("b", LIF(), 1000, init={"v": snn.Uniform(-65.0, -60.0)})
    net.add("c", LIF(), 2, init={"v": -60.0, "i": 10.0})
    plan = snn.simulate(net, 0.1, progress=False, seed=1).plan
    assert plan.population("a").initial["v"].tolist() == [-61.0, -62.0, -63.0, -64.0]
    drawn = plan.population("b").initial["v"]
    assert -65.0 <= drawn.min() < -64.9 and -60.1 < drawn.max() < -60.0
    assert plan.population("c").initial == {"v": -60.0, "i": 10.0}
