"""Interleaved repetitions: every side is a process that stays alive and does one timed repetition when told to."""
import contextlib
import queue

from benchmarks.runner import Worker, WorkerFailed, environment_variables
from benchmarks.training.equality import command

KEEP_FREED_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1), "MALLOC_TOP_PAD_": str(2**28)}
"""glibc's allocator told to keep what is freed. Without it, tensors above 32 MiB are mapped and page-faulted anew at
every use."""
MALLOCS = {"default": {}, "tuned": KEEP_FREED_MEMORY}


class Trainee(Worker):
    """One side's process for one task in single precision; ``run(k)`` is one timed repetition."""

    def __init__(self, side, shape, threads, folder, malloc):
        self.side, self._process, self._lines = side, None, queue.Queue()
        self._command = command(side, shape, threads, folder)
        self._variables = {**environment_variables(threads), **MALLOCS[malloc]}


def collect(sides, shape, options, folder, malloc, *, say):
    """``(runs, failed)``: side -> list of answers, one per round, and side -> why it failed."""
    runs, failed = {side: [] for side in sides}, {}
    with contextlib.ExitStack() as stack:
        workers = {side: stack.enter_context(Trainee(side, shape, options.threads, folder, malloc)) for side in sides}
        for side, worker in workers.items():
            with noted(side, failed):
                worker.start()
        for k in range(options.runs):
            for side, worker in workers.items():
                if side not in failed:
                    with noted(side, failed):
                        runs[side].append(worker.run(k))
                        say(f"{side}, run {k + 1}: {runs[side][-1]['ms']:.4g} ms")
    return runs, failed


@contextlib.contextmanager
def noted(side, failed):
    """A side that fails is set down in ``failed``; the others go on."""
    try:
        yield
    except WorkerFailed as error:
        failed[side] = str(error)
