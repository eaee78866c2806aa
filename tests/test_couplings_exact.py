"""Couplings of odd sizes, slices, ports and delays: engines agree bit for bit, in one run and in pieces."""
import functools

import numpy as np
import pytest
import torch
from graded_unit import Unit
from networks import assert_same, spread

import snn
from snn.neurons import LIF, SpikeSource
from snn.plasticity import PairSTDP
from snn.run.inputs import normal_of

SIZES = (1, 7, 9, 256, 257)
STEPS = 25


@functools.cache
def odd():
    """Populations of odd sizes, each coupled to the next ones by all kinds of rules, through slices off the grid of
    eight; one, two, three and five values shown; several couplings and spikes with a delay each on one port."""
    net, rng = snn.Network("odd"), np.random.default_rng(0)
    a = [net.add(f"a{n}", Unit(gain=spread(n, 0.5, 0.9), tau=spread(n, 4.0, 6.0)), n,
                 init={"y": snn.Uniform(-0.5, 0.6), "dead": snn.Uniform(0.0, 1.0)}) for n in SIZES]
    weights = rng.normal(0.0, 0.05, 300)
    matrix = rng.normal(0.0, 0.05, (5, 9)) * (rng.random((5, 9)) < 0.6)
    net.couple(a[0], a[1], snn.AllToAll(), values={"p": "soft", "q": "dead"}, weight=0.3)
    net.couple(a[1], a[0], snn.AllToAll(), values={"p": "stays"}, weight=0.01, delay=1.1)
    net.couple(a[1][1:6], a[2][3:9], snn.AllToAll(), values={"p": "y"}, weight=0.1, delay=0.3)
    net.couple(a[2], a[1][2:], snn.Matrix(matrix), values={"q": "product", "p": "scaled"}, delay=0.2)
    net.couple(a[2], a[2], snn.AllToAll(self_connections=False), values={"kick": "soft"}, weight=0.02, delay=0.1,
               difference=True)
    net.couple(a[3], a[3], snn.AllToAll(), values={"p": "soft"}, weight=0.3 / 256, difference=True)
    net.couple(a[3][5:250], a[4][1:], snn.AllToAll(), values={"p": "number", "q": "truth"}, weight=0.001)
    net.couple(a[4][9:], a[3][:77], snn.Edges(rng.integers(0, 248, 300), rng.integers(0, 77, 300), multi_edges=True),
               values={"p": "fixed", "q": "soft"}, weight=weights, delay=0.1 * rng.integers(0, 9, 300))
    net.couple(a[4][:10], a[4][11:], snn.Probability(0.0), values={"p": "u"}, weight=snn.Normal(0.0, 1.0))
    net.couple(a[4], a[4][3:6], snn.FixedTotal(50), values={"p": "soft"}, weight=weights[:50], difference=True)
    net.couple(a[4], a[4][13:201], snn.Probability(0.1), values={"kick": "product", "r": "y"}, weight=0.02, delay=0.4)
    given = snn.Spikes(np.linspace(0.05, 2.2, 60), np.arange(60) % 5, n=5, duration=3.0)
    net.connect(net.add("in", SpikeSource(given), 5), a[4], snn.Probability(0.5), port="kick", weight=0.1,
                delay=snn.Choice((0.1, 0.4, 0.9)))
    net.connect(a[4], a[3], snn.Probability(0.1), port="p", weight=0.05, delay=0.3)
    net.drive(a[3], snn.GaussianInput(0.0, spread(256, 0.1, 0.3)), port="q")
    return net


def run(engine, duration=0.1 * STEPS, only=None, **options):
    """Run :func:`odd`; ``only`` some populations are recorded then."""
    record = [snn.RecordSpikes("a257")]
    for n in only or SIZES:
        record += [snn.RecordState(f"a{n}", "y"), snn.RecordState(f"a{n}", "x.p", every=2)]
    for value in ("soft", "number", "truth", "dead")[:None if only is None else 1]:
        record.append(snn.RecordMean("a257", value, every=3))
    return snn.simulate(odd(), duration, engine=engine, seed=5, record=record, **options)


@functools.cache
def truth():
    return run(snn.Reference())


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_any_number_of_threads_gives_what_the_reference_gives(threads):
    assert_same(truth(), run(snn.EventDriven(threads=threads)))
    assert len(truth().spikes["a257"]) > 10


