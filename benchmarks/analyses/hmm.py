"""A Poisson GLM whose couplings switch with a hidden Markov state: likelihood, forward-backward, EM.

In bin t, with state z, unit n fires with probability ``1 - exp(-exp(b_n + sum_m w[z, n, m] h[t, m]))``, h the filtered
spikes of the bins before. That is the unit that :class:`snn.neurons.PoissonNeuron` simulates with an exponential rate.
Spikes ``x`` and histories ``h`` are [trials, T, n]; log-likelihoods per bin and state [trials, T, states].
"""
from dataclasses import dataclass

import numpy as np
import torch

STAY = 0.98
LARGEST = 20.0


def log_likelihood(x, h, bias, weights):
    """log P(x[t] | h[t], z) for every state: [trials, T, states]; ``bias`` [n], ``weights`` [states, n, n]."""
    drive = torch.einsum("rtm,znm->rtzn", h, weights) + bias
    expected = torch.exp(torch.clamp(drive, -LARGEST, LARGEST))
    x = x[:, :, None, :]
    return (x * torch.log(-torch.expm1(-expected)) - (1 - x) * expected).sum(-1)


def forward_backward(likelihood, first, move):
    """Posteriors of a hidden Markov chain.

    Parameters: ``likelihood`` [trials, T, states], log; ``first`` [states] and ``move`` [from, to] probabilities.
    Returns: gamma [trials, T, states], the posterior of the state; xi [from, to], the expected number of transitions;
    evidence [trials], log p(x). Messages are normalised in every bin, which is the same as working in logarithms.
    """
    trials, bins, states = likelihood.shape
    top = likelihood.max(-1, keepdims=True)
    p = np.exp(likelihood - top)
    alpha, scale, beta = np.empty_like(p), np.empty((trials, bins)), np.ones_like(p)
    now = p[:, 0] * first
    for t in range(bins):
        if t:
            now = (alpha[:, t - 1] @ move) * p[:, t]
        scale[:, t] = now.sum(-1)
        alpha[:, t] = now / scale[:, t, None]
    for t in range(bins - 2, -1, -1):
        beta[:, t] = (beta[:, t + 1] * p[:, t + 1]) @ move.T / scale[:, t + 1, None]
    gamma = alpha * beta
    after = p[:, 1:] * beta[:, 1:] / scale[:, 1:, None]
    xi = np.einsum("rti,rtj->ij", alpha[:, :-1], after) * move
    return gamma, xi, np.log(scale).sum(-1) + top[..., 0].sum(-1)


@dataclass(frozen=True)
class Fit:
    """What EM found: bias [n], couplings [states, n, n] as they are evaluated, and the chain."""

    bias: torch.Tensor
    weights: torch.Tensor
    first: np.ndarray
    move: np.ndarray

    def posterior(self, x, h):
        """``(gamma, evidence per trial)`` of spikes and their histories."""
        with torch.no_grad():
            likelihood = log_likelihood(x, h, self.bias, self.weights).numpy()
        gamma, _, evidence = forward_backward(likelihood, self.first, self.move)
        return gamma, evidence

    def score(self, x, h):
        """Log-likelihood per bin, nats."""
        return float(self.posterior(x, h)[1].sum() / (x.shape[0] * x.shape[1]))


def gradient(x, h, gamma, bias, weights):
    """Gradient of the expected log-likelihood, ``sum gamma log P``, by the couplings [states, n, n] and the bias [n].

    ``x``, ``h`` [N, n] and ``gamma`` [N, states]. With the rate a = exp(drive): d log P / d drive = a (x / (1 -
    exp(-a)) - 1). Written out, because it takes half of the time of automatic differentiation.
    """
    states, n, _ = weights.shape
    rate = torch.exp(torch.clamp((h @ weights.reshape(-1, n).T).reshape(-1, states, n) + bias, -LARGEST, LARGEST))
    slope = gamma[:, :, None] * rate * (x[:, None, :] / -torch.expm1(-rate) - 1)
    return (slope.reshape(-1, states * n).T @ h).reshape(weights.shape), slope.sum((0, 1))


def em(x, h, couplings, *, epochs, steps=50, rate=0.01):
    """Expectation maximisation.

    ``couplings`` has the parameters, ``weights()`` [states, n, n] and ``penalty()`` in nats
    (:mod:`benchmarks.analyses.couplings`). An epoch is an expectation and ``steps`` steps of Adam.
    """
    n, states = x.shape[-1], couplings.states
    flat_x, flat_h = x.reshape(-1, n).float(), h.reshape(-1, n).float()
    bias = torch.log(-torch.log1p(-flat_x.mean(0).clamp(1e-4, 1 - 1e-4))).requires_grad_()
    first, move = np.full(states, 1 / states), np.full((states, states), (1 - STAY) / max(states - 1, 1))
    np.fill_diagonal(move, STAY if states > 1 else 1.0)
    adam = torch.optim.Adam([bias, *couplings.parameters], rate)
    for _ in range(epochs):
        with torch.no_grad():
            likelihood = log_likelihood(x, h, bias.double(), couplings.expected().double()).numpy()
        gamma, xi, _ = forward_backward(likelihood, first, move)
        first, move = gamma[:, 0].mean(0), xi / xi.sum(1, keepdims=True)
        gamma = torch.as_tensor(gamma).reshape(-1, states).float()
        for _ in range(steps):
            adam.zero_grad()
            weights = couplings.weights()
            with torch.no_grad():
                by_weights, by_bias = gradient(flat_x, flat_h, gamma, bias, weights)
            loss = couplings.penalty() - (weights * by_weights).sum() - (bias * by_bias).sum()
            loss.backward()
            adam.step()
    return Fit(bias.detach().double(), couplings.final().detach().double(), first, move)
