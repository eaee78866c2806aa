"""Synaptic kinetics on a port of any neuron: one spike through each of them, onto two different neurons.

Kinetics are attached with snn.compose; the neuron models know nothing of them. Printed are the height of the
postsynaptic potential, when it peaks and how long it stays above half; then the error of the potential against that of
a model which has the same conductance built in, by step; then the coupling coefficient of a gap junction.

Run: python examples/20_synaptic_kinetics.py [FOLDER]     The picture goes into FOLDER (default: a temporary folder).
"""
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import snn
from snn.neurons import LIF, AdEx, CobaLIF, SpikeSource
from snn.neurons.kinetics import NMDA, Alpha, Delta, DualExponential, Exponential, ExponentialConductance, Gap

tiny = os.environ.get("SNN_TINY") == "1"
folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
duration, dt, at = (60.0 if tiny else 200.0), 0.1, 5.0   # ms
neurons = {"LIF": LIF(), "AdEx": AdEx()}
kinetics = {   # and a weight: pA ms for Delta, pA for currents, nS for conductances
    "delta": (Delta(), 400.0), "exponential": (Exponential(tau=5.0), 80.0), "alpha": (Alpha(tau=5.0), 50.0),
    "dual exponential": (DualExponential(tau_rise=1.0, tau_decay=8.0), 50.0),
    "conductance": (ExponentialConductance(tau=5.0), 1.0),
    "NMDA": (NMDA(), 5.0)}


def potential(model, port, weight, dt):
    """The potential of one neuron [mV] around one spike that arrives ``at``."""
    net = snn.Network("one spike")
    source = net.add("source", SpikeSource(snn.Spikes([at - 1.0], [0], 1, duration)), 1)
    net.connect(source, net.add("cell", model, 1), snn.OneToOne(), port=port, weight=weight, delay=1.0)
    trace = snn.simulate(net, duration, dt=dt, record=[snn.RecordState("cell", "v")])
    return trace.traces["cell", "v"].data[:, 0]


# 1. Every kinetics on every neuron.
figure = Figure(figsize=(9, 3.6), layout="constrained")
axes = figure.subplots(1, 2, sharey=True)
for ax, (name, neuron) in zip(axes, neurons.items(), strict=True):
    alone = potential(snn.compose(neuron, syn=Delta()), "syn", 0.0, dt)
    for label, (kind, weight) in kinetics.items():
        psp = potential(snn.compose(neuron, syn=kind), "syn", weight, dt) - alone
        peak = (np.argmax(psp) + 1) * dt - at
        print(f"{name:5s} {label:17s} {psp.max():5.2f} mV after {peak:5.1f} ms, "
              f"above half for {(psp > psp.max() / 2).sum() * dt:5.1f} ms")
        ax.plot((np.arange(len(psp)) + 1) * dt, psp, label=label)
        assert 0.1 < psp.max() < 10.0
    ax.set(title=name, xlabel="time (ms)", ylabel="potential above rest (mV)")
axes[1].legend(frameon=False, fontsize=7)

# 2. The error falls with the square of the step.
own = CobaLIF(tau_exc=5.0)
host = LIF(tau_m=20.0, C_m=200.0, E_L=-60.0, V_th=-50.0, V_reset=-60.0)
composed = snn.compose(host, syn=ExponentialConductance(tau=5.0))
fine = potential(own, "exc", 3.0, 0.005)
for step in (0.5, 0.25, 0.1):
    every = round(step / 0.005)
    errors = [np.abs(potential(model, port, 3.0, step) - fine[every - 1::every]).max()
              for model, port in ((composed, "syn"), (own, "exc"))]
    print(f"step {step:.2f} ms: error of the composed LIF {errors[0]:.1e} mV, of CobaLIF {errors[1]:.1e} mV")

# 3. A gap junction: the neighbour of a neuron with a current follows by g / (g_L + g).
net = snn.Network("pair")
cells = net.add("cells", snn.compose(LIF(), gap=Gap()), 2)
net.couple(cells, cells, snn.Edges([0, 1], [1, 0]), weight=5.0, values={"gap": "v"}, difference=True)
net.drive(cells, snn.CurrentInput([[100.0, 0.0]], interval=1.0), port="current")
last = snn.simulate(net, 300.0, dt=dt, record=[snn.RecordState("cells", "v")]).traces["cells", "v"].data[-1] + 70.0
ratio = last[1] / last[0]
print(f"coupling coefficient {ratio:.4f}, expected {5.0 / (12.5 + 5.0):.4f}")
assert abs(ratio - 5.0 / 17.5) < 1e-3

folder.mkdir(parents=True, exist_ok=True)
figure.savefig(folder / "synaptic_kinetics.png", dpi=120)
print(f"picture: {folder / 'synaptic_kinetics.png'}")
