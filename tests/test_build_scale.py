"""Memory and time of building.

The default test counts traced bytes at 2 million synapses; the slow one builds 100 million in a process of its own and
prints seconds and resident memory (``pytest -m slow -s tests/test_build_scale.py``).
"""
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from snn.connect import (
    AllToAll,
    Block,
    DistanceDependent,
    Edges,
    FixedInDegree,
    FixedOutDegree,
    FixedTotal,
    Gaussian,
    Probability,
)
from snn.random import stream

KEY = stream(1, "scale")
RULES = {
    "all to all": (1414, AllToAll(self_connections=False)),
    "in-degree": (20_000, FixedInDegree(100)),
    "out-degree": (20_000, FixedOutDegree(100)),
    "probability": (20_000, Probability(0.005)),
    "total": (20_000, FixedTotal(2_000_000)),
    "distance": (20_000, DistanceDependent(Gaussian(0.5, 0.04, 0.12))),
    "edges": (20_000, Edges(*np.random.default_rng(0).integers(0, 20_000, (2, 2_000_000)), multi_edges=True)),
}


@pytest.mark.parametrize("name", RULES)
def test_building_needs_at_most_twice_the_result(name):
    n, rule = RULES[name]
    block, xy = Block(0, n, 0, n, True), np.random.default_rng(0).random((n, 2))
    Probability(0.5).build(Block(0, 2, 0, 2, True), KEY)
    rule.build(block, KEY, positions=(xy, xy))
    tracemalloc.start()
    csr = rule.build(block, KEY, positions=(xy, xy))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Buffers of fixed size, which do not grow with the number of synapses, are no part of the ratio.
    fixed = 32 * n + (4 << 20) * (name == "distance")
    assert 1_800_000 < csr.n_synapses < 2_200_000
    assert peak - fixed <= 2 * csr.nbytes


CHILD = """
import sys, time
import numpy as np
from snn.connect import Block, FixedInDegree, FixedOutDegree, FixedTotal, Probability
from snn.random import stream

def resident(field):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))

rules = {"in": (FixedInDegree, 1000, 1), "out": (FixedOutDegree, 1000, 1),
         "p": (Probability, 0.01, 1e-5), "total": (FixedTotal, 100_000_000, 1)}
rule, large, small = rules[sys.argv[1]]
block, key = Block(0, 100_000, 0, 100_000, True), stream(1, "scale")
rule(small).build(block, key)
with open("/proc/self/clear_refs", "w") as reset:
    reset.write("5")
base, wall, cpu = resident("VmRSS"), time.perf_counter(), time.process_time()
csr = rule(large).build(block, key)
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(csr.n_synapses, wall, cpu, (resident("VmHWM") - base) / csr.nbytes)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="resetting the peak of memory needs Linux")
@pytest.mark.parametrize("rule", ["in", "out", "p", "total"])
def test_one_hundred_million_synapses(rule):
    root = str(Path(__file__).resolve().parent.parent)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, "-c", CHILD, rule], env=env, capture_output=True, text=True, check=True)
    n, wall, cpu, ratio = map(float, done.stdout.split())
    print(f"\n{rule}: {n:,.0f} synapses, {wall:.2f} s ({cpu:.2f} s of processor), peak {ratio:.2f} times the result")
    assert abs(n - 1e8) < 1e6
    assert ratio < 2
    assert cpu < 20
