"""A loss or gradient that is not finite stops a run, and the message says which layer and time step made it."""
import math

import pytest
import torch
from spikingjelly.activation_based import neuron
from torch import nn
from toy import CLASSES, B, N, T, Toy, make_net

from snn.errors import DataError, RunError
from snn.neurons import LIF
from snn.train import checkpoint
from snn.train.fitting import fit
from snn.train.folded import Folded
from snn.train.guard import find_origin
from snn.train.held import reset
from snn.train.layer import Layer
from snn.train.losses import CrossEntropy
from snn.train.readout import Mean

pytestmark = pytest.mark.usefixtures("one_thread")


class Spoil(nn.Module):
    """Puts ``value`` into its input at some time step, from its ``after``-th call in training on."""

    def __init__(self, step=5, after=7, value=math.nan):
        super().__init__()
        self.step, self.left, self.value = step, after, value

    def forward(self, x):
        self.left -= self.training
        if self.left >= 0:
            return x
        return torch.where(torch.arange(len(x))[:, None, None] == self.step, self.value, x)


def spoiled(*at, **how):
    """make_net with a Spoil before the modules of these numbers."""
    modules = []
    for k, module in enumerate(make_net()):
        modules += [Spoil(**how), module] if k in at else [module]
    return nn.Sequential(*modules)


def train(net, out=None, lr=0.01, **more):
    return fit(net, Toy(), CrossEntropy(), torch.optim.SGD(net.parameters(), lr), epochs=3, out=out, **more)


def test_the_layer_and_the_step_are_named(tmp_path):
    net = spoiled(4)
    with pytest.raises(RunError, match=r"fit\.loss: is nan in epoch 1, batch 2; the first such value is the output of "
                                       r"layer '4' \(Spoil\) at time step 5\. The last good checkpoint is .*\. A "):
        train(net, tmp_path)
    saved = checkpoint.load_run(tmp_path / "checkpoint.pt")
    assert (saved["epoch"], saved["batch"]) == (1, 0) and all(v.isfinite().all() for v in saved["net"].values())


def test_nested_layers_and_no_folder():
    inner = nn.Sequential(nn.Identity(), Spoil(2, 3), nn.Linear(10, CLASSES))
    net = nn.Sequential(nn.Sequential(*make_net()[:3]), inner, Mean())
    with pytest.raises(RunError, match=r"epoch 0, batch 3; .* layer '1\.1' \(Spoil\) at time step 2\. There is no"):
        train(net)


def ours():
    return Layer(LIF(E_L=0, V_th=3e38, V_reset=-3e38, t_ref=0, tau_m=1e9), 2, dt=1.0)


@pytest.mark.parametrize("make", [ours, lambda: neuron.IFNode(step_mode="m")], ids=["ours", "spikingjelly"])
def test_a_membrane_that_overflows_behind_spikes_that_are_finite(make):
    net = nn.Sequential(nn.Identity(), make())
    x = torch.zeros(T, B, 2)
    x[:, 1, 0] = -1e38
    origin = find_origin(net, lambda: reset(net)(x), T, B)
    assert (origin.module, origin.what, origin.step) == ("1", "state", 3)


def test_modules_on_folded_steps():
    class Spoiled(nn.Module):
        def forward(self, x):
            x = x.unflatten(0, (T, B)).clone()
            x[6, 2] = math.inf
            return x.flatten(0, 1)

    net = nn.Sequential(Folded(nn.Linear(N, 4), Spoiled(), nn.Linear(4, CLASSES)), Mean())
    with pytest.raises(RunError, match=r"layer '0\.1' \(Spoiled\) at time step 6\."):
        train(net)


def test_single_step_modules_count_their_calls():
    class Loop(nn.Module):
        def __init__(self):
            super().__init__()
            self.read, self.spoil = nn.Linear(N, CLASSES), nn.Identity()

        def forward(self, x):
            return torch.stack([self.spoil(self.read(x[t])) for t in range(T)]).mean(0)

    net = Loop()
    calls = iter(range(100))
    net.spoil.register_forward_hook(lambda m, a, out: out / 0 if next(calls) % T == 6 else out)
    with pytest.raises(RunError, match=r"fit\.loss: is nan .*layer 'spoil' \(Identity\) at time step 6"):
        train(net)


def test_random_numbers_are_repeated():
    """The value that is not finite depends on a dropout mask; it is found because the generator is put back."""
    class Unlucky(nn.Module):
        def forward(self, x):
            drawn = torch.rand(T)
            self.drawn.append(drawn)
            return x / (drawn > 0.02)[:, None, None]

    unlucky = Unlucky()
    unlucky.drawn = []
    net = nn.Sequential(nn.Linear(N, CLASSES), unlucky, Mean())
    torch.manual_seed(2)
    with pytest.raises(RunError) as caught:
        fit(net, Toy(50), CrossEntropy(), torch.optim.SGD(net.parameters(), 0.01), epochs=9)
    assert torch.equal(unlucky.drawn[-1], unlucky.drawn[-2])
    step = int((unlucky.drawn[-1] <= 0.02).nonzero()[0])
    assert f"layer '1' (Unlucky) at time step {step}." in str(caught.value)


def test_gradients():
    class Sqrt(nn.Module):
        def forward(self, x):
            return (x * 0).abs().sqrt()

    net = nn.Sequential(nn.Linear(N, 4), Sqrt(), nn.Linear(4, CLASSES), Mean())
    before = [p.clone() for p in net.parameters()]
    with pytest.raises(RunError, match=r"fit\.gradient: the gradient of parameter '0\.bias' \(and of 1 before it\) is "
                                       r"not finite in epoch 0, batch 0\. There is no checkpoint"):
        train(net)
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))


def test_a_loss_of_its_own_making():
    net = make_net()
    with pytest.raises(RunError, match=r"fit\.loss: is inf in .*; all outputs of the net are finite\."):
        fit(net, Toy(), lambda out, y: out.square().sum() / 0, torch.optim.SGD(net.parameters(), 0.1), epochs=1)


def test_data_that_are_not_finite():
    x, y = Toy().batch(0, 0)
    x[3, 2, 1] = math.nan
    net = nn.Sequential(nn.Linear(N, CLASSES), Mean())
    with pytest.raises(DataError, match=r"fit\.data: x of epoch 0, batch 0 is not finite \(time step 3, sample 2\)"):
        fit(net, [(x, y)], CrossEntropy(), torch.optim.SGD(net.parameters(), 0.1), epochs=1)


def test_parameters_that_are_not_finite():
    net = make_net()
    with torch.no_grad():
        net[3].bias[1] = math.inf
    with pytest.raises(RunError, match=r"the first such value is the parameter bias of layer '3' \(Linear\)\."):
        train(net)
