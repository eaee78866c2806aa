"""EulerLIF alone; beside SpikingJelly it stands in tests/exchange."""
import math

import numpy as np
import pytest
from neuron_runs import run

from snn.errors import ModelError
from snn.neurons import IF, LIF, ParametricLIF, SoftLIF
from snn.neurons.euler_lif import EulerLIF

INPUT = {"delta": np.random.default_rng(0).uniform(-0.2, 0.9, (300, 20))}


@pytest.mark.parametrize(("model", "same"), [
    (EulerLIF(leak=0.0, V_th=1.5, V_reset=0.2), IF(E_L=0.2, V_th=1.5, V_reset=0.2, t_ref=0.0)),
    (EulerLIF(leak=1.0 - math.exp(-0.2), V_reset=-0.3), LIF(tau_m=5.0, E_L=-0.3, V_th=1.0, V_reset=-0.3, t_ref=0.0)),
    (EulerLIF(leak=1.0 - math.exp(-0.2), keep=1.0), SoftLIF(tau_m=5.0, E_L=0.0, V_th=1.0, V_reset=0.0)),
    (EulerLIF(leak=1.0 / (1.0 + math.exp(0.4)), decay_input=1.0, V_th=0.3), ParametricLIF(w=-0.4, V_th=0.3)),
], ids=["IF", "LIF", "SoftLIF", "ParametricLIF"])
def test_its_corners_are_other_models(model, same):
    (v, fired, _), (expected, fires, _) = (run(m, 300, 1.0, INPUT, n=20) for m in (model, same))
    assert (fired == fires).all() and 0.02 < fired.mean() < 0.9
    np.testing.assert_allclose(v, expected, atol=1e-12)


def test_a_share_of_the_reset():
    v, fired, _ = run(EulerLIF(leak=0.0, V_th=1.0, V_reset=0.2, keep=0.25), 3, 1.0, {"delta": [1.6, 0.0, 0.0]})
    assert fired[:, 0].tolist() == [True, False, False]
    np.testing.assert_allclose(v[:, 0], 0.2 + 0.25 * 0.8, atol=1e-15)


def test_a_step_has_no_length():
    inputs = {"delta": INPUT["delta"][:50]}
    assert (run(EulerLIF(), 50, 0.1, inputs, n=20)[0] == run(EulerLIF(), 50, 7.0, inputs, n=20)[0]).all()


@pytest.mark.parametrize(("values", "message"), [
    ({"leak": 1.1}, "EulerLIF.leak: is 1.1"), ({"keep": -0.1}, "EulerLIF.keep"),
    ({"decay_input": 2.0}, "EulerLIF.decay_input"), ({"V_reset": 1.0}, "EulerLIF.V_reset: is not below V_th")])
def test_errors(values, message):
    with pytest.raises(ModelError, match=message):
        EulerLIF(**values)
