"""Which neurons a window of a convolution or of a pooling layer covers, by number, for one and two axes.

Example: ``windows((28, 28), 3, padding=1).sources`` is [784, 9], -1 where a window reaches over the edge.
"""
import math
from dataclasses import dataclass

import numpy as np

# How numpy pads what torch calls by these names; -1 is no neuron.
_FILL = {"zeros": {"mode": "constant", "constant_values": -1}, "reflect": {"mode": "reflect"},
         "replicate": {"mode": "edge"}, "circular": {"mode": "wrap"}}


@dataclass(frozen=True, eq=False)
class Windows:
    """``shape``: how many windows there are along each axis; ``sources`` [windows, places]: number of the neuron
    within its channel, -1 for none; ``counted`` [windows]: places of the window that a mean with its padding counts.
    """

    shape: tuple
    sources: np.ndarray
    counted: np.ndarray

    def matrix(self, shape, share):
        """The matrix (scipy.sparse) that adds up each window of every channel of ``shape``, times ``share`` [windows].
        """
        import scipy.sparse
        window, place = np.nonzero(self.sources >= 0)
        one = scipy.sparse.coo_array((share[window], (window, self.sources[window, place])),
                                     shape=(len(self.sources), math.prod(shape[1:])))
        return scipy.sparse.kron(scipy.sparse.eye_array(shape[0]), one, format="coo")


def windows(size, kernel, *, stride=1, padding=0, dilation=1, mode="zeros", ceil=False):
    """The :class:`Windows` over an image of ``size``; arguments as those of torch, one number or one per axis."""
    axes = len(size)
    each = zip(size, _each(kernel, axes), _each(stride, axes), _each(padding, axes), _each(dilation, axes), strict=True)
    return _joined(size, [_along(*one, _FILL[mode], ceil) for one in each])


def adaptive_windows(size, wanted):
    """The :class:`Windows` of an adaptive pooling layer, ``wanted`` along each axis (None: as many as there are)."""
    lines = []
    for n, out in zip(size, _each(wanted, len(size)), strict=True):
        out = n if out is None else out
        first, last = np.arange(out) * n // out, -(-np.arange(1, out + 1) * n // out)
        reach = first[:, None] + np.arange((last - first).max())
        lines.append((np.where(reach < last[:, None], reach, -1), last - first))
    return _joined(size, lines)


def _each(value, axes):
    return tuple(value) if isinstance(value, tuple | list) else (value,) * axes


def _along(n, kernel, stride, padding, dilation, fill, ceil):
    """``(sources [windows, kernel], counted [windows])`` along one axis."""
    reach = dilation * (kernel - 1)
    if isinstance(padding, str):
        before, after = (reach // 2, reach - reach // 2) if padding == "same" else (0, 0)
    else:
        before = after = padding
    spare = n + before + after - reach - 1
    count = (-(-spare // stride) if ceil else spare // stride) + 1
    if ceil and (count - 1) * stride >= n + before:
        count -= 1
    numbers = np.pad(np.arange(n), (before, after), **fill)
    # With ceil the last window may reach beyond the padding, which no mean counts.
    at = np.arange(count)[:, None] * stride + dilation * np.arange(kernel)
    beyond = at >= len(numbers)
    return np.where(beyond, -1, numbers[np.minimum(at, len(numbers) - 1)]), (~beyond).sum(axis=1)


def _joined(size, lines):
    """The windows of all axes together."""
    sources, counted = np.zeros((1, 1), np.int64), np.ones(1, np.int64)
    for n, (line, many) in zip(size, lines, strict=True):
        both = sources[:, None, :, None] * n + line[None, :, None, :]
        outside = (sources[:, None, :, None] < 0) | (line[None, :, None, :] < 0)
        rows = len(sources) * len(line)
        sources = np.where(outside, -1, both).reshape(rows, sources.shape[1] * line.shape[1])
        counted = np.outer(counted, many).reshape(rows)
    return Windows(tuple(len(line) for line, _ in lines), sources, counted)
