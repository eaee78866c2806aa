"""EIF alone."""
import numpy as np
import pytest
import torch
from neuron_runs import filled, run

from snn.contract import heaviside, step
from snn.errors import ModelError
from snn.neurons import EIF


class Unbounded(EIF):
    """EIF with the plain exponential."""

    def current(self, v, i, top):
        return self.g_L * (self.E_L - v + self.Delta_T * torch.exp((v - self.V_T) * (1.0 / self.Delta_T))) + i


def test_rheobase():
    """g_L (V_T - E_L - Delta_T) = 32.4 pA: there the two fixed points meet at V_T."""
    v, fired, _ = run(EIF(), 900, 0.5, {"current": np.tile([31.4, 34.4], (900, 1))}, n=2)
    assert not fired[:, 0].any() and -62.0 < v[-1, 0] < -59.9 and fired[:, 1].any()


@pytest.mark.parametrize("current", [150.0, 400.0])
def test_a_sharp_onset_is_a_leaky_integrator_with_threshold(current):
    """Period t_ref + tau ln((R I - (V_reset - E_L)) / (R I - (V_T - E_L))), tau = 10 ms, R = 0.05 mV/pA."""
    drive, dt = current / 20.0, 0.02
    expected = 1.7 + 10.0 * np.log((drive + 3.0) / (drive - 5.1))
    fired = run(EIF(Delta_T=np.array([1.0, 0.1, 0.001])), 2500, dt, {"current": current}, n=3)[1]
    off = [abs(np.diff(np.flatnonzero(column)).mean() * dt - expected) for column in fired.T]
    assert off[2] < 0.09 and off[0] > 3.0 * off[1] > 6.0 * off[2]


def test_second_order_below_the_onset():
    start = filled(EIF().rest()._replace(i=100.0), 1)
    ends = [run(EIF(), round(8.0 / dt), dt, {"current": 100.0}, state=start)[0][-1, 0]
            for dt in (0.4, 0.2, 0.1, 0.0125)]
    errors = np.abs(np.array(ends[:3]) - ends[3])
    assert -62.0 < ends[3] < -60.0
    np.testing.assert_allclose(errors[:-1] / errors[1:], 4.0, atol=0.6)


@pytest.mark.parametrize("dt", [0.01, 0.1, 1.0])
def test_the_bound_of_the_exponent_moves_no_spike(dt):
    v = torch.linspace(-100.0, -30.0 - 1e-9, 4001, dtype=torch.float64)
    i = torch.linspace(-500.0, 1500.0, 4001, dtype=torch.float64)[torch.randperm(4001, generator=torch.manual_seed(0))]
    s, x = EIF.State(v=v, ref=-torch.ones_like(v), i=i), EIF.Ports(delta=0.0 * v, current=i)
    bounded, fired = step(EIF().bind(4001, torch.float64), s, x, dt, heaviside)
    plain, expected = step(Unbounded().bind(4001, torch.float64), s, x, dt, heaviside)
    assert 0 < expected.sum() < 4001 and torch.equal(fired, expected) and torch.equal(bounded.v, plain.v)


def test_nothing_overflows_in_single_precision():
    model = EIF(Delta_T=0.01).bind(1, torch.float32)
    s = EIF.State(*(torch.tensor([x]) for x in (-30.01, -1.0, 0.0)))
    after, fired = step(model, s, EIF.Ports(*(torch.zeros(1),) * 2), 0.1, heaviside)
    assert fired.all() and after.v.item() == -68.0


@pytest.mark.parametrize("name", ["V_T", "V_reset", "E_L"])
def test_the_peak_lies_above_all_else(name):
    with pytest.raises(ModelError, match=rf"EIF\.{name}: is not below V_peak"):
        EIF(**{name: 5.0})


def test_longest_step():
    assert EIF().max_dt() == 5.0 and EIF(C_m=20.0).max_dt() == pytest.approx(0.5)
