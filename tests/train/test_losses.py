"""Losses and regularisers: values known in closed form, gradients against finite differences, labels refused."""
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from spikingjelly.activation_based import neuron
from torch import nn

from snn.errors import DataError, RunError
from snn.neurons import LIF
from snn.train.layer import Layer
from snn.train.losses import (
    CrossEntropy,
    FirstSpikeLoss,
    RateLoss,
    StepCrossEntropy,
    TargetRates,
    VanRossum,
    accuracy,
)
from snn.train.regularise import Quantisation, SpikeCount

pytestmark = pytest.mark.usefixtures("one_thread")


def spikes(T=9, B=4, C=3, seed=0, rate=0.3):
    return (torch.rand(T, B, C, generator=torch.Generator().manual_seed(seed)) < rate).double()


def trains(*times, T=200):
    x = torch.zeros(T, 1, len(times), dtype=torch.float64)
    for c, steps in enumerate(times):
        x[list(steps), 0, c] = 1
    return x


# -- classification -------------------------------------------------------------------------------------------------
def test_cross_entropies_are_those_of_torch():
    x, y = torch.randn(5, 4, 3), torch.tensor([0, 2, 1, 1])
    torch.testing.assert_close(CrossEntropy()(x[0], y), nn.CrossEntropyLoss()(x[0], y))
    labels = torch.randint(0, 3, (5, 4))
    mask = torch.rand(5, 4) < 0.6
    mask[0, 0] = True
    expected = nn.CrossEntropyLoss()(x[mask], labels[mask])
    torch.testing.assert_close(StepCrossEntropy()(x, (labels, mask)), expected)
    torch.testing.assert_close(StepCrossEntropy()(x, torch.where(mask, labels, -1)), expected)
    hits = StepCrossEntropy().accuracy(x, (labels, mask))
    assert torch.equal(hits, (x.argmax(2) == labels)[mask].float()) and len(hits) == mask.sum()


def test_rates():
    s = trains((1, 5, 7), (2,), ())[:10]
    y = torch.tensor([0])
    torch.testing.assert_close(RateLoss()(s, y), -torch.tensor([3.0, 1.0, 0.0]).double().log_softmax(0)[0])
    loss = RateLoss(target=TargetRates(right=0.5, wrong=0.1))
    assert loss(s, y).item() == pytest.approx(((0.3 - 0.5) ** 2 + 0.0 + 0.1**2) / 3)
    assert loss.accuracy(s, y).tolist() == [1.0] and loss.accuracy(s, torch.tensor([1])).tolist() == [0.0]


@given(seed=st.integers(0, 1000), rate=st.floats(0.0, 1.0))
def test_first_spike_times(seed, rate):
    s = spikes(seed=seed, rate=rate)
    times = FirstSpikeLoss(dt=0.5, tau=3.0).times(s).numpy()
    expected = np.where(s.numpy().any(0), s.numpy().argmax(0), len(s)) * 0.5
    assert np.array_equal(times, expected)


def test_first_spike_loss():
    loss = FirstSpikeLoss(dt=2.0, tau=5.0)
    s = trains((3, 6), (9,), (), T=12).requires_grad_()
    value = loss(s, torch.tensor([1]))
    times = np.array([6.0, 18.0, 24.0])
    assert value.item() == pytest.approx(18 / 5 + np.log(np.exp(-times / 5).sum()))
    assert loss.accuracy(s, torch.tensor([0])).item() == 1
    value.backward()
    late, never = s.grad[:, 0, 1], s.grad[:, 0, 2]
    # The right class is driven to fire earlier; a silent wrong class is held back, the more the earlier the step.
    assert (late[:9] < 0).all() and (never > 0).all() and (never.diff() < 0).all()


def test_a_silent_right_class_is_driven_to_fire():
    s = torch.zeros(12, 1, 3, dtype=torch.float64, requires_grad=True)
    FirstSpikeLoss(dt=1.0, tau=4.0)(s, torch.tensor([2])).backward()
    assert (s.grad[:, 0, 2] < 0).all() and (s.grad[:, 0, :2] > 0).all()
    assert s.grad[0, 0, 2].item() == pytest.approx(-12 / 4 * (1 - 1 / 3))


