"""Work arrays that are used again: never while somebody holds them, and never without bound."""
import gc
from concurrent.futures import ThreadPoolExecutor

import torch

from snn.train import pool


def test_memory_comes_back_when_the_last_tensor_dies():
    pool.release()
    one = pool.empty((1000, 500), torch.float32)
    place, view = one.data_ptr(), one[3:5]
    del one
    two = pool.empty((1000, 500), torch.float32)
    assert two.data_ptr() != place                       # the view still holds it
    del view
    gc.collect()
    three = pool.empty((500, 1000), torch.float32)       # another shape of the same size
    assert three.data_ptr() == place
    assert three.shape == (500, 1000) and three.dtype is torch.float32


def test_held_by_a_graph_it_stays():
    x = pool.empty((300, 500), torch.float32).zero_().requires_grad_()
    y = (x * 2).exp()
    del x
    others = [pool.empty((300, 500), torch.float32).fill_(9.0) for _ in range(3)]
    y.sum().backward()
    assert float(y.sum()) == 300 * 500 and len(others) == 3


def test_begins_at_a_line_of_the_cache_and_keeps_a_stride():
    x = pool.empty((4, 2, 64, 32, 32), torch.float64, (131072, 65536, 1, 2048, 64))
    assert x.data_ptr() % 64 == 0 and x.stride() == (131072, 65536, 1, 2048, 64)


def test_small_arrays_are_left_to_torch_and_waiting_ones_are_bounded(monkeypatch):
    pool.release()
    del_me = pool.empty((10,), torch.float32)
    del del_me
    assert pool.release() == 0
    monkeypatch.setattr(pool, "KEEP", 3 << 20)
    for size in (1 << 20, 1 << 19, 3 << 18):             # numbers: 4, 2 and 3 MB
        pool.empty((size,), torch.float32)
    gc.collect()
    waiting = pool.release()
    assert 0 < waiting <= 3 << 20
    assert pool.release() == 0


def test_threads_never_share_an_array(monkeypatch):
    pool.release()
    monkeypatch.setattr(pool, "KEEP", 3 << 20)

    def work(mine):
        for k in range(60):
            arrays = [pool.empty(((1 << 17) + 1024 * ((k + j) % 3),), torch.float32).fill_(mine) for j in range(3)]
            if not all(bool((a == mine).all()) for a in arrays):
                return False
        return True

    with ThreadPoolExecutor(6) as threads:
        assert all(threads.map(work, range(6)))
    gc.collect()
    assert pool.release() <= 3 << 20
