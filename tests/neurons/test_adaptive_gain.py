"""AdaptiveGain alone."""
import numpy as np
import pytest
from neuron_runs import run

from snn.errors import ModelError
from snn.neurons import AdaptiveGain, GainModulated


def test_follows_the_differential_equations():
    from scipy.integrate import solve_ivp
    model = AdaptiveGain(tau=3.0, gain=0.4, eta=0.02, target=0.5)
    end = run(model, 7, 2.5, {"input": 1.5}, record="r")[2]
    true = solve_ivp(lambda t, y: [(-y[0] + y[1] * 1.5) / 3.0, 0.02 * (1.5**2 - 0.5)], (0.0, 17.5), [0.0, 0.4],
                     rtol=1e-11, atol=1e-12).y[:, -1]
    np.testing.assert_allclose([float(end.r), float(end.g)], true, rtol=1e-9)


def test_without_adaptation_it_is_a_gain_modulated_unit():
    inputs = {"input": np.random.default_rng(1).normal(size=50)}
    mine = run(AdaptiveGain(tau=4.0, gain=0.7, eta=0.0), 50, 0.5, inputs, record="r")[0]
    np.testing.assert_allclose(mine, run(GainModulated(tau=4.0, gain=0.7), 50, 0.5, inputs, record="r")[0], rtol=1e-12)


def test_the_gain_rests_where_the_input_has_the_target_in_the_mean_square():
    draw = np.random.default_rng(2).normal(scale=2.0, size=2000)
    for target, sign in ((4.0, 0.0), (1.0, 1.0), (9.0, -1.0)):
        g = float(run(AdaptiveGain(target=target, eta=1e-3), 2000, 1.0, {"input": draw}, record="g")[2].g)
        assert g == pytest.approx(1e-3 * 2000 * (4.0 - target), rel=0.1, abs=0.4) and (sign == 0 or g * sign > 0)


def test_refuses_a_negative_rate():
    with pytest.raises(ModelError, match="AdaptiveGain.eta: is -1 1/ms"):
        AdaptiveGain(eta=-1.0)
