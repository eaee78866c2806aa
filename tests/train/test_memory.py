"""keep_memory: blocks stay in the process, results do not change, and it says where it cannot work."""
import sys

import pytest
import torch
from processes import in_new_process

from snn.train import memory

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt belongs to glibc")


def faults(rounds):
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        torch.ones(10 << 20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def faults_without_and_with():
    """In a new process. The small blocks that come and go with a tensor leave gaps between large ones until the C
    library's lists of them are full, so the first rounds still meet new pages."""
    without = faults(4)
    took = memory.keep_memory()
    faults(16)
    return took, without, faults(4)


@LINUX
def test_freed_memory_stays_and_is_reused():
    took, without, kept = in_new_process(faults_without_and_with)
    if not took:
        pytest.skip("the C library is not glibc 2.33 or later")
    assert kept < without / 4


def test_says_where_it_cannot_work(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert memory.keep_memory() is False


@LINUX
def test_another_c_library_is_left_alone(monkeypatch):
    class Musl:
        pass

    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: Musl())
    assert memory.keep_memory() is False
