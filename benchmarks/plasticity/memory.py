"""Bytes per plastic synapse of a running session: pair STDP, single precision, in-degree 1,000, one delay.

The resident memory of a new process in which the network has run for 20 ms, less that of one with a tenth of the
synapses, divided by the synapses between them: whatever is held, wherever. Beside it the largest memory meanwhile
(building included), and the same network without learning, with a weight per synapse.
"""
import json
import subprocess
import sys

from benchmarks import output
from benchmarks.peers.protocol import peak_rss_mb
from benchmarks.plasticity.speed import figure
from benchmarks.registry import ROOT

IN_DEGREE, RUN_MS, GOAL = 1000, 20.0, 12.0
KINDS = {"pair STDP": True, "no learning, a weight per synapse": False}
COLUMNS = ("what", "synapses", "bytes_per_synapse", "peak_bytes_per_synapse", "goal", "met", "note")


def measure(*, seeds=3, quick=False):
    """A row with learning and one without. ``seeds`` is not used: memory does not depend on it."""
    large = 2_000_000 if quick else 20_000_000
    for what, learning in KINDS.items():
        small, big = (in_new_process(n, learning) for n in (large // 10, large))
        per = {key: figure((big[key] - small[key]) / (big["synapses"] - small["synapses"])) for key in ("now", "peak")}
        goal = {"goal": GOAL, "met": per["now"] <= GOAL} if learning else {}
        yield {"what": what, "synapses": big["synapses"], "bytes_per_synapse": per["now"],
               "peak_bytes_per_synapse": per["peak"], **goal, **({"preliminary": True} if quick else {})}


def in_new_process(synapses, learning):
    """``{"synapses", "now", "peak"}``, memory in bytes; RuntimeError where the process fails."""
    code = f"from benchmarks.plasticity.memory import held; held({synapses}, {learning})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
        raise RuntimeError(f"memory of {synapses} synapses: {last}")
    return json.loads(done.stdout)


def held(synapses, learning):
    """Run the network in this process and print what it holds then as one JSON object."""
    import snn
    from benchmarks.networks import Each
    from snn.neurons import LIF
    from snn.plasticity import PairSTDP
    n = synapses // IN_DEGREE
    net = snn.Network("memory")
    cells = net.add("cells", LIF(tau_m=20.0, E_L=0.0, V_th=20.0, V_reset=10.0, t_ref=2.0), n)
    rule = PairSTDP(A_plus=0.001, A_minus=0.001, w_max=0.2) if learning else None
    net.connect(cells, cells, snn.FixedInDegree(min(IN_DEGREE, n)), port="delta", weight=Each(0.1), delay=1.5,
                plasticity=rule)
    net.drive(cells, snn.PoissonInput(rate=15000.0, weight=0.1), port="delta")
    with snn.start(net, dt=0.1, seed=1, engine=snn.EventDriven(threads=1, dtype="float32"), progress=False) as running:
        running.run(RUN_MS)
        print(json.dumps({"synapses": n * min(IN_DEGREE, n), "now": resident(), "peak": peak_rss_mb() * 2**20}))


def resident():
    """Memory of this process in bytes (Linux); RuntimeError elsewhere."""
    try:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS"))
    except OSError:
        raise RuntimeError("memory: this system does not tell what a process holds. Use Linux.") from None


def table(rows):
    return output.table(rows, COLUMNS)