def test_gradients():
    """The formulas as such, at values between 0 and 1 where they are smooth."""
    x = torch.rand(5, 2, 3, dtype=torch.float64, requires_grad=True)
    y = torch.tensor([2, 0])
    for loss in (FirstSpikeLoss(dt=1.0, tau=2.0), RateLoss(), RateLoss(target=TargetRates())):
        assert torch.autograd.gradcheck(lambda z, loss=loss: loss(z, y), x)
    target = spikes(5, 2)
    assert torch.autograd.gradcheck(lambda z: VanRossum(dt=1.0, tau=3.0)(z, target), x)


# -- distance -------------------------------------------------------------------------------------------------------
def test_van_rossum_distance_is_that_of_the_integral():
    loss = VanRossum(dt=0.5, tau=7.0)
    none, one = trains((), T=40), trains((3,), T=40)
    assert loss(one, none).item() == pytest.approx(0.5)
    assert loss(trains((39,), T=40), none).item() == pytest.approx(0.5)
    assert loss(one, one).item() == 0
    assert loss(one, trains((13,), T=40)).item() == pytest.approx(1 - math.exp(-5.0 / 7.0))
    assert loss(trains((3, 39), T=40), none).item() == pytest.approx(1 + math.exp(-18.0 / 7.0))
    two = torch.cat([one, none], dim=2)
    assert loss(two, torch.zeros_like(two)).item() == pytest.approx(0.25)


def test_training_moves_spikes_to_their_target():
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(20, 5), Layer(LIF(E_L=0, V_th=1, V_reset=0, t_ref=0, tau_m=10.0), 5, dt=1.0))
    x, target = spikes(60, 2, 20).float(), spikes(60, 2, 5, seed=3, rate=0.1).float()
    loss, optimiser = VanRossum(dt=1.0, tau=5.0), torch.optim.Adam(net.parameters(), 0.02)
    course = []
    for _ in range(40):
        net[1].reset()
        optimiser.zero_grad()
        course.append(loss(net(x), target))
        course[-1].backward()
        optimiser.step()
    assert course[-1] < 0.5 * course[0]


# -- wrong labels ---------------------------------------------------------------------------------------------------
CASES = [(CrossEntropy(), (4, 3), (4,)), (StepCrossEntropy(), (6, 4, 3), (6, 4)), (RateLoss(), (6, 4, 3), (4,)),
         (RateLoss(target=TargetRates()), (6, 4, 3), (4,)), (FirstSpikeLoss(dt=1.0, tau=2.0), (6, 4, 3), (4,))]


@pytest.mark.parametrize("loss, output, labels", CASES, ids=lambda v: type(v).__name__)
def test_wrong_labels(loss, output, labels):
    name, x = type(loss).__name__, torch.rand(output)
    lowest = -1 if isinstance(loss, StepCrossEntropy) else 0
    for bad in (3, lowest - 1):
        y = torch.ones(labels, dtype=torch.int64)
        y.view(-1)[1] = bad
        with pytest.raises(DataError, match=rf"{name}\.y: has the label {bad} for 3 classes. Labels go from"):
            loss(x, y)
    for y in (torch.ones(labels), torch.ones(labels, dtype=torch.bool), [1, 2, 0, 1]):
        with pytest.raises(DataError, match=rf"{name}\.y: .*"):
            loss(x, y)
    with pytest.raises(DataError, match=rf"{name}\.y: has shape .* must be"):
        loss(x, torch.ones((*labels, 1), dtype=torch.int64))
    with pytest.raises(DataError, match=rf"{name}\.output: is .*must be \["):
        loss(torch.rand(*output, 2), torch.ones(labels, dtype=torch.int64))
    assert loss(x, torch.ones(labels, dtype=torch.uint8)).isfinite()


def test_steps_without_classes():
    x = torch.rand(6, 4, 3)
    with pytest.raises(DataError, match="no step of the batch has a class"):
        StepCrossEntropy()(x, torch.full((6, 4), -1))
    with pytest.raises(DataError, match="the mask is torch.float32"):
        StepCrossEntropy()(x, (torch.ones(6, 4, dtype=torch.int64), torch.ones(6, 4)))
    assert accuracy(x, torch.full((6, 4), -1)).shape == (0,)


