"""Layers of ours as genuine neurons of SpikingJelly, with the same spikes and gradients; what is lost is named."""
import numpy as np
import pytest
import torch
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import nn

from snn.errors import RunError
from snn.exchange.spikingjelly import from_spikingjelly, to_spikingjelly
from snn.neurons import IF, LIF, AdEx, LeakyReadout, ParametricLIF, SoftLIF
from snn.neurons.euler_lif import EulerLIF
from snn.train import (
    ATan,
    AxonalDelay,
    Dropout,
    Folded,
    Layer,
    Linear,
    Mean,
    MultiGaussian,
    Rectangle,
    Recurrent,
    SuperSpike,
    reset,
)

T, B = 20, 3
PLAIN = {"V_th": 1.3, "V_reset": 0.2}
FREE = {**PLAIN, "E_L": 0.2, "t_ref": 0.0}


def draw(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def outcome(net, x, target, forget):
    forget(net)
    net.zero_grad()
    x = x.clone().requires_grad_()
    out = net(x)
    (out * target).sum().backward()
    forget(net)
    return out.detach(), x.grad, [p.grad.clone() for p in net.parameters() if p.grad is not None]


def assert_same(net, x, *, parameters=True, **options):
    """Outputs and gradients as SpikingJelly's; gives the net of theirs, in which nothing is ours."""
    net = net.double()
    theirs = to_spikingjelly(net, **options)
    with torch.no_grad():
        target = draw(*reset(net)(x).shape, seed=9)
    out, own_x, own = outcome(net, x, target, reset)
    expected, grad_x, grads = outcome(theirs, x, target, functional.reset_net)
    assert torch.equal(out, expected) and 0.02 < float(out.mean()) < 0.98
    torch.testing.assert_close(own_x, grad_x, rtol=1e-10, atol=1e-12)
    for a, b in zip(own, grads, strict=True) if parameters else ():
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)
    assert not any(type(m).__module__.startswith("snn.") for m in theirs.modules())
    return theirs


def with_linear(cells):
    torch.manual_seed(1)
    linear = Linear(12, 10)
    nn.init.uniform_(linear.weight, -0.3, 0.9)
    return nn.Sequential(linear, cells)


@pytest.mark.parametrize(("model", "node"), [
    (IF(C_m=2.0, **FREE), neuron.IFNode),
    (LIF(tau_m=4.0, **FREE), neuron.LIFNode),
    (SoftLIF(tau_m=4.0, V_th=1.3, V_reset=0.0, E_L=0.0), neuron.LIFNode),
    (SoftLIF(tau_m=4.0, V_th=1.5, V_reset=0.2, E_L=0.2), neuron.LIFNode),
    (ParametricLIF(w=0.4, V_th=0.6), neuron.LIFNode),
    (EulerLIF(leak=0.0, keep=1.0, V_th=4.0), neuron.IFNode),
    (EulerLIF(leak=0.3, **PLAIN), neuron.LIFNode),
    (EulerLIF(leak=0.7, decay_input=1.0), neuron.LIFNode),
    (LIF(tau_m=np.full(10, 4.0), **FREE), neuron.LIFNode),
], ids=["IF", "LIF", "SoftLIF", "SoftLIF-shifted", "ParametricLIF", "EulerIF", "EulerLIF", "decayed", "equal-values"])
def test_neurons(model, node):
    theirs = assert_same(with_linear(Layer(model, 10, dt=1.0, detach_reset=True)), draw(T, B, 12))
    assert type(theirs[1]) is node and type(theirs[0]) is layer.Linear
    assert theirs[1].step_mode == "m" and theirs[1].detach_reset is True


@pytest.mark.parametrize(("model", "name"), [(ParametricLIF(w=0.4, V_th=0.6), "w"), (EulerLIF(leak=0.3), "leak"),
                                             (LIF(tau_m=4.0, **FREE), "tau_m")], ids=["w", "leak", "tau_m"])
