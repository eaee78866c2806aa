"""Large work arrays that are used again instead of being given back to the system.

What it is
    A fresh array of some megabytes costs more than what is computed in it: the system hands out its pages one by one,
    filled with zeros, at first touch, and gets them back when it is freed. :func:`empty` is ``torch.empty`` for such
    arrays: when the last tensor on one dies, its memory waits here for the next array of the same size. A training step
    asks for the same sizes again and again.

    At most :data:`KEEP` bytes wait, the oldest are given back first; :func:`release` gives back all. Small arrays are
    left to torch.
"""
import math
from collections import OrderedDict
from itertools import cycle

import numpy as np
import torch

LARGE = 1 << 18
LINE, PAGE = 64, 4096
KEEP = 1 << 30
_free = OrderedDict()
_places = cycle(range(0, PAGE, 11 * LINE))
_waiting = [0]


class _Lease(np.ndarray):
    """Memory on loan to a tensor; when the tensor's storage dies, so does the lease, and the memory goes back."""

    def __del__(self):
        block = getattr(self, "block", None)
        if block is not None and _free is not None:
            _give_back(block)


def _give_back(block):
    _free.setdefault(block.nbytes, []).append(block)
    _free.move_to_end(block.nbytes)
    _waiting[0] += block.nbytes
    while _waiting[0] > KEEP:
        size, blocks = next(iter(_free.items()))
        blocks.pop()
        _waiting[0] -= size
        if not blocks:
            del _free[size]


def _block(size):
    blocks = _free.get(size)
    if not blocks:
        # Vectors that cross a line of the cache are slow, and numpy begins anywhere; arrays that begin at the same
        # place of a page get into each other's way.
        whole = np.empty(size + PAGE + LINE, np.uint8)
        begin = -whole.ctypes.data % LINE + next(_places)
        return whole[begin:begin + size]
    _waiting[0] -= size
    block = blocks.pop()
    if not blocks:
        del _free[size]
    return block


def empty(shape, dtype, stride=None):
    """A tensor on the CPU whose values are not set. ``stride``: of a dense layout, or None for a contiguous one."""
    shape = tuple(shape)
    size = math.prod(shape) * dtype.itemsize
    if size < LARGE:
        return torch.empty(shape, dtype=dtype) if stride is None else torch.empty_strided(shape, stride, dtype=dtype)
    block = _block(size)
    lease = block.view(_Lease)
    lease.block = block
    flat = torch.from_numpy(lease).view(dtype)
    return flat.view(shape) if stride is None else flat.as_strided(shape, stride)


def release():
    """Give all waiting memory back to the system; returns how many bytes that were."""
    _free.clear()
    waiting, _waiting[0] = _waiting[0], 0
    return waiting
