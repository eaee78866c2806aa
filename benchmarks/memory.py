"""``python -m benchmarks memory``: bytes per synapse of a plan, and peak memory and time of building it.

Fixed in-degree 1,000, one delay, single precision; with one weight for all synapses, and with a weight per synapse.
Each network is built in a process of its own; what the imports and a small network take is subtracted from the peak.
"""
import json
import subprocess
import sys
import time

from benchmarks.output import emit
from benchmarks.peers.protocol import peak_rss_mb
from benchmarks.registry import ROOT

IN_DEGREE = 1000
COLUMNS = ("what", "synapses", "neurons", "bytes_per_synapse", "arrays_mb", "peak_mb", "peak_over_arrays", "build_s",
           "note")


def add_arguments(parser):
    parser.add_argument("--synapses", type=float, nargs="+", default=[1e7, 1e8], help="numbers of synapses")
    parser.add_argument("--json", action="store_true", help="one JSON object per row")
    parser.add_argument("--save", metavar="FILE", help="append the rows and a description of the machine to a file")


def main(options):
    rows = [measured(int(synapses), per_synapse) for synapses in options.synapses for per_synapse in (False, True)]
    return emit(rows, COLUMNS, as_json=options.json, save=options.save)


def measured(synapses, per_synapse):
    """One row, from a new process."""
    code = f"from benchmarks.memory import build; build({synapses}, {per_synapse})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    head = {"what": "a weight per synapse" if per_synapse else "one weight", "synapses": synapses}
    if done.returncode:
        return {**head, "failed": (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]}
    return {**head, **json.loads(done.stdout)}


def build(synapses, per_synapse):
    """Build the network in this process and print what it took as one JSON object."""
    plan_of(IN_DEGREE * 10, per_synapse)
    before, start = peak_rss_mb(), time.perf_counter()
    plan = plan_of(synapses, per_synapse)
    took, peak, arrays = time.perf_counter() - start, peak_rss_mb() - before, plan.nbytes / 2**20
    print(json.dumps({"neurons": plan.n_neurons, "bytes_per_synapse": round(plan.nbytes / plan.n_synapses, 3),
                      "arrays_mb": round(arrays, 1), "peak_mb": round(peak, 1),
                      "peak_over_arrays": round(peak / arrays, 2), "build_s": round(took, 3)}))


def plan_of(synapses, per_synapse):
    import snn
    from snn.neurons import LIF
    from snn.plan import make_plan
    net = snn.Network("memory")
    n = synapses // IN_DEGREE
    cells = net.add("cells", LIF(), n)
    weight = snn.Uniform(0.0, 1.0) if per_synapse else 0.1
    net.connect(cells, cells, snn.FixedInDegree(min(IN_DEGREE, n)), port="delta", weight=weight, delay=1.5)
    return make_plan(net, 0.1, seed=1, dtype="float32")
