"""Held state of a whole net."""
import pytest
import torch
from spikingjelly.activation_based import neuron
from torch import nn

from snn.neurons import LIF, LeakyReadout
from snn.train.held import detach, eager, reset, scope
from snn.train.layer import Layer
from snn.train.recurrent import Recurrent


@pytest.fixture
def net():
    torch.manual_seed(1)
    model = LIF(E_L=0.0, V_th=1.0, V_reset=0.0, t_ref=0.0)
    return nn.Sequential(nn.Linear(5, 8), Layer(model, 8, dt=1.0), Recurrent(Layer(model, 8, dt=1.0)),
                         nn.Linear(8, 3), Layer(LeakyReadout(), 3, dt=1.0), neuron.IFNode(step_mode="m"))


def held(net):
    return [value for module in net.modules() if hasattr(module, "_memories") for value in module.memories()
            if torch.is_tensor(value)]


def test_reset_forgets_everything(net):
    x = 3.0 * torch.rand(20, 2, 5)
    with torch.no_grad():
        first, second = net(x), net(x)
        assert len(held(net)) >= 9 and not torch.equal(first, second)
        assert reset(net) is net
        assert held(net) == []
        assert torch.equal(net(x), first)


def test_scope_resets_at_both_ends(net):
    x = 3.0 * torch.rand(20, 2, 5)
    with torch.no_grad():
        first = net(x)
        with scope(net) as same:
            assert same is net and held(net) == []
            assert torch.equal(net(x), first)
        assert held(net) == []
        with pytest.raises(KeyError), scope(net):
            net(x)
            raise KeyError
    assert held(net) == []


def test_detach_keeps_the_values_and_cuts_the_graph(net):
    x = 3.0 * torch.rand(20, 2, 5)
    with torch.no_grad():
        whole = torch.cat([net(x), net(x)])
    reset(net)
    early = net(x)
    early.sum().backward()
    assert detach(net) is net
    assert not any(value.requires_grad for value in held(net))
    late = net(x)
    assert torch.equal(torch.cat([early, late]), whole)
    late.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters())


def test_truncated_gradient_is_that_of_the_pieces():
    """The gradient of the second piece alone, from a state given as a constant."""
    layer = Layer(LIF(E_L=0.0, V_th=1.0, V_reset=0.0, t_ref=0.0), dt=1.0)
    x = torch.rand(30, 2, 4, dtype=torch.float64).requires_grad_()
    layer(x[:15])
    detach(layer)
    held_grad = torch.autograd.grad(layer(x[15:]).sum(), x)[0]
    state = layer.run(x[:15].detach()).state
    alone = torch.autograd.grad(layer.run(x[15:], state).out.sum(), x)[0]
    assert (held_grad[:15] == 0).all() and held_grad[15:].abs().sum() > 0
    assert torch.equal(held_grad, alone)


def test_eager_is_a_block():
    layer, x = Layer(LIF(), dt=1.0), torch.rand(3, 2, 4)
    with eager():
        layer(x)
        assert layer.why_eager == "eager() was asked for"
    layer(x)
    assert layer.why_eager is None
