"""The clocked engine: torch, any device, several runs of one network at once."""

import functools
from dataclasses import dataclass

import numpy as np
import torch

from snn.contract import heaviside, step, values_of
from snn.distributions import values
from snn.errors import RunError
from snn.random import stream
from snn.run import inputs
from snn.run.clocked_synapses import PlasticSynapses, Synapses
from snn.run.reference import denormals_flushed
from snn.run.session import Session, not_a_number
from snn.run.shown import Shown, TorchCoupling
from snn.run.state import PopulationState, RunState, in_flight


@dataclass(frozen=True, kw_only=True)
class Clocked:
    """Every neuron in every step, in torch, for a batch of runs [B, N] on one device.

    Parameters
        device  torch device, e.g. "cpu" or "cuda"
        dtype   "float32" or "float64"
        seeds   None: one run with the seed of ``simulate``; a list: one run per seed, all with the connections of
                ``simulate``'s seed and with initial values and noise of their own. ``simulate`` then returns a list
                of Results.
    Errors: RunError for other values, or a device that torch cannot use.

    Example: ``runs = snn.simulate(net, 100.0, engine=snn.Clocked(seeds=[1, 2, 3]))``
    """

    device: str = "cpu"
    dtype: str = "float32"
    seeds: tuple | None = None

    def __post_init__(self):
        if self.dtype not in ("float32", "float64"):
            raise RunError(f"Clocked.dtype: is {self.dtype!r}. Allowed: 'float32', 'float64'.")
        if self.seeds is not None:
            object.__setattr__(self, "seeds", tuple(int(s) for s in self.seeds))
            if not self.seeds:
                raise RunError("Clocked.seeds: is empty. Give at least one seed, or None.")
        try:
            torch.empty(1, device=self.device)
        except (RuntimeError, AssertionError) as err:
            raise RunError(
                f"Clocked.device: {self.device!r} cannot be used ({str(err).splitlines()[0]}). Use 'cpu', or see "
                "'snn doctor'."
            ) from None

    def start(self, plan, channels, state=None):
        if state is not None and self.seeds is not None:
            raise RunError("simulate.state: cannot be given to several runs at once. Continue them one by one.")
        return ClockedSession(plan, channels, self, state)


