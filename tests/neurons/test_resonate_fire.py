"""ResonateFire alone."""
import numpy as np
import pytest
from neuron_runs import run, times

from snn.neurons import ResonateFire

DT = 0.05
PERIOD = 2.0 * np.pi


def pulses(size, at, steps=400):
    return size * np.isin(np.arange(steps), np.rint(np.array(at) / DT))


def test_one_input_turns_and_decays():
    y = run(ResonateFire(), 400, DT, {"delta": pulses(0.9, [0.0])}, record="y")[0][:, 0]
    time = DT * np.arange(400)
    np.testing.assert_allclose(y, 0.9 * np.exp(-0.1 * time) * np.sin(time), atol=1e-12)
    assert y.max() < 1.0


@pytest.mark.parametrize("gap, fires", [(0.5, False), (1.0, True), (1.5, False), (2.0, True), (2.5, False)])
def test_a_doublet_fires_only_at_the_period(gap, fires):
    fired = run(ResonateFire(b=-0.05), 500, DT, {"delta": pulses(0.8, [0.0, gap * PERIOD], 500)}, record="y")[1]
    assert fired.any() == fires


def test_inhibition_makes_it_fire_half_a_period_later():
    fired = run(ResonateFire(), 200, DT, {"delta": pulses(-1.8, [0.0], 200)}, record="y")[1]
    assert len(times(fired, DT)) == 1 and np.pi < times(fired, DT)[0] < 1.5 * np.pi


def test_reset_lies_on_the_threshold_and_fires_once():
    y, fired, _ = run(ResonateFire(), 400, DT, {"delta": pulses(1.5, [0.0])}, record="y")
    k = int(np.argmax(fired))
    assert fired.sum() == 1 and y[k, 0] == 1.0
    time = DT * np.arange(400 - k)
    np.testing.assert_allclose(y[k:, 0], np.exp(-0.1 * time) * np.cos(time), atol=1e-12)


def test_constant_current_moves_the_fixed_point():
    end = run(ResonateFire(), 4000, DT, {"current": 0.5}, record="y")[2]
    z = -0.5 / (-0.1 + 1.0j)
    assert float(end.x) == pytest.approx(z.real, rel=1e-6) and float(end.y) == pytest.approx(z.imag, rel=1e-6)


def test_a_current_at_the_eigenfrequency_fires_where_others_do_not():
    time = DT * np.arange(4000)
    fired = run(ResonateFire(), 4000, DT, {"current": 0.25 * np.sin(np.outer(time, [0.5, 1.0, 2.0]))}, n=3,
                record="y")[1]
    assert fired.any(0).tolist() == [False, True, False]
