"""A delay per synapse: cells that know a temporal pattern by their delays alone.

Ten inputs fire once each, in an order and rhythm that differ from pattern to pattern. Cell k has, for every input, the
delay that makes the spikes of pattern k arrive together, so it fires for pattern k and for no other. All weights are
the same.

Run: python examples/03_delays.py [FOLDER]     The picture goes into FOLDER (default: a temporary folder).
"""
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import snn
from snn.neurons import LIF, SpikeSource
from snn.plot import raster

tiny = os.environ.get("SNN_TINY") == "1"
folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
patterns, inputs, span, gap = (3 if tiny else 8), 10, 50.0, 150.0   # span and gap in ms
rng = np.random.default_rng(1)
times = rng.integers(1, int(span), size=(patterns, inputs)).astype(float)

# The patterns one after the other, as one spike train of the inputs.
begin = gap * np.arange(patterns)[:, None]
stimulus = snn.Spikes((begin + times).ravel(), np.tile(np.arange(inputs), patterns), n=inputs, duration=gap * patterns)

# delay[i, k] + times[k, i] is the same for all inputs i: pattern k arrives at cell k all at once.
delay = (span + 1.0 - times).T
net = snn.Network("delays")
source = net.add("inputs", SpikeSource(stimulus), inputs)
cells = net.add("cells", LIF(tau_m=5.0, E_L=0.0, V_reset=0.0, V_th=15.0, t_ref=2.0), patterns)
net.connect(source, cells, snn.AllToAll(), port="delta", weight=15.0 / 8, delay=delay.ravel())   # row: an input

result = snn.simulate(net, stimulus.duration, dt=0.1, seed=1)
answers = result.spikes["cells"]
for time, cell in zip(answers.times, answers.ids, strict=True):
    print(f"pattern {int(time // gap)}: cell {cell} fires at {time - gap * (time // gap):.1f} ms")
assert answers.ids.tolist() == list(range(patterns)) and (answers.times // gap).tolist() == list(range(patterns))

figure = Figure(figsize=(8, 4), layout="constrained")
above, below = figure.subplots(2, 1, sharex=True)
raster(result.spikes["inputs"], ax=above).set_ylabel("input")
raster(answers, ax=below).set_ylabel("cell")
folder.mkdir(parents=True, exist_ok=True)
figure.savefig(folder / "delays.png", dpi=120)
print(f"picture: {folder / 'delays.png'}")
