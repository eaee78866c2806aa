"""SigmaDelta alone, in a chain, and in training."""
import numpy as np
import pytest
import torch
from neuron_runs import filled, run

import snn
from snn.datasets import SlowStream
from snn.neurons import SigmaDelta
from snn.train import Layer


def test_charge_is_conserved():
    """What was sent plus what is left is the sum of all inputs, to rounding; what is left stays below the threshold."""
    changes = np.random.default_rng(0).normal(0.0, 0.4, (500, 30))
    out, fired, last = run(SigmaDelta(theta=0.7), 500, 1.0, {"delta": changes}, n=30, record="out")
    total = changes.cumsum(0)
    np.testing.assert_allclose(out.sum(0), last.sent, atol=1e-12)
    np.testing.assert_allclose(last.total, total[-1], atol=1e-12)
    left = total - out.cumsum(0)
    assert np.abs(left).max() < 0.7 and np.abs(left).max() > 0.6
    assert ((np.abs(out) >= 0.7) == fired).all() and (out[~fired] == 0).all() and 0.1 < fired.mean() < 0.8


def test_single_precision_keeps_the_charge():
    changes = torch.randn(1000, 1, 64, generator=torch.Generator().manual_seed(0))
    found = Layer(SigmaDelta(theta=2.0), 64, dt=1.0, emit="out").run({"delta": changes}, traces=("z",))
    left = changes.double().sum(0) - found.out.double().sum(0) - (found.state.total - found.state.sent)
    assert left.abs().max() < 1e-4 and 0.1 < found.traces["z"].mean() < 0.5


def test_a_signal_is_followed_and_its_end_is_sent():
    signal = np.where(np.arange(20) < 10, 0.25 * np.arange(20), 0.0)
    out, fired, _ = run(SigmaDelta(theta=0.5), 20, 1.0, {"signal": signal}, record="out")
    assert np.flatnonzero(fired[:, 0]).tolist() == [2, 4, 6, 8, 10]
    np.testing.assert_allclose(out[fired], [0.5, 0.5, 0.5, 0.5, -2.0])


def test_a_slow_signal_is_sent_rarely():
    """Beside the count of a direct loop."""
    x, theta = SlowStream().draw(1, seed=0)[0], 0.1
    _, fired, _ = run(SigmaDelta(theta=theta), 200, 1.0, {"signal": x}, n=64, record="out")
    sent, count = np.zeros(64), 0
    for row in x.astype(np.float64):
        moved = np.abs(row - sent) >= theta
        count += moved.sum()
        sent = np.where(moved, row, sent)
    assert fired.sum() == count and count < 0.2 * fired.size


@pytest.mark.parametrize("engine", [snn.Reference(), snn.EventDriven(threads=1)], ids=["reference", "event"])
def test_a_chain_hands_each_change_on_once(engine):
    """Two layers, coupled by ``out``: the second has received the weighted sum of all that the first has sent."""
    n, weights = 6, np.random.default_rng(1).normal(0.0, 0.5, (6, 6))
    net = snn.Network("chain")
    first, second = net.add("first", SigmaDelta(theta=0.2), n), net.add("second", SigmaDelta(theta=0.3), n)
    signal = np.cumsum(np.random.default_rng(2).normal(0.0, 0.1, (60, n)), axis=0)
    net.drive(first, snn.CurrentInput(signal, interval=1.0), port="signal")
    net.couple(first, second, snn.Matrix(weights), values={"delta": "out"}, delay=1.0)
    record = [snn.RecordState("first", "sent"), snn.RecordState("second", "total"), snn.RecordSpikes("second")]
    result = snn.simulate(net, 60.0, dt=1.0, seed=0, engine=engine, record=record)
    sent, total = (result.traces[key].data for key in (("first", "sent"), ("second", "total")))
    np.testing.assert_allclose(total[1:], sent[:-1] @ weights.T, atol=1e-10)
    assert np.abs(total[-1]).max() > 0.1 and len(result.spikes["second"]) > 20


def test_the_threshold_learns_how_much_to_send():
    x = torch.from_numpy(SlowStream(channels=16, steps=60).draw(4, seed=0)).movedim(1, 0)
    layer = Layer(SigmaDelta(theta=0.05), 16, dt=1.0, learn=("theta",), emit="out")
    optimiser, rates = torch.optim.Adam(layer.parameters(), 0.05), []
    for _ in range(30):
        rate = layer.run({"signal": x}, traces="z").traces["z"].mean()
        rates.append(rate.item())
        optimiser.zero_grad()
        rate.backward()
        optimiser.step()
    assert rates[-1] < 0.6 * rates[0] and layer.model.theta > 0.1


def test_margin_after_a_spike_is_minus_one():
    model = SigmaDelta(theta=0.5).bind(3, torch.float64)
    s = filled(model.rest(), 3)._replace(total=torch.tensor([0.5, -2.0, 0.4]).double())
    assert model.margin(s).tolist() == pytest.approx([0.0, 3.0, -0.2])
    after = model.reset(s, model.margin(s) >= 0)
    assert model.margin(after).tolist() == pytest.approx([-1.0, -1.0, -0.2])
    assert model.emit(after).out.tolist() == pytest.approx([0.5, -2.0, 0.0])
