"""The synapses of a projection on the device of the clocked engine."""
import numpy as np
import torch

from snn.run.learning import Learning


class Synapses:
    """One projection on the device; ``deliver`` adds the weights of the synapses of every spike, in the plan's
    order."""

    def __init__(self, q, session):
        self.q, self.session = q, session
        self.pre, self.post = session.cells[q.pre], session.cells[q.post]
        place = {"device": session.device}
        self.indptr = torch.as_tensor(q.csr.indptr, **place)
        self.targets = torch.as_tensor(q.csr.targets.astype(np.int64) + q.post_offset, **place)
        self.weight = torch.as_tensor(q.weight, dtype=session.dtype, **place)
        self.later = None if q.on_arrival else torch.as_tensor(q.delay.astype(np.int64) - 1, **place)

    def deliver(self, k):
        q, ring = self.q, self.post.rings[self.q.port]
        run, source = _slice(self.pre.spikes_of(k - (q.delay if q.on_arrival else 1)), q.pre_offset, q.n_pre).T
        if len(run) == 0:
            return
        first, count = self.indptr[source], self.indptr[source + 1] - self.indptr[source]
        s = torch.arange(int(count.sum()), device=count.device) + torch.repeat_interleave(
            first - (count.cumsum(0) - count), count
        )
        slot = k if self.later is None else k + self.later[s]
        place = (slot % len(ring) * self.post.B + torch.repeat_interleave(run, count)) * self.post.n + self.targets[s]
        ring.view(-1).index_add_(0, place, self.weight[s] if self.weight.ndim else self.weight.expand(len(s)))


class PlasticSynapses:
    """One plastic group on the device."""

    def __init__(self, q, session):
        self.q, self.session = q, session
        self.pre, self.post = session.cells[q.pre], session.cells[q.post]
        options = {"dtype": session.dtype, "device": session.device}
        self.group = Learning(q, session.plan.dt, session.runs, session.step, **options)

    def deliver(self, k):
        q, ring = self.q, self.post.rings[self.q.port]
        before = _slice(self.pre.spikes_of(k - q.delay), q.pre_offset, q.n_pre)
        after = _slice(self.post.spikes_of(k - q.plastic.back), q.post_offset, q.n_post)
        here = slice(q.post_offset, q.post_offset + q.n_post)
        read = {
            name: getattr(self.post.state, name).expand(self.post.B, self.post.n)[:, here] for name in q.plastic.reads
        }
        run, target, amount = self.group.step(k, before, after, read)
        place = (k % len(ring) * self.post.B + run) * self.post.n + target + q.post_offset
        ring.view(-1).index_add_(0, place, amount)


def _slice(fired, offset, n):
    """Of pairs (run, neuron) those in a slice of the population, with their numbers in the slice."""
    fired = fired[(fired[:, 1] >= offset) & (fired[:, 1] < offset + n)]
    return torch.stack([fired[:, 0], fired[:, 1] - offset], 1)
