"""IF alone."""
import numpy as np
from neuron_runs import isi, run

from snn.neurons import IF


def test_counts_input_spikes():
    model = IF(E_L=0.0, V_th=4.0, V_reset=0.0, t_ref=0.0)
    fired = run(model, 40, 1.0, {"delta": 1.0})[1]
    assert np.flatnonzero(fired[:, 0]).tolist() == list(range(3, 40, 4))


def test_rate_is_proportional_to_the_current():
    """Interval t_ref + C_m (V_th - V_reset) / I, up to the next grid point."""
    for current in (300.0, 600.0, 1200.0):
        found = isi(run(IF(), 2000, 0.1, {"current": current})[1], 0.1)
        assert (np.abs(found - (2.0 + 250.0 * 15.0 / current)) <= 0.1 + 1e-6).all()


def test_keeps_what_it_has_without_input():
    v = run(IF(), 100, 0.1, {"delta": 7.0 * (np.arange(100) == 0)})[0]
    assert (v == -63.0).all()
