"""Modules applied to all steps at once, and dropout with one mask."""
import pytest
import torch
from spikingjelly.activation_based import layer as their_layer
from torch import nn

from snn.errors import ModelError, RunError
from snn.neurons import LIF
from snn.train.folded import Dropout, Folded
from snn.train.layer import Layer


def test_equals_step_by_step_and_spikingjelly():
    torch.manual_seed(0)
    modules = [nn.Conv2d(2, 5, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(45, 4)]
    x = torch.randn(6, 3, 2, 8, 8)
    out = Folded(*modules)(x)
    assert out.shape == (6, 3, 4)
    torch.testing.assert_close(out, torch.stack([nn.Sequential(*modules)(one) for one in x]))
    torch.testing.assert_close(out, their_layer.SeqToANNContainer(*modules)(x), rtol=0, atol=0)


def test_statistics_are_over_time_and_batch():
    norm = nn.BatchNorm1d(4)
    out = Folded(norm)(3.0 + torch.randn(50, 7, 4, generator=torch.Generator().manual_seed(0)))
    torch.testing.assert_close(out.mean((0, 1)), torch.zeros(4), atol=1e-5, rtol=0)
    assert (norm.running_mean > 0.2).all()


def test_nothing_is_copied():
    class Same(nn.Module):
        def forward(self, x):
            self.seen = x
            return x

    same = Same()
    channels_last = torch.rand(4, 3, 8, 8, 2).movedim(-1, 2)
    for x in (torch.rand(4, 3, 5), channels_last):
        out = Folded(same)(x)
        assert out.data_ptr() == x.data_ptr() == same.seen.data_ptr() and out.stride() == x.stride()
    assert same.seen.is_contiguous(memory_format=torch.channels_last)
    conv = nn.Conv2d(2, 6, 3).to(memory_format=torch.channels_last)
    out = Layer(LIF(E_L=0.0, V_th=1.0, V_reset=0.0, t_ref=0.0), dt=1.0)(Folded(conv)(channels_last))
    assert out.movedim(2, -1).is_contiguous()


def test_one_mask_for_all_steps():
    torch.manual_seed(0)
    dropout, x = Dropout(0.3), torch.ones(20, 50, 40)
    out = dropout(x)
    assert (out == out[:1]).all()
    assert out.unique().tolist() == pytest.approx([0.0, 1 / 0.7])
    assert (out[0] == 0).float().mean().item() == pytest.approx(0.3, abs=0.03)
    assert not torch.equal(dropout(x), out)
    assert dropout.eval()(x) is x and Dropout(0.0)(x) is x and (Dropout(1.0)(x) == 0).all()


def test_errors():
    with pytest.raises(ModelError, match=r"Folded\[1\]: a Layer holds a state"):
        Folded(nn.Linear(3, 3), Layer(LIF(), dt=1.0))
    with pytest.raises(RunError, match=r"Folded\.x: has shape \[5, 3\]"):
        Folded(nn.Linear(3, 3))(torch.rand(5, 3))
    with pytest.raises(RunError, match=r"Dropout\.x: has shape \[5, 3\]"):
        Dropout()(torch.rand(5, 3))
    for p in (-0.1, 1.5, "half", float("nan")):
        with pytest.raises(ModelError, match=r"Dropout\.p: is .* A probability from 0 to 1"):
            Dropout(p)
