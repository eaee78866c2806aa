"""A plastic matrix as a module: transmission, held traces, gradients, graded activities, and what it refuses."""
import copy
import gc

import numpy as np
import pytest
import torch
from refusals import refused
from rule_loop import run_rule
from spikingjelly.activation_based import base, functional

import snn.plasticity
from snn.errors import ModelError, NetworkError, RunError
from snn.plasticity import BCM, ModulatedSTDP, MultiplicativeSTDP, Oja, PairSTDP, RewardSTDP, Sanger, TsodyksMarkram
from snn.train import Plastic, detach, reset, scope
from snn.train.plastic_events import Events

T, B, PRE, POST = 12, 3, 5, 4
pytestmark = pytest.mark.usefixtures("one_thread")


def spikes(n, seed=0, steps=T, batch=B, density=0.4):
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(steps, batch, n, generator=generator) < density).double()


PRE_SPIKES, POST_SPIKES = spikes(PRE), spikes(POST, 1)
W = torch.linspace(0.1, 0.9, POST * PRE, dtype=torch.float64).view(POST, PRE)


def made(rule=None, **options):
    return Plastic(rule or PairSTDP(), PRE, POST, **{"dt": 1.0, "weight": W, **options})


# Transmission

def test_sends_weights_times_spikes():
    assert torch.equal(made()(PRE_SPIKES), torch.nn.functional.linear(PRE_SPIKES, W))
    assert torch.equal(made(step_mode="s")(PRE_SPIKES[0]), torch.nn.functional.linear(PRE_SPIKES[0], W))


class Saturating(TsodyksMarkram):
    """What is sent is not proportional to the weight."""

    def transmit(self, w, x):
        return torch.tanh(w * x.u * x.R)


@pytest.mark.parametrize("rule", [TsodyksMarkram(), Saturating()], ids=["linear", "not linear"])
def test_sends_what_short_term_plasticity_leaves(rule):
    whole, steps = made(rule), made(rule, step_mode="s")
    out = whole(PRE_SPIKES)
    torch.testing.assert_close(out, torch.stack([steps(x) for x in PRE_SPIKES]))
    for b in range(B):
        sent = run_rule(rule, PRE_SPIKES[:, b].bool(), torch.zeros(T, POST, dtype=bool), W, dt=1.0)
        expected = np.zeros((T, POST))
        expected[sent.step] = np.nan_to_num(sent.sent).reshape(-1, POST, PRE).sum(2)
        np.testing.assert_allclose(out[:, b], expected, rtol=1e-12, atol=1e-12)
    assert not torch.allclose(whole(PRE_SPIKES), out)
    torch.testing.assert_close(reset(whole)(PRE_SPIKES), out)


def test_functional_forward_of_spikingjelly():
    synapses, holds = made(TsodyksMarkram()), made(TsodyksMarkram())
    states = tuple(base.extract_memories(synapses))
    (first,), states = synapses.functional_forward((PRE_SPIKES[:5],), states)
    (second,), states = synapses.functional_forward((PRE_SPIKES[5:],), states)
    torch.testing.assert_close(torch.cat([first, second]), holds(PRE_SPIKES))
    assert synapses.sent_0_u is None


def test_hands_on_gradients_and_keeps_no_graph():
    x = PRE_SPIKES.clone().requires_grad_()
    synapses = made([TsodyksMarkram(), PairSTDP()], graded=True)
    out = synapses(x)
    synapses.learn(x, POST_SPIKES * out.detach().clamp(0, 1))
    out.sum().backward()
    sent = synapses.functional_forward((PRE_SPIKES,), tuple([None] * len(base.extract_memories(synapses))))[0][0]
    assert x.grad.shape == x.shape and torch.isfinite(x.grad).all() and x.grad.any() and sent.grad_fn is None
    assert not synapses.weight.requires_grad and synapses.weight.grad_fn is None
    assert not any(torch.is_tensor(m) and m.requires_grad for m in synapses.memories())
    assert list(synapses.parameters()) == [] and list(synapses.state_dict()) == ["weight"]


def test_the_gradient_is_that_of_the_weights_that_sent():
    x = PRE_SPIKES.clone().requires_grad_()
    synapses = made()
    out = synapses(x)
    synapses.learn(PRE_SPIKES, POST_SPIKES)
    out.sum().backward()
    torch.testing.assert_close(x.grad, W.sum(0).expand_as(x))
    assert not torch.equal(synapses.weight, W)


