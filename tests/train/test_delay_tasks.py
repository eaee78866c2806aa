"""The tasks whose answer lies in delays, and the delays that training finds."""
import numpy as np
import pytest
import torch
from torch import nn

from snn.datasets.synthetic_delays import DelayLags, DelayTeacher
from snn.errors import DataError
from snn.train.delay import Delay, parameter_groups
from snn.train.kernels_of_delay import Gaussian


def recovered(task, seed, updates, n=1024):
    torch.manual_seed(seed)
    x, y = (torch.from_numpy(a).float().transpose(0, 1).contiguous() for a in task.draw(n, seed=seed))
    made = Delay(task.inputs, task.outputs, longest=float(task.longest), dt=1.0, kernel=Gaussian(share=0.9))
    nn.init.zeros_(made.weight)
    optimiser = torch.optim.Adam(parameter_groups(made, lr=0.03, ratio=0.1 / 0.03))
    for update in range(updates):
        made.reset()
        made.anneal(update / updates)
        batch = torch.randint(n, (16,))
        loss = (made(x[:, batch]) - y[:, batch]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        made.constrain()
    return made


@pytest.mark.usefixtures("one_thread")
def test_delays_of_a_small_teacher_are_recovered():
    task = DelayTeacher(inputs=3, outputs=2, steps=60, longest=6, rate=0.1)
    made = recovered(task, 0, 400, n=128)
    assert np.array_equal(made.whole_steps(), task.delays)


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_delays_of_a_teacher_are_recovered(seed):
    task = DelayTeacher(teacher=seed)
    made = recovered(task, seed, 1500)
    assert np.array_equal(made.whole_steps(), task.delays)
    assert np.abs(made.weight.detach().numpy() - task.weights).max() < 0.5     # a bell of sigma = 0.5 is no single tap


def test_teacher_is_reproducible_and_its_answer_is_the_layer():
    task = DelayTeacher()
    x, y = task.draw(4, seed=3)
    assert np.array_equal(task.draw(2, seed=3)[0], x[:2])
    assert abs(x.mean() - 0.05) < 0.01 and set(np.unique(x)) == {0, 1}
    made = Delay(8, 4, longest=24.0, dt=1.0).eval()
    with torch.no_grad():
        made.weight.copy_(torch.from_numpy(task.weights))
        made.steps.copy_(torch.from_numpy(task.delays))
    out = made(torch.from_numpy(x).float().transpose(0, 1)).transpose(0, 1)
    assert np.allclose(out.detach().numpy(), y, atol=1e-5)
    assert not np.array_equal(task.delays, DelayTeacher(teacher=1).delays)


def test_lags_are_told_by_the_observer_and_by_no_count():
    task = DelayLags()
    x, y = task.draw(4000, seed=0)
    assert np.array_equal(task.draw(5, seed=0)[0], x[:5])
    assert x.shape == (4000, 60, 8) and (np.bincount(y) > 850).all()
    assert (task.observer(x) == y).mean() > 0.99
    counts = np.stack([x[y == c].sum(1).mean(0) for c in range(4)])            # [class, channel]
    assert np.ptp(counts, axis=0).max() < 0.08
    shared = [(x[y == c][..., ::2] & x[y == c][..., 1::2]).sum((1, 2)).mean() for c in range(4)]
    assert np.ptp(shared) < 0.05


@pytest.mark.parametrize(("make", "message"), [
    (lambda: DelayTeacher(longest=200), "DelayTeacher.longest: is 200 with 200 steps"),
    (lambda: DelayTeacher(rate=2.0), "DelayTeacher.rate: is 2.0"),
    (lambda: DelayTeacher(inputs=0), "DelayTeacher.inputs: is 0"),
    (lambda: DelayLags(lags=(1, 1)), "DelayLags.lags: are"),
    (lambda: DelayLags(lags=(1, 40)), "DelayLags.lags: are"),
    (lambda: DelayLags(jitter=-1.0), "DelayLags.jitter: is -1.0"),
    (lambda: DelayLags().draw(0, seed=0), "DelayLags.draw.n: is 0"),
])
def test_refused_tasks(make, message):
    with pytest.raises(DataError, match=message):
        make()
