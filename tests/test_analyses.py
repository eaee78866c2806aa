"""The published analyses: their pieces against closed forms, their command."""
import argparse
import itertools
import json
import math

import numpy as np
import pytest
import torch

from benchmarks.analyses import command
from benchmarks.analyses.contrastive import ByBehaviour, ByTime, info_nce
from benchmarks.analyses.couplings import Free, OneHot, Shared
from benchmarks.analyses.factors import affinities, factorise, mutual_information, rebuilt
from benchmarks.analyses.glm import matching, signs
from benchmarks.analyses.hmm import em, forward_backward, gradient, log_likelihood
from benchmarks.analyses.rows import row
from benchmarks.analyses.transformer import IGNORED, Sequences, Transformer, influence, targets, train
from snn.export.arrays import tokens
from snn.spikes import Spikes


def test_forward_backward_is_the_sum_over_all_paths():
    rng = np.random.default_rng(1)
    likelihood = 3.0 * rng.normal(size=(2, 5, 3))
    first, move = rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(3), 3)
    gamma, xi, evidence = forward_backward(likelihood, first, move)
    many = np.zeros((3, 3))
    for trial in range(2):
        total, expected = 0.0, np.zeros((5, 3))
        pairs = np.zeros((3, 3))
        for path in itertools.product(range(3), repeat=5):
            p = first[path[0]] * math.prod(move[a, b] for a, b in itertools.pairwise(path))
            p *= math.exp(likelihood[trial, range(5), path].sum())
            total += p
            expected[range(5), path] += p
            np.add.at(pairs, (path[:-1], path[1:]), p)
        many += pairs / total
        assert evidence[trial] == pytest.approx(math.log(total), rel=1e-12)
        np.testing.assert_allclose(gamma[trial], expected / total, rtol=1e-12)
    np.testing.assert_allclose(xi, many, rtol=1e-12)


def test_likelihood_of_bins_sums_to_one_and_its_gradient_is_that_of_torch():
    generator = torch.Generator().manual_seed(1)
    h = torch.rand(1, 4, 3, generator=generator, dtype=torch.float64)
    bias, weights = (torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in ((3,), (2, 3, 3)))
    patterns = torch.tensor(list(itertools.product((0.0, 1.0), repeat=3)), dtype=torch.float64)
    every = [log_likelihood(x.expand(1, 4, 3), h, bias, weights).exp() for x in patterns]
    np.testing.assert_allclose(sum(every), 1.0, rtol=1e-12)
    x, gamma = patterns[[1, 3, 4, 6]], torch.rand(4, 2, generator=generator, dtype=torch.float64)
    bias.requires_grad_()
    weights.requires_grad_()
    (gamma * log_likelihood(x[None], h, bias, weights)[0]).sum().backward()
    by_weights, by_bias = gradient(x, h[0], gamma, bias.detach(), weights.detach())
    torch.testing.assert_close(by_weights, weights.grad)
    torch.testing.assert_close(by_bias, bias.grad)


def test_em_of_one_state_is_the_maximum_of_the_likelihood():
    """Two units; the second fires by chance p0 without, p1 with a spike of the first: both are known fractions."""
    first = torch.tensor([1.0, 0.0] * 50)
    second = torch.cat([torch.tensor([0.0, 1.0, 0.0, 0.0]).repeat(20), torch.tensor([1.0, 1.0]).repeat(10)])
    x = torch.stack([first, second], 1)[None].double()
    h = torch.stack([first.roll(1), torch.zeros(100)], 1)[None].double()
    fit = em(x, h, Free(2, 1, torch.Generator().manual_seed(1)), epochs=1, steps=400, rate=0.05)
    p0, p1 = (second[first.roll(1) == k].double().mean() for k in (0, 1))
    rate = torch.log(-torch.log1p(-torch.stack([p0, p1])))
    assert fit.bias[1] == pytest.approx(rate[0].item(), abs=1e-3)
    assert fit.weights[0, 1, 0] == pytest.approx((rate[1] - rate[0]).item(), abs=1e-3)


