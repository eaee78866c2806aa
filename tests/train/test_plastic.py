"""Synaptic rules on a dense matrix of torch: the same numbers as a plain loop, as simulations and as SpikingJelly."""
import math

import numpy as np
import pytest
import torch
from rule_loop import differs, late, run_rule
from rule_runs import taught
from rule_values import RULES, limits, of, reads, with_fields
from spikingjelly.activation_based.learning import STDPLearner
from torch import nn

import snn
from snn.plasticity import PairSTDP, PowerLawSTDP, TsodyksMarkram, WeightNormalisation
from snn.rule_graph import trace_rule
from snn.train import Plastic

T, PRE, POST = 40, 5, 4
RUN = [R for R in RULES if not differs(R(), "rewire")]
pytestmark = pytest.mark.usefixtures("one_thread")


def case(rule, seed=0, batch=1, steps=T):
    """Spikes of both sides, first weights, modulator and states that are read, all of them random."""
    rng = np.random.default_rng(seed)
    pre, post = (torch.as_tensor(rng.random((steps, batch, n)) < 0.2) for n in (PRE, POST))
    low, high = limits(rule)
    w = torch.as_tensor(rng.uniform(low, min(high, low + 1.0), (POST, PRE)))
    mod = torch.as_tensor(rng.normal(0.0, 0.5, (steps, batch, 1))) if trace_rule(rule, 1.0).uses_modulator else None
    read = reads(rule, rng, (steps, batch, POST), torch.float64)._asdict() or None
    return pre, post, w, mod, read


def learned(rule, pre, post, w, mod=None, read=None, **options):
    synapses = Plastic(rule, PRE, POST, dt=1.0, weight=w, **options)
    synapses.learn(pre, post, mod, read)
    return synapses.weight


@of(RUN)
@pytest.mark.parametrize("dendritic", [0, 1, 3])
def test_equals_the_plain_loop(Rule, dendritic):
    # What a rule does in time, the loop leaves out.
    rule = with_fields(Rule, every=T + 1.0)
    pre, post, w, mod, read = case(rule, seed=dendritic)
    seen = {k: v[:, 0].numpy() for k, v in (read or {}).items()}
    course = run_rule(rule, pre[:, 0], post[:, 0], w, dt=1.0, dendritic=dendritic,
                      mod=0.0 if mod is None else mod[:, 0, 0], reads=seen)
    found = learned(rule, pre, post, w, mod, read, dendritic=dendritic)
    np.testing.assert_allclose(found.numpy().ravel(), course.w[-1], rtol=1e-12, atol=1e-12)


@of([R for R in RUN if set(R.Reads._fields) <= {"v"}])
def test_equals_a_simulation(Rule):
    """On the clock of the soma a presynaptic spike arrives a step later, a postsynaptic one counts two steps later."""
    rule = with_fields(Rule, every=7.0)
    pre, post, w, mod, _ = case(rule, seed=5)
    # A spike of step k has the time k + 1; those of the teacher begin a step before.
    pre[0], post[:2], pre[-1], post[-1] = False, False, False, False
    times = [[[k + 1.0 for k in np.flatnonzero(z)] for z in side[:, 0].T.numpy()] for side in (pre, post)]
    mod = None if mod is None else 0.3
    modulator = None if mod is None else snn.Modulator(mod)
    plastic = snn.Plastic(rule, modulator=modulator)
    net = taught(*times, plastic, w=w.T.numpy().ravel(), dt=1.0, duration=float(T), delay=1.0)
    record = [snn.RecordSpikes("post"), snn.RecordState("post", "v")]
    with snn.start(net, dt=1.0, engine=snn.Reference(), record=record, progress=False) as run:
        result = run.run(float(T))
        if mod is not None:
            # Time passes at a synapse when something happens there; a modulation is something.
            run.modulate(modulator, mod)
        expected = np.ravel(run.weights("plastic"))
    np.testing.assert_array_equal(np.sort(result.spikes["post"].times), np.sort(np.concatenate(times[1])))
    read = {"v": torch.as_tensor(result.traces["post", "v"].data)[:, None]} if rule.Reads._fields else None
    found = learned(rule, late(pre, 1), post, w, mod, read, dendritic=2)
    np.testing.assert_allclose(found.T.numpy().ravel(), expected, rtol=1e-12, atol=1e-12)
    assert Rule is TsodyksMarkram or not torch.equal(found, w)


