"""Readouts: their values, and that steps outside of a mask do not exist."""
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from snn.errors import DataError
from snn.train.readout import EveryStep, Last, Max, Mean, SumOfSoftmax

pytestmark = pytest.mark.usefixtures("one_thread")

READOUTS = [Last(), Max(), Mean(), SumOfSoftmax()]


def course(T=7, B=4, C=3, seed=0):
    return torch.randn(T, B, C, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_values():
    x = torch.tensor([[[0.0, 2.0]], [[3.0, 1.0]]])
    assert Last()(x).tolist() == [[3.0, 1.0]] and Max()(x).tolist() == [[3.0, 2.0]]
    assert Mean()(x).tolist() == [[1.5, 1.5]] and EveryStep()(x) is x
    shares = [1 / (1 + torch.tensor(2.0).exp()), 1 / (1 + torch.tensor(-2.0).exp())]
    torch.testing.assert_close(SumOfSoftmax()(x)[0, 0], shares[0] + shares[1])
    torch.testing.assert_close(SumOfSoftmax()(course()).sum(dim=1), torch.full((4,), 7.0, dtype=torch.float64))


@pytest.mark.parametrize("readout", READOUTS, ids=lambda r: type(r).__name__)
@given(lengths=st.lists(st.integers(1, 7), min_size=4, max_size=4), seed=st.integers(0, 100))
def test_a_mask_is_the_same_as_shorter_samples(readout, lengths, seed):
    """Padding may hold anything, also what is not finite; no gradient goes there."""
    x = course(seed=seed)
    mask = torch.arange(7)[:, None] < torch.tensor(lengths)
    padded = torch.where(mask[..., None], x, torch.inf).requires_grad_()
    got = readout(padded, mask)
    for b, length in enumerate(lengths):
        torch.testing.assert_close(got[b], readout(x[:length, b:b + 1])[0])
    got.square().sum().backward()
    assert (padded.grad[~mask] == 0).all() and padded.grad.isfinite().all()


def test_every_step_with_a_mask():
    x, mask = course(), torch.ones(7, 4, dtype=torch.bool)
    mask[5:, 1] = False
    kept = EveryStep()(x, mask)
    assert (kept[5:, 1] == 0).all() and torch.equal(kept[mask], x[mask])


@pytest.mark.parametrize("readout", [*READOUTS, EveryStep()], ids=lambda r: type(r).__name__)
def test_wrong_input(readout):
    name = type(readout).__name__
    for shape in ((0, 4, 3), (4, 3), (2, 3, 4, 5)):
        with pytest.raises(DataError, match=rf"{name}\.x: has shape .*\[T, B, C\]"):
            readout(torch.zeros(shape))
    for mask in (torch.ones(4, 7, dtype=torch.bool), torch.ones(7, 4)):
        with pytest.raises(DataError, match=rf"{name}\.mask: .*\(7, 4\)"):
            readout(course(), mask)
    empty = torch.ones(7, 4, dtype=torch.bool)
    empty[:, 2] = False
    with pytest.raises(DataError, match=rf"{name}\.mask: sample 2 of the batch has no step"):
        readout(course(), empty)
