"""What a layer refuses, and what it says."""
import re

import numpy as np
import pytest
import torch
from torch import nn

from snn.errors import ModelError, RunError
from snn.neurons import LIF, AdEx, LeakyReadout, SpikeSource
from snn.spikes import Spikes
from snn.train.held import detach, eager, reset
from snn.train.layer import Layer

UNIT = {"E_L": 0.0, "V_th": 1.0, "V_reset": 0.0, "t_ref": 0.0}


def lif(n=None, **options):
    return Layer(LIF(**UNIT), n, dt=1.0, **options)


def refused(message, call, *args, error=RunError):
    with pytest.raises(error, match=re.escape(message)):
        call(*args)


# Construction


@pytest.mark.parametrize(("options", "message"), [
    ({"port": "dleta"}, "Layer(LIF).port: is 'dleta'. Did you mean 'delta'?"),
    ({"emit": "u"}, "Layer(LIF).emit: is 'u'. Known: 'z', 'margin', 'v', 'ref', 'i'."),
    ({"dt": 0.0}, "Layer(LIF).dt: is 0.0. A positive number of ms is expected."),
    ({"dt": "1"}, "Layer(LIF).dt: is '1'."),
    ({"n": 0}, "Layer(LIF).n: is 0."),
    ({"n": 2.0}, "Layer(LIF).n: is 2.0."),
    ({"fire": "atan"}, "Layer(LIF).fire: is 'atan'. A surrogate such as ATan() is expected."),
    ({"step_mode": "x"}, "Layer(LIF).step_mode: is 'x'. Known: 'm', 's'."),
])
def test_arguments(options, message):
    refused(message, lambda: Layer(LIF(), **{"dt": 1.0, **options}), error=ModelError)


def test_models():
    spikes = Spikes([1.0], [0], n=1, duration=2.0)
    refused("Layer(SpikeSource).model: is a SpikeSource. A neuron model", lambda: Layer(SpikeSource(spikes), dt=1.0),
            error=ModelError)
    refused("Layer(type).model: is a LIF. A neuron model with its parameters is expected, for instance LIF().",
            lambda: Layer(LIF, dt=1.0), error=ModelError)
    refused("LIF.tau_m: has 3 values for 4 neurons", lambda: Layer(LIF(tau_m=np.full(3, 5.0)), 4, dt=1.0),
            error=ModelError)
    refused("Layer(AdEx).dt: is 20 ms. With these parameters it must be at most 2.5 ms.",
            lambda: Layer(AdEx(), dt=20.0), error=ModelError)
    refused("Layer(LIF).model: its tau_m is a tensor with gradient. Give its value as a number or an array, and "
            "learn=('tau_m',).", lambda: Layer(LIF(tau_m=nn.Parameter(torch.tensor(5.0))), dt=1.0), error=ModelError)


# Inputs


@pytest.mark.parametrize("shape", [(20, 3), (20,), (20, 3, 5), (5, 20, 3), (20, 3, 6, 1)])
def test_wrong_axes(shape):
    advice = {(20, 3): "[T, B, N] is expected. A single sample is x.unsqueeze(1); single steps need step_mode='s'.",
              (20,): "[T, B, N] is expected.", (20, 3, 5): "[T, B, N] with N = 6 is expected.",
              (5, 20, 3): "[T, B, N] with N = 6 is expected.", (20, 3, 6, 1): "[T, B, N] is expected."}[shape]
    refused(f"Layer(LIF).x: has shape {list(shape)}. {advice}", lif(6), torch.zeros(shape))


def test_axes_in_another_order():
    refused("Layer(LIF).x: has shape [6, 20, 3]. [T, B, N] with N = 6 is expected. Axis 0 has 6: swap it to the end.",
            lif(6), torch.zeros(6, 20, 3))
    refused("Axis 1 has 6", lif(6), torch.zeros(20, 6, 3))
    layer = lif()
    layer(torch.zeros(20, 3, 6))
    refused("Layer(LIF).v: is held for [3, 6] while x has [20, 6] in a step. If axes 0 and 1 of x are swapped, "
            "[T, B, N] is right; else call snn.train.reset(net) before other data.", layer, torch.zeros(3, 20, 6))
    refused("[B, N] is expected. Many steps at once need step_mode='m'.", lif(6, step_mode="s"), torch.zeros(20, 3, 6))