def test_penalties():
    generator = torch.Generator().manual_seed(1)
    shared, choice = (kind(3, 2, generator, **how) for kind, how in ((Shared, {"variance": 0.5}),
                                                                     (OneHot, {"pull": 2.0})))
    assert shared.penalty().item() == pytest.approx((shared.w ** 2).sum().item(), rel=1e-6)
    p, q = torch.softmax(choice.logits, -1), torch.softmax(choice.connectome, -1)
    assert choice.penalty().item() == pytest.approx(2.0 * (p * (p / q).log()).sum().item(), rel=1e-4)
    strength = torch.nn.functional.softplus(choice.strength)
    torch.testing.assert_close(choice.final(), strength * (choice.logits.argmax(-1) - 1))
    assert (choice.weights().abs() <= strength).all()


def test_states_and_signs():
    states = np.array([0, 0, 1, 1, 1])
    assert matching(states, 1 - states).tolist() == [1, 0]
    true = np.zeros((2, 8, 8))
    true[:, 0, 1:] = 1.0
    found = np.where(true > 0, 0.5, 0.01)
    found[:, 0, 1] = -0.5
    connections, choices = signs(found, true)
    assert connections == pytest.approx(6 / 7) and choices == pytest.approx(55 / 56)


def test_info_nce_by_hand():
    a = torch.nn.functional.normalize(torch.randn(3, 8, 2, generator=torch.Generator().manual_seed(1)), dim=2)
    expected = 0.0
    for i in range(8):
        alike = float(a[0, i] @ a[1, i]) / 0.5
        expected += math.log(sum(math.exp(float(a[0, i] @ a[2, j]) / 0.5) for j in range(8))) - alike
    assert info_nce(*a, temperature=0.5).item() == pytest.approx(expected / 8, rel=1e-5)


def test_pairs():
    rng = np.random.default_rng(1)
    reference, positive = ByTime(100, offset=3).pairs(rng)
    assert (positive - reference == 3).all() and positive.max() < 100
    angles = np.cumsum(rng.uniform(0.1, 0.2, 2000)) % (2 * np.pi)
    reference, positive = ByBehaviour(angles).pairs(rng)
    moved = np.angle(np.exp(1j * (angles[positive] - angles[reference])))
    assert moved.min() > 0.09 and moved.max() < 0.21 and len(np.unique(positive - reference)) > 100


def test_an_exact_tensor_is_factorised():
    rng = np.random.default_rng(1)
    true = [rng.random((n, 3)) * (rng.random((n, 3)) < 0.5) for n in (12, 12, 20)]
    tensor = rebuilt(*true)
    found = factorise(tensor, 3, seed=1, iterations=2000)
    assert np.linalg.norm(rebuilt(*found) - tensor) < 1e-2 * np.linalg.norm(tensor)
    assert all((f >= 0).all() for f in found)
    both = np.corrcoef(true[2].T, found[2].T)[:3, 3:]
    assert (both.max(1) > 0.99).all() and len(set(both.argmax(1))) == 3


def test_affinities_are_positive_correlations():
    pieces = np.random.default_rng(1).random((4, 10, 5))
    pieces[2, :, 3] = 7.0
    found = affinities(pieces)
    for w in (0, 1, 3):
        expected = np.maximum(np.corrcoef(pieces[w].T), 0) * ~np.eye(5, dtype=bool)
        np.testing.assert_allclose(found[:, :, w], expected, atol=1e-12)
    assert not found[3, :, 2].any() and found[0, 1:, 2].any()


def test_mutual_information():
    a = np.array([0, 0, 1, 1, 2, 2])
    assert mutual_information(a, (a + 1) % 3) == pytest.approx(1.0)
    assert mutual_information(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])) == pytest.approx(0.0, abs=1e-12)
    assert mutual_information(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 0])) == 0.0


def some_sequences(n=4, seconds=3.0):
    rng = np.random.default_rng(1)
    times = np.sort(rng.uniform(0.0, 1000.0 * seconds, 200))
    return Sequences(tokens(Spikes(times, rng.integers(0, n, 200), n, 1000.0 * seconds), 50.0, 10.0))


