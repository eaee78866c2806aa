"""LIF alone."""
import numpy as np
import pytest
from neuron_runs import run

from snn.errors import ModelError
from snn.neurons import LIF


def test_an_input_steps_the_potential_and_decays():
    v = run(LIF(), 50, 0.1, {"delta": 3.0 * (np.arange(50) == 10)})[0][:, 0]
    assert (v[:10] == -70.0).all()
    np.testing.assert_allclose(v[10:], -70.0 + 3.0 * np.exp(-0.1 * np.arange(40) / 20.0), rtol=1e-14)


def test_inputs_while_held_are_lost():
    arrivals = np.isin(np.arange(60), [5, 6, 15, 25])
    v, fired, _ = run(LIF(t_ref=2.0), 60, 0.1, {"delta": 16.0 * arrivals})
    assert np.flatnonzero(fired[:, 0]).tolist() == [5]
    assert (v[5:, 0] == -70.0).all()
    later = run(LIF(t_ref=2.0), 60, 0.1, {"delta": 16.0 * np.isin(np.arange(60), [5, 26])})[1]
    assert np.flatnonzero(later[:, 0]).tolist() == [5, 26]


def test_current_acts_from_the_next_step_on():
    v = run(LIF(), 3, 0.1, {"current": 250.0})[0][:, 0]
    assert v[0] == -70.0
    assert v[1] == pytest.approx(-70.0 + 20.0 * -np.expm1(-0.1 / 20.0), rel=1e-14)


def test_a_neuron_that_fires_by_itself_is_not_quiet():
    assert LIF().quiet() == 2.0
    assert LIF(t_ref=np.array([1.0, 7.0])).quiet() == 7.0
    assert LIF(E_L=-55.0).quiet() is None
    assert LIF(E_L=np.array([-70.0, -50.0])).quiet() is None


@pytest.mark.parametrize("V_reset", [-55.0, -50.0, np.array([-70.0, -54.0])])
def test_reset_must_lie_below_threshold(V_reset):
    with pytest.raises(ModelError, match=r"LIF\.V_reset: is not below V_th \(-5.* mV against -55 mV\)"):
        LIF(V_reset=V_reset)


def test_arrays_of_unequal_length():
    with pytest.raises(ModelError, match=r"LIF\.V_reset: has 2 values where V_th has 3"):
        LIF(V_reset=np.full(2, -70.0), V_th=np.full(3, -55.0))
