"""A population of LIF neurons, each with its own constant current: the f-I curve against its closed form.

Run: python examples/01_fi_curve.py [FOLDER]     The picture goes into FOLDER (default: a temporary folder).
"""
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import snn
from snn.neurons import LIF

tiny = os.environ.get("SNN_TINY") == "1"
folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
n, duration, dt = (9, 500.0, 0.1) if tiny else (41, 5000.0, 0.01)

# 1. Describe: one neuron per current. Nothing runs yet.
current = np.linspace(100.0, 500.0, n)   # pA
cell = LIF(tau_m=20.0, C_m=250.0, E_L=-70.0, V_reset=-70.0, V_th=-55.0, t_ref=2.0)
net = snn.Network("f-I")
cells = net.add("cells", cell, n)
net.drive(cells, snn.CurrentInput(current), port="current")

# 2. Run, with the event-driven engine by default.
result = snn.simulate(net, duration, dt=dt, seed=1)
rate = np.array([1000.0 / np.mean(isi) if len(isi) else 0.0 for isi in result.spikes["cells"].isi()])

# 3. Compare: rate = 1 / (t_ref + tau_m ln(R I / (R I - (V_th - E_L)))), above the rheobase.
drive = cell.tau_m / cell.C_m * current   # mV
height = cell.V_th - cell.E_L
expected = np.zeros(n)
above = drive > height
expected[above] = 1000.0 / (cell.t_ref + cell.tau_m * np.log(drive[above] / (drive[above] - height)))

difference = np.abs(rate - expected).max()
print(f"largest rate {rate.max():.2f} Hz, largest difference from the closed form {difference:.3f} Hz")
assert difference < 4.0 * dt / 1000.0 * rate.max() ** 2   # a spike is found at the end of its step

figure = Figure(figsize=(5, 3.5), layout="constrained")
ax = figure.add_subplot()
ax.plot(current, expected, color="#999999", label="closed form")
ax.plot(current, rate, ".", color="#0072b2", label="simulated")
ax.set(xlabel="current (pA)", ylabel="rate (Hz)")
ax.legend(frameon=False)
folder.mkdir(parents=True, exist_ok=True)
figure.savefig(folder / "fi_curve.png", dpi=120)
print(f"picture: {folder / 'fi_curve.png'}")
