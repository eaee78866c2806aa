"""The yardstick: the matrix products of a feedforward step and nothing else, at the rate this machine reaches.

The answer also has ``gflop`` of the step and ``gemm_gflops``, the rate of a product of two matrices of 2048 x 2048.
"""
import statistics
import time

import torch

from benchmarks.peers.protocol import private_stdout
from benchmarks.peers.train_protocol import answer, arguments

SQUARE, REPEATS = 2048, 5


def products(options):
    """A step's products as a function, and their number of operations in Gflop.

    Forward, gradient of the weights, and gradient of the input for all layers but the first; all in preallocated
    tensors.
    """
    dtype, sizes, n = getattr(torch, options.precision), options.sizes, options.steps * options.batch
    spikes = [(torch.rand(n, size, dtype=dtype) < options.rate).to(dtype) for size in sizes]
    layers = [(torch.randn(b, a, dtype=dtype), torch.randn(n, b, dtype=dtype), torch.empty(n, b, dtype=dtype),
               torch.empty(b, a, dtype=dtype), torch.empty(n, a, dtype=dtype))
              for a, b in zip(sizes, sizes[1:], strict=False)]

    def step():
        for x, (w, _, out, _, _) in zip(spikes, layers, strict=False):
            torch.mm(x, w.t(), out=out)
        for k, (x, (w, g, _, grad_w, grad_x)) in enumerate(zip(spikes, layers, strict=False)):
            torch.mm(g.t(), x, out=grad_w)
            if k:
                torch.mm(g, w, out=grad_x)

    terms = [2 * n * a * b * (3 if k else 2) for k, (a, b) in enumerate(zip(sizes, sizes[1:], strict=False))]
    return step, sum(terms) / 1e9


def gemm_gflops(dtype):
    """Median rate of a large square product, in Gflop/s."""
    a, b = (torch.randn(SQUARE, SQUARE, dtype=dtype) for _ in range(2))
    seconds = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        a @ b
        seconds.append(time.perf_counter() - start)
    return 2 * SQUARE ** 3 / statistics.median(seconds[1:]) / 1e9


def main():
    stdout, options = private_stdout(), arguments()
    torch.set_num_threads(options.threads)
    step, gflop = products(options)
    rate = gemm_gflops(getattr(torch, options.precision))
    answer(step, {"version": torch.__version__, "gflop": round(gflop, 2), "gemm_gflops": round(rate, 1)}, stdout)


if __name__ == "__main__":
    main()