def test_sequences_hold_the_tokens():
    found = tokens(Spikes([5.0, 60.0, 61.0, 120.0, 190.0, 195.0, 201.0], [1, 0, 1, 1, 0, 1, 0], 2, 250.0), 50.0, 10.0)
    now, before = Sequences(found).rows(torch.tensor([0, 1]))
    neurons, intervals = targets(now, 2)
    end, pad = 2, 3
    assert now[0].tolist() == [[end, 0, 1], [end, 0, pad]] and now[1].tolist() == [[0, 3, 4], [0, 0, 0]]
    assert before[0].tolist() == [[end, 1, 0, 1, 1, pad], [end, 0, 1, 1, 0, 1]]
    assert before[1].tolist() == [[0, 0, 5, 6, 11, 0], [0, 0, 1, 6, 13, 14]]
    assert neurons.tolist() == [[0, 1, end], [0, end, IGNORED]]
    assert intervals.tolist() == [[3, 4, IGNORED], [0, IGNORED, IGNORED]]


def test_the_transformer_sees_no_token_before_its_time():
    sequences = some_sequences()
    torch.manual_seed(1)
    model = Transformer(4, 5).eval()
    now, before = sequences.rows(torch.arange(8))
    scores = model(now, before)[0]
    changed = now[0].clone()
    changed[:, 4:] = (changed[:, 4:] + 1) % 4
    later = model((changed, now[1]), before)[0]
    torch.testing.assert_close(later[:, :4], scores[:, :4])
    assert not torch.allclose(later[:, 4:], scores[:, 4:])
    names, when = model.losses(now, before)
    assert (names[now[0] == 5] == 0).all() and (names[now[0] < 5] > 0).all() and (when >= 0).all()


def test_windows_without_a_neuron():
    """As if it had not been recorded: the same tokens as of the spikes of the others."""
    rng = np.random.default_rng(1)
    spikes = Spikes(np.sort(rng.uniform(0.0, 3000.0, 200)), rng.integers(0, 4, 200), 4, 3000.0)
    gone = torch.arange(4) == 2
    whole, less = (Sequences(tokens(s, 50.0, 10.0)) for s in (spikes, spikes.of([0, 1, 3])))
    index = torch.arange(len(whole))
    for part, other in zip(whole.rows(index, gone.expand(len(index), 4)), less.rows(index), strict=True):
        for x, y, fill in zip(part, other, (5, 0), strict=True):
            width = y.shape[1]
            assert torch.equal(x[:, :width], y) and (x[:, width:] == fill).all()
    torch.manual_seed(1)
    now, before = whole.rows(index, gone.expand(len(index), 4))
    names = Transformer(4, 5).eval()(now, before)[0]
    assert torch.isfinite(names).all()


def test_training_lowers_the_loss():
    sequences = some_sequences()
    (_, before), (cost, after) = (influence(train(sequences, 1, epochs=epochs), sequences) for epochs in (0, 8))
    assert after < before and cost.shape == (4, 4)


def test_row():
    assert row("a", "b", [0.8, 1.0], (">", 0.9)) == {
        "setting": "a", "quantity": "b", "measured": 0.9, "sd": 0.141421, "seeds": 2, "expected": "> 0.9", "met": False}
    assert "met" not in row("a", "b", 1.0)


def options(*words):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(words)


@pytest.mark.parametrize("part", [
    pytest.param("glm", marks=pytest.mark.slow),         # 6 s
    pytest.param("embedding", marks=pytest.mark.slow),   # 4 s
    "tokens", "assemblies"])
def test_command(part, capsys):
    assert command.main(options("--part", part, "--quick", "--json")) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert rows and all(row["part"] == part and row["preliminary"] and math.isfinite(row["measured"]) for row in rows)
    assert any("expected" in row for row in rows)


def test_refusals():
    with pytest.raises(ValueError, match="there is no part 'dreams'"):
        command.main(options("--part", "dreams"))
    with pytest.raises(ValueError, match="analyses.seeds: is 0"):
        command.main(options("--seeds", "0"))
