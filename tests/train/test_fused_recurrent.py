"""Compiled recurrent layers beside the eager ones: spikes, states and gradients of everything that goes in."""
import pytest
import torch

from snn.neurons import ALIF, LIF, CubaLIF
from snn.train.held import eager
from snn.train.layer import Layer
from snn.train.recurrent import Recurrent

UNIT = {"E_L": 0.0, "V_th": 1.0, "V_reset": 0.0, "tau_m": 10.0}
CASES = {
    "lif": (LIF(t_ref=0.0, **UNIT), (), 1, False),
    "bias": (LIF(t_ref=2.0, **UNIT), ("tau_m",), 1, True),
    "alif-later": (ALIF(t_ref=0.0, beta=0.3, **UNIT), ("tau_m", "tau_a"), 3, False),
    "longer-than-the-sequence": (LIF(t_ref=0.0, **UNIT), (), 25, True),
}


def results(net, x, state=None, traces=("v",)):
    net.zero_grad()
    x = x.clone().requires_grad_()
    run = net.run(x, state, traces=traces)
    gen = torch.Generator().manual_seed(5)
    values = [run.out, *run.traces.values(), *run.state.cells, run.state.z]
    weighted = [(v, torch.randn(v.shape, dtype=torch.float64, generator=gen).to(v)) for v in values]
    sum((v * w).sum() for v, w in weighted if v.requires_grad).backward()
    return run, [x.grad, *(p.grad for p in net.parameters())]


def relative(a, b):
    return float((a - b).abs().max() / a.abs().max().clamp_min(1e-30))


@pytest.mark.parametrize("n", [8, 21, 300])
@pytest.mark.parametrize("case", CASES)
def test_equals_eager(case, n):
    model, learn, delay, bias = CASES[case]
    torch.manual_seed(0)
    net = Recurrent(Layer(model, n, dt=1.0, learn=learn), bias=bias, delay=delay).double()
    x = 0.2 + 0.6 * torch.randn(20, 3, n, dtype=torch.float64)
    with eager():
        slow, slow_grads = results(net, x)
    fast, fast_grads = results(net, x)
    assert net.layer.why_eager is None
    assert 0.01 < float(slow.out.detach().mean()) < 0.9
    assert torch.equal(slow.out, fast.out) and torch.equal(slow.state.z, fast.state.z)
    assert relative(slow.traces["v"].detach(), fast.traces["v"].detach()) < 1e-12
    for a, b in zip(slow_grads, fast_grads, strict=True):
        assert relative(a, b) < 1e-9


def test_goes_on_from_its_state_with_gradients():
    torch.manual_seed(0)
    net = Recurrent(Layer(LIF(t_ref=0.0, **UNIT), 21, dt=1.0), delay=2).double()
    x = 0.6 * torch.randn(20, 3, 21, dtype=torch.float64, requires_grad=True)
    whole, first = net.run(x), net.run(x[:9])
    second = net.run(x[9:], first.state)
    assert torch.equal(whole.out, torch.cat([first.out, second.out])) and whole.out.any()
    weight = torch.randn_like(whole.out)
    one, two = (torch.autograd.grad((out * weight).sum(), [x, net.weight])
                for out in (whole.out, torch.cat([first.out, second.out])))
    assert all(relative(a, b) < 1e-10 for a, b in zip(one, two, strict=True))


def test_result_does_not_depend_on_threads():
    torch.manual_seed(0)
    net = Recurrent(Layer(LIF(t_ref=0.0, **UNIT), 256, dt=1.0))
    x, before, found = 0.6 * torch.randn(10, 9, 256), torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append(net.run(x).out)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*found) and found[0].any()


def test_several_ports_run_eagerly():
    net = Recurrent(Layer(CubaLIF(), 5, dt=1.0))
    with pytest.warns(UserWarning, match="several ports"):
        net.run({"exc": torch.rand(4, 2, 5), "inh": torch.rand(4, 2, 5)})
