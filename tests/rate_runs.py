"""What the tests of rate-based rules share: mean changes for given activities, and drift under Poisson spikes."""
import numpy as np
import torch
from rule_loop import run_rule

from snn.wiring import Wiring


def tensor(values):
    return torch.as_tensor(np.asarray(values, np.float64))


def per_second(rule, w, x, y):
    """Change of ``w`` [inputs] in 1 s that the events of steady activities make, without the spikes of the inputs.

    ``x`` [samples, inputs], ``y`` a ``rule.Post`` of [samples]; the mean over the samples.
    """
    bound, y = rule.bind(1, torch.float64), rule.Post(*(tensor(v)[:, None] for v in y))
    after = bound.on_post(rule.Synapse(tensor(w)), rule.Pre(tensor(x)), y, 0.0).w
    return (y[0] * (after - tensor(w))).mean(0).numpy()


def poisson(rng, rate, steps, n, dt):
    """Spikes [steps, n] at ``rate`` Hz (a number, or per step)."""
    rate = np.broadcast_to(np.asarray(rate, np.float64), steps)
    return rng.random((steps, n)) < rate[:, None] * dt / 1000.0


def drift(rule, x, y, *, w=0.5, dt=1.0, steps=4000, settle=1000, n=600, seed=0):
    """Change of the weight per s, and its standard error, of ``n`` synapses between independent Poisson trains.

    ``x``, ``y``: rates in Hz, numbers or per step. The learning rate of the rule must be so small that w stays put.
    """
    rng = np.random.default_rng(seed)
    pre, post = (poisson(rng, rate, steps, n, dt) for rate in (x, y))
    course = run_rule(rule, pre, post, np.full(n, w), dt=dt)
    early = course.w[np.searchsorted(course.step, settle) - 1]
    change = (course.w[-1] - early) * 1000.0 / ((steps - settle) * dt)
    assert np.abs(course.w[-1] - w).max() < 1e-3
    return change.mean(), change.std() / np.sqrt(n)


def recent(dt, tau):
    """Mean of a trace over the rate, as a spike of the other side finds it: without, with a spike of the same step."""
    q = np.exp(-dt / tau)
    return dt / tau * q / (1.0 - q), dt / tau / (1.0 - q)


def all_to_all(n_pre, n_post, every):
    ends = torch.arange(n_pre).repeat_interleave(n_post), torch.arange(n_post).repeat(n_pre)
    return Wiring(*ends, n_pre, n_post, every)


def act(rule, w, x, y, wiring=None):
    """``w`` [post, pre] after ``on_time``; ``x``, ``y``: tuples of the activities, as in ``Pre`` and ``Post``."""
    wiring = wiring or all_to_all(w.shape[1], w.shape[0], float(rule.every))
    pre, post = rule.Pre(*(tensor(v)[wiring.pre] for v in x)), rule.Post(*(tensor(v)[wiring.post] for v in y))
    new = tensor(w).clone()
    s = rule.Synapse(new[wiring.post, wiring.pre])
    new[wiring.post, wiring.pre] = rule.bind(1, torch.float64).on_time(s, pre, post, 0.0, wiring).w
    return new.numpy()


def spectrum(values, seed):
    """Samples [n, n] whose <x x'> has the eigenvalues ``values``; the eigenvectors [n, n] in rows, in their order."""
    values = np.asarray(values, np.float64)
    basis = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(values),) * 2))[0].T
    return np.sqrt(len(values) * values)[:, None] * basis, basis
