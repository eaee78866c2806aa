"""Deployment of convolutions and pooling: few synapses, shapes as in torch, the same spikes."""
import numpy as np
import pytest
import torch
from spikingjelly.activation_based import layer as theirs
from torch import nn

import snn
from snn.errors import DataError, RunError
from snn.neurons import IF, LIF, LeakyReadout
from snn.train.delay import Delay
from snn.train.deploy_linear import READINGS
from snn.train.deploy_synapses import Synapses
from snn.train.folded import Dropout, Folded
from snn.train.held import reset
from snn.train.layer import Layer
from snn.train.readout import Mean
from snn.train.recurrent import Recurrent

DT = 1.0
CELLS = LIF(tau_m=5.0, E_L=0.0, V_th=1.0, V_reset=0.0, t_ref=0.0)


def cells(n=None, **options):
    return Layer(CELLS, n, dt=DT, **options)


def spikes(*shape, seed=1, rate=0.3):
    return (torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < rate).double()


def matrix_of(module, shape):
    """What a module adds to the synapses, as a dense matrix, and its bias."""
    kind = next(kind for kind in READINGS if isinstance(module, kind))
    synapses, after = READINGS[kind](Synapses.identity(int(np.prod(shape))), shape, module, "net")
    matrix = np.zeros((synapses.n_out, synapses.n_in))
    pre, post, weight, _ = synapses.edges()
    matrix[post, pre] = weight
    return matrix, synapses.course[-1], after


@pytest.mark.parametrize(("module", "shape"), [
    (nn.Conv2d(3, 4, 3), (3, 7, 6)),
    (nn.Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(1, 2), bias=False), (2, 7, 6)),
    (nn.Conv2d(4, 6, 3, padding=2, dilation=2, groups=2), (4, 6, 5)),
    (nn.Conv2d(4, 4, 3, padding="same", groups=4), (4, 5, 5)),
    (nn.Conv2d(2, 2, (4, 3), padding="same", dilation=(2, 1)), (2, 8, 8)),
    (nn.Conv2d(2, 3, 3, padding="valid"), (2, 5, 5)),
    (nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular"), (2, 4, 4)),
    (nn.Conv2d(1, 2, 3, padding=2, padding_mode="circular"), (1, 2, 3)),
    (nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect"), (2, 4, 4)),
    (nn.Conv2d(2, 3, 3, padding=1, padding_mode="replicate"), (2, 4, 4)),
    (nn.Conv1d(3, 4, 5, stride=2, padding=3), (3, 9)),
    (nn.AvgPool2d(2), (3, 5, 4)),
    (nn.AvgPool2d(3, stride=2, padding=1), (2, 6, 7)),
    (nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False), (2, 6, 7)),
    (nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True), (2, 6, 8)),
    (nn.AvgPool2d(2, stride=3, ceil_mode=True), (2, 7, 6)),
    (nn.AvgPool2d((2, 3), divisor_override=5), (2, 6, 6)),
    (nn.AvgPool1d(3, padding=1, ceil_mode=True), (2, 8)),
    (nn.AdaptiveAvgPool2d((3, None)), (2, 7, 4)),
    (nn.AdaptiveAvgPool2d(1), (2, 7, 4)),
    (nn.AdaptiveAvgPool1d(4), (2, 6)),
    (nn.Linear(4, 3), (2, 5, 4)),
], ids=lambda value: str(value).replace("kernel_size=", "") if isinstance(value, nn.Module) else "")
def test_matrices_are_what_torch_does(module, shape):
    torch.manual_seed(0)
    module = module.double()
    matrix, bias, after = matrix_of(module, shape)
    x = torch.randn(5, *shape, dtype=torch.float64)
    with torch.no_grad():
        expected = module(x)
    assert after == tuple(expected.shape[1:])
    np.testing.assert_allclose(x.flatten(1).numpy() @ matrix.T + bias, expected.flatten(1).numpy(), atol=1e-12)


def spiking(net):
    """Layers in order; what they give is one population each, and so is max pooling."""
    return [m for m in net.modules() if isinstance(m, Recurrent | nn.MaxPool2d | nn.MaxPool1d)
            or isinstance(m, Layer) and m.emit == "z" and not any(m is r.layer for r in net.modules()
                                                                  if isinstance(r, Recurrent))]


def assert_same(net, x, shape=None):
    """Every spike of every layer, and the output to 1e-9; gives the deployed net."""
    net, found = net.double().eval(), []
    hooks = [m.register_forward_hook(lambda m, i, out: found.append(out)) for m in spiking(net)]
    with torch.no_grad():
        output = reset(net)(x.double())
    for hook in hooks:
        hook.remove()
    deployed = snn.Network.from_torch(net, shape=shape)
    run = deployed.run(x)
    for (name, own), expected in zip(list(run.spikes.items())[1:], found, strict=True):
        expected = expected.unflatten(0, x.shape[:2]) if expected.shape[0] != len(x) else expected
        assert torch.equal(own, expected), name
        assert 0.02 < float(own.mean()) < 0.98, name
    assert run.output.shape == output.shape
    torch.testing.assert_close(run.output, output, rtol=1e-9, atol=1e-9)
    return deployed


