"""Spikes of virtual populations: given ones as they are, random ones drawn by the streams that a run would use."""
from dataclasses import dataclass
from typing import Any

import numpy as np

from snn import random
from snn.exchange.sonata_sheets import Drawn
from snn.export.sonata import write_spikes
from snn.network import Network
from snn.spikes import Spikes

STEPS = 1000


@dataclass(frozen=True, eq=False)
class Events:
    """The events of a Poisson input as the spikes of one source per neuron, drawn while they are written.

    An event of step k is a spike at the time k dt, which arrives in step k after a delay of dt; those of step 0 come
    in step 1.
    """

    drawn: Drawn
    plan: Any
    duration: float
    start: float = 0.0

    @property
    def n(self):
        return self.drawn.target.n

    def __len__(self):
        """The expected number."""
        return int(self.drawn.drive.rate * self.duration * 1e-3 * self.n)

    def blocks(self):
        """``(times, ids)`` of some steps each, in order."""
        from snn.run.inputs import sources
        found = [s for s in sources(self.drawn.target, self.plan) if s.kind not in ("noise", "normal")
                 or s.port not in ("noise", "normal")]
        source, dt = found[self.drawn.index], self.plan.dt
        steps, everyone = round(self.duration / dt), np.arange(self.n)
        for a in range(0, steps, STEPS):
            times, ids = [], []
            for k in range(a, min(a + STEPS, steps)):
                bits = random.bits32(*random.step_keys(source.key, k), everyone)
                again = np.repeat(everyone, source.lowest + np.searchsorted(source.limits, bits, side="left"))
                times.append(np.full(len(again), max(k, 1) * dt))
                ids.append(again)
            times, ids = np.concatenate(times), np.concatenate(ids)
            order = np.lexsort((ids, times))
            yield times[order], ids[order]


def write_inputs(folder, nodes, plan, net, duration):
    """Write the spikes of a virtual population; the entry of the simulation's configuration."""
    if isinstance(nodes.source, Drawn):
        spikes = Events(nodes.source, plan, duration)
    elif hasattr(nodes.source.model, "schedule"):
        given = nodes.source.model.spikes
        # A spike at time 0 is one of the first step; other programs want it after 0.
        spikes = Spikes(np.maximum(given.times, plan.dt), given.ids, given.n, max(given.end, plan.dt))
    else:
        spikes = _spikes_of_source(net, nodes.name, plan, duration)
    write_spikes({nodes.name: spikes}, folder / f"{nodes.name}_spikes.h5", overwrite=True)
    return {"input_type": "spikes", "module": "h5", "input_file": f"$BASE_DIR/inputs/{nodes.name}_spikes.h5",
            "node_set": nodes.name}


def _spikes_of_source(net, name, plan, duration):
    """The spikes of a random source: those that it has in the whole network, since draws depend on its name alone."""
    from snn.run.simulate import simulate
    population = net.populations[name]
    alone = Network(net.name)
    copy = alone.add(name, population.model, population.n, init=population.init)
    for drive in net.drives:
        if drive.population is population:
            alone.drive(copy, drive.source, port=drive.port)
    return simulate(alone, duration, dt=plan.dt, seed=plan.seed, progress=False).spikes[name]
