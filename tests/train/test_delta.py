"""Layers that send changes only."""
import numpy as np
import pytest
import torch
from torch import nn

from snn.datasets import SlowStream
from snn.errors import NetworkError, RunError
from snn.train import Linear, Mean, Options, detach, fit, reset, scope
from snn.train.delta import Accumulated, DeltaActivation, Messages, count_messages


def quantised(a, step):
    return step * torch.round(a / step)


def stream(seed=0, samples=4):
    return torch.from_numpy(SlowStream().draw(samples, seed=seed)).movedim(1, 0).float()


def test_output_is_that_of_the_dense_quantised_layer():
    """The error that may remain is that of adding 200 numbers in single precision."""
    torch.manual_seed(0)
    x, linear = stream(), nn.Linear(64, 32)
    net = nn.Sequential(DeltaActivation(2 / 63), Accumulated(linear))
    dense = linear(quantised(x, net[0].step))
    assert (net(x) - dense).abs().max() < 1e-4
    assert (dense[-1] - dense[0]).abs().max() > 0.5


@pytest.mark.parametrize(("bits", "dense", "delta"), [(3, 0.093, 0.972), (4, 0.039, 0.935), (6, 0.009, 0.714),
                                                      (8, 0.003, 0.319)])
def test_zeros_of_slow_streams(bits, dense, delta):
    """Beside figures measured elsewhere on another draw of such streams, and beside the expectation of both."""
    x, task, step = stream(samples=50), SlowStream(), 2 / (2**bits - 1)
    layer = DeltaActivation(step)
    with count_messages(layer) as counted:
        layer(x)
    count = counted[""]
    assert count.values == x.numel()
    assert count.spatial == pytest.approx(dense, abs=0.012)
    assert count.temporal == pytest.approx(delta, abs=0.02)
    # A sinusoid of random phase is within half a step of zero that often; it crosses a border of a step with
    # probability |slope| / step, at most 1.
    assert count.spatial == pytest.approx(2 / np.pi * np.arcsin(step / 2), rel=0.1)
    w = np.random.default_rng(0).uniform(task.slowest, task.fastest, 10**5)
    slope = w * np.abs(np.cos(np.random.default_rng(1).uniform(0, 2 * np.pi, 10**5)))
    assert count.temporal == pytest.approx(1 - np.minimum(1, slope / step).mean(), abs=0.01)


@pytest.mark.parametrize("linear", [nn.Linear(5, 3), Linear(5, 3, bias=False)], ids=["bias", "none"])
def test_pieces_and_single_steps_equal_the_whole(linear):
    torch.manual_seed(1)
    x = torch.randn(12, 2, 5).cumsum(0)
    net = nn.Sequential(DeltaActivation(0.25), Accumulated(linear))
    whole = net(x)
    reset(net)
    pieces = torch.cat([net(x[:5]), net(x[5:])])
    torch.testing.assert_close(pieces, whole)
    reset(net)
    for module in net:
        module.step_mode = "s"
    torch.testing.assert_close(torch.stack([net(row) for row in x]), whole)


def test_convolutions_and_their_fan_out():
    """Every message of a convolution meets the weights that reach it; those at the border meet fewer."""
    torch.manual_seed(2)
    x, conv = torch.randn(6, 2, 3, 7, 8), nn.Conv2d(3, 4, 3, padding=1, stride=2)
    net = nn.Sequential(DeltaActivation(0.5), Accumulated(conv))
    with count_messages(net) as counted:
        out = net(x)
    dense = conv(quantised(x, net[0].step).flatten(0, 1)).unflatten(0, (6, 2))
    torch.testing.assert_close(out, dense, atol=1e-5, rtol=1e-5)
    places = [sum(any(2 * o + k - 1 == i for k in range(3)) for o in range(size)) for i, size in ((0, 4), (7, 4))]
    fan_out = net[1].fan_out(x[0])[0, 0] / 4
    assert fan_out[0, 0] == places[0] ** 2 and fan_out[0, 7] == places[0] * places[1]
    # Without padding each output would take 27 products; those of the border have fewer.
    assert counted["1"].dense_macs == 12 * int(fan_out.sum()) * 4 * 3
    one = torch.zeros_like(x)
    one[2:, 0, 1, 3, 4] = 1.0
    reset(net)
    with count_messages(net) as counted:
        net(one)
    assert (counted["0"].messages, counted["1"].macs) == (1, int(4 * fan_out[3, 4]))


