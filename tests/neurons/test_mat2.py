"""MAT2 alone."""
import numpy as np
import pytest
from neuron_runs import run, times

from snn.errors import ModelError
from snn.neurons import MAT2

DT = 0.1


def test_threshold_after_one_spike():
    pulse = 4000.0 * (np.arange(800) == 0)
    fast, fired, _ = run(MAT2(), 800, DT, {"exc": pulse}, record="th_1")
    slow = run(MAT2(), 800, DT, {"exc": pulse}, record="th_2")[0]
    k = int(np.argmax(fired))
    assert fired.sum() == 1 and fast[k - 1, 0] == 0.0
    time = DT * np.arange(800 - k)
    np.testing.assert_allclose(fast[k:, 0], 37.0 * np.exp(-time / 10.0), rtol=1e-12)
    np.testing.assert_allclose(slow[k:, 0], 2.0 * np.exp(-time / 200.0), rtol=1e-12)


def test_the_potential_knows_nothing_of_spikes():
    drive = {"current": 600.0, "exc": 400.0 * (np.arange(1000) % 97 == 0), "inh": -200.0 * (np.arange(1000) % 71 == 0)}
    v, fired, _ = run(MAT2(), 1000, DT, drive)
    silent = run(MAT2(omega=500.0), 1000, DT, drive)
    assert fired.sum() > 3 and not silent[1].any() and (v == silent[0]).all()


def test_spikes_come_where_the_threshold_meets_the_potential():
    """V goes to E_L + R I = -40 mV and stays; the threshold falls to it from omega and what all spikes added."""
    start = times(run(MAT2(), 1500, DT, {"current": 600.0})[1], DT)
    t = np.arange(1, 1500) * DT
    th_1, th_2, last, expected = 0.0, 0.0, start[0], [start[0]]
    for _ in range(len(start) - 1):
        th_1, th_2 = th_1 + 37.0, th_2 + 2.0
        threshold = th_1 * np.exp(-t / 10.0) + th_2 * np.exp(-t / 200.0)
        v = 30.0 * (1.0 - np.exp(-(last + t - DT) / 5.0)) - 19.0
        k = np.argmax((v >= threshold) & (t > 2.0 + 0.5 * DT))
        th_1, th_2, last = th_1 * np.exp(-t[k] / 10.0), th_2 * np.exp(-t[k] / 200.0), last + t[k]
        expected.append(last)
    assert len(start) > 5
    np.testing.assert_allclose(start, expected, atol=1e-9)


def test_time_without_spikes():
    """With no rise of the threshold it would fire in every step: it does so every t_ref and one step."""
    fired = run(MAT2(alpha_1=0.0, alpha_2=0.0, t_ref=1.5), 400, DT, {"current": 600.0})[1]
    assert set(np.diff(np.flatnonzero(fired[:, 0]))) == {16}
    fired = run(MAT2(alpha_1=0.0, alpha_2=0.0, t_ref=0.0), 400, DT, {"current": 600.0})[1]
    assert set(np.diff(np.flatnonzero(fired[:, 0]))) == {1}


def test_rest_lies_below_the_threshold():
    with pytest.raises(ModelError, match=r"MAT2\.E_L: is not below omega"):
        MAT2(omega=-75.0)