@of(RUN)
def test_a_batch_is_the_sum_of_its_runs_in_a_step(Rule):
    rule = with_fields(Rule, every=11.0)
    pre, post, w, mod, read = case(rule, seed=3, batch=3, steps=11)
    w = w.clamp(*(torch.quantile(w, q) for q in (0.3, 0.7)))

    def change(b):
        """What the last step does to the weights ``w``, with the traces that the steps before left."""
        synapses = Plastic(rule, PRE, POST, dt=1.0, weight=w, reduce=torch.sum)
        for part in (slice(0, 10), slice(10, 11)):
            synapses.weight = w.clone()
            synapses.learn(pre[part, b], post[part, b], None if mod is None else mod[part, b],
                           None if read is None else {k: v[part, b] for k, v in read.items()})
        return synapses.weight - w

    alone = sum(change(slice(b, b + 1)) for b in range(3))
    low, high = rule.bounds()
    inside = (w + alone).clamp(low, high) - w if low is not None or high is not None else alone
    torch.testing.assert_close(change(slice(None)), inside, rtol=1e-12, atol=1e-12)
    assert Rule is TsodyksMarkram or alone.any()


def test_the_mean_of_a_batch_keeps_what_its_samples_keep():
    rules = [PairSTDP(A_plus=0.1, A_minus=0.1), WeightNormalisation(target=2.0, every=2.0)]
    pre, post, w, _, _ = case(rules[0], batch=8)
    found = learned(rules, pre, post, w)
    torch.testing.assert_close(found.sum(1), torch.full((POST,), 2.0, dtype=torch.float64))
    inside = learned(rules[0], pre, post, w, reduce=torch.sum)
    assert inside.min() >= 0 and inside.max() <= 1 and (inside == 0).any()


def test_a_reduction_of_ones_own():
    pre, post, w, _, _ = case(PairSTDP(), batch=3, steps=1)
    pre[:], post[:] = True, True
    median = learned(PairSTDP(), pre, post, w, reduce=lambda change, axis: change.median(axis).values)
    torch.testing.assert_close(median, learned(PairSTDP(), pre[:, :1], post[:, :1], w))
    uneven = torch.tensor([1.0, 0.0, 2.0], dtype=torch.float64)

    def weighted(changes, axis):
        return (changes * uneven[:len(changes)].view(-1, *[1] * (changes.ndim - 1))).sum(axis)

    torch.testing.assert_close(learned(PairSTDP(w_max=9.0), pre, post, w, reduce=weighted) - w,
                               3.0 * (learned(PairSTDP(w_max=9.0), pre[:, :1], post[:, :1], w) - w))


# Windows

WINDOW = {"AntiHebbianSTDP", "BCM", "Clopath", "Covariance", "DisInhibitory", "HomeostaticClopath", "ModulatedSTDP",
          "NearestSTDP", "PairSTDP", "SymmetricSTDP", "ThresholdDisInhibitory", "TripletSTDP", "TsodyksMarkram",
          "VogelsSprekeler"}


@of(RUN)
@pytest.mark.parametrize("reduce", [torch.sum, torch.mean])
def test_a_window_equals_its_steps_far_from_the_bounds(Rule, reduce):
    rule = with_fields(Rule, w_max=1e3, **({} if Rule is PowerLawSTDP else {"w_min": -1e3}))
    pre, post, w, mod, read = case(rule, seed=6, batch=3, steps=25)
    w = w - w.min() + 0.1
    for dendritic in (0, 2):
        options = {"dendritic": dendritic, "reduce": reduce}
        whole, steps = (Plastic(rule, PRE, POST, dt=1.0, weight=w, **options) for _ in range(2))
        if Rule.__name__ not in WINDOW:
            with pytest.raises(snn.errors.RunError, match=f"{Rule.__name__} .*Use learn"):
                whole.learn_window(pre, post, mod, read)
            continue
        for part in (slice(0, 15), slice(15, 25)):
            given = pre[part], post[part], None if mod is None else mod[part], read and {
                k: v[part] for k, v in read.items()}
            before = whole.weight
            change = whole.learn_window(*given)
            torch.testing.assert_close(whole.weight - before, change, rtol=0, atol=1e-12)
            steps.learn(*given)
            torch.testing.assert_close(whole.weight, steps.weight, rtol=1e-12, atol=1e-12)
        for name, value in whole.named_memories():
            if name.startswith("sent"):
                continue
            torch.testing.assert_close(value, getattr(steps, name), msg=name)
        assert Rule is TsodyksMarkram or not torch.equal(whole.weight, w)


