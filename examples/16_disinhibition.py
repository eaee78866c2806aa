"""Dis-inhibition sets the sign of plasticity: one pair, pairs that spike, and a network that learns with it.

An inhibitory neuron predicts the activity of its excitatory partner. Feedback on the inhibitory neuron, and nothing
else, decides whether the synapses onto the excitatory one grow or shrink.

Run: python examples/16_disinhibition.py [FOLDER]     The picture goes into FOLDER (default: a temporary folder).
"""
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

import snn
from snn.circuits.disinhibitory import DisInhibitoryNet, LinearInverse, MicroCircuit, error
from snn.neurons import EIPair, PoissonSource
from snn.plasticity import DisInhibitory

tiny = os.environ.get("SNN_TINY") == "1"
folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
duration, epochs = (500.0, 8) if tiny else (5000.0, 30)

# 1. One pair, settled under a constant drive of 2 mV: the change has the sign of the feedback.
feedback = torch.arange(-10, 11, dtype=torch.float64) / 20
exact = error(*MicroCircuit().pair(2.0, feedback))
drive = torch.linspace(-2.0, 6.0, 81, dtype=torch.float64)
u, u_I = MicroCircuit().pair(drive, 0.2)
local = {m: error(u, u_I, LinearInverse(), torch.tensor(m, dtype=torch.float64)) for m in (2.0, 3.0, 4.0)}
print("one pair, feedback -0.5, 0, 0.5: change", ", ".join(f"{float(exact[k]):.3f}" for k in (0, 10, 20)))
assert torch.equal(torch.sign(exact.round(decimals=9)), torch.sign(feedback))

# 2. The same in a simulation: half of the drive is spikes, 100 inputs * 50 Hz * 0.01 mV * 20 ms = 1 mV. Five pairs
# differ in their feedback.
net, fb = snn.Network("pairs"), np.array([-0.4, -0.2, 0.0, 0.2, 0.4])
inputs, pairs = net.add("inputs", PoissonSource(rate=50.0), 100), net.add("pairs", EIPair(), len(fb))
net.connect(inputs, pairs, snn.AllToAll(), port="delta", weight=0.01, delay=1.0, name="plastic",
            plasticity=DisInhibitory(eta=1e-5, tau=50.0, w_min=-1.0))
net.drive(pairs, snn.CurrentInput(np.full(len(fb), 1.0)), port="drive")
net.drive(pairs, snn.CurrentInput(fb), port="feedback")
result = snn.simulate(net, duration, dt=1.0, seed=1, record=[snn.RecordSpikes("inputs"), snn.RecordWeights("plastic")])
change = result.weights["plastic"].data[-1].reshape(100, len(fb)).sum(0) - 100 * 0.01
per_spike = change / len(result.spikes["inputs"]) / 1e-5
print("spiking pairs, feedback", fb, ": change per spike", per_spike.round(3))
assert (np.sign(per_spike[fb != 0]) == np.sign(fb[fb != 0])).all() and abs(per_spike[2]) < 0.1 * per_spike[4]

# 3. A network of pairs learns four clouds in two classes, which no readout of its inputs separates.
rng = np.random.default_rng(1)
corner = rng.integers(0, 2, (200, 2))
x, classes = 4.0 * corner - 2.0 + rng.normal(0.0, 0.5, (200, 2)), corner.sum(1) % 2
right = {}
for hidden in (True, False):
    learner = DisInhibitoryNet((2, 6, 2), seed=1)
    learner.fit(x[:100], classes[:100], epochs=epochs, batch=20, rate=0.05, hidden=hidden)
    right[hidden] = float((learner.predict(x[100:]).numpy() == classes[100:]).mean())
print(f"right on new samples: {right[True]:.2f} with plastic hidden pairs, {right[False]:.2f} with frozen ones")
assert right[True] > right[False] and (tiny or right[True] > 0.95)

figure = Figure(figsize=(8, 3.2), layout="constrained")
left, local_axes = figure.subplots(1, 2)
left.axhline(0.0, color="#bbbbbb", lw=0.8)
left.plot(feedback, exact, color="#0072b2", label="one pair")
left.plot(fb, per_spike, "o", color="#d55e00", label="spiking pairs, per spike")
left.set(xlabel="feedback", ylabel="change of the weight", title="exact rule")
left.legend(frameon=False)
local_axes.axhline(0.0, color="#bbbbbb", lw=0.8)
for m, e in local.items():
    local_axes.plot(torch.nn.functional.softplus(u), e, label=f"{m:g}")
local_axes.set(xlabel="excitatory activity", ylabel="change of the weight", title="local rule, feedback 0.2")
local_axes.legend(frameon=False, title="usual inhibition")
folder.mkdir(parents=True, exist_ok=True)
figure.savefig(folder / "disinhibition.png", dpi=120)
print(f"picture: {folder / 'disinhibition.png'}")