def test_a_learned_leak_is_learned_there(model, name):
    # Of tau_m, the free parameter is another function of the leak, with another gradient.
    net = with_linear(Layer(model, 10, dt=1.0, learn=(name,)))
    theirs = assert_same(net, draw(T, B, 12), parameters=name != "tau_m")
    assert type(theirs[1]) is neuron.ParametricLIFNode and theirs[1].w.requires_grad
    assert theirs[1].decay_input is (name == "w")


@pytest.mark.parametrize("fire", [ATan(3.0), Rectangle(0.8), SuperSpike(), surrogate.Sigmoid(), surrogate.LeakyKReLU()],
                         ids=lambda fire: type(fire).__name__)
def test_surrogates(fire):
    gap = 1.0 if isinstance(fire, SuperSpike | surrogate.LeakyKReLU) else 1.4
    net = with_linear(Layer(EulerLIF(leak=0.3, V_th=gap), 10, dt=1.0, fire=fire))
    if isinstance(fire, surrogate.LeakyKReLU):
        with pytest.warns(UserWarning, match="eagerly"):
            assert_same(net, draw(T, B, 12))
    else:
        assert_same(net, draw(T, B, 12))


def test_an_image_net_and_the_way_back():
    torch.manual_seed(2)
    cells = EulerLIF(leak=0.4, keep=1.0)
    net = nn.Sequential(Folded(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.MaxPool2d(2)), Layer(cells, dt=1.0),
                        nn.Sequential(Folded(nn.Flatten()), Dropout(0.3), nn.Linear(64, 8, bias=False)),
                        Layer(cells, dt=1.0, learn="leak"), nn.Flatten(2))
    nn.init.uniform_(net[2][2].weight, -0.25, 0.25)
    net[2][1].eval()
    theirs = assert_same(net, draw(T, B, 2, 8, 8) * 2.0)
    assert type(theirs[0]) is layer.SeqToANNContainer and type(theirs[2][1]) is layer.Dropout and theirs.training
    again = to_spikingjelly(from_spikingjelly(theirs))
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), theirs.parameters(), strict=True))
    assert str(again) == str(theirs)
    assert not theirs[2][1].training and not to_spikingjelly(net.eval()).training


@pytest.mark.parametrize("square", [True, False], ids=["merged", "alone"])
def test_recurrent(square):
    torch.manual_seed(3)
    n_in = 10 if square else 12
    net = nn.Sequential(Linear(n_in, 10), Recurrent(Layer(EulerLIF(leak=0.4), 10, dt=1.0), bias=True))
    nn.init.uniform_(net[0].weight, -0.2, 0.6)
    nn.init.uniform_(net[1].bias, 0.0, 0.2)
    theirs = assert_same(net, draw(T, B, n_in), parameters=False)
    assert type(theirs[-1]) is layer.LinearRecurrentContainer and len(theirs) == 2 - square
    rc = theirs[-1].rc
    assert torch.equal(rc.weight[:, 10:], net[1].weight)
    torch.testing.assert_close(rc.weight.grad[:, 10:], net[1].weight.grad, rtol=1e-10, atol=1e-12)
    if square:
        torch.testing.assert_close(rc.weight.grad[:, :10], net[0].weight.grad, rtol=1e-10, atol=1e-12)
        again = from_spikingjelly(theirs)[0]
        assert torch.equal(again[0].weight, net[0].weight) and torch.equal(again[1].weight, net[1].weight)


def test_equal_delays():
    delays = AxonalDelay(12, longest=5.0, dt=1.0)
    with torch.no_grad():
        delays.steps.fill_(3.0)
    net = nn.Sequential(delays, with_linear(Layer(EulerLIF(), 10, dt=1.0))).eval()
    theirs = to_spikingjelly(net.double(), allow="learning")
    assert theirs[0].delay_steps == 3
    with torch.no_grad():
        out = net(draw(T, B, 12))
        assert torch.equal(theirs(draw(T, B, 12)), out) and out[3:].any() and not out[:3].any()


