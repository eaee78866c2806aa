"""Beside SpikingJelly: the same numbers as its LIFNode, and at home in its nets."""
import itertools
import math

import pytest
import torch
from spikingjelly.activation_based import base, functional, layer, monitor, neuron
from spikingjelly.activation_based import surrogate as theirs
from torch import nn

from snn.neurons import LIF, LeakyReadout, SoftLIF
from snn.train.held import eager
from snn.train.layer import Layer
from snn.train.surrogate import ATan, Sigmoid, Triangle

UNIT = {"E_L": 0.0, "V_th": 1.0, "V_reset": 0.0, "t_ref": 0.0}
DT = 0.5


def tau_ms(tau):
    """The time constant in ms of the discrete membrane ``v <- v - v / tau + I``."""
    return -DT / math.log(1.0 - 1.0 / tau)


SURROGATES = [(ATan(2.0), theirs.ATan(2.0)), (Sigmoid(4.0), theirs.Sigmoid(4.0)),
              (Triangle(1.0), theirs.PiecewiseQuadratic(1.0))]
CASES = list(itertools.product(SURROGATES, ("hard", "soft"), (False, True), (False, True)))


@pytest.mark.parametrize("run_eagerly", [False, True], ids=["compiled", "eager"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(("pair", "reset", "detach_reset", "decay_input"), CASES,
                         ids=[f"{type(a).__name__}-{r}-detach{d}-decay{i}" for (a, _), r, d, i in CASES])
def test_spikes_and_gradients_equal_those_of_lifnode(pair, reset, detach_reset, decay_input, dtype, run_eagerly):
    tau, fire = 2.0, pair[0]
    torch.manual_seed(5)
    linear = nn.Linear(12, 20, dtype=dtype)
    with torch.no_grad():
        linear.weight *= 6.0
    x = torch.randn(30, 4, 12, dtype=dtype).requires_grad_()
    how = torch.randn(30, 4, 20, dtype=dtype)
    node = neuron.LIFNode(tau, decay_input=decay_input, v_reset=0.0 if reset == "hard" else None,
                          detach_reset=detach_reset, surrogate_function=pair[1], step_mode="m")
    model = (LIF if reset == "hard" else SoftLIF)(tau_m=tau_ms(tau), **UNIT)
    ours = Layer(model, 20, dt=DT, fire=fire, detach_reset=detach_reset)
    expected = node(linear(x))
    drive = linear(x) / tau if decay_input else linear(x)
    with eager() if run_eagerly else torch.enable_grad():
        out = ours(drive)
    assert torch.equal(out, expected) and 0.03 < out.mean() < 0.9
    torch.testing.assert_close(ours.v, node.v, rtol=1e-5, atol=1e-5)
    leaves = [x, linear.weight, linear.bias]
    for a, b in zip(*(torch.autograd.grad((o * how).sum(), leaves) for o in (out, expected)), strict=True):
        assert (a - b).abs().max() <= (1e-5 if dtype is torch.float32 else 1e-12) * b.abs().max()


def net_of(spiking):
    torch.manual_seed(0)
    net = nn.Sequential(layer.Linear(6, 16, step_mode="m"), spiking(), layer.Linear(16, 3, step_mode="m"), spiking())
    with torch.no_grad():
        net[2].weight *= 4.0
    return net.double()


def ours(fire=theirs.ATan()):  # noqa: B008
    return Layer(LIF(tau_m=tau_ms(3.0), **UNIT), dt=DT, fire=fire)


def test_same_losses_in_a_net_of_theirs():
    """Ten optimiser steps with our layer in place of theirs, their surrogate as ``fire``."""
    torch.manual_seed(1)
    x, y = 2.0 * torch.rand(20, 8, 6).double(), torch.randint(0, 3, (8,))
    losses = []
    for spiking in (ours, lambda: neuron.LIFNode(3.0, decay_input=False, surrogate_function=theirs.ATan(),
                                                 step_mode="m")):
        net = net_of(spiking)
        optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
        losses.append([])
        for _ in range(10):
            functional.reset_net(net)
            optimiser.zero_grad()
            loss = nn.functional.cross_entropy(net(x).mean(0), y)
            loss.backward()
            optimiser.step()
            losses[-1].append(loss.item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-9) and losses[0][-1] < losses[0][0]


def test_their_surrogates_are_compiled_and_others_work():
    x = torch.rand(10, 2, 6)
    first = ours()
    first(x)
    assert first.why_eager is None
    other = ours(theirs.S2NN())
    with pytest.warns(UserWarning, match="S2NN"):
        assert torch.equal(other(x), ours(theirs.ATan()).run(x).out)


def test_functional_calls():
    net, x = net_of(ours), 2.0 * torch.rand(12, 5, 6).double()
    first = net(x)
    assert not torch.equal(net(x), first)
    functional.detach_net(net)
    assert not net[1].v.requires_grad
    functional.reset_net(net)
    assert net[1].v is None and torch.equal(net(x), first)
    functional.reset_net(net)
    functional.set_step_mode(net, "s")
    assert net[1].step_mode == "s"
    assert torch.equal(functional.multi_step_forward(x, net), first)
    with pytest.raises(ValueError, match="step_mode"):
        net[1].step_mode = "x"


def test_explicit_states():
    """Their functional form: states in, states out, nothing held."""
    spiking, x = ours(), 2.0 * torch.rand(12, 5, 6)
    assert isinstance(spiking, base.MemoryModule)
    assert dict(spiking.named_memories()) == {"v": None, "ref": None, "i": None}
    net = nn.Sequential(layer.Linear(6, 16, step_mode="m"), spiking)
    forward = base.to_functional_forward(net)
    states = tuple(base.extract_memories(net))
    (whole,), _ = forward((x,), states)
    (early,), middle = forward((x[:5],), states)
    (late,), _ = forward((x[5:],), middle)
    assert torch.equal(torch.cat([early, late]), whole) and spiking.v is None
    assert torch.equal(net(x), whole)
    functional.reset_net(net)
    functional.set_step_mode(net, "s")
    (one,), _ = base.to_functional_forward(net)((x[0],), states)
    assert torch.equal(one, whole[0])


def test_state_dict_has_parameters_only():
    net = nn.Sequential(layer.Linear(6, 16, step_mode="m"), ours(), Layer(LeakyReadout(), dt=DT, learn=("tau",)))
    keys = ["0.weight", "0.bias", "2.raw.tau"]
    assert list(net.state_dict()) == keys
    net(torch.rand(3, 2, 6))
    assert list(net.state_dict()) == keys


def test_their_monitors_see_output_and_potential():
    net, x = net_of(ours), 2.0 * torch.rand(12, 5, 6).double()
    with torch.no_grad():
        outputs = monitor.OutputMonitor(net, Layer)
        potentials = monitor.AttributeMonitor("v", False, net, Layer)
        out = net(x)
    assert torch.equal(outputs["3"][0], out) and torch.equal(potentials["1"][0], net[1].v)
