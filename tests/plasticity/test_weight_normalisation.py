"""Normalisation of weights alone."""
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rule_runs import taught

import snn
from snn.errors import ModelError
from snn.plasticity import PairSTDP, SubtractiveNormalisation, WeightNormalisation
from snn.wiring import Wiring


def wiring(seed, n_pre=7, n_post=5, p=0.6):
    pre, post = np.nonzero(np.random.default_rng(seed).random((n_pre, n_post)) < p)
    return Wiring(torch.as_tensor(pre), torch.as_tensor(post), n_pre, n_post, 100.0)


def applied(rule, w, wires, times=1):
    rule = rule.bind(1, torch.float64)
    s = rule.Synapse(torch.as_tensor(w))
    for _ in range(times):
        s = rule.on_time(s, rule.Pre(), rule.Post(), None, wires)
    return s.w.numpy()


def sums(w, wires):
    return np.bincount(wires.post.numpy(), weights=w, minlength=wires.n_post)[np.unique(wires.post)]


@given(seed=st.integers(0, 10**6), target=st.floats(0.01, 100.0), sign=st.sampled_from([1.0, -1.0]))
def test_sums_reach_the_target_and_ratios_stay(seed, target, sign):
    wires = wiring(seed)
    w = sign * np.random.default_rng(seed).uniform(0.01, 1.0, len(wires.pre))
    after = applied(WeightNormalisation(target=target), w, wires)
    np.testing.assert_allclose(sums(np.abs(after), wires), target, rtol=1e-12)
    factor = (after / w)
    for j in np.unique(wires.post):
        np.testing.assert_allclose(factor[wires.post == j], factor[wires.post == j][0], rtol=1e-12)
    np.testing.assert_allclose(applied(WeightNormalisation(target=target), after, wires), after, rtol=1e-12)


def test_a_neuron_without_weight_keeps_it():
    wires = Wiring(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), 2, 2, 1.0)
    assert applied(WeightNormalisation(target=2.0), np.array([0.0, 1.0, 3.0]), wires).tolist() == [0.0, 0.5, 1.5]


@given(seed=st.integers(0, 10**6))
def test_subtraction_adds_one_amount_within_the_bounds(seed):
    wires, rng = wiring(seed), np.random.default_rng(seed)
    w, rule = rng.uniform(0.4, 0.6, len(wires.pre)), SubtractiveNormalisation(target=1.5)
    one, count = applied(rule, w, wires), np.bincount(wires.post, minlength=5)
    for j in np.unique(wires.post):
        mine = wires.post.numpy() == j
        amount = (1.5 - w[mine].sum()) / count[j]
        np.testing.assert_allclose(one[mine], np.clip(w[mine] + amount, 0.0, 1.0), rtol=1e-12)
    # Repeated, it reaches the target wherever the bounds allow one.
    reachable = count[np.unique(wires.post)] >= 2
    np.testing.assert_allclose(sums(applied(rule, w, wires, 200), wires)[reachable], 1.5, rtol=1e-9)


@pytest.mark.slow
def test_competition_is_sharper_by_subtraction():
    """Miller and MacKay 1994: under a Hebbian growth w' = C w, scaling ends at the principal eigenvector of C,
    subtraction with the strongest weight alone."""
    C = np.array([[1.0, 0.4, 0.1], [0.4, 1.0, 0.4], [0.1, 0.4, 1.0]])
    wires = Wiring(torch.arange(3), torch.zeros(3, dtype=torch.int64), 3, 1, 1.0)
    start = np.array([0.34, 0.34, 0.32])
    scaled, subtracted = start, start
    for _ in range(4000):
        scaled = applied(WeightNormalisation(target=1.0), scaled + 0.01 * C @ scaled, wires)
        subtracted = applied(SubtractiveNormalisation(target=1.0), subtracted + 0.01 * C @ subtracted, wires)
    principal = np.abs(np.linalg.eigh(C)[1][:, -1])
    np.testing.assert_allclose(scaled, principal / principal.sum(), rtol=1e-9)
    assert sorted(subtracted.round(2))[:2] == [0.0, 0.0]


@pytest.mark.parametrize("delay", [1.0, snn.Uniform(1.0, 5.0).grid(1.0)], ids=["one delay", "delays"])
@pytest.mark.parametrize("engine", [snn.Reference(), snn.EventDriven(threads=1)], ids=["reference", "event-driven"])
def test_in_a_network_sums_hold_while_stdp_goes_on(engine, delay):
    rng = np.random.default_rng(2)
    pre, post = ([np.sort(rng.choice(np.arange(2.0, 90.0), 12, replace=False)) for _ in range(n)] for n in (6, 4))
    net = taught(pre, post, [PairSTDP(A_plus=0.05), WeightNormalisation(target=2.5, every=20.0)], w=0.5, dt=1.0,
                 duration=100.0, delay=delay)
    record = [snn.RecordWeights("plastic", every=20.0)]
    weights = snn.simulate(net, 100.0, dt=1.0, engine=engine, record=record, progress=False).weights["plastic"].data
    after = weights[-1].reshape(6, 4)
    np.testing.assert_allclose(after.sum(axis=0), 2.5, rtol=1e-12)
    assert after.std() > 0.02


@pytest.mark.parametrize("Rule", [WeightNormalisation, SubtractiveNormalisation])
@pytest.mark.parametrize("field", ["target", "every"])
def test_refused(Rule, field):
    with pytest.raises(ModelError, match=rf"{Rule.__name__}\.{field}: is 0"):
        Rule(**{field: 0.0})
