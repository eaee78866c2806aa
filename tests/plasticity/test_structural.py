"""Structural plasticity alone."""
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rule_runs import taught

import snn
from snn.errors import ModelError
from snn.plasticity import PairSTDP, StructuralPlasticity
from snn.random import stream, uniform
from snn.wiring import Wiring


def wiring(n_pre, n_post, degree, seed):
    """``degree`` distinct ascending targets of every presynaptic neuron."""
    rng = np.random.default_rng(seed)
    rows = [np.sort(rng.permutation(n_post)[:degree]) for _ in range(n_pre)]
    return Wiring(torch.arange(n_pre).repeat_interleave(degree), torch.as_tensor(np.concatenate(rows)), n_pre, n_post,
                  1000.0)


def draws(seed):
    return lambda k: torch.as_tensor(uniform(stream(seed), np.arange(k)))


def rewire(rule, w, wires, seed=0):
    rule = rule.bind(1, torch.float64)
    return rule.rewire(rule.Synapse(w), wires, draws(seed))


@settings(max_examples=60)
@given(n_pre=st.integers(1, 12), n_post=st.integers(1, 12), share=st.floats(0.0, 1.0), weak=st.floats(0.05, 1.0),
       seed=st.integers(0, 10**6))
def test_weak_synapses_move_to_free_targets_and_nothing_else_changes(n_pre, n_post, share, weak, seed):
    wires = wiring(n_pre, n_post, round(share * n_post), seed)
    w = torch.as_tensor(np.random.default_rng(seed).uniform(0.0, 0.05 / weak, len(wires.pre)))
    rule, thin = StructuralPlasticity(threshold=0.05, w_new=0.07), w < 0.05
    if not thin.any():
        assert rewire(rule, w, wires, seed) is None
        return
    s, post = rewire(rule, w, wires, seed)
    moved = post != wires.post
    assert not (moved & ~thin).any() and torch.equal(s.w[~moved], w[~moved]) and (s.w[moved] == 0.07).all()
    assert ((post >= 0) & (post < n_post)).all()
    for i in range(n_pre):
        row = wires.pre == i
        before, after = set(wires.post[row].tolist()), set(post[row & moved].tolist())
        free = n_post - len(before)
        assert len(after) == int((row & moved).sum()) == min(int((row & thin).sum()), free)
        assert not before & after
        if 0 < len(after) == free:      # the weakest had precedence
            assert w[row & moved].max() <= w[row & thin & ~moved].min() if (row & thin & ~moved).any() else True


def test_every_free_target_is_equally_likely_and_so_is_every_pair():
    n_post, trials = 6, 4000
    wires = Wiring(torch.arange(trials).repeat_interleave(2), torch.tensor([1, 4]).repeat(trials), trials, n_post, 1.0)
    _, post = rewire(StructuralPlasticity(), torch.zeros(2 * trials, dtype=torch.float64), wires, 3)
    pairs = {}
    for a, b in post.reshape(trials, 2).tolist():
        pairs[a, b] = pairs.get((a, b), 0) + 1
    assert set(pairs) == {(a, b) for a in (0, 2, 3, 5) for b in (0, 2, 3, 5) if a != b}
    expected = trials / 12
    chi_square = sum((count - expected) ** 2 / expected for count in pairs.values())
    assert chi_square < 31.3        # 0.999 quantile with 11 degrees of freedom


def test_no_connection_to_itself_when_asked():
    n, w = 30, torch.zeros(30 * 10, dtype=torch.float64)
    rng = np.random.default_rng(0)
    rows = [np.sort(rng.permutation(np.delete(np.arange(n), i))[:10]) for i in range(n)]
    wires = Wiring(torch.arange(n).repeat_interleave(10), torch.as_tensor(np.concatenate(rows)), n, n, 1.0)
    with_own, without = (rewire(StructuralPlasticity(autapses=flag), w, wires)[1] for flag in (1, 0))
    assert (with_own == wires.pre).any() and not (without == wires.pre).any()
    # 10 old and 1 own target are not free, so that all 19 others are reached in the end.
    wide = torch.zeros(30 * 19, dtype=torch.float64)
    rows = [np.delete(np.arange(n), i)[:19] for i in range(n)]
    wires = Wiring(torch.arange(n).repeat_interleave(19), torch.as_tensor(np.concatenate(rows)), n, n, 1.0)
    _, post = rewire(StructuralPlasticity(autapses=0), wide, wires)
    assert all(len(set(wires.post[k:k + 19].tolist()) | set(post[k:k + 19].tolist())) == 29
               for k in range(0, len(post), 19))