def test_single_precision_does_not_depend_on_threads():
    one, three = (run(snn.EventDriven(threads=t, dtype="float32")) for t in (1, 3))
    assert_same(one, three)
    for key, trace in truth().traces.items():
        np.testing.assert_allclose(one.traces[key].data[:3], trace.data[:3], rtol=1e-4, atol=1e-5, err_msg=str(key))


def test_clocked_gives_the_same_up_to_the_order_of_additions():
    clocked = run(snn.Clocked(dtype="float64"))
    for key, trace in truth().traces.items():
        np.testing.assert_allclose(clocked.traces[key].data, trace.data, rtol=1e-9, atol=1e-9, err_msg=str(key))


@pytest.mark.parametrize("first, second, at", [
    (snn.Reference(), snn.EventDriven(threads=2), 7), (snn.EventDriven(threads=3), snn.Reference(), 16),
    (snn.EventDriven(threads=1), snn.EventDriven(threads=2), 1), (snn.Clocked(dtype="float64"), snn.Reference(), 0)])
def test_a_run_in_pieces_through_a_file_with_other_recorders(first, second, at, tmp_path):
    """What was recorded in the first piece does not matter to the second."""
    before = run(first, max(at, 1) * 0.1, only=(7,))
    snn.save(before.state, tmp_path / "state.h5")
    after = run(second, round((STEPS - max(at, 1)) * 0.1, 1), state=snn.load(tmp_path / "state.h5"))
    for key, trace in truth().traces.items():
        theirs = trace.data[len(trace.data) - len(after.traces[key].data):]
        if isinstance(first, snn.Clocked):
            np.testing.assert_allclose(after.traces[key].data, theirs, rtol=1e-9, atol=1e-9, err_msg=str(key))
        else:
            assert after.traces[key].data.tobytes() == theirs.tobytes(), key


@pytest.mark.parametrize("engine", [snn.Reference(), snn.EventDriven(threads=1)], ids=["reference", "event"])
def test_a_state_that_nothing_reads_was_shown_before_the_start(engine):
    net = snn.Network()
    a = net.add("a", Unit(), 3, init={"dead": [10.0, 20.0, 30.0]})
    net.couple(a, a, snn.OneToOne(), values={"q": "dead"}, weight=1.0, delay=0.2)
    felt = snn.simulate(net, 0.4, engine=engine, record=[snn.RecordState("a", "x.q")]).traces["a", "x.q"].data
    assert (felt[:3] == [10.0, 20.0, 30.0]).all() and (felt[3] == 1.0).all()


@pytest.mark.parametrize("engine", [snn.Reference(), snn.EventDriven(threads=1), snn.Clocked()],
                         ids=["reference", "event", "clocked"])
def test_what_only_feels_is_never_passed_over_as_silent(engine):
    """A LIF whose potential is moved by graded values alone: v <- v exp(-dt / tau) + 1.5 mV in every step."""
    net = snn.Network()
    a, b = net.add("a", Unit(), 3), net.add("b", LIF(t_ref=0.0), 2)
    net.couple(a, b, snn.AllToAll(), values={"delta": "number"}, weight=1.0 / 3.0, delay=0.1)
    result = snn.simulate(net, 3.0, dt=0.1, engine=engine)
    # 15 mV are passed by the 11th addition: 1.5 (1 - d^11) / (1 - d) with d = exp(-0.1 / 20).
    assert result.spikes["b"].times.tolist() == pytest.approx([1.1, 1.1, 2.2, 2.2])
    assert "feels what others show" in repr(result.plan)


def test_runs_of_a_batch_are_the_runs_alone():
    net = snn.Network()
    a, b = net.add("a", Unit(), 19, init={"y": snn.Uniform(-0.5, 0.6)}), net.add("b", LIF(), 7)
    net.couple(a, a, snn.Probability(0.3), values={"p": "soft", "q": "stays"}, weight=snn.Normal(0.0, 0.1),
               delay=snn.Choice((0.0, 0.3)))
    net.couple(b, b, snn.AllToAll(self_connections=False), values={"current": "v"}, weight=1.0, delay=0.1,
               difference=True)
    net.couple(a, b, snn.AllToAll(), values={"current": "soft"}, weight=50.0, delay=0.2)
    net.drive(b, snn.GaussianInput(700.0, 200.0), port="current")
    record = [snn.RecordSpikes("b"), snn.RecordState("a", "y"), snn.RecordMean("b", "v")]
    both = snn.simulate(net, 10.0, engine=snn.Clocked(seeds=[3, 4], dtype="float64"), record=record, seed=4)
    assert (both[0].traces["b", "mean.v"].data != both[1].traces["b", "mean.v"].data).any()
    alone = snn.simulate(net, 10.0, engine=snn.EventDriven(threads=1), record=record, seed=4)
    assert len(alone.spikes["b"]) > 5 and alone.spikes["b"].ids.tolist() == both[1].spikes["b"].ids.tolist()
    for key, trace in alone.traces.items():
        np.testing.assert_allclose(both[1].traces[key].data, trace.data, rtol=1e-9, atol=1e-9)


