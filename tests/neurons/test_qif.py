"""QIF alone."""
import numpy as np
import pytest
import torch
from neuron_runs import run

from snn.contract import heaviside, step
from snn.errors import ModelError
from snn.neurons import QIF


def normal_form(model, current):
    """(a, b, middle) of dx/dt = a x^2 + b."""
    half = 0.5 * (model.V_T - model.E_L)
    a = 0.5 / (model.tau_m * half)
    return a, current / model.C_m - a * half**2, 0.5 * (model.V_T + model.E_L)


def period(model, current):
    a, b, middle = normal_form(model, current)
    k = np.sqrt(a / b)
    return (np.arctan(k * (model.V_peak - middle)) - np.arctan(k * (model.V_reset - middle))) / np.sqrt(a * b)


def intervals(model, currents, steps, dt):
    """Intervals in ms, one array per current."""
    fired = run(model, steps, dt, {"current": np.tile(currents, (steps, 1))}, n=len(currents))[1]
    return [np.diff(np.flatnonzero(column)) * dt for column in fired.T]


def test_period_in_closed_form():
    currents, dt = [60.0, 120.0, 400.0], 0.1
    for current, found in zip(currents, intervals(QIF(), currents, 2200, dt), strict=True):
        expected = period(QIF(), current)
        # The crossing lies within a step; V starts again at its end.
        assert len(found) > 1 and ((found > expected - 1e-9) & (found < expected + dt)).all()


def test_rate_grows_as_the_root_of_the_current():
    """With peak and reset far away the period is pi / sqrt(a b): the square of the rate is linear in the current."""
    currents, dt = np.array([60.0, 150.0, 600.0]), 0.05
    a, b, _ = normal_form(QIF(), currents)
    found = [x.mean() for x in intervals(QIF(V_peak=1e7, V_reset=-1e7), currents, 4500, dt)]
    assert (np.abs(found - np.pi / np.sqrt(a * b)) < dt + 1e-3).all()


def test_rheobase():
    """C_m (V_T - E_L) / (4 tau_m) = 37.5 pA; below, the neuron stays under the middle of E_L and V_T."""
    v, fired, _ = run(QIF(), 900, 0.5, {"current": np.tile([37.0, 39.0], (900, 1))}, n=2)
    assert not fired[:, 0].any() and -60.0 < v[-1, 0] < -57.5 and fired[:, 1].any()


@pytest.mark.parametrize("current, start", [(200.0, -70.0), (-300.0, -40.0), (37.5, -60.0)])
def test_a_step_is_of_order_six(current, start):
    model = QIF(V_peak=1e4)
    bound = model.bind(1, torch.float64)
    a, b, middle = (complex(x) for x in normal_form(model, current))
    errors = []
    for dt in (4.0, 2.0):
        w = np.sqrt(a * b)
        t = dt if w == 0 else np.tan(w * dt) / w
        x = start - middle
        exact = (middle + (x + b * t) / (1.0 - a * x * t)).real
        s = model.State(*(torch.tensor([q], dtype=torch.float64) for q in (start, -1.0, current)))
        errors.append(abs(bound.flow(s, dt).v.item() - exact))
    assert errors[1] < 1e-4 and (errors[1] < 1e-12 or 70.0 < errors[0] / errors[1] < 400.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_pole_within_a_step_is_a_spike_at_the_peak(dtype):
    model = QIF().bind(6, dtype)
    v = torch.tensor([29.9, 25.0, 29.9, -70.0, -70.0, -64.0], dtype=dtype)
    i = torch.tensor([0.0, 0.0, 1e4, 1e4, 1e7, 0.0], dtype=dtype)
    x = QIF.Ports(delta=0.0 * v, current=i)
    s = model.flow(QIF.State(v=v, ref=-torch.ones_like(v), i=i), 5.0)
    assert s.v.tolist()[:5] == [30.0] * 5 and s.v[5] < -63.0
    after, fired = step(model, QIF.State(v=v, ref=-torch.ones_like(v), i=i), x, 5.0, heaviside)
    assert fired.tolist() == [True] * 5 + [False] and (after.v[:5] == -70.0).all()


def test_below_the_onset_it_returns_and_above_it_fires_by_itself():
    jump = np.outer(np.arange(800) == 0, [14.9, 15.1])
    v, fired, _ = run(QIF(), 800, 0.5, {"delta": jump}, n=2)
    assert fired.sum(0).tolist() == [0, 1] and v[-1, 0] == pytest.approx(-65.0, abs=1e-6)


@pytest.mark.parametrize("fields, message", [
    ({"E_L": -40.0}, "E_L: is not below V_T"), ({"V_T": 40.0}, "V_T: is not below V_peak"),
    ({"V_reset": 31.0}, "V_reset: is not below V_peak")])
def test_order_of_the_potentials(fields, message):
    with pytest.raises(ModelError, match=rf"QIF\.{message}"):
        QIF(**fields)
