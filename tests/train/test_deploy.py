"""Deployment: a trained network gives in the event-driven engine what it gives in torch."""
import numpy as np
import pytest
import torch
from spikingjelly.activation_based import layer as theirs
from torch import nn

import snn
from snn.datasets import excerpt
from snn.datasets.frames import Frames
from snn.datasets.loader import Loader
from snn.neurons import IF, LIF, CubaLIF, LeakyReadout
from snn.train.delay import AxonalDelay, Delay, parameter_groups
from snn.train.deploy_synapses import Synapses
from snn.train.fitting import fit
from snn.train.folded import Dropout, Folded
from snn.train.held import reset
from snn.train.layer import Layer
from snn.train.linear import Linear
from snn.train.losses import CrossEntropy
from snn.train.options import Options
from snn.train.readout import Max, SumOfSoftmax
from snn.train.recurrent import Recurrent

DT = 10.0
LIF1 = LIF(tau_m=15.0, E_L=0.0, V_th=1.0, V_reset=0.0, t_ref=0.0)


def cells(n, **options):
    return Layer(LIF1, n, dt=DT, **options)


def readout(n):
    return Layer(LeakyReadout(tau=50.0), n, dt=DT)


def delay(n_in, n_out, *, bias=False):
    layer = Delay(n_in, n_out, longest=120.0, dt=DT, bias=bias)
    if bias:
        nn.init.uniform_(layer.bias, 0.0, 0.3)
    return layer


def warm(norm):
    """A batch norm that has seen something."""
    with torch.no_grad():
        norm.running_mean.uniform_(-0.2, 0.2)
        norm.running_var.uniform_(0.5, 2.0)
        norm.weight.uniform_(0.7, 1.5)
        norm.bias.uniform_(-0.1, 0.2)
    return norm


def spiking(net):
    """The modules of a net that fire, in order."""
    for child in net.children():
        if isinstance(child, nn.Sequential):
            yield from spiking(child)
        elif isinstance(child, Recurrent) or isinstance(child, Layer) and child.emit == "z":
            yield child


def rows(net, x):
    """Spikes of every layer and the output of torch in evaluation: ``({name: spikes}, output)``."""
    found = []
    hooks = [module.register_forward_hook(lambda m, i, out: found.append(out)) for module in spiking(net)]
    with torch.no_grad():
        output = reset(net.eval())(x)
    for hook in hooks:
        hook.remove()
    reset(net)
    return {f"layer{k}": z for k, z in enumerate(found, 1)}, output


def assert_same(net, x):
    """Every spike of every layer, and the output to 1e-9, in float64. Gives the run."""
    net = net.double()
    spikes, output = rows(net, x.double())
    run = snn.Network.from_torch(net).run(x)
    assert list(run.spikes) == ["input", *spikes]
    for name, z in spikes.items():
        assert torch.equal(run.spikes[name], z), name
        assert 0.005 < float(z.mean()) < 0.9, (name, float(z.mean()))
    assert run.output.shape == output.shape
    torch.testing.assert_close(run.output, output, rtol=1e-9, atol=1e-9)
    return run


@pytest.fixture(scope="module")
def digits():
    train, _ = excerpt()
    picks = [train[k] for k in range(0, 160, 20)]
    return torch.from_numpy(Frames(dt=DT, steps=80, group=10)(picks).swapaxes(0, 1)).float()


@pytest.fixture
def noise():
    return (torch.rand(40, 3, 20, generator=torch.Generator().manual_seed(1)) < 0.15).float()


def test_feedforward_with_delays_on_spoken_digits(digits):
    torch.manual_seed(0)
    net = nn.Sequential(delay(70, 64), Folded(warm(nn.BatchNorm1d(64))), cells(64), Dropout(0.3),
                        delay(64, 32, bias=True), cells(32), Linear(32, 10), readout(10), SumOfSoftmax())
    assert digits.max() > 1   # counts are repeated spikes
    run = assert_same(net, digits)
    assert run.output.shape == (8, 10) and run.trace.shape == (80, 8, 10)


def test_recurrent_on_spoken_digits(digits):
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(70, 64), Recurrent(cells(64), bias=True, delay=1), nn.Linear(64, 48, bias=False),
                        Recurrent(cells(48), delay=3), nn.Linear(48, 10), readout(10), Max())
    with torch.no_grad():
        net[1].bias.uniform_(0.0, 0.1)
        net[2].weight *= 2.0
        net[1].weight *= 0.5
    assert_same(net, digits)


