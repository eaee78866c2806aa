"""DendriticLIF alone."""
import numpy as np
from neuron_runs import run, times

from snn.neurons import LIF, DendriticLIF


def test_without_dendritic_input_it_is_a_lif():
    rng = np.random.default_rng(1)
    inputs = {"delta": rng.normal(0.3, 1.0, 3000), "current": rng.normal(250.0, 100.0, 3000)}
    lif, mine = (run(M(), 3000, 0.1, inputs) for M in (LIF, DendriticLIF))
    np.testing.assert_array_equal(lif[0], mine[0])
    np.testing.assert_array_equal(lif[1], mine[1])
    assert lif[1].sum() > 3


def test_a_plateau_follows_its_closed_form():
    v, fired, _ = run(DendriticLIF(), 1500, 0.1, {"dendrite": 1.0 * (np.arange(1500) == 99)})
    t = 0.1 * (np.arange(1500) - 99)
    rise = np.clip(t, 0.0, 50.0)
    decay = np.exp(-np.clip(t - 50.0, 0.0, None) / 20.0)
    np.testing.assert_allclose(v[:, 0], -70.0 - 8.0 * np.expm1(-rise / 20.0) * decay, rtol=1e-12)
    assert not fired.any()


def test_dendritic_spikes_do_not_add_up_but_last():
    one, three = (run(DendriticLIF(), 400, 0.1, {"dendrite": size * (np.arange(400) == 0)})[0] for size in (1.0, 3.0))
    np.testing.assert_array_equal(one, three)
    again = run(DendriticLIF(), 1200, 0.1, {"dendrite": 1.0 * np.isin(np.arange(1200), [0, 400])})[0][:, 0]
    assert np.diff(again[1:900]).min() > 0.0 and again[905] < again[900]     # 40 + 50 ms


def test_a_predicted_cell_fires_earlier():
    first = {}
    for predicted in (0.0, 1.0):
        inputs = {"dendrite": predicted * (np.arange(1000) == 0), "current": 300.0 * (np.arange(1000) >= 300)}
        first[predicted] = times(run(DendriticLIF(), 1000, 0.1, inputs)[1], 0.1)[0]
    # From rest V_th is reached after tau ln(24 / 9); a plateau of 30 ms has brought it some way and goes on.
    begun = 8.0 * -np.expm1(-1.5)
    np.testing.assert_allclose(first[0.0] - 30.1, 20.0 * np.log(24.0 / 9.0), atol=0.1)
    np.testing.assert_allclose(first[1.0] - 30.1, 20.0 * np.log((32.0 - begun) / 17.0), atol=0.1)