def test_a_window_with_uneven_shares_and_bounds():
    pre, post, w, _, _ = case(PairSTDP(), batch=2)
    share = torch.tensor([2.0, 0.5, 1.0], dtype=torch.float64)
    wide = PairSTDP(w_min=-9.0, w_max=9.0)

    def weighted(changes, axis):
        return (changes * share[:len(changes)].view(-1, *[1] * (changes.ndim - 1))).sum(axis)

    found = Plastic(wide, PRE, POST, dt=1.0, weight=w, reduce=weighted).learn_window(pre, post)
    alone = [Plastic(wide, PRE, POST, dt=1.0, weight=w).learn_window(pre[:, b:b + 1], post[:, b:b + 1]) for b in (0, 1)]
    torch.testing.assert_close(found, 2.0 * alone[0] + 0.5 * alone[1])
    narrow = Plastic(PairSTDP(A_plus=0.5), PRE, POST, dt=1.0, weight=w)
    change = narrow.learn_window(pre, post)
    torch.testing.assert_close(narrow.weight, (w + change).clamp(0.0, 1.0))
    assert (w + change).max() > 1
    middle = Plastic(wide, PRE, POST, dt=1.0, weight=w, reduce=torch.amax)
    with pytest.raises(snn.errors.RunError, match="reduce is not linear"):
        middle.learn_window(pre, post)


@pytest.mark.parametrize("rate", [1e-12, 1.0])
def test_a_small_amount_is_not_taken_for_one_that_is_independent_of_the_weight(rate):
    class Decay(PairSTDP):
        def on_post(self, s, x, y, mod):
            return s._replace(w=self.clip(s.w + rate * (x.x - s.w)))

    synapses = Plastic(Decay(), PRE, POST, dt=1.0, weight=0.5)
    with pytest.raises(snn.errors.RunError, match="Decay has in on_post an amount that depends on the weight"):
        synapses.learn_window(*case(Decay())[:2])


# SpikingJelly

class Given(nn.Module):
    """In the place of neurons: fires as it is told."""

    def __init__(self, spikes):
        super().__init__()
        self.spikes = spikes

    def forward(self, x):
        return self.spikes


@pytest.mark.parametrize("meet", [False, True])
@pytest.mark.parametrize("form", ["learn", "learn_window"])
def test_equals_the_learner_of_spikingjelly(form, meet):
    """Its traces lose 1 / tau in a step; and spikes of one step depress there besides potentiating."""
    taus, amounts = (7.0, 12.0), (0.03, 0.02)
    pre, post, w, _, _ = case(PairSTDP(), seed=8, batch=4)
    pre, post = pre.double(), post.double()
    if not meet:
        pre[1::2], post[::2] = 0.0, 0.0
    synapses, cells = nn.Linear(PRE, POST, bias=False, dtype=torch.float64), Given(post)
    theirs = STDPLearner("m", synapses, cells, *taus, f_pre=lambda w: amounts[1], f_post=lambda w: amounts[0])
    cells(synapses(pre))
    expected = theirs.step(on_grad=False)
    tau_plus, tau_minus = (-1.0 / math.log(1.0 - 1.0 / tau) for tau in taus)
    rule = PairSTDP(A_plus=amounts[0], A_minus=amounts[1], tau_plus=tau_plus, tau_minus=tau_minus, w_min=-9., w_max=9.)
    ours = Plastic(rule, PRE, POST, dt=1.0, weight=w, reduce=torch.sum)
    getattr(ours, form)(pre, post)
    both = amounts[1] * torch.einsum("tbo,tbi->oi", post, pre)
    torch.testing.assert_close(ours.weight - w, expected + both, rtol=1e-12, atol=1e-12)
    assert bool(both.any()) == meet and (expected > 0).any() and (expected < 0).any()


def test_a_window_needs_more_than_a_good_look_at_positive_traces():
    class Rectified(PairSTDP):
        def on_post(self, s, x, y, mod):
            return s._replace(w=self.clip(s.w + self.A_plus * torch.relu(x.x)))

    with pytest.raises(snn.errors.RunError, match="not affine in x"):
        Plastic(Rectified(), PRE, POST, dt=1.0, weight=0.5).learn_window(*case(PairSTDP())[:2])
