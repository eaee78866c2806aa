"""Kernels of delays: formulas and schedule of the paper, gradients of all executions, the DCLS package."""
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from delays import KERNELS, gradients, layer, spikes
from torch import nn

from snn.train.delay import AxonalDelay, Delay
from snn.train.held import reset
from snn.train.kernels_of_delay import Gaussian, Linear, Rounded, SmoothedGradient
from snn.train.shift import shift
from snn.train.taps import dense, plain

FIXTURES = Path(__file__).parents[1] / "fixtures"

# Kernels

def test_gaussian_is_the_formula_of_the_paper():
    d, width, longest = 3.3, 1.7, 8
    taps = Gaussian().taps(torch.tensor([d], dtype=torch.double), longest, width)
    g = [math.exp(-0.5 * ((k - d) / (width + 0.27)) ** 2) for k in range(longest + 1)]
    assert taps.first.tolist() == [0]
    assert taps.weights[0].tolist() == pytest.approx([x / (sum(g) + 1e-7) for x in g], rel=1e-12)


@pytest.mark.parametrize(("dtype", "taps", "lost"), [(torch.float32, 6, 1e-7), (torch.float64, 12, 1e-15)])
def test_narrow_gaussian_leaves_out_only_what_is_below_the_resolution(dtype, taps, lost):
    steps = torch.linspace(0, 30, 301, dtype=dtype)
    few, width = Gaussian().taps(steps, 30, 0.23), 0.5
    assert few.weights.shape == (301, taps)
    g = torch.exp(-0.5 * ((torch.arange(31.0, dtype=torch.double) - steps.double()[:, None]) / width) ** 2)
    full = g / (g.sum(-1, keepdim=True) + 1e-7)
    kept = torch.zeros_like(full).scatter(-1, few.first[:, None] + torch.arange(taps), few.weights.double())
    assert (kept - full).abs().max() < max(lost, 2 * torch.finfo(dtype).eps)


def test_schedule_of_the_paper():
    """From K // 2 by one factor per epoch to 0.23 at a quarter of the epochs; sigma is 0.5 from then on."""
    made = Delay(2, 2, longest=240.0, dt=10.0)
    widths = []
    for epoch in range(40):
        made.anneal(epoch / 40)
        widths.append(made.width)
    assert widths[0] == 12 and widths[10:] == pytest.approx([0.23] * 30)
    assert widths[1:11] == pytest.approx([12 * (0.23 / 12) ** (e / 10) for e in range(1, 11)])
    assert Gaussian(narrow=0.5, share=1.0).width(1.0, 24) == 0.5
    assert Linear().width(0.5, 24) == 0.0


def test_linear_has_two_taps_and_evaluation_one():
    made = layer(Linear(), n_in=1, n_out=1)
    for d, expected in ((2.25, {2: 0.75, 3: 0.25}), (0.0, {0: 1.0}), (8.0, {8: 1.0}), (7.5, {7: 0.5, 8: 0.5})):
        with torch.no_grad():
            made.steps.fill_(d)
            made.weight.fill_(1.0)
        assert response(made.train()) == expected
        assert response(made.eval()) == {round(d): 1.0}


def response(made):
    """{steps: value} of what a single spike at time 0 causes."""
    made.reset()
    x = torch.zeros(20, 1, 1, dtype=torch.double)
    x[0] = 1
    out = made(x).detach().flatten()
    return {int(t): float(out[t]) for t in out.nonzero().flatten()}


@pytest.mark.parametrize("kernel", KERNELS)
def test_at_the_end_of_the_schedule_evaluation_is_one_tap(kernel):
    made = layer(kernel, progress=1.0)
    whole = made.whole_steps()
    assert whole.dtype == np.int64 and np.array_equal(whole, np.rint(made.steps.detach().numpy()))
    with torch.no_grad():
        made.steps.copy_(torch.from_numpy(whole))
    x = spikes()
    trained = made(x).detach()
    reset(made.eval())
    change = (made(x) - trained).abs().max() / made.weight.abs().sum(1).max()
    # Two taps at a whole step are one; a bell of sigma = 0.5 has 0.79 of its mass there.
    assert 0.01 < change < 0.5 if type(kernel) is Gaussian else change < 1e-12


# Gradients

@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("progress", [0.0, 0.3])
@pytest.mark.parametrize("make", [layer, lambda kernel, execution: AxonalDelay(
    5, longest=8.0, dt=1.0, kernel=kernel, execution=execution).double()], ids=["synaptic", "axonal"])
