"""Checkpoint and resume: a run in two pieces, the second from a file, equals one run bit for bit.

Run: python examples/05_checkpoint.py [FOLDER]     The checkpoint goes into FOLDER (default: a temporary folder).
"""
import os
import sys
import tempfile
from pathlib import Path

import snn
from snn.neurons import LIF

tiny = os.environ.get("SNN_TINY") == "1"
folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
folder.mkdir(parents=True, exist_ok=True)
n, half = (200, 50.0) if tiny else (2000, 500.0)

# Random input and a delay per synapse: the checkpoint holds spikes in flight, refractory times, the random position.
net = snn.Network("resume")
cells = net.add("cells", LIF(), n, init={"v": snn.Uniform(-70.0, -55.0)})
net.drive(cells, snn.PoissonInput(rate=9000.0, weight=0.1), port="delta")
net.connect(cells[:4 * n // 5], cells, snn.FixedInDegree(80), port="delta", weight=0.1,
            delay=snn.Uniform(0.5, 5.0).grid(0.1))
net.connect(cells[4 * n // 5:], cells, snn.FixedInDegree(20), port="delta", weight=-0.5,
            delay=snn.Uniform(0.5, 5.0).grid(0.1))

whole = snn.simulate(net, 2 * half, dt=0.1, seed=3)

first = snn.simulate(net, half, dt=0.1, seed=3)
snn.save(first.state, folder / "checkpoint.h5", overwrite=True)
second = snn.simulate(net, half, dt=0.1, seed=3, state=snn.load(folder / "checkpoint.h5"))   # may be another process

joined = snn.Spikes.concat([first.spikes["cells"], second.spikes["cells"]])
print(f"{len(whole.spikes['cells'])} spikes in one run; in two pieces {len(first.spikes['cells'])} + "
      f"{len(second.spikes['cells'])}; equal: {joined == whole.spikes['cells']}")
assert len(joined) > 0 and joined == whole.spikes["cells"]
