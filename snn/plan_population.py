"""A population ready to run: its inputs, what it shows, how long both are held, whether silence may be skipped."""
from dataclasses import dataclass

import numpy as np

from snn.contract import steps_of
from snn.distributions import values
from snn.errors import NetworkError, RunError
from snn.random import stream
from snn.silence import silence

MAX_RING_BYTES = 4 << 30


@dataclass(frozen=True, eq=False)
class PopulationPlan:
    """One population ready to run.

    ``ports``: names of the inputs that synapses use, in order; ``rings``: steps that each of them must be held;
    ``depth``: steps that its own spikes must be held; ``drives``: [(port, source)]; ``init``: {state: number, array
    or distribution} as described, ``initial`` the same as numbers;
    ``quiet_steps``: steps after a spike during which it must be stepped, or None where silence is not skipped;
    ``why``: a phrase. ``shows``: names of graded values that others feel or that are recorded, each kept for ``shown``
    steps.
    """

    name: str
    model: object
    n: int
    ports: tuple
    rings: tuple
    depth: int
    drives: tuple
    init: dict
    initial: dict
    quiet_steps: object
    why: str
    shows: tuple = ()
    shown: int = 2

    @property
    def replayed(self):
        return hasattr(self.model, "schedule")


def check_dt(population, dt):
    limit = getattr(population.model, "max_dt", lambda: None)()
    if limit is not None and dt > limit * (1 + 1e-9):
        raise RunError(
            f"simulate.dt: {dt:g} ms is too large for population {population.name!r} "
            f"({type(population.model).__name__}). "
            f"A stable step is at most {limit:g} ms."
        )


def population_plan(p, k, net, ports, projections, couplings, dt, seed, stepped, recorded):
    """Population ``k`` of the network ready to run; ``recorded``: names of graded values that are recorded of it."""
    shows = _shows(k, couplings, recorded or ())
    deliveries = [d for q in projections for d in q.parts or (q,)]
    incoming = [q for q in deliveries if q.post == k]
    outgoing = [q for q in deliveries if q.pre == k]
    backwards = [1 + q.plastic.back for q in incoming if q.plastic is not None]
    if any(q.plastic.reads for q in incoming if q.plastic is not None):
        stepped = {*stepped, p.name}
    rings = tuple(
        max([1] + [int(np.max(q.delay)) for q in incoming if q.port == j and not q.on_arrival and len(q.delay)])
        for j in range(len(ports))
    )
    depth = max([2] + [1 + q.delay for q in outgoing if q.on_arrival] + backwards)
    _check_ring(p, max(depth, *rings, 1))
    drives = tuple((d.port, d.source) for d in net.drives if d.population is p)
    for _, source in drives:
        if getattr(source, "interval", None) is not None:
            if steps_of(source.interval, dt, f"CurrentInput.interval of {p.name!r}") < 1:
                raise NetworkError(
                    f"CurrentInput.interval of {p.name!r}: is below one step ({source.interval:g} ms). Use at least "
                    f"dt = {dt:g} ms."
                )
    initial = {
        s: values(v, p.n, stream(seed, p.name, "init", s), name=f"Population.{p.name}.init[{s!r}]")
        for s, v in p.init.items()
    }
    quiet_steps, why = _pace(p, dt, ports, drives, stepped, shows, any(c.post == k for c in couplings))
    shown = 1 + max([c.longest for c in couplings if c.pre == k], default=1)
    _check_ring(p, 2 * shown * len(shows))
    return PopulationPlan(
        p.name, p.model, p.n, ports, rings, depth, drives, p.init, initial, quiet_steps, why, shows, shown
    )


def _pace(p, dt, ports, drives, stepped, shows, felt):
    """``(quiet_steps, why)`` of a population; ``felt``: something graded arrives at it."""
    if hasattr(p.model, "schedule"):
        return None, "replayed from given spikes"
    if felt:
        return None, "stepped: feels what others show at all times"
    return silence(p, dt, ports, drives, stepped, shows)


def _shows(k, couplings, recorded):
    """Names of what population ``k`` shows."""
    felt = [name for c in couplings if k == c.pre or (k == c.post and c.total is not None) for name in c.names]
    return tuple(dict.fromkeys([*felt, *recorded]))


def _check_ring(p, rows):
    if rows * p.n * 8 > MAX_RING_BYTES:
        raise NetworkError(
            f"Population.{p.name}: delays of {rows} steps for {p.n} neurons need {rows * p.n * 8 / 1e9:.1f} GB. "
            f"At most {MAX_RING_BYTES / 1e9:.1f} GB is allowed: shorten the delays or raise dt."
        )