def positive(net):
    torch.manual_seed(2)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear):
                module.weight.uniform_(-0.4, 1.0)
                module.weight.mul_(3.0 / module.weight[0].numel() ** 0.7)
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.uniform_(-0.2, 0.4)
                module.running_var.uniform_(0.5, 1.5)
    return net


def test_a_convolutional_network():
    net = positive(nn.Sequential(
        Folded(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4)), cells(), Folded(nn.MaxPool2d(2)),
        Folded(nn.Conv2d(4, 6, 3, bias=False), nn.BatchNorm2d(6)), cells(), Dropout(0.2), Folded(nn.AvgPool2d(2),
        nn.Flatten()), nn.Linear(6, 12), Recurrent(cells(12)), nn.Linear(12, 3),
        Layer(LeakyReadout(tau=10.0), 3, dt=DT), Mean()))
    with torch.no_grad():
        net[8].weight.uniform_(-0.2, 0.2)
    deployed = assert_same(net, spikes(20, 2, 1, 8, 8), shape=(1, 8, 8))
    assert deployed.latency == {"input": 0, "layer1": 1, "pool1": 2, "layer2": 3, "layer3": 4, "readout": 5}
    assert deployed.shapes["layer1"] == (4, 8, 8) and deployed.shapes["layer2"] == (6, 2, 2)
    plan = deployed.plan("float64")
    assert plan.projection("input_layer1").csr.n_synapses == 4 * 22 * 22   # 3 x 3 windows, less what is over the edge
    assert plan.projection("layer1_pool1").csr.n_synapses == 256
    assert plan.projection("layer2_layer3").csr.n_synapses == 24 * 12


def test_one_axis_in_single_steps_and_max_pooling_at_both_ends():
    net = positive(nn.Sequential(nn.MaxPool1d(3, stride=2, padding=1), nn.Conv1d(2, 3, 3, padding=1),
                                 cells(step_mode="s"), nn.MaxPool1d(2, ceil_mode=True, dilation=2), nn.Flatten()))
    x = spikes(20, 2, 2, 9)
    deployed = snn.Network.from_torch(net.double(), shape=(2, 9))
    with torch.no_grad():
        expected = torch.stack([net(frame) for frame in x])
    run = deployed.run(x)
    assert torch.equal(run.output, expected) and 0.1 < float(expected.mean()) < 0.9
    one = deployed.run(x[:, 1])
    assert torch.equal(one.output, expected[:, 1]) and one.spikes["layer1"].shape == (20, 3, 5)
    with pytest.raises(DataError, match="at most one"):
        deployed.run(2 * x)
    trains = [snn.Spikes.from_dense(x[:, b].flatten(1).numpy().astype(bool), DT) for b in range(2)]
    steps = [len(t.to_dense(DT)) for t in trains]
    assert torch.equal(deployed.run(trains).output[:min(steps)], expected[:min(steps)])


def test_a_matrix_along_the_last_axis_and_modules_with_time_in_front():
    net = positive(nn.Sequential(theirs.Conv2d(1, 2, 3, step_mode="m"), cells(), nn.Linear(4, 3), cells(),
                                 nn.Flatten(-2), cells()))
    with torch.no_grad():
        net[2].weight.mul_(2.0)
    deployed = assert_same(net, spikes(20, 2, 1, 5, 6, rate=0.5), shape=(1, 5, 6))
    assert deployed.shapes["layer2"] == (2, 3, 3) and deployed.shapes["layer3"] == (2, 9)


def test_a_large_convolution_needs_its_own_synapses_only():
    net = nn.Sequential(Folded(nn.Conv2d(8, 16, 3, padding=1, bias=False)), cells())
    deployed = snn.Network.from_torch(net, shape=(8, 28, 28))
    pre, post = (getattr(deployed.network.projections["input_layer1"].rule, name) for name in ("pre", "post"))
    assert len(pre) == 8 * 16 * 82 * 82   # of 78,675,968 pairs
    assert deployed.network.populations["layer1"].n == 16 * 28 * 28 and pre.max() == 6271 and post.max() == 12543


def test_exact_sums_give_the_same_spikes_in_single_precision():
    torch.manual_seed(4)
    unit = IF(C_m=1.0, E_L=0.0, V_th=1.0, V_reset=0.0, t_ref=0.0)
    net = nn.Sequential(Folded(nn.Conv2d(1, 4, 3, bias=False)), Layer(unit, dt=DT),
                        Folded(nn.AvgPool2d(2), nn.Flatten()), nn.Linear(16, 5, bias=False), Layer(unit, 5, dt=DT))
    with torch.no_grad():
        for module in (net[0][0], net[3]):
            module.weight.copy_(torch.randint(-4, 9, module.weight.shape) / 16)   # ties with the threshold are common
    x = spikes(30, 2, 1, 6, 6)
    with torch.no_grad():
        expected = net(x.float())
    assert 0.05 < float(expected.mean()) < 0.9
    for engine in (None, snn.EventDriven(dtype="float32"), snn.Reference()):
        assert torch.equal(snn.Network.from_torch(net, shape=(1, 6, 6)).run(x, engine=engine).output.float(), expected)


