"""Short-term plasticity alone, against the recursion of Maass and Markram (2002)."""
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rule_runs import taught

import snn
from snn.errors import ModelError
from snn.plasticity import PairSTDP, TsodyksMarkram

KINDS = {"depressing": (0.5, 1100.0, 50.0), "facilitating": (0.05, 125.0, 1200.0), "mixed": (0.25, 700.0, 20.0)}


def amplitudes(rule, intervals):
    """What the spikes of a train send, the first at 0, for a weight of 1."""
    rule = rule.bind(1, torch.float64)
    x, y = rule.Pre(*(torch.as_tensor(v, dtype=torch.float64) for v in rule.rest()[0])), rule.rest()[1]
    sent = []
    for interval in [0.0, *intervals]:
        x, y = rule.decay(x, y, interval)
        sent.append(float(rule.transmit(1.0, x)))
        x, _ = rule.spike(x, y)
    return np.array(sent)


def recursion(U, D, F, intervals):
    u, R, sent = U, 1.0, [U]
    for t in intervals:
        u, R = U + u * (1 - U) * np.exp(-t / F), 1 + (R - u * R - 1) * np.exp(-t / D)
        sent.append(u * R)
    return np.array(sent)


@pytest.mark.parametrize("kind", KINDS)
def test_amplitudes_of_an_irregular_train(kind):
    U, D, F = KINDS[kind]
    intervals = np.random.default_rng(0).exponential(60.0, 40)
    rule = TsodyksMarkram(U=U, tau_D=D, tau_F=F)
    np.testing.assert_allclose(amplitudes(rule, intervals), recursion(U, D, F, intervals), rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", [2.0, 10.0, 50.0])
def test_stationary_amplitude_against_rate(kind, rate):
    U, D, F = KINDS[kind]
    decay_u, decay_R = np.exp(-1000.0 / rate / F), np.exp(-1000.0 / rate / D)
    u = U / (1 - (1 - U) * decay_u)
    expected = u * (1 - decay_R) / (1 - (1 - u) * decay_R)
    assert abs(amplitudes(TsodyksMarkram(U=U, tau_D=D, tau_F=F), [1000.0 / rate] * 2000)[-1] / expected - 1) < 1e-9


def test_a_depressing_synapse_signals_no_rate_above_its_limiting_frequency():
    """Tsodyks et al. 1998: the amplitude falls as 1 / rate, so that amplitude times rate tends to 1 / tau_D."""
    rule = TsodyksMarkram(U=0.5, tau_D=800.0, tau_F=1e-3)
    drive = [amplitudes(rule, [1000.0 / rate] * 500)[-1] * rate / 1000.0 for rate in (20.0, 100.0, 400.0)]
    assert drive[0] < drive[1] < drive[2] < 1 / 800.0
    assert abs(drive[2] * 800.0 - 1.0) < 0.01


def test_facilitating_synapses_grow_first_and_recover():
    sent = amplitudes(TsodyksMarkram(U=0.05, tau_D=125.0, tau_F=1200.0), [20.0] * 9 + [20_000.0])
    assert sent[0] == 0.05 and (np.diff(sent[:4]) > 0).all() and abs(sent[-1] - 0.05) < 1e-6


@given(a=st.floats(0.0, 4000.0), b=st.floats(0.0, 4000.0), u=st.floats(0.0, 1.0), R=st.floats(0.0, 1.0))
def test_decay_is_exact_and_stays_within_zero_and_one(a, b, u, R):
    rule = TsodyksMarkram().bind(1, torch.float64)
    x, y = rule.Pre(*(torch.tensor(v, dtype=torch.float64) for v in (u, R))), rule.Post()
    one, two = rule.decay(x, y, a + b)[0], rule.decay(rule.decay(x, y, a)[0], y, b)[0]
    np.testing.assert_allclose(one, two, rtol=1e-12, atol=1e-15)
    after = rule.spike(one, y)[0]
    assert all(-1e-15 <= float(v) <= 1 + 1e-15 for v in (*one, *after))


def test_the_weight_itself_stays():
    rule = TsodyksMarkram().bind(1, torch.float64)
    s, (x, y) = rule.Synapse(torch.tensor(0.3)), rule.rest()
    assert rule.on_pre(s, x, y, None) is s and rule.on_post(s, x, y, None) is s and rule.flow(s, None, 1.0) is s


@pytest.mark.parametrize("engine", [snn.Reference(), snn.EventDriven(threads=1)], ids=["reference", "event-driven"])
def test_together_with_stdp_the_potential_gets_weight_times_u_times_R(engine):
    """One presynaptic train; what arrives is the recursion times the weight that pair STDP alone would have."""
    pre = np.array([5.0, 12.0, 20.0, 26.0, 45.0, 60.0, 61.0, 90.0])
    stp, stdp = TsodyksMarkram(U=0.2, tau_D=60.0, tau_F=300.0), PairSTDP(A_plus=0.05, A_minus=0.06)
    record = [snn.RecordState("post", "x.delta"), snn.RecordWeights("plastic", every=1.0)]

    def simulate(rules):
        net = taught([pre], [[14.0, 40.0, 58.0, 80.0]], rules, w=0.5, dt=1.0, duration=100.0)
        return snn.simulate(net, 100.0, dt=1.0, engine=engine, record=record, progress=False)

    both, alone = simulate([stp, stdp]), simulate(stdp)
    arrivals = np.rint(pre).astype(int)         # a spike of time t arrives in the step that ends at t + 1
    sent = [result.traces["post", "x.delta"].data[arrivals, 0] for result in (both, alone)]
    weights = both.weights["plastic"].data[:, 0]
    assert np.array_equal(weights, alone.weights["plastic"].data[:, 0]) and len(np.unique(weights)) > 8
    np.testing.assert_allclose(sent[0] / sent[1], recursion(0.2, 60.0, 300.0, np.diff(pre)), rtol=1e-12)


@pytest.mark.parametrize("field, pattern", [
    ({"U": 0.0}, "U: is 0"), ({"U": 1.5}, "U: is 1.5"), ({"tau_D": -1.0}, "tau_D: is -1"),
    ({"tau_F": 0.0}, "tau_F: is 0")])
def test_refused(field, pattern):
    with pytest.raises(ModelError, match=rf"TsodyksMarkram\.{pattern}"):
        TsodyksMarkram(**field)
