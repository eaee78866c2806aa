"""Random networks of SpikingJelly's modules: taken over, in the engine, there and back, always with the same spikes."""
import numpy as np
import pytest
import torch
from spikingjelly.activation_based import functional, layer, neuron
from torch import nn

import snn
from snn.exchange.spikingjelly import from_spikingjelly, to_spikingjelly

STEPS, SAMPLES = 12, 2


def node(rng):
    options = {"v_reset": rng.choice([None, 0.0, -0.25]), "v_threshold": float(rng.uniform(0.5, 1.0))}
    if rng.random() < 0.3:
        return neuron.IFNode(**options)
    options["decay_input"] = bool(rng.random() < 0.5)
    tau = float(rng.uniform(1.2, 4.0))
    return neuron.LIFNode(tau, **options) if rng.random() < 0.5 else neuron.ParametricLIFNode(tau, **options)


def warm(norm, rng):
    with torch.no_grad():
        for value, low, high in ((norm.running_mean, -0.3, 0.3), (norm.running_var, 0.2, 1.5), (norm.bias, 0.0, 0.6)):
            value.copy_(torch.as_tensor(rng.uniform(low, high, value.shape)))
    return norm


def image_part(rng, shape):
    """Modules from ``shape`` (C, H, W) on: a convolution, a norm or none, neurons, pooling or none."""
    groups = int(rng.choice([g for g in (1, 2, 4) if shape[0] % g == 0]))
    padding = rng.choice(["same", "some"])
    stride = 1 if padding == "same" else int(rng.integers(1, 3))
    yield layer.Conv2d(shape[0], 4, tuple(map(int, rng.integers(1, 4, 2))), stride=stride, groups=groups,
                       padding="same" if padding == "same" else int(rng.integers(0, 2)),
                       dilation=int(rng.integers(1, 3)),
                       padding_mode=str(rng.choice(["zeros", "circular"])), bias=bool(rng.random() < 0.5))
    if rng.random() < 0.5:
        yield warm(layer.BatchNorm2d(4), rng)
    yield node(rng)
    pool = rng.choice(["max", "mean", "adaptive", "none"])
    if pool == "max":
        yield layer.MaxPool2d(2, stride=int(rng.integers(1, 3)), padding=int(rng.integers(0, 2)),
                              ceil_mode=bool(rng.random() < 0.5))
    elif pool == "mean":
        yield layer.AvgPool2d(2, padding=int(rng.integers(0, 2)), ceil_mode=bool(rng.random() < 0.5),
                              count_include_pad=bool(rng.random() < 0.5))
    elif pool == "adaptive":
        yield layer.AdaptiveAvgPool2d(3)


def network(seed):
    """A random net for [T, B, 2, 9, 8] in multi-step evaluation, in float64, with weights that make it fire."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    modules = [*image_part(rng, (2, 9, 8))]
    modules += image_part(rng, (4, 0, 0)) if rng.random() < 0.5 else []
    modules += [layer.Flatten(), layer.Delay(int(rng.integers(0, 3)))]
    with torch.no_grad():
        probe = nn.Sequential(*modules).eval()
        width = probe(torch.zeros(1, 2, 9, 8)).shape[1]
        functional.reset_net(probe)
    modules.append(layer.Linear(width, 10))
    modules.append(layer.LinearRecurrentContainer(node(rng), 10, 10) if rng.random() < 0.5 else node(rng))
    net = nn.Sequential(*modules).double().eval()
    functional.set_step_mode(net, "m")
    for module in net.modules():
        if isinstance(module, layer.LinearRecurrentContainer):
            module.sub_module.step_mode = "s"
        if isinstance(module, nn.Conv2d | nn.Linear):
            reach = 2.5 / module.weight[0].numel() ** 0.5
            nn.init.uniform_(module.weight, -0.7 * reach, 1.3 * reach)
    return net


def rate(seed):
    """Compare one random network in every way; gives how often it fires."""
    net = network(seed)
    draw = torch.Generator().manual_seed(seed)
    x = (torch.rand(STEPS, SAMPLES, 2, 9, 8, generator=draw) < 0.3).double()
    grey = torch.rand(STEPS, SAMPLES, 2, 9, 8, generator=draw, dtype=torch.float64)
    deployed, again = snn.Network.from_torch(net, shape=(2, 9, 8)), to_spikingjelly(from_spikingjelly(net))
    for value, graded in ((x, False), (grey, True)):
        functional.reset_net(net)
        functional.reset_net(again)
        with torch.no_grad():
            expected = net(value)
            assert torch.equal(from_spikingjelly(net)(value), expected)
            assert torch.equal(again(value), expected)
        assert torch.equal(deployed.run(value, graded=graded).output, expected)
    return float(expected.mean())


@pytest.mark.parametrize("seed", range(4))
def test_random_networks(seed):
    assert rate(seed) > 0.0


@pytest.mark.slow
def test_many_random_networks():
    """About half a minute."""
    assert np.mean([rate(seed) > 0.0 for seed in range(4, 60)]) > 0.9
