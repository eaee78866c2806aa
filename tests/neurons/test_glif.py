"""GLIF alone."""
import numpy as np
import pytest
from neuron_runs import isi, run

from snn.errors import ModelError
from snn.neurons import GLIF, LIF

DT = 0.1
ONE = {"asc_amps_1": 0.0, "asc_amps_2": 0.0, "th_voltage_index": 0.0, "th_spike_add": 0.0,
       "voltage_reset_fraction": 0.0, "voltage_reset_add": 0.0}


def test_without_its_mechanisms_it_is_a_leaky_integrator():
    drive = {"current": 500.0, "delta": 2.0 * (np.arange(1200) % 83 == 0)}
    plain = LIF(tau_m=58.72 / 9.43, C_m=58.72, E_L=-78.85, V_th=-51.68, V_reset=-78.85, t_ref=3.7)
    v, fired, _ = run(GLIF(t_ref=3.7, **ONE), 1200, DT, drive)
    w, expected, _ = run(plain, 1200, DT, drive)
    assert expected.sum() > 10 and (fired == expected).all()
    np.testing.assert_allclose(v, w, rtol=1e-12)


def test_reset_keeps_a_part_of_the_potential_of_the_step_before():
    v, fired, _ = run(GLIF(), 300, DT, {"current": 500.0})
    for k in np.flatnonzero(fired[:, 0]):
        assert v[k, 0] == pytest.approx(-78.85 + 0.2 * (v[k - 1, 0] + 78.85) + 18.51, rel=1e-13)


def test_after_spike_currents_add_up():
    drive, amps, decay, t_ref = {"current": 500.0}, -198.94, 0.1, 3.7
    asc, fired, _ = run(GLIF(t_ref=t_ref, asc_r_2=0.5), 600, DT, drive, record="asc_2")
    spikes = np.flatnonzero(fired[:, 0])
    held = round(t_ref / DT)
    assert len(spikes) >= 3 and asc[spikes[0], 0] == amps
    for one, two in zip(spikes[:-1], spikes[1:], strict=True):
        falling = asc[one, 0] * np.exp(-decay * DT * (two - one - held))
        assert (asc[one:one + held + 1, 0] == asc[one, 0]).all()
        assert asc[two, 0] == pytest.approx(amps + 0.5 * np.exp(-decay * t_ref) * falling, rel=1e-12)


def test_threshold_follows_the_potential():
    """th_v goes to th_voltage_index (V - E_L) / th_voltage_decay at constant V, and there exactly from any step."""
    th, fired, _ = run(GLIF(), 3000, DT, {"current": 200.0}, record="th_v")
    assert not fired.any() and th[-1, 0] == pytest.approx(0.005 / 0.09 * 200.0 / 9.43, rel=1e-9)
    # Received in the first step, the current acts from its end on: 40 ms either way.
    coarse = run(GLIF(), 41, 10 * DT, {"current": 200.0}, record="th_v")[0]
    np.testing.assert_allclose(coarse[40, 0], th[400, 0], rtol=1e-12)


def test_equal_rates_have_their_limit():
    rate = 9.43 / 58.72
    th = [run(GLIF(th_voltage_decay=rate + d), 300, DT, {"current": 200.0}, record="th_v")[0] for d in (0.0, 1e-7)]
    assert np.isfinite(th).all() and th[0][-1, 0] > 0.5
    np.testing.assert_allclose(th[0], th[1], rtol=1e-5, atol=1e-12)


def test_rate_in_closed_form_without_mechanisms():
    model = GLIF(t_ref=3.7, **ONE)
    drive, tau = 500.0 / 9.43, 58.72 / 9.43
    expected = 3.7 + tau * np.log(drive / (drive - (78.85 - 51.68)))
    intervals = isi(run(model, 1000, DT, {"current": 500.0})[1], DT)
    assert len(intervals) > 5 and ((intervals >= expected - 1e-9) & (intervals < expected + DT)).all()


def test_rest_lies_below_the_threshold():
    with pytest.raises(ModelError, match=r"GLIF\.E_L: is not below V_th"):
        GLIF(E_L=-50.0)
