"""The reference: torch, float64, one step after the other. Slow and obvious; what every other engine is compared
with."""

import contextlib
import functools
from dataclasses import dataclass

import numpy as np
import torch

from snn.contract import heaviside, step, values_of
from snn.exact import exact_math
from snn.run import inputs
from snn.run.learning import Learning
from snn.run.native import is_x86
from snn.run.session import Session, not_a_number
from snn.run.shown import Shown, TorchCoupling, mean
from snn.run.state import PopulationState, RunState, in_flight


@dataclass(frozen=True)
class Reference:
    """The definition of a run: calls the methods of each model in torch, in float64, in every step.

    Example: ``snn.simulate(net, 100.0, engine=snn.Reference())``
    """

    dtype = "float64"

    def start(self, plan, channels, state=None):
        return ReferenceSession(plan, channels, state)


@functools.cache
def _start_threads():
    """Start torch's threads: they keep for good the setting that holds when they start."""
    torch.zeros(1 << 18).add_(1.0)


@contextlib.contextmanager
def denormals_flushed():
    """Treat denormal numbers as zero, as compiled runs do; the user's own setting comes back afterwards."""
    _start_threads()
    already = float(np.float64(5e-324) * np.float64(1.0)) == 0.0
    flush = is_x86() and not already and torch.set_flush_denormal(True)
    try:
        yield
    finally:
        if flush:
            torch.set_flush_denormal(False)


class ReferenceSession(Session):
    """A plan as tensors of one run."""

    exact = exact_math

    def __init__(self, plan, channels, state):
        super().__init__(plan, channels, state)
        saved = {} if state is None else state.populations
        self.cells = [_Cells(p, plan, saved.get(p.name), self.step) for p in plan.populations]
        options = {"dtype": torch.float64, "device": "cpu"}
        self.groups = {
            q: Learning(q, plan.dt, 1, self.step, **options) for q in plan.deliveries if q.plastic is not None
        }
        shown = [c.shown for c in self.cells]
        self.couplings = [TorchCoupling(c, shown, torch.float64, exact=True) for c in plan.couplings]
        self._learn(self.groups.values(), state)
        self.rows_given = {c.key: 0 for c in channels}
        self._clear()

    def spike_count(self, population):
        return np.array([self.cells[population].fired])

    def restart(self):
        self.rows_given = dict.fromkeys(self.rows_given, 0)

    def set_input(self, control, value):
        return inputs.control([s for c in self.cells if not c.plan.replayed for s in c.sources], control, value)

    def _clear(self):
        self.recorded = {c.key: [] for c in self.channels}

    def _advance(self, stop):
        with exact_math(), torch.no_grad(), denormals_flushed():
            while self.step < stop:
                self._step(self.step)
                self.step += 1

    def _step(self, k):
        for q in self.plan.deliveries:
            self._deliver(q, k) if q.plastic is None else self._deliver_plastic(q, k)
        for c in self.couplings:
            for port, amount in c.sums(k):
                self.cells[c.c.post].rings[port][0, c.c.post_offset : c.c.post_offset + c.c.n_post] += amount
        for cells in self.cells:
            cells.advance(k)
        for c in self.channels:
            if c.key[0] != "weights":
                self._record(c, k)

    def _deliver(self, q, k):
        """Add what projection ``q`` delivers in step ``k``; row r of a ring arrives in step k + r."""
        fired = self.cells[q.pre].spikes_of(k - (q.delay if q.on_arrival else 1)) - q.pre_offset
        fired = fired[(fired >= 0) & (fired < q.n_pre)]
        if len(fired) == 0:
            return
        s = torch.from_numpy(np.concatenate([np.arange(q.csr.indptr[j], q.csr.indptr[j + 1]) for j in fired]))
        post = torch.from_numpy(q.csr.targets.astype(np.int64))[s] + q.post_offset
        weight = torch.as_tensor(q.weight, dtype=torch.float64).expand(q.csr.n_synapses)[s]
        later = 0 if q.on_arrival else torch.from_numpy(q.delay.astype(np.int64))[s] - 1
        ring = self.cells[q.post].rings[q.port]
        ring.view(-1).index_add_(0, later * ring.shape[1] + post, weight)

    def _deliver_plastic(self, q, k):
        """Events at the synapses of group ``q`` in step ``k``, and what they add to the inputs of this step."""
        before, after = (
            self._pairs(q.pre, k - q.delay, q.pre_offset, q.n_pre),
            self._pairs(q.post, k - q.plastic.back, q.post_offset, q.n_post),
        )
        here = slice(q.post_offset, q.post_offset + q.n_post)
        state = self.cells[q.post].state
        read = {name: getattr(state, name).expand(self.cells[q.post].n)[here] for name in q.plastic.reads}
        _, target, amount = self.groups[q].step(k, before, after, read)
        self.cells[q.post].rings[q.port][0].index_add_(0, target + q.post_offset, amount)

    def _pairs(self, population, k, offset, n):
        """The spikes of a slice of a population in step ``k`` as pairs (run, number in the slice)."""
        fired = self.cells[population].spikes_of(k) - offset
        fired = torch.as_tensor(fired[(fired >= 0) & (fired < n)])
        return torch.stack([torch.zeros_like(fired), fired], 1)

    def _record(self, c, k):
        cells = self.cells[self.plan.index[c.population]]
        if c.key[0] == "spikes":
            self.recorded[c.key].append((k, cells.spikes_of(k)))
        elif (k + 1) % c.every_steps == 0:
            self.recorded[c.key].append(cells.value(c.variable)[c.ids])

    def drain(self, sink):
        for c in self.channels:
            rows = self.recorded[c.key]
            if c.key[0] == "spikes" and rows:
                sink.spikes(
                    c.population,
                    np.concatenate([np.full(len(ids), k) for k, ids in rows]),
                    np.concatenate([ids for _, ids in rows]),
                )
            elif c.key[0] == "traces":
                sink.trace(c, self.rows_given[c.key], np.array(rows).reshape(len(rows), c.width))
                self.rows_given[c.key] += len(rows)
        self._clear()
        sink.commit(self.step)

    def state(self):
        """Checkpoint of the run as it is now."""
        populations = {c.plan.name: c.snapshot(self.step) for c in self.cells}
        return RunState(self.step, self.plan.summary(), populations, self.projection_states())


