"""What the tests of oscillators share: a network of one model stepped in numpy and torch, without any engine."""
import numpy as np
import torch
from neuron_runs import filled

from snn.contract import heaviside, step


def coupled_run(model, weights, steps, dt, *, difference=False, inputs=None, **start):
    """Step n units coupled by ``weights`` [n, n] (a row per target) on their coupled ports; the last state, in numpy.

    ``start``: values [n] of states that do not start at rest; ``inputs`` {port: [steps, n]}.
    """
    n = len(weights)
    bound, w = model.bind(n, torch.float64), torch.as_tensor(np.asarray(weights, np.float64))
    s = filled(bound.rest(), n)._replace(**{k: torch.as_tensor(np.asarray(v, np.float64)) for k, v in start.items()})
    arriving = {p: torch.as_tensor(np.asarray(v, np.float64)) for p, v in (inputs or {}).items()}
    zero = torch.zeros(n, dtype=torch.float64)
    for k in range(steps):
        shown = bound.emit(s)
        x = {p: arriving[p][k] if p in arriving else zero for p in bound.Ports._fields}
        for p in bound.coupled:
            y = getattr(shown, p)
            x[p] = x[p] + w @ y - (w.sum(1) * y if difference else 0.0)
        s, _ = step(bound, s, bound.Ports(**x), dt, heaviside)
    return type(s)(*(value.numpy() for value in s))


def turned(phases):
    """Phases in (-pi, pi]."""
    return np.angle(np.exp(1j * np.asarray(phases)))


def errors_at(steps_of, true, length, dts):
    """Largest errors of ``steps_of(steps, dt)`` against ``true`` for the steps ``dts``."""
    return np.array([np.abs(turned(steps_of(round(length / dt), dt) - true)).max() for dt in dts])
