"""What the tests of neurons share: the catalogue, and a plain loop over ``snn.contract.step`` without any engine."""
import dataclasses
import functools

import numpy as np
import pytest
import torch

import snn.neurons
from snn.contract import Neuron, heaviside, step

ENTRIES = [getattr(snn.neurons, name) for name in snn.neurons.__all__]
MODELS = [entry for entry in ENTRIES if issubclass(entry, Neuron)]


def of(models):
    """Run a test once for each of ``models``, as its argument ``Model``."""
    return pytest.mark.parametrize("Model", models, ids=lambda M: M.__name__)


every_model = of(MODELS)


def run(model, steps, dt, inputs=None, *, n=1, state=None, record="v"):
    """Step ``model`` in float64 from ``state`` (default: rest).

    ``inputs``: {port: (steps,) or (steps, n) array, or a number}, in the step in which it arrives.
    Returns ``(trace (steps, n) of the state variable, fired bool (steps, n), last state)``; for several variables, a
    tuple of names, the first is {name: trace}.
    """
    bound = model.bind(n, torch.float64)
    s = filled(bound.rest(), n) if state is None else state
    columns = {p: column(value, steps, n) for p, value in (inputs or {}).items()}
    zero = torch.zeros(n, dtype=torch.float64)
    names = (record,) if isinstance(record, str) else record
    traces, fired = {name: np.zeros((steps, n)) for name in names}, np.zeros((steps, n), bool)
    with torch.no_grad():
        for k in range(steps):
            x = bound.Ports(**{p: columns[p][k] if p in columns else zero for p in bound.Ports._fields})
            s, z = step(bound, s, x, dt, heaviside)
            for name, trace in traces.items():
                trace[k] = getattr(s, name)
            if z is not None:
                fired[k] = z
    return traces[record] if isinstance(record, str) else traces, fired, filled(s, n)


def filled(state, n):
    """Every state variable as a float64 tensor (n,)."""
    return type(state)(*(torch.as_tensor(value, dtype=torch.float64).expand(n).clone() for value in state))


def column(value, steps, n):
    array = np.asarray(value, dtype=np.float64)
    array = array[:, None] if array.ndim == 1 else array
    return torch.as_tensor(np.broadcast_to(array, (steps, n)).copy())


def times(fired, dt):
    """Spike times in ms of the first neuron of ``fired`` (steps, n)."""
    return (np.flatnonzero(fired[:, 0]) + 1) * dt


def isi(fired, dt):
    """Intervals in ms of the first neuron."""
    return np.diff(times(fired, dt))


def fields_of(model):
    return {f.name: getattr(model, f.name) for f in dataclasses.fields(model)}


def varied(Model, n, seed):
    """The default parameters, each as an array that varies by one percent."""
    rng = np.random.default_rng(seed)
    return {name: value * rng.uniform(0.99, 1.01, n) for name, value in fields_of(Model()).items()}


def noise(model, steps, n, seed):
    """Inputs of a plausible size for every port of a model, as ``run`` takes them."""
    rng = np.random.default_rng(seed)
    units = model.units(model.Ports)
    return {port: _arrivals(rng, port, units[port], (steps, n)) for port in model.Ports._fields}


def _arrivals(rng, port, unit, shape):
    if port == "noise":
        return 1.0 - rng.random(shape)
    sparse = rng.random(shape) < 0.1
    sizes = {"mV": sparse * rng.normal(2.0, 4.0, shape), "nS": sparse * rng.uniform(0.0, 6.0, shape),
             "pA": rng.normal(250.0, 300.0, shape), "1": rng.uniform(0.0, 15.0, shape),
             "Hz": sparse * rng.uniform(0.0, 100.0, shape), "rad": sparse * rng.normal(0.3, 0.5, shape),
             "rad/ms": rng.normal(0.1, 0.3, shape), "1/ms": rng.normal(0.0, 0.3, shape),
             "mV/ms": rng.normal(0.0, 0.5, shape)}
    return sizes[unit]


@functools.cache
def busy_state(Model, n, seed):
    """States that the default model can be in: after 40 steps of 0.5 ms in noise, different in every neuron."""
    return run(Model(), 40, 0.5, noise(Model(), 40, n, seed), n=n, record=Model.State._fields[0])[2]


def freed(state):
    """The state with nobody held in the refractory time."""
    return state._replace(**{name: torch.full_like(getattr(state, name), -1.0)
                             for name in ("ref", "dead") if name in state._fields})