# Held traces

@pytest.mark.parametrize("rule", [PairSTDP(), RewardSTDP(), Sanger(every=5.0), [TsodyksMarkram(), BCM()]],
                         ids=["pair", "reward", "in time", "two"])
@pytest.mark.parametrize("dendritic", [0, 2])
def test_pieces_equal_the_whole(rule, dendritic):
    mod = 0.2 if isinstance(rule, RewardSTDP) else None
    whole, pieces, steps = (made(rule, dendritic=dendritic, step_mode=m) for m in ("m", "m", "s"))
    whole.learn(PRE_SPIKES, POST_SPIKES, mod)
    for part in (slice(0, 1), slice(1, 7), slice(7, T)):
        pieces.learn(PRE_SPIKES[part], POST_SPIKES[part], mod)
        pieces = copy.deepcopy(detach(pieces))
    for pre, post in zip(PRE_SPIKES, POST_SPIKES, strict=True):
        steps.learn(pre, post, mod)
    assert torch.equal(whole.weight, pieces.weight) and torch.equal(whole.weight, steps.weight)
    assert not torch.equal(whole.weight, W)


@pytest.mark.parametrize("forget", [reset, functional.reset_net])
def test_reset_forgets_traces_and_leaves_weights(forget):
    net = torch.nn.Sequential(made(RewardSTDP()))
    net[0].learn(PRE_SPIKES, POST_SPIKES, 0.5)
    after = net[0].weight
    forget(net)
    assert net[0].weight is after and net[0].steps == 0
    assert all(m is None or m == 0 for m in net[0].memories())
    net[0].weight = W
    net[0].learn(PRE_SPIKES[:, :1], POST_SPIKES[:, :1], 0.5)
    with scope(net):
        net[0].learn(PRE_SPIKES, POST_SPIKES, 0.5)


def test_moves_to_another_type():
    synapses = made(RewardSTDP())
    synapses.learn(PRE_SPIKES[:6], POST_SPIKES[:6], 0.5)
    synapses.float().learn(PRE_SPIKES[6:], POST_SPIKES[6:], 0.5)
    expected = made(RewardSTDP())
    expected.learn(PRE_SPIKES, POST_SPIKES, 0.5)
    assert synapses.weight.dtype == torch.float32 and synapses.synapse_0_e.dtype == torch.float32
    torch.testing.assert_close(synapses.weight.double(), expected.weight, rtol=1e-5, atol=1e-6)


def test_all_samples_at_once_equal_one_by_one(monkeypatch):
    """As on a device that is no CPU: what is done sample by sample there is done for all together."""
    found = []
    for size in (1, B):
        monkeypatch.setattr(Events, "at_once", lambda self, batch, size=size: size)
        for rule, mod in ((MultiplicativeSTDP(), None), (RewardSTDP(), 0.3), (Sanger(every=4.0), None)):
            synapses = made(rule, reduce=torch.sum)
            synapses.learn(PRE_SPIKES, POST_SPIKES, mod)
            found.append(synapses.weight)
    for one, other in zip(found[:3], found[3:], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_memory_does_not_grow_with_time(monkeypatch):
    """Bytes of the tensors that are alive in the last step, for few and for many steps of the same spikes."""
    step, found = Events.step, []

    def alive():
        return [t for t in gc.get_objects() if type(t) is torch.Tensor]

    def watched(self, h, *args):
        if h.steps == steps - 1:
            new = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in alive() if id(t) not in before}
            found.append(sum(new.values()))
        return step(self, h, *args)

    monkeypatch.setattr(Events, "step", watched)
    for steps in (4, 40):
        synapses = made([RewardSTDP(), PairSTDP()], dendritic=1)
        # What was alive stays so, and its numbers are not given to others.
        gc.collect()
        kept = alive()
        before = set(map(id, kept))
        synapses.learn(PRE_SPIKES[:1].expand(steps, B, PRE), POST_SPIKES[:1].expand(steps, B, POST), 0.1)
        del kept
    assert found[0] == found[1] > 0


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("form", ["learn", "learn_window"])
def test_a_device_equals_the_cpu(form):
    found = []
    for device in ("cpu", "cuda"):
        synapses = made([TsodyksMarkram(), PairSTDP()], dendritic=1).to(device)
        x, z = PRE_SPIKES.to(device), POST_SPIKES.to(device)
        out = synapses(x)
        getattr(synapses, form)(x, z)
        found.append((out.cpu(), synapses.weight.cpu()))
    torch.testing.assert_close(*found, rtol=1e-12, atol=1e-12)