class ClockedSession(Session):
    """A plan as tensors of a batch of runs."""

    def __init__(self, plan, channels, engine, state):
        super().__init__(plan, channels, state)
        self.device = torch.device(engine.device)
        self.dtype = getattr(torch, engine.dtype)
        self.seeds = engine.seeds or (plan.seed,)
        self.cells = [_Cells(p, self, None if state is None else state.populations[p.name]) for p in plan.populations]
        self.runs, self.several = len(self.seeds), engine.seeds is not None
        self.synapses = [(Synapses if q.plastic is None else PlasticSynapses)(q, self) for q in plan.deliveries]
        shown = [c.shown for c in self.cells]
        self.couplings = [TorchCoupling(c, shown, self.dtype, self.device, exact=False) for c in plan.couplings]
        self._learn([s.group for s in self.synapses if s.q.plastic is not None], state)
        self.rows_given = {c.key: 0 for c in channels}
        self.recorded = {c.key: [] for c in channels}

    def spike_count(self, population):
        return self.cells[population].fired.cpu().numpy().copy()

    def restart(self):
        self.rows_given = dict.fromkeys(self.rows_given, 0)

    def set_input(self, control, value):
        found = [s for c in self.cells if not c.plan.replayed for of_run in c.sources for s in of_run]
        return inputs.control(found, control, value)

    def _advance(self, stop):
        with torch.no_grad(), denormals_flushed():
            while self.step < stop:
                for s in self.synapses:
                    s.deliver(self.step)
                for c in self.couplings:
                    self._couple(c, self.step)
                for c in self.cells:
                    c.advance(self.step)
                self._record(self.step)
                self.step += 1
        self._check_numbers()

    def _check_numbers(self):
        """RunError where a state became NaN: the first step, of it the first population, of it the first neuron."""
        found = [(*divmod(at, c.n), c) for c in self.cells if (at := int(c.first_nan)) >= 0]
        if found:
            k, neuron, cells = min(found, key=lambda one: one[0])
            raise not_a_number(cells.plan.name, neuron, k, self.plan.dt)

    def _couple(self, coupling, k):
        c = coupling.c
        for port, amount in coupling.sums(k):
            ring = self.cells[c.post].rings[port]
            ring[k % len(ring), :, c.post_offset : c.post_offset + c.n_post] += amount

    def _record(self, k):
        for c in self.channels:
            if c.key[0] == "spikes":
                self.recorded[c.key].append((k, self.cells[self.plan.index[c.population]].spikes_of(k)))
            elif c.key[0] == "traces" and (k + 1) % c.every_steps == 0:
                self.recorded[c.key].append(
                    self.cells[self.plan.index[c.population]].value(c.variable)[
                        :, torch.tensor(c.ids, device=self.device)
                    ]
                )

    def drain(self, *sinks):
        """Hand over what was recorded; run b goes to ``sinks[b]``."""
        for c in self.channels:
            rows = self.recorded.get(c.key, [])
            if c.key[0] == "spikes" and rows:
                steps = torch.cat([torch.full((len(at),), k, device=self.device) for k, at in rows]).cpu().numpy()
                run, ids = torch.cat([at for _, at in rows]).T.cpu().numpy()
                for b, sink in enumerate(sinks):
                    sink.spikes(c.population, steps[run == b], ids[run == b])
            elif c.key[0] == "traces":
                data = torch.stack(rows).cpu().numpy() if rows else np.zeros((0, len(sinks), c.width))
                for b, sink in enumerate(sinks):
                    sink.trace(c, self.rows_given[c.key], data[:, b])
                self.rows_given[c.key] += len(rows)
        self.recorded = {c.key: [] for c in self.channels}
        for sink in sinks:
            sink.commit(self.step)

    def state(self, run=0):
        """Checkpoint of one run as it is now."""
        populations = {c.plan.name: c.snapshot(self.step, run) for c in self.cells}
        return RunState(self.step, self.plan.summary(), populations, self.projection_states(run))