LIF2 = LIF(tau_m=4.0, E_L=0.0, V_th=1.0, V_reset=0.0, t_ref=2.0)


@pytest.mark.parametrize(("module", "message"), [
    (Layer(LIF2, 4, dt=1.0), 'is held for t_ref = 2 ms, which no neuron there is. Allow the loss, '
                             'allow=("refractory",)'),
    (Layer(LIF(E_L=-0.5, V_th=1.0, V_reset=0.0, t_ref=0), 4, dt=1.0), 'allow=("rest",)'),
    (Layer(EulerLIF(), 4, dt=1.0, learn="V_th"), 'its V_th is learned, which no neuron there can. Allow the loss, '
                                                 'allow=("learning",)'),
    (Layer(EulerLIF(), 4, dt=1.0, fire=MultiGaussian()), 'allow=("surrogate",)'),
    (Layer(EulerLIF(V_th=2.0), 4, dt=1.0, fire=SuperSpike()), "for V_th - V_reset = 2. Allow the loss"),
    (Layer(AdEx(), 4, dt=0.1), "a AdEx has no counterpart there. keep=True"),
    (Layer(LeakyReadout(), 4, dt=1.0), "a LeakyReadout has no counterpart"),
    (Layer(EulerLIF(), 4, dt=1.0, emit="v"), "gives 'v'"),
    (Layer(IF(**FREE), 4, dt=1.0, port="current"), "takes its input at 'current'"),
    (Layer(LIF(tau_m=np.linspace(2, 5, 4), **FREE), 4, dt=1.0), "has a tau_m per neuron"),
    (Layer(EulerLIF(keep=0.5), 4, dt=1.0), "keep is 0.5"),
    (Layer(EulerLIF(leak=1.0), 4, dt=1.0), "forgets all within a step"),
    (Recurrent(Layer(EulerLIF(), 4, dt=1.0), delay=2), "after 2 steps"),
    (AxonalDelay(4, longest=5.0, dt=1.0), "differ"),
    (Mean(), "a Mean has no counterpart there"),
    (nn.Conv2d(1, 1, 3), "a Conv2d has no counterpart"),
], ids=lambda value: value[:30] if isinstance(value, str) else "")
def test_what_has_no_counterpart_is_refused_by_name_and_kept_if_asked(module, message):
    with pytest.raises(RunError) as caught:
        to_spikingjelly(nn.Sequential(module))
    assert message in str(caught.value) and str(caught.value).startswith("to_spikingjelly.0: ")
    assert to_spikingjelly(nn.Sequential(module), keep=True)[0] is module


def test_losses_that_are_allowed():
    net = with_linear(Layer(LIF(tau_m=4.0, E_L=-0.2, V_th=1.0, V_reset=0.0, t_ref=2.0), 10, dt=1.0, learn="V_th",
                            fire=MultiGaussian())).double()
    theirs = to_spikingjelly(net, allow=("refractory", "rest", "learning", "surrogate"))
    free = with_linear(Layer(LIF(tau_m=4.0, E_L=0.0, V_th=1.0, V_reset=0.0, t_ref=0.0), 10, dt=1.0)).double()
    with torch.no_grad():
        x = draw(T, B, 12)
        assert torch.equal(theirs(x), free(x)) and not torch.equal(free(x), net(x))
    with pytest.raises(RunError, match="to_spikingjelly.allow: is 'refractry'. Known: 'refractory'"):
        to_spikingjelly(net, allow="refractry")
    with pytest.raises(RunError, match="is a str"):
        to_spikingjelly("net")


def test_a_kept_layer_sits_in_a_net_of_theirs():
    net = with_linear(Layer(LIF2, 10, dt=1.0)).double()
    theirs, x = to_spikingjelly(net, keep=True), draw(T, B, 12)
    with torch.no_grad():
        first, second = theirs(x), theirs(x)
        functional.reset_net(theirs)
        assert torch.equal(theirs(x), first) and not torch.equal(first, second)
