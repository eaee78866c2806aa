"""What engines give to a run: a network in memory that can be advanced."""
import contextlib

import numpy as np

from snn.errors import RunError
from snn.run.projections import PlasticProjection


class Session:
    """A network in memory, at step ``step``; made by ``engine.start(plan, channels, state)``.

    ``advance(stop)`` runs until at most step ``stop`` and returns the step reached; ``drain(*sinks)`` hands over what
    was recorded since; ``state()`` is a checkpoint. An engine that computes several runs at once takes one sink
    per run and gives ``state(run)``. An engine writes ``_advance(stop)`` and ``spike_count(population)``.
    """

    runs, several = 1, False
    exact = contextlib.nullcontext

    def __init__(self, plan, channels, state):
        self.plan, self.channels = plan, channels
        self.step = state.step if state is not None else 0
        self.plastic = {}

    def _learn(self, groups, state):
        """Take over the groups of plastic projections (in the order of ``plan.deliveries``) from the engine."""
        for q in self.plan.projections:
            if q.plastic is not None:
                mine = [g for g in groups if g.q.name == q.name]
                p = self.plastic[q.name] = PlasticProjection(q, mine, self.plan, self.spike_count, self.exact)
                if state is not None:
                    p.restore(state.projections.get(q.name, {}), self.step)

    def spike_count(self, population):
        """Spikes of a population (its number) since the session began, [runs]."""
        raise NotImplementedError

    def advance(self, stop):
        """Run until at most step ``stop``; what acts in time acts when its step is done. Returns the step reached."""
        due = [d for p in self.plastic.values() if (d := p.next_due(self.step)) is not None]
        self._advance(min([stop, *due]))
        for p in self.plastic.values():
            p.act(self.step)
        return self.step

    def restart(self):
        """Count recorded rows from 0 again: what comes belongs to another Result."""
        raise NotImplementedError

    def set_input(self, control, value):
        """Give a ControlledInput another value (a number or [n]); whether it is one of this network."""
        raise NotImplementedError

    def forgotten(self, population):
        """Names of the states of a population that are not kept, because nothing reads them."""
        return ()

    def learning(self, projection):
        """The plastic projection of that name; RunError where there is none."""
        if projection not in self.plastic:
            known = ", ".join(self.plastic) or "none"
            raise RunError(f"run: {projection!r} is no plastic projection. The network has: {known}.")
        return self.plastic[projection]

    def weights(self, projection):
        """Weights of a projection in the order of its rows: [synapses], or [runs, synapses] for several runs."""
        q = self.plan.projection(projection)
        if projection in self.plastic:
            now = self.plastic[projection].weights(self.step)
            return now if self.several else now[0]
        return np.broadcast_to(q.weight, (q.csr.n_synapses,))

    def projection_states(self, run=0):
        """Checkpoints of the plastic projections."""
        return {name: p.snapshot(self.step, run) for name, p in self.plastic.items()}

    def close(self):
        """Give back threads, files and memory; the session is not used afterwards."""
        self.plastic = {}                        # its parts know the session: a circle would keep the memory


def not_a_number(population, neuron, step, dt):
    """The error of a run in which a state is NaN after ``step``."""
    return RunError(
        f"simulate: population {population!r}, neuron {neuron}: a state is not a number (NaN) from step {step} on, "
        f"at {(step + 1) * dt:g} ms. Look at its inputs and weights just before, and try a smaller dt."
    )
