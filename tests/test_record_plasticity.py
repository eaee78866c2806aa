"""Recording what plastic synapses hold: equal in all engines, equal to the closed form, and unchanged by looking."""
import numpy as np
import pytest

import snn
from snn.errors import RunError
from snn.neurons import IFCurrExp, PoissonSource
from snn.plasticity import PairSTDP, RewardSTDP, TsodyksMarkram

ENGINES = (snn.EventDriven(), snn.Reference(), snn.Clocked(dtype="float64"))
DT = 0.5


def network(rules, *, delay=1.0, modulated=True):
    net = snn.Network("learner")
    noise, cells = net.add("noise", PoissonSource(rate=200.0), 8), net.add("cells", IFCurrExp(), 3)
    modulator = snn.Modulator(0.01) if modulated else None
    net.connect(noise, cells, snn.AllToAll(), port="exc", weight=400.0, delay=delay, name="learned",
                plasticity=snn.Plastic(rules, modulator=modulator))
    return net


def run(record, rules=None, *, engine=ENGINES[0], **options):
    rules = rules or RewardSTDP(A_plus=5.0, A_minus=4.0, w_max=900.0)
    return snn.simulate(network(rules, **options), 60.0, dt=DT, seed=2, engine=engine, record=record)


EVERYTHING = [snn.RecordWeights("learned", every=5.0), snn.RecordPlasticity("learned", "e", every=5.0),
              snn.RecordPlasticity("learned", "pre.x", every=5.0), snn.RecordPlasticity("learned", "post.y", every=5.0),
              snn.RecordPlasticity("learned", "mod")]


@pytest.fixture(scope="module")
def results():
    return [run(EVERYTHING, engine=engine) for engine in ENGINES]


def test_engines_agree(results):
    first = results[0]
    assert np.abs(first.weights["learned.e"].data[1:]).max() > 1.0
    assert first.weights["learned.e"].variable == "e" and first.weights["learned.e"].data.shape == (13, 24)
    for other, tolerance in zip(results[1:], (0.0, 1e-13), strict=True):   # Clocked takes the machine's own exp
        for key in ("learned", "learned.e"):
            np.testing.assert_allclose(other.weights[key].data, first.weights[key].data, rtol=tolerance)
        for name in ("pre.x", "post.y", "mod"):
            np.testing.assert_allclose(other.traces["learned", name].data, first.traces["learned", name].data,
                                       rtol=tolerance)


def test_traces_are_sums_of_decayed_spikes(results):
    result = snn.simulate(network(RewardSTDP(A_plus=5.0, A_minus=4.0, w_max=900.0)), 60.0, dt=DT, seed=2)
    rule, trace = RewardSTDP(), results[0].traces["learned", "pre.x"]
    np.testing.assert_array_equal(trace.times, np.arange(0.0, 65.0, 5.0))
    spikes = result.spikes["noise"]
    for t, row in zip(trace.times, trace.data, strict=True):
        # A presynaptic spike counts from the moment at which it arrives.
        age = t - (spikes.times + 1.0)
        wanted = np.bincount(spikes.ids, np.where(age >= 0, np.exp(-age / float(rule.tau_plus)), 0.0), 8)
        np.testing.assert_allclose(row, wanted, rtol=1e-9, atol=1e-12)


def test_the_modulator_at_the_end(results):
    np.testing.assert_array_equal(results[0].traces["learned", "mod"].data, np.full((1, 3), 0.01))
    assert results[0].traces["learned", "mod"].times.tolist() == [60.0]


def test_looking_changes_nothing(results):
    alone = run([snn.RecordWeights("learned", every=5.0)])
    np.testing.assert_array_equal(alone.weights["learned"].data, results[0].weights["learned"].data)


def test_some_of_them(results):
    few = run([snn.RecordPlasticity("learned", "e", ids=[7, 2], every=5.0),
               snn.RecordPlasticity("learned", "pre.x", ids=[4], every=5.0)])
    whole = results[0].weights["learned.e"]
    np.testing.assert_array_equal(few.weights["learned.e"].data, whole.data[:, [7, 2]])
    np.testing.assert_array_equal(few.weights["learned.e"].pre, whole.pre[[7, 2]])
    trace = results[0].traces["learned", "pre.x"]
    np.testing.assert_array_equal(few.traces["learned", "pre.x"].data, trace.data[:, [4]])


def test_to_a_file(results, tmp_path):
    net = network(RewardSTDP(A_plus=5.0, A_minus=4.0, w_max=900.0))
    snn.simulate(net, 60.0, dt=DT, seed=2, record=EVERYTHING, to=tmp_path / "run.h5")
    read = snn.open(tmp_path / "run.h5")
    np.testing.assert_array_equal(read.weights["learned.e"].data, results[0].weights["learned.e"].data)
    assert read.weights["learned.e"].variable == "e"
    np.testing.assert_array_equal(read.traces["learned", "post.y"].data, results[0].traces["learned", "post.y"].data)


def test_rules_with_one_name_are_told_apart():
    rules = [TsodyksMarkram(), PairSTDP(w_max=900.0)]
    known = run([snn.RecordPlasticity("learned", "PairSTDP.pre.x")], rules, modulated=False)
    assert known.traces["learned", "PairSTDP.pre.x"].data.shape == (1, 8)


@pytest.mark.parametrize("request_, options, word", [
    (snn.RecordPlasticity("learned", "f"), {}, r"has no 'f'.*e, mod, post.late, post.y, pre.x"),
    (snn.RecordPlasticity("learned", "e", ids=[24]), {}, "24 is not a synapse"),
    (snn.RecordPlasticity("learned", "pre.x", ids=[8]), {}, "8 is not a neuron"),
    (snn.RecordPlasticity("learned", "pre.x"), {"delay": snn.Uniform(0.5, 5.0).grid(DT)}, "delays and a trace"),
    (snn.RecordPlasticity("learnt", "e"), {}, "no projection"),
], ids=["field", "synapse", "neuron", "delays", "projection"])
def test_what_is_not_there(request_, options, word):
    with pytest.raises(RunError, match=word):
        run([request_], **options)


def test_projections_that_do_not_learn():
    net = snn.Network("plain")
    a = net.add("a", IFCurrExp(), 2)
    net.connect(a, a, snn.AllToAll(), port="exc", weight=1.0, delay=1.0, name="fixed")
    with pytest.raises(RunError, match="is not plastic"):
        snn.simulate(net, 1.0, record=[snn.RecordPlasticity("fixed", "e")])
