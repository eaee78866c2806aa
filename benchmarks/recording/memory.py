"""Peak memory of a run whose spikes are streamed, and of one ten times as long, each in a process of its own; beside
runs that keep their spikes in memory.
"""
import json
import os
import subprocess
import sys

from benchmarks.peers.protocol import peak_rss_mb
from benchmarks.registry import ROOT

COLUMNS = ("what", "n", "model_ms", "spikes", "peak_mb", "more_than_short_mb", "file_mb")


def measure(options, folder):
    """Rows; RuntimeError when a run fails."""
    n, short = (2000, 50.0) if options.quick else (64000, 500.0)
    for side in ("file", "memory"):
        first = None
        for duration in (short, 10 * short):
            path = os.path.join(folder, f"{side}.h5") if side == "file" else ""
            row = measured(n, duration, path)
            first = row["peak_mb"] if first is None else first
            yield {"what": side, **row, "more_than_short_mb": round(row["peak_mb"] - first, 1)}
            if path:
                os.remove(path)


def measured(n, duration, path):
    code = f"from benchmarks.recording.memory import run; run({n}, {duration}, {path!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1])
    return json.loads(done.stdout)


def run(n, duration, path):
    """Run in this process and print what it took as one JSON object."""
    import snn
    from benchmarks.networks import POPULATION, network
    result = snn.simulate(network("coba", n), duration, dt=0.1, seed=1, to=path or None,
                          engine=snn.EventDriven(dtype="float32"))
    row = {"n": n, "model_ms": duration, "spikes": len(result.spikes[POPULATION]), "peak_mb": round(peak_rss_mb(), 1)}
    print(json.dumps({**row, **({"file_mb": round(os.path.getsize(path) / 1e6, 1)} if path else {})}))