# Modulators and graded activities

def test_forms_of_a_modulator():
    each = torch.tensor([[0.5, 0.0, -1.0, 2.0], [1.0, 1.0, 0.0, 0.0], [0.0, 0.3, 0.0, 0.0]], dtype=torch.float64)

    def change(mod, sample=slice(None)):
        synapses = made(ModulatedSTDP(w_min=-9.0, w_max=9.0), reduce=torch.sum)
        synapses.learn(PRE_SPIKES[:, sample], POST_SPIKES[:, sample], mod)
        return synapses.weight - W

    one = change(1.0)
    torch.testing.assert_close(change(torch.full((B,), 0.5)), 0.5 * one)
    torch.testing.assert_close(change(torch.tensor([0.0, 1.0, 0.0])), change(1.0, slice(1, 2)))
    torch.testing.assert_close(change(each[0]), each[0][:, None] * one)
    torch.testing.assert_close(change(each), sum(each[b][:, None] * change(1.0, slice(b, b + 1)) for b in range(B)))
    torch.testing.assert_close(change(each.expand(T, B, POST)), change(each))
    in_time = torch.zeros(T, 1, 1)
    in_time[-1] = 1.0
    assert 0 < change(in_time).abs().sum() < one.abs().sum()


def test_whole_activities_are_spikes():
    for rule in (PairSTDP(), Oja(), MultiplicativeSTDP()):
        both = made(rule), made(rule, graded=True)
        for synapses in both:
            synapses.learn(PRE_SPIKES, POST_SPIKES)
        torch.testing.assert_close(both[0].weight, both[1].weight, rtol=1e-13, atol=1e-13)


def test_graded_activities_scale_events():
    rule = Oja(eta=1e-3, alpha=0.5, w_min=-9.0, w_max=9.0)
    x, z = torch.tensor([[0.3, 0.0, 2.0, 1.0, 0.1]]).double(), torch.tensor([[0.5, 0.0, 1.5, 1.0]]).double()
    synapses = made(rule, step_mode="s", graded=True)
    synapses.learn(x, z)
    synapses.learn(x, z)
    left, per_spike = np.exp(-1.0 / 20.0), 1000.0 / 20.0
    w = W
    for trace_x, trace_y in ((1.0, 0.0), (1.0 + left, left)):
        rate_x, rate_y = per_spike * trace_x * x, per_spike * trace_y * z
        w = w + z.T * 1e-3 * (rate_x - 0.5 * rate_y.T * w)
    torch.testing.assert_close(synapses.weight, w, rtol=1e-12, atol=1e-12)


# Refusals

