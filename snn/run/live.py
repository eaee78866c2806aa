"""A run that is controlled from Python between its pieces."""
from dataclasses import replace

import numpy as np

from snn.errors import NetworkError, RunError
from snn.record import MemorySink
from snn.run.simulate import check_times


class Simulation:
    """A network in memory that runs piece by piece; made by :func:`snn.start`, closed by ``with`` or :meth:`close`.

    What it is
        ``run(duration)`` advances it and gives the Result of that piece (without a checkpoint: see :attr:`state`);
        between pieces inputs, modulators and weights may be changed and looked at. Pieces together are one run:
        without changes between them they give what one piece gives. With an engine of several seeds, ``run`` gives a
        list of Results and ``weights`` has a row per seed.

    Errors: RunError for names, shapes and values that do not fit, before anything changes.

    Example: ``with snn.start(net, dt=0.5) as sim: counts = [sim.run(100.0).spikes["cells"].count() for _ in
    range(10)]``
    """

    def __init__(self, ready, progress=None):
        self._ready, self._progress, self._session = ready, progress, ready.session

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        """Give back threads and memory; the simulation cannot run afterwards."""
        if self._session is not None:
            self._session.close()
        self._session = None

    @property
    def _open(self):
        if self._session is None:
            raise RunError("Simulation: is closed. Start a new one, from result.state if it should go on.")
        return self._session

    @property
    def time(self):
        """Model time in ms."""
        return self._open.step * self._ready.plan.dt

    @property
    def state(self):
        """Checkpoint: a RunState (a list of them for several seeds)."""
        states = [self._open.state(*([b] if self._several else [])) for b in range(self._open.runs)]
        return states if self._several else states[0]

    @property
    def _several(self):
        return getattr(self._ready.engine, "seeds", None) is not None

    def run(self, duration):
        """Advance by ``duration`` ms; the Result of this piece."""
        session, ready = self._open, self._ready
        steps = check_times(duration, ready.plan.dt)
        session.restart()
        ready.channels = [replace(c, first_step=session.step) for c in ready.channels]
        results = ready.run(duration, steps, self._progress, [MemorySink() for _ in range(session.runs)])
        return results if self._several else results[0]

    def set_input(self, control, value):
        """Give a :class:`snn.ControlledInput` another value: a number, or one per neuron."""
        value = _numbers(value, "set_input: value")
        if not self._open.set_input(control, value):
            raise RunError(f"Simulation.set_input: {control!r} is no ControlledInput of this network. "
                           "Give the object that was handed to net.drive.")

    def modulate(self, modulator, value):
        """Give a :class:`snn.Modulator` (or a projection, by its name) the third factor ``value`` from now on."""
        session = self._open
        mine = [p for name, p in session.plastic.items() if p.q.plastic.modulator is modulator or name == modulator]
        if not mine or mine[0].q.plastic.modulator is None:
            raise RunError(f"Simulation.modulate: {modulator!r} modulates nothing in this network. "
                           "Give the Modulator of a plastic projection, or the name of the projection.")
        try:
            for p in mine:
                p.check_modulation(value)
        except NetworkError as err:
            raise RunError(str(err)) from None
        for p in mine:
            p.modulate(value, session.step)

    def freeze(self, *projections, frozen=True):
        """Stop learning at the named projections (default: at all); their traces go on. ``frozen=False`` resumes it."""
        session = self._open
        for p in [session.learning(name) for name in projections] or list(session.plastic.values()):
            p.freeze(frozen, session.step)

    def weights(self, projection):
        """Weights now, in the order of the projection: [synapses] (several seeds: [seeds, synapses])."""
        return np.array(self._open.weights(projection))

    def connections(self, projection):
        """``(pre, post)``: neuron numbers of the synapses now, in the order of :meth:`weights`."""
        session = self._open
        q = session.plastic[projection].q if projection in session.plastic else self._ready.plan.projection(projection)
        pre = np.repeat(np.arange(q.n_pre), np.diff(q.csr.indptr)) + q.pre_offset
        return pre, q.csr.targets.astype(np.int64) + q.post_offset

    def set_weights(self, projection, weight):
        """Give the synapses of a plastic projection other weights: a number, or one per synapse, within all bounds."""
        p, weight = self._open.learning(projection), _numbers(weight, "set_weights: weight")
        n, weight = p.q.csr.n_synapses, weight.astype(self._ready.plan.dtype)
        if weight.shape not in ((), (n,)):
            raise RunError(f"Simulation.set_weights: shape {weight.shape} for {n} synapses of {projection!r}. "
                           "Give one finite number, or one per synapse.")
        for rule in p.q.plastic.rules:
            low, high = (b if b is None else weight.dtype.type(b) for b in rule.bounds())
            if (low is not None and (weight < low).any()) or (high is not None and (weight > high).any()):
                raise RunError(f"Simulation.set_weights: {weight.min():g} to {weight.max():g} is not within the bounds "
                               f"of {type(rule).__name__} ({low} to {high}). Give weights within them.")
        p.set_weights(np.broadcast_to(weight, n).copy(), self._open.step)

    def states(self, population, variable):
        """A state variable of all neurons of a population now, [n] (several seeds: [seeds, n])."""
        p = self._ready.plan.population(population)
        names = () if p.replayed else p.model.State._fields
        if variable not in names:
            raise RunError(f"Simulation.states: {population!r} has no state {variable!r}. "
                           f"It has: {', '.join(names) or 'none'}.")
        states = self.state if self._several else [self.state]
        if not p.replayed and variable in self._open.forgotten(population):
            raise RunError(f"Simulation.states: nothing reads {variable!r} of {population!r}, so that it is not kept. "
                           f"Record it, RecordState({population!r}, {variable!r}), to have it.")
        rows = []
        for state in states:
            now = state.populations[population].awake(p.model, p.n, self._ready.plan.dt).values
            rows.append(np.broadcast_to(now.get(variable, getattr(p.model.rest(), variable)), p.n).astype(np.float64))
        return np.array(rows) if self._several else rows[0]


def _numbers(value, where):
    """``value`` as finite float64 numbers; RunError otherwise."""
    try:
        x = np.array(value, np.float64)
    except (TypeError, ValueError):
        raise RunError(f"Simulation.{where} is not a number ({value!r}). Give one, or an array of them.") from None
    if not np.isfinite(x).all():
        raise RunError(f"Simulation.{where} is not finite. Give finite numbers.")
    return x