def test_a_recurrent_network_trained_on_spoken_digits_names_the_same_digits():
    train, test = excerpt()
    frames = Frames(dt=DT, steps=60, group=10)
    few = [part.take(part.labels < 3) for part in (train, test)]
    (x, y), (x_test, y_test) = ((frames(part), part.labels) for part in few)
    torch.manual_seed(8)
    net = nn.Sequential(Linear(70, 48), Recurrent(cells(48)), Dropout(0.2), delay(48, 32), cells(32), Linear(32, 3),
                        readout(3), SumOfSoftmax())
    optimiser = torch.optim.Adam(parameter_groups(net, lr=0.01))
    fit(net, Loader(x, y, batch=20, seed=1), CrossEntropy(), optimiser, epochs=5, options=Options(seed=1))
    run = assert_same(net, torch.from_numpy(x_test.swapaxes(0, 1).copy()))
    with torch.no_grad():
        expected = net(torch.from_numpy(x_test.swapaxes(0, 1).astype(np.float64))).argmax(dim=1)
    assert torch.equal(run.output.argmax(dim=1), expected)
    assert (expected.numpy() == y_test).mean() > 0.4   # it has learned something; chance is 1/3


def test_every_kind_of_linear_part(noise):
    torch.manual_seed(2)
    step = theirs.Linear(24, 24, step_mode="m")
    norm = theirs.BatchNorm1d(24, step_mode="m")
    net = nn.Sequential(AxonalDelay(20, longest=50.0, dt=DT), nn.Linear(20, 24), warm(norm),
                        AxonalDelay(24, longest=30.0, dt=DT), nn.Sequential(nn.Identity(), cells(24)),
                        nn.Sequential(step), cells(24), cells(24), nn.Linear(24, 12), nn.Linear(12, 6), cells(6))
    with torch.no_grad():
        net[1].weight *= 3.0
        step.weight *= 3.0
        net[8].weight *= 4.0
        net[9].weight *= 4.0
    assert_same(net, noise)


def test_learned_values_of_the_model_are_deployed(noise):
    torch.manual_seed(3)
    model = LIF(tau_m=np.full(30, 12.0), E_L=0.0, V_th=1.0, V_reset=0.0, t_ref=20.0)
    layer = Layer(model, 30, dt=DT, learn=["tau_m", "V_th"])
    with torch.no_grad():
        layer.raw["tau_m"].add_(torch.linspace(-1, 1, 30))
        layer.raw["V_th"].mul_(0.7)
    net = nn.Sequential(nn.Linear(20, 30), layer, nn.Linear(30, 5), readout(5))
    with torch.no_grad():
        net[0].weight *= 4.0
    assert_same(net, noise)
    deployed = snn.Network.from_torch(net)
    tau_m = deployed.network.populations["layer1"].model.tau_m
    assert tau_m[0] < 12.0 < tau_m[-1]
    assert deployed.network.populations["layer1"].model == layer.model


@pytest.mark.parametrize("model", [IF(C_m=1.0, E_L=0.0, V_th=1.0, V_reset=0.0, t_ref=0.0),
                                   CubaLIF(E_L=0.0, V_th=1.0, V_reset=0.0, t_ref=0.0)], ids=["IF", "CubaLIF"])
def test_other_models_and_the_port(model, noise):
    torch.manual_seed(4)
    net = nn.Sequential(nn.Linear(20, 16), Layer(model, 16, dt=DT), nn.Linear(16, 5), readout(5))
    with torch.no_grad():
        net[0].weight *= {"IF": 2.0, "CubaLIF": 3000.0}[type(model).__name__]
        net[0].bias *= {"IF": 1.0, "CubaLIF": 100.0}[type(model).__name__]
    assert_same(net, noise)
    current = nn.Sequential(nn.Linear(20, 16), cells(16, port="current"), nn.Linear(16, 5), readout(5))
    with torch.no_grad():
        current[0].weight *= 200.0
    assert_same(current, noise)


