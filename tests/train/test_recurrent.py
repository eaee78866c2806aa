"""A layer with its own spikes as input."""
import copy
import pickle
import re

import numpy as np
import pytest
import torch
from spikingjelly.activation_based import functional, neuron, surrogate
from spikingjelly.activation_based import layer as their_layer
from torch import nn

from snn.contract import heaviside, step
from snn.errors import ModelError, RunError
from snn.neurons import LIF, CubaLIF, LeakyReadout
from snn.train.held import eager, reset
from snn.train.layer import Layer
from snn.train.recurrent import Recurrent, RecurrentState

UNIT = {"E_L": 0.0, "V_th": 1.0, "V_reset": 0.0, "t_ref": 0.0}


def recurrent(n=8, model=None, *, bias=False, delay=1, **options):
    torch.manual_seed(3)
    return Recurrent(Layer(model or LIF(**UNIT), n, dt=1.0, **options), bias=bias, delay=delay).double()


def drive(T=25, B=3, n=8):
    return torch.rand(T, B, n, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 0.7


both_ways = pytest.mark.parametrize("run_eagerly", [False, True], ids=["compiled", "eager"])


@both_ways
@pytest.mark.parametrize("delay", [1, 2, 5, 40])
@pytest.mark.parametrize("model", [LIF(**UNIT), CubaLIF(C_m=1.0, E_L=0.0, V_th=1.0, V_reset=0.0)],
                         ids=lambda m: type(m).__name__)
def test_equals_a_plain_loop(model, delay, run_eagerly):
    net, x = recurrent(model=model, bias=True, delay=delay), drive()
    with torch.no_grad():
        net.bias.uniform_(-0.1, 0.1)
        with eager() if run_eagerly else torch.no_grad():
            out = net(x)
    weight, bias = net.weight.detach().numpy(), net.bias.detach().numpy()
    bound = model.bind(8, torch.float64)
    s = bound.State(*(torch.as_tensor(v, dtype=torch.float64).expand(3, 8) for v in bound.rest()))
    spikes = [np.zeros((3, 8))] * delay
    zero = torch.zeros(3, 8, dtype=torch.float64)
    for t in range(25):
        arriving = x[t] + torch.as_tensor(spikes[t] @ weight.T + bias)
        ports = {p: arriving if p == net.layer.port else zero for p in bound.Ports._fields}
        s, z = step(bound, s, bound.Ports(**ports), 1.0, heaviside)
        spikes.append(z.double().numpy())
    assert np.array_equal(out, np.stack(spikes[delay:])) and 0.02 < out.mean() < 0.98


@both_ways
@pytest.mark.parametrize("detach_reset", [False, True])
def test_equals_a_loop_around_spikingjelly(detach_reset, run_eagerly):
    """Their neuron stepped by hand with the same matrix: spikes, and gradients of input and matrix."""
    tau = 2.5
    net = recurrent(model=LIF(**{**UNIT, "tau_m": -1.0 / np.log(1.0 - 1.0 / tau)}), detach_reset=detach_reset)
    x = (drive() * 1.5).requires_grad_()
    with eager() if run_eagerly else torch.enable_grad():
        out = net(x)
    assert (net.layer.why_eager is not None) == run_eagerly
    theirs = neuron.LIFNode(tau, decay_input=False, v_reset=0.0, detach_reset=detach_reset,
                            surrogate_function=surrogate.ATan(2.0))
    weight, z, steps = net.weight.detach().clone().requires_grad_(), torch.zeros(3, 8).double(), []
    for one in x.unbind(0):
        z = theirs(one + z @ weight.T)
        steps.append(z)
    expected = torch.stack(steps)
    assert torch.equal(out, expected) and 0.02 < out.mean() < 0.98
    how = torch.randn_like(out)
    ours = torch.autograd.grad((out * how).sum(), [x, net.weight])
    for a, b in zip(ours, torch.autograd.grad((expected * how).sum(), [x, weight]), strict=True):
        assert (a - b).abs().max() <= 1e-9 * b.abs().max()


@pytest.mark.parametrize("delay", [1, 3])
def test_pieces_equal_the_whole(delay):
    net, x = recurrent(delay=delay, learn=("tau_m",)), drive().requires_grad_()
    whole = net.run(x)
    assert isinstance(whole.state, RecurrentState) and net.v is None and net.z is None
    assert torch.equal(whole.state.z, whole.out[-delay:])
    pieces = torch.cat([net(x[:2]), net(x[2:3]), net(x[3:])])
    assert torch.equal(pieces, whole.out) and torch.equal(net.z, whole.state.z)
    first = net.run(x[:10], traces="v")
    second = net.run(x[10:], first.state, traces=("v", "z"))
    assert torch.equal(torch.cat([first.out, second.out]), whole.out)
    assert torch.equal(second.traces["v"][-1], whole.state.cells.v)
    parameters = [x, *net.parameters()]
    for a, b in zip(*(torch.autograd.grad(out.square().sum(), parameters) for out in (pieces, whole.out)),
                    strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)
    assert len(parameters) == 3


def test_single_steps_equal_many():
    many, single, x = recurrent(delay=2), recurrent(delay=2, step_mode="s"), drive()
    assert torch.equal(many(x), torch.stack([single(one) for one in x]))


def test_emits_a_state_and_takes_other_ports():
    net, x = recurrent(emit="v"), drive()
    assert torch.equal(net(x), net.run(x, traces="v").traces["v"])
    reset(net)
    silent = net({"current": 1000.0 * x})
    assert silent.shape == x.shape and (net.z != 0).any()


def test_initial_matrix_is_orthogonal():
    net = recurrent(64, bias=True)
    torch.testing.assert_close(net.weight @ net.weight.T, torch.eye(64).double(), rtol=0, atol=1e-5)
    assert (net.bias == 0).all() and recurrent().bias is None
    assert list(net.state_dict()) == ["weight", "bias"]


def test_calls_of_spikingjelly_and_copies():
    net = nn.Sequential(their_layer.Linear(5, 8, step_mode="m"), recurrent(learn=("tau_m",)).float())
    x = torch.rand(10, 2, 5)
    first = net(x)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert torch.equal(other[1].z, net[1].z) and not other[1].z.requires_grad
    functional.detach_net(net)
    assert not net[1].v.requires_grad
    functional.reset_net(net)
    assert net[1].v is None and torch.equal(net(x), first)
    functional.reset_net(net)
    functional.set_step_mode(net, "s")
    assert torch.equal(functional.multi_step_forward(x, net), first)


def test_errors():
    lif = Layer(LIF(**UNIT), 8, dt=1.0)
    for bad, message in [(LIF(), "Recurrent.layer: is a LIF. A Layer is expected."),
                         (Layer(LIF(), dt=1.0), "Recurrent(Layer(LIF)).layer: has no number of neurons."),
                         (Layer(LeakyReadout(), 3, dt=1.0), "Recurrent(Layer(LeakyReadout)).layer: never fires.")]:
        with pytest.raises(ModelError, match=re.escape(message)):
            Recurrent(bad)
    for delay in (0, 1.5):
        with pytest.raises(ModelError, match=rf"delay: is {delay}\. A whole number of steps"):
            Recurrent(lif, delay=delay)
    net = Recurrent(lif)
    net(torch.zeros(4, 2, 8))
    with pytest.raises(RunError, match=r"Recurrent\(Layer\(LIF\)\)\.v: is held for \[2, 8\]"):
        net(torch.zeros(4, 3, 8))
    with pytest.raises(RunError, match=r"Layer\(LIF\)\.x: has shape \[4, 2, 9\]"):
        net(torch.zeros(4, 2, 9))
    with pytest.raises(RunError, match=r"state: is a tuple\. A RecurrentState is expected"):
        net.run(torch.zeros(4, 2, 8), (1,))
    reset(net)
    net(torch.zeros(4, 2, 8)).sum().backward()
    with pytest.raises(RunError, match="graph was used up"):
        net(torch.zeros(4, 2, 8))
