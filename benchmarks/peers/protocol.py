"""What every simulator script speaks: one seed per line on stdin, one JSON object per line on stdout.

Before the first seed it prints ``{"ready": true}``: everything that takes long and needs no seed is then done, so that
nothing of one simulator happens while another one is timed.

For each seed the script makes a new network, runs ``warm`` ms untimed and ``duration`` ms timed, and answers. Code that
is generated once is kept between seeds, so that repetitions of several simulators can be interleaved cheaply. By hand::

    echo 1 | python -m benchmarks.peers.nest_peer --model cuba --n 4000
"""
import argparse
import json
import os
import resource
import sys
import time
from dataclasses import asdict, dataclass, field

from benchmarks.physics import PHYSICS

RECORDED = 1000
"""Neurons whose spike times are kept for the CV of ISI; the spikes of all neurons are counted."""


@dataclass(frozen=True)
class Measured:
    """One run: seconds of building, compiling and of the timed loop, and what the network did meanwhile.

    ``cv_isi`` and ``alive`` come from :func:`benchmarks.stats.observed`, ``spikes`` counts those of all neurons.

    ``other_cpu`` is the CPU time that other processes took during the timed loop, in units of one core (None where the
    system does not tell): runs with more than about 0.1 deserve a repetition.
    """

    build_s: float
    compile_s: float
    run_s: float
    spikes: int
    cv_isi: float | None
    alive: bool
    other_cpu: float | None = None
    extra: dict = field(default_factory=dict)


class Stopwatch:
    """``with Stopwatch() as watch: ...`` gives ``watch.seconds`` and ``watch.other_cpu``."""

    def __enter__(self):
        self._busy, self._own, self._start = _busy(), _own(), time.perf_counter()
        return self

    def __exit__(self, *exception):
        self.seconds = time.perf_counter() - self._start
        busy, own = _busy(), _own()
        self.other_cpu = None
        if busy is not None and self._busy is not None:
            others = (busy - self._busy) - (own - self._own)
            self.other_cpu = round(max(0.0, others / max(self.seconds, 1e-9)), 3)
        return False


def _busy():
    """CPU seconds of all processes since the start of the machine; None outside Linux."""
    try:
        with open("/proc/stat") as file:
            ticks = [int(x) for x in file.readline().split()[1:]]
    except OSError:
        return None
    return (sum(ticks[:3]) + sum(ticks[5:8])) / os.sysconf("SC_CLK_TCK")


def _own():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def peak_rss_mb():
    """Largest resident memory so far, of this process or of its largest child, in MB."""
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / unit


def arguments(argv=None):
    """Options that all scripts understand. ``options.physics`` holds the numbers of the network."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=sorted(PHYSICS), required=True)
    parser.add_argument("--n", type=int, required=True, help="neurons")
    parser.add_argument("--idle-copies", type=int, default=0, help="ours only: copies of all synapses with weight 0")
    parser.add_argument("--duration", type=float, default=1000.0, help="timed model time, ms")
    parser.add_argument("--warm", type=float, default=100.0, help="untimed model time before, ms")
    parser.add_argument("--dt", type=float, default=0.1, help="ms")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", choices=("float32", "float64"), default="float64")
    parser.add_argument("--variant", default="", help="a peer's second way of running")
    options = parser.parse_args(argv)
    options.physics = PHYSICS[options.model](options.n)
    return options


def private_stdout():
    """A stream that only we write to; what libraries print to stdout goes to stderr from now on."""
    stream = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return stream


def serve(options, run, *, version, stdout):
    """Answer every seed on stdin with one JSON line on ``stdout``. ``run(seed)`` returns a :class:`Measured`."""
    print(json.dumps({"ready": True}), file=stdout, flush=True)
    for line in sys.stdin:
        row = asdict(run(int(line)))
        row.update(row.pop("extra"))
        row.update(version=version, seed=int(line), peak_rss_mb=round(peak_rss_mb(), 1))
        print(json.dumps(row), file=stdout, flush=True)
