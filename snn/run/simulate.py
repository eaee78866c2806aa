"""One entry for all engines: check, plan, run in blocks, record, return a Result.

The run advances in blocks that take about a fifth of a second; after each block what was recorded goes to the sink, the
progress bar moves (only when a person is watching) and Ctrl-C is looked at. Nothing of the result depends on the
blocks.
"""

import contextlib
import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from numbers import Integral, Real

import numpy as np

from snn.errors import RunError
from snn.interrupt import Interrupt
from snn.plan import make_plan
from snn.record import RecordMean, RecordPlasticity, RecordSpikes, RecordState, RecordWeights
from snn.run.between import samples
from snn.run.event import EventDriven
from snn.run.gates import Gate, engine_channels, with_gates
from snn.run.outputs import checkpoint_path, meta_of, sinks_of
from snn.run.requests import channel_of, means
from snn.run.state import RunState, save

BLOCK_SECONDS = 0.2
CHECKPOINT_SECONDS = 60.0


def simulate(net, duration, *, dt=0.1, engine=None, seed=0, record=None, to=None, overwrite=False, append=False,
             state=None, checkpoint=None, progress=None):
    """Simulate a network.

    Parameters
        net       :class:`snn.Network`
        duration  ms of model time, whole steps; counted from ``state`` if one is given
        dt        ms
        engine    ``EventDriven()`` (default), ``Reference()`` or ``Clocked()``
        seed      of connections, initial values and noise
        record    list of RecordSpikes, RecordState, RecordMean, RecordWeights, RecordPlasticity; default: the spikes of
                  all populations
        to        file that the recording is streamed to (native HDF5 archive); default: memory
        append    go on in the file ``to``, which an earlier piece of this run has written (with ``state``); what it
                  holds beyond the time of ``state`` is dropped, and computed anew
        state     a RunState to go on from (``result.state`` or ``snn.load``); the run goes on with the parameters,
                  weights and drives that the network has now
        checkpoint  file that the state is saved to about once a minute and at the end, replacing the one before, so
                  that a run that was killed can go on: ``state=snn.load(checkpoint), append=True``
        progress  True/False to force or forbid the progress bar; default: when stderr is a terminal
    Returns: :class:`snn.Result`. Ctrl-C ends the run after the current block; the Result holds what was recorded and
    ``meta["interrupted"]`` is True (a second Ctrl-C raises KeyboardInterrupt).
    Errors: NetworkError, ModelError, RunError before anything runs; OutputError when the disk is full.

    Example: ``result = snn.simulate(net, 1000.0, dt=0.1, seed=1)``
    """
    engine = engine or EventDriven()
    steps = check_times(duration, dt)
    several = getattr(engine, "seeds", None)
    saves = checkpoint_path(checkpoint, to, seeds=several, fresh=state is None and not overwrite)
    ready = _prepare(net, dt, engine, seed, record, state, lambda: sinks_of(to, overwrite, append, several, state))
    ready.saves = saves
    results = ready.run(duration, steps, progress)
    return results[0] if several is None else results


def start(net, *, dt=0.1, engine=None, seed=0, record=None, state=None, progress=None):
    """A run that is controlled from Python between pieces: a :class:`snn.run.live.Simulation`.

    Parameters: as of :func:`simulate`; how long it runs is said at every ``run(duration)``. Recording is kept in
    memory. Errors: as of :func:`simulate`, before anything runs.

    Example::

        with snn.start(net, dt=0.5) as run:
            first = run.run(350.0)
            run.modulate(reward, 1.0)
            second = run.run(350.0)
    """
    from snn.run.live import Simulation

    engine = engine or EventDriven()
    check_times(dt, dt)
    return Simulation(_prepare(net, dt, engine, seed, record, state, None), progress)


def _prepare(net, dt, engine, seed, record, state, sinks):
    """Check, plan, and start a session; ``sinks()`` makes those of a single run."""
    _check_engine(engine)
    _check_seed_and_state(seed, state)
    sinks = None if sinks is None else sinks()
    started = time.perf_counter()
    asked = [RecordSpikes(name) for name in net.populations] if record is None else _requests(record)
    stepped = {r.population for r in asked if isinstance(r, RecordState)}
    plan = make_plan(net, dt, seed=seed, dtype=engine.dtype, stepped=stepped, shown=means(asked, net))
    if state is not None:
        state.check(plan)
    first = state.step if state is not None else 0
    channels = [channel_of(r, plan, first) for r in asked]
    built = time.perf_counter()
    session = engine.start(plan, engine_channels(asked, channels, plan, first), state)
    wall = {"build": built - started, "prepare": time.perf_counter() - built}
    return Prepared(plan, engine, session, asked, channels, sinks, wall)


@dataclass
class Prepared:
    """A network that is ready to run: its plan, session and what is to be recorded."""

    plan: object
    engine: object
    session: object
    asked: list
    channels: list
    sinks: object
    wall: dict
    saves: object = None
    block: int = 16

    def run(self, duration, steps, progress, sinks=None):
        """Run ``steps`` steps into ``sinks``; one Result per sink."""
        sinks, first = sinks or self.sinks, self.session.step
        due = samples(self.asked, self.channels, self.plan, first, steps)
        seeds = getattr(self.engine, "seeds", None)
        for b, sink in enumerate(sinks):
            meta = meta_of(self.plan, self.engine, duration, first, self.session, self.asked)
            sink.open(meta if seeds is None else {**meta, "run_seed": int(seeds[b])}, self.channels)
        gates = with_gates(sinks, self.asked, self.channels)
        run = _Run(self.session, gates, first + steps, due, progress, self.saves, block=self.block)
        return _execute(run, self, sinks)


