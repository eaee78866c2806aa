"""keep_memory: blocks stay in the process, results do not change, and it says where it cannot work."""
import sys

import pytest

from snn.train import memory

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt belongs to glibc")


@LINUX
def test_freed_memory_stays_and_is_reused(python):
    # The small blocks that come and go with a tensor leave gaps between large ones until the C library's lists of them
    # are full, so the first rounds still meet new pages.
    code = """
import resource, torch
from snn.train.memory import keep_memory
def faults(rounds):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        torch.ones(10 << 20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
without = faults(4)
took = keep_memory()
faults(16)
print(took, without, faults(4))
"""
    took, without, kept = python("-c", code).stdout.split()
    if took == "False":
        pytest.skip("the C library is not glibc 2.33 or later")
    assert int(kept) < int(without) / 4


def test_says_where_it_cannot_work(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert memory.keep_memory() is False


@LINUX
def test_another_c_library_is_left_alone(monkeypatch):
    class Musl:
        pass

    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: Musl())
    assert memory.keep_memory() is False