def check_numbers(name, state, k, dt):
    """RunError where a state of a population is not a number after step ``k``."""
    for value in state:
        if torch.isnan(value).any():
            raise not_a_number(name, int(torch.nonzero(torch.isnan(value))[0, -1]), k, dt)


class _Cells:
    """One population: state tensors, rings of inputs (row 0 = this step), spikes of recent steps."""

    def __init__(self, p, plan, saved, at):
        self.plan, self.dt, self.n = p, torch.tensor(plan.dt, dtype=torch.float64), p.n
        self.rings = [torch.zeros(depth, p.n, dtype=torch.float64) for depth in p.rings]
        self.recent, self.arrived, self.fired, self.shown = {}, {}, 0, None
        if p.replayed:
            self.schedule = p.model.schedule(plan.dt)
        else:
            self.model = p.model.bind(p.n, torch.float64)
            self.sources = inputs.sources(p, plan)
            rest = self.model.rest()
            self.state = type(rest)(
                *(
                    torch.as_tensor(p.initial.get(name, value), dtype=torch.float64).expand(p.n).clone()
                    for name, value in rest._asdict().items()
                )
            )
        if saved is not None:
            self._restore(saved)
        if p.shows:
            with exact_math(), torch.no_grad():
                self.shown = Shown(self._values(), p.shown)
            self.shown.restore({} if saved is None else saved.shown, 0 if saved is None else at)

    def _values(self):
        shown = values_of(self.model, self.state, self.plan.shows)
        return {k: torch.as_tensor(v, dtype=torch.float64).expand(self.n) for k, v in shown.items()}

    def advance(self, k):
        if self.plan.replayed:
            steps, ids = self.schedule
            fired = ids[np.searchsorted(steps, k) : np.searchsorted(steps, k + 1)]
        else:
            x = self._ports(k)
            self.state, z = step(self.model, self.state, x, self.dt, heaviside)
            fired = np.zeros(0, np.int64) if z is None else torch.nonzero(z.expand(self.n)).ravel().numpy()
            check_numbers(self.plan.name, self.state, k, self.dt.item())
            if self.shown is not None:
                self.shown.put(self._values(), k)
        self.recent[k], self.latest = fired, k
        self.fired += len(fired)
        self.recent.pop(k - self.plan.depth, None)
        for ring in self.rings:
            ring[:-1] = ring[1:].clone()
            ring[-1] = 0.0

    def _ports(self, k):
        x = dict.fromkeys(self.model.Ports._fields, torch.zeros(self.n, dtype=torch.float64))
        x.update((port, ring[0].clone()) for port, ring in zip(self.plan.ports, self.rings, strict=True))
        for s in self.sources:
            x[s.port] = x[s.port] + inputs.arrive(s, k, self.n)
        self.arrived = x
        return self.model.Ports(**x)

    def spikes_of(self, k):
        return self.recent.get(k, np.zeros(0, np.int64))

    def value(self, variable):
        if variable.startswith("mean."):
            return mean(self.shown.get(variable[5:], self.latest)).numpy()
        value = self.arrived[variable[2:]] if variable.startswith("x.") else getattr(self.state, variable)
        return value.expand(self.n).numpy().copy()

    def snapshot(self, now):
        values = (
            {} if self.plan.replayed else {k: v.expand(self.n).numpy().copy() for k, v in self.state._asdict().items()}
        )
        rings = {port: ring.numpy().copy() for port, ring in zip(self.plan.ports, self.rings, strict=True)}
        shown = {} if self.shown is None else self.shown.snapshot(now)
        return PopulationState(values, rings, *in_flight(self.recent, now, self.plan.depth), shown=shown)

    def _restore(self, saved):
        for port, ring in zip(self.plan.ports, self.rings, strict=True):
            if port in saved.inputs:
                ring[:] = torch.from_numpy(saved.inputs[port])
        for k in np.unique(saved.spike_steps):
            self.recent[int(k)] = saved.spike_ids[saved.spike_steps == k]
        if not self.plan.replayed:
            values = saved.awake(self.plan.model, self.n, self.dt.item()).values
            self.state = self.state._replace(
                **{k: torch.from_numpy(v.copy()) for k, v in values.items() if k in self.state._fields}
            )
