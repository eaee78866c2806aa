"""A projection in memory: which kernel delivers its spikes, and the words that kernel reads."""

import numpy as np

from snn.run import native
from snn.run.deliver import DeliverWords, deliver
from snn.run.memory import Words

SECOND_LEVEL_CACHE = 1 << 20
"""Bytes of targets above which they are asked for before their turn; below, asking costs more than it saves."""


def delivery(q, pre, post, parts):
    """``(address, Words)`` of the kernel that delivers projection plan ``q`` from cells ``pre`` to cells ``post``."""
    W = DeliverWords
    delay = None if q.on_arrival else str(q.delay.dtype)
    fetches = q.csr.targets.nbytes > SECOND_LEVEL_CACHE
    text = deliver(str(q.csr.targets.dtype), str(post.dtype), np.ndim(q.weight) == 1, delay, post.skips, fetches)
    words = Words(W.SIZE)
    ring = post.rings[q.port]
    for k, value in {
        W.SPLIT: split_rows(q, post.bounds, parts),
        W.TARGETS: q.csr.targets,
        W.WEIGHT: np.ascontiguousarray(np.atleast_1d(np.asarray(q.weight, post.dtype))),
        W.DELAY: q.delay,
        W.RING: ring,
        W.DEPTH: len(ring),
        W.STRIDE: post.stride,
        W.IDS: pre.spikes,
        W.SPIKE_DEPTH: pre.plan.depth,
        W.COUNTS: pre.counts,
        W.PARTS: parts,
        W.BOUNDS: pre.bounds,
        W.PRE_STRIDE: pre.stride,
        W.FIRST: q.pre_offset,
        W.N_PRE: q.n_pre,
        W.TOUCHED: post.touched,
        W.OFFSET: q.post_offset,
        W.BUSY: post.busy,
    }.items():
        words[k] = value
    return native.address(*text), words


def split_rows(q, bounds, parts):
    """Where the targets of each part begin in every row: int64 [n_pre * parts + 1]; rows are ascending in target.

    For one part these are the row pointers themselves.
    """
    if parts == 1:
        return q.csr.indptr
    limits = np.clip(bounds[1:-1] - q.post_offset, 0, q.n_post)
    split = np.empty(q.n_pre * parts + 1, np.int64)
    split[::parts] = q.csr.indptr
    for p, limit in enumerate(limits, start=1):
        split[p::parts][: q.n_pre] = below(q.csr.indptr, q.csr.targets, limit)
    return split


def below(indptr, targets, limit, chunk=1 << 22):
    """For each row the position of its first target >= ``limit``, by a running count over blocks of synapses."""
    counts = np.zeros(len(indptr), np.int64)
    before = 0
    for start in range(0, len(targets), chunk):
        stop = min(start + chunk, len(targets))
        running = np.concatenate([[0], np.cumsum(targets[start:stop] < limit)])
        inside = (indptr >= start) & (indptr < stop)
        counts[inside] = before + running[indptr[inside] - start]
        before += running[-1]
    counts[indptr >= len(targets)] = before
    return indptr[:-1] + np.diff(counts)
