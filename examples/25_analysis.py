"""After the run: a streamed result, opened lazily, goes to pandas, NWB, CSV and NPZ, and to Neo and Elephant.

What needs a package that is not installed is left out, and said so.

Run: python examples/25_analysis.py [FOLDER]     All files go into FOLDER (default: a temporary folder).
"""
import os
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import snn
from snn.export import nwb, tables
from snn.neurons import CobaLIF

tiny = os.environ.get("SNN_TINY") == "1"
folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
folder.mkdir(parents=True, exist_ok=True)
n, duration = (400, 300.0) if tiny else (4000, 1000.0)

# 1. A network that keeps itself active; what is recorded goes to a file while it runs.
net = snn.Network("coba")
exc = net.add("exc", CobaLIF(), n * 4 // 5, init={"v": snn.Uniform(-75.0, -50.0)})
inh = net.add("inh", CobaLIF(), n // 5, init={"v": snn.Uniform(-75.0, -50.0)})
for post in (exc, inh):
    net.drive(post, snn.CurrentInput(400.0), port="current")    # pA
    net.connect(exc, post, snn.FixedInDegree(64), port="exc", weight=6.0, delay=0.1)    # nS, ms
    net.connect(inh, post, snn.FixedInDegree(16), port="inh", weight=67.0, delay=0.1)
snn.simulate(net, duration, dt=0.1, seed=1, to=folder / "run.h5", overwrite=True, progress=False, record=[
    snn.RecordSpikes("exc"), snn.RecordSpikes("inh"), snn.RecordState("exc", "v", ids=range(20), every=5)])

# 2. Opened: nothing is read before it is looked at. Two neurons for 100 ms are a small part of the file.
result = snn.open(folder / "run.h5")
part = result.traces["exc", "v"].of([3, 7]).between(100.0, 200.0)
print(f"{result}\nneurons 3 and 7, 100 to 200 ms: {part.data.shape[0]} samples, mean {part.data.mean():.1f} mV")

# 3. Files for other programs, from which the spikes come back bit for bit.
nwb.write(result, folder / "run.nwb", description="COBA network", overwrite=True)
tables.write_npz(result, folder / "run.npz", overwrite=True)
tables.write_csv(result, folder / "csv", overwrite=True)
spikes = result.spikes["exc"]
assert nwb.read(folder / "run.nwb").spikes["exc"] == spikes
assert tables.read_npz(folder / "run.npz").spikes["exc"] == spikes
assert tables.read_spikes_csv(folder / "csv" / "spikes.csv")["exc"] == spikes
print("files: " + ", ".join(f"{f.name} {f.stat().st_size / 1e6:.1f} MB" for f in sorted(folder.glob("run.*"))))

# 4. Labelled tables.
if find_spec("pandas"):
    from snn.export.labelled import to_pandas
    frames = to_pandas(result)
    rates = frames.spikes.groupby("population", observed=True)["time"].count() / [len(exc), len(inh)] / duration * 1e3
    print("pandas: " + ", ".join(f"{name} {rate:.1f} Hz" for name, rate in rates.items()))
else:
    print("pandas is not installed: pip install snn-sim[frames]")

# 5. Neo objects for 50 neurons, and what Elephant says of them beside our own figures.
if find_spec("neo"):
    from snn.export.neo import to_neo
    trains = to_neo(result, neurons={"exc": range(50)}).segments[0].spiketrains
    print(f"neo: {len(trains)} spike trains, the first one of {len(trains[0])} spikes until {trains[0].t_stop}")
    if find_spec("elephant"):
        from elephant.statistics import cv, isi
        theirs = [cv(isi(train)) if len(train) > 2 else np.nan for train in trains]
        print(f"CV of the intervals: {np.nanmean(theirs):.4f} by Elephant, {np.nanmean(spikes.cv()[:50]):.4f} by us")
        np.testing.assert_allclose(theirs, spikes.cv()[:50], rtol=1e-9)
else:
    print("neo is not installed: pip install snn-sim[neo]")
