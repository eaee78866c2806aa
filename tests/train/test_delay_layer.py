"""Delay layers as modules: time in steps and pieces, held inputs, parameters, checkpoints, what is refused."""
import copy
import math

import pytest
import torch
from delays import KERNELS, gradients, layer, spikes
from spikingjelly.activation_based import functional
from torch import nn

from snn.errors import ModelError, NetworkError, RunError
from snn.train.delay import Delay, cheaper, parameter_groups
from snn.train.held import detach, eager, reset
from snn.train.kernels_of_delay import Gaussian, Linear, SmoothedGradient
from snn.train.shift import shift
from snn.train.taps import dense

# Time in steps and pieces

@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("training", [True, False])
def test_step_by_step_equals_all_at_once(kernel, training):
    """Time must not grow or shrink, and single steps must hear the spikes of the steps before."""
    made, x = layer(kernel, bias=True).train(training), spikes()
    # At evaluation there is no gradient of the delays; a smoothed one uses the spikes after a step, too.
    made.steps.requires_grad_(training and not isinstance(kernel, SmoothedGradient))
    whole, wanted = gradients(made, x, torch.ones(20, 3, 4, dtype=torch.double))
    assert whole.shape == (20, 3, 4)
    functional.set_step_mode(made, "s")
    functional.reset_net(made)
    x = x.requires_grad_()
    out = torch.stack([made(now) for now in x])
    torch.testing.assert_close(out.detach(), whole, rtol=0, atol=1e-12)
    found = torch.autograd.grad(out.sum(), [x, *(p for p in made.parameters() if p.requires_grad)])
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-10)


@pytest.mark.parametrize("cut", [1, 5, 13])
def test_pieces_equal_the_whole(cut):
    made, x = layer(Gaussian()), spikes()
    whole = made(x).detach()
    reset(made)
    with torch.no_grad():
        pieces = torch.cat([made(x[:cut]), made(x[cut:])])
    torch.testing.assert_close(pieces, whole, rtol=0, atol=1e-12)


def test_reset_forgets_and_detach_keeps_values():
    made, x = layer(), spikes().requires_grad_()
    first = made(x)
    assert not torch.equal(made(x), first)                  # the spikes of the call before still arrive
    functional.reset_net(made)
    assert made.past is None
    again = made(x)
    assert torch.equal(again, first)
    again.sum().backward()
    with pytest.raises(RunError, match=r"Delay: holds a state whose graph was used up .* snn.train.reset\(net\)"):
        made(x)
    detach(made)
    assert not made.past.requires_grad and made.past.shape == (8, 3, 5)
    made(x).sum().backward()


def test_held_inputs_of_another_batch_are_refused():
    made = layer()
    made(spikes(batch=3))
    with pytest.raises(RunError, match=r"Delay.past: is held for \[3, 5\] while x has \[2, 5\]"):
        made(spikes(batch=2))


def test_functional_protocol_of_spikingjelly():
    made, x = layer(), spikes()
    whole = made(x)
    made.step_mode = "m"
    states = made.materialize_states((x[:7],), (None,), "m")
    assert states[0].shape == (8, 3, 5)
    (a,), states = made.functional_forward((x[:7],), states)
    (b,), states = made.functional_forward((x[7:],), states)
    torch.testing.assert_close(torch.cat([a, b]), whole, rtol=0, atol=1e-12)


def test_works_under_torch_func_and_eagerly():
    made, x = layer(Linear(), execution=shift), spikes()
    expected = made(x).detach()
    reset(made)
    with eager():
        torch.testing.assert_close(made(x).detach(), expected, rtol=0, atol=1e-12)
    parameters = {k: v.detach() for k, v in made.named_parameters()}

    def loss(p):
        made.reset()
        return torch.func.functional_call(made, p, (x,)).square().sum()
    found = torch.func.grad(loss)(parameters)
    made.reset()
    theirs = torch.autograd.grad(made(x).square().sum(), list(made.parameters()))
    torch.testing.assert_close(list(found.values()), list(theirs), rtol=0, atol=1e-10)


@pytest.mark.parametrize("kernel", KERNELS)
def test_mixed_precision_runs_in_the_dtype_of_the_weights(kernel):
    made, x = layer(kernel).float(), spikes().float()
    expected = gradients(made, x)
    with torch.autocast("cpu", torch.bfloat16):
        found = gradients(made, x)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


# Parameters

def test_initial_values_units_and_clamping():
    torch.manual_seed(0)
    made = Delay(300, 200, longest=240.0, dt=10.0)
    steps = made.steps.detach()
    assert 0 <= steps.min() < 0.01 and 23.99 < steps.max() <= 24 and abs(steps.mean() - 12) < 0.1
    bound = math.sqrt(6 / 300)                              # Kaiming uniform, relu
    assert 0.99 * bound < made.weight.abs().max() <= bound
    assert torch.equal(made.ms, made.steps.detach() * 10)
    with torch.no_grad():
        made.steps[0, :2] = torch.tensor([-3.0, 30.0])
    made.constrain()
    assert made.steps[0, :2].tolist() == [0.0, 24.0]


