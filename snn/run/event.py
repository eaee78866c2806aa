"""The event-driven engine: a compiled program per network, one compiled call per block of steps.

What it is
    :class:`EventDriven` turns a plan into a program of kernels (``snn.run.loops``, ``snn.run.ir``) over arrays that
    stay where they are. In every step each part (thread) first delivers spikes to its own neurons, then advances
    them, then records; the cost of a step is that of the spikes that arrive plus one pass over the neurons that are
    not silent.

Threads
    A part owns whole chunks of neurons and is the only one to write there; sums are made in an order fixed by the
    plan. The result is therefore the same for any number of threads, and the number is chosen from the work per step.
"""

import ctypes
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from snn.errors import RunError
from snn.exact import exact_math
from snn.run import loops, native
from snn.run.cells import PopulationCells
from snn.run.couplings import coupling
from snn.run.means import make_recorders
from snn.run.plastic_cells import CompiledGroup
from snn.run.session import Session, not_a_number
from snn.run.state import RunState
from snn.run.synapses import delivery

NEVER = np.iinfo(np.int64).max
WORK_PER_THREAD = 20_000.0
"""ns of work per step from which another thread pays for its barrier."""


@dataclass(frozen=True, kw_only=True)
class EventDriven:
    """The default engine of :func:`snn.simulate`: event-driven, compiled, on the CPU.

    Parameters
        threads  number of threads, None: chosen from the work per step (at most the processors given to this process)
        dtype    "float64" (results equal the reference's bit for bit) or "float32" (twice as fast, half the memory)

    Errors: RunError for other values. Example: ``snn.simulate(net, 1000.0, engine=snn.EventDriven(threads=1,
    dtype="float32"))``
    """

    threads: int | None = None
    dtype: str = "float64"

    def __post_init__(self):
        if self.dtype not in ("float32", "float64"):
            raise RunError(f"EventDriven.dtype: is {self.dtype!r}. Allowed: 'float64', 'float32'.")
        if self.threads is not None and not is_count(self.threads, 256):
            raise RunError(
                f"EventDriven.threads: is {self.threads!r}. A number from 1 to 256, or None to choose, is allowed."
            )

    def start(self, plan, channels, state=None):
        """A session that can be advanced; see :class:`EventSession`."""
        return EventSession(plan, channels, int(self.threads or choose_threads(plan)), state)


