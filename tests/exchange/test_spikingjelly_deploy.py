"""Networks of SpikingJelly in the event-driven engine: the spikes that SpikingJelly itself gives, in float64."""
import pytest
import torch
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import nn

import snn
from snn.errors import RunError
from snn.exchange.spikingjelly import from_spikingjelly, to_spikingjelly
from snn.neurons.euler_lif import EulerLIF
from snn.train import Layer, Linear, Recurrent

T, B = 20, 2


def frames(*shape, rate=0.4, seed=1):
    return (torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < rate).double()


def rows(net, x, kinds):
    """What the modules of these kinds give over time, and the output, in multi-step evaluation."""
    net, found = net.double().eval(), []
    of_kind = [m for m in net.modules() if isinstance(m, kinds)]
    hooks = [m.register_forward_hook(lambda m, i, out: found.append(out)) for m in of_kind]
    with torch.no_grad():
        output = net(x)
    functional.reset_net(net)
    for hook in hooks:
        hook.remove()
    return found, output


FIRE = (neuron.IFNode, neuron.LIFNode, neuron.ParametricLIFNode, layer.MaxPool2d)


def assert_deploys(net, x, *, shape=None, kinds=FIRE, engine=None):
    found, output = rows(net, x, kinds)
    deployed = snn.Network.from_torch(net, shape=shape)
    run = deployed.run(x, engine=engine)
    assert torch.equal(run.output, output)
    own = list(run.spikes.values())[1:]
    assert len(own) == len(found)
    for a, b in zip(own, found, strict=True):
        assert torch.equal(a, b) and 0.02 < float(b.mean()) < 0.98
    return deployed


def spread(net, size=2.0):
    """Weights of both signs, so that some neurons are driven strongly and others not."""
    torch.manual_seed(4)
    for module in net.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            reach = size / module.weight[0].numel() ** 0.5
            nn.init.uniform_(module.weight, -reach, 1.2 * reach)
    return net


@pytest.mark.parametrize("decay", [True, False], ids=["decayed", "undecayed"])
@pytest.mark.parametrize("reset_to", [0.0, -0.3, None], ids=["hard", "lower", "soft"])
@pytest.mark.parametrize("kind", [neuron.IFNode, neuron.LIFNode, neuron.ParametricLIFNode], ids=lambda k: k.__name__)
def test_neurons(kind, reset_to, decay):
    options = {"v_reset": reset_to, "step_mode": "m", "v_threshold": 0.6}
    options |= {} if kind is neuron.IFNode else {"decay_input": decay}
    net = spread(nn.Sequential(layer.Linear(16, 12), kind(**options), layer.Linear(12, 8), kind(**options)),
                 size=4.0 if decay else 2.0)
    deployed = assert_deploys(net, frames(T, B, 16))
    assert deployed.dt == 1.0 and list(deployed.latency) == ["input", "layer1", "layer2"]


def test_recurrent_single_steps_and_voting():
    net = spread(nn.Sequential(layer.Linear(16, 10), neuron.LIFNode(decay_input=False, v_reset=None), layer.Delay(3),
                               layer.LinearRecurrentContainer(neuron.LIFNode(), 10, 10), layer.Linear(10, 6),
                               neuron.IFNode(), layer.VotingLayer(3)), size=4.0).double()
    x = frames(T, B, 16)
    with torch.no_grad():
        expected = torch.stack([net(frame) for frame in x])
    run = snn.Network.from_torch(net, dt=2.0).run(x)
    assert torch.equal(run.output, expected) and run.output.shape == (T, B, 2) and len(expected.unique()) > 2
    assert list(run.spikes) == ["input", "layer1", "layer2", "layer3"]


def image_net():
    torch.manual_seed(6)
    fire = surrogate.ATan()
    return nn.Sequential(
        layer.Conv2d(1, 4, 3, padding=1, bias=False), layer.BatchNorm2d(4), neuron.IFNode(surrogate_function=fire),
        layer.MaxPool2d(2),
        layer.Conv2d(4, 8, 3, padding=1, bias=False), layer.BatchNorm2d(8),
        neuron.ParametricLIFNode(surrogate_function=fire, decay_input=False), layer.AvgPool2d(2),
        layer.Flatten(), layer.Dropout(0.2), layer.Linear(72, 3),
        neuron.LIFNode(surrogate_function=fire, v_threshold=0.5))


