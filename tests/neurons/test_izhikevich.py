"""Izhikevich alone."""
import numpy as np
import pytest
import torch
from neuron_runs import run

from snn.errors import ModelError
from snn.neurons import Izhikevich


def published(a, b, c, d, current, v, u):
    """The loop of the published program (dt = 1 ms) for one neuron, written out."""
    trace, spikes = [], []
    for k, i in enumerate(current):
        v = v + 0.5 * (0.04 * v * v + 5 * v + 140 - u + i)
        v = v + 0.5 * (0.04 * v * v + 5 * v + 140 - u + i)
        u = u + a * (b * v - u)
        if v >= 30:
            v, u = c, u + d
            spikes.append(k)
        trace.append(v)
    return np.array(trace), spikes


@pytest.mark.parametrize("name", ["regular_spiking", "chattering", "fast_spiking", "resonator"])
def test_the_published_program(name):
    model = getattr(Izhikevich, name)()
    current = np.random.default_rng(1).normal(6.0, 4.0, 500)
    start = model.State(*(torch.tensor([x], dtype=torch.float64) for x in (-65.0, -65.0 * model.b, current[0])))
    v, fired, _ = run(model, 499, 1.0, {"current": current[1:]}, state=start)
    expected, spikes = published(model.a, model.b, model.c, model.d, current[:499], -65.0, -65.0 * model.b)
    assert len(spikes) > 5
    assert np.flatnonzero(fired[:, 0]).tolist() == spikes
    np.testing.assert_allclose(v[:, 0], expected, atol=1e-9)


def test_rest_is_the_stable_fixed_point():
    for model, v in ((Izhikevich(), -70.0), (Izhikevich.resonator(), -62.5)):
        bound = model.bind(1, torch.float64)
        s = bound.rest()
        assert s.v.item() == pytest.approx(v) and s.u.item() == pytest.approx(model.b * v)
        np.testing.assert_allclose(torch.stack(list(bound.flow(s, 1.0))[:2]), torch.stack(list(s)[:2]), rtol=1e-9)


def test_rest_without_a_fixed_point_is_finite_with_its_gradient():
    b = torch.nn.Parameter(torch.tensor([0.5], dtype=torch.float64))
    s = Izhikevich(b=b).bind(1, torch.float64).rest()
    s.v.sum().backward()
    assert s.v.item() == pytest.approx(-4.5 / 0.08) and torch.isfinite(b.grad).all()


def test_an_input_steps_the_potential():
    v = run(Izhikevich(), 3, 0.1, {"delta": 2.0 * (np.arange(3) == 1)})[0][:, 0]
    assert v[1] - v[0] == pytest.approx(2.0)


def test_reset_must_lie_below_the_peak():
    with pytest.raises(ModelError, match=r"Izhikevich\.c: is not below V_peak"):
        Izhikevich(c=30.0)


def test_longest_step_is_the_published_one():
    assert Izhikevich().max_dt() == 1.0
