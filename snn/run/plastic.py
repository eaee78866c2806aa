"""Plastic synapses in memory, as all engines keep them: weights, traces, what acts in time, checkpoints.

What it is
    A :class:`Group` holds the synapses of one projection and one delay as tensors [runs, n] in the engine's precision.
    Engines add what happens in a step (``snn.run.learning`` in torch, ``snn.run.plastic_cells`` compiled). A
    :class:`PlasticProjection` holds the groups of a projection and does what concerns all of its synapses between
    blocks of steps: rules that act in time, modulators, freezing, weights, checkpoints.

Clock
    ``step`` counts steps that are done. Step k is the last one done when ``step`` is k + 1; what is evaluated between
    blocks is evaluated at its end.
"""
import numpy as np
import torch

from snn.rule import LONGEST


def elapse(change, values, steps, dt):
    """``change(values, ms)`` for ``steps`` (int64 tensor), in pieces of at most :data:`snn.rule.LONGEST` steps."""
    steps = steps.clone()
    while values:
        piece = torch.clamp(steps, max=LONGEST)
        if not (piece > 0).any():
            return values
        # The product is made in double precision, as where the table of compiled code is made.
        later = change(values, (torch.clamp(piece, min=1).to(torch.float64) * dt).to(values[0].dtype))
        values = type(values)(*(torch.where(piece > 0, a, b) for a, b in zip(later, values, strict=True)))
        steps -= piece
    return values


