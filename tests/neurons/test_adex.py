"""AdEx alone."""
import numpy as np
import pytest
import torch
from neuron_runs import run

from snn.contract import heaviside, step
from snn.errors import ModelError
from snn.neurons import AdEx


class Unbounded(AdEx):
    """AdEx with the plain exponential."""

    def current(self, v, w, i, dt):
        onset = self.Delta_T * torch.exp((v - self.V_T) * (1.0 / self.Delta_T))
        return self.g_L * (self.E_L - v + onset) - w + i


@pytest.mark.parametrize("dt", [0.01, 0.1, 0.5, 1.0])
def test_the_bound_of_the_exponent_moves_no_spike(dt):
    v = torch.linspace(-100.0, -1e-9, 4001, dtype=torch.float64)
    i = torch.linspace(-500.0, 1500.0, 4001, dtype=torch.float64)[torch.randperm(4001, generator=torch.manual_seed(0))]
    s = AdEx.State(v=v, w=torch.zeros_like(v), ref=-torch.ones_like(v), i_exc=torch.zeros_like(v),
                   i_inh=torch.zeros_like(v), i=i)
    x = AdEx.Ports(exc=0.0 * v, inh=0.0 * v, current=i)
    bounded, fired = step(AdEx().bind(4001, torch.float64), s, x, dt, heaviside)
    plain, expected = step(Unbounded().bind(4001, torch.float64), s, x, dt, heaviside)
    assert 0 < expected.sum() < 4001 and torch.equal(fired, expected)
    assert torch.equal(bounded.v, plain.v)


def test_nothing_overflows_at_the_peak_in_single_precision():
    model = AdEx(Delta_T=0.2).bind(1, torch.float32)
    s = AdEx.State(*(torch.tensor([x]) for x in (-0.01, 0.0, -1.0, 0.0, 0.0, 0.0)))
    after, fired = step(model, s, AdEx.Ports(*(torch.zeros(1),) * 3), 0.1, heaviside)
    assert fired.all() and all(torch.isfinite(t).all() for t in after)
    assert abs(after.w.item() - 80.5) < 1.0


def test_a_spike_adds_to_the_adaptation_which_goes_on_while_held():
    w, fired, _ = run(AdEx(t_ref=5.0, a=0.0), 400, 0.1, {"current": 1000.0}, record="w")
    k = int(np.argmax(fired))
    assert w[k - 1, 0] == 0.0 and w[k, 0] == 80.5
    np.testing.assert_allclose(w[k:k + 40, 0], 80.5 * np.exp(-0.1 * np.arange(40) / 144.0), rtol=1e-5)


def test_reset_above_the_onset_is_allowed_for_bursts():
    assert AdEx(V_reset=-46.0).V_reset > AdEx().V_T


@pytest.mark.parametrize("name", ["V_T", "V_reset", "E_L"])
def test_the_peak_lies_above_all_else(name):
    with pytest.raises(ModelError, match=rf"AdEx\.{name}: is not below V_peak \(5 mV against 0 mV\)"):
        AdEx(**{name: 5.0})


def test_longest_step():
    assert AdEx().max_dt() == 2.5
    assert AdEx(tau_exc=0.2).max_dt() == pytest.approx(0.1)
    assert AdEx(C_m=30.0).max_dt() == pytest.approx(0.5)
