"""Oja's rule: its principal component, its drift under spikes, and a learning neuron."""
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rate_runs import drift, per_second, poisson, recent
from rule_runs import trains

import snn
from snn.neurons import LIF, SpikeSource
from snn.plasticity import Oja


def learnt(rule, samples, w, rounds):
    """Weights of a linear neuron after ``rounds`` seconds in which it sees all samples."""
    for _ in range(rounds):
        w = w + per_second(rule, w, samples, (samples @ w,))
    return w


@settings(max_examples=10)
@given(seed=st.integers(0, 1000), alpha=st.sampled_from([0.5, 1.0, 4.0]))
def test_finds_the_principal_component(seed, alpha):
    rng = np.random.default_rng(seed)
    samples = rng.normal(size=(40, 5)) * [4.0, 2.0, 1.5, 1.0, 0.5] @ np.linalg.qr(rng.normal(size=(5, 5)))[0]
    values, vectors = np.linalg.eigh(samples.T @ samples / len(samples))
    w = learnt(Oja(eta=2e-2, alpha=alpha, w_min=-3.0, w_max=3.0), samples, rng.normal(0.0, 0.1, 5), 400)
    gap = 1.0 - 0.02 * (values[-1] - values[-2])
    assert np.linalg.norm(w) == pytest.approx(alpha**-0.5, rel=1e-4 + gap**400)
    assert abs(vectors[:, -1] @ w) * alpha**0.5 == pytest.approx(1.0, abs=1e-4 + 10 * gap**400)


def test_the_component_is_a_fixed_point():
    samples = np.random.default_rng(1).normal(size=(30, 4)) * [3.0, 2.0, 1.0, 0.5]
    w = np.linalg.eigh(samples.T @ samples)[1][:, -1] / 2.0
    change = per_second(Oja(eta=1e-2, alpha=4.0, w_min=-3.0, w_max=3.0), w, samples, (samples @ w,))
    np.testing.assert_allclose(change, 0.0, atol=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize(("x", "y", "w"), [(40.0, 20.0, 0.5), (10.0, 30.0, 0.9)])
def test_poisson_spikes_drift_as_rates(x, y, w):
    """No bias from the shot noise of the traces: eta y (x - alpha y w)."""
    mean, error = drift(Oja(eta=1e-7, alpha=1.5, tau_x=50.0, tau_y=50.0), x, y, w=w)
    without, at_once = recent(1.0, 50.0)
    expected = 1e-7 * y * (at_once * x - without * 1.5 * y * w)
    assert error < 0.02 * abs(expected) and abs(mean - expected) < 4.0 * error


def test_a_spiking_neuron_prefers_inputs_that_fire_together():
    """Ten inputs share a third of their spikes, ten are independent at the same rate."""
    rng, dt, steps = np.random.default_rng(2), 0.5, 40_000
    shared, own, alone = (poisson(rng, rate, steps, n, dt) for rate, n in ((5.0, 1), (10.0, 10), (15.0, 10)))
    spikes = [np.flatnonzero(train) * dt for train in np.c_[shared | own, alone].T]
    net = snn.Network("oja")
    inputs = net.add("inputs", SpikeSource(trains(spikes, steps * dt)), 20)
    cells = net.add("cells", LIF(tau_m=10.0, E_L=0.0, V_reset=0.0, V_th=1.0), 2)
    net.connect(inputs, cells, snn.AllToAll(), port="delta", weight=0.2, delay=1.0, name="learn",
                plasticity=Oja(eta=2e-4, alpha=4.0))
    result = snn.simulate(net, steps * dt, dt=dt, record=[snn.RecordWeights("learn")], progress=False)
    w = torch.as_tensor(result.weights["learn"].data[-1]).reshape(20, 2).numpy()
    assert (w[:10].mean(0) > 1.2 * w[10:].mean(0)).all()
    assert (w > 0.0).all() and (w < 1.0).all()
