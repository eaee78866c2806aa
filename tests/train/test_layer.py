"""A neuron model as a layer: time, state, ports, outputs."""
import copy
import functools
import io
import pickle

import numpy as np
import pytest
import torch
from neuron_runs import every_model, noise, run
from torch import nn

from snn.neurons import LIF, CubaLIF, LeakyReadout, PoissonSource
from snn.train.held import detach, eager
from snn.train.layer import Layer
from snn.train.surrogate import Sigmoid

UNIT = {"E_L": 0.0, "V_th": 1.0, "V_reset": 0.0, "t_ref": 0.0}


def lif(n=None, **options):
    model = {k: options.pop(k) for k in list(options) if k in LIF.__dataclass_fields__}
    return Layer(LIF(**{**UNIT, **model}), n, dt=1.0, **options)


def drive(T=20, B=3, n=6, dtype=torch.float64, seed=0):
    return torch.rand(T, B, n, dtype=dtype, generator=torch.Generator().manual_seed(seed)) * 0.6


# Forward


@functools.cache
def plain_loop(Model, dt):
    """Every state variable and the spikes."""
    return run(Model(), 60, dt, noise(Model(), 60, 5, seed=2), n=5, record=Model.State._fields)[:2]


@every_model
@pytest.mark.parametrize("run_eagerly", [False, True], ids=["compiled", "eager"])
def test_equals_a_plain_loop(Model, run_eagerly):
    """Spikes and every state variable of every model, from the loop that the tests of neurons use."""
    x = noise(Model(), 60, 5, seed=2)
    dt = min(0.5, Model().max_dt() or 0.5)
    layer = Layer(Model(), 5, dt=dt)
    inputs = {p: torch.as_tensor(a)[:, None].expand(60, 2, 5) for p, a in x.items()}
    names = Model.State._fields
    if run_eagerly:
        with eager():
            result = layer.run(inputs, traces=(*names, layer.emit))
    else:
        result = layer.run(inputs, traces=(*names, layer.emit))
        assert layer.why_eager is None
    traces, fired = plain_loop(Model, dt)
    for name, expected in traces.items():
        np.testing.assert_allclose(result.traces[name][:, 1], expected, rtol=1e-9, atol=1e-9, err_msg=name)
        np.testing.assert_allclose(getattr(result.state, name)[1], expected[-1], rtol=1e-9, atol=1e-9)
    assert torch.equal(result.out, result.traces[layer.emit])
    if layer.emit == "z":
        assert torch.equal(result.out[:, 0], torch.as_tensor(fired).double())


def test_forward_goes_on_from_what_it_holds():
    layer, x = lif(), drive()
    whole = layer.run(x)
    assert layer.v is None
    pieces = torch.cat([layer(x[:7]), layer(x[7:8]), layer(x[8:])])
    assert torch.equal(pieces, whole.out) and 0 < whole.out.mean() < 1
    assert torch.equal(layer.v, whole.state.v)
    middle = layer.run(x[:9])
    assert torch.equal(layer.run(x[9:], middle.state).out, whole.out[9:])
    assert torch.equal(layer.v, whole.state.v)


def test_single_steps_equal_many():
    many, single = lif(detach_reset=True), lif(detach_reset=True, step_mode="s")
    x = drive().requires_grad_()
    out = many(x)
    steps = torch.stack([single(one) for one in x.unbind(0)])
    assert torch.equal(out, steps)
    weights = torch.randn_like(out)
    torch.testing.assert_close(*(torch.autograd.grad((o * weights).sum(), x)[0] for o in (out, steps)),
                               rtol=1e-12, atol=1e-14)
    single.step_mode = "m"
    single.reset()
    assert torch.equal(single(x), out)


def test_trailing_axes():
    layer, x = lif(), drive(5, 2, 24)
    flat = layer.run(x).out
    picture = layer.run(x.unflatten(2, (2, 3, 4))).out
    assert torch.equal(picture.flatten(2), flat)
    last = x.unflatten(2, (3, 4, 2)).movedim(-1, 2)
    for block in (torch.enable_grad(), eager()):
        with block:
            out = layer.run(last).out
        assert out.stride() == last.stride()
        assert torch.equal(out.movedim(2, -1).flatten(2), flat)


def test_ports_by_name():
    layer, delta, current = lif(), drive(), 300.0 * drive(seed=1)
    both = layer.run({"delta": delta, "current": current}).out
    expected = run(LIF(**UNIT), 20, 1.0, {"delta": delta[:, 0].numpy(), "current": current[:, 0].numpy()}, n=6)[1]
    assert np.array_equal(both[:, 0], expected) and not torch.equal(both, layer.run(delta).out)
    assert torch.equal(lif(port="current").run(current).out, layer.run({"current": current}).out)
    assert Layer(CubaLIF(), dt=1.0).port == "exc" and Layer(PoissonSource(), dt=1.0).port == "noise"


def test_what_comes_out():
    x = drive()
    assert lif().emit == "z" and Layer(LeakyReadout(), dt=1.0).emit == "v"
    both = lif().run(x, traces=("v", "margin"))
    assert torch.equal(lif(emit="v").run(x).out, both.traces["v"])
    torch.testing.assert_close(both.out, (both.traces["margin"] >= 0).double())
    readout = Layer(LeakyReadout(tau=5.0), dt=1.0)(x)
    weights = np.exp(-np.subtract.outer(np.arange(20), np.arange(20)) / 5.0) * np.tri(20)
    np.testing.assert_allclose(readout, np.einsum("ts,sbn->tbn", weights, x), rtol=1e-12)