def test_grey_values_drive_the_first_layer():
    torch.manual_seed(7)
    net = nn.Sequential(Folded(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4)), cells(), Folded(nn.MaxPool2d(2),
                        nn.Flatten()), nn.Linear(36, 6), cells(6), nn.Linear(6, 3), Layer(LeakyReadout(), 3, dt=DT))
    net = positive(net).double().eval()
    x = torch.randn(12, 3, 2, 6, 6, dtype=torch.float64)
    with torch.no_grad():
        expected, first = net(x), reset(net)[:2](x)
    deployed = snn.Network.from_torch(net, shape=(2, 6, 6))
    run = deployed.run(x, graded=True)
    torch.testing.assert_close(run.output, expected, rtol=1e-9, atol=1e-9)
    assert torch.equal(run.spikes["layer1"], first) and 0.1 < float(first.mean()) < 0.9
    assert list(run.spikes) == ["layer1", "pool1", "layer2"]
    one = snn.simulate(deployed.feed(x[:, 2], graded=True), deployed.duration(12), dt=DT)
    steps = np.rint(one.spikes["layer1"].times).astype(int) - 1 - deployed.latency["layer1"]
    assert np.bincount(steps, minlength=13)[:12].tolist() == first[:, 2].sum((1, 2, 3)).tolist()
    binary = spikes(12, 2, 2, 6, 6)
    torch.testing.assert_close(deployed.run(binary, graded=True).output, deployed.run(binary).output)


def test_graded_input_through_delays_and_a_recurrent_layer():
    torch.manual_seed(8)
    lags = Delay(4, 6, longest=5.0, dt=DT, bias=True)
    net = positive(nn.Sequential(lags, Recurrent(cells(6), bias=True), nn.Linear(6, 2),
                                 Layer(LeakyReadout(), 2, dt=DT))).double().eval()
    x = torch.randn(12, 2, 4, dtype=torch.float64) + 0.5
    with torch.no_grad():
        lags.weight.uniform_(0.0, 0.6)
        lags.bias.fill_(0.1)
        expected, first = net(x), reset(net)[:2](x)
    run = snn.Network.from_torch(net).run(x, graded=True)
    assert torch.equal(run.spikes["layer1"], first) and 0.1 < float(first.mean()) < 0.9
    torch.testing.assert_close(run.output, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("modules", "message"), [
    ((Folded(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2)), cells()), "from_torch.0.1: takes the largest of graded values"),
    ((Folded(nn.MaxPool2d(2, return_indices=True)), cells()), "gives indices too"),
    ((nn.Conv2d(1, 2, 3), cells()), "from_torch.0: the Conv2d would take time for another axis. Put it into Folded"),
    ((Folded(nn.Conv2d(1, 2, 9)), cells()), "from_torch.0.0: the window of the Conv2d is larger than its input"),
    ((Folded(nn.Conv2d(3, 2, 3)), cells()), "takes 3 inputs and gets a shape of (1, 8, 8)"),
    ((Folded(nn.Conv1d(1, 2, 3)), cells()), "gets samples of shape (1, 8, 8). A Conv1d takes 2 axes"),
    ((Folded(nn.BatchNorm1d(1)), cells()), "takes 1 or 2 axes"),
    ((Folded(nn.ConvTranspose2d(1, 2, 3)), cells()), "a ConvTranspose2d cannot be deployed"),
    ((nn.Flatten(1), cells()), "flattens the axes of time or batch"),
    ((cells(64),), "takes 64 inputs and gets a shape of (1, 8, 8)"),
    ((cells(), Folded(nn.Conv2d(1, 2, 3))), "ends with a linear part"),
    ((cells(), theirs.VotingLayer(2)), "takes single steps"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_what_cannot_be_deployed_is_refused_by_name(modules, message):
    with pytest.raises(RunError) as caught:
        snn.Network.from_torch(nn.Sequential(*modules), shape=(1, 8, 8))
    assert message in str(caught.value)


def test_the_shape_is_asked_for_and_checked():
    net = nn.Sequential(Folded(nn.Conv2d(1, 2, 3)), cells())
    with pytest.raises(RunError, match=r"the shape of its input is not known. Give shape, .*\(1, 28, 28\)"):
        snn.Network.from_torch(net)
    for shape in ((), (1, 0, 8), "image", (1, 2.5, 8)):
        with pytest.raises(RunError, match="from_torch.shape: is"):
            snn.Network.from_torch(net, shape=shape)
    with pytest.raises(DataError, match=r"\[T, B, 1, 8, 8\]"):
        snn.Network.from_torch(net, shape=(1, 8, 8)).run(spikes(4, 2, 64))
    with pytest.raises(DataError, match="spikes of 10 neurons. The input has 64"):
        snn.Network.from_torch(net, shape=(1, 8, 8)).run(snn.Spikes.from_dense(np.ones((3, 10), bool), DT))