def test_the_same_draws_give_the_same_synapses():
    wires, w = wiring(40, 50, 12, 1), torch.zeros(480, dtype=torch.float64)
    first, again, other = (rewire(StructuralPlasticity(), w, wires, seed)[1] for seed in (5, 5, 6))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_double_connections_of_the_start_are_no_obstacle():
    wires = Wiring(torch.zeros(4, dtype=torch.int64), torch.tensor([0, 0, 1, 1]), 1, 4, 1.0)
    s, post = rewire(StructuralPlasticity(), torch.tensor([0.0, 0.2, 0.3, 0.01], dtype=torch.float64), wires)
    assert sorted(post[[0, 3]].tolist()) == [2, 3] and post[1:3].tolist() == [0, 1]
    assert s.w.tolist() == [0.1, 0.2, 0.3, 0.1]


def test_inhibitory_weights_count_by_their_size():
    wires = Wiring(torch.zeros(2, dtype=torch.int64), torch.tensor([0, 1]), 1, 5, 1.0)
    s, post = rewire(StructuralPlasticity(w_new=-0.1), torch.tensor([-0.5, -0.01], dtype=torch.float64), wires)
    assert s.w.tolist() == [-0.5, -0.1] and post[0] == 0 and post[1] > 1


@pytest.mark.slow
def test_a_million_synapses_take_less_than_a_second():
    n, degree = 10_000, 100
    targets = torch.as_tensor(np.random.default_rng(0).integers(0, n // degree, (n, degree)))
    wires = Wiring(torch.arange(n).repeat_interleave(degree),
                   (targets + torch.arange(degree) * (n // degree)).flatten(), n, n, 1.0)
    w = torch.as_tensor(np.random.default_rng(1).uniform(0.0, 0.1, n * degree))
    times, threads = [], torch.get_num_threads()
    torch.set_num_threads(1)
    for seed in range(3):
        begin = time.thread_time()
        _, post = rewire(StructuralPlasticity(), w, wires, seed)
        times.append(time.thread_time() - begin)
    torch.set_num_threads(threads)
    key = torch.sort(wires.pre * n + post).values
    assert (key[1:] > key[:-1]).all() and ((post != wires.post) == (w < 0.05)).all()
    # Processor time of this thread, half a second on an idle machine.
    assert min(times) < 1.0


DELAYS = snn.Uniform(1.0, 3.0).grid(1.0)


@pytest.mark.parametrize(("engine", "delay"), [
    pytest.param(snn.Reference(), 1.0, id="one delay-reference"),
    pytest.param(snn.EventDriven(threads=1), DELAYS, id="delays-event-driven"),
    pytest.param(snn.Reference(), DELAYS, id="delays-reference", marks=pytest.mark.slow),
    pytest.param(snn.EventDriven(threads=1), 1.0, id="one delay-event-driven", marks=pytest.mark.slow)])
def test_in_a_network_weak_synapses_move_and_go_on_learning(engine, delay):
    rng = np.random.default_rng(3)
    pre, post = ([np.sort(rng.choice(np.arange(2.0, 190.0), 30, replace=False)) for _ in range(n)] for n in (8, 20))
    rules = [PairSTDP(A_plus=0.02, A_minus=0.03), StructuralPlasticity(threshold=0.4, w_new=0.5, every=50.0)]
    net = taught(pre, post, rules, w=0.5, dt=1.0, duration=200.0, delay=delay, rule=snn.FixedOutDegree(6))
    with snn.start(net, dt=1.0, engine=engine, progress=False) as run:
        before = run.connections("plastic")
        run.run(200.0)
        after, w = run.connections("plastic"), run.weights("plastic")
        key = after[0] * 20 + after[1]
        assert np.array_equal(before[0], after[0]) and (np.diff(key) > 0).all()
        assert 5 < np.isin(key, before[0] * 20 + before[1], invert=True).sum() and (w >= 0.4).all()
        assert len(np.unique(w)) > 20 and (w != 0.5).sum() > 20
        moved = key.copy()
        run.run(49.0)
        again = run.connections("plastic")
        assert np.array_equal(moved, again[0] * 20 + again[1])


@pytest.mark.parametrize("field, pattern", [
    ({"threshold": 0.0}, "threshold: is 0"), ({"every": -1.0}, "every: is -1"), ({"w_new": 0.01}, "w_new: is 0.01"),
    ({"autapses": 0.5}, "autapses: is 0.5")])
def test_refused(field, pattern):
    with pytest.raises(ModelError, match=rf"StructuralPlasticity\.{pattern}"):
        StructuralPlasticity(**field)
