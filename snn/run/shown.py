"""What populations show to others, and the sums that couplings make of it: the one definition of all engines.

What it is
    :class:`Shown` keeps the graded values of a population for some steps, as torch engines see them; before the first
    step lie the values at the start. :class:`TorchCoupling` makes the sums of one coupling from them.

Order of additions
    A sum over connections goes by source, in ascending order; one weight for all is multiplied at the end. A sum over
    everybody (:func:`lane_sum`) is made in 32 lanes, lane l taking the sources l, l + 32, ..., which are then folded by
    halves; a mean over a population adds such sums of chunks of 256 units. Compiled code does the same, so that results
    in double precision are the same bit for bit, whatever the number of threads.
"""
import numpy as np
import torch

LANES = 32
MEAN_CHUNK = 256


def lane_sum(y):
    """Sum over the last axis in the order said above."""
    n = y.shape[-1]
    padded = torch.nn.functional.pad(y, (0, -n % LANES)).unflatten(-1, (-1, LANES))
    lanes = padded.cumsum(-2)[..., -1, :].unflatten(-1, (4, 8))
    total = (lanes[..., 0, :] + lanes[..., 1, :]) + (lanes[..., 2, :] + lanes[..., 3, :])
    for half in (4, 2, 1):
        total = total[..., :half] + total[..., half:2 * half]
    return total[..., 0]


def chunk_sums(y):
    """Sums of the chunks of a population, [..., chunks], from ``y`` [..., n]."""
    return lane_sum(torch.nn.functional.pad(y, (0, -y.shape[-1] % MEAN_CHUNK)).unflatten(-1, (-1, MEAN_CHUNK)))


def mean_of_chunks(sums, n):
    """Means of a population of ``n`` units from sums of its chunks, numpy [..., chunks]."""
    return (np.cumsum(sums, -1, dtype=np.float64)[..., -1] / n).astype(sums.dtype)


def mean(y):
    """Mean of ``y`` [..., n] over the population, a tensor [..., 1]."""
    sums = chunk_sums(y).cpu().numpy()
    return torch.from_numpy(np.atleast_1d(mean_of_chunks(sums, y.shape[-1]))[..., None]).to(y)


class Shown:
    """The values of the last ``depth`` steps of a population, {name: [depth, ..., n]}; slot = step mod depth."""

    def __init__(self, values, depth):
        self.depth = depth
        self.rows = {name: v.expand(depth, *v.shape).clone() for name, v in values.items()}

    def put(self, values, step):
        for name, v in values.items():
            self.rows[name][step % self.depth] = v

    def get(self, name, step):
        """Values shown after ``step`` (below 0: at the start)."""
        return self.rows[name][step % self.depth]

    def snapshot(self, step, run=()):
        """{name: [depth, n]}, row r is what was shown r + 1 steps before ``step``."""
        order = [(step - 1 - r) % self.depth for r in range(self.depth)]
        return {name: rows[order][(slice(None), *run)].cpu().numpy().copy() for name, rows in self.rows.items()}

    def restore(self, saved, step):
        for name, rows in saved.items():
            if name in self.rows:
                for r in range(min(self.depth, len(rows))):
                    self.rows[name][(step - 1 - r) % self.depth] = torch.as_tensor(rows[r]).to(self.rows[name])


class TorchCoupling:
    """The sums of coupling plan ``c``; ``shown[k]`` is what population k shows.

    ``exact``: in the order of additions said above; otherwise by products with sparse matrices, for any device.
    """

    def __init__(self, c, shown, dtype, device="cpu", *, exact):
        self.c, self.source, self.target, self.exact = c, shown[c.pre], shown[c.post], exact
        options = {"dtype": dtype, "device": device}
        self.weight = torch.as_tensor(c.weight, **options)
        self.total = None if c.total is None else torch.as_tensor(c.total, **options)
        if c.csr is None:
            return
        src = torch.from_numpy(np.repeat(np.arange(c.n_pre), np.diff(c.csr.indptr))).to(device)
        post = torch.from_numpy(c.csr.targets.astype(np.int64)).to(device)
        delay = torch.as_tensor(np.broadcast_to(c.delay, len(post)).astype(np.int64), device=device)
        if exact:
            self.src, self.post, self.delay = src, post, delay
            return
        self.matrices = {}
        for d in delay.unique().tolist():
            m = delay == d
            values = self.weight[m] if self.weight.ndim else self.weight.expand(int(m.sum()))
            place = torch.stack([post[m], src[m]])
            size = (c.n_post, c.n_pre)
            self.matrices[d] = torch.sparse_coo_tensor(place, values, size, check_invariants=False).coalesce()

    def sums(self, k):
        """[(port, [..., n_post])] of step ``k``."""
        return [(port, self._sum(name, k)) for port, name in self.c.values]

    def _sum(self, name, k):
        c, here = self.c, slice(self.c.post_offset, self.c.post_offset + self.c.n_post)
        if c.csr is None:
            total = self._everybody(name, k)
        elif self.exact:
            total = self._by_source(name, k)
        else:
            total = sum((m @ self._of(name, k - d).T).T for d, m in self.matrices.items())
        if c.total is None:
            return total
        return total - self.total * self.target.get(name, k - 1)[..., here]

    def _of(self, name, step):
        return self.source.get(name, step)[..., self.c.pre_offset:self.c.pre_offset + self.c.n_pre]

    def _everybody(self, name, k):
        y = self._of(name, k - self.c.delay)
        total = (lane_sum(y) if self.exact else y.sum(-1))[..., None]
        return self.weight * (total.expand(*total.shape[:-1], self.c.n_post) if self.c.own else total - y)

    def _by_source(self, name, k):
        """One run: [n_post]."""
        y = self.source.rows[name][(k - self.delay) % self.source.depth, self.src + self.c.pre_offset]
        if self.weight.ndim:
            return torch.zeros(self.c.n_post, dtype=y.dtype).index_add_(0, self.post, self.weight * y)
        return self.weight * torch.zeros(self.c.n_post, dtype=y.dtype).index_add_(0, self.post, y)
