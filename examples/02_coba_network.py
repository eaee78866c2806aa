"""The COBA network of Vogels and Abbott (2005): 4,000 cells that keep each other active, with a raster.

Run: python examples/02_coba_network.py [FOLDER]     The picture goes into FOLDER (default: a temporary folder).
"""
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

import snn
from snn.neurons import CobaLIF
from snn.plot import overview

tiny = os.environ.get("SNN_TINY") == "1"
folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
n, duration = (1000, 200.0) if tiny else (4000, 1000.0)

# 80 % excitatory, 20 % inhibitory cells; every cell hears 64 + 16 others. A current during the first 50 ms
# wakes the network up; after that it needs no input.
net = snn.Network("coba")
exc = net.add("exc", CobaLIF(), n * 4 // 5, init={"v": snn.Uniform(-75.0, -50.0)})
inh = net.add("inh", CobaLIF(), n // 5, init={"v": snn.Uniform(-75.0, -50.0)})
for post in (exc, inh):
    net.drive(post, snn.CurrentInput(np.array([200.0, 0.0]), interval=50.0), port="current")  # pA
    net.connect(exc, post, snn.FixedInDegree(64), port="exc", weight=6.0, delay=0.1)    # nS, ms
    net.connect(inh, post, snn.FixedInDegree(16), port="inh", weight=67.0, delay=0.1)

result = snn.simulate(net, duration, dt=0.1, seed=1, record=[
    snn.RecordSpikes("exc"), snn.RecordSpikes("inh"), snn.RecordState("exc", "v", ids=[0, 1, 2], every=5)])

print(result.plan)
for name, spikes in result.spikes.items():
    print(f"{name}: {len(spikes)} spikes, {spikes.mean_rate:.1f} Hz, CV of intervals {np.nanmean(spikes.cv()):.2f}")
assert all(len(spikes) for spikes in result.spikes.values())

folder.mkdir(parents=True, exist_ok=True)
overview(result).savefig(folder / "coba.png", dpi=120)
print(f"picture: {folder / 'coba.png'}")
