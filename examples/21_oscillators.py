"""Phase oscillators and LIF neurons in one network: spikes entrain the phases, and the phases' turns make spikes.

400 Kuramoto oscillators near 10 Hz are coupled too weakly to synchronise. LIF cells that beat at 11.5 Hz from the third
second on kick their phases; the response 1 - cos(theta) lets early phases wait and moves late ones on. Every turn of an
oscillator is a spike onto LIF readers, which fire only when many turns come together.

Run: python examples/21_oscillators.py [FOLDER]     With a FOLDER, a picture of r(t) and of the spikes goes there.
"""
import math
import os
import sys
from pathlib import Path

import numpy as np

import snn
from snn.neurons import LIF, Kuramoto

tiny = os.environ.get("SNN_TINY") == "1"
n, half, beat = (60 if tiny else 400), (600.0 if tiny else 3000.0), 1000.0 / 11.5                   # -, ms, ms
rng, TURN = np.random.default_rng(1), 2.0 * math.pi

net = snn.Network("entrained")
frequency = rng.normal(10.0, 0.4, n)                                                                 # Hz
units = net.add("units", Kuramoto(omega=TURN * frequency / 1000.0, prc=1.0), n, init={"theta": snn.Uniform(0.0, TURN)})
metronome = net.add("metronome", LIF(), 20)
readers = net.add("readers", LIF(), 50, init={"v": snn.Uniform(-70.0, -65.0)})

# A quarter of the critical coupling, which is sd sqrt(8 / pi) for normally distributed frequencies.
K = 0.25 * math.sqrt(8.0 / math.pi) * TURN * 0.4 / 1000.0
net.couple(units, units, snn.AllToAll(), weight=K / n)
t = np.arange(0.0, 2.0 * half)
beats = np.where((t >= half) & (t % beat < 2.0), 2500.0, 0.0)                                         # pA
net.drive(metronome, snn.CurrentInput(beats, interval=1.0), port="current")
net.connect(metronome, units, snn.FixedInDegree(5), port="phase", weight=0.13, delay=1.0)
net.connect(units, readers, snn.FixedInDegree(40), port="delta", weight=0.8, delay=1.0)

record = [snn.RecordSpikes("units"), snn.RecordSpikes("metronome"), snn.RecordSpikes("readers"),
          snn.RecordMean("units", "sin", every=10), snn.RecordMean("units", "cos", every=10)]
result = snn.simulate(net, 2.0 * half, dt=0.1, seed=2, record=record)
sin, cos = (result.traces["units", f"mean.{name}"] for name in ("sin", "cos"))
r = np.hypot(sin.data, cos.data)[:, 0]

print("                      r   turns (Hz)   metronome (Hz)   readers (Hz)")
windows = {"before": (half / 3.0, half), "entrained": (half + half / 3.0, 2.0 * half)}
for name, (begin, end) in windows.items():
    rates = [result.spikes[p].between(begin, end).rate().mean() for p in ("units", "metronome", "readers")]
    order = r[(sin.times >= begin) & (sin.times < end)].mean()
    print(f"{name:<15}{order:9.3f}{rates[0]:13.2f}{rates[1]:17.2f}{rates[2]:15.2f}")

if len(sys.argv) > 1:
    from matplotlib.figure import Figure
    figure = Figure(figsize=(7.0, 4.0), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True)
    top.plot(sin.times, r)
    top.set(ylabel="r", ylim=(0.0, 1.0))
    for k, name in enumerate(("units", "metronome", "readers")):
        spikes = result.spikes[name].between(half - 600.0, half + 600.0)
        bottom.plot(spikes.times, k + 0.8 * spikes.ids / spikes.n, ".", ms=1.5, label=name)
    bottom.set(xlabel="ms", yticks=[], xlim=(half - 600.0, half + 600.0))
    bottom.legend(loc="upper left", markerscale=4)
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    figure.savefig(Path(sys.argv[1]) / "oscillators.png", dpi=120)
