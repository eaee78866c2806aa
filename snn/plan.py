"""From a description to arrays: all checks of a run happen here, before any loop.

What it is
    :func:`make_plan` builds the connections of every projection, turns delays into whole steps, draws weights and
    initial values, and decides for every population whether it is stepped or skipped over silence. Engines read the
    plan and nothing else, so that all of them run the same network.

When a spike arrives
    A spike found in step k arrives in step k + delay (delay >= 1 step). Projections with one delay deliver on arrival;
    projections with a delay per synapse deliver on emission into a ring. Within one input of one neuron the order of
    additions is fixed: first what was delivered on emission, by (step of emission, projection, source, synapse), then
    what is delivered on arrival, by (projection, source, synapse), then each coupling's sum, then the drives in the
    order in which they were attached.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from snn.csr import Block
from snn.delays import delay_steps, ordered
from snn.distributions import values
from snn.errors import NetworkError, RunError
from snn.plan_coupling import coupling_plan
from snn.plan_plastic import groups, plastic_plan
from snn.plan_population import check_dt, population_plan
from snn.random import stream


@dataclass(frozen=True, eq=False)
class ProjectionPlan:
    """One projection ready to run.

    ``csr``: rows are sources (numbers within the slice), entries targets (within the slice); ``weight`` and ``delay``
    (whole steps) are scalars, or arrays in the order of the rows. ``pre`` and ``post`` are indices of populations.
    ``plastic``: its rules (a :class:`snn.plan_plastic.PlasticPlan`) or None; ``parts``: then its groups of one delay.
    """

    name: str
    pre: int
    post: int
    pre_offset: int
    n_pre: int
    post_offset: int
    n_post: int
    port: int
    csr: object
    weight: object
    delay: object
    plastic: object = None
    parts: tuple = ()

    @property
    def on_arrival(self):
        return np.ndim(self.delay) == 0

    @property
    def nbytes(self):
        return sum(np.asarray(x).nbytes for x in (self.csr.indptr, self.csr.targets, self.weight, self.delay))


@dataclass(frozen=True, eq=False)
class Plan:
    """A network as arrays for one dt, seed and precision. ``repr`` says how each population is advanced."""

    name: str
    dt: float
    seed: int
    dtype: str
    populations: tuple
    projections: tuple
    index: dict = field(default_factory=dict)
    couplings: tuple = ()

    @property
    def deliveries(self):
        """Projections, plastic ones as groups, in the order in which they add to inputs: on emission, on arrival."""
        return sorted((d for p in self.projections for d in p.parts or (p,)), key=lambda d: d.on_arrival)

    @property
    def n_neurons(self):
        return sum(p.n for p in self.populations)

    @property
    def n_synapses(self):
        return sum(p.csr.n_synapses for p in self.projections) + sum(c.n_synapses for c in self.couplings)

    @property
    def nbytes(self):
        """Bytes of all connections."""
        return sum(p.nbytes for p in (*self.projections, *self.couplings))

    def population(self, name):
        if name not in self.index:
            raise RunError(f"record: no population named {name!r}. The network has: {', '.join(self.index)}.")
        return self.populations[self.index[name]]

    def projection(self, name):
        for p in self.projections:
            if p.name == name:
                return p
        known = ", ".join(p.name for p in self.projections) or "none"
        raise RunError(f"record: no projection named {name!r}. The network has: {known}.")

    def summary(self):
        """JSON-able description, kept in archives and compared when a run is continued."""
        return {
            "name": self.name,
            "dt": self.dt,
            "seed": self.seed,
            "dtype": self.dtype,
            "populations": {p.name: {"model": type(p.model).__name__, "n": p.n} for p in self.populations},
            "projections": {
                p.name: {
                    "pre": self.populations[p.pre].name,
                    "post": self.populations[p.post].name,
                    "port": self.populations[p.post].ports[p.port],
                    "synapses": p.csr.n_synapses,
                    "delay": [int(np.min(p.delay)), int(np.max(p.delay))] if np.size(p.delay) else [],
                    **({} if p.plastic is None else {"plasticity": _learning(p)}),
                }
                for p in self.projections
            }
            | {c.name: self._coupling(c) for c in self.couplings},
        }

    def _coupling(self, c):
        ports = self.populations[c.post].ports
        return {
            "pre": self.populations[c.pre].name,
            "post": self.populations[c.post].name,
            "graded": {ports[port]: name for port, name in c.values},
            "synapses": c.n_synapses,
            "delay": [int(np.min(c.delay)), int(np.max(c.delay))] if np.size(c.delay) else [],
        }

    def __repr__(self):
        lines = [
            f"Plan({self.name!r}: dt {self.dt:g} ms, {self.dtype}, {self.n_neurons} neurons, {self.n_synapses} "
            "synapses, "
            f"{self.nbytes / 1e6:.1f} MB)"
        ]
        for p in self.populations:
            lines.append(f"  {p.name}: {p.n} {type(p.model).__name__}, {p.why}")
        for p in self.projections:
            how = (
                f"delay {p.delay * self.dt:g} ms, delivered on arrival"
                if p.on_arrival
                else (
                    f"delays {p.delay.min() * self.dt:g} to {p.delay.max() * self.dt:g} ms, delivered on emission"
                    if len(p.delay)
                    else "no synapses"
                )
            )
            lines.append(f"  {p.name}: {p.csr.n_synapses} synapses, {how}")
        for c in self.couplings:
            lines.append(f"  {c.name}: " + (
                "all to all, one sum for everybody" if c.csr is None else f"{c.n_synapses} graded connections"))
        return "\n".join(lines)


def _learning(p):
    """The rules of a plastic projection and the shortest and longest dendritic part, in steps."""
    parts = [part.plastic.dendritic for part in p.parts]
    return {"rules": p.plastic.summary(), "dendritic": [min(parts), max(parts)]}


def make_plan(net, dt, *, seed=0, dtype="float64", stepped=(), shown=None):
    """Check a network and turn it into a :class:`Plan`.

    Parameters: ``dt`` ms; ``seed`` int; ``dtype`` "float64" or "float32" of weights and states; ``stepped``: names of
    populations that must be advanced in every step (because their states are recorded); ``shown``: {population: names
    of graded values that are recorded}.
    Errors: NetworkError, RunError, ModelError; all of them before anything runs.
    """
    if not net.populations:
        raise NetworkError(f"Network.{net.name}: has no population. Add at least one before simulating.")
    for p in net.populations.values():
        check_dt(p, dt)
    index = {name: k for k, name in enumerate(net.populations)}
    ports = {name: _ports(net, name) for name in index}
    projections = tuple(_projection(q, index, ports, dt, seed, dtype) for q in net.projections.values())
    couplings = tuple(coupling_plan(c, index, ports, dt, seed, dtype) for c in net.couplings.values())
    populations = tuple(
        population_plan(p, k, net, ports[p.name], projections, couplings, dt, seed, stepped, (shown or {}).get(p.name))
        for k, p in enumerate(net.populations.values())
    )
    return Plan(net.name, float(dt), int(seed), dtype, populations, projections, index, couplings)


def _ports(net, name):
    """Names of the inputs of a population that synapses and couplings use, in order."""
    spikes = [q.port for q in net.projections.values() if q.post.population.name == name]
    graded = [port for c in net.couplings.values() if c.post.population.name == name for port in c.values]
    return tuple(dict.fromkeys(spikes + graded))


def _projection(q, index, ports, dt, seed, dtype):
    pre, post = q.pre.population, q.post.population
    where = f"Projection.{q.name}"
    block = Block(q.pre.start, len(q.pre), q.post.start, len(q.post), pre is post)
    positions = None
    if pre.positions is not None and post.positions is not None:
        positions = (pre.positions[q.pre.start : q.pre.stop], post.positions[q.post.start : q.post.stop])
    csr = q.rule.build(block, stream(seed, q.name, "connections"), positions=positions)
    n = csr.n_synapses
    if q.weight is None and csr.values is None:
        raise NetworkError(
            f"{where}.weight: missing. {type(q.rule).__name__} carries no weights; give a number, an array or a "
            "distribution."
        )
    if q.weight is None:
        weight = np.asarray(csr.values, dtype)
    else:
        weight = ordered(values(q.weight, n, stream(seed, q.name, "weight"), name=f"{where}.weight", dtype=dtype), csr)
    delay = delay_steps(q.delay, csr, dt, stream(seed, q.name, "delay"), f"{where}.delay", rounding=q.round_delays)
    k, j = index[pre.name], index[post.name]
    sides = (q.pre.start, len(q.pre), q.post.start, len(q.post))
    plan = ProjectionPlan(q.name, k, j, *sides, ports[post.name].index(q.port), csr, weight, delay)
    if q.plasticity is None:
        return plan
    # Its own copy, which an engine takes over: these weights change.
    plan = replace(plan, weight=np.array(weight)) if np.ndim(weight) else plan
    plan = replace(plan, plastic=plastic_plan(q, plan, dt, stream(seed, q.name, "rewire")))
    return replace(plan, parts=tuple(groups(plan, q.plasticity.dendritic is not None)))