def test_latency_and_description(noise):
    net = nn.Sequential(delay(20, 8), cells(8), nn.Linear(8, 4), Recurrent(cells(4)), nn.Linear(4, 2), readout(2))
    net = net.double()
    with torch.no_grad():
        net[0].steps.fill_(3.4)
        net[0].steps[0] = 0.0
        net[0].weight[1] = 0.0
    deployed = snn.Network.from_torch(net, name="small")
    assert deployed.latency == {"input": 0, "layer1": 1, "layer2": 2, "readout": 3}
    network = deployed.network
    assert network.name == "small" and [p.n for p in network.populations.values()] == [20, 8, 4, 2]
    plan = deployed.plan("float64")
    assert plan.projection("input_layer1").csr.n_synapses == 140   # a weight of zero is no synapse
    assert set(np.unique(plan.projection("input_layer1").delay)) == {1, 4}
    assert plan.projection("layer1_layer2").delay == 1 and plan.projection("layer2_layer2").delay == 1
    assert deployed.duration(40) == 430.0


def test_feed_gives_a_network_for_simulate(noise, tmp_path):
    torch.manual_seed(5)
    net = nn.Sequential(nn.Linear(20, 16), cells(16), nn.Linear(16, 3), readout(3)).double()
    with torch.no_grad():
        net[0].weight *= 3.0
    deployed = snn.Network.from_torch(net)
    one = noise[:, 1]
    result = snn.simulate(deployed.feed(one), deployed.duration(len(one)), dt=DT, to=tmp_path / "run.h5")
    run = deployed.run(one)
    assert run.output.shape == (40, 3) and run.spikes["layer1"].shape == (40, 16)
    times = result.spikes["layer1"].shift(-DT * deployed.latency["layer1"])
    assert len(times) > 5
    step, ids = np.rint(times.times / DT).astype(int) - 1, times.ids
    dense = np.zeros((41, 16))
    dense[step, ids] = 1
    assert np.array_equal(dense[:40], run.spikes["layer1"].numpy())
    assert len(snn.open(tmp_path / "run.h5").spikes["layer1"]) == len(times)


def test_samples_do_not_know_each_other(noise):
    torch.manual_seed(6)
    net = nn.Sequential(delay(20, 16), cells(16), nn.Linear(16, 3), readout(3)).double()
    deployed = snn.Network.from_torch(net)
    all_at_once, alone = deployed.run(noise), deployed.run(noise[:, 2:])
    assert torch.equal(all_at_once.trace[:, 2:], alone.trace)


def test_spikes_as_input(noise):
    net = nn.Sequential(nn.Linear(20, 16), cells(16)).double()
    deployed = snn.Network.from_torch(net)
    spikes = [snn.Spikes.from_dense(noise[:, b].numpy().astype(bool), DT) for b in range(3)]
    expected = deployed.run(noise).output
    assert torch.equal(deployed.run(spikes).output, expected)
    assert torch.equal(deployed.run(spikes[0]).output, expected[:, 0])


def test_single_precision_differs_in_few_spikes(digits):
    torch.manual_seed(0)
    net = nn.Sequential(delay(70, 64), Folded(warm(nn.BatchNorm1d(64))), cells(64), nn.Linear(64, 10), readout(10))
    spikes, output = rows(net, digits)
    run = snn.Network.from_torch(net).run(digits, engine=snn.EventDriven(dtype="float32"))
    assert run.output.dtype == torch.float32
    assert float((run.spikes["layer1"] != spikes["layer1"]).float().mean()) < 1e-4
    torch.testing.assert_close(run.output, output, rtol=1e-3, atol=1e-3)


def test_reference_engine_gives_the_same(noise):
    torch.manual_seed(7)
    net = nn.Sequential(delay(20, 8, bias=True), cells(8), nn.Linear(8, 3), readout(3)).double()
    deployed = snn.Network.from_torch(net)
    assert torch.equal(deployed.run(noise).trace, deployed.run(noise, engine=snn.Reference()).trace)


def test_a_bias_behind_a_delay_begins_later():
    bias, late = np.array([1.0, 2.0]), np.array([0, 2])
    synapses = Synapses.identity(2).matrix(np.eye(2), bias=bias).later(late)
    assert synapses.course.tolist() == [[1.0, 0.0], [1.0, 0.0], [1.0, 2.0]]
    assert synapses.edges()[3].tolist() == [0, 2]