def bars(count, seed):
    """Images 12 x 12 of a bar across, upright or aslant, as spikes [T, count, 1, 12, 12]; and which one it is."""
    draw = torch.Generator().manual_seed(seed)
    y = torch.randint(3, (count,), generator=draw)
    at = torch.randint(2, 10, (count,), generator=draw)
    row, column = torch.meshgrid(torch.arange(12), torch.arange(12), indexing="ij")
    line = torch.stack([row, column, (row - column) % 12])[y] - at[:, None, None]
    probability = 0.05 + 0.75 * (line.abs() <= 1).double()
    return (torch.rand(8, count, 12, 12, generator=draw, dtype=torch.float64) < probability).float()[:, :, None], y


def test_a_convolutional_net_trained_there_runs_here():
    net = image_net()
    functional.set_step_mode(net, "m")
    optimiser = torch.optim.Adam(net.parameters(), 1e-2)
    x, y = bars(512, seed=1)
    for k in range(0, 512, 16):
        optimiser.zero_grad()
        nn.functional.cross_entropy(6.0 * net(x[:, k:k + 16]).mean(0), y[k:k + 16]).backward()
        optimiser.step()
        functional.reset_net(net)
    x, y = bars(96, seed=2)
    deployed = assert_deploys(net, x[:, :6].double(), shape=(1, 12, 12))
    with torch.no_grad():
        assert (net(x.double()).mean(0).argmax(1) == y).float().mean() > 0.6   # it has learned; chance is 1/3
    functional.reset_net(net)
    assert list(deployed.latency) == ["input", "layer1", "pool1", "layer2", "layer3"]


def test_the_reference_engine_gives_the_same():
    net = spread(nn.Sequential(layer.Linear(16, 8), neuron.LIFNode(v_reset=None), layer.Linear(8, 4),
                               neuron.ParametricLIFNode()), size=4.0)
    functional.set_step_mode(net, "m")
    assert_deploys(net, frames(T, B, 16), engine=snn.Reference())


def test_from_ours_to_theirs_to_the_engine():
    net = spread(nn.Sequential(Linear(16, 10), Recurrent(Layer(EulerLIF(leak=0.3, keep=1.0), 10, dt=1.0)),
                               Linear(10, 6), Layer(EulerLIF(leak=0.6), 6, dt=1.0))).double()
    x = frames(T, B, 16)
    with torch.no_grad():
        expected = net(x)
    there = snn.Network.from_torch(to_spikingjelly(net)).run(x)
    here = snn.Network.from_torch(net).run(x)
    assert torch.equal(here.output, expected) and torch.equal(there.output, expected)
    assert 0.05 < float(expected.mean()) < 0.9


@pytest.mark.parametrize(("net", "message"), [
    (nn.Sequential(layer.Linear(4, 4), neuron.KLIFNode()), "Network.from_torch.1: a KLIFNode cannot be taken over"),
    (nn.Sequential(layer.Conv2d(1, 1, 3), layer.MaxPool2d(2), neuron.IFNode()), "from_torch.1: takes the largest"),
    (nn.Sequential(layer.Conv2d(1, 1, 3), neuron.IFNode(), layer.Linear(5, 2)), "takes 5 inputs and gets a shape"),
    (nn.Sequential(neuron.IFNode(), layer.Flatten(), layer.Linear(36, 4)), "ends with a linear part"),
    (nn.Sequential(neuron.IFNode(), neuron.LIFNode(step_mode="m")), "functional.set_step_mode"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_what_cannot_be_deployed_is_refused_by_name(net, message):
    with pytest.raises(RunError, match="Network.from_torch") as caught:
        snn.Network.from_torch(net, shape=(1, 6, 6) if "KLIF" not in message else None)
    assert message in str(caught.value)


def test_a_module_in_two_places_is_called_twice():
    """torch's own list of children leaves out what comes again."""
    torch.manual_seed(0)
    linear = nn.Linear(5, 5).double()
    with torch.no_grad():
        linear.weight.uniform_(-0.2, 0.9)
    theirs = nn.Sequential(linear, neuron.LIFNode(step_mode="m"), linear, neuron.LIFNode(step_mode="m")).double()
    x = (torch.rand(20, 3, 5, generator=torch.Generator().manual_seed(1)) < 0.5).double()
    with torch.no_grad():
        expected = theirs(x)
    assert 0 < expected.mean() < 1
    assert torch.equal(from_spikingjelly(theirs)(x), expected)
    assert torch.equal(snn.Network.from_torch(theirs).run(x).output.double(), expected)


def test_a_neuron_in_two_places_is_refused():
    cell = neuron.LIFNode(step_mode="m")
    net = nn.Sequential(nn.Linear(5, 5), cell, nn.Linear(5, 5), cell)
    for take in (from_spikingjelly, snn.Network.from_torch):
        with pytest.raises(RunError, match=r"3: is the same LIFNode as \S+1 and would share its state"):
            take(net)
