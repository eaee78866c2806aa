"""Units with company: interneurons that whiten, a ring that adapts, dendrites that predict, astrocytes that remember.

What one unit does depends on others that set its gain, brings it nearer to threshold, or keeps what it has forgotten.

Run: python examples/24_units_with_company.py [FOLDER]     The picture goes into FOLDER (default: a temporary folder).
"""
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import snn
from snn import circuits
from snn.neurons import Astrocyte, AstrocyteLIF, PoissonSource

tiny = os.environ.get("SNN_TINY") == "1"
folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())

# 1. Three interneurons whiten two neurons: gains from the formula, then learnt, and the circuit as a network.
c, x = np.array([[2.0, 0.8], [0.8, 1.0]]), np.array([1.0, -2.0])
frame, samples = circuits.regular_frame(), np.random.default_rng(1).multivariate_normal([0, 0], c, 4000)
exact = circuits.AdaptiveWhitening(frame, gains=circuits.whitening_gains(c, frame))
online = circuits.AdaptiveWhitening(frame)
y = online.adapt(samples, eta=5e-3)
rest = snn.simulate(exact.network(x), 60.0, dt=0.1, seed=1, record=[snn.RecordState("principal", "r")], progress=False)
gap = np.abs(rest.traces["principal", "r"].data[-1] - exact.respond(x)).max()
print(f"whitening: error {exact.error(c):.0e} with the formula, {online.error(c):.2f} learnt; network off by {gap:.0e}")
assert exact.error(c) < 1e-10 and online.error(c) < 0.5 and gap < 1e-6

# 2. A ring of tuned neurons meets one orientation half of the time: only gains change, and tuning moves away.
ring = circuits.GainControl()
before, after = (ring.responses(ring.adapt(ring.ensemble(weight=w))) for w in (0.0, 0.5))
away = np.degrees(ring.angles) - 90.0
moved = np.degrees(ring.peaks(after) - ring.peaks(before))
moved = (moved + 90.0) % 180.0 - 90.0
print(f"gain control: the adapter drives {before[30, 30]:.2f}, then {after[30, 30]:.2f}; "
      f"the neuron at 15 degrees moves by {moved[35]:.2f} degrees, its mirror image by {moved[25]:.2f}")
assert after[30, 30] < before[30, 30] and moved[35] > 0 > moved[25]

# 3. Forty cells, a segment each. A context that four of them know depolarises these; then all get the same current.
patterns = circuits.random_patterns(40, 2000, 40, seed=1)
bank = circuits.SegmentBank(2000, cells=40, threshold=10).store(patterns, owner=np.arange(40), synapses=20)
net = bank.network(patterns[:4].any(axis=0)[None], every=20.0)
net.drive(net.populations["cells"], snn.CurrentInput([0.0, 0.0, 0.0, 0.0, 300.0], interval=10.0), port="current")
spikes = snn.simulate(net, 70.0, dt=0.1, seed=1, record=[snn.RecordSpikes("cells")], progress=False).spikes["cells"]
first = np.array([spikes.times[spikes.ids == i].min() for i in range(40)])
print(f"dendrites: predicted cells fire at {first[:4].max():.1f} ms, others at {first[4:].min():.1f} ms; a segment "
      f"takes random cells for its pattern with probability {circuits.false_match(2000, 40, 20, 10):.0e}")
assert first[:4].max() < first[4:].min()

# 4. A tripartite synapse: spikes fill an astrocyte, whose calcium makes the synapses stronger for seconds.
net, burst = snn.Network("tripartite"), (np.arange(20) == 4) * 40.0      # Hz, one value per 100 ms
source = net.add("source", PoissonSource(rate=5.0), 20 if tiny else 200)
astrocyte, cells = net.add("astrocyte", Astrocyte(tau_ca=1000.0), 1), net.add("cells", AstrocyteLIF(g=0.0), 50)
net.connect(source, astrocyte, snn.AllToAll(), port="delta", weight=0.1 / len(source), delay=1.0)
net.connect(source, cells, snn.AllToAll(), port="delta", weight=110.0 / len(source), delay=1.0)
net.couple(astrocyte, cells, snn.AllToAll(), weight=1.0, delay=1.0, values={"gain": "c"})
net.drive(source, snn.CurrentInput(burst, interval=100.0), port="rate")
run = snn.simulate(net, 2000.0, dt=0.5, seed=1, progress=False,
                   record=[snn.RecordSpikes("cells"), snn.RecordState("astrocyte", "c")])
rate = np.histogram(run.spikes["cells"].times, 20, (0.0, 2000.0))[0] / 50 / 0.1
print(f"astrocyte: {rate[:4].mean():.1f} spikes/s before the burst, {rate[5:8].mean():.1f} in the 300 ms after it")
assert rate[5:8].mean() > rate[:4].mean()

figure = Figure(figsize=(11, 2.8), layout="constrained")
axes = figure.subplots(1, 4)
axes[0].plot(*samples[-500:].T, ".", ms=2, color="#bbbbbb")
axes[0].plot(*y[-500:].T, ".", ms=2, color="#0072b2")
axes[1].plot(away, moved, color="#d55e00")
axes[0].set(title="whitening")
axes[1].set(title="gain control", xlabel="from the adapter, degrees", ylabel="shift of the peak")
axes[2].plot(spikes.times, spikes.ids, "|", color="#0072b2")
axes[2].set(title="dendrites", xlabel="ms", ylabel="cell")
axes[3].plot(50.0 + 100.0 * np.arange(20), rate, color="#0072b2")
axes[3].twinx().plot(run.traces["astrocyte", "c"].times, run.traces["astrocyte", "c"].data, color="#d55e00")
axes[3].set(title="astrocyte", xlabel="ms", ylabel="spikes/s")
folder.mkdir(parents=True, exist_ok=True)
figure.savefig(folder / "units_with_company.png", dpi=120)
print(f"picture: {folder / 'units_with_company.png'}")
