"""``python -m benchmarks start``: how long a new process takes until it has imported, helped or simulated.

Wall times of whole processes, medians; the first simulation is COBA with 4,000 neurons for 100 ms, with an empty and
with a warm cache of compiled code (``SNN_CACHE_DIR``).
"""
import os
import statistics
import subprocess
import sys
import tempfile
import time

from benchmarks.output import emit
from benchmarks.registry import ROOT

SIMULATION = ("import snn; from benchmarks.networks import network; "
              "snn.simulate(network('coba', 4000), 100.0, dt=0.1, seed=1, progress=False)")
COLUMNS = ("what", "seconds", "least", "most", "runs")


def add_arguments(parser):
    parser.add_argument("--repeat", type=int, default=5, help="processes per row")
    parser.add_argument("--json", action="store_true", help="one JSON object per row")
    parser.add_argument("--save", metavar="FILE", help="append the rows and a description of the machine to a file")


def main(options):
    repeat = options.repeat
    rows = [row("python alone", ["-c", "pass"], repeat), row("import snn", ["-c", "import snn"], repeat),
            row("snn --help", ["-m", "snn.cli", "--help"], repeat), row("import torch", ["-c", "import torch"], repeat)]
    with tempfile.TemporaryDirectory(prefix="benchmark_snn_") as folder:
        rows.append(row("first simulation, empty cache", ["-c", SIMULATION], repeat,
                        cache=lambda k: os.path.join(folder, str(k))))
        rows.append(row("first simulation, warm cache", ["-c", SIMULATION], repeat,
                        cache=lambda k: os.path.join(folder, "0")))
    return emit(rows, COLUMNS, as_json=options.json, save=options.save)


def row(what, words, repeat, *, cache=None):
    """Median wall time of ``repeat`` processes; ``cache(k)`` is the cache folder of the k-th."""
    times = [seconds(words, {} if cache is None else {"SNN_CACHE_DIR": cache(k)}) for k in range(repeat)]
    return {"what": what, "seconds": round(statistics.median(times), 4), "least": round(min(times), 4),
            "most": round(max(times), 4), "runs": repeat}


def seconds(words, variables):
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, *words], cwd=ROOT, env={**os.environ, **variables}, capture_output=True,
                          text=True)
    took = time.perf_counter() - begin
    if done.returncode:
        raise RuntimeError(f"start: {' '.join(words)} failed: {done.stderr.strip().splitlines()[-1:]}")
    return took
