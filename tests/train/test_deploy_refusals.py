"""What cannot be deployed is refused by name and place, and so is input that is no spikes."""
import pytest
import torch
from spikingjelly.activation_based import neuron as their_neuron
from torch import nn

import snn
from snn.errors import DataError, RunError
from snn.neurons import IF, LIF
from snn.train.delay import Delay
from snn.train.folded import Folded
from snn.train.layer import Layer
from snn.train.readout import SumOfSoftmax

DT = 10.0
LIF1 = LIF(tau_m=15.0, E_L=0.0, V_th=1.0, V_reset=0.0, t_ref=0.0)


def cells(n, **options):
    return Layer(LIF1, n, dt=DT, **options)


def delay(n_in, n_out):
    return Delay(n_in, n_out, longest=120.0, dt=DT)


class Own(nn.Module):
    def forward(self, x):
        return x


@pytest.mark.parametrize(("net", "message"), [
    (nn.Sequential(nn.Bilinear(4, 4, 3), cells(4)), "from_torch.0: a Bilinear cannot be deployed"),
    (nn.Sequential(nn.Linear(4, 4), Folded(nn.GELU()), cells(4)), "from_torch.1.0: a GELU cannot be deployed"),
    (nn.Sequential(nn.Linear(4, 4), their_neuron.QIFNode(step_mode="m")), "from_torch.1: a QIFNode cannot be taken"),
    (Own(), "from_torch.net: a Own cannot be deployed"),
    (nn.Sequential(nn.Linear(4, 4)), "has no Layer"),
    (nn.Sequential(nn.Linear(4, 4), cells(4), nn.Linear(4, 2)), "ends with a linear part"),
    (nn.Sequential(nn.Linear(4, 4), cells(4), SumOfSoftmax(), nn.Linear(4, 2)), "after the readout"),
    (nn.Sequential(nn.Linear(4, 4), cells(5)), "takes 5 inputs and gets 4"),
    (nn.Sequential(nn.Linear(4, 4), cells(4, emit="v"), nn.Linear(4, 2), cells(2)), "graded values"),
    (nn.Sequential(nn.Linear(4, 4), cells(4, emit="margin")), "gives its margin"),
    (nn.Sequential(nn.Linear(4, 4), cells(4), Layer(LIF1, 4, dt=5.0)), "steps of 5 ms"),
    (nn.Sequential(delay(4, 4), nn.Linear(4, 4), delay(4, 4), cells(4)), "several delays"),
    (nn.Sequential(nn.Linear(4, 4), Layer(IF(E_L=2.0, V_th=1.0, V_reset=0.0), 4, dt=DT)), "does not stay at rest"),
    (nn.Sequential(Layer(LIF1, dt=DT)), "number of neurons is not known"),
    (nn.Sequential(Folded(nn.BatchNorm1d(4, track_running_stats=False)), cells(4)), "running statistics"),
    ("net", "from_torch.net: is a str"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_what_cannot_be_deployed_is_refused_by_name(net, message):
    with pytest.raises(RunError, match="Network.from_torch") as caught:
        snn.Network.from_torch(net)
    assert message in str(caught.value)


@pytest.mark.parametrize(("x", "message"), [
    (torch.full((5, 2, 4), 0.5), "no numbers of spikes"),
    (-torch.ones(5, 2, 4), "no numbers of spikes"),
    (torch.full((5, 2, 4), torch.nan), "no numbers of spikes"),
    (torch.zeros(5, 2, 3), r"\[T, B, 4\]"),
    (torch.zeros(0, 2, 4), "one step"),
    (torch.zeros(4), "has shape"),
])
def test_bad_input(x, message):
    deployed = snn.Network.from_torch(nn.Sequential(nn.Linear(4, 4), cells(4)))
    with pytest.raises(DataError, match=message):
        deployed.run(x)
    with pytest.raises(DataError, match="Give one"):
        deployed.feed(torch.zeros(5, 2, 4))


def test_bad_graded_input():
    deployed = snn.Network.from_torch(nn.Sequential(nn.Linear(4, 4), cells(4)))
    with pytest.raises(DataError, match=r"is not finite \(nan\)"):
        deployed.run(torch.full((5, 2, 4), torch.nan), graded=True)
    with pytest.raises(DataError, match=r"\[T, B, 4\]"):
        deployed.run(torch.zeros(5, 2, 3), graded=True)
    net = nn.Sequential(Folded(nn.MaxPool1d(2), nn.Flatten()), cells(4))
    pooled = snn.Network.from_torch(net, shape=(1, 8))
    with pytest.raises(DataError, match="where the first layer is max pooling"):
        pooled.run(torch.full((5, 2, 1, 8), 0.5), graded=True)


def test_dt_is_checked():
    with pytest.raises(RunError, match="dt: has steps of 5 ms"):
        snn.Network.from_torch(nn.Sequential(nn.Linear(4, 4), cells(4)), dt=5.0)