class Group:
    """The synapses of one group of equal delay.

    Tensors: ``w`` [runs, synapses]; ``fields`` per rule {name: [runs, synapses]} beside the weight; ``at`` [runs,
    synapses] steps up to which ``flow`` was evaluated (None where no rule flows); ``x`` per rule Pre of [runs, n_pre]
    as of the steps ``x_at`` [runs, n_pre]; ``y`` per rule Post of [runs, n_post]; ``mod`` [runs, n_post]; ``past`` the
    states read in recent steps, latest first, {name: [back, runs, n_post]}.
    """

    def __init__(self, q, dt, runs, step, **options):
        p, self.q, self.dt, self.runs, self.options = q.plastic, q, dt, runs, options
        self.p, self.late, self.frozen = p, int(p.late), False
        self.rules = [r.bind(1, options["dtype"], options["device"]) for r in p.rules]
        self.place(q.csr)
        n = q.csr.n_synapses
        self.w = self._first_weights(n)
        self.fields = [{k: self._full(0.0, n) for k in r.Synapse._fields[1:]} for r in p.rules]
        self.at = torch.full((runs, n), step - 1, device=options["device"]) if p.flows else None
        rest = [r.rest() for r in self.rules]
        # A method of both sides is asked for one of them; the other one is then a lone number.
        zero = torch.zeros((), **options)
        self.no_x = [type(x)(*(zero for _ in x)) for x, _ in rest]
        self.no_y = [type(y)(*(zero for _ in y)) for _, y in rest]
        self.x = [type(x)(*(self._full(v, q.n_pre) for v in x)) for x, _ in rest]
        self.y = [type(y)(*(self._full(v, q.n_post) for v in y)) for _, y in rest]
        self.x_at = torch.full((runs, q.n_pre), step - 1, device=options["device"])
        self.mod = self._full(torch.as_tensor(p.mod, **options), q.n_post)
        self.past = {k: torch.zeros(p.back, runs, q.n_post, **options) for k in p.reads}

    def _first_weights(self, n):
        return self._full(torch.as_tensor(np.asarray(self.q.weight), **self.options), n)

    def _full(self, value, n):
        return torch.as_tensor(value, **self.options).expand(self.runs, n).clone()

    def place(self, csr):
        """Take the connections of ``csr`` (their number stays)."""
        self.csr = csr

    @property
    def pre_of(self):
        """Number of the presynaptic neuron of every synapse; made when asked for, eight bytes each."""
        return torch.from_numpy(np.repeat(np.arange(self.q.n_pre), np.diff(self.csr.indptr)))

    @property
    def post_of(self):
        """Number of the postsynaptic neuron of every synapse."""
        return torch.from_numpy(self.csr.targets.astype(np.int64))

    def settle(self, step):
        """Apply what was put off; an engine that puts off overrides it."""

    def next_due(self, step):
        """The next step count above ``step`` at which an engine has something to do between blocks, or None."""
        return None

    def act(self, step):
        """Do it, where it is due."""

    def synapse(self, r, at=(...,)):
        """What rule ``r`` sees of the synapses ``at``."""
        return self.p.rules[r].Synapse(self.w[at], *(f[at] for f in self.fields[r].values()))

    def put(self, r, s, at=(...,)):
        self.w[at] = s[0]
        for name, value in zip(self.fields[r], s[1:], strict=True):
            self.fields[r][name][at] = value

    def flow(self, now, at=(...,)):
        """Let time pass at the synapses ``at`` up to the end of step ``now``."""
        if self.at is None or self.frozen:
            return
        elapsed, mod = now - self.at[at], self.modulation(at)
        for r, rule in enumerate(self.rules):
            if self.p.traced[r].changes("flow"):
                self.put(r, elapse(lambda s, ms, f=rule.flow: f(s, mod, ms), self.synapse(r, at), elapsed, self.dt), at)
        self.at[at] = now

    def modulation(self, at=(...,)):
        """The modulator of the synapses ``at``."""
        return self.mod[:, self.post_of] if at == (...,) else self.mod[at[0], self.post_of[at[1]]]

    def pre_traces(self, r, now):
        """The presynaptic traces of rule ``r`` at the end of step ``now``, [runs, n_pre]."""
        return elapse(lambda x, ms: self.rules[r].decay(x, self.no_y[r], ms)[0], self.x[r], now - self.x_at, self.dt)

    def freeze(self, frozen, step):
        """Stop or resume learning at the end of step ``step - 1``; for the synapses the time between does not pass."""
        self.hold(frozen)
        if self.at is not None:
            self.at[...] = step - 1

    def hold(self, frozen):
        """Whether weights stay as they are."""
        self.frozen = frozen

    def moved(self):
        """Synapses have other targets now; nothing is put off at this moment."""

    def weights(self, step):
        """The weights at the end of step ``step - 1``, [runs, synapses]; nothing changes by looking."""
        return self.synapses_at(step)["weight"]

    def synapses_at(self, step):
        """All that synapses hold at the end of step ``step - 1``, named as in :meth:`per_synapse`; likewise."""
        now = {**self.per_synapse(), "weight": self.applied(step)}
        if self.at is None or self.frozen:
            return now
        kept = {name: value.clone() for name, value in self.per_synapse().items()}
        self.flow(step - 1)
        now = {name: value.clone() for name, value in self.per_synapse().items()}
        for name, value in self.per_synapse().items():
            value[...] = kept[name]
        return now

    def applied(self, step):
        """The weights after all events up to the end of step ``step - 1``."""
        return self.w

    # -- checkpoints
    def per_synapse(self):
        """{name: tensor [runs, synapses]} of everything that a synapse holds."""
        named = {"weight": self.w} | ({} if self.at is None else {"at": self.at})
        for r, fields in enumerate(self.fields):
            named |= {f"synapse/{r}/{k}": v for k, v in fields.items()}
        return named

    def arrays(self):
        """{name: tensor with the runs first} of everything that changes; writing into them changes the group."""
        named = {**self.per_synapse(), "x_at": self.x_at, "mod": self.mod}
        for r in range(len(self.rules)):
            named |= {f"pre/{r}/{k}": v for k, v in self.x[r]._asdict().items()}
            named |= {f"post/{r}/{k}": v for k, v in self.y[r]._asdict().items()}
        named |= {f"past/{k}": v.movedim(1, 0) for k, v in self.past.items()}
        return named

    def snapshot(self, step):
        """{name: tensor with the runs first} of everything that a checkpoint holds."""
        return self.arrays()

    def restore(self, saved, step):
        """Take over what :meth:`snapshot` gave, for every run."""
        for name, mine in self.arrays().items():
            if name in saved:
                mine[...] = torch.as_tensor(saved[name]).to(mine.dtype)