def test_plastic_connections_beside_couplings():
    net = snn.Network()
    a, b = net.add("a", Unit(), 9, init={"y": snn.Uniform(-0.5, 0.6)}), net.add("b", LIF(), 11)
    net.drive(b, snn.GaussianInput(700.0, 200.0), port="current")
    net.connect(b, b, snn.AllToAll(), port="delta", weight=0.1, delay=0.5, plasticity=PairSTDP(), name="learns")
    net.couple(a, b, snn.AllToAll(), values={"delta": "soft"}, weight=0.1, delay=0.4)
    net.couple(b, b, snn.Probability(0.4), values={"delta": "v"}, weight=0.01, delay=0.1, difference=True)
    record = [snn.RecordSpikes("b"), snn.RecordMean("b", "v"), snn.RecordWeights("learns")]
    one, two = (snn.simulate(net, 20.0, engine=e, record=record)
                for e in (snn.Reference(), snn.EventDriven(threads=1)))
    assert_same(one, two)
    assert one.weights["learns"].data.tobytes() == two.weights["learns"].data.tobytes()
    assert (one.weights["learns"].data != 0.1).any()


# Going on with other couplings


def oscillators(weight=0.1, rule=None, delay=0.0, more=False):
    net = snn.Network()
    a = net.add("a", Unit(), 9)
    net.couple(a, a, rule or snn.AllToAll(), values={"p": "soft"}, weight=weight, delay=delay, name="sync")
    if more:
        net.couple(a, a, snn.OneToOne(), values={"p": "y"}, weight=weight, name="more")
    return net


def test_a_state_goes_on_with_other_weights_and_not_with_other_connections():
    state = snn.simulate(oscillators(), 1.0).state
    assert snn.simulate(oscillators(weight=0.5), 1.0, state=state).state.step == 20
    for other, named in (({"rule": snn.OneToOne()}, "sync"), ({"delay": 0.3}, "sync"), ({"more": True}, "more")):
        with pytest.raises(snn.RunError, match=f"simulate.state: its projection '{named}' is .* Continue with the same "
                                               "connections; their weights may change"):
            snn.simulate(oscillators(**other), 1.0, state=state)


@pytest.mark.parametrize("engine", [snn.Reference(), snn.EventDriven(threads=1), snn.Clocked(dtype="float64")],
                         ids=["reference", "event", "clocked"])
def test_all_to_all_without_oneself_between_slices_that_overlap(engine):
    y, net = np.arange(1.0, 13.0), snn.Network()
    a = net.add("a", Unit(), 12, init={"y": y})
    net.couple(a[2:9], a[5:12], snn.AllToAll(self_connections=False), values={"q": "y"}, weight=0.5)
    felt = snn.simulate(net, 0.1, engine=engine, record=[snn.RecordState("a", "x.q")]).traces["a", "x.q"].data[0]
    expected = 0.5 * np.array([0.0 if i < 5 else sum(y[j] for j in range(2, 9) if j != i) for i in range(12)])
    np.testing.assert_allclose(felt, expected, rtol=1e-12)


def test_noises_on_two_ports_of_a_population_are_independent():
    net = snn.Network()
    a = net.add("a", Unit(), 1000)
    for port in ("p", "q", "q"):
        net.drive(a, snn.GaussianInput(), port=port)
    record = [snn.RecordState("a", "x.p"), snn.RecordState("a", "x.q")]
    p, q = (t.data for t in snn.simulate(net, 10.0, record=record).traces.values())
    # 100,000 numbers: five standard errors of a variance of 2 and of a correlation.
    assert abs(q.var() - 2.0) < 5 * 2.0 * np.sqrt(2e-5) and abs((p * q).mean()) < 5 * np.sqrt(2e-5)


def test_a_normal_number_lies_on_the_side_of_its_tail():
    np.testing.assert_allclose(normal_of(torch.tensor([0.025, -0.025, 0.5], dtype=torch.float64)),
                               [1.959963984540054, -1.959963984540054, 0.0], rtol=1e-12)
