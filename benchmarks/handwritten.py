"""``python -m benchmarks handwritten``: the kernels made from the contract beside hand-specialised numba ones.

What it is
    A yardstick for what the generality of our engine costs. ``benchmarks.handwritten_kernels`` holds three time loops
    written for one network each, in single precision and for one thread. Both sides run the same connections from the
    same initial state; the runs are interleaved, and the medians of the wall times of the time loops are compared.
    No figure is printed unless the rates after the warm-up agree.
"""
import dataclasses
import statistics
import time

import numpy as np

import snn
from benchmarks.handwritten_kernels import WORD, Brunel, Coba, Cuba, run_brunel, run_coba, run_cuba
from benchmarks.networks import network
from benchmarks.output import emit
from benchmarks.physics import PHYSICS
from snn.neurons.cuba_lif import psp
from snn.plan import make_plan
from snn.random import step_keys, stream
from snn.run.vectors import poisson_table, signed

DT = 0.1
WARM = 1000
TOLERANCE = 0.03
LENGTHS = {"cuba": {4000: 10000, 64000: 10000}, "coba": {4000: 10000, 64000: 2000}, "brunel": {12500: 5000}}
"""Steps that are timed, by model and number of neurons, after WARM steps of warm-up."""
STATES = {"cuba": ("v", "i_exc", "i_inh"), "coba": ("v", "g_exc", "g_inh"), "brunel": ("v", "arriving")}
COLUMNS = ("model", "n", "ours_s", "hand_s", "ratio", "ours_hz", "hand_hz", "red")


@dataclasses.dataclass
class Hand:
    """A network as the hand-written loops take it, at step ``step``.

    ``potential``, ``inputs`` (what synapses add to), ``flags`` (who fired): per neuron; ``ids`` (depth, n),
    ``counts`` (depth): recent spikes; ``rows``: connections; ``keys``: stream of the external input.
    """

    loop: object
    constants: tuple
    rows: tuple
    potential: np.ndarray
    inputs: tuple
    flags: np.ndarray
    ids: np.ndarray
    counts: np.ndarray
    step: int = 0
    keys: object = None

    def copy(self):
        """The same, with a state of its own."""
        own = {name: getattr(self, name).copy() for name in ("potential", "flags", "ids", "counts")}
        return dataclasses.replace(self, inputs=tuple(x.copy() for x in self.inputs), **own)

    def advance(self, steps):
        """Run ``steps`` steps; returns the number of spikes."""
        keys = () if self.keys is None else step_keys(self.keys, np.arange(self.step, self.step + steps))
        found = self.loop(self.step, steps, self.constants, self.rows, self.potential, self.inputs, self.flags,
                          self.flags.view(np.uint64), self.ids, self.counts, *keys)
        self.step += steps
        return found


