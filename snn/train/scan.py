"""All time steps of a linear layer at once."""
import torch

from snn.errors import ModelError
from snn.train.eager_loop import filled
from snn.train.layer import Layer

_PROBES = 8
"""Random states on which it is checked that a step is linear."""


class Scan(Layer):
    """A :class:`Layer` of a model whose steps are linear, computed for all times at once instead of one by one.

    Formula
        A step of such a model is ``s_t = A s_{t-1} + u_t`` with a matrix A per neuron over its few states, taken from
        the model's own text, and u_t of the inputs alone. In the k-th of log2(T) rounds every step adds
        ``A^(2^(k-1))`` times what stands 2^(k-1) steps before it. Spikes, where the model fires, are read from the
        states of all steps; they must not act back (no reset).
        The result is that of the layer, to rounding. A run keeps one state, whatever T: train in parallel, run step by
        step (``step_mode="s"``).

    Parameters, shapes, state: those of :class:`Layer`. The astrocyte-modulated spiking unit (AM-SU) is::

        Scan(AstrocyteLIF(E_L=0, V_th=1, V_drop=0, tau_m=10, tau_a=taus), 64, dt=1.0,
             learn={"tau_a": Bounded(15, 1000), "g": None})

    Models: :class:`~snn.neurons.AstrocyteLIF` without reset, :class:`~snn.neurons.LeakyReadout`, and any model of
    yours with linear ``flow`` and ``receive``.

    Errors: ModelError where a spike changes the state or a step is not linear; others as :class:`Layer`.

    Source: W. D. Hillis, G. L. Steele (1986), Communications of the ACM 29:1170-1183 (the scan); W. Fang et al. (2023),
    "Parallel spiking neurons", NeurIPS 36 (spiking layers without reset).
    """

    def __init__(self, model, n=None, **options):
        super().__init__(model, n, **options)
        self._where = f"Scan({type(model).__name__})"
        self._pattern = _checked_pattern(model, self.n or 1, self.dt, self._where)

    def _advance(self, inputs, state, names):
        like = next(iter(inputs.values()))
        model = self._bound(like)
        matrix, driven = self._linear(model, inputs, like)
        begun = _product(matrix, [part[None] for part in state])
        for k, part in enumerate(begun):
            driven[k] = torch.cat([driven[k][:1] + part, driven[k][1:]])
        states = type(state)(*_scan(matrix, driven, len(like)))
        margin = model.margin(states)
        found = {**states._asdict(), "margin": margin}
        if margin is not None:
            found["z"] = self.fire(margin)
        return {name: filled(found[name], like) for name in names}, type(state)(*(part[-1] for part in states))

    def _linear(self, model, inputs, like):
        """``(A, u)``: A as rows of tensors (None where it is 0), u as a list of [T, B, ...]."""
        zero, dt = like.new_zeros(()), like.new_tensor(self.dt)
        x = model.Ports(**{port: inputs.get(port, zero) for port in model.Ports._fields})
        silent = model.Ports(*(zero for _ in model.Ports._fields))
        rows, columns = self._pattern, []
        origin = model.State(*(zero for _ in rows))
        start = _step(model, origin, silent, dt)
        for j in range(len(rows)):
            one = origin._replace(**{origin._fields[j]: zero + 1.0})
            columns.append([b - a for a, b in zip(start, _step(model, one, silent, dt), strict=True)])
        matrix = [[columns[j][k] if rows[k][j] else None for j in range(len(rows))] for k in range(len(rows))]
        return matrix, [filled(part, like) for part in _step(model, origin, x, dt)]


def _step(model, s, x, dt):
    return model.receive(model.flow(model.couple(s, x), dt), x)


def _scan(matrix, states, steps):
    """``s_t = A s_{t-1} + u_t`` for all t, from the list of u [T, ...]: a list of s."""
    reach = 1
    while reach < steps:
        moved = _product(matrix, [part[:-reach] for part in states])
        states = [torch.cat([part[:reach], part[reach:] + add]) if torch.is_tensor(add) else part
                  for part, add in zip(states, moved, strict=True)]
        matrix, reach = _square(matrix), 2 * reach
    return states


def _product(matrix, states):
    """A times states; the number 0 where a row is empty."""
    return [sum(a * part for a, part in zip(row, states, strict=True) if a is not None) for row in matrix]


def _square(matrix):
    size = range(len(matrix))
    terms = [[[matrix[i][k] * matrix[k][j] for k in size if matrix[i][k] is not None and matrix[k][j] is not None]
              for j in size] for i in size]
    return [[sum(found) if found else None for found in row] for row in terms]


def _checked_pattern(model, n, dt, where):
    """Which entries of A may differ from 0, bool [states][states]; ModelError where there is no such A."""
    bound, draw = model.bind(n, torch.float64), torch.Generator().manual_seed(0)
    fields, dt = model.State._fields, torch.tensor(dt, dtype=torch.float64)

    def random():
        return torch.randn(_PROBES, n, generator=draw, dtype=torch.float64)

    s, x = model.State(*(random() for _ in fields)), model.Ports(*(random() for _ in model.Ports._fields))
    zero = torch.zeros(_PROBES, n, dtype=torch.float64)
    origin, silent = model.State(*(zero for _ in fields)), model.Ports(*(zero for _ in model.Ports._fields))
    start, silently, moved = (_full(_step(bound, *given, dt), zero) for given in
                              ((origin, x), (origin, silent), (s, x)))
    ends, pattern = list(start), [[False] * len(fields) for _ in fields]
    for j, name in enumerate(fields):
        one = _full(_step(bound, origin._replace(**{name: zero + 1.0}), silent, dt), zero)
        for k in range(len(fields)):
            entry = one[k] - silently[k]
            ends[k] = ends[k] + entry * s[j]
            pattern[k][j] = bool((entry != 0).any())
    if not all(torch.allclose(a, b, rtol=1e-9, atol=1e-9) for a, b in zip(ends, moved, strict=True)):
        raise ModelError(f"{where}.model: its steps are not linear in its state. Use Layer.")
    if bound.margin(moved) is not None:
        after = bound.reset(moved, torch.ones_like(zero, dtype=torch.bool))
        if not all(torch.equal(a, b) for a, b in zip(_full(after, zero), moved, strict=True)):
            raise ModelError(f"{where}.model: a spike changes its state, so that steps must wait for each other. "
                             "Parameters without reset (V_drop=0) are expected; else use Layer.")
    return pattern


def _full(state, like):
    return type(state)(*(filled(part, like) for part in state))