def test_parameter_groups():
    net = nn.Sequential(Delay(4, 3, longest=5.0, dt=1.0), nn.BatchNorm1d(3), nn.Linear(3, 2))
    groups = {g["name"]: g for g in parameter_groups(net, lr=1e-3, weight_decay=1e-5)}
    assert {name: len(g["params"]) for name, g in groups.items()} == {"weights": 2, "norms": 3, "delays": 1}
    assert groups["delays"]["params"][0] is net[0].steps
    assert [(g["lr"], g["weight_decay"]) for g in groups.values()] == [(1e-3, 1e-5), (1e-3, 0.0), (0.1, 0.0)]
    net[0].steps.requires_grad_(False)
    assert "delays" not in {g["name"] for g in parameter_groups(net, lr=1e-3)}
    torch.optim.Adam(parameter_groups(net, lr=1e-3))


def test_checkpoint_has_delays_and_width_and_refuses_what_does_not_fit():
    made = layer(Gaussian(), longest=80.0, dt=10.0)
    state = copy.deepcopy(made.state_dict())
    other = Delay(5, 4, longest=80.0, dt=10.0).double()
    other.load_state_dict(state)
    assert torch.equal(other.steps, made.steps)
    assert other.width == made.width != Delay(5, 4, longest=80.0, dt=10.0).width
    with pytest.raises(ModelError, match=r"Delay.steps: to be loaded holds a delay of .* steps. 0 to 2 are allowed"):
        Delay(5, 4, longest=20.0, dt=10.0).load_state_dict(state)
    with pytest.raises(ModelError, match=r"Delay.steps: to be loaded has shape \[4, 5\]. \[4, 6\] is expected"):
        Delay(6, 4, longest=80.0, dt=10.0).load_state_dict(state)
    with pytest.raises(ModelError, match=r"Delay.dt: is 5 ms while the delays to be loaded are in steps of 10 ms"):
        Delay(5, 4, longest=40.0, dt=5.0).load_state_dict(state)
    state["steps"][0, 0] = math.nan
    with pytest.raises(ModelError, match="holds a delay of nan steps"):
        other.load_state_dict(state)


def test_only_wide_kernels_are_dense():
    assert cheaper(2) is cheaper(25) is shift and cheaper(100) is dense
    assert layer()._chosen(torch.zeros(1, dtype=torch.double), 2) is shift
    assert layer()._chosen(torch.zeros(1, device="meta"), 2) is dense
    assert layer(execution=dense)._chosen(torch.zeros(1, dtype=torch.double), 2) is dense


# What is refused

@pytest.mark.parametrize(("options", "error", "message"), [
    ({"longest": 25.0, "dt": 10.0}, NetworkError, "Delay.longest: 25 ms is not a whole number .* Use 20 or 30 ms"),
    ({"longest": -1.0}, ModelError, "Delay.longest: is -1.0. A number of ms, at least 0"),
    ({"longest": math.nan}, ModelError, "Delay.longest: is nan"),
    ({"dt": 0.0}, ModelError, "Delay.dt: is 0.0. A positive number of ms"),
    ({"kernel": Gaussian}, ModelError, r"Delay.kernel: is .* Gaussian\(\), Linear\(\), "),
    ({"execution": "shift"}, ModelError, "Delay.execution: is 'shift'. None, snn.train.shift.shift or"),
    ({"n_in": 0}, ModelError, "Delay.n_in: is 0. A number of neurons"),
    ({"n_out": 2.5}, ModelError, "Delay.n_out: is 2.5"),
    ({"step_mode": "x"}, ModelError, "Delay.step_mode: is 'x'"),
])
def test_refused_arguments(options, error, message):
    with pytest.raises(error, match=message):
        Delay(**{"n_in": 3, "n_out": 2, "longest": 20.0, "dt": 1.0, **options})


@pytest.mark.parametrize(("x", "message"), [
    (spikes(0), r"Delay.x: has shape \[0, 3, 5\], no step of time"),
    (spikes(n=6), r"Delay.x: has shape \[20, 3, 6\]. \[T, B, N\] with N = 5"),
    (spikes().permute(0, 2, 1), r"Delay.x: has shape \[20, 5, 3\].* Axis 1 has 5: swap it to the end"),
    (spikes()[0], r"Delay.x: has shape \[3, 5\]. \[T, B, N\] is expected"),
    (spikes().bool(), "Delay.x: has dtype bool. A floating dtype"),
    (spikes().float(), "Delay.x: is torch.float32 on cpu while the delays are torch.float64"),
    (spikes().numpy(), "Delay.x: is a ndarray. A tensor is expected"),
])
def test_refused_inputs(x, message):
    with pytest.raises(RunError, match=message):
        layer()(x)


def test_refused_schedule():
    with pytest.raises(RunError, match="Delay.anneal: progress is 1.5"):
        layer().anneal(1.5)
    with pytest.raises(ModelError, match="Gaussian.share: is 0. A number above 0 and at most 1"):
        Gaussian(share=0)
    with pytest.raises(ModelError, match="SmoothedGradient.narrow: is -1"):
        SmoothedGradient(narrow=-1)


@pytest.mark.cuda
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("progress", [0.0, 1.0])
def test_cuda_equals_the_cpu(kernel, progress):
    made, x = layer(kernel, progress=progress, bias=True), spikes()
    expected = gradients(made, x)
    made.cuda()
    out, grads = gradients(made, x.cuda(), torch.randn(expected[0].shape, generator=torch.Generator().manual_seed(1),
                                                       dtype=torch.double).cuda())
    torch.testing.assert_close(out.cpu(), expected[0], rtol=0, atol=1e-12)
    torch.testing.assert_close([g.cpu() for g in grads], list(expected[1]), rtol=0, atol=1e-10)
    made.eval()
    assert made(x.cuda()).shape == (20, 3, 4) and made.whole_steps().shape == (4, 5)
