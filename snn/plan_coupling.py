"""From a described coupling to arrays: connections, weights, and delays in steps."""
from dataclasses import dataclass, replace

import numpy as np

from snn.connect import AllToAll
from snn.csr import Block
from snn.delays import delay_steps, ordered
from snn.distributions import Distribution, values
from snn.errors import NetworkError
from snn.random import stream


@dataclass(frozen=True, eq=False)
class CouplingPlan:
    """One coupling ready to run.

    ``values`` ((port number, name), ...); ``csr`` as of a projection, or None: all to all, then ``own`` says whether a
    unit feels itself. ``weight``: a number, or one per synapse; ``delay``: steps from the step after which a value is
    shown to the step that reads it (1: what was shown last). ``total``: sum of the weights of each target, a number or
    [n_post], where differences are felt, else None.
    """

    name: str
    pre: int
    post: int
    pre_offset: int
    n_pre: int
    post_offset: int
    n_post: int
    values: tuple
    csr: object
    own: bool
    weight: object
    delay: object
    total: object

    @property
    def longest(self):
        """Steps for which what is shown must be kept."""
        return int(np.max(self.delay)) if np.size(self.delay) else 1

    @property
    def n_synapses(self):
        if self.csr is not None:
            return self.csr.n_synapses
        return self.n_pre * self.n_post - (0 if self.own else self.n_post)

    @property
    def names(self):
        return tuple(name for _, name in self.values)

    @property
    def nbytes(self):
        arrays = (self.weight, self.delay) if self.csr is None else (
            self.csr.indptr, self.csr.targets, self.weight, self.delay)
        return sum(np.asarray(x).nbytes for x in arrays)


def coupling_plan(c, index, ports, dt, seed, dtype):
    """The plan of coupling ``c``; ``index`` and ``ports`` as of projections. Errors: NetworkError."""
    pre, post, where = c.pre.population, c.post.population, f"Coupling.{c.name}"
    block = Block(c.pre.start, len(c.pre), c.post.start, len(c.post), pre is post)
    plan = CouplingPlan(
        c.name, index[pre.name], index[post.name], c.pre.start, len(c.pre), c.post.start, len(c.post),
        tuple((ports[post.name].index(port), name) for port, name in c.values.items()), None, True, 0.0, 1, None,
    )
    if _is_uniform(c, block):
        plan = replace(plan, own=c.rule.self_connections or not block.selves(), weight=_number(c.weight, where, dtype),
                       delay=_delay(c, None, dt, seed, where))
        return replace(plan, total=plan.weight * (len(c.pre) - (not plan.own)) if c.difference else None)
    positions = None
    if pre.positions is not None and post.positions is not None:
        positions = (pre.positions[c.pre.start:c.pre.stop], post.positions[c.post.start:c.post.stop])
    csr = c.rule.build(block, stream(seed, c.name, "connections"), positions=positions)
    if c.weight is None and csr.values is None:
        raise NetworkError(f"{where}.weight: missing. {type(c.rule).__name__} carries no weights; give a number, an "
                           "array or a distribution.")
    weight = np.asarray(csr.values, dtype) if c.weight is None else ordered(
        values(c.weight, csr.n_synapses, stream(seed, c.name, "weight"), name=f"{where}.weight", dtype=dtype), csr)
    total = None
    if c.difference:
        each = np.broadcast_to(weight, csr.n_synapses)
        total = np.bincount(csr.targets, each, minlength=len(c.post)).astype(dtype)
    return replace(plan, csr=csr, weight=weight, delay=_delay(c, csr, dt, seed, where), total=total)


def _is_uniform(c, block):
    """Whether everybody feels the same sum."""
    one = all(np.ndim(x) == 0 and not isinstance(x, Distribution) for x in (c.weight, c.delay))
    whole = not block.selves() or (block.pre_offset, block.n_pre) == (block.post_offset, block.n_post)
    return isinstance(c.rule, AllToAll) and one and c.weight is not None and (whole or c.rule.self_connections)


def _number(weight, where, dtype):
    return np.asarray(values(weight, 1, None, name=f"{where}.weight", dtype=dtype))[()]


class _One:
    """What :func:`delay_steps` needs to know of connections that are not built."""

    n_synapses, order = 1, None


def _delay(c, csr, dt, seed, where):
    key, least = stream(seed, c.name, "delay"), 0 if c.immediate else 1
    steps = delay_steps(c.delay, csr or _One, dt, key, f"{where}.delay", rounding=c.round_delays, least=least)
    return steps if not c.immediate else steps + 1 if isinstance(steps, int) else steps.astype(np.int64) + 1