BAD = torch.full((T, B, PRE), torch.nan).double()
CALLS = {
    "axes": (lambda: made().learn(PRE_SPIKES.mT, POST_SPIKES), r"pre: has shape .*Axis 1 has 5: swap it to the end"),
    "batch": (lambda: made().learn(PRE_SPIKES[:, :2], POST_SPIKES), r"has T, B = \[12, 3\] while pre has \[12, 2\]"),
    "time": (lambda: made().learn(PRE_SPIKES[1:], POST_SPIKES), r"has T, B = \[12, 3\] while pre has \[11, 3\]"),
    "no step": (lambda: made().learn(PRE_SPIKES[:0], POST_SPIKES[:0]), r"pre: has shape \[0, 3, 5\].* at least one"),
    "mode": (lambda: made().learn(PRE_SPIKES[0], POST_SPIKES[0]), r"Single steps need step_mode='s'"),
    "nan": (lambda: made().learn(BAD, POST_SPIKES), r"pre: is not everywhere 0 or 1 \(somewhere nan\)"),
    "infinite": (lambda: made().learn(BAD.nan_to_num(torch.inf), POST_SPIKES), "somewhere inf"),
    "graded nan": (lambda: made(graded=True).learn(BAD, POST_SPIKES), "pre: is not finite"),
    "real": (lambda: made().learn(PRE_SPIKES, 0.5 * POST_SPIKES), r"somewhere 0.5.*graded=True"),
    "list": (lambda: made().learn([[1.0]], POST_SPIKES), "pre: is a list"),
    "no modulator": (lambda: made(RewardSTDP()).learn(PRE_SPIKES, POST_SPIKES), "mod: is missing. RewardSTDP needs"),
    "modulator": (lambda: made().learn(PRE_SPIKES, POST_SPIKES, 1.0), "mod: is given, but no rule uses"),
    "mod shape": (lambda: made(RewardSTDP()).learn(PRE_SPIKES, POST_SPIKES, torch.ones(7)), r"mod: has shape \[7\]"),
    "mod nan": (lambda: made(RewardSTDP()).learn(PRE_SPIKES, POST_SPIKES, np.nan), "mod: is not finite"),
    "mod text": (lambda: made(RewardSTDP()).learn(PRE_SPIKES, POST_SPIKES, "much"), "mod: is 'much'"),
    "no states": (lambda: made(snn.plasticity.Clopath()).learn(PRE_SPIKES, POST_SPIKES), "read: is .*the states v as"),
    "states": (lambda: made().learn(PRE_SPIKES, POST_SPIKES, read={"v": POST_SPIKES}), r"read: is \['v'\]"),
    "x axes": (lambda: made()(PRE_SPIKES.mT), r"x: has shape .*swap it to the end"),
    "x type": (lambda: made()(PRE_SPIKES.float()), "x: is torch.float32 on cpu while the weights are torch.float64"),
}


@pytest.mark.parametrize(("call", "pattern"), CALLS.values(), ids=CALLS)
def test_refuses_data(call, pattern):
    refused(RunError, pattern, lambda net: call())


def test_one_value_per_sample_or_neuron_must_be_told_apart():
    square = Plastic(ModulatedSTDP(), PRE, B, dt=1.0, weight=0.5)
    with pytest.raises(RunError, match=r"mod\[:, None\] is per sample"):
        square.learn(PRE_SPIKES, POST_SPIKES[..., :B], torch.ones(B))


def test_refuses_another_batch_until_it_is_reset():
    synapses = made([TsodyksMarkram(), PairSTDP()])
    synapses.learn(PRE_SPIKES, POST_SPIKES), synapses(PRE_SPIKES)
    before = synapses.weight
    refused(RunError, "pre: has B = 2 while traces are held for 3. Call snn.train.reset",
            lambda net: synapses.learn(PRE_SPIKES[:, :2], POST_SPIKES[:, :2]))
    refused(RunError, "x: has B = 2 while traces are held for 3", lambda net: synapses(PRE_SPIKES[:, :2]))
    assert synapses.weight is before


MADE = {
    "rule": (lambda: made("PairSTDP"), ModelError, "is not a synaptic rule"),
    "moves": (lambda: made(snn.plasticity.StructuralPlasticity()), ModelError, "StructuralPlasticity moves synapses"),
    "n_pre": (lambda: Plastic(PairSTDP(), 0, 4, dt=1.0, weight=0.5), NetworkError, "n_pre: is 0"),
    "dendritic": (lambda: made(dendritic=0.5), NetworkError, "dendritic: is 0.5"),
    "dt": (lambda: made(dt=0.0), RunError, "dt: is 0.0"),
    "every": (lambda: made(Sanger(every=2.5)), NetworkError, "Sanger.every"),
    "transposed": (lambda: made(weight=W.T), NetworkError, "transposed: give weight.T"),
    "nan": (lambda: made(weight=torch.nan), NetworkError, "weight: is not finite"),
    "low": (lambda: made(weight=W - 0.5), NetworkError, r"weight: is -0.4, below w_min of PairSTDP \(0\)"),
    "high": (lambda: made(weight=1.5), NetworkError, r"weight: is 1.5, above w_max of PairSTDP \(1\)"),
    "reduce": (lambda: made(reduce="sum"), NetworkError, "reduce: is 'sum'"),
    "mode": (lambda: made(step_mode="x"), ModelError, "step_mode: is 'x'"),
}


@pytest.mark.parametrize(("make", "error", "pattern"), MADE.values(), ids=MADE)
def test_refuses_to_be_made(make, error, pattern):
    refused(error, pattern, lambda net: make())