@pytest.mark.parametrize("given", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(given):
    layer, x = lif(), drive(dtype=torch.float32).to(given).requires_grad_()
    out = layer(x)
    assert out.dtype == layer.v.dtype == torch.float32
    assert torch.equal(out, lif()(x.float()))
    out.sum().backward()
    assert x.grad.dtype == given and x.grad.abs().sum() > 0


def test_mixed_precision_keeps_membranes_in_float32():
    net = nn.Sequential(nn.Linear(6, 5), lif(5), nn.Linear(5, 2), Layer(LeakyReadout(), dt=1.0))
    x = drive(dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = net(x)
    assert out.dtype == net[1].v.dtype == torch.float32
    out.sum().backward()
    assert net[0].weight.grad.dtype == torch.float32 and net[0].weight.grad.abs().sum() > 0


@pytest.mark.cuda
def test_cuda_equals_the_cpu():
    layer, x = lif(6, learn=("tau_m",)), drive().requires_grad_()
    on_cpu = layer.run(x, traces="v")
    on_cpu.out.sum().backward()
    other, y = lif(6, learn=("tau_m",)).cuda(), x.detach().cuda().requires_grad_()
    out = other(y)
    out.sum().backward()
    assert torch.equal(out.cpu(), on_cpu.out) and "cuda" in other.why_eager
    torch.testing.assert_close(y.grad.cpu(), x.grad)
    torch.testing.assert_close(other.raw["tau_m"].grad.cpu(), layer.raw["tau_m"].grad)


# Learning


def test_gradients_of_learned_fields():
    """Against finite differences of a model whose spikes are smooth, one value for all and one per neuron."""
    x = drive(8, 2, 3)

    class Smooth(Sigmoid):
        def __call__(self, margin):
            return torch.sigmoid(self.alpha * margin)

    for tau in (5.0, np.array([3.0, 5.0, 9.0])):
        layer = lif(3, tau_m=tau, fire=Smooth(), learn=("tau_m", "V_th", "E_L")).double()
        names = list(layer.raw)

        def loss(*values, layer=layer, names=names):
            given = {f"raw.{k}": v for k, v in zip(names, values, strict=True)}
            return torch.func.functional_call(layer, given, x).square().sum()

        def fresh(*values, layer=layer, loss=loss):
            layer.reset()
            return loss(*values)

        values = [layer.raw[k].detach().clone().requires_grad_() for k in names]
        with eager():
            assert torch.autograd.gradcheck(fresh, values)


def test_state_dict_and_current_model():
    layer = lif(4, tau_m=np.full(4, 5.0), learn=("tau_m",))
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.05)
    layer(drive(n=4)).sum().backward()
    optimiser.step()
    assert list(layer.state_dict()) == ["raw.tau_m"]
    assert (abs(layer.model.tau_m - 5.0) > 0.1).all() and layer.model.V_th == 1.0
    other = lif(4, tau_m=np.full(4, 30.0), learn=("tau_m",))
    other.load_state_dict(layer.state_dict())
    assert other.model == layer.model
    x = drive(n=4)
    torch.testing.assert_close(other.run(x).out, Layer(layer.model, dt=1.0).run(x).out)
    assert lif().state_dict() == {} and list(lif().parameters()) == []


def test_copies_after_a_forward_pass_with_gradient():
    layer = lif(6, learn=("tau_m",))
    net = nn.Sequential(nn.Linear(6, 6).double(), layer)
    out = net(drive())
    stream = io.BytesIO()
    torch.save(net, stream)
    stream.seek(0)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), torch.load(stream, weights_only=False)):
        assert torch.equal(other[1].v, layer.v) and not other[1].v.requires_grad
        assert torch.equal(other(drive(seed=1)), net[1].run(net[0](drive(seed=1)), held(layer)).out)
    out.sum().backward()
    assert layer.raw["tau_m"].grad != 0


def held(layer):
    return LIF.State(*layer.memories())


def test_transforms_of_torch_run_eagerly(recwarn):
    layer, x = lif(), drive(6, 4, 3)
    together = layer.run(x).out
    each = torch.func.vmap(lambda one: layer.run(one[:, None]).out[:, 0], in_dims=1, out_dims=1)(x)
    assert torch.equal(each, together)
    grads = torch.func.grad(lambda x: layer.run(x).out.sum())(x)
    x.requires_grad_()
    torch.testing.assert_close(grads, torch.autograd.grad(layer.run(x).out.sum(), x)[0])
    assert not [w for w in recwarn if "eagerly" in str(w.message)]


@pytest.mark.parametrize("run_eagerly", [False, True], ids=["compiled", "eager"])
def test_training_after_inference_mode(run_eagerly):
    """What was computed in inference mode and kept must not spoil a gradient."""
    layer, x = lif(6, tau_m=np.full(6, 9.0), learn=("V_th",)), drive()
    with eager() if run_eagerly else torch.enable_grad():
        with torch.inference_mode():
            first = layer(x[:5])
        late = layer(x[5:])
        late.sum().backward()
        assert layer.raw["V_th"].grad != 0
        torch.testing.assert_close(torch.cat([first, late]), layer.run(x).out)


def test_detached_piece_by_piece_is_finite_memory():
    """What is held after ``detach`` refers to no graph."""
    layer, x = lif(), drive().requires_grad_()
    layer(x)
    assert layer.v.grad_fn is not None
    detach(layer)
    assert layer.v.grad_fn is None
    layer(x).sum().backward()
