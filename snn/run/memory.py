"""Arrays of a run for compiled code: aligned, padded rows, and the word lists that kernels read."""

import numpy as np

from snn.run.ir import CHUNK


def aligned(shape, dtype):
    """Zeroed array whose first element lies on a 64-byte boundary."""
    dtype = np.dtype(dtype)
    size = int(np.prod(shape)) * dtype.itemsize
    raw = np.zeros(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size].view(dtype).reshape(shape)


def stride_of(n, itemsize):
    """Length of a row of ``n`` neurons: whole vectors, and no power of two, so that rows do not share cache sets."""
    stride = -(-n // 16) * 16
    return stride + 16 if stride * itemsize % 2048 == 0 else stride


def part_bounds(n, parts):
    """First neuron of each part and n: whole chunks, as even as chunks allow."""
    chunks = -(-n // CHUNK)
    return np.minimum(np.arange(parts + 1, dtype=np.int64) * chunks // parts * CHUNK, n)


class Words:
    """An argument array (int64); arrays put into it are kept alive as long as it lives."""

    def __init__(self, size):
        self.array = np.zeros(size, np.int64)
        self._kept = {}

    def __setitem__(self, k, value):
        if isinstance(value, np.ndarray):
            self._kept[k] = value
            value = value.ctypes.data
        self.array[k] = np.uint64(value).astype(np.int64) if isinstance(value, np.uint64) else int(value)

    @property
    def address(self):
        return self.array.ctypes.data