def hand(model, plan, p):
    """The hand-written side of the plan of network ``model``; ``p``: its numbers, of ``benchmarks.physics``."""
    population, size = plan.populations[0], -(-p.n // WORD) * WORD
    potential, *inputs = (_start(population, name) for name in STATES[model])
    rows = tuple(x for q in plan.projections for x in (q.csr.indptr, q.csr.targets))
    loop, constants = {"cuba": _cuba, "coba": _coba, "brunel": _brunel}[model](p)
    keys = stream(plan.seed, population.name, "drive", 0) if model == "brunel" else None
    depth = max(constants.delay, constants.hold) + 1
    return Hand(loop, constants, rows, potential, tuple(inputs), np.zeros(size, np.uint8),
                np.zeros((depth, p.n), np.int32), np.zeros(depth, np.int64), keys=keys)


def _start(population, name):
    """Initial values of a state, 0 where none are given, in an array of their own."""
    return np.full(population.n, population.initial.get(name, 0.0), np.float32)


def _common(p):
    return {"n_exc": p.n_exc, "delay": round(p.delay / DT), "hold": round(p.t_ref / DT) + 1,
            "v_th": p.V_th, "v_reset": p.V_reset}


def _single(kind, **values):
    return kind(**{k: v if isinstance(v, int) else np.float32(v) for k, v in values.items()})


def _cuba(p):
    import torch
    dt, decay, to_pa = torch.tensor(DT, dtype=torch.float64), np.exp(-DT / p.tau_m), p.C_m / p.tau_m
    from_exc, from_inh = (float(psp(dt, p.tau_m, tau, p.C_m)) for tau in (p.tau_exc, p.tau_inh))
    return run_cuba, _single(Cuba, **_common(p), decay=decay, pull=p.E_L * (1 - decay), from_exc=from_exc,
                             from_inh=from_inh, decay_exc=np.exp(-DT / p.tau_exc), decay_inh=np.exp(-DT / p.tau_inh),
                             w_exc=p.w_exc * to_pa, w_inh=p.w_inh * to_pa)


def _coba(p):
    mean_exc, mean_inh = (-np.expm1(-DT / tau) * tau / DT for tau in (p.tau_exc, p.tau_inh))
    return run_coba, _single(Coba, **_common(p), g_leak=p.g_L, drive=p.g_L * p.E_L, e_exc=p.E_exc, e_inh=p.E_inh,
                             mean_exc=mean_exc, mean_inh=mean_inh, rate=DT / p.C_m, decay_exc=np.exp(-DT / p.tau_exc),
                             decay_inh=np.exp(-DT / p.tau_inh), w_exc=p.w_exc, w_inh=p.w_inh)


def _brunel(p):
    lowest, limits = poisson_table(p.rate * DT * 1e-3)
    if lowest:
        raise ValueError(f"handwritten.rate: {p.rate:g} Hz has a smallest count of {lowest}. The kernel counts from 0.")
    decay = np.exp(-DT / p.tau_m)
    constants = _single(Brunel, **_common(p), decay=decay, pull=p.E_L * (1 - decay), w_exc=p.w_exc, w_inh=p.w_inh,
                        limits=0)
    return run_brunel, constants._replace(limits=signed(limits))


class Ours:
    """The event-driven engine on one thread, single precision, nothing recorded."""

    def __init__(self, plan):
        self.plan, self.engine = plan, snn.EventDriven(threads=1, dtype="float32")
        session = self.engine.start(plan, [])
        session.advance(WARM)
        self.warm = session.state()

    def session(self):
        return self.engine.start(self.plan, [], self.warm)

    def count(self, steps):
        """Spikes of ``steps`` steps after the warm-up."""
        session, total = self.session(), 0
        cells = session.cells[0]
        for step in range(WARM, WARM + steps):
            session.advance(step + 1)
            total += int(cells.counts[step % len(cells.counts)].sum())
        return total


def compare(model, n, *, repeat=5, steps=None, seed=2, change=None):
    """One row: median seconds of either side and their ratio, or ``red`` with the reason why there is none.

    ``change`` {constant: value} of the hand-written side, to see that a wrong kernel is refused.
    """
    steps = steps or next((s for size, s in LENGTHS[model].items() if n <= size), list(LENGTHS[model].values())[-1])
    plan = make_plan(network(model, n), DT, seed=seed, dtype="float32")
    ours, theirs = Ours(plan), hand(model, plan, PHYSICS[model](n))
    if change:
        theirs.constants = theirs.constants._replace(**change)
    theirs.advance(WARM)
    hz = [spikes / n / (steps * DT) * 1000.0 for spikes in (ours.count(steps), theirs.copy().advance(steps))]
    row = {"model": model, "n": n, "ours_hz": hz[0], "hand_hz": hz[1]}
    if not hz[0] > 0 or abs(hz[0] - hz[1]) > TOLERANCE * hz[0]:
        return {"model": model, "n": n, "red": f"rates differ: {hz[0]:.3f} Hz and {hz[1]:.3f} Hz by hand"}
    times = [], []
    for _ in range(repeat):
        session, copy = ours.session(), theirs.copy()
        for side, advance in zip(times, (lambda s=session: s.advance(WARM + steps), lambda c=copy: c.advance(steps)),
                                 strict=True):
            start = time.perf_counter()
            advance()
            side.append(time.perf_counter() - start)
    medians = [statistics.median(side) for side in times]
    return {**row, "ours_s": medians[0], "hand_s": medians[1], "ratio": medians[0] / medians[1]}


def add_arguments(parser):
    parser.add_argument("--only", choices=sorted(LENGTHS), help="one network")
    parser.add_argument("--n", type=int, help="one size instead of the listed ones")
    parser.add_argument("--repeat", type=int, default=5, help="runs of either side")
    parser.add_argument("--seed", type=int, default=2, help="of the network (some COBA networks fall silent)")
    parser.add_argument("--json", action="store_true", help="one JSON object per row")


def main(options):
    rows = [compare(model, n, repeat=options.repeat, seed=options.seed)
            for model in ([options.only] if options.only else LENGTHS)
            for n in ([options.n] if options.n else LENGTHS[model])]
    emit(rows, COLUMNS, as_json=options.json)
    return int(any("red" in row for row in rows))