def test_executions_agree_in_values_and_gradients(kernel, progress, make):
    results = []
    for execution in (shift, dense, plain, None):
        torch.manual_seed(4)
        made = make(kernel, execution=execution)
        made.anneal(progress)
        results.append(gradients(made, spikes()))
    for out, grads in results[1:]:
        torch.testing.assert_close(out, results[0][0], rtol=0, atol=1e-12)
        for a, b in zip(grads, results[0][1], strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kernel", [Gaussian(), Linear()])
def test_gradients_pass_gradcheck(kernel):
    made = layer(kernel, n_in=2, n_out=2, longest=3.0, bias=True)
    x = spikes(5, 1, 2).requires_grad_()

    def run(x, weight, steps, bias):
        return torch.func.functional_call(made, {"weight": weight, "steps": steps, "bias": bias}, (x,))[-1]

    def fresh(*args):
        made.reset()
        return run(*args)
    assert torch.autograd.gradcheck(fresh, (x, made.weight, made.steps, made.bias))


@pytest.mark.parametrize("kernel", [SmoothedGradient(), Rounded()])
def test_smoothed_gradient_is_its_formula(kernel):
    made = layer(kernel, n_in=2, n_out=1, longest=4.0, progress=0.1)
    x, sigma = spikes(9, 2, 2), made.width + 0.27
    out_grad = torch.randn(9, 2, 1, dtype=torch.double)
    grads = dict(zip(["x", *dict(made.named_parameters())], gradients(made, x, out_grad)[1], strict=True))
    bell = {m: math.exp(-0.5 * (m / sigma) ** 2) for m in range(-4, 5)}
    slope = {m: m / sigma ** 2 * g / sum(bell.values()) for m, g in bell.items()}

    def smoothed(s, j):
        return sum(slope[m] * x[s - m, :, j] for m in slope if 0 <= s - m < 9)
    for j in range(2):
        d = float(made.steps.detach()[0, j])
        low = min(int(d), 3)
        share = d - low if type(kernel) is SmoothedGradient else float(d - low > 0.5)
        total = sum(out_grad[t, :, 0] * ((1 - share) * smoothed(t - low, j) + share * smoothed(t - low - 1, j))
                    for t in range(9)).sum()
        assert float(grads["steps"][0, j]) == pytest.approx(float((made.weight[0, j] * total).detach()), rel=1e-10)
    if type(kernel) is Rounded:
        return
    linear = layer(Linear(), n_in=2, n_out=1, longest=4.0)
    linear.load_state_dict(made.state_dict())
    for a, b, name in zip(gradients(linear, x, out_grad)[1], grads.values(), grads, strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-12) == (name != "steps")


@pytest.mark.parametrize(("version", "kernel"), [("gauss", Gaussian()), ("v1", Linear())])
@pytest.mark.parametrize("execution", [shift, dense])
def test_equals_the_dcls_package(version, kernel, execution):
    """tests/fixtures/make_dcls.py made the file with the package itself. It divides by the sum of the taps plus 1e-7 in
    all versions; linear taps sum to 1 without that."""
    scale = 1 if version == "gauss" else 1 + 1e-7
    with np.load(FIXTURES / f"dcls_{version}.npz") as saved:
        theirs = {name: torch.from_numpy(saved[name]) for name in saved}
    made = Delay(3, 4, longest=6.0, dt=1.0, kernel=kernel, execution=execution).double()
    with torch.no_grad():
        made.weight.copy_(theirs["weight"])
        made.steps.copy_(theirs["steps"])
    made.width = 1.3
    out, grads = gradients(made, theirs["x"], theirs["out_grad"])
    found = dict(zip(["x", *dict(made.named_parameters())], grads, strict=True))
    torch.testing.assert_close(out, theirs["out"] * scale, rtol=0, atol=1e-12)
    for name, grad in found.items():
        torch.testing.assert_close(grad, theirs[f"{name}_grad"] * scale, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kernel", KERNELS)
def test_axonal_delays_are_synaptic_ones_with_equal_columns(kernel):
    axonal, weight = AxonalDelay(5, longest=8.0, dt=1.0, kernel=kernel).double(), torch.randn(4, 5, dtype=torch.double)
    synaptic = layer(kernel)
    axonal.anneal(0.3)
    with torch.no_grad():
        synaptic.weight.copy_(weight)
        synaptic.steps.copy_(axonal.steps.expand(4, 5))
    net = nn.Sequential(axonal, nn.Linear(5, 4, bias=False, dtype=torch.double))
    with torch.no_grad():
        net[1].weight.copy_(weight)
    for mode in (True, False):
        net.train(mode)
        synaptic.train(mode)
        ours, theirs = (gradients(m, spikes())[0] for m in (net, synaptic)) if mode else (
            m(spikes()) for m in (reset(net), reset(synaptic)))
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    net.train(), synaptic.train()
    gx, gd = gradients(net, spikes())[1][:2]
    names = ["x", *dict(synaptic.named_parameters())]
    theirs = dict(zip(names, gradients(synaptic, spikes())[1], strict=True))
    torch.testing.assert_close(gx, theirs["x"], rtol=0, atol=1e-10)
    torch.testing.assert_close(gd, theirs["steps"].sum(0), rtol=0, atol=1e-10)
