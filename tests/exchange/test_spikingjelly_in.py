"""Networks of SpikingJelly as layers of ours: the same spikes and the same gradients, module by module."""
import operator

import numpy as np
import pytest
import torch
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import nn

from snn.errors import RunError
from snn.exchange.spikingjelly import from_spikingjelly
from snn.train.held import eager, reset

T, B = 20, 3


def draw(*shape, seed=0, scale=1.0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * scale


def outcome(net, x, target, forget):
    """``(output, gradient of x, [gradient of every parameter])`` of one call from rest."""
    forget(net)
    net.zero_grad()
    x = x.clone().requires_grad_()
    out = net(x)
    (out * target).sum().backward()
    return out.detach(), x.grad, [p.grad.clone() for p in net.parameters() if p.grad is not None]


def assert_same(theirs, x, *, split=lambda grads: grads):
    """Outputs equal, gradients equal to 1e-10; gives the net of ours. ``split``: gradients of theirs as ours has them.
    """
    theirs = theirs.double()
    ours = from_spikingjelly(theirs)
    with torch.no_grad():
        target = draw(*theirs(x).shape, seed=9)
    functional.reset_net(theirs)
    expected, grad_x, grads = outcome(theirs, x, target, functional.reset_net)
    out, own_x, own = outcome(ours, x, target, reset)
    assert torch.equal(out, expected) and 0.02 < float(out.mean()) < 0.98
    grads = split(grads)
    assert len(own) == len(grads) > 0
    for a, b in zip([own_x, *own], [grad_x, *grads], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)
    return ours


def many(net):
    functional.set_step_mode(net, "m")
    return net


def behind_linear(node, scale=2.0):
    torch.manual_seed(3)
    linear = layer.Linear(12, 10)
    with torch.no_grad():
        linear.weight.uniform_(-0.3, 1.0).mul_(scale / 3)
    return many(nn.Sequential(linear, node))


@pytest.mark.parametrize(("reset_to", "detach"), [(0.0, False), (-0.4, True), (None, False), (None, True)],
                         ids=["hard", "lower-detached", "soft", "soft-detached"])
@pytest.mark.parametrize("kind", ["if", "lif", "lif-undecayed", "plif", "plif-undecayed"])
def test_neurons(kind, reset_to, detach):
    common = {"v_reset": reset_to, "v_threshold": 1.3, "detach_reset": detach, "surrogate_function": surrogate.ATan()}
    node = {"if": lambda: neuron.IFNode(**common),
            "lif": lambda: neuron.LIFNode(tau=3.0, **common),
            "lif-undecayed": lambda: neuron.LIFNode(tau=3.0, decay_input=False, **common),
            "plif": lambda: neuron.ParametricLIFNode(init_tau=2.5, **common),
            "plif-undecayed": lambda: neuron.ParametricLIFNode(init_tau=2.5, decay_input=False, **common)}[kind]()
    ours = assert_same(behind_linear(node, scale=4.0 if kind in ("lif", "plif") else 1.5), draw(T, B, 12))
    assert ours[1].why_eager is None   # the compiled loops, not the eager one
    assert ("leak" in ours[1].raw) == kind.startswith("plif")


@pytest.mark.parametrize("gap", [1.0, 0.7], ids=["unit", "smaller"])
@pytest.mark.parametrize("name", ["Sigmoid", "ATan", "PiecewiseQuadratic", "PiecewiseExp", "SoftSign", "SuperSpike",
                                  "Erf", "Rect", "LeakyKReLU"])
def test_surrogates(name, gap):
    node = neuron.LIFNode(v_threshold=gap, surrogate_function=getattr(surrogate, name)())
    net, x = behind_linear(node), draw(T, B, 12)
    if name == "LeakyKReLU" or (name == "SuperSpike" and gap != 1.0):
        with eager():
            assert_same(net, x)
    else:
        assert_same(net, x)


def image_net(*modules):
    torch.manual_seed(5)
    return many(nn.Sequential(layer.Conv2d(2, 4, 3, padding=1, stride=2), layer.BatchNorm2d(4), neuron.IFNode(),
                              *modules))


@pytest.mark.parametrize("modules", [
    lambda: (layer.MaxPool2d(2), layer.Flatten(), layer.Linear(16, 5), neuron.LIFNode()),
    lambda: (layer.AvgPool2d(2), layer.Conv2d(4, 6, 2, bias=False), neuron.LIFNode(decay_input=False), layer.Flatten()),
    lambda: (layer.AdaptiveAvgPool2d(1), nn.Flatten(2), layer.Dropout(0.5), nn.Linear(4, 6), neuron.IFNode()),
], ids=["max", "mean", "adaptive"])
def test_images(modules):
    net = image_net(*modules())
    for module in net:
        if isinstance(module, layer.Linear | layer.Conv2d | nn.Linear):
            nn.init.uniform_(module.weight, -0.3, 0.9)
    net[5:].eval()   # dropout draws from one generator for both
    assert_same(net, draw(T, B, 2, 8, 8, scale=2.0))


def test_one_axis_and_the_dropout_mask():
    torch.manual_seed(6)
    net = nn.Sequential(layer.Conv1d(2, 3, 3, padding="same"), neuron.IFNode(), layer.Dropout(0.5), layer.Flatten(),
                        layer.Linear(24, 4), neuron.IFNode()).double()
    nn.init.uniform_(net[0].weight, 0.0, 1.0)
    nn.init.uniform_(net[4].weight, 0.0, 0.5)
    functional.set_step_mode(net, "m")
    ours, x = from_spikingjelly(net), draw(T, B, 2, 8)
    torch.manual_seed(7)
    expected = net(x)
    torch.manual_seed(7)
    assert torch.equal(ours(x), expected) and ours.training
    net.eval()
    functional.reset_net(net)
    assert not torch.equal(net(x), expected)
    assert not from_spikingjelly(net).training


def test_containers():
    torch.manual_seed(8)
    net = nn.Sequential(
        layer.SeqToANNContainer(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.AvgPool2d(2)),
        neuron.LIFNode(tau=1.5, step_mode="m"),
        layer.StepModeContainer(False, "m", nn.Flatten(), nn.Linear(64, 12)),
        layer.MultiStepContainer(neuron.IFNode(), nn.Linear(12, 6)),
        layer.StepModeContainer(True, "m", neuron.LIFNode(decay_input=False)))
    with torch.no_grad():
        net[2][1].weight.uniform_(-0.2, 0.8)
        net[3][1].weight.uniform_(-0.2, 1.0)
    ours = assert_same(net, draw(T, B, 2, 8, 8, scale=3.0))
    assert list(dict(ours.named_children())) == list(dict(net.named_children()))


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no-bias"])
def test_linear_recurrent_container(bias):
    torch.manual_seed(9)
    inner = layer.LinearRecurrentContainer(neuron.LIFNode(tau=1.5), 8, 8, bias=bias)
    nn.init.uniform_(inner.rc.weight, -0.4, 0.7)
    net = nn.Sequential(layer.Linear(12, 8), inner)
    nn.init.uniform_(net[0].weight, 0.0, 0.5)

    def split(grads):
        first, rest = grads[:2], grads[2:]
        weight, *others = rest
        return [*first, weight[:, :8], *others, weight[:, 8:]]

    many(net)
    inner.sub_module.step_mode = "s"
    assert_same(net, draw(T, B, 12), split=split)


@pytest.mark.parametrize("function", [operator.add, torch.add, lambda x, y: y + x], ids=["operator", "torch", "lambda"])
def test_sum_recurrent_container(function):
    torch.manual_seed(10)
    net = nn.Sequential(layer.Linear(12, 8, step_mode="m"), layer.ElementWiseRecurrentContainer(
        nn.Sequential(neuron.LIFNode(tau=2.5)), function, step_mode="m"))
    nn.init.uniform_(net[0].weight, 0.0, 0.6)
    # Nothing is learned in the loop.
    assert len([p for p in assert_same(net, draw(T, B, 12)).parameters() if p.requires_grad]) == 2


def test_single_steps_delays_and_voting():
    net = nn.Sequential(layer.Linear(12, 8), neuron.LIFNode(), layer.Delay(2), layer.Linear(8, 6), neuron.IFNode(),
                        nn.Flatten(), layer.VotingLayer(3)).double()
    nn.init.uniform_(net[0].weight, 0.0, 0.9)
    nn.init.uniform_(net[3].weight, 0.0, 0.9)
    x = draw(T, B, 12)
    expected = torch.stack([net(frame) for frame in x])
    out = from_spikingjelly(net)(x)
    assert torch.equal(out, expected) and out.shape == (T, B, 2)
    assert len(np.unique(out.detach().numpy())) > 2


def test_the_net_that_was_given_stays():
    node = neuron.ParametricLIFNode()
    net = nn.Sequential(layer.Linear(4, 4), node)
    ours = from_spikingjelly(net, dt=0.5)
    assert ours[1].dt == 0.5 and ours[1].raw["leak"] is not node.w and net[0].step_mode == "s"
    with torch.no_grad():
        ours[1].raw["leak"].add_(1.0)
        ours[0].weight.zero_()
    assert node.w.item() == 0.0 and net[0].weight.abs().sum() > 0


class Own(nn.Module):
    def forward(self, x):
        return x


@pytest.mark.parametrize(("net", "message"), [
    (neuron.KLIFNode(), "from_spikingjelly: a KLIFNode cannot be taken over"),
    (nn.Sequential(layer.Linear(4, 4), neuron.QIFNode()), "from_spikingjelly.1: a QIFNode cannot be taken over"),
    (neuron.EIFNode(), "midpoint"),
    (neuron.IzhikevichNode(), "a IzhikevichNode"),
    (neuron.LIAFNode(torch.relu, True), "a LIAFNode"),
    (neuron.CUBALIFNode(4.0, 4.0), "a CUBALIFNode"),
    (nn.Sequential(layer.SynapseFilter(), neuron.IFNode()), "a SynapseFilter cannot be taken over"),
    (nn.Sequential(Own(), neuron.IFNode()), "from_spikingjelly.0: a Own"),
    (nn.Sequential(layer.WSLinear(4, 4), neuron.IFNode()), "a WSLinear changes its weights"),
    (nn.Sequential(layer.WSConv2d(1, 1, 3), neuron.IFNode()), "a WSConv2d cannot"),
    (nn.Sequential(nn.BatchNorm1d(4), neuron.IFNode(step_mode="m")), "Use layer.BatchNorm1d"),
    (nn.Sequential(layer.BatchNorm1d(4), neuron.IFNode(step_mode="m")), "step_mode 's' among others"),
    (nn.Sequential(neuron.IFNode(), neuron.IFNode(step_mode="m")), "step_mode 's' where from_spikingjelly.1 has 'm'"),
    (layer.SeqToANNContainer(nn.Linear(4, 4), neuron.IFNode()), "takes all steps for one"),
    (neuron.IFNode(v_threshold=0.5, v_reset=0.5), "is not above its reset"),
    (neuron.IFNode(surrogate_function=surrogate.ATan(spiking=False)), "graded values"),
    (layer.LinearRecurrentContainer(nn.Sequential(nn.Linear(3, 4), neuron.IFNode()), 3, 4), "has a Sequential inside"),
    (layer.LinearRecurrentContainer(neuron.IFNode(), 3, 4), "takes 3 values and gives 4"),
    (nn.Sequential(nn.Linear(4, 4), layer.ElementWiseRecurrentContainer(neuron.IFNode(), torch.mul)), "the sum"),
    (nn.Sequential(nn.Linear(4, 4), layer.ElementWiseRecurrentContainer(neuron.IFNode(), lambda x, y: x + 2 * y)),
     "the sum"),
    (layer.ElementWiseRecurrentContainer(neuron.IFNode(), torch.add), "number of neurons is not known"),
    ("net", "is a str"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_what_cannot_be_taken_over_is_refused_by_name(net, message):
    with pytest.raises(RunError) as caught:
        from_spikingjelly(net)
    assert message in str(caught.value)
