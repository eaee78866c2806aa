"""One network of oscillators in numpy, scipy, torch and numba, as their users write it, beside ours.

Everybody computes the same: the split step of ``snn.neurons.Kuramoto`` without noise and input. A side is made from a
:class:`Problem` and a dtype; ``run(steps)`` advances it, ``theta`` are its phases (numpy).
"""
import warnings
from dataclasses import dataclass

import numpy as np

import snn
from snn.neurons import Kuramoto

DT, K = 0.05, 2.0


@dataclass(frozen=True)
class Problem:
    """``sources`` [n, k]: whom each oscillator feels, with K / k; None: everybody, with K / n."""

    omega: np.ndarray
    start: np.ndarray
    sources: np.ndarray | None

    @property
    def n(self):
        return len(self.omega)

    @property
    def weight(self):
        return K / (self.n if self.sources is None else self.sources.shape[1])


def problem(n, k=None, seed=1):
    rng = np.random.default_rng(seed)
    sources = None if k is None else np.sort(rng.integers(0, n, (n, k)), axis=1).astype(np.int32)
    return Problem(rng.normal(0.0, 0.6, n), rng.uniform(0.0, 2.0 * np.pi, n), sources)


class Snn:
    """Ours; ``engine`` decides where and how precisely."""

    def __init__(self, problem, engine):
        n, w, sources = problem.n, problem.weight, problem.sources
        net = snn.Network("oscillators")
        units = net.add("units", Kuramoto(omega=problem.omega), n, init={"theta": problem.start})
        if sources is None:
            net.couple(units, units, snn.AllToAll(), weight=w)
        else:
            targets = np.repeat(np.arange(n), sources.shape[1])
            net.couple(units, units, snn.Edges(sources.ravel(), targets, multi_edges=True), weight=w)
        self._run = snn.start(net, dt=DT, record=[], engine=engine, progress=False)

    def run(self, steps):
        self._run.run(steps * DT)

    @property
    def theta(self):
        state = self._run.state
        state = state[0] if isinstance(state, list) else state
        return np.asarray(state.populations["units"].values["theta"])


class Arrays:
    """The step in arrays of numpy or torch: ``xp`` has sin and cos, ``sums(sin, cos)`` gives S and C."""

    def __init__(self, problem, xp, convert):
        self.xp, self.theta_now, self.omega = xp, convert(problem.start), convert(problem.omega)
        self.weight, self.last = problem.weight, None

    def run(self, steps):
        xp, theta, half = self.xp, self.theta_now, (0.5 * DT) * self.omega
        for _ in range(steps):
            S, C = self.sums(xp.sin(theta), xp.cos(theta))
            last_S, last_C = (S, C) if self.last is None else self.last
            self.last = S, C
            S, C = S + 0.5 * (S - last_S), C + 0.5 * (C - last_C)
            theta = theta + half
            sin, cos = xp.sin(theta), xp.cos(theta)
            change = DT * (S * cos - C * sin)
            theta = theta + change - (0.5 * DT) * (S * sin + C * cos) * change + half
        self.theta_now = theta

    @property
    def theta(self):
        return np.asarray(self.theta_now.cpu() if hasattr(self.theta_now, "cpu") else self.theta_now)


class Numpy(Arrays):
    def __init__(self, problem, dtype):
        super().__init__(problem, np, lambda a: a.astype(dtype))
        self.weight, self.sources = np.dtype(dtype).type(self.weight), problem.sources

    def sums(self, sin, cos):
        if self.sources is None:
            return self.weight * sin.sum(), self.weight * cos.sum()
        return self.weight * sin[self.sources].sum(1), self.weight * cos[self.sources].sum(1)


class Scipy(Numpy):
    def __init__(self, problem, dtype):
        from scipy.sparse import csr_matrix
        super().__init__(problem, dtype)
        n, k = problem.sources.shape
        places = problem.sources.ravel(), np.arange(0, n * k + 1, k)
        self.matrix = csr_matrix((np.full(n * k, self.weight, dtype), *places), shape=(n, n))

    def sums(self, sin, cos):
        return tuple((self.matrix @ np.stack([sin, cos], 1)).T)


class Torch(Arrays):
    def __init__(self, problem, dtype, device="cpu"):
        import torch
        kind = getattr(torch, dtype)
        super().__init__(problem, torch, lambda a: torch.as_tensor(a).to(device, kind))
        self.device, self.matrix, self.synchronise = device, None, torch.cuda.synchronize
        if problem.sources is not None:
            n, k = problem.sources.shape
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta state")
                self.matrix = torch.sparse_csr_tensor(
                    torch.arange(0, n * k + 1, k), torch.as_tensor(problem.sources.ravel()).long(),
                    torch.full((n * k,), self.weight, dtype=kind), (n, n), check_invariants=False).to(device)
        self.stack = torch.stack

    def sums(self, sin, cos):
        if self.matrix is None:
            return self.weight * sin.sum(), self.weight * cos.sum()
        return (self.matrix @ self.stack([sin, cos], 1)).unbind(1)

    def run(self, steps):
        super().run(steps)
        if self.device != "cpu":
            self.synchronise()


class Numba:
    def __init__(self, problem, dtype):
        from benchmarks.oscillators import peer_kernels
        t = np.dtype(dtype).type
        self.theta, self.last, self.begun = problem.start.astype(dtype), np.zeros((2, problem.n), dtype), 0
        self._step = peer_kernels.sparse if problem.sources is not None else peer_kernels.mean_field
        sources = () if problem.sources is None else (problem.sources,)
        self._given = problem.omega.astype(dtype), *sources, t(problem.weight), t(DT)

    def run(self, steps):
        self.begun = self._step(self.theta, self.last, self.begun, steps, *self._given)
