"""Keeping freed memory in the process, so that large temporaries cost no page faults.

What it is
    The C library hands large blocks back to the system as soon as they are freed, and the system zeroes every page of
    the next one at its first touch. A training step that makes tensors of many MB again and again spends much of its
    time there. :func:`keep_memory` asks the library to keep what was freed.
"""
import ctypes
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
"""Numbers of the parameters in glibc's ``malloc.h``."""
MIB = 1 << 20


def keep_memory():
    """Ask glibc to keep freed memory in the process; returns whether it took effect.

    It sets three parameters of ``mallopt``: no block is mapped on its own (M_MMAP_MAX = 0), the heap is not trimmed
    (M_TRIM_THRESHOLD at its largest) and grows by 256 MiB at a time (M_TOP_PAD). It holds for the whole process and
    cannot be taken back; call it once, before the first large tensor. Results do not change.

    What it is worth (processor time of one thread of an AMD Zen 4, glibc 2.36, medians of three processes each, after
    ten steps): two convolutions of 32 channels on 320 pictures of 28 x 28, forward and backward, 174 ms in place of
    286; four elementwise operations on tensors of 131 MB 105 in place of 596; two Linear layers with tensors of 13 MB
    the same, since blocks below 32 MB are kept anyway. It takes about eight steps until no new pages are met.

    The price: the process keeps its largest amount of memory until it ends, and large blocks leave gaps: the
    elementwise case peaked at 2.0 to 2.7 GB in place of 1.0, the convolutions at 0.60 in place of 0.57.

    Returns False where the C library is not glibc from 2.33 on (macOS, Windows, musl) or another allocator took its
    place.

    Example: ``if not keep_memory(): print("the C library has no mallopt")``
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        library = ctypes.CDLL(None)
        mallopt, info, malloc, free = (getattr(library, name) for name in ("mallopt", "mallinfo2", "malloc", "free"))
    except (OSError, AttributeError):
        return False
    mallopt.argtypes, info.argtypes, info.restype = (ctypes.c_int, ctypes.c_int), (), _Info
    malloc.argtypes, malloc.restype, free.argtypes = (ctypes.c_size_t,), ctypes.c_void_p, (ctypes.c_void_p,)
    for name, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, 256 * MIB)):
        if mallopt(name, value) != 1:
            return False
    # Where another allocator stands in for glibc's, mallopt succeeds and nothing changes: look where a block goes.
    before = info().mapped
    block = malloc(64 * MIB)
    mapped, inside = info().mapped - before, info().used
    free(block)
    return mapped == 0 and inside >= 64 * MIB


class _Info(ctypes.Structure):
    """``struct mallinfo2``: ``mapped`` bytes in blocks of their own, ``used`` bytes in the heap."""

    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "free_blocks", "fast_blocks", "mapped_blocks", "mapped", "most", "fast", "used", "free", "top")]
