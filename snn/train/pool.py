"""Large work arrays that are used again instead of being given back to the system.

What it is
    A fresh array of some megabytes costs more than what is computed in it: the system hands out its pages one by one,
    filled with zeros, at first touch, and gets them back when it is freed. :func:`empty` is ``torch.empty`` for such
    arrays: when the last tensor on one dies, its memory waits here for the next array of the same size. A training step
    asks for the same sizes again and again.

    At most :data:`KEEP` bytes of :data:`SIZES` sizes wait, the oldest sizes are given back first; :func:`release`
    gives back all. Small arrays are left to torch.
"""
import math
from collections import OrderedDict
from itertools import cycle

import numpy as np
import torch

LARGE = 1 << 18
LINE, PAGE = 64, 4096
KEEP, SIZES = 1 << 30, 64
_free = OrderedDict()
_places = cycle(range(0, PAGE, 11 * LINE))


class _Lease(np.ndarray):
    """Memory on loan to a tensor; when the tensor's storage dies, so does the lease, and the memory goes back."""

    def __del__(self):
        block = getattr(self, "block", None)
        if block is not None and _free is not None:
            _give_back(block)


def _give_back(block):
    """Let a block wait. A lease may end in any thread, and in the middle of any line of this module, so each change is
    one operation of a container, and none relies on the one before."""
    _free.setdefault(block.nbytes, []).append(block)
    while sum(size * len(blocks) for size, blocks in list(_free.items())) > KEEP or len(_free) > SIZES:
        try:
            _free.popitem(last=False)
        except KeyError:
            return


def _block(size):
    try:
        return _free[size].pop()
    except (KeyError, IndexError):
        # Vectors that cross a line of the cache are slow, and numpy begins anywhere; arrays that begin at the same
        # place of a page get into each other's way.
        whole = np.empty(size + PAGE + LINE, np.uint8)
        begin = -whole.ctypes.data % LINE + next(_places)
        return whole[begin:begin + size]


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
    waiting = sum(size * len(blocks) for size, blocks in list(_free.items()))
    _free.clear()
    return waiting