def _execute(run, ready, sinks):
    """Run, close the sinks whatever happens, and collect one Result per sink; pieces of a run carry no checkpoint."""
    done, whole = {"complete": False}, ready.sinks is not None
    try:
        interrupted = run.go()
        ends = run.states() if whole else [None] * len(sinks)
        done = {"complete": not interrupted, "interrupted": interrupted, "wall_s": {**ready.wall, "run": run.seconds}}
        ready.block = run.block
    finally:
        if whole:
            run.session.close()
        now = run.session.step * ready.plan.dt
        for sink in sinks:
            sink.close({**done, "duration": now - sink.meta["start"]} if done.get("interrupted") else done)
    if interrupted:
        message = f"simulate: interrupted at {now:g} ms; the result holds what was recorded until then."
        warnings.warn(message, RuntimeWarning, stacklevel=4)
    return [sink.result(plan=ready.plan, state=end) for sink, end in zip(sinks, ends, strict=True)]


@dataclass
class _Run:
    """The loop over blocks."""

    session: object
    sinks: list
    stop: int
    due: list
    progress: object
    saves: object = None
    seconds: float = 0.0
    block: int = 16
    saved: float = field(default_factory=time.perf_counter)

    def go(self):
        """Run to the end; returns whether it was interrupted."""
        session = self.session
        self._sample()
        # From now on a killed run can be gone on with, and no older checkpoint is taken for one of this run.
        self._save(True)
        with Interrupt() as interrupt, _bar(session.step, self.stop, self.progress) as bar:
            while session.step < self.stop and not interrupt.asked:
                before, t = session.step, time.perf_counter()
                reached = session.advance(min(session.step + self.block, self.stop, self._next_due()))
                took = time.perf_counter() - t
                self.seconds += took
                self._sample()
                session.drain(*self.sinks)
                self._save(time.perf_counter() - self.saved > CHECKPOINT_SECONDS)
                bar.update(reached - before)
                wanted = int((reached - before) * BLOCK_SECONDS / max(took, 1e-6))
                self.block = max(1, min(wanted, 4 * self.block))
            for gate in self.sinks:
                if isinstance(gate, Gate):
                    gate.finish(session.step)
            self._save(True)
            return interrupt.asked

    def _save(self, due):
        """Keep a checkpoint on disk, behind everything that was recorded up to it."""
        if due and self.saves is not None:
            save(self.session.state(), self.saves, overwrite=True)
            self.saved = time.perf_counter()

    def states(self):
        """Checkpoints, one per sink."""
        return [self.session.state(*([b] if len(self.sinks) > 1 else [])) for b in range(len(self.sinks))]

    def _next_due(self):
        return min((d.next(self.session.step) for d in self.due), default=self.stop)

    def _sample(self):
        for d in self.due:
            if d.due(self.session.step):
                d.give(self.session, self.sinks, self.session.step - 1)


@contextlib.contextmanager
def _bar(first, stop, progress):
    from tqdm import tqdm

    with tqdm(
        total=stop - first,
        disable=None if progress is None else not progress,
        unit="step",
        desc="simulate",
        delay=2.0,
        leave=False,
    ) as bar:
        yield bar


def check_times(duration, dt):
    for name, value in (("duration", duration), ("dt", dt)):
        if isinstance(value, bool) or not isinstance(value, Real) or not np.isfinite(value) or value <= 0:
            raise RunError(f"simulate.{name}: is {value!r} ms. A finite number above 0 is needed.")
    steps = round(duration / dt)
    if steps < 1 or abs(duration / dt - steps) > 1e-6 * max(1, steps):
        raise RunError(
            f"simulate.duration: {duration:g} ms is not a whole number of steps of {dt:g} ms. "
            f"Use {max(1, steps) * dt:g} ms."
        )
    return steps


def _check_engine(engine):
    if isinstance(engine, type) or not (hasattr(engine, "start") and hasattr(engine, "dtype")):
        raise RunError(f"simulate.engine: is {engine!r}. Give snn.EventDriven(), snn.Reference() or snn.Clocked().")


def _check_seed_and_state(seed, state):
    if isinstance(seed, bool) or not isinstance(seed, Integral):
        raise RunError(f"simulate.seed: is {seed!r}. A whole number is needed.")
    if state is not None and not isinstance(state, RunState):
        raise RunError(f"simulate.state: is a {type(state).__name__}. Give result.state, or what snn.load returned.")


def _requests(record):
    known = RecordSpikes | RecordState | RecordMean | RecordWeights | RecordPlasticity | str
    if isinstance(record, known) or not isinstance(record, Iterable):
        raise RunError(f"simulate.record: is {record!r}. Give a list of requests, for instance [RecordSpikes('exc')].")
    return list(record)