def test_other_inputs():
    layer = lif()
    refused("Layer(LIF).x: has shape [0, 3, 6], no step of time. T must be at least 1.", layer, torch.zeros(0, 3, 6))
    for dtype in ("bool", "int64", "complex64"):
        refused(f"Layer(LIF).x: has dtype {dtype}. A floating dtype is expected; write x.float().", layer,
                torch.zeros(2, 3, 6, dtype=getattr(torch, dtype)))
    refused("Layer(LIF).x: is a ndarray. A tensor is expected.", layer, np.zeros((2, 3, 6)))
    refused("Layer(LIF).x: has a port 'curent'. Did you mean 'current'?", layer, {"curent": torch.zeros(2, 3, 6)})
    refused("Layer(LIF).x: has no port.", layer, {})
    refused("Layer(LIF).x['current']: has shape [2, 3, 5] where another port has [2, 3, 6].", layer,
            {"delta": torch.zeros(2, 3, 6), "current": torch.zeros(2, 3, 5)})
    refused("Layer(LIF).traces: is 'u'. Known:", lambda: layer.run(torch.zeros(2, 3, 6), traces="u"))
    assert layer(torch.zeros(2, 0, 6)).shape == (2, 0, 6)


def test_given_states():
    layer, x = lif(), torch.zeros(2, 3, 6)
    refused("Layer(LIF).state: has the shapes [[3, 5], [3, 6], [3, 6]]. [3, 6] is expected.", layer.run, x,
            LIF.State(torch.zeros(3, 5), torch.zeros(3, 6), torch.zeros(3, 6)))
    refused("Layer(LIF).state: has 1 variables. ('v', 'ref', 'i') are expected.", layer.run, x, (torch.zeros(3, 6),))


# State that cannot be forgotten


def test_another_batch_size():
    layer = lif()
    layer(torch.zeros(2, 32, 6))
    refused("Layer(LIF).v: is held for [32, 6] while x has [16, 6] in a step. Call snn.train.reset(net) before other "
            "data.", layer, torch.zeros(2, 16, 6))
    reset(layer)
    layer(torch.zeros(2, 16, 6))


USED_UP = ("holds a state whose graph was used up by backward(). Call snn.train.reset(net) before new data, or "
           "snn.train.detach(net) to go on from the same state.")


@pytest.mark.parametrize("mode", ["m", "s"])
@pytest.mark.parametrize("run_eagerly", [False, True], ids=["compiled", "eager"])
@pytest.mark.parametrize("make", [lif, lambda **o: lif(emit="v", **o), lambda **o: Layer(LeakyReadout(), dt=1.0, **o),
                                  lambda **o: lif(learn=("tau_m",), **o)], ids=["spikes", "emit", "readout", "learn"])
def test_a_graph_that_was_used(make, run_eagerly, mode):
    net = nn.Sequential(nn.Linear(4, 6), make(step_mode=mode))
    x = torch.rand(5, 3, 4) if mode == "m" else torch.rand(3, 4)
    with eager() if run_eagerly else torch.enable_grad():
        for call in (reset, detach):
            net(x)
            net(x).sum().backward()
            refused(USED_UP, net, x)
            with torch.no_grad():
                refused(USED_UP, net, x)
            call(net)
            net(x).sum().backward()
            reset(net)


def test_a_graph_that_is_still_there():
    layer, x = lif(), torch.rand(5, 3, 6).requires_grad_()
    first = layer(x)
    first.sum().backward(retain_graph=True)
    second = layer(x)
    (first.sum() + second.sum()).backward()
    refused(USED_UP, layer, x)


def test_a_step_of_the_loss_on_the_held_state():
    layer, x = lif(), torch.rand(5, 3, 6).requires_grad_()
    layer(x)
    layer.v.sum().backward()
    refused(USED_UP, layer, x)


def test_without_gradient_a_state_can_be_held_forever():
    layer = lif()
    for _ in range(3):
        layer(torch.rand(5, 3, 6))
    with torch.no_grad():
        layer(torch.rand(5, 3, 6, requires_grad=True))
    assert layer._nodes == []