def is_count(value, most):
    """Whether ``value`` is a whole number (of Python or numpy, not a truth value) from 1 to ``most``."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and 1 <= value <= most


def choose_threads(plan):
    """Threads worth their barrier: from neurons, synapses at an assumed 10 Hz and graded connections, which are read in
    every step; one per ``WORK_PER_THREAD`` ns of a step."""
    spikes = sum(p.csr.n_synapses for p in plan.projections) * 10.0 * plan.dt * 1e-3
    graded = sum(c.n_synapses for c in plan.couplings if c.csr is not None)
    work = 1.5 * plan.n_neurons + 1.5 * spikes + 0.7 * graded
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(max(1, min(available, work // WORK_PER_THREAD)))


class EventSession(Session):
    """A plan as a program over arrays that stay where they are; a full recording buffer ends a block early."""

    exact = exact_math

    def __init__(self, plan, channels, threads, state):
        super().__init__(plan, channels, state)
        self.threads = threads
        self.sync = np.zeros(loops.SyncWords.SIZE, np.int64)
        self.sync[loops.SyncWords.PARTS] = threads
        self.sync[loops.SyncWords.YIELD] = _yield_address()
        kept = _kept_states(plan, channels)
        saved = {} if state is None else state.populations
        stop_cell = self.sync[loops.SyncWords.STOP :]
        self.cells = [
            PopulationCells(p, plan, threads, kept[p.name], stop_cell, saved.get(p.name)) for p in plan.populations
        ]
        if state is not None:
            for cells in self.cells:
                cells.restore(state.populations[cells.plan.name], self.step, plan.dt)
        for cells in self.cells:
            cells.show({} if state is None else state.populations[cells.plan.name].shown, self.step)
        self.groups, kernels = [], []
        for q in plan.deliveries:
            kernels += self._synapses(q, stop_cell)
        kernels += [coupling(c, self.cells[c.pre], self.cells[c.post]) for c in plan.couplings]
        self._learn(self.groups, state)
        kernels += [c.kernel() for c in self.cells]
        sources = {p.source for p in self.plastic.values() if p.source is not None}
        kernels += [self.cells[k].counter() for k in sources]
        self.recorders = make_recorders(plan, channels, self.cells, threads, stop_cell, self.step)
        kernels += [r.kernel() for r in self.recorders]
        self._kernels = kernels
        self.program = np.array([[address, words.address] for address, words in kernels], np.int64)
        kind = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, *[ctypes.c_int64] * 4, ctypes.c_void_p)
        self._run = kind(native.address(*loops.time_loop(native.is_x86())))
        self._pool = ThreadPoolExecutor(threads - 1) if threads > 1 else None

    @property
    def max_steps(self):
        """Most steps that one block may have, from the space of the trace buffers."""
        return min([r.max_steps for r in self.recorders] + [1 << 20])

    def _synapses(self, q, stop_cell):
        """The kernels of a delivery: of a static projection, or of a plastic group."""
        if q.plastic is None:
            return [delivery(q, self.cells[q.pre], self.cells[q.post], self.threads)]
        self.groups.append(CompiledGroup(q, self.plan, self.cells, self.threads, self.step))
        return self.groups[-1].kernels(stop_cell)

    def spike_count(self, population):
        fired = getattr(self.cells[population], "fired", None)
        return np.array([0 if fired is None else fired.sum()])

    def forgotten(self, population):
        cells = self.cells[self.plan.index[population]]
        kept = {*cells.traced.live, *cells.traced.constant}
        return tuple(name for name in cells.plan.model.State._fields if name not in kept)

    def restart(self):
        for r in self.recorders:
            r.rows_given = 0

    def set_input(self, control, value):
        return any([c.set_input(control, value) for c in self.cells])

    def _advance(self, stop):
        stop = min(stop, self.step + self.max_steps)
        self.sync[loops.SyncWords.COUNTER] = 0
        self.sync[loops.SyncWords.STOP] = NEVER
        for part in (*self.cells, *self.recorders):
            part.prepare(self.step, stop)
        arguments = (self.program.ctypes.data, len(self.program), self.step, stop)
        others = [
            self._pool.submit(self._run, *arguments, part, self.sync.ctypes.data) for part in range(1, self.threads)
        ]
        reached = self._run(*arguments, 0, self.sync.ctypes.data)
        for other in others:
            other.result()
        self.step = reached
        for cells in self.cells:
            if cells.first_nan() is not None:
                raise not_a_number(cells.plan.name, cells.first_nan(), reached - 1, self.plan.dt)
        for g in self.groups:
            g.collect(reached)

    def drain(self, sink):
        for r in self.recorders:
            r.drain(sink, self.step)
        sink.commit(self.step)

    def state(self):
        """Checkpoint of the run as it is now."""
        populations = {c.plan.name: c.snapshot(self.step) for c in self.cells}
        return RunState(self.step, self.plan.summary(), populations, self.projection_states())

    def close(self):
        super().close()
        if self._pool is not None:
            self._pool.shutdown()


def _kept_states(plan, channels):
    """{population: names of states and ports whose values must be in memory because they are recorded}."""
    kept = {p.name: [] for p in plan.populations}
    for c in channels:
        if c.key[0] == "traces" and not c.variable.startswith("mean."):
            kept[c.population].append(c.variable)
    for q in plan.projections:
        if q.plastic is not None:
            kept[plan.populations[q.post].name] += q.plastic.reads
    return kept


def _yield_address():
    """Address of the C library's sched_yield, or 0 where there is none."""
    if sys.platform == "win32":
        return 0
    return ctypes.cast(ctypes.CDLL(None).sched_yield, ctypes.c_void_p).value
