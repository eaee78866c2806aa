"""TernaryIF alone, coupled, and in training."""
import numpy as np
import pytest
import torch
from neuron_runs import filled, run

import snn
from snn.neurons import SoftLIF, TernaryIF
from snn.train import Layer

UNIT = {"V_th": 0.5, "C_m": 1.0}


def test_charge_is_conserved():
    """Signed spikes times threshold plus what is left is the sum of all inputs."""
    given = np.random.default_rng(0).normal(0.05, 0.4, (400, 50))
    out, fired, last = run(TernaryIF(**UNIT), 400, 1.0, {"delta": given}, n=50, record="out")
    np.testing.assert_allclose(0.5 * out.sum(0) + last.v.numpy(), given.sum(0), atol=1e-12)
    assert set(np.unique(out)) == {-1.0, 0.0, 1.0} and ((out != 0) == fired).all()
    assert (out < 0).mean() > 0.1 and (out > 0).mean() > 0.1


def test_single_precision_keeps_the_charge():
    x = 0.4 * torch.randn(1000, 1, 64, generator=torch.Generator().manual_seed(0))
    found = Layer(TernaryIF(**UNIT), 64, dt=1.0, emit="out").run({"delta": x})
    left = x.double().sum(0) - 0.5 * found.out.double().sum(0) - found.state.v
    assert left.abs().max() < 1e-4 and 0.1 < found.out.abs().mean() < 0.9


def test_positive_input_makes_it_a_soft_reset_neuron():
    given = np.random.default_rng(1).uniform(0.0, 0.4, (300, 8))
    _, fired, _ = run(TernaryIF(**UNIT), 300, 1.0, {"delta": given}, n=8)
    soft = SoftLIF(tau_m=1e15, E_L=0.0, V_th=0.5, V_reset=0.0, t_ref=0.0)
    _, same, _ = run(soft, 300, 1.0, {"delta": given}, n=8)
    assert (fired == same).all() and fired.sum() > 500


def test_mirror_image():
    given = np.random.default_rng(2).normal(0.0, 0.5, (200, 8))
    plus, minus = (run(TernaryIF(**UNIT), 200, 1.0, {"delta": g}, n=8, record="out")[0] for g in (given, -given))
    assert (plus == -minus).all() and np.abs(plus).sum() > 100


def test_constant_current_fires_at_its_rate():
    """I / (C_m V_th) spikes per ms: 1 pA on 4 pF and 0.5 mV is one spike in 2 ms."""
    out, _, _ = run(TernaryIF(C_m=4.0, V_th=0.5), 4000, 0.125, {"current": -1.0}, record="out")
    assert out.sum() == -249 and np.diff(np.flatnonzero(out[:, 0])).tolist() == [16] * 248


@pytest.mark.parametrize("engine", [snn.Reference(), snn.EventDriven(threads=1)], ids=["reference", "event"])
def test_signed_spikes_are_handed_on(engine):
    n, weights = 5, np.random.default_rng(1).normal(0.0, 0.4, (5, 5))
    net = snn.Network("chain")
    first, second = net.add("first", TernaryIF(**UNIT), n), net.add("second", TernaryIF(**UNIT), n)
    net.drive(first, snn.CurrentInput(np.linspace(-0.6, 0.6, n)), port="current")
    net.couple(first, second, snn.Matrix(weights), values={"delta": "out"}, delay=1.0)
    record = [snn.RecordState("first", "out"), snn.RecordState("second", "v"), snn.RecordState("second", "out")]
    result = snn.simulate(net, 100.0, dt=1.0, seed=0, engine=engine, record=record)
    sent, v, out = (result.traces[key].data for key in (("first", "out"), ("second", "v"), ("second", "out")))
    received = sent[:-1].cumsum(0) @ weights.T
    np.testing.assert_allclose(0.5 * out.cumsum(0)[1:] + v[1:], received, atol=1e-10)
    assert (sent < 0).sum() > 20 and (sent > 0).sum() > 20 and np.abs(out).sum() > 20


def test_margin_and_reset():
    model = TernaryIF(V_th=2.0).bind(4, torch.float64)
    s = filled(model.rest(), 4)._replace(v=torch.tensor([2.0, -2.0, 5.0, 1.0]).double())
    assert model.margin(s).tolist() == [0.0, 0.0, 1.5, -0.5]
    after = model.reset(s, model.margin(s) >= 0)
    assert after.v.tolist() == [0.0, 0.0, 3.0, 1.0] and model.emit(after).out.tolist() == [1.0, -1.0, 1.0, 0.0]
