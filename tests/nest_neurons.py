"""What NEST gave for single neurons (``fixtures/nest/neurons``), and the same done here.

``ours.json`` beside the results names our model of each, its fields and, where they are not ``exc`` and ``inh``, the
ports of the two input trains ({}: it has none for synapses of that shape, and "train" is left out).

Time in both programs: a spike found in a step has the time of the end of the step, and arrives its delay later; a
potential of time t is that at the end of the step that ends at t. A current that our step receives acts in the next
one, so it is given one step before it is to act.
"""
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import snn
import snn.neurons

FOLDER = Path(__file__).parent / "fixtures" / "nest" / "neurons"
OURS = json.loads((FOLDER / "ours.json").read_text())


@dataclass(frozen=True)
class Case:
    """A file of NEST, ``meta`` and ``arrays`` as the recording script describes them; our ``model``, its ``ports``."""

    name: str
    meta: dict
    arrays: dict
    model: snn.Neuron
    ports: dict

    @property
    def protocols(self):
        return ("step", "train") if self.ports else ("step",)


@dataclass(frozen=True)
class Run:
    """``spikes[p]`` times in ms, ``states[p][x]`` every ms, for p = "step" and "train"; ``fi`` spikes by current."""

    spikes: dict
    states: dict
    fi: np.ndarray


def read(name):
    """``(meta, arrays)`` of a file."""
    with np.load(FOLDER / f"{name}.npz") as file:
        arrays = dict(file)
    return json.loads(str(arrays.pop("meta"))), arrays


def case(name):
    model = getattr(snn.neurons, OURS[name]["model"])(**OURS[name]["fields"])
    return Case(name, *read(name), model, OURS[name].get("ports", {"exc": "exc", "inh": "inh"}))


def nest(c, *, fine=False, states=("v",)):
    """The :class:`Run` that NEST gave."""
    end = "_fine" if fine else ""
    return Run({p: c.arrays[f"{p}_spikes{end}"] for p in c.protocols},
               {p: {x: c.arrays[f"{p}_{x}{end}"] for x in states} for p in c.protocols}, c.arrays[f"fi{end}"])


def ours(c, dt=0.1, *, states=("v",), early=False, seed=1):
    """The same from the event-driven engine: all protocols side by side, as in NEST.

    ``early``: input spikes come one step earlier, for models of NEST in which a spike acts in the very step in which it
    arrives, and not from the end of that step on.
    """
    net, duration, n = network(c, dt, early)
    record = [snn.RecordSpikes("cells"),
              *(snn.RecordState("cells", x, ids=[0, 1], every=round(1.0 / dt)) for x in states)]
    result = snn.simulate(net, duration, dt=dt, engine=snn.EventDriven(), seed=seed, record=record, progress=False)
    length, on = len(c.arrays["step_v"]), c.meta["on"]
    times, ids = result.spikes["cells"].times, result.spikes["cells"].ids
    late = (times > on + 1e-6) & (times <= on + 1000.0 + 1e-6)
    spikes, traces = {}, {}
    for k, p in enumerate(c.protocols):
        spikes[p] = times[(ids == k) & (times <= length + 1e-6)]
        traces[p] = {x: result.traces["cells", x].data[:length, k] for x in states}
    return Run(spikes, traces, np.bincount(ids[late], minlength=n)[2:])


def network(c, dt, early=False):
    """``(network, duration, cells)``: a cell in a step of current, one under input spikes, one per current of f-I."""
    meta, on = c.meta, c.meta["on"]
    n, duration = 2 + len(meta["currents"]), on + 1000.0
    net = snn.Network(c.name)
    cells = net.add("cells", c.model, n)
    net.drive(cells, snn.CurrentInput(currents(meta, dt, n), interval=dt), port="current")
    for port, target in c.ports.items():
        spikes = snn.Spikes(c.arrays[port], np.zeros(len(c.arrays[port]), int), n=1, duration=duration)
        source, weight = net.add(port, snn.neurons.SpikeSource(spikes), 1), meta["weights"][port]
        conductance = c.model.units(c.model.Ports)[target] == "nS"
        net.connect(source, cells[1:2], snn.AllToAll(), port=target, weight=abs(weight) if conductance else weight,
                    delay=meta["delay"] - dt * early)
    return net, duration, n


def currents(meta, dt, n):
    """Rows of ``dt``: what every cell gets, one step before it is to act."""
    rows = np.zeros((round(max(t for t, _ in meta["step"]) / dt), n))
    for t, value in meta["step"]:
        rows[round(t / dt) - 1:, 0] = value
    rows[round(meta["on"] / dt) - 1:, 2:] = meta["currents"]
    return rows
