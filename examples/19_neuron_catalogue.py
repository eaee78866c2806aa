"""f-I curves of the whole neuron catalogue: every model with a port for currents; points are results of NEST 3.10.

The range of currents of a model is found by itself: from where it begins to fire to where it fires at 100 Hz. Models of
which the checkout holds results of NEST have the parameters of those; the others their defaults.

Run: python examples/19_neuron_catalogue.py [FOLDER]     The picture goes into FOLDER (default: a temporary folder).
"""
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import snn.neurons

tiny = os.environ.get("SNN_TINY") == "1"
folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
recorded = Path(__file__).resolve().parents[1] / "tests" / "fixtures" / "nest" / "neurons"
onset, points = 10.0, 8 if tiny else 40


def rates(model, currents, duration):
    """Hz of one neuron per current, from the moment the current is switched on."""
    dt = min(0.1, model.max_dt() or 0.1)
    net = snn.Network("f-I")
    cells = net.add("cells", model, len(currents))
    # What comes in a step acts in the next one, so the second row begins a step before the onset.
    net.drive(cells, snn.CurrentInput(np.stack([0.0 * currents, currents]), interval=onset - dt), port="current")
    spikes = snn.simulate(net, onset + duration, dt=dt, seed=1).spikes["cells"]
    return 1000.0 / duration * spikes.between(onset, onset + duration).count()


def range_of(model):
    """``(largest current without a spike, smallest with 100 Hz)`` on a geometric ladder; None where it never fires."""
    ladder = np.r_[0.0, np.geomspace(0.1, 1e4, 51)]
    rate = rates(model, ladder, 200.0)
    if not rate.any():
        return None
    first, fast = np.argmax(rate > 0), np.argmax(rate >= min(rate.max(), 100.0))
    return ladder[max(first - 1, 0)], ladder[max(fast, first + 1)]


def with_nest():
    """``{name of our model: (its fields, currents, spikes in a second)}`` of the recorded results of NEST."""
    found = {}
    for name, ours in json.loads((recorded / "ours.json").read_text()).items() if recorded.exists() else ():
        with np.load(recorded / f"{name}.npz") as file:
            currents = np.array(json.loads(str(file["meta"]))["currents"])
            found.setdefault(ours["model"], (ours["fields"], currents, file["fi"]))
    return found


nest, panels = with_nest(), []
print(f"{'model':<18}{'current':>22}{'fires from':>12}{'at most':>10}   against NEST, spikes in 1 s")
for name in snn.neurons.__all__:
    Model = getattr(snn.neurons, name)
    if "current" not in getattr(getattr(Model, "Ports", None), "_fields", ()):
        continue
    fields, at, there = nest.get(name, ({}, [], []))
    model = Model(**fields)
    span = (at[0], at[-1]) if len(at) else range_of(model)
    if span is None:
        continue
    current, unit = np.linspace(*span, points), Model.units(Model.Ports)["current"].replace("1", "")
    rate = rates(model, current, 200.0 if tiny else 1000.0)
    differs = f"largest difference {np.abs(rates(model, at, 1000.0) - there).max():.0f}" if len(at) else ""
    print(f"{name:<18}{f'{span[0]:.4g} to {span[1]:.4g} {unit}':>22}{current[np.argmax(rate > 0)]:>12.3g}"
          f"{rate.max():>7.0f} Hz   {differs}")
    panels.append((name, unit, current, rate, at, there))

rows = -(-len(panels) // 5)
figure = Figure(figsize=(11, 1.9 * rows), layout="constrained")
for k, (name, unit, current, rate, at, there) in enumerate(panels):
    ax = figure.add_subplot(rows, 5, k + 1)
    ax.plot(current, rate, color="#0072b2")
    ax.plot(at, there, ".", color="#d55e00")
    ax.set_title(name, fontsize=8)
    ax.tick_params(labelsize=6)
    ax.set_xlabel(f"current ({unit})".removesuffix(" ()"), fontsize=6)
figure.supylabel("rate (Hz)", fontsize=8)
folder.mkdir(parents=True, exist_ok=True)
figure.savefig(folder / "neuron_catalogue.png", dpi=120)
print(f"picture: {folder / 'neuron_catalogue.png'}")