@pytest.mark.parametrize("make, pattern", [
    (lambda: FirstSpikeLoss(dt=1.0, tau=0.0), r"FirstSpikeLoss\.tau: is 0\.0 ms"),
    (lambda: FirstSpikeLoss(dt=math.inf, tau=1.0), r"FirstSpikeLoss\.dt: is inf ms"),
    (lambda: VanRossum(dt=-1.0, tau=1.0), r"VanRossum\.dt: is -1\.0 ms"),
    (lambda: TargetRates(right=1.2), r"TargetRates\.right: is 1\.2"),
    (lambda: RateLoss(target=0.5), r"RateLoss\.target: is 0\.5"),
    (lambda: SpikeCount("1", upper=3.0), r"SpikeCount\.layers: is '1'"),
    (lambda: SpikeCount(["1"]), r"SpikeCount\.upper: neither"),
    (lambda: SpikeCount(["1"], lower=3.0, upper=2.0), r"SpikeCount\.lower: is above upper"),
    (lambda: SpikeCount(["1"], lower=-3.0), r"SpikeCount\.lower: is -3\.0 spikes"),
    (lambda: Quantisation(["1"], weight=math.nan), r"Quantisation\.weight: is nan"),
])
def test_wrong_parameters(make, pattern):
    with pytest.raises(RunError, match=pattern):
        make()


def test_a_target_of_another_shape():
    with pytest.raises(DataError, match=r"VanRossum\.y: is \(9, 4, 2\).*\(9, 4, 3\)"):
        VanRossum(dt=1.0, tau=1.0)(spikes(), spikes(C=2))


# -- regularisers ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("step_mode", ["m", "s"])
def test_spike_counts(step_mode):
    lif = neuron.LIFNode(tau=2.0, step_mode=step_mode)
    net, x = nn.Sequential(nn.Identity(), lif), torch.rand(20, 3, 6, generator=torch.Generator().manual_seed(0))
    x = x * torch.linspace(1.0, 6.0, 6)
    with SpikeCount(["1"], lower=5.0, upper=7.0, weight=0.5).attach(net) as attached:
        out = net(x) if step_mode == "m" else torch.stack([net(x[t]) for t in range(20)])
        n = out.sum(0)
        below, above = (5 - n).clamp(min=0), (n - 7).clamp(min=0)
        assert below.any() and above.any()
        assert attached.penalty().item() == pytest.approx(0.5 * (below**2 + above**2).mean().item())
        with pytest.raises(RunError, match="has not run"):
            attached.penalty()
    lif.reset()
    net(x if step_mode == "m" else x[0])
    with pytest.raises(RunError, match="has not run"):
        attached.penalty()


def test_quantisation_against_potentials_kept_by_hand():
    net = nn.Sequential(Layer(LIF(E_L=0, V_th=1, V_reset=0, t_ref=0, tau_m=10.0), 6, dt=1.0))
    x = 0.5 * torch.rand(20, 3, 6, generator=torch.Generator().manual_seed(0))
    with Quantisation([net[0]], weight=2.0).attach(net) as attached:
        net(x)
        got = attached.penalty().item()
    v, errors = torch.zeros(3, 6), []
    for t in range(20):
        v = v * math.exp(-0.1) + x[t]
        z = (v >= 1).float()
        errors.append((0.5 * v - z).square())
        v = v * (1 - z)
    assert got == pytest.approx(2 * torch.stack(errors).mean().item(), rel=1e-5)


def test_layers_that_are_not_there():
    net = nn.Sequential(nn.Linear(2, 2))
    with pytest.raises(RunError, match=r"SpikeCount\.layers: 'lif' is not in the net. Its layers are 0"):
        SpikeCount(["lif"], upper=1.0).attach(net)
    with pytest.raises(RunError, match=r"SpikeCount\.layers: a Linear is not in the net"):
        SpikeCount([nn.Linear(2, 2)], upper=1.0).attach(net)
    with pytest.raises(RunError, match=r"Quantisation\.layers: '0' is a Linear. It must be a Layer"):
        Quantisation(["0"]).attach(net)