class _Cells:
    """One population: states [B, n], rings of inputs [depth, B, n] (slot = step mod depth), spikes of recent steps
    [m, 2]."""

    def __init__(self, p, session, saved):
        self.plan, self.session, self.n, self.B = p, session, p.n, len(session.seeds)
        self.options = {"device": session.device, "dtype": session.dtype}
        self.dt = torch.tensor(session.plan.dt, **self.options)
        self.rings = [torch.zeros(depth, self.B, p.n, **self.options) for depth in p.rings]
        self.recent, self.arrived = {}, {}
        self.fired = torch.zeros(self.B, dtype=torch.int64, device=session.device)
        # step * n + neuron, so that nothing waits for the device within a block
        self.first_nan = torch.tensor(-1, device=session.device)
        if p.replayed:
            self.schedule = p.model.schedule(session.plan.dt)
        else:
            self.model = p.model.bind(p.n, session.dtype, session.device)
            self.sources = [inputs.sources(p, session.plan, seed) for seed in session.seeds]
            rest = self.model.rest()
            self.state = type(rest)(*(self._initial(name, value) for name, value in rest._asdict().items()))
        if saved is not None:
            self._restore(saved, session.step)
        self.shown = Shown(self._values(), p.shown) if p.shows else None
        if p.shows and saved is not None:
            self.shown.restore({k: v[:, None] for k, v in saved.shown.items()}, session.step)

    def _values(self):
        shown = values_of(self.model, self.state, self.plan.shows)
        return {k: torch.as_tensor(v, **self.options).expand(self.B, self.n) for k, v in shown.items()}

    def _initial(self, name, rest):
        spec = self.plan.init.get(name)
        if spec is None:
            return torch.as_tensor(rest, **self.options).expand(self.B, self.n).clone()
        rows = [
            values(spec, self.n, stream(seed, self.plan.name, "init", name), name=f"init[{name!r}]")
            for seed in self.session.seeds
        ]
        return torch.stack([torch.as_tensor(np.broadcast_to(r, self.n).copy(), **self.options) for r in rows])

    def advance(self, k):
        if self.plan.replayed:
            steps, ids = self.schedule
            ids = torch.as_tensor(
                ids[np.searchsorted(steps, k) : np.searchsorted(steps, k + 1)], device=self.session.device
            )
            fired = torch.cat([torch.stack([torch.full_like(ids, b), ids], 1) for b in range(self.B)])
        else:
            self.state, z = step(self.model, self.state, self._ports(k), self.dt, heaviside)
            fired = (
                torch.zeros(0, 2, dtype=torch.int64, device=self.session.device)
                if z is None
                else torch.nonzero(z.expand(self.B, self.n))
            )
            nan = functools.reduce(torch.logical_or, map(torch.isnan, self.state)).expand(self.B, self.n).any(0)
            at = k * self.n + nan.byte().argmax()
            self.first_nan = torch.where((self.first_nan < 0) & nan.any(), at, self.first_nan)
            if self.shown is not None:
                self.shown.put(self._values(), k)
        self.recent[k], self.latest = fired, k
        self.fired += torch.bincount(fired[:, 0], minlength=self.B)
        self.recent.pop(k - self.plan.depth, None)
        for ring in self.rings:
            ring[k % len(ring)] = 0.0

    def _ports(self, k):
        zero = torch.zeros(self.B, self.n, **self.options)
        x = dict.fromkeys(self.model.Ports._fields, zero)
        x.update((port, ring[k % len(ring)].clone()) for port, ring in zip(self.plan.ports, self.rings, strict=True))
        for of_runs in zip(*self.sources, strict=True):
            arriving = [inputs.arrive(s, k, self.n, **self.options).expand(self.n) for s in of_runs]
            x[of_runs[0].port] = x[of_runs[0].port] + torch.stack(arriving)
        self.arrived = x
        return self.model.Ports(**x)

    def spikes_of(self, k):
        """Pairs (run, neuron) that fired in step ``k``, sorted."""
        return self.recent.get(k, torch.zeros(0, 2, dtype=torch.int64, device=self.session.device))

    def value(self, variable):
        if variable.startswith("mean."):
            return self.shown.get(variable[5:], self.latest).mean(-1, keepdim=True)
        value = self.arrived[variable[2:]] if variable.startswith("x.") else getattr(self.state, variable)
        return value.expand(self.B, self.n).clone()

    def snapshot(self, step_now, run):
        values_now = (
            {}
            if self.plan.replayed
            else {k: v.expand(self.B, self.n)[run].cpu().numpy().copy() for k, v in self.state._asdict().items()}
        )
        rings = {
            port: np.roll(ring[:, run].cpu().numpy(), -(step_now % len(ring)), axis=0)
            for port, ring in zip(self.plan.ports, self.rings, strict=True)
        }
        recent = {k: at[at[:, 0] == run, 1].cpu().numpy() for k, at in self.recent.items()}
        shown = {} if self.shown is None else self.shown.snapshot(step_now, (run,))
        return PopulationState(values_now, rings, *in_flight(recent, step_now, self.plan.depth), shown=shown)

    def _restore(self, saved, now):
        for port, ring in zip(self.plan.ports, self.rings, strict=True):
            if port in saved.inputs:
                ring[:, 0] = torch.as_tensor(np.roll(saved.inputs[port], now % len(ring), axis=0), **self.options)
        for k in np.unique(saved.spike_steps):
            ids = torch.as_tensor(saved.spike_ids[saved.spike_steps == k], device=self.session.device)
            self.recent[int(k)] = torch.stack([torch.zeros_like(ids), ids], 1)
        if not self.plan.replayed:
            values_then = saved.awake(self.plan.model, self.n, self.session.plan.dt).values
            self.state = self.state._replace(
                **{
                    k: torch.as_tensor(v, **self.options)[None]
                    for k, v in values_then.items()
                    if k in self.state._fields
                }
            )