def test_counts_go_on_from_what_is_held():
    net = nn.Sequential(DeltaActivation(1.0), Accumulated(nn.Linear(2, 7)))
    x = torch.tensor([[0.0, 2.0], [0.0, 2.2], [3.0, 0.0], [3.0, 0.0]])[:, None]
    with count_messages(net) as counted:
        net(x)
    first, second = counted["0"], counted["1"]
    assert (first.values, first.messages, first.zeros) == (8, 3, 4)
    assert (second.macs, second.dense_macs) == (21, 56)
    with count_messages(net) as counted:
        net(x[2:])
        net(x[2:] * 0)
    assert (counted["0"].values, counted["0"].messages, counted["0"].zeros) == (8, 1, 6)
    net(x)
    assert counted["0"].values == 8                            # nothing is counted behind the block


def test_gradients_are_those_of_the_smooth_layer():
    """Straight through: by a as if nothing were rounded; by the step, the rounding that is left."""
    layer = DeltaActivation(0.3).double()
    a = torch.randn(9, 2, 4, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(9, 2, 4, dtype=torch.float64)
    (layer(a).cumsum(0) * weights).sum().backward()
    torch.testing.assert_close(a.grad, weights)
    left = torch.round(a / 0.3) * 0.3 - a
    torch.testing.assert_close(layer.log_step.grad, (weights * left).sum().detach())


def test_penalty_is_the_mean_change_and_quiets_a_net():
    torch.manual_seed(3)
    x = stream(samples=8)[:60]
    net = nn.Sequential(DeltaActivation(0.1))
    with Messages(["0"], weight=2.0).attach(net) as attached, scope(net):
        sent = net(x) / net[0].step
        assert attached.penalty().item() == pytest.approx(2 * sent.abs().mean().item())
    messages = []
    for weight in (0.0, 30.0):
        torch.manual_seed(4)
        net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), DeltaActivation(0.1), Accumulated(nn.Linear(32, 2)), Mean())
        y = (x.mean(dim=(0, 2)) > 0).long()
        fit(net, [(x, y)], nn.CrossEntropyLoss(), torch.optim.Adam(net.parameters(), 1e-2), epochs=60,
            options=Options(regularisers=[Messages(["2"], weight=weight)]))
        with count_messages(net) as counted, scope(net), torch.no_grad():
            net(x)
        messages.append(counted["2"].messages)
    assert 0 < messages[1] < 0.5 * messages[0]


@pytest.mark.parametrize("make", [lambda: DeltaActivation(0.0), lambda: DeltaActivation(float("nan")),
                                  lambda: DeltaActivation("a"), lambda: Accumulated(nn.ReLU())])
def test_bad_arguments(make):
    with pytest.raises(NetworkError, match=r"(DeltaActivation.step|Accumulated.linear): is"):
        make()


def test_bad_inputs():
    layer, behind = DeltaActivation(0.1), Accumulated(nn.Linear(3, 2))
    for bad in (torch.zeros(3, 2), torch.zeros(3, 2, 1).long(), [1.0]):
        with pytest.raises(RunError, match=r"DeltaActivation.x: is .*\[T, B, ...\] is expected"):
            layer(bad)
    with pytest.raises(RunError, match=r"Accumulated.x: \[4, 2, 5\] does not fit Linear"):
        behind(torch.zeros(4, 2, 5))
    behind(torch.zeros(4, 2, 3))
    with pytest.raises(RunError, match=r"Accumulated.z: is held for \[2, 2\] on cpu while x makes \[6, 2\]"):
        behind(torch.zeros(4, 6, 3))
    layer(torch.zeros(4, 2, 3))
    with pytest.raises(RunError, match=r"DeltaActivation.q: is held for \[2, 3\] while x has \[5, 3\]"):
        layer(torch.zeros(4, 5, 3))


def test_a_graph_that_backward_used_up_is_noticed():
    net = nn.Sequential(DeltaActivation(0.1), Accumulated(nn.Linear(3, 2)))
    x = torch.randn(4, 2, 3)
    net(x).sum().backward()
    for module in (net[0], net[1]):
        with pytest.raises(RunError, match=r"used up by backward\(\). Call snn.train.reset"):
            module(x)
    detach(net)
    net(x).sum().backward()


def test_bad_layers_of_the_penalty():
    with pytest.raises(RunError, match="Messages.layers: '0' is a ReLU"):
        Messages(["0"]).attach(nn.Sequential(nn.ReLU()))
